"""Scores of channels: how well their maps of a few labeled images separate the classes.

The input is the maps of all drawn images and, for each draw, the positions of its images among
them and their classes 0, 1, ... Scores have one row per draw and one column per channel.
"""

import numpy as np

from skstylefeat.metrics._mutual_information import pairwise_mutual_information
from skstylefeat.metrics._scores import average_pairs

# A smaller InterMI is rounding error: the ratio then compares channels by their IntraMI.
_SMALLEST_INTER = 1e-12


def intra_inter_of_draws(maps, draws, *, n_jobs=None, **histogram):
    """Return IntraMI and InterMI in nats.

    Parameters
    ----------
    maps : FeatureMaps
        Maps of the drawn images; one layer is in memory at a time.
    draws : list of (positions, classes)
        Pairs of ndarrays of int.
    n_jobs : int or None, default=None
        Threads that share the channels of a layer.
    **histogram
        ``n_bins``, ``binning`` and ``correction`` of
        :func:`skstylefeat.metrics.pairwise_mutual_information`.

    Returns
    -------
    intra, inter : ndarray of shape (n_draws, n_channels)
    """
    by_layer = []
    for _, values in maps.iter_layers():
        by_draw = []
        for rows, classes in draws:
            drawn = values if len(rows) == len(values) else values[rows]
            information = pairwise_mutual_information(drawn, n_jobs=n_jobs, **histogram)
            by_draw.append(average_pairs(information, classes))
        by_layer.append(np.array(by_draw))
    joined = np.concatenate(by_layer, axis=2)
    return joined[:, 0], joined[:, 1]


def information_score(intra, inter, score):
    """Return the score of IntraMI `a` and InterMI `r`.

    The score "ratio" is ``a / r``, equation 2, with `r` of at least 1e-12; the score "difference"
    is ``a - r``.
    """
    if score == "difference":
        return intra - inter
    return intra / np.maximum(inter, _SMALLEST_INTER)


def level_separation(maps, draws):
    """Return the F value of an analysis of variance of each channel's maxima.

    See `f_value` for constant channels and for images that are equal.

    Parameters
    ----------
    maps : FeatureMaps
        Maps of the drawn images, pooled batch by batch.
    draws : list of (positions, classes)
        Pairs of ndarrays of int.

    Returns
    -------
    ndarray of shape (n_draws, n_channels)

    Raises
    ------
    ValueError
        If maps hold NaN or infinity.
    """
    maxima = maps.pool().astype(np.float64)
    if not np.isfinite(maxima).all():
        raise ValueError("The maps hold NaN or infinity; check the input of the network.")
    return np.stack([f_value(maxima[rows], classes) for rows, classes in draws])


def f_value(values, classes):
    """Return the F value of each column of `values`, (n, d), for `classes` 0, 1, ...

    The variance within classes counts as at least the square of 1e-3 of the largest value, so
    that no channel ranks first because the labeled images happen to be equal. A constant column
    has the value 0.
    """
    members = np.eye(classes.max() + 1)[classes]
    counts = members.sum(axis=0)
    means = (members.T @ values) / counts[:, None]

    between = counts @ np.square(means - values.mean(axis=0)) / (len(counts) - 1)
    within = np.square(values - means[classes]).sum(axis=0) / (len(values) - len(counts))

    floor = np.square(1e-3 * np.abs(values).max(axis=0, initial=0.0))
    return np.divide(between, within + floor, out=np.zeros_like(between), where=between > 0)
