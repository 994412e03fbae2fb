"""Architecture of a StyleGAN1 generator."""

from dataclasses import asdict, dataclass
from typing import Any

from skstylefeat.networks._generator_network import DoublingBlocks


@dataclass(frozen=True)
class StyleGAN1Config(DoublingBlocks):
    """Architecture of a StyleGAN1 generator.

    Parameters
    ----------
    resolution : int
        Side of the images in pixels, a power of two from 4.
    channels : tuple of int
        Channels of the feature maps at 4, 8, ..., `resolution` pixels.
    z_dim, w_dim : int, default=512
        Width of the Gaussian input and of the intermediate latent space W.
    n_mapping : int, default=8
        Depth of the mapping network.
    mapping_width : int, default=512
        Width of the hidden layers of the mapping network.
    c_dim : int, default=0
        Number of classes of a conditional generator, 0 for none.
    img_channels : int, default=3
        Channels of the images.
    blur_filter : tuple of float, default=(1, 2, 1)
        Separable low-pass filter after every up-sampling.
    """

    resolution: int
    channels: tuple[int, ...]
    z_dim: int = 512
    w_dim: int = 512
    n_mapping: int = 8
    mapping_width: int = 512
    c_dim: int = 0
    img_channels: int = 3
    blur_filter: tuple[float, ...] = (1.0, 2.0, 1.0)

    def __post_init__(self) -> None:
        self.check_blocks()
        object.__setattr__(self, "blur_filter", tuple(float(f) for f in self.blur_filter))
        if self.n_mapping < 1:
            raise ValueError(f"n_mapping must be at least 1, got {self.n_mapping}.")
        if len(self.blur_filter) != 3:
            raise ValueError(f"blur_filter must have 3 taps, got {len(self.blur_filter)}.")
        if not sum(self.blur_filter):
            raise ValueError("blur_filter must have a sum other than 0.")

    @property
    def image_size(self) -> tuple[int, int]:
        """Height and width of the images in pixels."""
        return self.resolution, self.resolution

    def to_dict(self) -> dict[str, Any]:
        """Return the architecture as a dictionary that JSON can hold."""
        return asdict(self)
