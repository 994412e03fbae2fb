"""Conversions between the latent spaces W, W+ and S, and broadcasting of directions."""

from __future__ import annotations

from numbers import Integral, Real
from typing import Any, Protocol

import numpy as np
from numpy.typing import ArrayLike, NDArray
from sklearn.utils._param_validation import HasMethods, Interval, validate_params

from skstylefeat._utils._validation import LARGEST, SMALLEST, real_array

POSITIVE = Interval(Integral, 1, None, closed="left")


class Generator(Protocol):
    """The part of `skstylefeat.networks.Generator` that describes its latent spaces."""

    n_ws: int
    w_dim: int
    module: Any

    @property
    def style_slices(self) -> dict[str, slice]: ...

    def styles(self, latents: ArrayLike) -> NDArray[np.float32]: ...


@validate_params({"n_ws": [POSITIVE]}, prefer_skip_nested_validation=True)
def w_to_w_plus(w: ArrayLike, n_ws: int) -> NDArray[Any]:
    """Repeat W codes once per layer.

    Parameters
    ----------
    w : array-like of shape (n, w_dim)
        W codes.
    n_ws : int
        Number of layers.

    Returns
    -------
    ndarray of shape (n, n_ws, w_dim)
        W+ codes.

    Examples
    --------
    >>> import numpy as np
    >>> from skstylefeat.latents import w_to_w_plus
    >>> w_to_w_plus(np.zeros((2, 512)), 18).shape
    (2, 18, 512)
    """
    w = real_array(w, "w", None)
    if w.ndim != 2:
        raise ValueError(f"W codes have shape (n, w_dim), got {w.shape}.")
    return np.repeat(w[:, None], n_ws, axis=1)


@validate_params({"n_ws": [POSITIVE], "w_dim": [POSITIVE]}, prefer_skip_nested_validation=True)
def as_w_plus(latents: ArrayLike, n_ws: int, w_dim: int) -> NDArray[Any]:
    """Return W or W+ codes of any of the accepted shapes as (n, n_ws, w_dim).

    Parameters
    ----------
    latents : array-like of shape (n, w_dim), (n, n_ws, w_dim) or (n, n_ws * w_dim)
        W or W+ codes.
    n_ws, w_dim : int
        Number of layers and width of the generator.

    Returns
    -------
    ndarray of shape (n, n_ws, w_dim)
        A view of W+ input.

    Raises
    ------
    ValueError
        If the input has another shape.
    """
    latents = real_array(latents, "latents", None)
    if latents.ndim == 3 and latents.shape[1:] == (n_ws, w_dim):
        return latents
    if latents.ndim == 2 and latents.shape[1] == n_ws * w_dim:
        return latents.reshape(len(latents), n_ws, w_dim)
    if latents.ndim == 2 and latents.shape[1] == w_dim:
        return w_to_w_plus(latents, n_ws)
    raise ValueError(
        f"Latents of shape {latents.shape} do not fit: expected W codes (n, {w_dim}) or W+ codes "
        f"of {n_ws} x {w_dim}, as (n, {n_ws}, {w_dim}) or (n, {n_ws * w_dim})."
    )


@validate_params({"tol": [Real]}, prefer_skip_nested_validation=True)
def w_plus_to_w(w_plus: ArrayLike, *, tol: float = 1e-5) -> NDArray[Any]:
    """Return the W codes of W+ codes that repeat one vector.

    Parameters
    ----------
    w_plus : array-like of shape (n, n_ws, w_dim)
        W+ codes.
    tol : float, default=1e-5
        Largest accepted difference between the layers of a code.

    Returns
    -------
    ndarray of shape (n, w_dim)
        W codes.

    Raises
    ------
    ValueError
        If the layers of a code differ: no W code makes the same image.
    """
    codes = real_array(w_plus, "w_plus", None)
    if codes.ndim != 3:
        raise ValueError(f"W+ codes have shape (n, n_ws, w_dim), got {codes.shape}.")
    with np.errstate(over="ignore", invalid="ignore"):  # NaN and infinity are refused below
        spread = np.abs(codes - codes[:, :1]).max(initial=0.0)
    if not spread <= tol:
        raise ValueError(
            "These W+ codes cannot be converted to W: their layers differ by up to "
            f"{spread:.3g}, and a W code has one vector for all layers. Invert the images with "
            'space="w", or average the layers, which changes the images.'
        )
    return codes[:, 0].copy()


