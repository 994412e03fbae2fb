"""Edits along a direction, scaled until a change is seen."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np
from numpy.typing import NDArray

from skstylefeat.latents._rows import images_of

#: Mean change of a pixel, of 1, from the middle of a strip to its ends that is seen at a glance.
VISIBLE_CHANGE = 0.02
N_STEPS = 7  # images per strip, an odd number


def visible_edits(
    codes: NDArray[Any],
    step: NDArray[Any],
    generator: Any,
    *,
    scales: Sequence[float],
    batch_size: int | None = None,
    least_change: float = VISIBLE_CHANGE,
) -> tuple[NDArray[np.float32], float] | None:
    """Return strips (n, 7, H, W, 3) and the scale at which they change, or None if none does.

    Parameters
    ----------
    codes : ndarray of shape (n, n_ws * w_dim)
        Rows of W+; each is the middle of a strip.
    step : ndarray of shape (n_ws * w_dim,)
        Offset of the last image of a strip at scale 1; the first one is moved as far back.
    generator : Generator
    scales : sequence of float
        Factors of `step`, tried in order.
    batch_size : int or None, default=None
        Images per batch, None for all.
    least_change : float, default=0.02
        Mean difference of the ends from the middle, in [0, 1], from which a change is seen.
    """
    codes = np.asarray(codes, dtype=np.float64)
    for scale in scales:
        lengths = scale * np.linspace(-1, 1, N_STEPS)
        moved = codes[:, None] + lengths[:, None] * step
        flat = moved.reshape(-1, codes.shape[1]).astype(np.float32)
        images = images_of(flat, "w+", generator, batch_size)
        strips = images.reshape(len(codes), N_STEPS, *images.shape[1:])
        change = np.abs(strips[:, [0, -1]] - strips[:, [N_STEPS // 2]]).mean()
        if change >= least_change:
            return strips, scale
    return None
