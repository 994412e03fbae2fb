"""Bins of feature maps: their number, their edges, and the bin of each value."""

from __future__ import annotations

from numbers import Integral
from typing import Any, Literal

import numpy as np
from numpy.typing import ArrayLike, NDArray

from skstylefeat._utils._validation import real_array

# The default number of bins B keeps P >= 5 * B**2: five pixels per cell of the joint table.
_PIXELS_PER_CELL = 5
_MIN_BINS, _MAX_BINS = 2, 64
# Elements per block of work: they stay in the processor's cache between passes.
BLOCK = 1 << 16


def default_n_bins(n_pixels: int) -> int:
    """Return the default number of bins for maps of `n_pixels` pixels.

    Parameters
    ----------
    n_pixels : int
        Pixels of one map, height times width.

    Returns
    -------
    int
        ``floor(sqrt(n_pixels / 5))``, at least 2 and at most 64.

    Notes
    -----
    A plug-in estimate from `P` pixels and `B` x `B` cells is biased upwards by about
    ``(B - 1)**2 / (2 P)`` nats: with 16 pixels and 64 bins, two unrelated maps look almost
    identical. With ``B = sqrt(P / 5)`` the bias stays below 0.1 nats at every size, so that layers
    of 4x4 and 256x256 can be compared: 2 bins at 4x4, 3 at 8x8, 7 at 16x16, 28 at 64x64, and 64
    from 256x256 on. More than 64 bins would only resolve noise in the activations, while fewer
    make the bias fall further with the number of pixels.

    Examples
    --------
    >>> from skstylefeat.metrics import default_n_bins
    >>> [default_n_bins(side * side) for side in (4, 8, 16, 64, 1024)]
    [2, 3, 7, 28, 64]
    """
    return int(np.clip(np.floor(np.sqrt(n_pixels / _PIXELS_PER_CELL)), _MIN_BINS, _MAX_BINS))


def check_maps(maps: ArrayLike) -> NDArray[np.floating]:
    """Return maps as floats of shape (n, C, P), or raise ValueError for any other rank."""
    array: NDArray[Any] = real_array(maps, "maps", None)
    if array.ndim not in (3, 4):
        raise ValueError(
            f"Expected maps of shape (n, C, H, W) or (n, C, P), got an array of shape "
            f"{array.shape}. Add the missing axes, e.g. maps[:, None] for one channel."
        )
    if 0 in array.shape:
        raise ValueError(
            f"Expected at least one image, channel and pixel, got shape {array.shape}."
        )
    if array.dtype == np.float16:
        array = array.astype(np.float32)
    elif array.dtype not in (np.float32, np.float64):
        array = array.astype(np.float64)
    return array.reshape(*array.shape[:2], -1)


def check_binning(n_bins, n_pixels, limits, binning):
    """Return the number of bins, or raise ValueError for an invalid option."""
    if binning not in ("width", "quantile"):
        raise ValueError(f"binning must be 'width' or 'quantile', got {binning!r}.")
    if limits is not None:
        if binning == "quantile":
            raise ValueError("range has no meaning for binning='quantile'; set it to None.")
        try:
            low, high = (float(bound) for bound in limits)
        except (TypeError, ValueError):
            low = high = 0.0
        if not -np.inf < low < high < np.inf:
            raise ValueError(f"range must be None or (low, high) with low < high, got {limits!r}.")

    if isinstance(n_bins, str) and n_bins == "auto":
        return default_n_bins(n_pixels)
    if not isinstance(n_bins, Integral) or isinstance(n_bins, bool) or not 2 <= n_bins <= 1024:
        raise ValueError(f"n_bins must be 'auto' or an integer from 2 to 1024, got {n_bins!r}.")
    return int(n_bins)


