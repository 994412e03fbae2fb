"""Known directions: arrays, and the planes of fitted linear models."""

from __future__ import annotations

from numbers import Real
from typing import TYPE_CHECKING, Any, Self

import numpy as np
from sklearn.base import _fit_context, is_classifier
from sklearn.utils import check_random_state, gen_batches

from skstylefeat._utils._sklearn_base import BaseEstimator
from skstylefeat._utils._validation import LARGEST, SMALLEST, real_array
from skstylefeat._utils._versions import VersionStamped
from skstylefeat.directions._data_free import IgnoresData

if TYPE_CHECKING:
    from numpy.typing import ArrayLike, NDArray

#: Largest deviation of a linear model from a plane, relative to its scale.
LINEARITY_TOL = 1e-6
PROBE_ROWS = 256


class FixedDirection(IgnoresData, VersionStamped, BaseEstimator):
    """Known direction as an estimator.

    Parameters
    ----------
    direction : array-like of shape (w_dim,) or (n_features,)
    intercept : float, default=0.0

    Attributes
    ----------
    direction_ : ndarray of shape (n_features,), float64
        Unit normal.
    intercept_ : float
        Signed distance of the origin.

    Examples
    --------
    >>> from skstylefeat.directions import FixedDirection
    >>> known = FixedDirection([0.0, 2.0], intercept=1.0).fit()
    >>> known.direction_.tolist(), known.intercept_
    ([0.0, 1.0], 0.5)
    """

    direction_: NDArray[np.float64]
    intercept_: float

    _parameter_constraints: dict = {"direction": ["array-like"], "intercept": [Real]}

    def __init__(self, direction: ArrayLike, intercept: float = 0.0) -> None:
        self.direction = direction
        self.intercept = intercept

    @_fit_context(prefer_skip_nested_validation=True)
    def fit(self, X: Any = None, y: Any = None) -> Self:
        """Scale the direction to unit length; X and y are ignored.

        Returns
        -------
        self
        """
        direction = real_array(self.direction, "direction")
        largest = np.abs(direction).max(initial=0.0)
        if direction.ndim != 1 or not SMALLEST < largest < LARGEST:
            raise ValueError(
                f"direction must be a finite vector other than 0; got shape {direction.shape} with "
                f"a largest entry of {largest:.3g}."
            )
        norm = np.linalg.norm(direction)
        self.direction_ = direction / norm
        self.intercept_ = float(self.intercept / norm)
        return self


def from_linear_model(model: Any) -> FixedDirection:
    """Return the plane of a fitted linear scikit-learn model.

    The `coef_` of regressors and of classifiers of two classes is used directly. A pipeline or
    search whose steps are linear (scaling, PCA, a linear model) is evaluated at the unit vectors,
    and a ValueError is raised unless it is linear.

    Parameters
    ----------
    model : estimator
        Fitted on latents.

    Returns
    -------
    FixedDirection
        Fitted; ``X @ direction_ + intercept_`` is proportional to the model's decision function
        or, for a regressor, its prediction.

    Raises
    ------
    ValueError
        If the model is not linear, or has several outputs.

    Examples
    --------
    >>> import numpy as np
    >>> from sklearn.linear_model import Ridge
    >>> from sklearn.pipeline import make_pipeline
    >>> from sklearn.preprocessing import StandardScaler
    >>> from skstylefeat.directions import from_linear_model
    >>> w = np.random.RandomState(0).normal(size=(50, 3)) * [1, 10, 100]
    >>> model = make_pipeline(StandardScaler(), Ridge()).fit(w, w[:, 1])
    >>> from_linear_model(model).direction_.round(2).tolist()
    [0.0, 1.0, 0.0]
    """
    if hasattr(model, "coef_") and hasattr(model, "intercept_"):
        coef = np.asarray(model.coef_, dtype=np.float64)
        intercept = np.ravel(model.intercept_)
        if coef.ndim > 1 and len(coef) > 1:
            raise ValueError(
                f"{model} has {len(coef)} planes; choose one: FixedDirection(model.coef_[i], "
                "model.intercept_[i])."
            )
        return FixedDirection(coef.ravel(), float(intercept[0])).fit()

    # The value at the origin is the intercept, the change towards each unit vector the normal.
    function = model.decision_function if is_classifier(model) else model.predict
    n_features = model.n_features_in_
    origin = _single(function(np.zeros((1, n_features))), model)
    direction = np.empty(n_features)
    for rows in gen_batches(n_features, PROBE_ROWS):
        unit = np.zeros((rows.stop - rows.start, n_features))
        unit[np.arange(len(unit)), np.arange(rows.start, rows.stop)] = 1.0
        direction[rows] = _single(function(unit), model) - origin

    # Elsewhere a model that is not linear deviates from this plane.
    probes = 3.0 * check_random_state(0).normal(size=(8, n_features))
    expected = probes @ direction + origin
    deviation = np.abs(_single(function(probes), model) - expected).max()
    if deviation > LINEARITY_TOL * max(np.abs(expected).max(), 1e-300):
        raise ValueError(f"{model} is not a linear function of the latents: it has no direction.")
    return FixedDirection(direction, float(np.ravel(origin)[0])).fit()


def _single(values, model):
    """Return the values of a model of one output."""
    if np.ndim(values) != 1:
        raise ValueError(f"{model} has several outputs; expected one, as a direction has.")
    return values
