"""StyleGAN2's generator in plain PyTorch, with the parameter names of NVIDIA's networks.

Three choices keep it fast on a CPU, without a compiled extension:

* maps are stored channels last, the layout that oneDNN's convolutions prefer;
* modulation scales maps or weights, whichever are smaller;
* without gradients, large maps are computed a few rows at a time, while the rows are in the
  cache, and the largest maps are never held in memory as a whole.

References
----------
.. [1] T. Karras et al., "Analyzing and Improving the Image Quality of StyleGAN", CVPR 2020.
"""

from collections import deque
from collections.abc import Iterator, Mapping

import torch
from torch import Tensor, nn
from torch.nn import functional as F

from skstylefeat._utils._layers import LayerInfo
from skstylefeat.networks._generator_network import Architecture, GeneratorNetwork, Synthesis
from skstylefeat.networks.stylegan2._generator_config import GeneratorConfig
from skstylefeat.networks.stylegan2._row_bands import LRELU_SLOPE, in_bands
from skstylefeat.networks.stylegan2._styled_layers import (
    SQRT2,
    FullyConnected,
    NoiseMode,
    SkipConv,
    StyledConv,
    ToRGB,
    fir_kernel,
    upsample2x,
)

MAPPING_LR_MULTIPLIER = 0.01
RESIDUAL_GAIN = 0.5**0.5  # keeps the variance of a sum of two paths


class MappingNetwork(nn.Module):
    """Multilayer perceptron from z (and a class) to w."""

    n_layers: int
    c_dim: int
    embed: FullyConnected  # of a conditional generator only
    w_avg: Tensor

    def __init__(self, config: Architecture) -> None:
        super().__init__()
        self.n_layers = config.n_mapping
        self.c_dim = config.c_dim
        width = config.z_dim
        if config.c_dim:
            self.embed = FullyConnected(config.c_dim, config.w_dim)
            width += config.w_dim
        for i in range(config.n_mapping):
            layer = FullyConnected(width, config.w_dim, lr_multiplier=MAPPING_LR_MULTIPLIER)
            self.add_module(f"fc{i}", layer)
            width = config.w_dim
        self.register_buffer("w_avg", torch.zeros(config.w_dim))

    def forward(self, z: Tensor, c: Tensor | None = None, truncation_psi: float = 1.0) -> Tensor:
        """Return w (n, w_dim) of z (n, z_dim) and one-hot classes c (n, c_dim)."""
        x = _rms_normalize(z)
        if self.c_dim:
            x = torch.cat([x, _rms_normalize(self.embed(c))], dim=1)
        for i in range(self.n_layers):
            x = F.leaky_relu(getattr(self, f"fc{i}")(x), LRELU_SLOPE) * SQRT2
        if truncation_psi != 1.0:
            x = self.w_avg.lerp(x, truncation_psi)
        return x


def _rms_normalize(x: Tensor) -> Tensor:
    return x * (x.square().mean(dim=1, keepdim=True) + 1e-8).rsqrt()


