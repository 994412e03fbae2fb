"""Latent codes and directions as arrays: shapes, the broadcast rule, spaces, files.

Rows of latents are W codes of shape (n, w_dim), or W+ codes of shape (n, n_ws, w_dim) or, in C
order, (n, n_ws * w_dim). Two rules hold everywhere in the package:

* a W code is equivalent to the W+ code that repeats it once per layer;
* a direction of shape (w_dim,) or (1, w_dim) applies to every layer of a W+ code; one of shape
  (n_ws, w_dim), (1, n_ws, w_dim) or (n_ws * w_dim,) has its own normal for each layer.

Reading a file never runs code in it.
"""

from skstylefeat.latents._direction_files import Directions, load_direction
from skstylefeat.latents._latent_files import Latents, load_latents
from skstylefeat.latents._spaces import (
    as_w_plus,
    broadcast_direction,
    style_layers,
    w_plus_layers,
    w_plus_to_s,
    w_plus_to_w,
    w_to_w_plus,
)

__all__ = [
    "Directions",
    "Latents",
    "as_w_plus",
    "broadcast_direction",
    "load_direction",
    "load_latents",
    "style_layers",
    "w_plus_layers",
    "w_plus_to_s",
    "w_plus_to_w",
    "w_to_w_plus",
]
