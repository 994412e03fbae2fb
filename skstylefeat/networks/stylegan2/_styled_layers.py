"""Layers of StyleGAN2's synthesis network, with the parameter names of NVIDIA's networks.

If the maps are smaller than the weights, modulation scales the maps, so that one ordinary
convolution serves the whole batch: ``conv(x, W * s) == conv(x * s, W)``. If they are larger, and no
gradient is needed, modulation, demodulation and gains go into the weights of one image at a time.
"""

from collections.abc import Iterator, Sequence
from typing import Literal, TypeAlias

import torch
from torch import Tensor, nn
from torch.nn import functional as F

from skstylefeat.networks.stylegan2._generator_config import GeneratorConfig
from skstylefeat.networks.stylegan2._row_bands import LRELU_SLOPE, FoldedConv, convolve, in_bands

#: Noise of the layers: the constant of the network, newly drawn, or none.
NoiseMode: TypeAlias = Literal["const", "random", "none"]

SQRT2 = 2.0**0.5
DEMODULATION_EPS = 1e-8


class FullyConnected(nn.Module):
    """Linear layer with the equalized learning rate: y = x W^T lr / sqrt(in) + b lr."""

    weight: nn.Parameter
    bias: nn.Parameter
    weight_gain: float
    bias_gain: float

    def __init__(
        self,
        in_features: int,
        out_features: int,
        *,
        bias_init: float = 0.0,
        lr_multiplier: float = 1.0,
    ) -> None:
        super().__init__()
        self.weight = nn.Parameter(torch.randn(out_features, in_features) / lr_multiplier)
        self.bias = nn.Parameter(torch.full((out_features,), float(bias_init)))
        self.weight_gain = lr_multiplier / in_features**0.5
        self.bias_gain = lr_multiplier

    def forward(self, x: Tensor) -> Tensor:
        """Return outputs (n, out_features)."""
        return F.linear(x * self.weight_gain, self.weight, self.bias * self.bias_gain)


def fir_kernel(taps: Sequence[float]) -> Tensor:
    """Return the 2-D low-pass kernel of 1-D `taps`, with the gain 4 of a 2x up-sampling."""
    row = torch.as_tensor(taps, dtype=torch.float32)
    kernel = torch.outer(row, row)
    return kernel * (4.0 / kernel.sum())


def upsample2x(x: Tensor, kernel: Tensor) -> Tensor:
    """Up-sample `x` of shape (n, C, H, W) by zero insertion and the 4x4 FIR `kernel`."""
    n, channels, height, width = x.shape
    flat = x.reshape(n * channels, 1, height, width)
    flat = F.conv_transpose2d(flat, kernel[None, None], stride=2, padding=1)
    return flat.reshape(n, channels, 2 * height, 2 * width)


