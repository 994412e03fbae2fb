"""Row indexing of lazy collections."""

from typing import Any

import numpy as np
from numpy.typing import NDArray


def row_index(rows: Any, n: int) -> slice | NDArray[np.intp]:
    """Return the index of ``collection[rows]`` as a slice or an array of positions.

    Parameters
    ----------
    rows : int, slice, array-like of int or bool, or one of these and ``...``
        An integer gives a collection of one row.
    n : int
        Number of rows of the collection.

    Raises
    ------
    IndexError
        If a row does not exist.
    """
    if isinstance(rows, tuple) and len(rows) == 2 and rows[1] is Ellipsis:
        rows = rows[0]
    if isinstance(rows, (int, np.integer)):
        if not -n <= rows < n:
            raise IndexError(f"row {rows} of {n}")
        rows = [rows]
    return rows if isinstance(rows, slice) else np.arange(n)[rows]


def positions_in(values: Any, n: int, name: str) -> NDArray[np.intp]:
    """Return positions in a sequence of length `n`, given as integers or as a mask.

    Raises
    ------
    ValueError
        If a value is no integer, a mask has another length, or a position does not exist.
    """
    try:
        array = np.asarray(values)
    except ValueError as error:
        raise ValueError(f"{name} holds sequences of several lengths: {values}.") from error
    if array.dtype == bool and array.shape == (n,):
        return np.flatnonzero(array)
    if array.size and array.dtype.kind not in "iu":
        raise ValueError(
            f"{name} has dtype {array.dtype} and shape {array.shape}; expected integers, or a mask "
            f"of {n} booleans."
        )
    if array.ndim > 1 or (array.size and not (-n <= array.min() and array.max() < n)):
        raise ValueError(f"{name} is {values!r:.200}; expected positions from 0 to {n - 1}.")
    return array.astype(np.intp).ravel()
