"""Choice of channels: the best of each layer, above a threshold, and at most so many in all."""

import numpy as np


def best_of_layers(scores, slices, n_best):
    """Return a mask of the `n_best` channels of each layer with the highest scores.

    Parameters
    ----------
    scores : ndarray of shape (n_channels,)
        Of equal scores the first one is taken.
    slices : list of slice
        Position of each layer that takes part.
    n_best : int or None
        None takes all.

    Returns
    -------
    ndarray of shape (n_channels,), bool
    """
    mask = np.zeros(len(scores), dtype=bool)
    for where in slices:
        order = np.argsort(-scores[where], kind="stable")
        mask[where.start + order[:n_best]] = True
    return mask


def choose_channels(scores, frequency, slices, *, n_channels_per_layer, n_channels, threshold):
    """Return the mask of the channels that pass all rules.

    Channels are ranked by how often draws selected them, then by score.

    Parameters
    ----------
    scores : ndarray of shape (n_channels,)
        NaN in layers that take no part.
    frequency : ndarray of shape (n_channels,)
        Share of the draws that selected a channel.
    slices : list of slice
        Position of each layer that takes part.
    n_channels_per_layer : int or None
        Number of best channels of each layer.
    n_channels : int or None
        Number of best channels in all.
    threshold : float or None
        Channels with a score at or below it are dropped.

    Returns
    -------
    ndarray of shape (n_channels,), bool

    Raises
    ------
    ValueError
        If no score is above the threshold.
    """
    # Rank 0 is best; of equal channels the first one is better.
    ranks = np.empty(len(scores))
    ranks[np.lexsort((-scores, -frequency))] = np.arange(len(scores))
    mask = best_of_layers(-ranks, slices, n_channels_per_layer)

    if threshold is not None:
        mask &= np.nan_to_num(scores, nan=-np.inf) > threshold
        if not mask.any():
            raise ValueError(
                f"No channel has a score above threshold={threshold}; the highest is "
                f"{np.nanmax(scores):.4g}. Lower the threshold."
            )

    if n_channels is not None:
        kept = np.flatnonzero(mask)
        mask[kept[np.argsort(ranks[kept])[n_channels:]]] = False
    return mask
