"""Conversions between the latent spaces W, W+ and S, and broadcasting of directions."""

import numpy as np

from skstylefeat._utils._validation import LARGEST, SMALLEST, real_array


def w_to_w_plus(w, n_ws):
    """Repeat W codes of shape (n, w_dim) once per layer: shape (n, n_ws, w_dim).

    Examples
    --------
    >>> import numpy as np
    >>> from skstylefeat.latents._spaces import w_to_w_plus
    >>> w_to_w_plus(np.zeros((2, 512)), 18).shape
    (2, 18, 512)
    """
    w = np.asarray(w)
    if w.ndim != 2:
        raise ValueError(f"W codes have shape (n, w_dim), got {w.shape}.")
    return np.repeat(w[:, None], n_ws, axis=1)


def as_w_plus(latents, n_ws, w_dim):
    """Return W or W+ codes of any of the accepted shapes as (n, n_ws, w_dim).

    Parameters
    ----------
    latents : array-like of shape (n, w_dim), (n, n_ws, w_dim) or (n, n_ws * w_dim)
    n_ws, w_dim : int
        Layers and width of the generator.

    Returns
    -------
    ndarray of shape (n, n_ws, w_dim)
        W+ input is returned as a view.

    Raises
    ------
    ValueError
        If the shape is none of the three.
    """
    latents = np.asarray(latents)
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


def w_plus_to_w(w_plus, *, tol=1e-5):
    """Return the W codes of W+ codes that repeat one vector, shape (n, w_dim).

    Raises
    ------
    ValueError
        If the layers of a code differ: then no W code makes the same image.
    """
    w_plus = real_array(w_plus, "w_plus", None)
    if w_plus.ndim != 3:
        raise ValueError(f"W+ codes have shape (n, n_ws, w_dim), got {w_plus.shape}.")
    with np.errstate(over="ignore", invalid="ignore"):  # what comes of NaN and infinity is refused
        spread = np.abs(w_plus - w_plus[:, :1]).max(initial=0.0)
    if not spread <= tol:
        raise ValueError(
            "There is no way from W+ back to W: the layers of these codes differ (by up to "
            f"{spread:.3g}), and W has one vector for all of them. Invert the images again with "
            'space="w", or average the layers knowing that the image changes.'
        )
    return w_plus[:, 0].copy()


def w_plus_to_s(latents, generator):
    """Return the S codes (outputs of all affine layers) of W or W+ codes.

    Parameters
    ----------
    latents : array-like
        As for :func:`as_w_plus`.
    generator : Generator

    Returns
    -------
    ndarray of shape (n, n_styles), float32
    """
    return generator.styles(latents)


def s_to_w_plus(styles, generator):
    """Refuse: S codes have no W+ code in general."""
    n_styles = sum(style_layers(generator)[1])
    raise ValueError(
        f"There is no way from S back to W+: a code of S has {n_styles} numbers, the affine "
        f"layers reach only a {generator.n_ws} x {generator.w_dim}-dimensional part of them, and "
        "an edit in S leaves that part. Keep the W+ codes beside the S codes, or synthesize the "
        'image and invert it with StyleGANInverter(space="w+").'
    )


def w_plus_layers(generator):
    """Return the names of a generator's W vectors: the layer that each one steers.

    A toRGB layer shares its vector with the next convolution, which gives the name; only the last
    one has a vector, and so a name, of its own.
    """
    names = {}
    for name, w_index, _ in generator.module.synthesis.modulated():
        if w_index not in names or "torgb" in names[w_index]:
            names[w_index] = name
    return tuple(names.get(i, f"w{i}") for i in range(generator.n_ws))


def style_layers(generator):
    """Return (names, sizes) of the blocks of an S code, one per affine layer."""
    slices = generator.style_slices
    return tuple(slices), tuple(s.stop - s.start for s in slices.values())


def broadcast_direction(direction, n_ws, w_dim):
    """Apply the broadcast rule to one direction.

    Parameters
    ----------
    direction : array-like of shape (w_dim,), (1, w_dim), (n_ws, w_dim), (1, n_ws, w_dim) or \
            (n_ws * w_dim,)
    n_ws, w_dim : int

    Returns
    -------
    direction : ndarray of shape (n_ws, w_dim), float64
    per_layer : bool
        Whether the direction has its own normal for each layer.

    Raises
    ------
    ValueError
        For any other shape, a zero direction, or NaN.

    Examples
    --------
    >>> import numpy as np
    >>> from skstylefeat.latents._spaces import broadcast_direction
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
    raise ValueError(
        f"A direction of shape {np.shape(direction)} does not fit codes of {n_ws} x {w_dim}: "
        f"expected ({w_dim},) or (1, {w_dim}) for one normal on every layer, or ({n_ws}, {w_dim}),"
        f" (1, {n_ws}, {w_dim}) or ({n_ws * w_dim},) for one normal per layer."
    )
