"""StyleGAN3's generator in plain PyTorch, with the parameter names of NVIDIA's networks.

Maps have a margin around the image, so that what lies outside can move in. Maps that leave the
network are cropped to the image. There is no noise.

References
----------
.. [1] T. Karras et al., "Alias-Free Generative Adversarial Networks", NeurIPS 2021.
"""

from collections import deque
from collections.abc import Iterator, Mapping
from typing import TypeAlias

from torch import Tensor

from skstylefeat._utils._layers import LayerInfo
from skstylefeat.networks._generator_network import GeneratorNetwork, Noise, Synthesis
from skstylefeat.networks.stylegan2._network import MappingNetwork
from skstylefeat.networks.stylegan3._alias_free_config import StyleGAN3Config
from skstylefeat.networks.stylegan3._alias_free_layers import (
    AliasFreeLayer,
    AliasFreeToRGB,
    FourierInput,
)

INPUT = "input"
Layer: TypeAlias = FourierInput | AliasFreeLayer | AliasFreeToRGB


class AliasFreeSynthesis(Synthesis):
    """Feature maps and an image from one W vector per layer.

    The first block of the styles, "input", holds cosine and sine of a rotation, up to a factor, and
    a translation of the image.
    """

    config: StyleGAN3Config
    input: FourierInput

    def __init__(self, config: StyleGAN3Config) -> None:
        super().__init__()
        self.config = config
        self.input = FourierInput(config)
        *self._map_names, self._last = config.layer_names
        for name, geometry in zip(self._map_names, config.layer_geometry, strict=True):
            self.add_module(name, AliasFreeLayer(geometry, config))
        self.add_module(self._last, AliasFreeToRGB(config))

    def layers(self) -> tuple[LayerInfo, ...]:
        """Return name and size of the feature maps without margins, in the order of `steps`."""
        sizes = ((x.out_channels, x.out_size - 2 * x.margin) for x in self.config.layer_geometry)
        return tuple(
            LayerInfo(name, channels, side, side)
            for name, (channels, side) in zip(self._map_names, sizes, strict=True)
        )

    def modulated(
        self,
    ) -> Iterator[tuple[str, int, FourierInput | AliasFreeLayer | AliasFreeToRGB]]:
        """Yield (name, index of the W vector, layer) from the input to toRGB."""
        for index, name in enumerate((INPUT, *self._map_names, self._last)):
            yield name, index, getattr(self, name)

    def steps(
        self, styles: Mapping[str, Tensor], noise_mode: Noise = "const"
    ) -> Iterator[tuple[str, Tensor]]:
        """Yield (name, feature map without its margin) after every layer but the input.

        Layers run when they are asked for, so a caller that stops early saves the rest.
        """
        for name, x in self._whole_maps(styles):
            margin = getattr(self, name).geometry.margin
            inside = slice(margin, x.shape[-1] - margin)
            yield name, x[:, :, inside, inside]

    def _whole_maps(self, styles):
        x = self.input(styles[INPUT])
        for name in self._map_names:
            x = getattr(self, name)(x, styles[name])
            yield name, x

    def from_styles(self, styles: Mapping[str, Tensor], noise_mode: Noise = "const") -> Tensor:
        """Return the image (n, img_channels, H, W) of styles by layer name."""
        ((_, x),) = deque(self._whole_maps(styles), maxlen=1)
        return getattr(self, self._last)(x, styles[self._last])


class StyleGAN3Generator(GeneratorNetwork):
    """Mapping and synthesis network of one architecture."""

    config: StyleGAN3Config
    mapping: MappingNetwork
    synthesis: AliasFreeSynthesis

    def __init__(self, config: StyleGAN3Config) -> None:
        super().__init__()
        self.config = config
        self.mapping = MappingNetwork(config)
        self.synthesis = AliasFreeSynthesis(config)
