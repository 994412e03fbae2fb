"""Reading of directions from files: one, several, or a stack of components to choose from."""

from __future__ import annotations

from numbers import Integral
from os import PathLike
from pathlib import Path
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray
from sklearn.utils._param_validation import StrOptions, validate_params

from skstylefeat._utils._typing import StrPath
from skstylefeat.latents._array_file import ArrayFile, stack_equal
from skstylefeat.latents._component_files import read_components
from skstylefeat.latents._readings import Space, has_two_readings, may_be_layers

DIRECTION_KEYS = ("direction", "boundary", "directions", "w", "normal")
INTERCEPT_KEYS = ("intercept", "bias", "b")


class Directions(NamedTuple):
    """Directions of a file.

    Attributes
    ----------
    directions : ndarray, float32
        As stored: (w_dim,), (1, w_dim), (k, w_dim), (k, n_ws, w_dim), ...; with `names`, a stack of
        these. Where `space` decided: (k, 1, w_dim) for "w" and (1, n_ws, w_dim) for "w+". One that
        was chosen by `index`: (1, w_dim) or (1, n_ws, w_dim).
    names : list of str or None
    intercept : float or ndarray or None
        The plane's intercept, where the file holds one or the mean latent, or one per direction.
    scale : float or None
        Length of one standard deviation of the latents along a component, in units of the latents,
        where the file holds it: ``edit(latents, found.directions, 2 * found.scale)`` moves latents
        by two.
    """

    directions: NDArray[np.float32]
    names: list[str] | None
    intercept: float | NDArray[np.float64] | None
    scale: float | None = None


@validate_params(
    {
        "path": [str, PathLike],
        "space": [StrOptions({"w", "w+"}), None],
        "index": [Integral, str, None],
    },
    prefer_skip_nested_validation=True,
)
def load_direction(
    path: StrPath, *, space: Space | None = None, index: int | str | None = None
) -> Directions:
    """Read a direction, or several, from a ``.npy``, ``.npz``, ``.pt`` or ``.pkl`` file.

    Known are arrays, dictionaries of arrays, and components: GANSpace's ``.npz`` (in W), the
    ``ffhq_pca.pt`` of e4e and PTI, and the ``factor.pt`` of rosinality's closed-form factorization.

    Parameters
    ----------
    path : str or path-like
        The file.
    space : {"w", "w+"} or None, default=None
        Reading of a 2-D array without names, such as (18, 512). "w": every row is a direction.
        "w+": the array is one direction, with a normal per layer. None refuses an array of 6 to 32
        rows of at most 1024 numbers, which may be either, unless the file has an intercept for
        each row.
    index : int, str or None, default=None
        The direction to take of several: its position, or its name in a dictionary. None takes
        all, but refuses a file of components.

    Returns
    -------
    Directions
        A dictionary of equally shaped arrays gives a stack with ``names``; the keys ``intercept``
        or ``bias`` are read next to a key ``direction`` or ``boundary``. For a component ``scale``
        is its standard deviation, and ``intercept`` sets its plane through the mean latent, where
        the file holds them.

    Raises
    ------
    CheckpointError
        If the file is damaged, of another kind than its suffix, or asks for functions or classes
        other than those of arrays.
    ValueError
        If it holds no direction, one of zeros, complex numbers, 8-bit integers, NaN, numbers
        beyond 1e12, or more intercepts than directions; if its array may be several directions or
        one and `space` is None; if `space` does not fit it; if it has no direction `index`; or if
        it holds components and `index` is None, or components in Z.

    Examples
    --------
    >>> import tempfile
    >>> import numpy as np
    >>> from skstylefeat.latents import load_direction
    >>> with tempfile.TemporaryDirectory() as folder:
    ...     np.savez(f"{folder}/age.npz", boundary=np.eye(1, 512), intercept=0.25)
    ...     found = load_direction(f"{folder}/age.npz")
    ...     np.save(f"{folder}/smile.npy", np.eye(18, 512))
    ...     per_layer = load_direction(f"{folder}/smile.npy", space="w+")
    >>> found.directions.shape, float(found.intercept)
    ((1, 512), 0.25)
    >>> per_layer.directions.shape
    (1, 18, 512)

    A component of GANSpace, with its standard deviation:

    >>> components = {"lat_comp": np.eye(2, 4)[:, None], "lat_stdev": [3.0, 2.0]}
    >>> with tempfile.TemporaryDirectory() as folder:
    ...     np.savez(f"{folder}/pca.npz", **components, lat_mean=[[0.5, 0.0, 0.0, 0.0]])
    ...     first = load_direction(f"{folder}/pca.npz", index=0)
    >>> first.directions, first.scale, first.intercept
    (array([[1., 0., 0., 0.]], dtype=float32), 3.0, -0.5)
    """
    return directions_of(ArrayFile(Path(path).expanduser()), space, index)


def directions_of(file, space=None, index=None):
    """Return the `Directions` of an `ArrayFile`; see `load_direction`."""
    path = file.path
    components = read_components(file)
    if components is not None:
        return _chosen_component(components, index, space, path)
    found = _stored_directions(file)
    directions = found.directions
    if found.names is None:
        directions = separate_directions(directions, space, found.intercept, str(path))
    if found.intercept is not None and np.size(found.intercept) not in (1, len(directions)):
        raise ValueError(
            f"{path} holds {np.size(found.intercept)} intercepts for directions of shape "
            f"{directions.shape}; expected one, or one per direction."
        )
    found = found._replace(directions=directions)
    return found if index is None else _chosen_direction(found, index, path)


