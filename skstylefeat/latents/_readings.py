"""Readings of 2-D arrays: several vectors in W, or one code or direction with a vector per layer.

An array of shape (18, 512) may be 18 codes in W or one code in W+, and no file says which. Arrays
in memory follow scikit-learn: a row is a sample. Files have no such rule, so a shape that allows
both readings is refused unless the caller names the space.
"""

from __future__ import annotations

from typing import Literal

#: Numbers of layers of generators: 6 for 16 pixels, 18 for 1024, 16 for StyleGAN3. A file may
#: come from a deeper network.
FEWEST_LAYERS, MOST_LAYERS = 6, 32
#: Widths of W are 512 nearly always. A longer row is a whole W+ code in C order.
WIDEST_W = 1024

Space = Literal["w", "w+"]


def has_two_readings(shape: tuple[int, ...]) -> bool:
    """Return whether an array may be n vectors in W, or one vector for each of n layers.

    Examples
    --------
    >>> from skstylefeat.latents._readings import has_two_readings
    >>> has_two_readings((18, 512)), has_two_readings((3, 512)), has_two_readings((18, 9216))
    (True, False, False)
    """
    return len(shape) == 2 and FEWEST_LAYERS <= shape[0] <= MOST_LAYERS and 1 < shape[1] <= WIDEST_W


def may_be_layers(shape: tuple[int, ...]) -> bool:
    """Return whether an array of shape (n, d) can be one vector for each of n layers at all."""
    return len(shape) == 2 and 1 < shape[0] <= MOST_LAYERS and shape[1] <= WIDEST_W
