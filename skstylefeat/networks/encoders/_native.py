"""The native encoder: images to W+ codes in one forward pass.

As in e4e [1]_, a code is one W vector for all layers plus a bounded offset per layer, so that codes
stay where the generator was trained. The outputs are in whitened coordinates of W, which samples of
the mapping network define: an output of one is one standard deviation, in every direction and for
every generator.

References
----------
.. [1] O. Tov et al., "Designing an Encoder for StyleGAN Image Manipulation", SIGGRAPH 2021.
"""

from collections.abc import Sequence
from dataclasses import asdict, dataclass
from itertools import pairwise
from typing import Any, Self, cast

import torch
from torch import Tensor, nn
from torch.nn import functional as F

from skstylefeat.networks._generator_network import GeneratorNetwork
from skstylefeat.networks.encoders._row_pairs import in_pairs

LRELU_SLOPE = 0.2
WIDTHS_FROM_4PX = (160, 160, 96, 32, 24, 16, 12)
REDUCED_WIDTH = 96


@dataclass(frozen=True)
class EncoderConfig:
    """Architecture of an encoder.

    Parameters
    ----------
    resolution : int
        Side of the input images in pixels, a power of two from 4.
    n_ws, w_dim : int
        Shape of a W+ code.
    img_channels : int, default=3
        Channels of the images.
    widths : tuple of int or None, default=None
        Channels of the trunk at 4, 8, ..., `resolution` pixels; None takes widths that keep the
        encoder below 2.2 million parameters for w_dim = 128.
    hidden : int, default=256
        Width of the layer between the trunk and the code.
    max_offset : float, default=1.0
        Bound of the offsets per layer, in standard deviations of W.
    """

    resolution: int
    n_ws: int
    w_dim: int
    img_channels: int = 3
    widths: tuple[int, ...] | None = None
    hidden: int = 256
    max_offset: float = 1.0

    def __post_init__(self) -> None:
        if self.resolution < 4 or self.resolution & (self.resolution - 1):
            raise ValueError(f"resolution must be a power of two from 4, got {self.resolution}.")
        n_levels = self.resolution.bit_length() - 2
        widths = self.widths
        if widths is None:
            extra = max(0, n_levels - len(WIDTHS_FROM_4PX))
            widths = (WIDTHS_FROM_4PX + WIDTHS_FROM_4PX[-1:] * extra)[:n_levels]
        if len(widths) != n_levels:
            raise ValueError(
                f"widths has {len(widths)} entries, but an encoder of resolution "
                f"{self.resolution} has {n_levels} levels (4, 8, ... pixels)."
            )
        object.__setattr__(self, "widths", tuple(int(width) for width in widths))

    @classmethod
    def for_generator(cls, generator: GeneratorNetwork, **overrides: Any) -> Self:
        """Return the configuration that fits the module of a generator."""
        config = generator.config
        shape = {
            "resolution": config.resolution,
            "n_ws": config.n_ws,
            "w_dim": config.w_dim,
            "img_channels": config.img_channels,
        }
        return cls(**{**shape, **overrides})

    def to_dict(self) -> dict[str, Any]:
        """Return the architecture as a dictionary that JSON can hold."""
        return asdict(self)


class ConvUnit(nn.Module):
    """3x3 convolution, batch normalization, leaky ReLU."""

    conv: nn.Conv2d
    norm: nn.BatchNorm2d

    def __init__(self, in_channels: int, out_channels: int, stride: int = 1) -> None:
        super().__init__()
        self.conv = nn.Conv2d(in_channels, out_channels, 3, stride, 1, bias=False)
        self.norm = nn.BatchNorm2d(out_channels)

    def forward(self, x: Tensor) -> Tensor:
        """Return the activations."""
        return F.leaky_relu(self.norm(self.conv(x)), LRELU_SLOPE)


class DownBlock(nn.Module):
    """Residual block that halves the resolution."""

    unit0: ConvUnit
    unit1: ConvUnit
    skip: nn.Conv2d

    def __init__(self, in_channels: int, out_channels: int) -> None:
        super().__init__()
        self.unit0 = ConvUnit(in_channels, in_channels)
        self.unit1 = ConvUnit(in_channels, out_channels, stride=2)
        self.skip = nn.Conv2d(in_channels, out_channels, 1, bias=False)

    def forward(self, x: Tensor) -> Tensor:
        """Return maps of half the resolution."""
        return self.unit1(self.unit0(x)) + self.skip(F.avg_pool2d(x, 2))