def read_directions(path):
    """Return the `Directions` of a file as they are stored, whatever their number."""
    file = ArrayFile(Path(path).expanduser())
    components = read_components(file)
    if components is not None:
        return _chosen_component(components, None, None, path)
    return _stored_directions(file)


def separate_directions(directions, space, intercept, name):
    """Return directions in a shape with one reading; raise ValueError where `space` must decide.

    Parameters
    ----------
    directions : ndarray
        Without names.
    space : {"w", "w+"} or None
        Reading of a 2-D array.
    intercept : array-like or None
        One per row says that each row is a direction.
    name : str
        Subject of messages.

    Returns
    -------
    ndarray
        (k, 1, w_dim) for several directions in W, (1, n_ws, w_dim) for one in W+, where there was
        a choice; otherwise the input.
    """
    shape = directions.shape
    if space == "w" and len(shape) == 3 and shape[1] > 1:
        raise ValueError(
            f'{name} holds directions of shape {shape}, which are in W+, but space="w".'
        )
    if len(shape) != 2 or len(directions) == 1:
        return directions
    if space is None and has_two_readings(shape):
        if np.size(intercept) != len(directions):
            raise ValueError(
                f"{name} holds an array of shape {shape}: {shape[0]} directions in W, or one in "
                f'W+ with {shape[0]} layers. Say which: space="w" or space="w+".'
            )
        space = "w"
    if space == "w+" and may_be_layers(shape):
        return directions[None]
    return directions[:, None] if space == "w" else directions


def _stored_directions(file):
    """Return the `Directions` of an `ArrayFile` as they are stored."""
    path = file.path
    names = intercept = None
    if isinstance(file.tree, dict):
        stored = next((file.tree[k] for k in INTERCEPT_KEYS if k in file.tree), None)
        if stored is not None:
            intercept = file.array(stored, np.float64).squeeze()
        key = next((k for k in DIRECTION_KEYS if k in file.tree), None)
        keys = [k for k in file.tree if k not in INTERCEPT_KEYS] if key is None else [key]
        if not keys:
            raise ValueError(f"{path} holds no direction.")
        arrays = [file.array(file.tree[k]) for k in keys]
        directions = arrays[0]
        if len(keys) > 1:
            names = [str(k) for k in keys]
            directions = stack_equal([array[None] for array in arrays], names, path)
    else:
        directions = file.array(file.tree)

    rows = directions if names is not None else directions[None]
    if not 1 <= rows[0].ndim <= 3 or not directions.size:
        raise ValueError(
            f"{path} holds an array of shape {directions.shape}; a direction has shape (w_dim,) or "
            "(n_ws, w_dim)."
        )
    if not all(row.any() for row in rows):
        raise ValueError(f"{path} holds a direction of zeros, which has no orientation.")
    return Directions(directions, names, None if intercept is None else intercept[()])


def _chosen_direction(found, index, path):
    """Return one of the `Directions` of a file."""
    rows = found.directions if found.directions.ndim > 1 else found.directions[None]
    if isinstance(index, str):
        if found.names is None or index not in found.names:
            names = "no names" if found.names is None else f"the names {found.names[:10]}"
            raise ValueError(f"{path} has no direction {index!r}: it has {names}.")
        index = found.names.index(index)
    _check_index(index, len(rows), "directions", path)

    direction = rows[index].reshape(-1, rows.shape[-1])
    if not direction.any():
        raise ValueError(f"{path}: direction {index} is zero, which has no orientation.")
    intercept = found.intercept
    if intercept is not None:
        intercept = float(np.broadcast_to(intercept, len(rows))[index])
    return Directions(_as_one(direction), None, intercept)


def _chosen_component(components, index, space, path):
    """Return a component as `Directions`."""
    tool, vectors, deviations, mean = components
    n, n_layers, width = vectors.shape
    if index is None or isinstance(index, str):
        raise ValueError(
            f"{path} holds {n} components of {tool}, without names, for codes of {n_layers} x "
            f"{width}: choose one by its number, 0 to {n - 1}: load_direction(path, index=0)."
        )
    _check_index(index, n, "components", path)
    if space is not None and (space == "w+") != (n_layers > 1):
        where = "W" if n_layers == 1 else f"W+ with {n_layers} layers"
        raise ValueError(f"{path} holds components in {where}, but space={space!r}.")

    direction = vectors[index]
    norm = np.sqrt(np.square(direction, dtype=np.float64).sum() / n_layers)
    if not norm:
        raise ValueError(f"{path}: component {index} is zero, which has no orientation.")
    # A strength of `edit` is a length, and a component need not have length 1.
    scale = None if deviations is None else float(norm * deviations[index])
    intercept = None if mean is None else -float((direction.astype(np.float64) * mean).sum())
    return Directions(_as_one(direction), None, intercept, scale)


def _as_one(layers):
    """Return one direction as (1, w_dim), or (1, n_ws, w_dim) if it has several layers."""
    return layers if len(layers) == 1 else layers[None]


def _check_index(index, n, what, path):
    if not 0 <= index < n:
        raise ValueError(f"{path} holds {n} {what}, numbered from 0: index={index} is none.")
