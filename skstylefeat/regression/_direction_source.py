"""Sources of the hyperplanes of `HyperplaneDistance`: arrays, a file, estimators, or labels."""

from os import PathLike
from typing import Any, NamedTuple

import numpy as np
from sklearn.base import clone
from sklearn.exceptions import NotFittedError

from skstylefeat._utils._validation import check_magnitude, real_array
from skstylefeat.directions._discriminant import DiscriminantDirection
from skstylefeat.latents._direction_files import (
    Directions,
    read_directions,
    separate_directions,
)


class NamedDirections(NamedTuple):
    """Directions as given or learned, not yet brought to the shape of the latents.

    Attributes
    ----------
    names : tuple of str
    directions : list of ndarray
    intercepts : list of float
    """

    names: tuple[str, ...]
    directions: list[Any]
    intercepts: list[float]


def find_directions(direction, intercept, X, y, space=None):
    """Return the `NamedDirections` that the parameters describe, or that are learned from (X, y).

    `space` decides what a 2-D array is, see `separate_directions`.

    Raises
    ------
    ValueError
        If there is no direction and no label to learn it from, or an intercept does not fit.
    """
    if direction is None:
        direction = DiscriminantDirection()
    for member in members(direction):
        if isinstance(member, type):
            raise ValueError(
                f"direction is the class {member.__name__}; expected an instance, such as "
                f"{member.__name__}()."
            )
    if is_estimator(direction):
        return _planes_of(direction, X, y)

    if isinstance(direction, (str, PathLike)):
        direction = read_directions(direction)
    if isinstance(direction, Directions):
        direction, stored_names, stored, _ = direction
        intercept = intercept if stored is None else stored
        if stored_names is not None:
            direction = dict(zip(stored_names, direction, strict=True))

    if isinstance(direction, dict):
        names, values = tuple(map(str, direction)), list(direction.values())
        if isinstance(intercept, dict):
            intercept = _of_names(intercept, direction)
    else:
        values = _unstack(direction, X.shape[1], space, intercept)
        names = _numbered(len(values))
    if not values:
        raise ValueError(f"direction is empty ({direction!r}); expected at least one direction.")

    intercepts = _check_intercepts(intercept, len(values))
    for i, value in enumerate(values):
        if is_estimator(value):
            values[i], intercepts[i] = _single_plane(names[i], value, X, y)
    return NamedDirections(names, values, intercepts)


def is_estimator(direction):
    """Return whether a direction is an estimator, fitted or not."""
    return hasattr(direction, "fit")


def has_plane(direction):
    """Return whether a direction is a fitted estimator."""
    return is_estimator(direction) and (
        hasattr(direction, "direction_") or hasattr(direction, "coef_")
    )


def members(direction):
    """Return the directions of a dictionary or list, or the direction itself in a list."""
    if isinstance(direction, dict):
        return list(direction.values())
    is_several = isinstance(direction, (list, tuple)) and not isinstance(direction, Directions)
    return list(direction) if is_several else [direction]


def needs_labels(direction):
    """Return whether a direction, or one of several, has to be learned from labels."""
    if direction is None:
        return True
    return any(is_estimator(member) and not has_plane(member) for member in members(direction))


def keep_fits(direction, cloned):
    """Return a clone of a direction in which fitted estimators are those of the original."""
    if has_plane(direction):
        return direction
    if not any(map(has_plane, members(direction))):
        return cloned
    kept = map(keep_fits, members(direction), members(cloned))
    return dict(zip(direction, kept, strict=True)) if isinstance(direction, dict) else list(kept)


def _numbered(n):
    """Return names for directions that have none."""
    return ("distance",) if n == 1 else tuple(f"distance{i}" for i in range(n))


def _of_names(intercept, direction):
    """Return the intercepts of a dictionary in the order of the directions; estimators get 0."""
    missing = [
        name
        for name, value in direction.items()
        if name not in intercept and not is_estimator(value)
    ]
    if missing:
        raise ValueError(
            f"intercept has no entry for the directions {missing}; its names are {list(intercept)}."
        )
    return [intercept.get(name, 0.0) for name in direction]


def _check_intercepts(intercept, n_directions):
    """Return one finite intercept per direction."""
    intercepts = real_array(intercept, "intercept")
    if not np.isfinite(intercepts).all():
        raise ValueError(f"intercept must be finite, got {intercepts}.")
    check_magnitude(intercepts, "intercept")
    if intercepts.ndim > 1 or intercepts.size not in (1, n_directions):
        raise ValueError(
            f"intercept has shape {intercepts.shape}; expected a number or one for each of the "
            f"{n_directions} directions."
        )
    return list(np.broadcast_to(intercepts.ravel(), (n_directions,)))


def _unstack(direction, n_features, space, intercept):
    """Return a list of directions; a 2-D array whose rows are as wide as X is a stack of them."""
    if any(map(is_estimator, members(direction))):
        return list(direction)
    array = real_array(direction, "direction")
    if not array.ndim or not array.size:
        raise ValueError(
            f"direction has shape {array.shape}; expected (w_dim,), (n_ws, w_dim) or a stack "
            "of these."
        )

    # Rows of W+ have one reading of (n_ws, w_dim): a normal for each of their layers.
    is_stack = array.ndim == 2 and array.shape[1] == n_features
    if is_stack or space is not None:
        array = separate_directions(array, space, intercept, "direction")
    return list(array) if array.ndim == 3 or is_stack else [array]


def _single_plane(name, estimator, X, y):
    """Return direction and intercept of an estimator that is one of several directions."""
    _, directions, intercepts = _planes_of(estimator, X, y)
    if len(directions) != 1:
        raise ValueError(
            f"direction {name!r} is a {type(estimator).__name__} with {len(directions)} planes; "
            "expected one per name. Pass the estimator alone, or the rows of its coef_."
        )
    return directions[0], intercepts[0]


def _planes_of(estimator, X, y):
    """Return the planes of a fitted estimator, or of a clone fitted on (X, y)."""
    if not has_plane(estimator):
        if y is None:
            raise ValueError(
                "This HyperplaneDistance requires y to be passed, but the target y is None: its "
                f"direction, an unfitted {type(estimator).__name__}, is learned from labels. Pass "
                "y, or a fitted estimator."
            )
        estimator = clone(estimator).fit(X, y)
    if hasattr(estimator, "direction_"):
        direction = np.atleast_2d(np.asarray(estimator.direction_, dtype=np.float64))
        intercept = float(getattr(estimator, "intercept_", 0.0))
        return NamedDirections(_numbered(1), [direction], [intercept])

    try:
        coef = np.atleast_2d(np.asarray(estimator.coef_, dtype=np.float64))
        intercepts = np.broadcast_to(np.ravel(estimator.intercept_), (len(coef),))
    except AttributeError as error:
        raise NotFittedError(
            f"direction is a {type(estimator).__name__}, which has no plane when it is fitted: "
            "expected an estimator with direction_, or with coef_ and intercept_. For a pipeline "
            "of linear steps use skstylefeat.directions.from_linear_model."
        ) from error
    # A classifier of three or more classes has one plane per class.
    classes = getattr(estimator, "classes_", ())
    names = tuple(map(str, classes)) if len(coef) == len(classes) else _numbered(len(coef))
    return NamedDirections(names, list(coef), list(intercepts))
