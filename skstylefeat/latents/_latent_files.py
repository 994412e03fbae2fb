"""Reading of latent codes from files, without running anything that they hold."""

from __future__ import annotations

from numbers import Integral
from os import PathLike
from pathlib import Path
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray
from sklearn.utils._param_validation import Interval, StrOptions, validate_params

from skstylefeat._utils._listing import list_folder, suffix_of
from skstylefeat._utils._typing import StrPath
from skstylefeat.latents._array_file import SUFFIX_LAYOUTS, ArrayFile, stack_equal
from skstylefeat.latents._component_files import component_tool
from skstylefeat.latents._readings import (
    WIDEST_W,
    Space,
    has_two_readings,
    may_be_layers,
)

LATENT_KEYS = ("w", "w_plus", "latents", "latent", "latent_in", "codes")
#: Key of the code in the entry of an image, which rosinality's projector writes.
ENTRY_KEY = "latent"
#: The only file of latents in the folder of an image, which PTI writes.
PIVOT_FILE = "0.pt"


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

    Known are e4e's ``latents.pt`` (n, n_ws, w_dim); ReStyle's and HyperStyle's ``latents.npy``, a
    pickled dictionary from image name to one code, or one code per iteration; NVIDIA's projector's
    ``.npz`` with key ``w``; rosinality's projector's ``.pt``, a dictionary from image to ``img``,
    ``latent`` and ``noise``; plain ``.npy``; a folder with one file per image, as LARGE writes,
    whose rows are sorted by file name so the order does not depend on a separate list of names; and
    a folder of PTI, with a file ``NAME/0.pt`` for each image.

    Parameters
    ----------
    path : str or path-like
        File or folder. Hidden files of a folder are left out, and folders in it unless they are
        PTI's.
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

    return latents_of(ArrayFile(path), space, iteration)


def latents_of(file, space=None, iteration=-1):
    """Return the `Latents` of an `ArrayFile`; see `load_latents`."""
    path, content, names = file.path, file.tree, None
    tool = component_tool(content)
    if tool is not None:
        raise ValueError(
            f"{path} holds components of {tool}, expected latents: read a component with "
            "load_direction(path, index=0)."
        )
    if isinstance(content, dict):
        key = _latent_key(content, space, path)
        if key is not None:
            content = content[key]
            if key == "w_plus" and space is None:
                space = "w+"
        else:
            names = [str(name) for name in content]
            content = [
                _one_code(name, code, iteration, path)
                for name, code in zip(names, content.values(), strict=True)
            ]

    if isinstance(content, list | tuple) and content:
        codes = stack_equal([file.array(code)[None] for code in content], names, path)
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
    listed = [name for name in list_folder(path).names if suffix_of(name) in SUFFIX_LAYOUTS]
    # Folders inside are other collections, unless this one holds nothing but folders of PTI.
    files = {name: Path(name).stem for name in listed if "/" not in name}
    files = files or _pivot_names(path, listed)
    if not files:
        raise ValueError(f"{path} holds no latent files {tuple(SUFFIX_LAYOUTS)}.")

    parts = [load_latents(path / name, space=space, iteration=iteration) for name in files]
    codes = stack_equal([part.codes for part in parts], list(files.values()), path)
    names = [
        name
        for stem, part in zip(files.values(), parts, strict=True)
        for name in part.names or _row_names(stem, len(part.codes))
    ]
    return Latents(codes, names)


def _pivot_names(path, listed):
    """Return the names of images by file, for files ``NAME/0.pt``; refuse other files in folders.

    PTI writes the codes of several encoders, and e4e's next to its own, into folders of one level
    more, which would give one image several codes.
    """
    others = [name for name in listed if name.count("/") > 1 or Path(name).name != PIVOT_FILE]
    if others:
        raise ValueError(
            f"{path} holds no latent files itself, and in its folders {others[0][:80]!r} besides "
            f"or instead of PTI's 'NAME/{PIVOT_FILE}'. Pass the folder whose folders are the "
            "images, such as embeddings/RUN/PTI, or that of the files."
        )
    return {name: Path(name).parent.name for name in listed}


def _one_code(name, code, iteration, path):
    """Return the code of an image: that of a projector's entry, or of one of the iterations."""
    if isinstance(code, dict):
        if ENTRY_KEY not in code:
            keys = [str(key)[:40] for key in list(code)[:5]]
            raise ValueError(
                f"{path}: the entry {name[:80]!r} holds the keys {keys}, expected {ENTRY_KEY!r}, "
                "as stylegan2-pytorch's projector writes it."
            )
        return code[ENTRY_KEY]
    if isinstance(code, list | tuple):
        if not -len(code) <= iteration < len(code):
            raise ValueError(
                f"{path} holds {len(code)} iterations per image; iteration={iteration} is none."
            )
        return code[iteration]
    return code


def _row_names(stem, n):
    return [stem] if n == 1 else [f"{stem}:{i}" for i in range(n)]
