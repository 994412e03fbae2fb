"""Directions from ordered groups of codes: Fisher's discriminant with a ridge."""

from __future__ import annotations

from numbers import Real
from typing import TYPE_CHECKING, Any, Literal, Self

import numpy as np
from scipy.linalg import eigh
from sklearn.base import _fit_context
from sklearn.utils._param_validation import Interval, StrOptions

from skstylefeat._utils._sklearn_base import BaseEstimator
from skstylefeat._utils._versions import VersionStamped
from skstylefeat.directions._groups import grades, ordered_groups
from skstylefeat.directions._plane import PlaneMixin, mean_and_inverse_scale, plane_between

if TYPE_CHECKING:
    from numpy.typing import ArrayLike, NDArray

#: Shrinkages that "auto" tries: shares of the codes' mean variance, from none to nearly all.
SHRINKAGES = np.logspace(-3, 2, 26)


class Spectrum:
    """Eigenvectors of standardized codes, for ridge fits of every strength.

    Parameters
    ----------
    X : ndarray of shape (n, n_features)
    """

    def __init__(self, X):
        mean, self.inverse_scale = mean_and_inverse_scale(X)
        rows = (X - mean) * self.inverse_scale
        # Covariance and Gram matrix have the same spectrum: take the smaller one.
        if len(rows) <= rows.shape[1]:
            values, self.left = _spectrum(rows @ rows.T)
            self.right = rows.T @ (self.left / np.sqrt(values))
        else:
            values, self.right = _spectrum(rows.T @ rows)
            self.left = rows @ (self.right / np.sqrt(values))
        self.variances = values / len(rows)

    def filters(self, shrinkages):
        """Return the factors that shrink each component, shape (n_shrinkages, n_components)."""
        ridge = np.asarray(shrinkages)[:, None] * self.variances.mean()
        return self.variances / (self.variances + ridge)

    def left_out(self, s, shrinkages):
        """Return leave-one-out predictions of s, shape (n, n_shrinkages)."""
        filters = self.filters(shrinkages)
        fitted = self.left @ (filters * (self.left.T @ s)).T
        leverage = np.square(self.left) @ filters.T + 1.0 / len(s)
        return (fitted - leverage * s[:, None]) / np.maximum(1.0 - leverage, 1e-6)

    def normal(self, s, shrinkage):
        """Return the ridge solution in the units of the codes, not normalized."""
        amplitudes = self.filters([shrinkage])[0] * (self.left.T @ s) / np.sqrt(self.variances)
        return (self.right @ amplitudes) * self.inverse_scale


def _spectrum(matrix):
    """Return the eigenvalues above rounding error, and their eigenvectors."""
    values, vectors = eigh(matrix, overwrite_a=True)
    kept = values > values[-1] * len(values) * np.finfo(np.float64).eps
    return values[kept], vectors[:, kept]


