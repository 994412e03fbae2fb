"""How well each channel of a few labeled images tells their classes apart.

Scores are of the maps of all labeled images that were drawn and, for every draw, the positions
among them and their classes from 0 on; there is one row a draw, one column a channel.
"""

import numpy as np

from skstylefeat.metrics._mutual_information import pairwise_mutual_information
from skstylefeat.metrics._scores import average_pairs

# InterMI below this is rounding: the ratio then compares channels by their IntraMI.
_SMALLEST_INTER = 1e-12


def draw_few(classes, most, n_draws, rng):
    """Draw a few images of each class.

    Parameters
    ----------
    classes : ndarray of shape (n,), int
        Class of every labeled image, from 0 on.
    most : int or None
        Images of a class; classes with fewer give all they have, as all do where it is None.
    n_draws : int
        How often.
    rng : RandomState

    Returns
    -------
    list of ndarray of int
        Positions in `classes`, sorted.
    """
    groups = [np.flatnonzero(classes == code) for code in range(classes.max() + 1)]
    most = most or len(classes)

    def draw(group):
        return rng.choice(group, most, replace=False) if len(group) > most else group

    return [np.sort(np.concatenate([draw(group) for group in groups])) for _ in range(n_draws)]


def intra_inter_of_draws(maps, draws, *, n_jobs=None, **histogram):
    """Return IntraMI and InterMI in nats.

    Parameters
    ----------
    maps : FeatureMaps
        Of the labeled images; one layer is in memory at a time.
    draws : list of (rows, classes)
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


def compare(intra, inter, score):
    """Return scores of IntraMI `a` and InterMI `r`: their "difference", or their "ratio".

    The ratio is ``a / r``, equation 2, with `r` of at least 1e-12; the difference ``a - r``.
    """
    if score == "difference":
        return intra - inter
    return intra / np.maximum(inter, _SMALLEST_INTER)


def level_separation(maps, draws):
    """Return the F value of an analysis of variance of the maps' maxima; constant ones get 0.

    Deviations count as at least 1e-3 of the largest maximum, so that no channel comes first for
    labeled images that happen to be equal.

    Parameters
    ----------
    maps : FeatureMaps
        Of the labeled images, pooled batch by batch.
    draws : list of (rows, classes)
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
        raise ValueError("The maps hold NaN or infinity; look at what the network was given.")
    return np.stack([f_value(maxima[rows], classes) for rows, classes in draws])


def f_value(values, classes):
    """Return the F value of each column of `values`, (n, d), by `classes` from 0 on."""
    members = np.eye(classes.max() + 1)[classes]
    counts = members.sum(axis=0)
    means = (members.T @ values) / counts[:, None]
    between = counts @ np.square(means - values.mean(axis=0)) / (len(counts) - 1)
    within = np.square(values - means[classes]).sum(axis=0) / (len(values) - len(counts))
    floor = np.square(1e-3 * np.abs(values).max(axis=0, initial=0.0))
    return np.divide(between, within + floor, out=np.zeros_like(between), where=between > 0)
