"""Base of the generators of all StyleGAN families."""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Iterator, Mapping
from typing import Any, Literal, Protocol, TypeAlias

from torch import Tensor, nn

from skstylefeat._utils._layers import LayerInfo

NOISE_MODES = ("const", "none")
Noise: TypeAlias = Literal["const", "none"]


class Architecture(Protocol):
    """Sizes that every generator's configuration states."""

    @property
    def resolution(self) -> int:
        """Longer side of the images in pixels."""

    @property
    def z_dim(self) -> int:
        """Width of the Gaussian input."""

    @property
    def w_dim(self) -> int:
        """Width of W."""

    @property
    def n_mapping(self) -> int:
        """Number of layers of the mapping network."""

    @property
    def c_dim(self) -> int:
        """Number of classes of a conditional generator, else 0."""

    @property
    def img_channels(self) -> int:
        """Channels of the images."""

    @property
    def image_size(self) -> tuple[int, int]:
        """Height and width of the images in pixels."""

    @property
    def n_ws(self) -> int:
        """Number of W vectors in a W+ code."""

    def to_dict(self) -> dict[str, Any]:
        """Return the architecture as a dictionary that JSON can hold."""


class DoublingBlocks:
    """Configuration of a generator whose blocks have 4, 8, ..., `resolution` pixels."""

    resolution: int
    channels: tuple[int, ...]

    def check_blocks(self) -> None:
        """Make `channels` integers; raise ValueError unless there is one for each block."""
        object.__setattr__(self, "channels", tuple(int(c) for c in self.channels))
        if self.resolution < 4 or self.resolution & (self.resolution - 1):
            raise ValueError(f"resolution must be a power of two from 4, got {self.resolution}.")
        if len(self.channels) != len(self.block_resolutions):
            raise ValueError(
                f"channels has {len(self.channels)} entries, but a generator of resolution "
                f"{self.resolution} has {len(self.block_resolutions)} blocks (4, 8, ... pixels)."
            )

    @property
    def block_resolutions(self) -> tuple[int, ...]:
        """Numbers of the synthesis blocks, resolutions for squares: 4, 8, ..., `resolution`."""
        return tuple(2**k for k in range(2, self.resolution.bit_length()))

    @property
    def n_ws(self) -> int:
        """Number of W vectors of one image, 2 log2(resolution) - 2."""
        return 2 * len(self.block_resolutions)


class WMapping(Protocol):
    """Function from Gaussian inputs to W."""

    w_avg: Tensor

    def __call__(self, z: Tensor, c: Tensor | None = None, truncation_psi: float = 1.0) -> Tensor:
        """Return w (n, w_dim) of z (n, z_dim) and one-hot classes c (n, c_dim)."""


class Synthesis(nn.Module, ABC):
    """Feature maps and an image from one W vector per layer."""

    @abstractmethod
    def layers(self) -> tuple[LayerInfo, ...]:
        """Return name and size of the feature maps, in the order of `steps`."""

    @abstractmethod
    def modulated(self) -> Iterator[tuple[str, int, Any]]:
        """Yield (name, index of the W vector, layer with an `affine`), in running order."""

    @abstractmethod
    def steps(
        self, styles: Mapping[str, Tensor], noise_mode: Noise = "const"
    ) -> Iterator[tuple[str, Tensor]]:
        """Yield (name, feature map) layer by layer.

        Layers run when they are asked for, so a caller that stops early saves the rest.
        """

    @abstractmethod
    def from_styles(self, styles: Mapping[str, Tensor], noise_mode: Noise = "const") -> Tensor:
        """Return the image (n, img_channels, H, W) of styles by layer name."""

    def styles(self, ws: Tensor) -> dict[str, Tensor]:
        """Return the styles (S space) of W+ codes (n, n_ws, w_dim): layer name to (n, width)."""
        return {name: layer.affine(ws[:, index]) for name, index, layer in self.modulated()}

    def forward(self, ws: Tensor, noise_mode: Noise = "const") -> Tensor:
        """Return the image (n, img_channels, H, W) of W+ codes (n, n_ws, w_dim)."""
        return self.from_styles(self.styles(ws), noise_mode)


class GeneratorNetwork(nn.Module):
    """Mapping and synthesis network of one architecture."""

    config: Architecture
    mapping: WMapping
    synthesis: Synthesis

    def forward(
        self,
        z: Tensor,
        c: Tensor | None = None,
        truncation_psi: float = 1.0,
        noise_mode: Noise = "const",
    ) -> Tensor:
        """Return the image (n, img_channels, H, W) of z (n, z_dim)."""
        w = self.mapping(z, c, truncation_psi)
        return self.synthesis(w[:, None].expand(-1, self.config.n_ws, -1), noise_mode)
