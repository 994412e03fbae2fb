"""Mutual information of feature maps by joint histograms, for all channels and pairs at once.

Equation 1 of "facial attribute representations" (paper A) measures how much the map of a channel
in one image predicts the map of the same channel in another image. The plug-in estimate of each
pair equals that of :func:`sklearn.metrics.mutual_info_score` on the same bins. It is fast because
values are sorted into bins once, and because one pass over the joint codes of several images
serves all pairs among them.
"""

from __future__ import annotations

from functools import lru_cache
from itertools import combinations_with_replacement
from math import comb, log
from numbers import Real
from typing import Literal

import numpy as np
from joblib import Parallel, delayed
from numpy.typing import ArrayLike, NDArray
from scipy.sparse import coo_array

from skstylefeat._utils._validation import real_array
from skstylefeat.metrics._binning import bins_of, check_binning, check_maps

# Most pixels of one image, and cells of one joint table, that are counted in one call.
_MAX_PIXELS_PER_CALL = 1 << 18
_MAX_CELLS = 1 << 18
# Fewest pixels of all maps for which threads save more time than they take to start.
_MIN_PIXELS_FOR_THREADS = 1 << 21


@lru_cache(maxsize=64)
def _pair_cover(n_images, block_size):
    """Return blocks of at most `block_size` images that together contain every pair."""
    if n_images == 1:
        return ((0,),)
    open_pairs = ~np.eye(n_images, dtype=bool)
    blocks = []
    while open_pairs.any():
        # Greedy: the image with the most open pairs first, then the one that closes most of them.
        block = [int(open_pairs.sum(axis=1).argmax())]
        while len(block) < block_size:
            gain = open_pairs[:, block].sum(axis=1)
            gain[block] = -1
            best = int(gain.argmax())
            if gain[best] == 0:
                break
            block.append(best)
        block.sort()
        open_pairs[np.ix_(block, block)] = False
        blocks.append(tuple(block))
    return tuple(blocks)


def _block_size(n_images, n_bins, n_pixels):
    """Return the number of images to count jointly that makes a pair cheapest.

    `m` images take one pass over the pixels and tables of ``n_bins**m`` cells, and serve
    ``m (m - 1) / 2`` pairs. Adding a cell to the table of a pair costs a quarter of counting a
    pixel with 64 bins, and more with few, whose sums are short.
    """

    def cost(m):
        cells, per_cell = n_bins**m, 0.1 + 9 / n_bins
        return (n_pixels * (1 + 0.15 * m) + cells * (1 + per_cell * comb(m, 2))) / comb(m, 2)

    sizes = [m for m in range(3, n_images + 1) if n_bins**m <= _MAX_CELLS]
    return min([min(2, n_images), *sizes], key=lambda m: cost(m) if m > 1 else 0.0)


def _chunk_information(maps, n_bins, limits, binning, correction, n_log_n):
    """Return MI in nats, (C, n, n), for a few channels of maps (n, C, P)."""
    n_images, n_channels, n_pixels = maps.shape
    codes = bins_of(maps, n_bins, limits, binning)
    # Per pair: the sum of n log n over the cells of its joint table, and the cells above 0. A pair
    # of an image with itself stands for the image alone.
    sums = np.full((n_channels, n_images, n_images), np.nan)
    occupied = np.zeros((n_channels, n_images, n_images), dtype=np.int64)
    ones = np.ones(n_channels * n_pixels, dtype=np.int32)

    rows_of = rows = None
    for block in _pair_cover(n_images, _block_size(n_images, n_bins, n_pixels)):
        # The joint code of all images but the last is the row of the table; the last is its column.
        # Successive blocks often differ in the last image only.
        *first, last = block
        if first != rows_of:
            rows_of, rows = first, np.arange(n_channels, dtype=np.int32)[:, None]
            for image in first:
                rows = codes[image] + rows * n_bins
            rows = np.broadcast_to(rows, codes[last].shape).ravel()

        # A sparse matrix adds up the entries of a cell without a pass that finds their limits, and
        # without the interpreter lock that numpy.bincount holds.
        cells = coo_array(
            (ones, (rows, codes[last].ravel())),
            shape=(n_channels * n_bins ** len(first), n_bins),
        )
        table = cells.toarray().reshape(n_channels, *[n_bins] * len(block))

        # Margins of the block's table are the tables of its pairs.
        members = range(len(block))
        for i, j in combinations_with_replacement(members, 2):
            a, b = block[i], block[j]
            if not np.isnan(sums[0, a, b]):
                continue  # counted in an earlier block
            counts = table.sum(
                axis=tuple(1 + k for k in members if k not in (i, j)), dtype=np.int32
            )
            counts = counts.reshape(n_channels, -1)
            sums[:, a, b] = sums[:, b, a] = n_log_n.take(counts).sum(axis=1)
            if i == j or correction is not None:
                occupied[:, a, b] = occupied[:, b, a] = np.count_nonzero(counts, axis=1)

    # I(x, y) = H(x) + H(y) - H(x, y), where H = log P - (sum of n log n) / P.
    own = np.einsum("cii->ci", sums)
    information = log(n_pixels) + (sums - own[:, :, None] - own[:, None, :]) / n_pixels

    # Miller-Madow adds (K - 1) / (2 P) to an entropy over K occupied cells.
    bins = np.einsum("cii->ci", occupied)
    if correction == "miller-madow":
        excess = bins[:, :, None] + bins[:, None, :] - occupied - 1
        information += excess / (2 * n_pixels)

    # A map with one occupied bin has no information: exactly 0, without rounding errors.
    constant = bins == 1
    information[constant[:, :, None] | constant[:, None, :]] = 0.0
    return np.maximum(information, 0.0, out=information)


