"""Choice of channels: the best of each layer, above a threshold, up to a number in all."""

import numpy as np


def best_of_layers(scores, slices, n_best):
    """Return a mask of the `n_best` channels of each layer with the highest scores, None for all.

    `slices` are the positions of the layers that take part. Of equal scores the first is taken.
    """
    mask = np.zeros(len(scores), dtype=bool)
    for where in slices:
        order = np.argsort(-scores[where], kind="stable")
        mask[where.start + order[:n_best]] = True
    return mask


def choose_channels(scores, frequency, slices, *, n_channels_per_layer, n_channels, threshold):
    """Return the mask of the channels that pass all rules of `ChannelMISelector`.

    Channels are ranked by `frequency`, the share of the draws that selected them, then by score,
    which is NaN in layers that take no part. Raises ValueError if no score is above the threshold.
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
