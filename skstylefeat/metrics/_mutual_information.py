"""Mutual information of feature maps by joint histograms, for all channels and pairs at once.

Equation 1 of "facial attribute representations" (paper A) measures how much the map of one
channel in one image tells about the map of the same channel in another image. The functions
here are pure numpy. They are exact, in the sense that the plug-in estimate of every pair equals
the one of :func:`sklearn.metrics.mutual_info_score` on the same bins; what makes them fast is
that values are cut into bins once, and that one pass over the joint codes of several images
serves all the pairs among them.
"""

from functools import lru_cache
from itertools import combinations_with_replacement
from math import comb, log
from numbers import Real

import numpy as np
from joblib import Parallel, delayed
from scipy.sparse import coo_array

from skstylefeat._utils._validation import real_array
from skstylefeat.metrics._binning import bins_of, check_binning, check_maps

# Pixels of one image, and cells of one joint table, that are counted in one call.
_MAX_PIXELS_PER_CALL = 1 << 18
_MAX_CELLS = 1 << 18


@lru_cache(maxsize=64)
def _pair_cover(n_images, block_size):
    """Return blocks of at most `block_size` images that together contain every pair."""
    if n_images == 1:
        return ((0,),)
    open_pairs = ~np.eye(n_images, dtype=bool)
    blocks = []
    while open_pairs.any():
        # Greedy: an image with most open pairs first, then whoever closes most of them.
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
    """Return how many images to count jointly, by the cost of a pair.

    `m` images take one pass over the pixels and tables of ``n_bins**m`` cells, and serve
    ``m (m - 1) / 2`` pairs. Adding up cells to the tables of pairs costs about a quarter of
    counting a pixel.
    """

    def cost(m):
        cells = n_bins**m
        return (n_pixels * (1 + 0.15 * m) + cells * (1 + 0.25 * comb(m, 2))) / comb(m, 2)

    sizes = [m for m in range(3, n_images + 1) if n_bins**m <= _MAX_CELLS]
    return min([min(2, n_images), *sizes], key=lambda m: cost(m) if m > 1 else 0.0)


def _chunk_information(maps, n_bins, limits, binning, correction, n_log_n):
    """Return MI in nats, (C, n, n), for a few channels of maps (n, C, P)."""
    n_images, n_channels, n_pixels = maps.shape
    codes = bins_of(maps, n_bins, limits, binning)
    sums = np.full((n_channels, n_images, n_images), np.nan)
    occupied = np.zeros((n_channels, n_images, n_images), dtype=np.int64)
    ones = np.ones(n_channels * n_pixels, dtype=np.int32)
    rows_of = rows = None
    for block in _pair_cover(n_images, _block_size(n_images, n_bins, n_pixels)):
        *first, last = block
        if first != rows_of:  # blocks that differ in the last image only come one after another
            rows_of, rows = first, np.arange(n_channels, dtype=np.int32)[:, None]
            for image in first:
                rows = codes[image] + rows * n_bins
            rows = np.broadcast_to(rows, codes[last].shape).ravel()
        # A sparse matrix adds up what falls into one cell, with no pass to find the limits and
        # without the lock that numpy.bincount holds on the interpreter.
        cells = coo_array(
            (ones, (rows, codes[last].ravel())),
            shape=(n_channels * n_bins ** len(first), n_bins),
        )
        table = cells.toarray().reshape(n_channels, *[n_bins] * len(block))
        members = range(len(block))
        for i, j in combinations_with_replacement(members, 2):
            a, b = block[i], block[j]
            if not np.isnan(sums[0, a, b]):
                continue  # an earlier block had the pair
            counts = table.sum(
                axis=tuple(1 + k for k in members if k not in (i, j)), dtype=np.int32
            )
            counts = counts.reshape(n_channels, -1)
            sums[:, a, b] = sums[:, b, a] = n_log_n.take(counts).sum(axis=1)
            if i == j or correction is not None:
                occupied[:, a, b] = occupied[:, b, a] = np.count_nonzero(counts, axis=1)
    own = np.einsum("cii->ci", sums)
    bins = np.einsum("cii->ci", occupied)
    information = log(n_pixels) + (sums - own[:, :, None] - own[:, None, :]) / n_pixels
    if correction == "miller-madow":
        excess = bins[:, :, None] + bins[:, None, :] - occupied - 1
        information += excess / (2 * n_pixels)
    # A map that fills one bin only tells nothing: exactly 0, not what rounding leaves.
    constant = bins == 1
    information[constant[:, :, None] | constant[:, None, :]] = 0.0
    return np.maximum(information, 0.0, out=information)


