"""Interface that the synthesis networks of all StyleGAN families share."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any, Literal, Protocol, TypeAlias

from torch import Tensor, nn

from skstylefeat._utils._layers import LayerInfo

NOISE_MODES = ("const", "none")
Noise: TypeAlias = Literal["const", "none"]


class Architecture(Protocol):
    """Sizes that every generator's configuration states."""

    resolution: int
    z_dim: int
    w_dim: int
    c_dim: int
    img_channels: int

    @property
    def image_size(self) -> tuple[int, int]:
        """Height and width of the images in pixels."""

    @property
    def n_ws(self) -> int:
        """Number of W vectors in a W+ code."""

    def to_dict(self) -> dict[str, Any]:
        """Return the architecture as a dictionary that JSON can hold."""


class Synthesis(Protocol):
    """Feature maps and an image from one W vector per layer."""

    def layers(self) -> tuple[LayerInfo, ...]:
        """Return name and size of the feature maps, in the order of `steps`."""

    def modulated(self) -> Iterator[tuple[str, int, Any]]:
        """Yield (name, index of the W vector, layer with an `affine`), in running order."""

    def styles(self, ws: Tensor) -> dict[str, Tensor]:
        """Return the styles (S space) of W+ codes (n, n_ws, w_dim): layer name to (n, width)."""

    def steps(
        self, styles: Mapping[str, Tensor], noise_mode: Noise = "const"
    ) -> Iterator[tuple[str, Tensor]]:
        """Yield (name, feature map) layer by layer; a caller that stops early saves the rest."""

    def from_styles(self, styles: Mapping[str, Tensor], noise_mode: Noise = "const") -> Tensor:
        """Return the image (n, img_channels, H, W) of styles by layer name."""

    def __call__(self, ws: Tensor, noise_mode: Noise = "const") -> Tensor:
        """Return the image (n, img_channels, H, W) of W+ codes (n, n_ws, w_dim)."""


class GeneratorNetwork(Protocol):
    """Frozen torch module with a mapping network and a synthesis network."""

    config: Architecture
    mapping: nn.Module  # (z, one-hot classes or None, truncation_psi) -> w; has the buffer `w_avg`
    synthesis: Synthesis
