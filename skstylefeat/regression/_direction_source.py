"""Where the planes of `HyperplaneDistance` come from: arrays, a file, an estimator, or labels."""

from pathlib import Path

import numpy as np
from sklearn.base import clone
from sklearn.exceptions import NotFittedError

from skstylefeat._utils._validation import check_magnitude, real_array
from skstylefeat.directions._discriminant import DiscriminantDirection
from skstylefeat.latents._latent_files import load_direction


def find_directions(direction, intercept, X, y):
    """Return the directions that the parameters name, or that are learned from (X, y).

    Parameters
    ----------
    direction, intercept
        As the parameters of `HyperplaneDistance`.
    X : ndarray of shape (n, n_features)
        Latents.
    y : array-like of shape (n,) or None
        Labels.

    Returns
    -------
    names : tuple of str
    directions : list of ndarray
    intercepts : list of float

    Raises
    ------
    ValueError
        If there is no direction or no label to learn it from, or an intercept that does not fit.
    """
    if direction is None:
        direction = DiscriminantDirection()
    if hasattr(direction, "fit"):
        return _plane_of(direction, X, y)
    if isinstance(direction, (str, Path)):
        direction, names, stored = load_direction(direction)
        intercept = intercept if stored is None else stored
        if names is not None:
            direction = dict(zip(names, direction, strict=True))
    if isinstance(direction, dict):
        names, arrays = tuple(map(str, direction)), list(direction.values())
        if isinstance(intercept, dict):
            intercept = [intercept[name] for name in direction]
    else:
        arrays = _unstack(direction, X.shape[1])
        names = _numbered(len(arrays))
    if not arrays:
        raise ValueError("direction is an empty dictionary.")
    intercepts = real_array(intercept, "intercept")
    if not np.isfinite(intercepts).all():
        raise ValueError(f"intercept must be finite, got {intercepts}.")
    check_magnitude(intercepts, "intercept")
    if intercepts.ndim > 1 or intercepts.size not in (1, len(arrays)):
        raise ValueError(
            f"intercept has shape {intercepts.shape}; expected a number or one for each of the "
            f"{len(arrays)} directions."
        )
    return names, arrays, list(np.broadcast_to(intercepts.ravel(), (len(arrays),)))


def _numbered(n):
    """Return the names of directions that have none of their own."""
    return ("distance",) if n == 1 else tuple(f"distance{i}" for i in range(n))


def _unstack(direction, n_features):
    """Cut a stack of directions; 2-D input with rows of full width is a stack, too."""
    array = real_array(direction, "direction")
    if not array.ndim or not array.size:
        raise ValueError(
            f"direction has shape {array.shape}; expected (w_dim,), (n_ws, w_dim) or a stack "
            "of these."
        )
    if array.ndim == 3 or (array.ndim == 2 and array.shape[1] == n_features):
        return list(array)
    return [array]


def has_plane(direction):
    """Return whether `direction` is an estimator that was fitted."""
    return hasattr(direction, "direction_") or hasattr(direction, "coef_")


def _plane_of(estimator, X, y):
    """Read the planes of a fitted estimator, or of a clone fitted on (X, y)."""
    if not has_plane(estimator):
        if y is None:
            raise ValueError(
                "This HyperplaneDistance requires y to be passed, but the target y is None: its "
                f"direction is learned by {type(estimator).__name__}. If that was fitted, cloning "
                "has made it forget: wrap it in sklearn.frozen.FrozenEstimator, or pass its "
                "direction_."
            )
        estimator = clone(estimator).fit(X, y)
    if hasattr(estimator, "direction_"):
        direction = np.atleast_2d(np.asarray(estimator.direction_, dtype=np.float64))
        return _numbered(1), [direction], [float(getattr(estimator, "intercept_", 0.0))]
    try:
        coef = np.atleast_2d(np.asarray(estimator.coef_, dtype=np.float64))
        intercepts = np.broadcast_to(np.ravel(estimator.intercept_), (len(coef),))
    except AttributeError as error:
        raise NotFittedError(f"{estimator} has no coef_ and intercept_.") from error
    names = _numbered(len(coef))
    classes = getattr(estimator, "classes_", ())
    if len(coef) == len(classes):
        names = tuple(str(label) for label in classes)
    return names, list(coef), list(intercepts)