def _pairwise(maps, n_bins, limits, binning, correction, n_jobs):
    n_images, n_channels, n_pixels = maps.shape
    n_cells = n_bins ** _block_size(n_images, n_bins, n_pixels)
    step = max(1, min(_MAX_PIXELS_PER_CALL // n_pixels, _MAX_CELLS // n_cells))
    counts = np.arange(n_pixels + 1, dtype=np.float64)
    n_log_n = counts * np.log(np.maximum(counts, 1.0))
    parts = Parallel(n_jobs=n_jobs, require="sharedmem")(
        delayed(_chunk_information)(
            maps[:, start : start + step], n_bins, limits, binning, correction, n_log_n
        )
        for start in range(0, n_channels, step)
    )
    return np.concatenate(parts)


def pairwise_mutual_information(
    maps, n_bins="auto", *, range=None, binning="width", correction=None, base=None, n_jobs=None
):
    """Mutual information of every pair of images, for every channel.

    Parameters
    ----------
    maps : array-like of shape (n, C, H, W) or (n, C, P)
        Feature maps of one layer, one row an image. float32 is read as it is, without a copy.
    n_bins : int or "auto", default="auto"
        Number of bins, at most 1,024; "auto" is :func:`default_n_bins` of the pixels.
    range : tuple (low, high) or None, default=None
        Range of equal-width bins; None takes each channel's own over the given images.
    binning : {"width", "quantile"}, default="width"
        Bins of equal width, or of equally many values.
    correction : {"miller-madow"} or None, default=None
        Bias correction of the plug-in estimate. "miller-madow" adds
        ``(K_x + K_y - K_xy - 1) / (2 P)`` nats for `K` occupied cells; values below zero are
        set to zero.
    base : float or None, default=None
        Base of the logarithm: None gives nats, 2 gives bits.
    n_jobs : int or None, default=None
        Threads that share the channels. The result does not depend on it.

    Returns
    -------
    ndarray of shape (C, n, n), float64
        Symmetric. The diagonal holds the entropy of each map.

    Raises
    ------
    ValueError
        If the maps have another rank, are empty or contain NaN or infinity, or if an option
        has a value that is not listed.

    Notes
    -----
    Paper A, equation 1: ``sum_xy p(x, y) log(p(x, y) / (p(x) p(y)))``, where `x` and `y` are the
    bins of the same pixel in two images. A map of one value has no information: 0.

    The joint histogram of `m` images holds those of all its pairs, so that images are counted
    in blocks of `m`, where `m` follows from the number of bins and pixels. Beside the maps,
    memory holds the codes and counts of a few channels, and the result.

    Examples
    --------
    >>> import numpy as np
    >>> from skstylefeat.metrics._mutual_information import pairwise_mutual_information
    >>> maps = np.random.default_rng(0).normal(size=(3, 2, 64, 64))
    >>> maps[1, 0] = maps[0, 0] ** 3
    >>> information = pairwise_mutual_information(maps, n_bins=8)
    >>> information.shape
    (2, 3, 3)
    >>> bool(information[0, 0, 1] > 10 * information[0, 0, 2])
    True
    """
    maps = check_maps(maps)
    n_bins = check_binning(n_bins, maps.shape[2], range, binning)
    if correction not in (None, "miller-madow"):
        raise ValueError(f"correction must be None or 'miller-madow', got {correction!r}.")
    if base is not None and not (isinstance(base, Real) and base > 1):
        raise ValueError(f"base must be None for nats or a number above 1, got {base!r}.")
    information = _pairwise(maps, n_bins, range, binning, correction, n_jobs)
    if base is not None:
        information /= log(base)
    return information


def mutual_information(
    a, b, n_bins="auto", *, range=None, binning="width", correction=None, base=None
):
    """Mutual information of two feature maps (paper A, equation 1).

    Parameters
    ----------
    a, b : array-like of the same shape
        Two maps of one channel, e.g. (H, W); pixels at the same place are paired.
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
    >>> from skstylefeat.metrics._mutual_information import mutual_information
    >>> a = np.arange(16.0).reshape(4, 4)
    >>> mutual_information(a, a, n_bins=4, base=2)
    2.0
    >>> mutual_information(a, np.ones((4, 4)))
    0.0
    """
    a, b = real_array(a, "a", None), real_array(b, "b", None)
    if a.shape != b.shape:
        raise ValueError(f"Two maps of the same shape were expected, got {a.shape} and {b.shape}.")
    maps = np.stack([a.reshape(1, -1), b.reshape(1, -1)])
    information = pairwise_mutual_information(
        maps, n_bins, range=range, binning=binning, correction=correction, base=base
    )
    return float(information[0, 0, 1])
