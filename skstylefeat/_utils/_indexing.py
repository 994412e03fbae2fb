"""Rows of lazy collections, as scikit-learn and users ask for them."""

import numpy as np


def row_index(rows, n):
    """Return a slice, or an array of positions, for what came inside the brackets.

    Parameters
    ----------
    rows : int, slice, array-like of int or bool, or one of these and ``...``
        An integer asks for a collection of one row.
    n : int
        Number of rows that there are.

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
