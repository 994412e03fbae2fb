"""Random rows of each class."""

from typing import Any

import numpy as np
from numpy.typing import NDArray


def draw_per_class(
    y: NDArray[Any], n_per_class: int | None, rng: np.random.RandomState | np.random.Generator
) -> NDArray[np.intp]:
    """Draw rows of each class at random, without replacement.

    Parameters
    ----------
    y : ndarray of shape (n,)
        Class of each row; the classes have an order.
    n_per_class : int or None
        Rows per class. All rows of a class that has no more are taken, in order and without a
        random number; None takes all rows of every class.
    rng : RandomState or Generator
        Source of randomness.

    Returns
    -------
    ndarray of int
        Rows, class after class in the order of the sorted classes.
    """
    drawn = []
    for value in np.unique(y):
        members = np.flatnonzero(y == value)
        if n_per_class is not None and len(members) > n_per_class:
            members = rng.permutation(members)[:n_per_class]
        drawn.append(members)
    return np.concatenate(drawn)
