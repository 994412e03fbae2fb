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