class SynthesisBlock(nn.Module):
    """The layers of one resolution."""

    resolution: int  # in the layers' names
    size: tuple[int, int]  # height and width of the maps
    is_first: bool
    is_last: bool
    has_image: bool
    const: nn.Parameter  # of the first block only
    conv0: StyledConv  # of all other blocks
    conv1: StyledConv
    skip: SkipConv  # of the "resnet" architecture only
    torgb: ToRGB  # only where `has_image`

    def __init__(
        self, in_channels: int, out_channels: int, resolution: int, config: GeneratorConfig
    ) -> None:
        super().__init__()
        self.resolution = resolution
        self.size = size = config.map_size(resolution)
        self.is_first = in_channels == 0
        self.is_last = resolution == config.resolution
        if self.is_first:
            self.const = nn.Parameter(torch.randn(out_channels, *size))
        else:
            self.conv0 = StyledConv(in_channels, out_channels, size, up=True, config=config)
            if config.architecture == "resnet":
                self.skip = SkipConv(in_channels, out_channels)
        self.conv1 = StyledConv(out_channels, out_channels, size, up=False, config=config)
        self.has_image = self.is_last or config.architecture == "skip"
        if self.has_image:
            self.torgb = ToRGB(out_channels, config)

    @property
    def convs(self) -> dict[str, StyledConv]:
        """Names and styled convolutions, in the order in which they run."""
        names = ("conv1",) if self.is_first else ("conv0", "conv1")
        return {f"b{self.resolution}.{name}": getattr(self, name) for name in names}

    def steps(
        self, x: Tensor | None, styles: Mapping[str, Tensor], noise_mode: NoiseMode
    ) -> Iterator[tuple[str, Tensor]]:
        """Yield (name, feature map) after every styled convolution of the map `x` below."""
        residual = None
        if self.is_first:
            n = len(styles["b4.conv1"])
            x = self.const.expand(n, *self.const.shape)
            x = x.contiguous(memory_format=torch.channels_last)
        elif hasattr(self, "skip"):
            residual = self.skip(x, self.conv0.fir, RESIDUAL_GAIN)
        for name, conv in self.convs.items():
            if residual is not None and conv is self.conv1:
                x = conv(x, styles[name], noise_mode, RESIDUAL_GAIN) + residual
            else:
                x = conv(x, styles[name], noise_mode)
            yield name, x

    @property
    def in_bands(self) -> bool:
        """Whether images run one at a time, over bands of rows."""
        hooked = any(layer._forward_hooks for layer in self.children())  # hooks expect whole maps
        if self.is_first or hasattr(self, "skip") or hooked:
            return False
        return self.conv0.in_bands and self.conv1.in_bands

    def forward(
        self,
        x: Tensor | None,
        image: Tensor,
        styles: Mapping[str, Tensor],
        noise_mode: NoiseMode,
    ) -> tuple[Tensor | None, Tensor]:
        """Return the last map of the block, and `image` with the contribution of the block.

        The map is None for the last block of the network if it runs over bands, because it is
        never held as a whole.
        """
        if self.in_bands:
            return self._forward_in_bands(x, image, styles, noise_mode)
        ((_, y),) = deque(self.steps(x, styles, noise_mode), maxlen=1)
        if self.has_image:
            image = image + self.torgb(y, styles[f"b{self.resolution}.torgb"])
        return y, image

    def _forward_in_bands(self, x, image, styles, noise_mode):
        # Nothing reads the map of the last block but its toRGB layer, band by band.
        y = None if self.is_last else self.conv1.empty_maps(x)
        folded = [conv.fold(styles[name], noise_mode) for name, conv in self.convs.items()]
        for i, convs in enumerate(zip(*folded, strict=True)):
            for rows, part in in_bands(convs, x[i : i + 1]):
                if y is not None:
                    y[i, :, rows] = part[0]
                if self.has_image:
                    style = styles[f"b{self.resolution}.torgb"][i : i + 1]
                    image[i, :, rows] += self.torgb(part, style)[0]
        return y, image


class SynthesisNetwork(Synthesis):
    """Feature maps and an image from one W vector per layer."""

    config: GeneratorConfig
    fir: Tensor

    def __init__(self, config: GeneratorConfig) -> None:
        super().__init__()
        self.config = config
        in_channels = 0
        for resolution, channels in zip(config.block_resolutions, config.channels, strict=True):
            block = SynthesisBlock(in_channels, channels, resolution, config)
            self.add_module(f"b{resolution}", block)
            in_channels = channels
        self.register_buffer("fir", fir_kernel(config.resample_filter), persistent=False)

    def blocks(self) -> Iterator[SynthesisBlock]:
        """Yield the blocks from 4 pixels up."""
        for resolution in self.config.block_resolutions:
            yield getattr(self, f"b{resolution}")

    def layers(self) -> tuple[LayerInfo, ...]:
        """Return name and size of the feature maps, in the order of `steps`."""
        return tuple(
            LayerInfo(name, channels, *block.size)
            for block, channels in zip(self.blocks(), self.config.channels, strict=True)
            for name in block.convs
        )

    def modulated(self) -> Iterator[tuple[str, int, StyledConv | ToRGB]]:
        """Yield (name, index of the W vector, layer) of every modulated layer, in running order.

        The toRGB layer of a block and the first convolution of the next one share a W vector.
        """
        w_index = 0
        for block in self.blocks():
            for name, conv in block.convs.items():
                yield name, w_index, conv
                w_index += 1
            if block.has_image:
                yield f"b{block.resolution}.torgb", w_index, block.torgb

    def steps(
        self, styles: Mapping[str, Tensor], noise_mode: NoiseMode = "const"
    ) -> Iterator[tuple[str, Tensor]]:
        """Yield (name, feature map) after every styled convolution.

        Layers run when they are asked for, so a caller that stops early saves the rest.
        """
        x = None
        for block in self.blocks():
            for name, y in block.steps(x, styles, noise_mode):
                yield name, y
            x = y

    def from_styles(self, styles: Mapping[str, Tensor], noise_mode: NoiseMode = "const") -> Tensor:
        """Return the image (n, img_channels, H, W) of styles by layer name."""
        x = None
        n = len(styles["b4.conv1"])
        image = styles["b4.conv1"].new_zeros(n, self.config.img_channels, *self.config.const_size)
        for block in self.blocks():
            below = image if block.is_first else upsample2x(image, self.fir)
            x, image = block(x, below, styles, noise_mode)
        return image


class StyleGAN2Generator(GeneratorNetwork):
    """Mapping and synthesis network of one architecture."""

    config: GeneratorConfig
    mapping: MappingNetwork
    synthesis: SynthesisNetwork

    def __init__(self, config: GeneratorConfig) -> None:
        super().__init__()
        self.config = config
        self.mapping = MappingNetwork(config)
        self.synthesis = SynthesisNetwork(config)
