"""Cache of finished codes on disk, one file per image."""

from __future__ import annotations

import contextlib
import hashlib
import os
import time
import warnings
from pathlib import Path

import numpy as np

from skstylefeat._utils._files import replace_file

_CHECKSUM_BYTES = 8
_STALE_SECONDS = 3600


def cache_folder(cache_dir: str | os.PathLike[str] | None) -> Path | None:
    """Return the parameter `cache_dir` as a path, with ``~`` expanded; None stays None.

    Raises
    ------
    ValueError
        If it cannot name a folder.
    """
    if cache_dir is None:
        return None
    text = os.fspath(cache_dir)
    if not text.strip() or "\0" in text:
        raise ValueError(
            f"cache_dir={cache_dir!r} is not a folder; give a path, or None for no cache."
        )
    try:
        return Path(text).expanduser()
    except RuntimeError as error:
        raise ValueError(f"cache_dir={cache_dir!r} is not a folder: {error}") from None


class CodeCache:
    """Cache that maps an image and a recipe to a finished code.

    A key is the SHA-256 of the pixels that the networks see and of everything that determines the
    code: weights, method, steps, seed. Entries are written atomically, so that readers see a
    complete entry or none and several processes may share a folder. An entry ends with a checksum
    of its content. A disk error loses at most the entry being written.

    Parameters
    ----------
    folder : path-like
        Folder of the entries, which are spread over 256 subfolders; created if missing.
    recipe : str
        Everything except the image that determines the code.
    shape : tuple of int
        Shape of a code.
    """

    def __init__(self, folder, recipe, shape):
        self._folder = Path(folder)
        self._recipe = recipe.encode()
        self._shape = tuple(shape)

    def key(self, *views):
        """Return the key of an image, given its pixels at each size that a network sees."""
        digest = hashlib.sha256(self._recipe)
        for view in views:
            digest.update(np.ascontiguousarray(view))
        return digest.hexdigest()

    def get(self, key, warn=warnings.warn):
        """Return the cached code or None; warn if the entry is corrupt or cannot be read."""
        path = self._path(key)
        try:
            data = path.read_bytes()
        except FileNotFoundError:
            return None
        except OSError as error:
            warn(f"Cached codes in {self._folder} cannot be read ({_reason(error)}).")
            return None

        body, checksum = data[:-_CHECKSUM_BYTES], data[-_CHECKSUM_BYTES:]
        if _checksum(body) != checksum or len(body) != 4 * int(np.prod(self._shape)):
            warn(f"The cached code {path} is damaged; it is computed again.")
            return None
        return np.frombuffer(body, dtype="<f4").reshape(self._shape)

    def put(self, key, code, warn=warnings.warn):
        """Write an entry; if the disk refuses, warn and go on without it."""
        body = np.ascontiguousarray(code, dtype="<f4").tobytes()
        path = self._path(key)
        try:
            path.parent.mkdir(parents=True, exist_ok=True)
            replace_file(path, lambda file: file.write(body + _checksum(body)))
        except OSError as error:
            warn(
                f"Codes cannot be kept in {self._folder} ({_reason(error)}). The work goes on; "
                "codes that are not kept are computed again next time."
            )

    def remove_unfinished(self):
        """Remove unfinished files of killed writers that are more than an hour old."""
        for file in self._folder.glob("??/*.part"):
            with contextlib.suppress(OSError):
                if time.time() - file.stat().st_mtime > _STALE_SECONDS:
                    file.unlink()

    def _path(self, key):
        return self._folder / key[:2] / key


def _checksum(body):
    return hashlib.sha256(body).digest()[:_CHECKSUM_BYTES]


def _reason(error):
    return error.strerror or type(error).__name__
