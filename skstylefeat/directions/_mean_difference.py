"""Directions between the mean codes of two groups, for editing images."""

from __future__ import annotations

from numbers import Real
from typing import TYPE_CHECKING, Any, Self

import numpy as np
from sklearn.base import _fit_context
from sklearn.utils._param_validation import Interval

from skstylefeat._utils._sklearn_base import BaseEstimator
from skstylefeat._utils._versions import VersionStamped
from skstylefeat.directions._groups import ordered_groups
from skstylefeat.directions._plane import PlaneMixin, plane_between

if TYPE_CHECKING:
    from numpy.typing import ArrayLike, NDArray


class MeanDifferenceDirection(PlaneMixin, VersionStamped, BaseEstimator):
    """Semantic direction from the mean code of one group to that of another.

    Use it to edit images. The normal of a discriminant or a support vector machine is optimized
    to predict an attribute: it suppresses everything that also varies for other reasons, which is
    most of the change that the attribute causes in a code. Moving along it changes the prediction
    and hardly the image. The difference of the means contains everything that is associated with
    the attribute, whatever the cause, and leads to codes that are typical of the generator [1]_.

    Parameters
    ----------
    extremes : float, default=1/3
        If `y` is a score (more than three numbers): the share of the rows at each end that forms
        a group. Two values are the groups, and so are the outer two of three numbers.
    conditional_on : array-like of shape (n_features,) or (k, n_features), default=None
        Directions to keep fixed: they are projected out.

    Attributes
    ----------
    direction_ : ndarray of shape (n_features,), float64
        Unit length. It points to the second of the sorted classes, or to the high scores.
    intercept_ : float
        Signed distance of the origin from the plane half-way between the groups' means.
    distance_ : float
        Distance of the two means, before `conditional_on`: a step of this length along
        `direction_` turns an average code of one group into one of the other.
    classes_ : ndarray of shape (2,) or None
        The two labels; None for a score.
    n_features_in_ : int

    See Also
    --------
    DiscriminantDirection : The direction to predict an attribute by.
    edit : Moves codes along a direction.

    References
    ----------
    .. [1] S. Haufe et al., "On the interpretation of weight vectors of linear models in
       multivariate neuroimaging", NeuroImage 2014.

    Examples
    --------
    >>> import numpy as np
    >>> from skstylefeat.directions import MeanDifferenceDirection
    >>> w = np.array([[0.0, 1.0], [0.0, 3.0], [4.0, 1.0], [4.0, 3.0]])
    >>> found = MeanDifferenceDirection().fit(w, ["no", "no", "yes", "yes"])
    >>> found.direction_, found.distance_
    (array([1., 0.]), 4.0)
    """

    direction_: NDArray[np.float64]
    intercept_: float
    distance_: float
    classes_: NDArray[Any] | None
    n_features_in_: int

    _parameter_constraints: dict = {
        "extremes": [Interval(Real, 0, 0.5, closed="right")],
        "conditional_on": ["array-like", None],
    }

    def __init__(self, *, extremes: float = 1 / 3, conditional_on: ArrayLike | None = None) -> None:
        self.extremes = extremes
        self.conditional_on = conditional_on

    @_fit_context(prefer_skip_nested_validation=True)
    def fit(self, X: ArrayLike, y: ArrayLike) -> Self:
        """Find the direction.

        Parameters
        ----------
        X : array-like of shape (n_samples, n_features)
            W codes, or W+ or S codes as rows.
        y : array-like of shape (n_samples,)
            Two labels of any type, three ordered numbers, or a score.

        Returns
        -------
        self
        """
        codes, labels = self._check_latents(X, y)
        groups, self.classes_ = ordered_groups(labels, self.extremes)
        low, high = (codes[groups == sign].mean(axis=0, dtype=np.float64) for sign in (-1, 1))
        self.distance_ = float(np.linalg.norm(high - low))
        self.direction_, self.intercept_ = plane_between(
            codes, groups, high - low, self.conditional_on
        )
        return self
