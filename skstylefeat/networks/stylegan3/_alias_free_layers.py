"""Layers of StyleGAN3's synthesis network, with the parameter names of NVIDIA's networks."""

import math

import torch
from torch import Tensor, nn
from torch.nn import functional as F

from skstylefeat.networks.stylegan2._styled_layers import (
    DEMODULATION_EPS,
    SQRT2,
    FullyConnected,
)
from skstylefeat.networks.stylegan3._alias_free_config import LayerGeometry, StyleGAN3Config
from skstylefeat.networks.stylegan3._resampling import design_filter, filtered_lrelu

N_INPUT_STYLES = 4  # cosine and sine of a rotation, and a translation in x and y
SMALLEST_POWER = 1e-30  # keeps a style of zeros from being divided by 0


class FourierInput(nn.Module):
    """Sine waves on a grid that the code rotates and shifts, mixed by a matrix."""

    affine: FullyConnected
    weight: nn.Parameter
    transform: Tensor
    freqs: Tensor
    phases: Tensor
    bandwidth: float
    sampling_rate: int
    size: int

    def __init__(self, config: StyleGAN3Config) -> None:
        super().__init__()
        cutoffs, _, rates = config.frequencies
        self.bandwidth, self.sampling_rate = cutoffs[0], rates[0]
        self.size = config.input_size
        channels = config.channels[0]
        self.affine = FullyConnected(config.w_dim, N_INPUT_STYLES)
        nn.init.zeros_(self.affine.weight)
        self.affine.bias.data[0] = 1.0  # no rotation
        self.weight = nn.Parameter(torch.randn(channels, channels))

        # Frequencies are spread evenly over a disk: the square of a Gaussian radius is exponential.
        directions = torch.randn(channels, 2)
        radius = directions.norm(dim=1, keepdim=True)
        directions /= radius * radius.square().exp().pow(0.25)
        self.register_buffer("freqs", directions * self.bandwidth)
        self.register_buffer("phases", torch.rand(channels) - 0.5)
        self.register_buffer("transform", torch.eye(3))

    def forward(self, style: Tensor) -> Tensor:
        """Return the map (n, channels, size, size) of styles (n, 4)."""
        # Phases and frequencies are angles: bfloat16 is too coarse for them.
        with torch.autocast(style.device.type, enabled=False):
            return self._waves(style.to(self.freqs.dtype))

    def _waves(self, style):
        cosine, sine, shift_x, shift_y = (style / style[:, :2].norm(dim=1, keepdim=True)).unbind(1)
        zero, one = torch.zeros_like(cosine), torch.ones_like(cosine)
        rotation = [cosine, -sine, zero, sine, cosine, zero, zero, zero, one]
        translation = [one, zero, -shift_x, zero, one, -shift_y, zero, zero, one]
        rotation, translation = (
            torch.stack(entries, dim=1).unflatten(1, (3, 3)) for entries in (rotation, translation)
        )
        matrices = rotation @ translation @ self.transform

        phases = self.phases + (self.freqs @ matrices[:, :2, 2:]).squeeze(2)
        freqs = self.freqs @ matrices[:, :2, :2]
        # A transform that scales may lift frequencies above what the grid can hold.
        free = self.sampling_rate / 2 - self.bandwidth
        amplitudes = (1 - (freqs.norm(dim=2) - self.bandwidth) / free).clamp(0, 1)

        # Centers of pixels; the image spans 1, and the margin lies outside.
        half = 0.5 * self.size / self.sampling_rate
        pixels = torch.arange(self.size, device=style.device) * 2 + 1 - self.size
        x = pixels.to(freqs) * (half / self.size)
        angle = (
            freqs[:, None, None, :, 0] * x[:, None] + freqs[:, None, None, :, 1] * x[:, None, None]
        )
        waves = torch.sin((angle + phases[:, None, None]) * (2 * math.pi))
        waves = waves * amplitudes[:, None, None]
        mixed = waves @ (self.weight.T / len(self.weight) ** 0.5)
        return mixed.permute(0, 3, 1, 2).contiguous()


