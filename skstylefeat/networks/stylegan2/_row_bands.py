"""Inference of modulated convolutions over bands of rows that stay in the processor's cache.

A map of 1024 px is larger than the cache, and allocating memory takes as long as computing on it.
Therefore the layers of a block run one after the other on a few rows, then on the next rows. A row
depends on one more row of the layer's input on each side; neighboring bands compute it twice.
"""

from collections.abc import Iterator, Sequence
from typing import NamedTuple

from torch import Tensor
from torch.nn import functional as F

LRELU_SLOPE = 0.2
BAND_ELEMENTS = 1 << 21  # elements of a map computed at once: 8 MB
REACH = 1  # further rows of the input on each side that a row depends on


def convolve(
    x: Tensor, weight: Tensor, bias: Tensor | None = None, fir: Tensor | None = None
) -> Tensor:
    """Convolve maps with 3x3 weights; with a low-pass kernel `fir`, after 2x up-sampling.

    Zero insertion and convolution are one transposed convolution of stride 2, and a depthwise
    convolution filters its result. A single kernel of 6x6 taps would be shorter code but take
    four times the multiplications.

    Parameters
    ----------
    x : Tensor of shape (n, in_channels, H, W)
        Maps.
    weight : Tensor of shape (out_channels, in_channels, 3, 3)
        Weights.
    bias : Tensor of shape (out_channels,), default=None
        Added to the result.
    fir : Tensor of shape (4, 4), default=None
        Filter of the up-sampling.

    Returns
    -------
    y : Tensor of shape (n, out_channels, H, W), or (n, out_channels, 2H, 2W) with `fir`
    """
    if fir is None:
        return F.conv2d(x, weight, bias, padding=1)
    x = F.conv_transpose2d(x, weight.transpose(0, 1), stride=2)
    channels = x.shape[1]
    fir = fir.flip(0, 1).to(x.dtype).expand(channels, 1, 4, 4)  # torch correlates
    return F.conv2d(x, fir, bias, padding=1, groups=channels)


class FoldedConv(NamedTuple):
    """A styled convolution of one image, with all factors in the weights.

    Parameters
    ----------
    weight : Tensor of shape (out_channels, in_channels, 3, 3)
        Modulated and demodulated weights.
    bias : Tensor of shape (out_channels,)
        Bias.
    noise : Tensor of shape (1, H, W) or None
        Noise on the output.
    fir : Tensor of shape (4, 4) or None
        Filter of a layer that doubles the resolution.
    limit : float or None
        Bound on the magnitude of the output.
    """

    weight: Tensor
    bias: Tensor
    noise: Tensor | None
    fir: Tensor | None
    limit: float | None

    def input_rows(self, start: int, stop: int) -> tuple[int, int]:
        """Return the first input row that output rows depend on, and one past the last."""
        scale = 1 if self.fir is None else 2
        return max(start // scale - REACH, 0), -(-stop // scale) + REACH

    def rows(self, x: Tensor, start: int, stop: int) -> Tensor:
        """Return output rows `start` to `stop` from their input rows (1, in_channels, h, W)."""
        y = convolve(x, self.weight, self.bias, self.fir)
        first = self.input_rows(start, stop)[0] * (1 if self.fir is None else 2)
        y = y[:, :, start - first : stop - first]
        if self.noise is not None:
            y += self.noise[:, start:stop]
        F.leaky_relu_(y, LRELU_SLOPE)
        return y if self.limit is None else y.clamp_(-self.limit, self.limit)


def in_bands(convs: Sequence[FoldedConv], x: Tensor) -> Iterator[tuple[slice, Tensor]]:
    """Run layers on the map of one image, band by band.

    Parameters
    ----------
    convs : sequence of FoldedConv
        Consecutive layers.
    x : Tensor of shape (1, in_channels, H, W)
        Input of the first.

    Yields
    ------
    rows : slice
        Rows of the last layer's output.
    y : Tensor of shape (1, out_channels, h, W')
        These rows.
    """
    doublings = sum(conv.fir is not None for conv in convs)
    height, width = (size << doublings for size in x.shape[2:])
    n_rows = max(1, BAND_ELEMENTS // (len(convs[-1].bias) * width))
    for first in range(0, height, n_rows):
        # From the last layer back: the rows that each layer needs from the one before.
        spans = [(first, min(first + n_rows, height))]
        for conv in reversed(convs):
            spans.append(conv.input_rows(*spans[-1]))
        y = x[:, :, slice(*spans.pop())]
        for conv in convs:
            y = conv.rows(y, *spans.pop())
        yield slice(first, first + n_rows), y
