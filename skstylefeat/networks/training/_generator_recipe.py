"""Recipe of a generator's training: architecture, losses, augmentation."""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import Literal, Self

from skstylefeat.networks.stylegan2._generator_config import GeneratorConfig

SIDES = (8, 16, 32, 64, 128)
#: Channels at 4, 8, ..., 128 pixels, few enough for a processor without GPU.
CHANNELS = (128, 128, 96, 48, 24, 16)
GAMMA_AT_32_PX = 0.2


@dataclass(frozen=True)
class GeneratorRecipe:
    """Recipe of :func:`train_generator`: architecture, losses, augmentation.

    The defaults are those by which this project's own 32 px generators were trained. They make a
    small network, which a CPU trains in hours.

    Parameters
    ----------
    channels : tuple of int or None, default=None
        Channels at 4, 8, ... pixels up to the side of the images. None is 128, 128, 96, 48, 24,
        16 as far as needed.
    z_dim, w_dim : int, default=128
        Width of the Gaussian input and of W.
    n_mapping : int, default=4
        Layers of the mapping network.
    batch_size : int, default=32
        Photos per step.
    learning_rate : float, default=2.5e-3
        Learning rate of Adam, the same for both networks.
    gamma : float or None, default=None
        Weight of the R1 penalty on the critic's gradients. None is 0.2 at 32 pixels and grows
        with the side. Larger values train more slowly and collapse less.
    r1_interval : int, default=16
        Steps between two R1 penalties, which are weighted accordingly.
    style_mixing : float, default=0.9
        Share of the synthesized images whose layers follow two codes.
    ema_half_life : int, default=5000
        Half-life in images of the moving average of the weights. The average is the result.
    mirror : bool, default=True
        Mirror the photos at random. Switch it off where left and right differ in meaning, as in
        digits, text or organs.
    augment : {"adaptive", "none"}, default="adaptive"
        Whether the critic sees transformed images, with a probability that rises while the
        critic overfits. It is needed for fewer than about 10,000 photos, and harmless for more.
    augment_target : float, default=0.6
        Mean sign of the critic's scores of the photos that the adaptive probability holds.
    augment_images : int, default=100000
        Images in which the probability can rise from 0 to 1.

    Examples
    --------
    >>> from skstylefeat.networks import GeneratorRecipe
    >>> GeneratorRecipe(mirror=False).for_side(64).channels
    (128, 128, 96, 48, 24)
    """

    channels: tuple[int, ...] | None = None
    z_dim: int = 128
    w_dim: int = 128
    n_mapping: int = 4
    batch_size: int = 32
    learning_rate: float = 2.5e-3
    gamma: float | None = None
    r1_interval: int = 16
    style_mixing: float = 0.9
    ema_half_life: int = 5_000
    mirror: bool = True
    augment: Literal["adaptive", "none"] = "adaptive"
    augment_target: float = 0.6
    augment_images: int = 100_000

    def __post_init__(self) -> None:
        if self.channels is not None:
            object.__setattr__(self, "channels", tuple(int(c) for c in self.channels))
        if self.batch_size < 2:
            raise ValueError(
                f"batch_size must be at least 2, got {self.batch_size}: the critic compares the "
                "images of a batch."
            )
        for name in ("learning_rate", "r1_interval", "ema_half_life", "augment_images"):
            if not getattr(self, name) > 0:
                raise ValueError(f"{name} must be positive, got {getattr(self, name)}.")
        if self.gamma is not None and not self.gamma >= 0:
            raise ValueError(f"gamma must be 0 or positive, got {self.gamma}.")
        if self.augment not in ("adaptive", "none"):
            raise ValueError(f"augment must be 'adaptive' or 'none', got {self.augment!r}.")

    def for_side(self, side: int) -> Self:
        """Return the recipe with the defaults that depend on the size of the images.

        Parameters
        ----------
        side : int
            Side of the images in pixels: 8, 16, 32, 64 or 128.

        Returns
        -------
        GeneratorRecipe

        Raises
        ------
        ValueError
            If `side` is another number, or `channels` does not fit it.
        """
        if side not in SIDES:
            raise ValueError(
                f"The images have a side of {side} pixels; expected one of {SIDES}. For larger "
                "ones train with NVIDIA's stylegan2-ada-pytorch on a GPU: load_generator reads "
                "its networks."
            )
        gamma = GAMMA_AT_32_PX * side / 32 if self.gamma is None else float(self.gamma)
        channels = self.channels or CHANNELS[: side.bit_length() - 2]
        recipe = replace(self, channels=channels, gamma=gamma)
        recipe.config(side)  # raises where the channels do not fit
        return recipe

    def config(self, side: int) -> GeneratorConfig:
        """Return the generator's architecture for images of `side` pixels."""
        channels = self.channels or CHANNELS[: side.bit_length() - 2]
        return GeneratorConfig(
            side, channels, z_dim=self.z_dim, w_dim=self.w_dim, n_mapping=self.n_mapping
        )
