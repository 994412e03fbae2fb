"""Reading of latent codes and directions from files, without running anything that they hold."""

from __future__ import annotations

from numbers import Integral
from os import PathLike
from pathlib import Path
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray
from sklearn.utils._param_validation import Interval, StrOptions, validate_params

from skstylefeat._inert._arrays import MAX_DIMENSIONS, StoredArray
from skstylefeat._inert._budget import CONTENT_ERRORS
from skstylefeat._inert._contents import open_file
from skstylefeat._utils._listing import list_folder, suffix_of
from skstylefeat._utils._typing import StrPath
from skstylefeat._utils._validation import check_magnitude
from skstylefeat.exceptions import CheckpointError
from skstylefeat.latents._readings import (
    WIDEST_W,
    Space,
    has_two_readings,
    may_be_layers,
)

#: Suffixes of files of latents, and the layouts that each may have.
SUFFIX_LAYOUTS = {
    ".npy": ("npy", "pickle"),
    ".npz": ("npz",),
    **dict.fromkeys((".pt", ".pth", ".pickle", ".pkl"), ("torch", "torch (before 1.6)", "pickle")),
}
LATENT_KEYS = ("w", "w_plus", "latents", "latent", "latent_in", "codes")
DIRECTION_KEYS = ("direction", "boundary", "directions", "w", "normal")
INTERCEPT_KEYS = ("intercept", "bias", "b")


class Latents(NamedTuple):
    """Latent codes of a file or folder.

    Attributes
    ----------
    codes : ndarray of shape (n, w_dim) or (n, n_ws, w_dim), float32
    names : list of str or None
        The file's names of the rows, in the order of `codes`.
    """

    codes: NDArray[np.float32]
    names: list[str] | None


class Directions(NamedTuple):
    """Directions of a file.

    Attributes
    ----------
    directions : ndarray, float32
        As stored: (w_dim,), (1, w_dim), (k, w_dim), (k, n_ws, w_dim), ...; with `names`, a stack of
        these. Where `space` decided: (k, 1, w_dim) for "w" and (1, n_ws, w_dim) for "w+".
    names : list of str or None
    intercept : float or ndarray or None
        The plane's intercept, where the file holds one, or one per direction.
    """

    directions: NDArray[np.float32]
    names: list[str] | None
    intercept: float | NDArray[np.float64] | None


@validate_params(
    {
        "path": [str, PathLike],
        "space": [StrOptions({"w", "w+"}), None],
        "iteration": [Interval(Integral, None, None, closed="neither")],
    },
    prefer_skip_nested_validation=True,
)
def load_latents(path: StrPath, *, space: Space | None = None, iteration: int = -1) -> Latents:
    """Read latent codes from the files of the StyleGAN tools.

    Known are e4e's ``latents.pt`` (n, n_ws, w_dim); ReStyle's ``latents.npy``, a pickled
    dictionary from image name to one code per iteration; the projector's ``.npz`` with key ``w``;
    plain ``.npy``; and a folder with one file per image, as LARGE writes, whose rows are sorted by
    file name so the order does not depend on a separate list of names.

    Parameters
    ----------
    path : str or path-like
        File or folder. Hidden files of a folder are left out.
    space : {"w", "w+"} or None, default=None
        Reading of a 2-D array without names, such as (18, 512). "w": every row is a code. "w+":
        the array is one code, with a row per layer. None refuses an array of 6 to 32 rows of at
        most 1024 numbers, which may be either; other 2-D arrays hold a code per row. The key
        ``w_plus`` of a file counts as "w+". A file of codes in the other space is refused.
    iteration : int, default=-1
        Iteration of a ReStyle file to take.

    Returns
    -------
    Latents
        ``codes``, float32, of shape (n, w_dim) or (n, n_ws, w_dim), and ``names`` or None. Codes
        of one layer, (n, 1, w_dim), are returned as W codes; rows of W+ codes in C order,
        (n, n_ws * w_dim), as they are.

    Raises
    ------
    CheckpointError
        If the file is damaged, of another kind than its suffix, or asks for functions or classes
        other than those of arrays.
    ValueError
        If it holds no latents, codes of different shapes, complex numbers, 8-bit integers, NaN, or
        numbers beyond 1e12; if its array may be W codes or one W+ code and `space` is None; or if
        `space` is not that of its codes.

    Examples
    --------
    >>> import tempfile
    >>> import numpy as np
    >>> from skstylefeat.latents import load_latents
    >>> with tempfile.TemporaryDirectory() as folder:
    ...     np.savez(f"{folder}/projected_w.npz", w=np.ones((1, 18, 512)))
    ...     latents = load_latents(f"{folder}/projected_w.npz")
    ...     np.save(f"{folder}/one.npy", np.ones((18, 512)))
    ...     one = load_latents(f"{folder}/one.npy", space="w+")
    >>> latents.codes.shape, latents.names
    ((1, 18, 512), None)
    >>> one.codes.shape
    (1, 18, 512)
    """
    path = Path(path).expanduser()
    if path.is_dir():
        return _load_folder(path, space, iteration)

    file = _LatentFile(path)
    content, names = file.tree, None
    if isinstance(content, dict):
        key = _latent_key(content, space, path)
        if key is not None:
            content = content[key]
            if key == "w_plus" and space is None:
                space = "w+"
        else:
            names = [str(name) for name in content]
            content = [_iteration(code, iteration, path) for code in content.values()]

    if isinstance(content, list | tuple) and content:
        codes = _stack([file.array(code)[None] for code in content], names, path)
    else:
        codes = file.array(content)
    return Latents(_as_codes(codes, names, space, path), names)


