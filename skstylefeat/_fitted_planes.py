"""Planes from fitted estimators, for `HyperplaneDistance`."""

import numpy as np
from sklearn.base import clone
from sklearn.exceptions import NotFittedError


def numbered(n):
    """Return the names of directions that have none of their own."""
    return ("distance",) if n == 1 else tuple(f"distance{i}" for i in range(n))


def plane_of(estimator, X, y):
    """Read the planes of a fitted estimator, or of a clone fitted on (X, y).

    Returns
    -------
    names : tuple of str
    directions : list of ndarray
    intercepts : list of float
    """
    if not (hasattr(estimator, "direction_") or hasattr(estimator, "coef_")):
        if y is None:
            raise ValueError(
                "This HyperplaneDistance requires y to be passed, but the target y is None: its "
                f"direction is learnt by {type(estimator).__name__}. If that was fitted, cloning "
                "has made it forget: wrap it in sklearn.frozen.FrozenEstimator, or pass its "
                "direction_."
            )
        estimator = clone(estimator).fit(X, y)
    if hasattr(estimator, "direction_"):
        direction = np.atleast_2d(np.asarray(estimator.direction_, dtype=np.float64))
        return ("distance",), [direction], [float(getattr(estimator, "intercept_", 0.0))]
    try:
        coef = np.atleast_2d(np.asarray(estimator.coef_, dtype=np.float64))
        intercepts = np.broadcast_to(np.ravel(estimator.intercept_), (len(coef),))
    except AttributeError as error:
        raise NotFittedError(f"{estimator} has no coef_ and intercept_.") from error
    names = numbered(len(coef))
    classes = getattr(estimator, "classes_", ())
    if len(coef) == len(classes):
        names = tuple(str(label) for label in classes)
    return names, list(coef), list(intercepts)
