"""Architecture of a StyleGAN2 generator."""

from dataclasses import asdict, dataclass
from typing import Any

from skstylefeat.networks._generator_network import DoublingBlocks

ARCHITECTURES = ("skip", "orig", "resnet")
SQUARE = (4, 4)  # pixels of the first block of square generators
MAX_FIRST = 64  # pixels of the first block; known rectangular generators have 2 to 8


@dataclass(frozen=True)
class GeneratorConfig(DoublingBlocks):
    """Architecture of a StyleGAN2 generator.

    Parameters
    ----------
    resolution : int
        Side of square images in pixels, a power of two from 4. It is the number of the last block,
        such as 1024 of ``b1024``.
    channels : tuple of int
        Channels of the feature maps of the blocks 4, 8, ..., `resolution`.
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
    const_size : tuple of int, default=(4, 4)
        Height and width of the learned constant in the first block. Every other block doubles both:
        StyleGAN-Human's 1024 x 512 images start at (4, 2).
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
    const_size: tuple[int, int] = SQUARE

    def __post_init__(self) -> None:
        self.check_blocks()
        object.__setattr__(self, "resample_filter", tuple(float(f) for f in self.resample_filter))
        if self.architecture not in ARCHITECTURES:
            raise ValueError(
                f"architecture must be one of {ARCHITECTURES}, got {self.architecture!r}."
            )
        if len(self.resample_filter) != 4:
            raise ValueError(
                f"resample_filter must have 4 taps, got {len(self.resample_filter)}: only the "
                "filters of StyleGAN2 are supported."
            )
        object.__setattr__(self, "const_size", check_const_size(self.const_size))

    @property
    def image_size(self) -> tuple[int, int]:
        """Height and width of the images in pixels."""
        return self.map_size(self.resolution)

    def map_size(self, block: int) -> tuple[int, int]:
        """Return height and width of the feature maps of the block with this number."""
        height, width = self.const_size
        return height * block // SQUARE[0], width * block // SQUARE[1]

    def to_dict(self) -> dict[str, Any]:
        """Return the architecture as a dictionary that JSON can hold.

        Square generators leave `const_size` out, so that all versions of the package read them.
        """
        values = asdict(self)
        if self.const_size == SQUARE:
            del values["const_size"]
        return values


def check_const_size(size: Any) -> tuple[int, int]:
    """Return the height and width of the first maps; raise ValueError unless they are some."""
    sides = tuple(size) if isinstance(size, tuple | list) else ()
    if len(sides) != 2 or not all(type(side) is int and 1 <= side <= MAX_FIRST for side in sides):
        raise ValueError(
            f"The first maps have the size {str(size)[:80]}, expected a height and a width from 1 "
            f"to {MAX_FIRST} pixels, such as (4, 4), or (4, 2) of StyleGAN-Human."
        )
    return sides[0], sides[1]