class EncoderNetwork(nn.Module):
    """Convolutional encoder from images (n, C, H, W) in [-1, 1] to codes (n, n_ws, w_dim).

    Parameters
    ----------
    config : EncoderConfig
        Architecture.

    Notes
    -----
    The buffers `w_avg` (w_dim,) and `w_basis` (w_dim, w_dim) describe the W distribution of the
    generator: w = w_avg + u @ w_basis has that distribution's mean and covariance when u has mean
    zero and unit covariance. `EncoderNetwork.set_distribution` sets them.
    """

    config: EncoderConfig
    n_ws: int
    w_dim: int
    input_size: tuple[int, int]
    stem: ConvUnit
    blocks: nn.ModuleList
    last: ConvUnit
    reduce: nn.Conv2d
    layout: nn.Linear
    texture: nn.Linear
    norm: nn.BatchNorm1d
    base: nn.Linear
    offsets: nn.Linear
    w_avg: Tensor
    w_basis: Tensor

    def __init__(self, config: EncoderConfig) -> None:
        super().__init__()
        self.config = config
        self.n_ws, self.w_dim = config.n_ws, config.w_dim
        self.input_size = (config.resolution, config.resolution)
        widths = cast(tuple[int, ...], config.widths)[::-1]  # the config has filled in None
        self.stem = ConvUnit(config.img_channels, widths[0])
        self.blocks = nn.ModuleList(DownBlock(*pair) for pair in pairwise(widths))
        self.last = ConvUnit(widths[-1], widths[-1])
        self.reduce = nn.Conv2d(widths[-1], REDUCED_WIDTH, 1)

        # Spatial layout from the 4 px map; color and texture from the means of all maps.
        self.layout = nn.Linear(16 * REDUCED_WIDTH, config.hidden)
        self.texture = nn.Linear(sum(widths), config.hidden)
        self.norm = nn.BatchNorm1d(config.hidden)
        self.base = nn.Linear(config.hidden, config.w_dim)
        self.offsets = nn.Linear(config.hidden, config.n_ws * config.w_dim)
        nn.init.normal_(self.offsets.weight, std=0.01 / config.hidden**0.5)
        nn.init.zeros_(self.offsets.bias)

        self.register_buffer("w_avg", torch.zeros(config.w_dim))
        self.register_buffer("w_basis", torch.eye(config.w_dim))

    def set_distribution(self, w_avg: Tensor, w_basis: Tensor) -> None:
        """Set mean (w_dim,) and whitened basis (w_dim, w_dim) of W."""
        self.w_avg.copy_(w_avg)
        self.w_basis.copy_(w_basis)

    def trunk(self, images: Tensor) -> list[Tensor]:
        """Return the feature maps at `resolution`, ..., 8 and 4 pixels."""
        x = self.stem(images)
        maps = [x]
        for block in self.blocks:
            x = block(x)
            maps.append(x)
        maps[-1] = x + self.last(x)
        return maps

    def heads(self, maps: Sequence[Tensor]) -> tuple[Tensor, Tensor]:
        """Return whitened base (n, w_dim) and offsets (n, n_ws, w_dim) of the trunk's maps."""
        reduced = F.leaky_relu(self.reduce(maps[-1]), LRELU_SLOPE).flatten(1)
        layout = in_pairs(self.layout, reduced)
        texture = in_pairs(self.texture, torch.cat([x.mean(dim=(2, 3)) for x in maps], dim=1))
        hidden = F.leaky_relu(self.norm(layout + texture), LRELU_SLOPE)
        bound = self.config.max_offset
        offsets = bound * torch.tanh(in_pairs(self.offsets, hidden) / bound)
        return in_pairs(self.base, hidden), offsets.unflatten(
            1, (self.config.n_ws, self.config.w_dim)
        )

    def to_w(self, whitened: Tensor) -> Tensor:
        """Map whitened codes (..., w_dim) to W."""
        rows = whitened.reshape(-1, self.w_dim)
        return self.w_avg + in_pairs(lambda x: x @ self.w_basis, rows).reshape(whitened.shape)

    def forward(self, images: Tensor) -> Tensor:
        """Return the codes of images."""
        base, offsets = self.heads(self.trunk(images))
        return self.to_w(base[:, None] + offsets)
