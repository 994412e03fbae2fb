"""Measurements of style channels that another tool made: StyleCLIP's effects and statistics."""

from __future__ import annotations

import re
import warnings
from os import PathLike
from pathlib import Path

import numpy as np

from skstylefeat._inert._arrays import StoredArray
from skstylefeat._utils._validation import check_magnitude, real_array
from skstylefeat.latents._array_file import ArrayFile
from skstylefeat.latents._spaces import style_layers

#: Deviation of a row's length from 1, which is that of unit vectors in float16.
UNIT_TOL = 1e-2
TF_RESOLUTION = re.compile(r"(?:^|/)(\d+)x\1/")


def measured_effects(effects, generator):
    """Return measured effects of style channels as rows for each channel of a generator.

    Parameters
    ----------
    effects : array-like of shape (n_channels, d), str or path-like
        Unit rows: of all channels, or those of the convolutions without the toRGB layers, in the
        order in which they run, as in StyleCLIP's ``fs3.npy``. Rows may end with any layer, since
        StyleCLIP leaves out high resolutions of some generators.
    generator : Generator
        The generator of the channels.

    Returns
    -------
    ndarray of shape (n_styles, d), float64
        Unit rows; 0 for channels that were not measured.

    Raises
    ------
    ValueError
        If the number of rows is that of another generator, or rows are no unit vectors.
    """
    if isinstance(effects, (str, PathLike)):
        file = ArrayFile(Path(effects).expanduser())
        name, effects = str(file.path), file.array(file.tree, np.float64)
    else:
        name = "effects"
    effects = real_array(effects, name)
    if effects.ndim != 2 or not effects.size:
        raise ValueError(
            f"{name} has shape {effects.shape}; expected (n_channels, d), as StyleCLIP's fs3.npy "
            "has."
        )
    norms = np.linalg.norm(effects, axis=1)
    if not (np.abs(norms - 1)[norms != 0] < UNIT_TOL).all():  # NaN compares false
        raise ValueError(
            f"{name} has rows of length {norms.min():.3g} to {norms.max():.3g}; expected unit "
            "vectors, the changes of unit embeddings scaled to length 1 and averaged."
        )

    names, sizes = style_layers(generator)
    if len(effects) == sum(sizes):
        return effects
    convolutions = [layer.name for layer in generator.layers]
    ends = np.cumsum(
        [size for layer, size in zip(names, sizes, strict=True) if layer in convolutions]
    )
    if len(effects) not in ends:
        raise ValueError(
            f"{name} has {len(effects)} rows; the generator {generator.name!r} has {sum(sizes)} "
            f"channels, {ends[-1]} of them in convolutions (up to the layers: {ends.tolist()}). "
            "The effects belong to another generator."
        )
    n_layers = int(np.searchsorted(ends, len(effects))) + 1
    if n_layers < len(convolutions):
        warnings.warn(
            f"{name} has {len(effects)} rows, those of the layers {convolutions[0]} to "
            f"{convolutions[n_layers - 1]}. Channels of later layers were not measured and are "
            "left unchanged. If it was made for a smaller generator, the result is wrong.",
            UserWarning,
            stacklevel=5,
        )

    slices = generator.style_slices
    columns = np.concatenate(
        [np.arange(slices[layer].start, slices[layer].stop) for layer in convolutions[:n_layers]]
    )
    rows = np.zeros((sum(sizes), effects.shape[1]))
    rows[columns] = effects
    return rows


def measured_statistics(statistics, generator):
    """Return mean and standard deviation of each style channel from a measurement.

    Parameters
    ----------
    statistics : array-like of shape (2, n_styles), str or path-like
        Means and standard deviations, or a file of StyleCLIP or StyleSpace: ``S_mean_std`` (a list
        of means and one of standard deviations, by layer) or ``S`` (names of layers, and styles of
        shape (n, n_channels) of each).
    generator : Generator
        The generator of the channels.

    Returns
    -------
    mean, scale : ndarray of shape (n_styles,), float64

    Raises
    ------
    ValueError
        If the layers differ from those of the generator, or the values are no statistics.
    """
    n_styles = sum(style_layers(generator)[1])
    name = "statistics"
    if isinstance(statistics, (str, PathLike)):
        file = ArrayFile(Path(statistics).expanduser())
        name, statistics = str(file.path), _read_by_layer(file, generator)
    values = real_array(statistics, name)
    if values.shape != (2, n_styles):
        raise ValueError(
            f"{name} has shape {values.shape}; expected means and standard deviations of the "
            f"generator's {n_styles} channels, shape {(2, n_styles)}."
        )
    if not np.isfinite(values).all() or not (values[1] >= 0).all() or not values[1].any():
        raise ValueError(
            f"{name} must hold finite means, and standard deviations that are not negative and not "
            "all 0."
        )
    check_magnitude(values, name)
    return values[0], values[1]


def _read_by_layer(file, generator):
    """Return an array of shape (2, n_styles), or the array of a file as it is stored."""
    tree = file.tree
    if isinstance(tree, StoredArray):
        return file.array(tree, np.float64)
    if (
        not isinstance(tree, list | tuple)
        or len(tree) != 2
        or not all(isinstance(part, list | tuple) for part in tree)
    ):
        raise ValueError(
            f"{file.path} holds no statistics of styles: expected an array (2, n_styles), or two "
            "lists by layer, as StyleCLIP writes 'S' and 'S_mean_std'."
        )
    first, second = tree
    layers, sizes = style_layers(generator)
    if len(second) != len(layers) or len(first) != len(layers):
        raise ValueError(
            f"{file.path} holds {len(second)} layers; the generator {generator.name!r} has "
            f"{len(layers)}: {', '.join(layers[:4])}, ..."
        )

    if all(isinstance(name, str) for name in first):
        _check_names(first, layers, {layer.name for layer in generator.layers}, file.path)
        styles = [file.array(entry, np.float64) for entry in second]
        _check_sizes([array.shape[1:] for array in styles], layers, sizes, file.path)
        if min(map(len, styles)) < 2:
            raise ValueError(f"{file.path} holds fewer than two codes, which have no spread.")
        by_layer = [(array.mean(axis=0), array.std(axis=0)) for array in styles]
        return np.stack([np.concatenate(part) for part in zip(*by_layer, strict=True)])
    statistics = []
    for part in (first, second):
        values = [file.array(entry, np.float64) for entry in part]
        _check_sizes([array.shape for array in values], layers, sizes, file.path)
        statistics.append(np.concatenate(values))
    return np.stack(statistics)


def _check_sizes(shapes, layers, sizes, path):
    """Raise ValueError unless there is a value for each channel of each layer."""
    for i, (shape, layer, size) in enumerate(zip(shapes, layers, sizes, strict=True)):
        if shape != (size,):
            raise ValueError(
                f"{path}: layer {i} ({layer}) has values of shape {shape}; expected {(size,)}. The "
                "file belongs to another generator."
            )


def _check_names(names, layers, convolutions, path):
    """Raise ValueError unless TensorFlow's names of layers are those of a generator, in order."""
    for i, (name, layer) in enumerate(zip(names, layers, strict=True)):
        found = TF_RESOLUTION.search(name)
        differs = found is not None and not layer.startswith(f"b{found[1]}.")
        if ("ToRGB" in name) == (layer in convolutions) or differs:
            raise ValueError(
                f"{path}: layer {i} is {name[:80]!r}, but the generator's is {layer!r}. The file "
                "belongs to another generator."
            )
