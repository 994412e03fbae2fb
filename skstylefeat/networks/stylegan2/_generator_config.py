"""Architecture of a StyleGAN2 generator."""

from dataclasses import asdict, dataclass
from typing import Any

ARCHITECTURES = ("skip", "orig", "resnet")


@dataclass(frozen=True)
class GeneratorConfig:
    """Architecture of a StyleGAN2 generator.

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
    c_dim : int, default=0
        Number of classes of a conditional generator, 0 for none.
    img_channels : int, default=3
        Channels of the images.
    architecture : {"skip", "orig", "resnet"}, default="skip"
        How blocks contribute to the image: each adds to it ("skip"), or the last block makes it,
        without ("orig") or with ("resnet") residual connections.
    conv_clamp : float or None, default=None
        Bound on the magnitude of the output of every layer.
    resample_filter : tuple of float, default=(1, 3, 3, 1)
        Separable low-pass filter of the up-sampling.
    """

    resolution: int
    channels: tuple[int, ...]
    z_dim: int = 512
    w_dim: int = 512
    n_mapping: int = 8
    c_dim: int = 0
    img_channels: int = 3
    architecture: str = "skip"
    conv_clamp: float | None = None
    resample_filter: tuple[float, ...] = (1.0, 3.0, 3.0, 1.0)

    def __post_init__(self) -> None:
        object.__setattr__(self, "channels", tuple(int(c) for c in self.channels))
        object.__setattr__(self, "resample_filter", tuple(float(f) for f in self.resample_filter))
        if self.resolution < 4 or self.resolution & (self.resolution - 1):
            raise ValueError(f"resolution must be a power of two from 4, got {self.resolution}.")
        if len(self.channels) != len(self.block_resolutions):
            raise ValueError(
                f"channels has {len(self.channels)} entries, but a generator of resolution "
                f"{self.resolution} has {len(self.block_resolutions)} blocks (4, 8, ... pixels)."
            )
        if self.architecture not in ARCHITECTURES:
            raise ValueError(
                f"architecture must be one of {ARCHITECTURES}, got {self.architecture!r}."
            )
        if len(self.resample_filter) != 4:
            raise ValueError(
                f"resample_filter must have 4 taps, got {len(self.resample_filter)}: only the "
                "filters of StyleGAN2 are supported."
            )

    @property
    def block_resolutions(self) -> tuple[int, ...]:
        """Resolutions of the synthesis blocks: 4, 8, ..., `resolution`."""
        return tuple(2**k for k in range(2, self.resolution.bit_length()))

    @property
    def image_size(self) -> tuple[int, int]:
        """Height and width of the images in pixels."""
        return self.resolution, self.resolution

    @property
    def n_ws(self) -> int:
        """Number of W vectors of one image, 2 log2(resolution) - 2."""
        return 2 * self.resolution.bit_length() - 4

    def to_dict(self) -> dict[str, Any]:
        """Return the architecture as a dictionary that JSON can hold."""
        return asdict(self)
