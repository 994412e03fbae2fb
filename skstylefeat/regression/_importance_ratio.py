"""Ratio of gradients that defines the importance of layers, with its jackknife error."""

import numpy as np

#: Gradients below this share of those of unrelated images are rounding errors.
ROUNDING = 1e-5


class GradientSums:
    """Sums of gradient magnitudes in groups of pairs.

    Pair i belongs to group i mod `n_groups` for any size of the batches. The jackknife leaves out
    the groups one by one.
    """

    def __init__(self, n_groups):
        self.n_groups = n_groups
        self.n_pairs = 0
        self.edited = []
        self.unrelated = []

    def add(self, edited, unrelated):
        """Add a batch: one array of shape (batch, width) per layer, of each kind of pairs."""
        if not self.edited:
            self.edited = [np.zeros((self.n_groups, g.shape[1])) for g in edited]
            self.unrelated = [np.zeros((self.n_groups, g.shape[1])) for g in edited]
        groups = (self.n_pairs + np.arange(len(edited[0]))) % self.n_groups
        for sums, gradients in ((self.edited, edited), (self.unrelated, unrelated)):
            for layer_sums, layer in zip(sums, gradients, strict=True):
                np.add.at(layer_sums, groups, layer)
        self.n_pairs += len(groups)

    def unnormalized(self):
        """Return the mean gradient of edited pairs in each layer, scaled to sum to 1."""
        means = np.array([sums.sum(axis=0).mean() for sums in self.edited])
        return means / means.sum()

    def weights(self):
        """Return the weights of the layers and their standard error.

        Sums replace means, since the numbers of pairs cancel.
        """
        edited = [sums.sum(axis=0) for sums in self.edited]
        unrelated = [sums.sum(axis=0) for sums in self.unrelated]
        weights = normalized_ratio(edited, unrelated)

        # Jackknife: the weights without each group of pairs.
        n_groups = min(self.n_groups, self.n_pairs)
        left_out = np.stack(
            [
                normalized_ratio(
                    [e - sums[g] for e, sums in zip(edited, self.edited, strict=True)],
                    [u - sums[g] for u, sums in zip(unrelated, self.unrelated, strict=True)],
                )
                for g in range(n_groups)
            ]
        )
        spread = np.square(left_out - left_out.mean(axis=0)).sum(axis=0)
        return weights, np.sqrt(spread * (n_groups - 1) / n_groups)


def normalized_ratio(edited, unrelated):
    """Return the element-wise ratio, averaged within each layer and scaled to sum to 1."""
    ratios = np.array(
        [
            np.divide(e, u, out=np.zeros_like(e), where=u > 0).mean()
            for e, u in zip(edited, unrelated, strict=True)
        ]
    )
    total = ratios.sum()
    if not total > ROUNDING:
        raise ValueError(
            "An edit along the direction does not change the image, so layers cannot be weighed: "
            "the direction is orthogonal to the inputs of all layers, or step is 0."
        )
    return ratios / total
