"""Edits of latents along a direction."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np

from skstylefeat._utils._indexing import positions_in
from skstylefeat._utils._validation import real_array
from skstylefeat.latents._spaces import broadcast_direction

if TYPE_CHECKING:
    from numpy.typing import ArrayLike, NDArray


def edit(
    latents: ArrayLike,
    direction: Any,
    strengths: ArrayLike,
    *,
    layers: ArrayLike | None = None,
) -> NDArray[np.floating[Any]]:
    """Move latents along a direction.

    Parameters
    ----------
    latents : array-like of shape (n, w_dim), (n, n_ws, w_dim), (n, n_ws * w_dim) or (n, n_styles)
        W, W+ or S codes.
    direction : array-like or estimator with `direction_`
        In one of the shapes of :func:`skstylefeat.latents.broadcast_direction`. It is scaled to
        unit length (root mean square over layers), so strengths are in units of the latents.
        A direction as long as a flat row is scaled over the whole row, whose layers are unknown.
    strengths : float or array-like of shape (k,)
        Length of the step; negative for the opposite direction.
    layers : array-like of int or mask of shape (n_ws,), default=None
        W vectors to move, all by default. Needs W+ codes.

    Returns
    -------
    ndarray
        In the shape of `latents`, or (k, ...) for several strengths. float32 stays float32.

    Examples
    --------
    >>> import numpy as np
    >>> from skstylefeat.directions import edit
    >>> edit(np.zeros((1, 2, 3)), [0, 0, 5.0], 2.0, layers=[1])
    array([[[0., 0., 0.],
            [0., 0., 2.]]])
    >>> edit(np.zeros((4, 6)), [0, 0, 1.0], [-3, 0, 3]).shape
    (3, 4, 6)
    """
    latents = real_array(latents, "latents", None)
    if latents.ndim not in (2, 3) or 0 in latents.shape[1:]:
        raise ValueError(
            f"latents have shape {latents.shape}; expected (n, w_dim), (n, n_ws, w_dim) or "
            "(n, n_ws * w_dim)."
        )
    if latents.dtype not in (np.float32, np.float64):
        latents = latents.astype(np.float64)

    direction = real_array(getattr(direction, "direction_", direction), "direction")
    if not direction.size:
        raise ValueError(f"direction has shape {direction.shape}; expected at least one number.")
    width = latents[0].size if len(latents) else int(np.prod(latents.shape[1:]))
    w_dim = latents.shape[2] if latents.ndim == 3 else direction.shape[-1] if direction.ndim else 1
    if width % w_dim:
        raise ValueError(
            f"latents have {width} numbers per row, which is not a multiple of the direction's "
            f"width {w_dim}. They may belong to another generator."
        )

    # Unit length in the mean over layers, so that W and W+ directions move equally far.
    step, _ = broadcast_direction(direction, width // w_dim, w_dim)
    step = step / np.sqrt(np.square(step).sum(axis=1).mean())
    if layers is not None:
        moved = np.zeros(len(step), dtype=bool)
        moved[positions_in(layers, len(step), "layers")] = True
        step = np.where(moved[:, None], step, 0.0)

    step = step.reshape(latents.shape[1:]).astype(latents.dtype)
    strengths = real_array(strengths, "strengths", latents.dtype)
    if strengths.ndim > 1 or not np.isfinite(strengths).all():
        raise ValueError(f"strengths must be finite numbers of shape () or (k,), got {strengths}.")
    if strengths.ndim == 0:
        return latents + strengths * step
    return latents + strengths.reshape(-1, *[1] * latents.ndim) * step