def _latent_key(content, space, path):
    """Return the key of the latents in a dictionary, None if its keys are names of images."""
    keys = [key for key in LATENT_KEYS if key in content]
    if "w" in keys and "w_plus" in keys:
        if space is None:
            raise ValueError(
                f"{path} holds 'w' and 'w_plus'. Choose one with space=\"w\" or space=\"w+\"."
            )
        return "w" if space == "w" else "w_plus"
    if not keys and path.suffix.lower() == ".npz":
        shown = [str(key)[:40] for key in list(content)[:5]]
        raise ValueError(f"{path} holds the keys {shown}, none of which is one of {LATENT_KEYS}.")
    return keys[0] if keys else None


def _as_codes(codes, names, space, path):
    """Return codes of shape (n, w_dim) or (n, n_ws, w_dim), as `space` says where both fit."""
    stored = codes.shape
    if codes.ndim == 4 and 1 in stored[:2] and codes.size:
        codes = codes.reshape(-1, *stored[2:])
    if codes.ndim == 1:
        codes = codes[None]
    if codes.ndim not in (2, 3) or 0 in stored or (names and len(codes) != len(names)):
        named = f" for {len(names)} names" if names else ""
        raise ValueError(
            f"{path} holds an array of shape {stored}{named}; latents are (n, w_dim) or "
            "(n, n_ws, w_dim)."
        )

    if codes.ndim == 3 and codes.shape[1] > 1:
        if space == "w":
            raise ValueError(
                f'{path} holds codes of shape {stored}, which are in W+, but space="w".'
            )
        return codes
    if codes.ndim == 3:
        codes = codes[:, 0]
    elif names is None and len(stored) == 2:
        if space is None and has_two_readings(stored):
            raise ValueError(
                f"{path} holds an array of shape {stored}: {stored[0]} codes in W, or one code in "
                f'W+ with {stored[0]} layers. Say which: space="w" or space="w+".'
            )
        if space == "w+" and may_be_layers(stored):
            return codes[None]
    if space == "w+" and codes.shape[1] <= WIDEST_W:
        raise ValueError(
            f'{path} holds codes of shape {stored}, which are not in W+, but space="w+". Without '
            "`space` every row is a code."
        )
    return codes


def _load_folder(path, space, iteration):
    # Folders inside are other collections: only the files of this one count.
    names = [name for name in list_folder(path).names if "/" not in name]
    files = [path / name for name in names if suffix_of(name) in SUFFIX_LAYOUTS]
    if not files:
        raise ValueError(f"{path} holds no latent files {tuple(SUFFIX_LAYOUTS)}.")
    parts = [load_latents(file, space=space, iteration=iteration) for file in files]
    codes = _stack([part.codes for part in parts], [file.stem for file in files], path)
    names = [
        name
        for file, part in zip(files, parts, strict=True)
        for name in part.names or _row_names(file.stem, len(part.codes))
    ]
    return Latents(codes, names)


