"""Reading latent codes and directions from files, without running anything that they hold."""

import re
from pathlib import Path
from typing import NamedTuple

import numpy as np

from skstylefeat.latents._pickled_arrays import load_pickled_arrays

LATENT_SUFFIXES = (".npy", ".npz", ".pt", ".pth", ".pickle", ".pkl")
LATENT_KEYS = ("w", "w_plus", "latents", "latent", "latent_in", "codes")
DIRECTION_KEYS = ("direction", "boundary", "directions", "w", "normal")


class Latents(NamedTuple):
    """Latent codes of a file or folder.

    Attributes
    ----------
    codes : ndarray of shape (n, w_dim) or (n, n_ws, w_dim), float32
    names : list of str or None
        What the file calls its rows, in the order of `codes`.
    """

    codes: np.ndarray
    names: list | None


class Directions(NamedTuple):
    """Directions of a file.

    Attributes
    ----------
    directions : ndarray, float32
        As stored: (w_dim,), (1, w_dim), (n_ws, w_dim), ...; with `names`, a stack of them.
    names : list of str or None
    intercept : float or ndarray or None
        The plane's intercept, where the file holds one.
    """

    directions: np.ndarray
    names: list | None
    intercept: object


def load_latents(path, *, iteration=-1):
    """Read latent codes from the files of the StyleGAN tools.

    Known are e4e's ``latents.pt`` (n, n_ws, w_dim); ReStyle's ``latents.npy``, a pickled
    dictionary from image name to one code per iteration; the projector's ``.npz`` with key ``w``;
    plain ``.npy``; and a folder with one file per image, as LARGE writes, whose rows are sorted by
    file name so that they cannot be stale or shuffled unseen.

    Parameters
    ----------
    path : str or path-like
        File or folder.
    iteration : int, default=-1
        Which of the iterations of a ReStyle file to take.

    Returns
    -------
    Latents
        ``codes``, float32, of shape (n, w_dim) or (n, n_ws, w_dim), and ``names`` or None.

    Raises
    ------
    ValueError
        If the file holds no latents, codes of different shapes, NaN, or pickled objects other
        than arrays.
    """
    path = Path(path)
    if path.is_dir():
        files = sorted((p for p in path.iterdir() if p.suffix in LATENT_SUFFIXES), key=_natural)
        if not files:
            raise ValueError(f"{path} holds no latent files {LATENT_SUFFIXES}.")
        parts = [load_latents(p, iteration=iteration) for p in files]
        codes = _stack([part.codes for part in parts], [p.stem for p in files], path)
        names = [
            name
            for file, part in zip(files, parts, strict=True)
            for name in part.names or _row_names(file.stem, len(part.codes))
        ]
        return Latents(codes, names)
    content = _read(path)
    names = None
    if isinstance(content, dict):
        key = next((k for k in LATENT_KEYS if k in content), None)
        if key is not None:
            content = content[key]
        elif path.suffix == ".npz":
            raise ValueError(
                f"{path} holds the keys {sorted(content)}, none of which is one of {LATENT_KEYS}."
            )
        else:
            names = [str(name) for name in content]
            content = [_iteration(code, iteration, path) for code in content.values()]
    if isinstance(content, (list, tuple)):
        content = _stack([_numeric(c, path)[None] for c in content], names, path)
    codes = _numeric(content, path)
    if codes.ndim == 4 and 1 in codes.shape[:2]:
        codes = codes.reshape(-1, *codes.shape[2:])
    if codes.ndim == 1:
        codes = codes[None]
    if codes.ndim not in (2, 3) or 0 in codes.shape:
        raise ValueError(
            f"{path} holds an array of shape {codes.shape}; latents are (n, w_dim) or "
            "(n, n_ws, w_dim)."
        )
    if path.suffix == ".npy" and codes.ndim == 2 and _one_code(codes):
        codes = codes[None]
    return Latents(codes, names)


