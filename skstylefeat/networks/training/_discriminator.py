"""Critic of a generator's training: residual blocks and the deviation of the minibatch."""

from collections.abc import Sequence
from itertools import pairwise

import torch
from torch import Tensor, nn
from torch.nn import functional as F

from skstylefeat.networks.stylegan2._row_bands import LRELU_SLOPE
from skstylefeat.networks.stylegan2._styled_layers import SQRT2

DEVIATION_GROUP = 8  # images whose standard deviation is one more channel


class EqualizedConv(nn.Module):
    """Convolution whose weights are scaled at run time, with an optional leaky ReLU."""

    def __init__(
        self, in_channels: int, out_channels: int, kernel_size: int, *, activate: bool = True
    ) -> None:
        super().__init__()
        shape = (out_channels, in_channels, kernel_size, kernel_size)
        self.weight = nn.Parameter(torch.randn(shape))
        self.bias = nn.Parameter(torch.zeros(out_channels)) if activate else None
        self.weight_gain = (in_channels * kernel_size**2) ** -0.5
        self.padding = kernel_size // 2
        self.activate = activate

    def forward(self, x: Tensor) -> Tensor:
        """Return the maps (n, out_channels, H, W)."""
        x = F.conv2d(x, self.weight * self.weight_gain, self.bias, padding=self.padding)
        return F.leaky_relu(x, LRELU_SLOPE) * SQRT2 if self.activate else x


class ResidualBlock(nn.Module):
    """Two convolutions and a halving of the resolution, with a linear shortcut."""

    def __init__(self, in_channels: int, out_channels: int) -> None:
        super().__init__()
        self.conv0 = EqualizedConv(in_channels, in_channels, 3)
        self.conv1 = EqualizedConv(in_channels, out_channels, 3)
        self.skip = EqualizedConv(in_channels, out_channels, 1, activate=False)

    def forward(self, x: Tensor) -> Tensor:
        """Return the maps (n, out_channels, H / 2, W / 2)."""
        skip = self.skip(F.avg_pool2d(x, 2))
        # Averaging before the second convolution costs a quarter of averaging after it.
        x = self.conv1(F.avg_pool2d(self.conv0(x), 2))
        return (x + skip) / SQRT2


class Discriminator(nn.Module):
    """Residual critic with the standard deviation of the minibatch as one more channel.

    Parameters
    ----------
    channels : sequence of int
        Channels at 4, 8, ... pixels, as in the generator. Their number gives the resolution.
    """

    def __init__(self, channels: Sequence[int]) -> None:
        super().__init__()
        widths = list(channels)[::-1]
        self.from_rgb = EqualizedConv(3, widths[0], 1)
        self.blocks = nn.Sequential(*(ResidualBlock(a, b) for a, b in pairwise(widths)))
        self.conv = EqualizedConv(widths[-1] + 1, widths[-1], 3)
        self.hidden = EqualizedConv(widths[-1] * 16, widths[-1], 1)
        self.score = EqualizedConv(widths[-1], 1, 1, activate=False)

    def forward(self, x: Tensor) -> Tensor:
        """Return the scores (n,) of images (n, 3, H, W) in [-1, 1]; high means real."""
        x = self.blocks(self.from_rgb(x))
        x = self.conv(torch.cat([x, _group_deviation(x)], dim=1))
        return self.score(self.hidden(x.flatten(1)[:, :, None, None])).flatten()


def _group_deviation(x):
    """Return the mean standard deviation over groups of images as a map (n, 1, H, W)."""
    n, _, height, width = x.shape
    group = DEVIATION_GROUP if n % DEVIATION_GROUP == 0 else n
    deviation = (x.reshape(group, -1, *x.shape[1:]).var(dim=0, correction=0) + 1e-8).sqrt()
    deviation = deviation.mean(dim=(1, 2, 3), keepdim=True)
    return deviation.repeat(group, 1, height, width)
