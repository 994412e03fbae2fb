"""Directions from labels: the normal of a linear support vector machine (InterFaceGAN)."""

from __future__ import annotations

from numbers import Real
from typing import TYPE_CHECKING, Any, Self

import numpy as np
from sklearn.base import _fit_context
from sklearn.model_selection import train_test_split
from sklearn.svm import LinearSVC
from sklearn.utils import check_random_state
from sklearn.utils._param_validation import Interval

from skstylefeat._utils._sklearn_base import BaseEstimator
from skstylefeat._utils._versions import VersionStamped
from skstylefeat.directions._groups import binary_target
from skstylefeat.directions._plane import PlaneMixin, mean_and_inverse_scale, project_out

if TYPE_CHECKING:
    from numpy.typing import ArrayLike, NDArray

    from skstylefeat._utils._typing import RandomState

MIN_VALIDATION_ROWS = 10
MAX_ITER = 20_000


def fit_hyperplane(X, positive, C, random_state):
    """Fit a linear SVM on standardized latents and return its plane in the units of the latents.

    The normal has unit length, so that the intercept is the signed distance of the origin.
    """
    mean, inverse = mean_and_inverse_scale(X)
    # Rows of norm about 1 give C the same meaning for codes of 128 and of 9,216 numbers.
    inverse /= np.sqrt(np.count_nonzero(inverse))
    svm = LinearSVC(
        C=C, dual="auto", class_weight="balanced", max_iter=MAX_ITER, random_state=random_state
    )
    svm.fit((X - mean) * inverse, positive)

    # Back to the units of the latents: coef.((w - mean) * inverse) + b = normal.w + intercept.
    normal = svm.coef_[0] * inverse
    norm = np.linalg.norm(normal)
    if norm == 0.0:
        raise ValueError(
            "The linear SVM found no direction, its coefficients are 0: the two groups of latents "
            "have the same mean. Give more labels or increase C."
        )
    intercept = svm.intercept_[0] - normal @ mean
    return normal / norm, float(intercept / norm)


class LinearSVMDirection(PlaneMixin, VersionStamped, BaseEstimator):
    """Semantic direction as the unit normal of a linear SVM's hyperplane (InterFaceGAN).

    Latents are standardized internally. The plane and its intercept are in the units of the
    latents, so that ``latents @ direction_ + intercept_`` is the signed distance of LARGE's
    eq. (1).

    Parameters
    ----------
    C : float, default=1.0
        Inverse strength of the regularization. Rows are scaled to a mean square norm of 1, so
        that a value has the same effect for every width of the latents.
    extremes : float, default=0.25
        If `y` is a score (three numbers or more): the share of rows at each end that the plane
        separates. Two labels always use all rows.
    conditional_on : array-like of shape (n_features,) or (k, n_features), default=None
        Directions to keep fixed: they are projected out of the normal.
    validation_fraction : float, default=0.3
        Share of the rows held out for `validation_score_`; the final plane is fitted on all rows.
        0 skips it.
    random_state : int, RandomState or None, default=None
        Draws the held-out rows and orders the solver's coordinates.

    Attributes
    ----------
    direction_ : ndarray of shape (n_features,), float64
        Unit normal. It points to the second of the sorted classes, or to the high scores.
    intercept_ : float
        Signed distance of the origin from the plane.
    validation_score_ : float
        Accuracy on the held-out rows; NaN if there are too few.
    classes_ : ndarray of shape (2,) or None
        The two labels, None for a score.
    n_features_in_ : int

    See Also
    --------
    DiscriminantDirection : Default of :class:`skstylefeat.HyperplaneDistance`.

    References
    ----------
    .. [1] Y. Shen et al., "Interpreting the Latent Space of GANs for Semantic Face Editing",
       CVPR 2020.

    Examples
    --------
    >>> import numpy as np
    >>> from skstylefeat.directions import LinearSVMDirection
    >>> w = np.random.RandomState(0).normal(size=(400, 8))
    >>> svm = LinearSVMDirection(random_state=0).fit(w, 3 * w[:, 2] + 10)
    >>> int(abs(svm.direction_).argmax())
    2
    """

    direction_: NDArray[np.float64]
    intercept_: float
    validation_score_: float
    classes_: NDArray[Any] | None
    n_features_in_: int

    _parameter_constraints: dict = {
        "C": [Interval(Real, 0, None, closed="neither")],
        "extremes": [Interval(Real, 0, 0.5, closed="right")],
        "conditional_on": ["array-like", None],
        "validation_fraction": [Interval(Real, 0, 1, closed="left")],
        "random_state": ["random_state"],
    }

    def __init__(
        self,
        *,
        C: float = 1.0,
        extremes: float = 0.25,
        conditional_on: ArrayLike | None = None,
        validation_fraction: float = 0.3,
        random_state: RandomState = None,
    ) -> None:
        self.C = C
        self.extremes = extremes
        self.conditional_on = conditional_on
        self.validation_fraction = validation_fraction
        self.random_state = random_state

    @_fit_context(prefer_skip_nested_validation=True)
    def fit(self, X: ArrayLike, y: ArrayLike) -> Self:
        """Find the plane that separates the labels.

        Parameters
        ----------
        X : array-like of shape (n_samples, n_features)
            W codes, or W+ or S codes as rows; a normal in W+ has its own part for each layer.
        y : array-like of shape (n_samples,)
            Two labels of any type, or a score.

        Returns
        -------
        self
        """
        codes, labels = self._check_latents(X, y)
        rows, positive, self.classes_ = binary_target(labels, self.extremes)
        codes = codes if len(rows) == len(codes) else codes[rows]
        random_state = check_random_state(self.random_state)
        self.validation_score_ = self._validate(codes, positive, random_state)
        normal, intercept = fit_hyperplane(codes, positive, self.C, random_state)
        if self.conditional_on is not None:
            center = codes.mean(axis=0, dtype=np.float64)
            normal, intercept = project_out(normal, intercept, self.conditional_on, center)
        self.direction_ = normal
        self.intercept_ = intercept
        return self

    def _validate(self, X, positive, random_state):
        """Return the accuracy on held-out rows of a plane that is fitted on the others."""
        n_held_out = round(self.validation_fraction * len(X))
        smaller = min(np.count_nonzero(positive), np.count_nonzero(~positive))
        if min(n_held_out, len(X) - n_held_out) < 2 or len(X) < MIN_VALIDATION_ROWS or smaller < 2:
            return float("nan")
        train, test = train_test_split(
            np.arange(len(X)), test_size=n_held_out, stratify=positive, random_state=random_state
        )
        normal, intercept = fit_hyperplane(X[train], positive[train], self.C, random_state)
        return float(np.mean((X[test] @ normal + intercept > 0) == positive[test]))
