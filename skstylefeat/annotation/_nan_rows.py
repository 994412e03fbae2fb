"""Rows of NaN, which stand for images that could not be read."""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import NDArray


def readable_rows(X: NDArray[np.floating]) -> NDArray[np.bool_]:
    """Return which rows hold numbers, and raise ValueError for a row of which only a part is NaN.

    Parameters
    ----------
    X : ndarray of shape (n, n_features)

    Returns
    -------
    ndarray of shape (n,), bool
    """
    missing = np.isnan(X)
    readable = ~missing.all(axis=1)
    broken = np.flatnonzero(missing.any(axis=1) & readable)
    if len(broken):
        raise ValueError(
            f"Input X contains NaN in parts of the rows {broken[:5].tolist()}. Only rows that are "
            "NaN throughout are accepted, as images that could not be read."
        )
    return readable


def at_readable(values: NDArray[Any], readable: NDArray[np.bool_]) -> NDArray[Any]:
    """Spread the values of readable rows over all rows.

    Parameters
    ----------
    values : ndarray of shape (n_readable, ...)
    readable : ndarray of shape (n,), bool

    Returns
    -------
    ndarray of shape (n, ...)
        The other rows hold "" among texts, NaN among numbers (as floats), None among others.
    """
    if readable.all():
        return values
    dtype: Any = np.float64 if values.dtype.kind in "iu" else values.dtype
    gap: Any = {"U": "", "S": b"", "f": np.nan}.get(np.dtype(dtype).kind)
    spread = np.full((len(readable), *values.shape[1:]), gap, object if gap is None else dtype)
    spread[readable] = values
    return spread