def _pairwise(maps, n_bins, limits, binning, correction, n_jobs):
    """Return MI in nats, (C, n, n), of maps (n, C, P), a few channels at a time."""
    n_images, n_channels, n_pixels = maps.shape
    n_cells = n_bins ** _block_size(n_images, n_bins, n_pixels)
    step = max(1, min(_MAX_PIXELS_PER_CALL // n_pixels, _MAX_CELLS // n_cells))
    counts = np.arange(n_pixels + 1, dtype=np.float64)
    n_log_n = counts * np.log(np.maximum(counts, 1.0))
    if maps.size < _MIN_PIXELS_FOR_THREADS:
        n_jobs = 1
    parts = Parallel(n_jobs=n_jobs, require="sharedmem")(
        delayed(_chunk_information)(
            maps[:, start : start + step], n_bins, limits, binning, correction, n_log_n
        )
        for start in range(0, n_channels, step)
    )
    return np.concatenate(parts)


def pairwise_mutual_information(
    maps: ArrayLike,
    n_bins: int | Literal["auto"] = "auto",
    *,
    range: tuple[float, float] | None = None,
    binning: Literal["width", "quantile"] = "width",
    correction: Literal["miller-madow"] | None = None,
    base: float | None = None,
    n_jobs: int | None = None,
) -> NDArray[np.float64]:
    """Mutual information of each pair of images, for each channel.

    Parameters
    ----------
    maps : array-like of shape (n, C, H, W) or (n, C, P)
        Feature maps of one layer, one row per image. float32 is read without a copy.
    n_bins : int or "auto", default="auto"
        Number of bins, at most 1,024; "auto" is :func:`default_n_bins` of the number of pixels.
    range : tuple (low, high) or None, default=None
        Range of equal-width bins; None takes that of each channel over the given images.
    binning : {"width", "quantile"}, default="width"
        Bins of equal width, or bins that each hold the same number of values.
    correction : {"miller-madow"} or None, default=None
        Bias correction of the plug-in estimate. "miller-madow" adds
        ``(K_x + K_y - K_xy - 1) / (2 P)`` nats for `K` occupied cells; values below zero are
        set to zero.
    base : float or None, default=None
        Base of the logarithm: None gives nats, 2 gives bits.
    n_jobs : int or None, default=None
        Number of threads over channels; small maps take one. The result does not depend on it.

    Returns
    -------
    ndarray of shape (C, n, n), float64
        Symmetric. The diagonal holds the entropy of each map.

    Raises
    ------
    ValueError
        If the maps have another rank, are empty or contain NaN or infinity, or if an option
        is invalid.

    Notes
    -----
    Paper A, equation 1: ``sum_xy p(x, y) log(p(x, y) / (p(x) p(y)))``, where `x` and `y` are the
    bins of the same pixel in two images. The information of a constant map is 0.

    The joint histogram of `m` images contains those of all pairs among them, so that images are
    counted in blocks of `m`, where `m` follows from the number of bins and pixels. Memory holds the
    maps, the codes and counts of a few channels, and the result.

    Examples
    --------
    >>> import numpy as np
    >>> from skstylefeat.metrics import pairwise_mutual_information
    >>> maps = np.random.default_rng(0).normal(size=(3, 2, 64, 64))
    >>> maps[1, 0] = maps[0, 0] ** 3
    >>> information = pairwise_mutual_information(maps, n_bins=8)
    >>> information.shape
    (2, 3, 3)
    >>> bool(information[0, 0, 1] > 10 * information[0, 0, 2])
    True
    """
    checked = check_maps(maps)
    bins = check_binning(n_bins, checked.shape[2], range, binning)
    if correction not in (None, "miller-madow"):
        raise ValueError(f"correction must be None or 'miller-madow', got {correction!r}.")
    if base is not None and not (isinstance(base, Real) and base > 1):
        raise ValueError(f"base must be None for nats or a number above 1, got {base!r}.")

    information = _pairwise(checked, bins, range, binning, correction, n_jobs)
    if base is not None:
        information /= log(base)
    return information


def mutual_information(
    a: ArrayLike,
    b: ArrayLike,
    n_bins: int | Literal["auto"] = "auto",
    *,
    range: tuple[float, float] | None = None,
    binning: Literal["width", "quantile"] = "width",
    correction: Literal["miller-madow"] | None = None,
    base: float | None = None,
) -> float:
    """Mutual information of two feature maps (paper A, equation 1).

    Parameters
    ----------
    a, b : array-like of the same shape
        Two maps of one channel, e.g. (H, W); pixels at the same position are paired.
    n_bins, range, binning, correction, base
        As in :func:`pairwise_mutual_information`. Both maps share their bins.

    Returns
    -------
    float
        Information in nats, or in the unit of `base`; never negative.

    Raises
    ------
    ValueError
        If the shapes differ, or as in :func:`pairwise_mutual_information`.

    Examples
    --------
    >>> import numpy as np
    >>> from skstylefeat.metrics import mutual_information
    >>> a = np.arange(16.0).reshape(4, 4)
    >>> mutual_information(a, a, n_bins=4, base=2)
    2.0
    >>> mutual_information(a, np.ones((4, 4)))
    0.0
    """
    first, second = real_array(a, "a", None), real_array(b, "b", None)
    if first.shape != second.shape:
        raise ValueError(
            f"Expected two maps of the same shape, got {first.shape} and {second.shape}."
        )
    maps = np.stack([first.reshape(1, -1), second.reshape(1, -1)])
    information = pairwise_mutual_information(
        maps, n_bins, range=range, binning=binning, correction=correction, base=base
    )
    return float(information[0, 0, 1])
