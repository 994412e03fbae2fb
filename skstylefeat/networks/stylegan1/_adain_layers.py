"""Layers of StyleGAN1's synthesis network, which end in adaptive instance normalization (AdaIN).

The equalized learning rate of convolutions is part of their weights here: readers of foreign files
fold it in. Up-sampling repeats every pixel, before a convolution and a low-pass filter. Where maps
are larger than weights, repetition and convolution are one transposed convolution, which takes
less than half of the multiplications.
"""

from collections.abc import Sequence

import torch
from torch import Tensor, nn
from torch.nn import functional as F

from skstylefeat.networks._generator_network import Noise
from skstylefeat.networks.stylegan2._styled_layers import FullyConnected

LRELU_SLOPE = 0.2
NORM_EPS = 1e-8


def blur_kernel(taps: Sequence[float]) -> Tensor:
    """Return the 2-D low-pass kernel of 1-D `taps`, with the sum 1."""
    row = torch.as_tensor(taps, dtype=torch.float32)
    kernel = torch.outer(row, row)
    return kernel / kernel.sum()


class AdaINLayer(nn.Module):
    """Noise, bias, leaky ReLU and AdaIN; the output is a feature map.

    A style has 2 C numbers: the factors of the C normalized channels, then what is added to them.
    """

    affine: FullyConnected
    bias: nn.Parameter
    noise_strength: nn.Parameter
    noise_const: Tensor

    def __init__(self, channels: int, resolution: int, w_dim: int) -> None:
        super().__init__()
        self.affine = FullyConnected(w_dim, 2 * channels)
        with torch.no_grad():
            self.affine.bias[:channels] = 1.0
        self.bias = nn.Parameter(torch.zeros(channels))
        self.noise_strength = nn.Parameter(torch.zeros(channels))
        self.register_buffer("noise_const", torch.randn(resolution, resolution))

    def finish(self, x: Tensor, style: Tensor, noise_mode: Noise) -> Tensor:
        """Return the feature map of the map `x`, which may be changed, with styles (n, 2 C)."""
        offset = self.bias.expand(1, 1, -1)
        if noise_mode == "const":
            offset = offset + self.noise_const[:, :, None] * self.noise_strength
        offset = offset.permute(2, 0, 1)  # channels last in memory, as maps are
        scale, shift = style[:, :, None, None].chunk(2, dim=1)
        if torch.is_grad_enabled():
            x = F.leaky_relu(x + offset, LRELU_SLOPE)
            x = x - x.mean(dim=(2, 3), keepdim=True)
            deviation = x.square().mean(dim=(2, 3), keepdim=True).add(NORM_EPS).sqrt()
            return torch.addcmul(shift, x, scale / deviation)

        # In place, one image at a time: allocating memory takes as long as computing on it.
        for image, factor, term in zip(x, scale, shift, strict=True):
            F.leaky_relu_(image.add_(offset), LRELU_SLOPE)
            image.sub_(image.mean(dim=(1, 2), keepdim=True))
            deviation = image.square().mean(dim=(1, 2), keepdim=True).add(NORM_EPS).sqrt()
            image.mul_(factor / deviation).add_(term)
        return x


class StyledInput(AdaINLayer):
    """The learned map at 4 pixels, which is the same for all images before AdaIN."""

    weight: nn.Parameter

    def __init__(self, channels: int, resolution: int, w_dim: int) -> None:
        super().__init__(channels, resolution, w_dim)
        self.weight = nn.Parameter(torch.ones(channels, resolution, resolution))

    def forward(self, style: Tensor, noise_mode: Noise) -> Tensor:
        """Return the feature map (n, C, 4, 4) of styles (n, 2 C)."""
        x = self.weight.expand(len(style), *self.weight.shape)
        return self.finish(x.clone(memory_format=torch.channels_last), style, noise_mode)


class AdaINConv(AdaINLayer):
    """3x3 convolution, with `up` of the map at twice its resolution, then AdaIN."""

    weight: nn.Parameter
    blur: Tensor
    up: bool

    def __init__(
        self,
        in_channels: int,
        out_channels: int,
        resolution: int,
        w_dim: int,
        *,
        up: bool,
        blur_filter: Sequence[float],
    ) -> None:
        super().__init__(out_channels, resolution, w_dim)
        weight = torch.randn(out_channels, in_channels, 3, 3) * (2 / (9 * in_channels)) ** 0.5
        self.weight = nn.Parameter(weight.contiguous(memory_format=torch.channels_last))
        self.register_buffer("blur", blur_kernel(blur_filter), persistent=False)
        self.up = up

    def forward(self, x: Tensor, style: Tensor, noise_mode: Noise) -> Tensor:
        """Return the feature map of the map `x`, with styles (n, 2 C)."""
        x = self._upsample(x) if self.up else F.conv2d(x, self.weight, padding=1)
        return self.finish(x, style, noise_mode)

    def _upsample(self, x: Tensor) -> Tensor:
        channels = len(self.weight)
        if 4 * x[:, 0].numel() * channels > self.weight.numel():
            x = F.conv_transpose2d(x, self._transposed_weight(), stride=2, padding=1)
        else:
            x = F.conv2d(F.interpolate(x, scale_factor=2), self.weight, padding=1)
        kernel = self.blur.expand(channels, 1, 3, 3)  # not flipped: the original correlates, too
        return F.conv2d(x, kernel, padding=1, groups=channels)

    def _transposed_weight(self) -> Tensor:
        """Return the weight (in_channels, out_channels, 4, 4) of repetition and convolution."""
        taps = self.weight.flip(2, 3).permute(0, 2, 3, 1)  # in the order of the memory
        out_channels, _, _, in_channels = taps.shape
        weight = taps.new_zeros(out_channels, 4, 4, in_channels)
        for row in (0, 1):
            for column in (0, 1):
                weight[:, row : row + 3, column : column + 3] += taps
        return weight.permute(3, 0, 1, 2)