class StyledConv(nn.Module):
    """Modulated 3x3 convolution, noise, bias and leaky ReLU; its output is a feature map."""

    affine: FullyConnected
    weight: nn.Parameter
    bias: nn.Parameter
    noise_strength: nn.Parameter
    noise_const: Tensor
    fir: Tensor
    up: bool
    clamp: float | None
    maps_outweigh_weights: bool

    def __init__(
        self,
        in_channels: int,
        out_channels: int,
        size: tuple[int, int],
        *,
        up: bool,
        config: GeneratorConfig,
    ) -> None:
        super().__init__()
        self.affine = FullyConnected(config.w_dim, in_channels, bias_init=1.0)
        weight = torch.randn(out_channels, in_channels, 3, 3)
        self.weight = nn.Parameter(self._in_order(weight, up))
        self.bias = nn.Parameter(torch.zeros(out_channels))
        self.noise_strength = nn.Parameter(torch.zeros(()))
        self.register_buffer("noise_const", torch.randn(size))
        self.register_buffer("fir", fir_kernel(config.resample_filter), persistent=False)
        self.up = up
        self.clamp = config.conv_clamp
        self.maps_outweigh_weights = out_channels * size[0] * size[1] > self.weight.numel()

    @property
    def in_bands(self) -> bool:
        """Whether images run one at a time, over bands of rows."""
        return self.maps_outweigh_weights and not torch.is_grad_enabled()

    def forward(self, x: Tensor, style: Tensor, noise_mode: NoiseMode, gain: float = 1.0) -> Tensor:
        """Return the feature map of the map `x`, with styles (n, in_channels)."""
        if self.in_bands:
            y = self.empty_maps(x)
            for i, conv in enumerate(self.fold(style, noise_mode, gain)):
                for rows, part in in_bands([conv], x[i : i + 1]):
                    y[i, :, rows] = part[0]
            return y

        # lrelu(a x) == a lrelu(x) for a > 0, so the gain goes into the small factors.
        scale = self._demodulation(style) * (gain * SQRT2)
        x = convolve(x * style[:, :, None, None], self.weight, fir=self.fir if self.up else None)
        x = x * scale[:, :, None, None] + (self.bias * (gain * SQRT2))[:, None, None]
        noise = self._noise(noise_mode, style, gain)
        if noise is not None:
            x = x + noise
        x = F.leaky_relu(x, LRELU_SLOPE)
        return x if self.clamp is None else x.clamp(-self.clamp * gain, self.clamp * gain)

    def fold(self, style: Tensor, noise_mode: NoiseMode, gain: float = 1.0) -> Iterator[FoldedConv]:
        """Yield the layer as a `FoldedConv` for every row of `style`."""
        noise = self._noise(noise_mode, style, gain)
        scale = self._demodulation(style) * (gain * SQRT2)
        for i in range(len(style)):
            yield FoldedConv(
                weight=self.weight * style[i, :, None, None] * scale[i, :, None, None, None],
                bias=self.bias * (gain * SQRT2),
                noise=None if noise is None else noise[i % len(noise)],
                fir=self.fir if self.up else None,
                limit=None if self.clamp is None else self.clamp * gain,
            )

    def empty_maps(self, x: Tensor) -> Tensor:
        """Return memory for the maps of inputs `x`."""
        shape = len(x), len(self.bias), *self.noise_const.shape
        layout = torch.channels_last
        return torch.empty(shape, dtype=x.dtype, device=x.device, memory_format=layout)

    @staticmethod
    def _in_order(weight: Tensor, up: bool) -> Tensor:
        """Return the weights in the memory layout of the convolutions: channels last."""
        if up:  # a transposed convolution takes (in_channels, out_channels, 3, 3)
            weight = weight.transpose(0, 1)
        weight = weight.contiguous(memory_format=torch.channels_last)
        return weight.transpose(0, 1) if up else weight

    def _demodulation(self, style: Tensor) -> Tensor:
        if self.up:  # sum in the order of the memory
            energy = self.weight.transpose(0, 1).square().sum(dim=(2, 3))
        else:
            energy = self.weight.square().sum(dim=(2, 3)).T
        return (style.square() @ energy + DEMODULATION_EPS).rsqrt()

    def _noise(self, noise_mode: NoiseMode, style: Tensor, gain: float) -> Tensor | None:
        """Return the noise (1 or n, 1, H, W), or None."""
        if noise_mode == "none":
            return None
        noise = self.noise_const[None, None]
        if noise_mode == "random":
            noise = torch.randn(len(style), *noise.shape[1:], device=style.device)
        return noise * (self.noise_strength * (gain * SQRT2))


class ToRGB(nn.Module):
    """Modulated 1x1 convolution to image channels, without demodulation."""

    affine: FullyConnected
    weight: nn.Parameter
    bias: nn.Parameter
    weight_gain: float
    clamp: float | None

    def __init__(self, in_channels: int, config: GeneratorConfig) -> None:
        super().__init__()
        self.affine = FullyConnected(config.w_dim, in_channels, bias_init=1.0)
        self.weight = nn.Parameter(torch.randn(config.img_channels, in_channels, 1, 1))
        self.bias = nn.Parameter(torch.zeros(config.img_channels))
        self.weight_gain = in_channels**-0.5
        self.clamp = config.conv_clamp

    def forward(self, x: Tensor, style: Tensor) -> Tensor:
        """Return the contribution of the map `x` to the image."""
        # There are few output channels: scaling the weights is faster than scaling the maps.
        weight = self.weight * (style * self.weight_gain)[:, None, :, None, None]
        if len(x) == 1:
            image = F.conv2d(x, weight[0], self.bias)
        else:  # with channels last, every pixel is a row of one matrix product
            pixels = x.permute(0, 2, 3, 1).flatten(1, 2)
            image = torch.baddbmm(self.bias, pixels, weight.flatten(2).mT)
            image = image.unflatten(1, x.shape[2:]).permute(0, 3, 1, 2)
        return image if self.clamp is None else image.clamp(-self.clamp, self.clamp)


class SkipConv(nn.Module):
    """Residual path of the "resnet" architecture: a 1x1 convolution, then 2x up-sampling."""

    weight: nn.Parameter
    weight_gain: float

    def __init__(self, in_channels: int, out_channels: int) -> None:
        super().__init__()
        self.weight = nn.Parameter(torch.randn(out_channels, in_channels, 1, 1))
        self.weight_gain = in_channels**-0.5

    def forward(self, x: Tensor, kernel: Tensor, gain: float) -> Tensor:
        """Return the map `x` times `gain`, at twice the resolution."""
        return upsample2x(F.conv2d(x, self.weight * (self.weight_gain * gain)), kernel)
