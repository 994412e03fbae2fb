"""Lookup of weights files by name or path, and their SHA-256."""

import hashlib
import os
from collections.abc import Iterator
from contextlib import contextmanager
from contextvars import ContextVar
from functools import lru_cache
from importlib import resources
from pathlib import Path

from skstylefeat.networks.checkpoints._hub import download, is_hub_address, parse_address

SEARCH_PATH_VARIABLE = "SKSTYLEFEAT_WEIGHTS"
ENCODER_SUFFIX = "-encoder"
_folder = ContextVar("folder", default="")


def bundled_names():
    """Return the names of the bundled generators."""
    folder = resources.files("skstylefeat") / "weights"
    stems = [
        Path(entry.name).stem for entry in folder.iterdir() if entry.name.endswith(".safetensors")
    ]
    return sorted(stem for stem in stems if not stem.endswith(ENCODER_SUFFIX))


@contextmanager
def weights_from(folder: str | os.PathLike[str]) -> Iterator[None]:
    """Look for relative paths of weights in a folder first, inside the ``with`` block."""
    token = _folder.set(os.fspath(folder))
    try:
        yield
    finally:
        _folder.reset(token)


def find_weights(name_or_path):
    """Return the file of a bundled name or a path.

    Relative paths are also looked for in the folders of the environment variable
    ``SKSTYLEFEAT_WEIGHTS`` (separated like ``PATH``), so that a pickle made on one machine
    finds its weights on another.

    Parameters
    ----------
    name_or_path : str or path-like
        Bundled name such as "faces64", a file, or the address of a file on the Hugging Face hub,
        ``hf://OWNER/NAME@COMMIT/FILE``. The folders may hold it, too, under that path.

    Returns
    -------
    pathlib.Path
    """
    text = os.fspath(name_or_path)
    folders = [f for f in os.environ.get(SEARCH_PATH_VARIABLE, "").split(os.pathsep) if f]
    if is_hub_address(text):
        address = parse_address(text)
        copies = [Path(folder) / address.local_path for folder in folders]
        return next((copy for copy in copies if copy.is_file()), None) or download(address)

    bundled = resources.files("skstylefeat") / "weights" / f"{text}.safetensors"
    if os.sep not in text and bundled.is_file():
        return Path(str(bundled))
    path = Path(text).expanduser()
    if _folder.get() and (Path(_folder.get()) / path).is_file():
        return Path(_folder.get()) / path
    if path.is_file():
        return path
    for folder in folders:
        for candidate in (Path(folder) / path, Path(folder) / path.name):
            if candidate.is_file():
                return candidate
    raise FileNotFoundError(
        f"No weights {text!r}: it is neither a bundled name {bundled_names()} nor a file here or "
        f"in the folders of ${SEARCH_PATH_VARIABLE} ({folders or 'not set'}). Give a path that "
        "exists, or set the variable to the folder that holds it."
    )


def file_sha256(path):
    """Return the SHA-256 of a file as a hexadecimal string."""
    stat = os.stat(path)
    # The time of change, too, because tools such as "cp -p" set that of modification.
    known = stat.st_size, stat.st_mtime_ns, stat.st_ctime_ns, stat.st_ino
    return _file_sha256(os.fspath(path), known)


@lru_cache(maxsize=64)
def _file_sha256(path, known):
    with open(path, "rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()


def check_sha256(path, expected):
    """Return the hash of the file at `path`; raise ValueError if it is not the `expected` one."""
    digest = file_sha256(path)
    if expected is not None and digest != expected:
        raise ValueError(
            f"The weights file {path} has changed: its SHA-256 is {digest}, expected {expected}. "
            "Put the original file back, or fit the estimator again with the new one."
        )
    return digest
