"""Projection of rows onto the complement of what differs between images of the same thing."""

from __future__ import annotations

from numbers import Integral
from typing import TYPE_CHECKING, Any, Self

import numpy as np
from sklearn.base import _fit_context
from sklearn.utils._param_validation import Interval
from sklearn.utils.validation import check_is_fitted

from skstylefeat._utils._sklearn_base import BaseEstimator, TransformerMixin
from skstylefeat._utils._validation import check_magnitude, real_array, validate_numpy
from skstylefeat._utils._versions import VersionStamped
from skstylefeat.directions._plane import mean_and_inverse_scale

if TYPE_CHECKING:
    from numpy.typing import ArrayLike, NDArray


class NuisanceProjection(TransformerMixin, VersionStamped, BaseEstimator):
    """Remove from rows what changes between several images of the same thing.

    Variants of the same images, such as rendered faces with another skin tone or light, differ in
    a nuisance and in nothing else. Their differences span few directions, which this transformer
    projects out of all rows. It needs no label. A model that reads the projected rows cannot use
    these directions.

    Parameters
    ----------
    variants : array-like of shape (k, m, n_features)
        Rows of the same `m` images in `k` variants, at least two.
    n_components : int, default=1
        Number of directions to remove. More remove more of what goes along with the nuisance,
        and beyond a few, more of the target, too.

    Attributes
    ----------
    components_ : ndarray of shape (n_components, n_features), float64
        Removed directions of the standardized rows, orthonormal.
    explained_variance_ratio_ : ndarray of shape (n_components,), float64
        Share of the variants' squared differences that each direction accounts for.
    mean_, scale_ : ndarray of shape (n_features,), float64
        Mean and standard deviation of the rows of `fit`.
    n_features_in_ : int

    See Also
    --------
    skstylefeat.prediction.counterfactual_faces : How much predictions depend on an attribute.

    Notes
    -----
    Nuisance attribute projection (Solomonoff, Campbell and Boardman, 2005): the leading singular
    vectors of the differences, in units of the columns' standard deviations. Rows come back in
    their own units. What the variants do not show stays in the rows.

    Examples
    --------
    >>> import numpy as np
    >>> from skstylefeat.directions import NuisanceProjection
    >>> rows = np.random.default_rng(0).normal(size=(50, 3))
    >>> brighter = rows + [0.0, 2.0, 0.0]
    >>> projection = NuisanceProjection([rows, brighter]).fit(rows)
    >>> np.abs(projection.components_).round(2).tolist()
    [[0.0, 1.0, 0.0]]
    >>> bool(np.allclose(projection.transform(brighter), projection.transform(rows)))
    True
    """

    components_: NDArray[np.float64]
    explained_variance_ratio_: NDArray[np.float64]
    mean_: NDArray[np.float64]
    scale_: NDArray[np.float64]
    n_features_in_: int

    _parameter_constraints: dict = {
        "variants": ["array-like"],
        "n_components": [Interval(Integral, 1, None, closed="left")],
    }

    def __init__(self, variants: ArrayLike, n_components: int = 1) -> None:
        self.variants = variants
        self.n_components = n_components

    @_fit_context(prefer_skip_nested_validation=True)
    def fit(self, X: ArrayLike, y: Any = None) -> Self:
        """Find the directions to remove.

        Parameters
        ----------
        X : array-like of shape (n_samples, n_features)
            Rows, whose standard deviations define the units.
        y : ignored

        Returns
        -------
        self

        Raises
        ------
        ValueError
            If the variants have another width than X, are equal, or have fewer differences than
            `n_components`.
        """
        rows = validate_numpy(self, X, dtype=[np.float64, np.float32], ensure_min_samples=2)
        check_magnitude(rows)
        variants = self._check_variants()
        self.mean_, inverse = mean_and_inverse_scale(rows)
        self.scale_ = np.divide(1.0, inverse, out=np.zeros_like(inverse), where=inverse > 0)

        # Every variant's distance from the mean of its image.
        differences = (variants - variants.mean(axis=0)).reshape(-1, rows.shape[1]) * inverse
        _, singular, directions = np.linalg.svd(differences, full_matrices=False)
        n_found = int((singular > 1e-7 * max(singular[0], 1e-300)).sum()) if singular[0] else 0
        if n_found < self.n_components:
            raise ValueError(
                f"n_components is {self.n_components}, but the differences of the variants span "
                f"{n_found} directions. Give fewer components, or more images that differ."
            )
        self.components_ = directions[: self.n_components]
        energy = np.square(singular)
        self.explained_variance_ratio_ = energy[: self.n_components] / energy.sum()
        return self

    def _check_variants(self):
        """Return the variants as finite numbers of shape (k, m, n_features)."""
        variants = real_array(self.variants, "variants")
        expected = f"(k, m, {self.n_features_in_}) with at least 2 variants"
        if variants.ndim != 3 or len(variants) < 2 or not variants.shape[1]:
            raise ValueError(f"variants has shape {variants.shape}; expected {expected}.")
        if variants.shape[2] != self.n_features_in_:
            raise ValueError(
                f"variants has shape {variants.shape}, but X has {self.n_features_in_} features; "
                f"expected {expected}."
            )
        if not np.isfinite(variants).all():
            raise ValueError("variants contains NaN or infinity.")
        check_magnitude(variants, "variants")
        return variants

    def transform(self, X: ArrayLike) -> NDArray[np.floating[Any]]:
        """Remove the directions.

        Parameters
        ----------
        X : array-like of shape (n_samples, n_features)

        Returns
        -------
        ndarray of shape (n_samples, n_features)
            float32 for float32 input, else float64.
        """
        check_is_fitted(self)
        rows = validate_numpy(self, X, dtype=[np.float64, np.float32], reset=False)
        check_magnitude(rows)
        inverse = np.divide(1.0, self.scale_, out=np.zeros_like(self.scale_), where=self.scale_ > 0)
        along = ((rows - self.mean_) * inverse) @ self.components_.T
        removed = (along @ self.components_) * self.scale_
        return (rows - removed).astype(rows.dtype, copy=False)

    def forget_variants(self) -> Self:
        """Keep one image of the variants, so that a saved estimator is small.

        A clone of it cannot be fitted again as before; `transform` stays the same.

        Returns
        -------
        self
        """
        check_is_fitted(self)
        self.variants = np.asarray(self.variants)[:, :1].copy()
        return self

    def get_feature_names_out(self, input_features: Any = None) -> NDArray[np.object_]:
        """Return the names of the input's columns, which the output keeps."""
        from sklearn.utils.validation import _check_feature_names_in

        return _check_feature_names_in(self, input_features)

    def __sklearn_tags__(self) -> Any:
        tags = super().__sklearn_tags__()
        tags.transformer_tags.preserves_dtype = ["float64", "float32"]
        return tags
