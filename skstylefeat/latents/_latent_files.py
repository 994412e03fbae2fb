"""Reading of latent codes and directions from files, without running anything that they hold."""

from __future__ import annotations

from pathlib import Path
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from skstylefeat._inert._arrays import MAX_DIMENSIONS, StoredArray
from skstylefeat._inert._budget import CONTENT_ERRORS
from skstylefeat._inert._contents import open_file
from skstylefeat._utils._listing import list_folder, suffix_of
from skstylefeat._utils._typing import StrPath
from skstylefeat.exceptions import CheckpointError

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
        As stored: (w_dim,), (1, w_dim), (n_ws, w_dim), ...; with `names`, a stack of them.
    names : list of str or None
    intercept : float or ndarray or None
        The plane's intercept, where the file holds one, or one per direction.
    """

    directions: NDArray[np.float32]
    names: list[str] | None
    intercept: float | NDArray[np.float64] | None


def load_latents(path: StrPath, *, iteration: int = -1) -> Latents:
    """Read latent codes from the files of the StyleGAN tools.

    Known are e4e's ``latents.pt`` (n, n_ws, w_dim); ReStyle's ``latents.npy``, a pickled
    dictionary from image name to one code per iteration; the projector's ``.npz`` with key ``w``;
    plain ``.npy``; and a folder with one file per image, as LARGE writes, whose rows are sorted by
    file name so the order does not depend on a separate list of names.

    Parameters
    ----------
    path : str or path-like
        File or folder. Hidden files of a folder are left out.
    iteration : int, default=-1
        Iteration of a ReStyle file to take.

    Returns
    -------
    Latents
        ``codes``, float32, of shape (n, w_dim) or (n, n_ws, w_dim), and ``names`` or None.

    Raises
    ------
    CheckpointError
        If the file is damaged, of another kind than its suffix, or asks for functions or classes
        other than those of arrays.
    ValueError
        If it holds no latents, codes of different shapes, complex numbers, or NaN.

    Examples
    --------
    >>> import tempfile
    >>> import numpy as np
    >>> from skstylefeat.latents import load_latents
    >>> with tempfile.TemporaryDirectory() as folder:
    ...     np.savez(f"{folder}/projected_w.npz", w=np.ones((1, 18, 512)))
    ...     latents = load_latents(f"{folder}/projected_w.npz")
    >>> latents.codes.shape, latents.names
    ((1, 18, 512), None)
    """
    path = Path(path).expanduser()
    if path.is_dir():
        return _load_folder(path, iteration)

    file = _LatentFile(path)
    content, names = file.tree, None
    if isinstance(content, dict):
        key = next((k for k in LATENT_KEYS if k in content), None)
        if key is not None:
            content = content[key]
        elif path.suffix.lower() == ".npz":
            shown = [str(key)[:40] for key in list(content)[:5]]
            raise ValueError(
                f"{path} holds the keys {shown}, none of which is one of {LATENT_KEYS}."
            )
        else:
            names = [str(name) for name in content]
            content = [_iteration(code, iteration, path) for code in content.values()]

    if isinstance(content, list | tuple) and content:
        codes = _stack([file.array(code)[None] for code in content], names, path)
    else:
        codes = file.array(content)
    if codes.ndim == 4 and 1 in codes.shape[:2]:
        codes = codes.reshape(-1, *codes.shape[2:])
    if codes.ndim == 1:
        codes = codes[None]
    if codes.ndim not in (2, 3) or 0 in codes.shape:
        raise ValueError(
            f"{path} holds an array of shape {codes.shape}; latents are (n, w_dim) or "
            "(n, n_ws, w_dim)."
        )
    if path.suffix.lower() == ".npy" and codes.ndim == 2 and _is_one_code(codes):
        codes = codes[None]
    return Latents(codes, names)


def _load_folder(path, iteration):
    # Folders inside are other collections: only the files of this one count.
    names = [name for name in list_folder(path).names if "/" not in name]
    files = [path / name for name in names if suffix_of(name) in SUFFIX_LAYOUTS]
    if not files:
        raise ValueError(f"{path} holds no latent files {tuple(SUFFIX_LAYOUTS)}.")
    parts = [load_latents(file, iteration=iteration) for file in files]
    codes = _stack([part.codes for part in parts], [file.stem for file in files], path)
    names = [
        name
        for file, part in zip(files, parts, strict=True)
        for name in part.names or _row_names(file.stem, len(part.codes))
    ]
    return Latents(codes, names)


def load_direction(path: StrPath) -> Directions:
    """Read a direction, or several, from a ``.npy``, ``.npz``, ``.pt`` or ``.pkl`` file.

    Parameters
    ----------
    path : str or path-like
        The file.

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
        If it holds no direction, one of zeros, NaN, or more intercepts than directions.

    Examples
    --------
    >>> import tempfile
    >>> import numpy as np
    >>> from skstylefeat.latents import load_direction
    >>> with tempfile.TemporaryDirectory() as folder:
    ...     np.savez(f"{folder}/age.npz", boundary=np.eye(1, 512), intercept=0.25)
    ...     found = load_direction(f"{folder}/age.npz")
    >>> found.directions.shape, float(found.intercept)
    ((1, 512), 0.25)
    """
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
    if not rows[0].ndim or not directions.size:
        raise ValueError(
            f"{path} holds an array of shape {directions.shape}; a direction has shape (w_dim,) or "
            "(n_ws, w_dim)."
        )
    if not all(row.any() for row in rows):
        raise ValueError(f"{path} holds a direction of zeros, which has no orientation.")
    if intercept is not None and intercept.size not in (1, len(directions)):
        raise ValueError(
            f"{path} holds {intercept.size} intercepts for directions of shape {directions.shape}; "
            "expected one, or one per direction."
        )
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
        with np.errstate(over="ignore"):
            # A copy, because the mapped file may be overwritten while its numbers are in use.
            array = np.array(array, dtype=dtype, order="C")
        if not np.isfinite(array).all():
            raise ValueError(f"{self.path} contains NaN or infinity.")
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


def _is_one_code(codes):
    """Return whether codes of shape (n_ws, w_dim) are one W+ code, not W codes, by their number.

    StyleGAN2 has n_ws = 2 log2(resolution) - 2 layers, 4 to 18, each at least as wide as that.
    """
    return 4 <= len(codes) <= 18 and len(codes) % 2 == 0 and codes.shape[1] >= 64


def _row_names(stem, n):
    return [stem] if n == 1 else [f"{stem}:{i}" for i in range(n)]