class AliasFreeLayer(nn.Module):
    """Modulated convolution, bias, and a leaky ReLU between filters; its output is a feature map.

    The convolution pads with zeros on all sides, so that the filters trim the map.
    """

    affine: FullyConnected
    weight: nn.Parameter
    bias: nn.Parameter
    magnitude_ema: Tensor
    up_filter: Tensor
    down_filter: Tensor
    geometry: LayerGeometry
    clamp: float | None

    def __init__(self, geometry: LayerGeometry, config: StyleGAN3Config) -> None:
        super().__init__()
        self.geometry = geometry
        self.clamp = config.conv_clamp
        shape = geometry.out_channels, geometry.in_channels, config.conv_kernel, config.conv_kernel
        self.affine = FullyConnected(config.w_dim, geometry.in_channels, bias_init=1.0)
        self.weight = nn.Parameter(torch.randn(shape))
        self.bias = nn.Parameter(torch.zeros(geometry.out_channels))
        self.register_buffer("magnitude_ema", torch.ones(()))
        self.register_buffer("up_filter", design_filter(geometry.up))
        self.register_buffer("down_filter", design_filter(geometry.down))

    def forward(self, x: Tensor, style: Tensor) -> Tensor:
        """Return the map, with its margin, of the map `x` and styles (n, in_channels)."""
        weight = self.weight * self.weight.square().mean(dim=(1, 2, 3), keepdim=True).rsqrt()
        power = style.square().mean(dim=1, keepdim=True)
        style = style * power.clamp_min(SMALLEST_POWER).rsqrt()
        energy = weight.square().sum(dim=(2, 3))
        scale = (style.square() @ energy.T + DEMODULATION_EPS).rsqrt() * SQRT2

        # lrelu(a x) == a lrelu(x) for a > 0, so its gain goes into the small factors. For one
        # image, all factors go into the weights.
        style = style * self.magnitude_ema.rsqrt()
        bias = self.bias * SQRT2
        padding = weight.shape[-1] - 1
        if len(x) == 1:
            weight = weight * style[0, :, None, None] * scale[0, :, None, None, None]
            x = F.conv2d(x, weight, bias, padding=padding)
        else:
            x = F.conv2d(x * style[:, :, None, None], weight, padding=padding)
            x = x * scale[:, :, None, None] + bias[:, None, None]
        return filtered_lrelu(
            x,
            self.up_filter,
            self.down_filter,
            up=self.geometry.up.factor,
            down=self.geometry.down.factor,
            before=self.geometry.padding[0],
            size=self.geometry.out_size,
            clamp=self.clamp,
        )


class AliasFreeToRGB(nn.Module):
    """Modulated 1x1 convolution to image channels, without demodulation."""

    affine: FullyConnected
    weight: nn.Parameter
    bias: nn.Parameter
    magnitude_ema: Tensor
    weight_gain: float
    clamp: float | None
    output_scale: float

    def __init__(self, config: StyleGAN3Config) -> None:
        super().__init__()
        in_channels = config.channels[-1]
        self.affine = FullyConnected(config.w_dim, in_channels, bias_init=1.0)
        self.weight = nn.Parameter(torch.randn(config.img_channels, in_channels, 1, 1))
        self.bias = nn.Parameter(torch.zeros(config.img_channels))
        self.register_buffer("magnitude_ema", torch.ones(()))
        self.weight_gain = in_channels**-0.5
        self.clamp = config.conv_clamp
        self.output_scale = config.output_scale

    def forward(self, x: Tensor, style: Tensor) -> Tensor:
        """Return the image of the map `x`."""
        style = style * (self.magnitude_ema.rsqrt() * self.weight_gain)
        weight = self.weight.flatten(1) * style[:, None]
        image = torch.baddbmm(self.bias[:, None], weight, x.flatten(2)).unflatten(2, x.shape[2:])
        if self.clamp is not None:
            image = image.clamp(-self.clamp, self.clamp)
        return image * self.output_scale
