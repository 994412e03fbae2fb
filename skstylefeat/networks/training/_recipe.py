"""Recipe of an encoder's training: schedule, weights of the losses, augmentation."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, fields, replace
from typing import Any, Self, get_type_hints

import numpy as np
import torch
from torch.nn import functional as F

from skstylefeat.networks.training._precision import (
    Precision,
    check_precision,
    resolve_precision,
)


@dataclass(frozen=True)
class EncoderRecipe:
    """Recipe of :func:`train_encoder`: schedule, weights of the losses, augmentation.

    The defaults were chosen on held-out photos; `benchmarks/photos` reports how.

    Parameters
    ----------
    n_steps : int, default=1000
        Updates of the weights.
    batch_size : int, default=32
        Number of the user's images in a batch; as many synthesized images are added.
    learning_rate : float, default=2e-3
        Highest learning rate of Adam; it decays to zero along a cosine.
    image_weight : float, default=0.5
        Weight of the reconstruction error of the user's images, relative to the squared error of
        known codes in standard deviations of W.
    synthetic_image_weight : float, default=0.5
        Weight of the reconstruction error of the synthesized images.
    offset_weight : float, default=0.0005
        Weight of the mean squared offset of the layers' codes from their common code.
    style_mixing : float, default=0.5
        Share of the synthesized images whose layers follow two codes.
    mirror : bool, default=True
        Mirror the user's images at random. Switch it off where left and right differ in
        meaning.
    max_shift : float, default=0.03
        Largest random shift of the user's images, as a share of the longer side.
    max_brightness : float, default=0.1
        Largest random change of brightness and contrast of the user's images.
    ema_half_life : float, default=100.0
        Half-life in steps of the moving average of the weights. The average is the result.
    precision : {"auto", "float32", "bfloat16"}, default="auto"
        Number format of the convolutions. "auto" is bfloat16 on processors with AMX and on GPUs
        from Ampere on, which train faster in it, else float32. The weights depend
        on it, less than on the seed.

    Examples
    --------
    >>> from skstylefeat.networks import EncoderRecipe
    >>> EncoderRecipe(n_steps=200, mirror=False).batch_size
    32
    """

    n_steps: int = 1000
    batch_size: int = 32
    learning_rate: float = 2e-3
    image_weight: float = 0.5
    synthetic_image_weight: float = 0.5
    offset_weight: float = 0.0005
    style_mixing: float = 0.5
    mirror: bool = True
    max_shift: float = 0.03
    max_brightness: float = 0.1
    ema_half_life: float = 100.0
    precision: Precision = "auto"

    def __post_init__(self) -> None:
        if self.n_steps < 1:
            raise ValueError(f"n_steps must be at least 1, got {self.n_steps}.")
        if self.batch_size < 2:
            raise ValueError(
                f"batch_size must be at least 2, got {self.batch_size}: batch normalization needs "
                "more than one image."
            )
        check_precision(self.precision)

    def autocast(self, device: torch.device) -> torch.autocast:
        """Return the context in which networks run."""
        narrow = resolve_precision(self.precision, device) == "bfloat16"
        return torch.autocast(device.type, dtype=torch.bfloat16, enabled=narrow)

    def augment(self, images: torch.Tensor, rng: np.random.Generator) -> torch.Tensor:
        """Return images that are mirrored, shifted and relit at random.

        Parameters
        ----------
        images : Tensor of shape (n, C, H, W), float32
            Images in [-1, 1].
        rng : numpy Generator
            Draws the changes.

        Returns
        -------
        Tensor of shape (n, C, H, W), float32
            Changed images in [-1, 1].

        Examples
        --------
        >>> import numpy as np, torch
        >>> from skstylefeat.networks import EncoderRecipe
        >>> images = torch.zeros(2, 3, 8, 8)
        >>> EncoderRecipe(max_brightness=0).augment(images, np.random.default_rng(0)).shape
        torch.Size([2, 3, 8, 8])
        """
        n, _, height, width = images.shape
        device = images.device

        def column(values):
            return torch.as_tensor(values, dtype=torch.float32, device=device)[:, None, None, None]

        if self.mirror:
            images = torch.where(column(rng.random(n) < 0.5) > 0, images.flip(3), images)

        pixels = round(self.max_shift * max(height, width))
        if pixels:
            padded = F.pad(images, (pixels,) * 4, mode="replicate")
            shifts = rng.integers(0, 2 * pixels + 1, size=(n, 2))
            images = torch.stack(
                [
                    image[:, top : top + height, left : left + width]
                    for image, (top, left) in zip(padded, shifts.tolist(), strict=True)
                ]
            )

        if self.max_brightness:
            contrast = column(1 + self.max_brightness * rng.uniform(-1, 1, n))
            brightness = column(self.max_brightness * rng.uniform(-1, 1, n))
            images = (images * contrast + brightness).clamp(-1.0, 1.0)
        return images

    def updated(self, assignments: Sequence[str]) -> Self:
        """Return a recipe with ``name=value`` strings applied, as a command line gives them.

        Parameters
        ----------
        assignments : sequence of str
            For example ``["image_weight=2", "mirror=False"]``.

        Returns
        -------
        EncoderRecipe

        Examples
        --------
        >>> from skstylefeat.networks import EncoderRecipe
        >>> EncoderRecipe().updated(["image_weight=2"]).image_weight
        2.0
        """
        types = get_type_hints(type(self))
        names = {field.name for field in fields(self)}
        changes: dict[str, Any] = {}
        for assignment in assignments:
            name, _, value = assignment.partition("=")
            if name not in names:
                raise ValueError(f"{assignment!r}: the recipe has {sorted(names)}, not {name!r}.")
            if types[name] is bool:
                changes[name] = value == "True"
            else:
                changes[name] = types[name](value) if types[name] in (int, float) else value
        return replace(self, **changes)


def to_network(images):
    """Return images (n, H, W, C), uint8 or in [0, 1], as a float tensor (n, C, H, W) in [-1, 1]."""
    scale = 127.5 if images.dtype == np.uint8 else 0.5
    images = np.ascontiguousarray(np.moveaxis(images, 3, 1))
    return torch.from_numpy(images.astype(np.float32) / scale - 1.0)
