"""Rows of latents in the spaces W+, W and S: conversion, column names, synthesis."""

import numpy as np

from skstylefeat._utils._batches import map_rows
from skstylefeat._utils._channels import as_rgb
from skstylefeat._utils._validation import as_float32
from skstylefeat.latents._spaces import style_layers


def rows_of(codes, space, generator):
    """Return codes as rows of a space.

    Parameters
    ----------
    codes : ndarray of shape (n, n_ws, w_dim)
        In W+.
    space : {"w+", "w", "s"}
        "w" is the mean over the layers.
    generator : Generator
        The generator of the codes.

    Returns
    -------
    ndarray of shape (n, n_ws * w_dim), (n, w_dim) or (n, n_styles), float32
    """
    if space == "s":
        return generator.styles(codes)
    if space == "w":
        codes = codes.mean(axis=1)
    return codes.reshape(len(codes), -1)


def column_names(space, generator):
    """Return the column names of rows: ``w3_17`` in W+, ``w17`` in W, ``b8.conv0:17`` in S."""
    if space == "w":
        return [f"w{j}" for j in range(generator.w_dim)]
    if space == "w+":
        return [f"w{i}_{j}" for i in range(generator.n_ws) for j in range(generator.w_dim)]
    layers = zip(*style_layers(generator), strict=True)
    return [f"{layer}:{j}" for layer, size in layers for j in range(size)]


def to_unit(images):
    """Convert network images (n, C, H, W), nominally in [-1, 1], to (n, H, W, 3) in [0, 1].

    Gray images get three equal channels; an alpha channel is left out.
    """
    return ((as_rgb(images).transpose(0, 2, 3, 1) + 1) / 2).clip(0, 1)


def images_of(latents, space, generator, batch_size):
    """Synthesize the images of rows.

    Parameters
    ----------
    latents : array-like of shape (n, n_ws * w_dim), (n, w_dim) or (n, n_styles)
        Rows of `space`.
    space : {"w+", "w", "s"}
        The space of the rows.
    generator : Generator
        The generator of the codes.
    batch_size : int or None
        Images per batch, None for all.

    Returns
    -------
    ndarray of shape (n, H, W, 3), float32
        In [0, 1].

    Raises
    ------
    ValueError
        If there are no rows, or a row holds NaN or infinity.
    """
    latents = as_float32(latents, "latents")
    if not latents.size:
        raise ValueError(f"latents have shape {latents.shape}: there is no image to synthesize.")
    if not np.isfinite(latents).all():
        raise ValueError("latents contain NaN or infinity.")
    synthesize = generator.synthesis_from_styles if space == "s" else generator.synthesis
    parts, _ = map_rows(lambda rows: to_unit(synthesize(latents[rows])), len(latents), batch_size)
    return np.concatenate(parts)
