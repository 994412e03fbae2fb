"""StyleGAN1's generator in plain PyTorch, with names as those of the StyleGAN2 generator.

Every resolution has two feature maps, the outputs of AdaIN: ``b4.const`` and ``b4.conv1``, then
``b8.conv0`` and ``b8.conv1``, and so on. Each reads one W vector. The image is a 1x1 convolution of
the last one; the images of lower resolutions, which progressive growing used, are left out.

References
----------
.. [1] T. Karras et al., "A Style-Based Generator Architecture for Generative Adversarial
   Networks", CVPR 2019.
"""

from collections.abc import Iterator, Mapping

import torch
from torch import Tensor, nn
from torch.nn import functional as F

from skstylefeat._utils._layers import LayerInfo
from skstylefeat.networks._generator_network import GeneratorNetwork, Noise, Synthesis
from skstylefeat.networks.stylegan1._adain_layers import (
    LRELU_SLOPE,
    AdaINConv,
    AdaINLayer,
    StyledInput,
)
from skstylefeat.networks.stylegan1._stylegan1_config import StyleGAN1Config
from skstylefeat.networks.stylegan2._network import MAPPING_LR_MULTIPLIER
from skstylefeat.networks.stylegan2._styled_layers import SQRT2, FullyConnected

RMS_EPS = 1e-8


class AdaINMapping(nn.Module):
    """Multilayer perceptron from z (and a class) to w."""

    n_layers: int
    c_dim: int
    embed: nn.Linear  # of a conditional generator only
    w_avg: Tensor

    def __init__(self, config: StyleGAN1Config) -> None:
        super().__init__()
        self.n_layers = config.n_mapping
        self.c_dim = config.c_dim
        if config.c_dim:
            self.embed = nn.Linear(config.c_dim, config.z_dim, bias=False)
        hidden = [config.mapping_width] * (config.n_mapping - 1)
        widths = [config.z_dim * (2 if config.c_dim else 1), *hidden, config.w_dim]
        for i in range(config.n_mapping):
            layer = FullyConnected(widths[i], widths[i + 1], lr_multiplier=MAPPING_LR_MULTIPLIER)
            self.add_module(f"fc{i}", layer)
        self.register_buffer("w_avg", torch.zeros(config.w_dim))

    def forward(self, z: Tensor, c: Tensor | None = None, truncation_psi: float = 1.0) -> Tensor:
        """Return w (n, w_dim) of z (n, z_dim) and one-hot classes c (n, c_dim).

        Truncation moves w itself, so that it acts on all layers. NVIDIA's code truncates the first
        8 layers by default: truncate the rows of a W+ code to reproduce that.
        """
        x = z if c is None else torch.cat([z, self.embed(c)], dim=1)
        x = x * (x.square().mean(dim=1, keepdim=True) + RMS_EPS).rsqrt()
        for i in range(self.n_layers):
            # The gain belongs to the weights alone: biases have none, unlike in StyleGAN2.
            x = F.leaky_relu(getattr(self, f"fc{i}")(x * SQRT2), LRELU_SLOPE)
        if truncation_psi != 1.0:
            x = self.w_avg.lerp(x, truncation_psi)
        return x


class AdaINBlock(nn.Module):
    """The layers of one resolution."""

    const: StyledInput  # of the first block only
    conv0: AdaINConv  # of all other blocks
    conv1: AdaINConv
    torgb: nn.Conv2d  # of the last block only

    def __init__(
        self, in_channels: int, out_channels: int, resolution: int, config: StyleGAN1Config
    ) -> None:
        super().__init__()
        self.resolution = resolution
        if in_channels:
            self.conv0 = AdaINConv(
                in_channels,
                out_channels,
                resolution,
                config.w_dim,
                up=True,
                blur_filter=config.blur_filter,
            )
        else:
            self.const = StyledInput(out_channels, resolution, config.w_dim)
        self.conv1 = AdaINConv(
            out_channels,
            out_channels,
            resolution,
            config.w_dim,
            up=False,
            blur_filter=config.blur_filter,
        )
        if resolution == config.resolution:
            self.torgb = nn.Conv2d(out_channels, config.img_channels, 1)

    @property
    def layers(self) -> dict[str, AdaINLayer]:
        """Names and layers, in the order in which they run."""
        first = "conv0" if hasattr(self, "conv0") else "const"
        return {f"b{self.resolution}.{name}": getattr(self, name) for name in (first, "conv1")}


class AdaINSynthesis(Synthesis):
    """Feature maps and an image from one W vector per layer."""

    config: StyleGAN1Config

    def __init__(self, config: StyleGAN1Config) -> None:
        super().__init__()
        self.config = config
        in_channels = 0
        for resolution, channels in zip(config.block_resolutions, config.channels, strict=True):
            self.add_module(f"b{resolution}", AdaINBlock(in_channels, channels, resolution, config))
            in_channels = channels

    def blocks(self) -> Iterator[AdaINBlock]:
        """Yield the blocks from 4 pixels up."""
        for resolution in self.config.block_resolutions:
            yield getattr(self, f"b{resolution}")

    def layers(self) -> tuple[LayerInfo, ...]:
        """Return name and size of the feature maps, in the order of `steps`."""
        return tuple(
            LayerInfo(name, channels, block.resolution, block.resolution)
            for block, channels in zip(self.blocks(), self.config.channels, strict=True)
            for name in block.layers
        )

    def modulated(self) -> Iterator[tuple[str, int, AdaINLayer]]:
        """Yield (name, index of the W vector, layer) of every layer, in running order."""
        named = [item for block in self.blocks() for item in block.layers.items()]
        for index, (name, layer) in enumerate(named):
            yield name, index, layer

    def steps(
        self, styles: Mapping[str, Tensor], noise_mode: Noise = "const"
    ) -> Iterator[tuple[str, Tensor]]:
        """Yield (name, feature map) after every AdaIN.

        Layers run when they are asked for, so a caller that stops early saves the rest.
        """
        x = None
        for name, _, layer in self.modulated():
            inputs = () if x is None else (x,)
            x = layer(*inputs, styles[name], noise_mode)
            yield name, x

    def from_styles(self, styles: Mapping[str, Tensor], noise_mode: Noise = "const") -> Tensor:
        """Return the image (n, img_channels, H, W) of styles by layer name."""
        for _, x in self.steps(styles, noise_mode):
            last = x
        block = getattr(self, f"b{self.config.resolution}")
        return block.torgb(last)


class StyleGAN1Generator(GeneratorNetwork):
    """Mapping and synthesis network of one architecture."""

    config: StyleGAN1Config
    mapping: AdaINMapping
    synthesis: AdaINSynthesis

    def __init__(self, config: StyleGAN1Config) -> None:
        super().__init__()
        self.config = config
        self.mapping = AdaINMapping(config)
        self.synthesis = AdaINSynthesis(config)