def _width_bins(values, low, high, n_bins, out):
    """Write the equal-width bin of each value into `out`, both of shape (n, C, P).

    The bins are those of ``numpy.linspace(low, high, n_bins + 1)``, as in `numpy.histogram`,
    for the ranges `low` and `high` of shape (C,). A multiplication finds the bin; the few values
    so near to an edge that rounding could put them on the wrong side are compared with the edge.
    """
    # float32 will do unless it cannot hold the scale or the origin.
    scale = (n_bins / (high - low)).astype(values.dtype)[:, None]
    origin = low.astype(values.dtype)[:, None]
    if not (np.isfinite(scale).all() and np.array_equal(origin[:, 0], low)):
        values = values.astype(np.float64)
        scale, origin = (n_bins / (high - low))[:, None], low[:, None]

    tolerance = n_bins * 2.0**-21
    edges = np.linspace(low, high, n_bins + 1)
    n_channels, n_pixels = values.shape[1:]
    size = min(max(1, BLOCK // n_channels), n_pixels)
    for image, codes in zip(values, out, strict=True):
        for start in range(0, n_pixels, size):
            chunk = image[:, start : start + size]
            position = np.subtract(chunk, origin)
            position *= scale
            codes[:, start : start + size] = position  # which cuts off the fraction

            # Distance to the nearest edge, in bins.
            edge = np.rint(position)
            position -= edge
            np.abs(position, out=position)
            where = np.flatnonzero(position < tolerance)
            if where.size:
                channel, pixel = np.divmod(where, chunk.shape[1])
                edge = edge[channel, pixel].astype(np.intp)
                exact = edge - (chunk[channel, pixel] < edges[edge, channel])
                codes[channel, start + pixel] = np.clip(exact, 0, n_bins - 1)


def bins_of(maps, n_bins, limits, binning):
    """Return the bins of maps (n, C, P), with checked options."""
    low, high = (reduce(axis=(0, 2)).astype(np.float64) for reduce in (maps.min, maps.max))
    if not (np.isfinite(low).all() and np.isfinite(high).all()):
        raise ValueError("Feature maps contain NaN or infinity; mutual information needs numbers.")
    if limits is not None:
        maps = np.clip(maps, *limits)
        low, high = (np.full_like(low, bound) for bound in limits)

    codes = np.zeros(maps.shape, dtype=np.int32)
    # Channels that are constant, or nearly so in float64, have no bins: they stay 0.
    with np.errstate(divide="ignore", over="ignore"):
        varies = np.isfinite(n_bins / (high - low))

    if binning == "quantile":
        shares = np.linspace(0, 1, n_bins + 1)[1:-1]
        for channel in np.flatnonzero(varies):
            values = maps[:, channel]
            codes[:, channel] = np.searchsorted(np.quantile(values, shares), values, side="right")
    elif varies.all():
        _width_bins(maps, low, high, n_bins, codes)
    elif varies.any():
        some = codes[:, varies]
        _width_bins(maps[:, varies], low[varies], high[varies], n_bins, some)
        codes[:, varies] = some
    return codes


def bin_maps(
    maps: ArrayLike,
    n_bins: int | Literal["auto"] = "auto",
    *,
    range: tuple[float, float] | None = None,
    binning: Literal["width", "quantile"] = "width",
) -> NDArray[np.int32]:
    """Sort the pixels of feature maps into bins, which all images share per channel.

    Parameters
    ----------
    maps : array-like of shape (n, C, H, W) or (n, C, P)
        Feature maps, one row per image.
    n_bins : int or "auto", default="auto"
        Number of bins; "auto" is :func:`default_n_bins` of the number of pixels.
    range : tuple (low, high) or None, default=None
        Range that equal-width bins divide. None takes the lowest and highest value of each
        channel over the given images. Values outside go into the first or last bin.
    binning : {"width", "quantile"}, default="width"
        Bins of equal width, or bins that each hold the same number of a channel's values.

    Returns
    -------
    ndarray of the same shape, int32
        Bin of each pixel, from 0 to ``n_bins - 1``. All pixels of a constant channel are in bin 0.

    Raises
    ------
    ValueError
        If the maps have another rank, are empty or contain NaN or infinity, or if an option
        is invalid.

    Examples
    --------
    >>> import numpy as np
    >>> from skstylefeat.metrics import bin_maps
    >>> bin_maps(np.linspace(0, 1, 6).reshape(1, 1, 6), n_bins=3)
    array([[[0, 0, 1, 1, 2, 2]]], dtype=int32)
    """
    checked = check_maps(maps)
    bins = check_binning(n_bins, checked.shape[2], range, binning)
    return bins_of(checked, bins, range, binning).reshape(np.shape(maps))