@validate_params(
    {"path": [str, PathLike], "space": [StrOptions({"w", "w+"}), None]},
    prefer_skip_nested_validation=True,
)
def load_direction(path: StrPath, *, space: Space | None = None) -> Directions:
    """Read a direction, or several, from a ``.npy``, ``.npz``, ``.pt`` or ``.pkl`` file.

    Parameters
    ----------
    path : str or path-like
        The file.
    space : {"w", "w+"} or None, default=None
        Reading of a 2-D array without names, such as (18, 512). "w": every row is a direction.
        "w+": the array is one direction, with a normal per layer. None refuses an array of 6 to 32
        rows of at most 1024 numbers, which may be either, unless the file has an intercept for
        each row.

    Returns
    -------
    Directions
        A dictionary of equally shaped arrays gives a stack with ``names``; the keys ``intercept``
        or ``bias`` are read next to a key ``direction`` or ``boundary``.

    Raises
    ------
    CheckpointError
        If the file is damaged, of another kind than its suffix, or asks for functions or classes
        other than those of arrays.
    ValueError
        If it holds no direction, one of zeros, complex numbers, 8-bit integers, NaN, numbers
        beyond 1e12, or more intercepts than directions; if its array may be several directions or
        one and `space` is None; or if `space` does not fit it.

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
    """
    found = read_directions(path)
    directions = found.directions
    if found.names is None:
        directions = separate_directions(directions, space, found.intercept, str(path))
    if found.intercept is not None and np.size(found.intercept) not in (1, len(directions)):
        raise ValueError(
            f"{path} holds {np.size(found.intercept)} intercepts for directions of shape "
            f"{directions.shape}; expected one, or one per direction."
        )
    return found._replace(directions=directions)


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


def read_directions(path):
    """Return the `Directions` of a file as they are stored, whatever their number."""
    path = Path(path).expanduser()
    file = _LatentFile(path)
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
            directions = _stack([array[None] for array in arrays], names, path)
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


class _LatentFile:
    """An open file of arrays.

    Parameters
    ----------
    path : Path
        The file.

    Attributes
    ----------
    tree : object
        A dictionary, list, `StoredArray` or other content.
    """

    def __init__(self, path):
        if not path.exists():
            raise FileNotFoundError(f"There is no file {path}.")
        layouts = SUFFIX_LAYOUTS.get(path.suffix.lower())
        if layouts is None:
            raise ValueError(
                f"{path} has the suffix {path.suffix!r}; latents and directions are read from "
                f"{tuple(SUFFIX_LAYOUTS)}."
            )
        contents = open_file(path)
        if contents.layout not in layouts:
            raise CheckpointError(
                f"{path} is a file of the kind {contents.layout!r} by its content, expected one of "
                f"{layouts} by its suffix. Rename it."
            )
        self.path = path
        self.budget = contents.budget
        self.tree = contents.tree
        # numpy.save(path, dictionary) writes an array of one object.
        objects = getattr(self.tree, "objects", None)
        if objects is not None:
            self.tree = objects[0] if len(objects) == 1 else objects

    def array(self, content, dtype=np.float32):
        """Return an array, or nested lists of arrays and numbers, as one finite array."""
        try:
            array = self._assemble(content, 0)
        except CheckpointError:
            raise
        except CONTENT_ERRORS as error:
            raise ValueError(f"{self.path} holds no array of numbers: {error}.") from error
        if array.dtype.kind not in "fiu":
            raise ValueError(f"{self.path} holds values of type {array.dtype}, expected numbers.")
        if array.dtype in (np.int8, np.uint8) and array.size:
            raise ValueError(
                f"{self.path} holds values of type {array.dtype}, as images and quantized arrays "
                "do, whose scale is unknown; expected floats."
            )
        with np.errstate(over="ignore"):
            # A copy, because the mapped file may be overwritten while its numbers are in use.
            array = np.array(array, dtype=dtype, order="C")
        if not np.isfinite(array).all():
            raise ValueError(f"{self.path} contains NaN or infinity.")
        check_magnitude(array, str(self.path))
        return array

    def _assemble(self, content, depth):
        if isinstance(content, StoredArray):
            if content.objects is None:
                return content.load()
            content = content.objects
        if isinstance(content, list | tuple):
            # A list may hold itself, or one list many times.
            if depth > MAX_DIMENSIONS:
                raise ValueError(f"lists are nested more than {MAX_DIMENSIONS} deep")
            self.budget.spend_steps(len(content))
            return np.array([self._assemble(item, depth + 1) for item in content])
        if isinstance(content, int | float):
            return np.asarray(content)
        raise ValueError(f"found an object of type {type(content).__name__}")


def _iteration(code, iteration, path):
    """Return one of the codes that an iterative encoder wrote for an image."""
    if isinstance(code, list | tuple):
        if not -len(code) <= iteration < len(code):
            raise ValueError(
                f"{path} holds {len(code)} iterations per image; iteration={iteration} is none."
            )
        return code[iteration]
    return code


def _stack(arrays, names, path):
    shapes = [array.shape[1:] for array in arrays]
    for i, shape in enumerate(shapes):
        if shape != shapes[0]:
            where = names[i][:80] if names else i
            raise ValueError(
                f"{path}: code {where!r} has shape {shape}, but the first has {shapes[0]}."
            )
    return np.concatenate(arrays)


def _row_names(stem, n):
    return [stem] if n == 1 else [f"{stem}:{i}" for i in range(n)]