def load_direction(path):
    """Read a direction, or several, from a ``.npy``, ``.npz`` or ``.pt`` file.

    Parameters
    ----------
    path : str or path-like

    Returns
    -------
    Directions
        A dictionary of equally shaped arrays gives a stack with ``names``; the keys ``intercept``
        or ``bias`` are read beside a key ``direction`` or ``boundary``.
    """
    path = Path(path)
    content = _read(path)
    if not isinstance(content, dict):
        return Directions(_numeric(content, path), None, None)
    intercept = next((content[k] for k in ("intercept", "bias", "b") if k in content), None)
    key = next((k for k in DIRECTION_KEYS if k in content), None)
    if intercept is not None:
        intercept = np.asarray(_numeric(intercept, path), dtype=np.float64).squeeze()[()]
    if key is not None:
        return Directions(_numeric(content[key], path), None, intercept)
    names = [k for k in content if k not in ("intercept", "bias", "b")]
    if not names:
        raise ValueError(f"{path} holds no direction.")
    arrays = [_numeric(content[name], path) for name in names]
    if len(names) == 1:
        return Directions(arrays[0], None, intercept)
    return Directions(
        _stack([a[None] for a in arrays], names, path), [str(n) for n in names], intercept
    )


def _read(path):
    if not path.exists():
        raise FileNotFoundError(f"There is no file {path}.")
    if path.suffix in (".pt", ".pth"):
        return _read_torch(path)
    if path.suffix == ".npz":
        with np.load(path, allow_pickle=False) as archive:
            return {key: archive[key] for key in archive.files}
    if path.suffix == ".npy":
        try:
            return np.load(path, allow_pickle=False)
        except ValueError as error:
            if "allow_pickle" not in str(error):
                raise ValueError(f"{path} is not a readable .npy file: {error}") from error
        return load_pickled_arrays(path)
    if path.suffix in (".pickle", ".pkl"):
        return load_pickled_arrays(path)
    raise ValueError(
        f"{path} has the suffix {path.suffix!r}; latents and directions are read from "
        f"{LATENT_SUFFIXES}."
    )


def _read_torch(path):
    import torch

    try:
        content = torch.load(path, map_location="cpu", weights_only=True)
    except Exception as error:
        raise ValueError(
            f"{path} is not a torch file of plain tensors (read with weights_only=True): {error}"
        ) from error
    return _tensors_to_numpy(content)


def _tensors_to_numpy(content):
    if isinstance(content, dict):
        return {key: _tensors_to_numpy(value) for key, value in content.items()}
    if isinstance(content, (list, tuple)):
        return [_tensors_to_numpy(value) for value in content]
    if hasattr(content, "detach"):
        return content.detach().float().numpy()
    return content


def _numeric(content, path):
    array = np.asarray(content)
    if array.dtype.kind not in "fiu":
        raise ValueError(f"{path} holds values of type {array.dtype}, expected numbers.")
    array = np.ascontiguousarray(array, dtype=np.float32)
    if not np.isfinite(array).all():
        raise ValueError(f"{path} contains NaN or infinity.")
    return array


def _iteration(code, iteration, path):
    """Pick one of the codes that an iterative encoder wrote for an image."""
    if isinstance(code, (list, tuple)):
        if not -len(code) <= iteration < len(code):
            raise ValueError(
                f"{path} holds {len(code)} iterations per image; iteration={iteration} is none."
            )
        return code[iteration]
    return code


def _stack(arrays, names, path):
    shapes = [a.shape[1:] for a in arrays]
    for i, shape in enumerate(shapes):
        if shape != shapes[0]:
            where = names[i] if names else i
            raise ValueError(
                f"{path}: code {where!r} has shape {shape}, but the first has {shapes[0]}."
            )
    return np.concatenate(arrays)


def _one_code(codes):
    """Tell an (n_ws, w_dim) code of one image from (n, w_dim) W codes by its few even rows.

    StyleGAN2 has n_ws = 2 log2(resolution) - 2 layers, 4 to 18, each at least as wide as that.
    """
    return 4 <= len(codes) <= 18 and len(codes) % 2 == 0 and codes.shape[1] >= 64


def _row_names(stem, n):
    return [stem] if n == 1 else [f"{stem}:{i}" for i in range(n)]


def _natural(path):
    """Sort ``img2`` before ``img10``."""
    return [int(t) if t.isdigit() else t for t in re.split(r"(\d+)", path.stem)]
