"""Shared parts of the estimators of a single plane."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np
from sklearn.utils.validation import check_is_fitted

from skstylefeat._utils._validation import check_magnitude, real_array, validate_numpy

if TYPE_CHECKING:
    from numpy.typing import ArrayLike, NDArray


class PlaneMixin:
    """Distances from the plane of `direction_` and `intercept_`; labels are required."""

    direction_: NDArray[np.float64]
    intercept_: float

    def decision_function(self, X: ArrayLike) -> NDArray[np.floating[Any]]:
        """Return the signed distances of latents from the plane.

        Parameters
        ----------
        X : array-like of shape (n_samples, n_features)

        Returns
        -------
        ndarray of shape (n_samples,)
            float32 for float32 input, else float64.
        """
        check_is_fitted(self)
        codes = validate_numpy(self, X, dtype=[np.float64, np.float32], reset=False)
        check_magnitude(codes)
        return codes @ self.direction_.astype(codes.dtype) + codes.dtype.type(self.intercept_)

    def __sklearn_tags__(self) -> Any:
        tags = super().__sklearn_tags__()  # type: ignore[misc]
        tags.target_tags.required = True
        return tags

    def _check_latents(self, X, y):
        """Return the latents and labels of `fit`."""
        X, y = validate_numpy(
            self, X, y, dtype=[np.float64, np.float32], ensure_min_samples=2, y_numeric=False
        )
        check_magnitude(X)
        return X, y


def mean_and_inverse_scale(X):
    """Return mean and inverse standard deviation of each column, 0 for a constant one.

    Raises ValueError if all rows are equal.
    """
    mean = X.mean(axis=0, dtype=np.float64)
    scale = X.std(axis=0, dtype=np.float64)
    scale[scale < 10 * np.finfo(X.dtype).eps * np.abs(mean)] = 0.0
    if not scale.any():
        raise ValueError(
            f"All {len(X)} latents (n_features = {X.shape[1]}) are equal: no direction separates "
            "them."
        )
    return mean, np.divide(1.0, scale, out=np.zeros_like(scale), where=scale > 0)


def plane_between(X, groups, normal, conditional_on):
    """Return unit normal and intercept of the plane half-way between two groups' means.

    `groups` is -1 and +1 for the rows of the two groups, 0 for others. The `normal` may have any
    length but 0, and the directions in `conditional_on` are projected out of it.
    """
    norm = np.linalg.norm(normal)
    if not norm > 0:
        raise ValueError(
            "The groups of latents have the same mean: no direction separates them. Give more "
            "labels."
        )
    normal = normal / norm
    middles = [X[groups == sign].mean(axis=0, dtype=np.float64) @ normal for sign in (-1, 1)]
    intercept = -float(np.mean(middles))
    if conditional_on is not None:
        center = X.mean(axis=0, dtype=np.float64)
        return project_out(normal, intercept, conditional_on, center)
    return normal, intercept


def project_out(normal, intercept, others, center):
    """Make a plane's normal orthogonal to other directions.

    Moving along the result leaves the distances to the other planes unchanged. The new plane goes
    through the point of the old one that is nearest to `center`. Both normals have unit length.
    """
    others = real_array(others, "conditional_on")
    if not np.isfinite(others).all():
        raise ValueError("conditional_on contains NaN or infinity.")
    check_magnitude(others, "conditional_on")
    if others.size % len(normal) or others.shape[-1:] != normal.shape:
        raise ValueError(
            f"conditional_on has shape {others.shape}; the latents have {len(normal)} features, so "
            f"({len(normal)},) or (k, {len(normal)}) was expected."
        )

    # An orthonormal basis of the other directions, without those that depend on the rest.
    basis, singular, _ = np.linalg.svd(others.reshape(-1, len(normal)).T, full_matrices=False)
    basis = basis[:, singular > 1e-10 * singular.max(initial=0.0)]
    foot = center - (normal @ center + intercept) * normal
    projected = normal - basis @ (basis.T @ normal)
    norm = np.linalg.norm(projected)
    if norm < 1e-6:
        raise ValueError(
            "The directions in conditional_on span the direction itself: nothing is left of it "
            "once they are projected out."
        )
    projected /= norm
    return projected, float(-projected @ foot)