class DiscriminantDirection(PlaneMixin, VersionStamped, BaseEstimator):
    """Semantic direction from codes in ordered groups: Fisher's discriminant, with a ridge.

    With groups s of -1, 0 and +1 and standardized codes w of covariance C the direction is

        n = (C + r I)^-1 Cov(w, s)

    For two groups this is Fisher's discriminant, as accurate as a support vector machine. A
    third group improves it: when the codes that are neither clearly left nor clearly right form
    a group of their own, the fit does not take the spread of the angle within left and right for
    noise. A plane between two halves does, and prefers directions that saturate, so that its
    distances are not linear in the angle at both ends.

    Finer grades contain more information, such as 0 to 4 from far left to far right:
    ``extremes=None`` uses them, or exact values, as s.

    Parameters
    ----------
    shrinkage : float or "auto", default="auto"
        r, in mean variances of the codes' principal components. "auto" takes the one of 26
        between 0.001 and 100 with the least squared leave-one-out error, as
        :class:`~sklearn.linear_model.RidgeCV` does; it needs no refit. The time grows with the
        cube of the smaller side of X: seconds for 20,000 W codes, minutes for as many W+ codes of
        1024 px.
    extremes : float or None, default=1/3
        If `y` is a score (more than three numbers): the share of the rows at each end that forms
        a group; the rest is the middle group. Thirds keep most of the order for any distribution
        and unit of the score. Two values, or three numbers, are the groups themselves. None takes
        all numbers as they are: grades at equal steps, or values.
    conditional_on : array-like of shape (n_features,) or (k, n_features), default=None
        Directions to keep fixed: they are projected out of the normal.

    Attributes
    ----------
    direction_ : ndarray of shape (n_features,), float64
        Unit normal. It points to the second of the sorted classes, or to the high scores.
    intercept_ : float
        Signed distance of the origin; the plane lies half-way between the outer groups' means
        (with ``extremes=None``: between the means of the rows below and above the middle of the
        range).
    shrinkage_ : float
        The shrinkage used.
    validation_score_ : float
        Leave-one-out accuracy: the share of the outer groups' rows that are on the correct side
        of the plane fitted without them (before `conditional_on`).
    classes_ : ndarray of shape (2,) or None
        The two labels; None for a score.
    n_features_in_ : int

    See Also
    --------
    LinearSVMDirection : Normal of a support vector machine, the choice of InterFaceGAN and LARGE.
    MeanDifferenceDirection : Predicts less accurately; use it to edit images.

    Examples
    --------
    >>> import numpy as np
    >>> from skstylefeat.directions import DiscriminantDirection
    >>> w = np.random.RandomState(0).normal(size=(400, 8))
    >>> left_frontal_right = np.sign(w[:, 2]) * (abs(w[:, 2]) > 0.5)
    >>> found = DiscriminantDirection().fit(w, left_frontal_right)
    >>> int(abs(found.direction_).argmax())
    2
    """

    direction_: NDArray[np.float64]
    intercept_: float
    shrinkage_: float
    validation_score_: float
    classes_: NDArray[Any] | None
    n_features_in_: int

    _parameter_constraints: dict = {
        "shrinkage": [Interval(Real, 0, None, closed="left"), StrOptions({"auto"})],
        "extremes": [Interval(Real, 0, 0.5, closed="right"), None],
        "conditional_on": ["array-like", None],
    }

    def __init__(
        self,
        *,
        shrinkage: float | Literal["auto"] = "auto",
        extremes: float | None = 1 / 3,
        conditional_on: ArrayLike | None = None,
    ) -> None:
        self.shrinkage = shrinkage
        self.extremes = extremes
        self.conditional_on = conditional_on

    @_fit_context(prefer_skip_nested_validation=True)
    def fit(self, X: ArrayLike, y: ArrayLike) -> Self:
        """Find the direction.

        Parameters
        ----------
        X : array-like of shape (n_samples, n_features)
            W codes, or W+ or S codes as rows; a normal in W+ has its own part for each layer.
        y : array-like of shape (n_samples,)
            Two labels of any type, three ordered numbers, or a score; grades, or values, with
            ``extremes=None``.

        Returns
        -------
        self
        """
        codes, labels = self._check_latents(X, y)
        targets, self.classes_ = (
            grades(labels) if self.extremes is None else ordered_groups(labels, self.extremes)
        )
        groups = np.sign(targets)
        outer = groups != 0
        centered = targets - targets.mean()

        # One decomposition serves the leave-one-out errors of all shrinkages.
        spectrum = Spectrum(codes)
        tried = SHRINKAGES if self.shrinkage == "auto" else np.array([self.shrinkage], dtype=float)
        left_out = spectrum.left_out(centered, tried)
        best = int(np.square(left_out - centered[:, None]).mean(axis=0).argmin())
        self.shrinkage_ = float(tried[best])

        normal = spectrum.normal(centered, self.shrinkage_)
        self.direction_, self.intercept_ = plane_between(codes, groups, normal, self.conditional_on)
        self.validation_score_ = _accuracy(left_out[outer, best], groups[outer])
        return self


def _accuracy(predictions, s):
    """Return the share of predictions on the correct side of the middle of the group means."""
    middle = np.mean([predictions[s == sign].mean() for sign in (-1, 1)])
    return float(np.mean((predictions > middle) == (s > 0)))