@validate_params({"generator": [HasMethods("styles")]}, prefer_skip_nested_validation=True)
def w_plus_to_s(latents: ArrayLike, generator: Generator) -> NDArray[np.float32]:
    """Return the S codes (outputs of all affine layers) of W or W+ codes.

    Parameters
    ----------
    latents : array-like of shape (n, w_dim), (n, n_ws, w_dim) or (n, n_ws * w_dim)
        W or W+ codes.
    generator : Generator
        The generator of the codes.

    Returns
    -------
    ndarray of shape (n, n_styles), float32
        S codes, with the blocks of :func:`style_layers`. They cannot be converted back: an S code
        has more numbers than a W+ code.
    """
    return generator.styles(latents)


def w_plus_layers(generator: Generator) -> tuple[str, ...]:
    """Return the names of a generator's W vectors.

    Parameters
    ----------
    generator : Generator
        The generator.

    Returns
    -------
    tuple of str
        For each W vector the layer that it controls. A toRGB layer shares its vector with the next
        convolution, which gives the name; only the last toRGB layer has its own vector.

    Examples
    --------
    >>> from skstylefeat import load_generator
    >>> from skstylefeat.latents import w_plus_layers
    >>> w_plus_layers(load_generator("faces64"))[:3]
    ('b4.conv1', 'b8.conv0', 'b8.conv1')
    """
    names: dict[int, str] = {}
    for name, w_index, _ in generator.module.synthesis.modulated():
        if w_index not in names or "torgb" in names[w_index]:
            names[w_index] = name
    return tuple(names.get(i, f"w{i}") for i in range(generator.n_ws))


def style_layers(generator: Generator) -> tuple[tuple[str, ...], tuple[int, ...]]:
    """Return the blocks of an S code, one per affine layer.

    Parameters
    ----------
    generator : Generator
        The generator.

    Returns
    -------
    names : tuple of str
        Layers in the order in which they run.
    sizes : tuple of int
        Numbers of styles.
    """
    slices = generator.style_slices
    return tuple(slices), tuple(s.stop - s.start for s in slices.values())


@validate_params({"n_ws": [POSITIVE], "w_dim": [POSITIVE]}, prefer_skip_nested_validation=True)
def broadcast_direction(
    direction: ArrayLike, n_ws: int, w_dim: int
) -> tuple[NDArray[np.floating], bool]:
    """Apply the broadcast rule to one direction.

    Parameters
    ----------
    direction : array-like of shape (w_dim,), (1, w_dim), (n_ws, w_dim), (1, n_ws, w_dim) or \
            (n_ws * w_dim,)
        The direction.
    n_ws, w_dim : int
        Number of layers and width of the codes.

    Returns
    -------
    direction : ndarray of shape (n_ws, w_dim), float64
    per_layer : bool
        Whether each layer has its own normal.

    Raises
    ------
    ValueError
        For any other shape, a zero direction, or NaN.

    Examples
    --------
    >>> import numpy as np
    >>> from skstylefeat.latents import broadcast_direction
    >>> broadcast_direction(np.ones((1, 4)), 3, 4)[0].shape
    (3, 4)
    """
    array = real_array(direction, "The direction")
    if not np.isfinite(array).all():
        raise ValueError("The direction contains NaN or infinity.")
    if not array.any():
        raise ValueError("The direction is zero everywhere: it has no normal.")
    largest = np.abs(array).max()
    if not SMALLEST < largest < LARGEST:
        raise ValueError(
            f"The direction's largest entry is {largest:.3g}, too far from 1 for its length to be "
            "computed: scale it."
        )

    if array.ndim == 3 and len(array) == 1:
        array = array[0]
    if array.ndim <= 2 and array.size == w_dim and array.shape[-1:] == (w_dim,):
        return np.broadcast_to(array.reshape(1, w_dim), (n_ws, w_dim)), n_ws == 1
    if array.shape == (n_ws, w_dim):
        return array, True
    if array.ndim in (1, 2) and array.size == array.shape[-1] == n_ws * w_dim:
        return array.reshape(n_ws, w_dim), True
    if n_ws == 1 and array.ndim == 2 and array.shape[1] == w_dim:
        raise ValueError(
            f"A direction of shape {array.shape} has a normal for each of {len(array)} layers, but "
            f"rows of {w_dim} numbers are codes in W. Pass codes in W+ as (n, {len(array)}, "
            f"{w_dim}), one code as (1, {len(array)}, {w_dim}). If the array holds several "
            "directions in W, pass one of its rows."
        )
    raise ValueError(
        f"A direction of shape {np.shape(direction)} does not fit codes of {n_ws} x {w_dim}: "
        f"expected ({w_dim},) or (1, {w_dim}) for one normal on every layer, or ({n_ws}, {w_dim}),"
        f" (1, {n_ws}, {w_dim}) or ({n_ws * w_dim},) for one normal per layer."
    )
