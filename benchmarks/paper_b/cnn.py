"""Networks trained from scratch on pixels: LARGE's competitors, small enough for a CPU.

One residual network in the manner of ResNet-18 with a quarter of its width, trained with three
heads: coarse labels (whose penultimate features are the "Deep SVM" baseline), exact values, and
CORAL's rank-consistent ordinal head (one weight vector, one bias per threshold).
"""

import numpy as np
import torch
from torch import nn
from torch.nn import functional as F

WIDTHS = (16, 32, 64, 128)
BATCH = 32
LEARNING_RATE = 3e-3
MOST_SHIFT = 2
# Passes over the images: a fixed number for many, more for few.
EPOCHS, FEWEST_STEPS = 16, 250


class Block(nn.Module):
    """Two convolutions with a shortcut, at half the size of the input."""

    def __init__(self, n_in, n_out, stride):
        super().__init__()
        self.first = nn.Conv2d(n_in, n_out, 3, stride, 1, bias=False)
        self.second = nn.Conv2d(n_out, n_out, 3, 1, 1, bias=False)
        self.shortcut = nn.Conv2d(n_in, n_out, 1, stride, bias=False)
        self.norms = nn.ModuleList([nn.BatchNorm2d(n_out) for _ in range(3)])

    def forward(self, x):
        y = F.relu(self.norms[0](self.first(x)))
        return F.relu(self.norms[1](self.second(y)) + self.norms[2](self.shortcut(x)))


class SmallResNet(nn.Module):
    """Images (n, 3, H, W) in [-1, 1] to `n_outputs` numbers."""

    def __init__(self, side, n_outputs):
        super().__init__()
        stride = 2 if side > 32 else 1
        self.stem = nn.Conv2d(3, WIDTHS[0], 3, stride, 1)
        pairs = zip((WIDTHS[0], *WIDTHS), WIDTHS, strict=False)
        blocks = [Block(a, b, 1 + (i > 0)) for i, (a, b) in enumerate(pairs)]
        self.blocks = nn.Sequential(*blocks)
        self.head = nn.Linear(WIDTHS[-1], n_outputs)

    def features(self, x):
        """Return penultimate features (n, 128)."""
        return self.blocks(F.relu(self.stem(x))).mean(dim=(2, 3))

    def forward(self, x):
        return self.head(self.features(x))


class CoralResNet(SmallResNet):
    """The same with CORAL's head: logits of "above threshold k" that differ by a bias only."""

    def __init__(self, side, n_outputs):
        super().__init__(side, 1)
        self.biases = nn.Parameter(torch.linspace(2, -2, n_outputs))

    def forward(self, x):
        return super().forward(x) + self.biases


def to_tensor(pixels):
    """Return pixels (n, H, W, 3) in [0, 1] as (n, 3, H, W) in [-1, 1]."""
    tensor = torch.from_numpy(np.ascontiguousarray(pixels.transpose(0, 3, 1, 2)))
    return (tensor * 2 - 1).contiguous(memory_format=torch.channels_last)


def train(pixels, targets, loss, *, network=SmallResNet, seed=0, epochs=EPOCHS):
    """Train a network from scratch.

    Parameters
    ----------
    pixels : ndarray of shape (n, H, W, 3)
    targets : ndarray of shape (n, n_outputs)
    loss : callable of (outputs, targets)
    network : class
    seed : int
    epochs : int
        At least `FEWEST_STEPS` steps are taken.

    Returns
    -------
    nn.Module
        In evaluation mode.
    """
    torch.manual_seed(seed)
    rng = np.random.default_rng(seed)
    x, y = to_tensor(pixels), torch.from_numpy(np.asarray(targets, dtype=np.float32))
    model = network(pixels.shape[1], y.shape[1]).to(memory_format=torch.channels_last)
    batch = min(BATCH, len(x))
    n_steps = max(epochs * len(x) // batch, FEWEST_STEPS)
    optimizer = torch.optim.AdamW(model.parameters(), lr=LEARNING_RATE, weight_decay=0.05)
    schedule = torch.optim.lr_scheduler.OneCycleLR(optimizer, LEARNING_RATE, n_steps)
    order = np.empty(0, dtype=np.int64)
    for _ in range(n_steps):
        if len(order) < batch:
            order = np.concatenate([order, rng.permutation(len(x))])
        rows, order = torch.from_numpy(order[:batch]), order[batch:]
        shift = tuple(rng.integers(-MOST_SHIFT, MOST_SHIFT + 1, size=2).tolist())
        optimizer.zero_grad()
        loss(model(torch.roll(x[rows], shift, (2, 3))), y[rows]).backward()
        optimizer.step()
        schedule.step()
    model.eval()
    return model


def outputs(function, pixels):
    """Apply a network, or its features, to pixels batch by batch."""
    with torch.no_grad():
        parts = [function(to_tensor(pixels[i : i + 256])) for i in range(0, len(pixels), 256)]
    return torch.cat(parts).double().numpy()


def deep_features(data, labels, seed=0):
    """Return penultimate features of every set, of a network trained on the coarse labels."""
    classes = np.unique(labels)
    thresholds = (labels[:, None] > classes[None, :-1]).astype(np.float32)
    model = train(
        data.sets["teach"].pixels, thresholds, F.binary_cross_entropy_with_logits, seed=seed
    )
    return {which: outputs(model.features, images.pixels) for which, images in data.sets.items()}


def regression(pixels, values, test_pixels, seed=0, epochs=EPOCHS):
    """Return predictions for the test images of a network trained on exact values."""
    mean, sd = values.mean(), max(values.std(), 1e-6)
    model = train(
        pixels, ((values - mean) / sd)[:, None], F.smooth_l1_loss, seed=seed, epochs=epochs
    )
    return outputs(model, test_pixels)[:, 0] * sd + mean


def coral(pixels, values, test_pixels, seed=0, n_thresholds=30):
    """Return predictions of CORAL: the sum of the steps between thresholds that are passed."""
    edges = np.unique(np.quantile(values, np.linspace(0, 1, n_thresholds + 2)[1:-1]))
    above = (values[:, None] > edges).astype(np.float32)
    model = train(pixels, above, F.binary_cross_entropy_with_logits, network=CoralResNet, seed=seed)
    # The expected value over the bins, whose centers are the means of their labels.
    bins = np.searchsorted(edges, values)
    low, high = values.min(), values.max()
    borders = np.r_[low, edges, high]
    centers = np.array(
        [
            values[bins == i].mean() if (bins == i).any() else borders[i : i + 2].mean()
            for i in range(len(edges) + 1)
        ]
    )
    passed = 1 / (1 + np.exp(-outputs(model, test_pixels)))
    return centers[0] + passed @ np.diff(centers)
