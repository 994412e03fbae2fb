"""Pooling of feature maps over a grid of windows."""

from typing import Any, Literal

import numpy as np
from numpy.typing import ArrayLike, NDArray

from skstylefeat._utils._validation import real_array


def pool_maps(
    maps: ArrayLike, output_size: int = 1, mode: Literal["max", "mean"] = "max"
) -> NDArray[Any]:
    """Pool maps over a grid of windows.

    Parameters
    ----------
    maps : array-like of shape (n, C, H, W)
        Feature maps. Floats keep their dtype; other numbers become float64.
    output_size : int, default=1
        Side `s` of the grid. Window `i` of an axis of length `H` runs from
        ``floor(i H / s)`` to ``ceil((i + 1) H / s)``, as in torch's adaptive pooling, so that any
        size can be pooled to any other. Windows overlap if `s` does not divide `H`.
    mode : {"max", "mean"}, default="max"
        Statistic of a window.

    Returns
    -------
    ndarray of shape (n, C, output_size, output_size)

    Raises
    ------
    ValueError
        If the maps are not a 4-D array or have no pixel, or if `mode` is unknown.

    Examples
    --------
    >>> import numpy as np
    >>> from skstylefeat.features._map_pooling import pool_maps
    >>> pool_maps(np.arange(16.0).reshape(1, 1, 4, 4), output_size=2)[0, 0]
    array([[ 5.,  7.],
           [13., 15.]])
    """
    pooled = real_array(maps, "maps", None)
    if pooled.ndim != 4 or 0 in pooled.shape[2:]:
        raise ValueError(f"Expected maps of shape (n, C, H, W), got shape {pooled.shape}.")
    if mode not in ("max", "mean"):
        raise ValueError(f"mode must be 'max' or 'mean', got {mode!r}.")

    if pooled.dtype.kind != "f":
        pooled = pooled.astype(np.float64)
    if mode == "mean":
        pooled = np.ascontiguousarray(pooled)  # rounding depends on the order of memory
    elif output_size == 1:
        return pooled.max(axis=(2, 3), keepdims=True)  # in one pass
    for axis in (3, 2):
        pooled = _pool_axis(pooled, axis, output_size, mode)
    return pooled


def _pool_axis(maps, axis, size, mode):
    """Pool one axis; the max or mean of a rectangle is that of its rows, then of its columns."""
    length = maps.shape[axis]
    if length == size:
        return maps
    reduce = np.max if mode == "max" else np.mean
    if length % size == 0:
        shape = (*maps.shape[:axis], size, length // size, *maps.shape[axis + 1 :])
        return reduce(maps.reshape(shape), axis=axis + 1)
    starts = np.arange(size) * length // size
    stops = -(-(np.arange(size) + 1) * length // size)
    windows = [
        reduce(np.take(maps, np.arange(start, stop), axis=axis), axis=axis)
        for start, stop in zip(starts, stops, strict=True)
    ]
    return np.stack(windows, axis=axis)
