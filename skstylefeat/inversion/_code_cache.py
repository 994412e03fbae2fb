"""Finished codes on disk, one file an image, so that a killed job goes on where it was."""

import contextlib
import hashlib
import os
import time
import uuid
import warnings
from pathlib import Path

import numpy as np

_CHECK_BYTES = 8
_STALE_SECONDS = 3600


class CodeCache:
    """Map from an image and a recipe to a finished code.

    A key is the SHA-256 of the pixels that the networks see and of all that decides the code
    (weights, method, steps, seed). Entries are written to a temporary file and renamed, so a
    reader sees a whole entry or none, and several processes may share a folder. An entry ends
    with a check of its content. Whatever the disk does costs no more than the entry.

    Parameters
    ----------
    folder : path-like
        Where the entries live; made if missing. They are spread over 256 folders.
    recipe : str
        What decides the code besides the image.
    shape : tuple of int
        Shape of a code.
    """

    def __init__(self, folder, recipe, shape):
        self._folder = Path(folder)
        self._recipe = recipe.encode()
        self._shape = tuple(shape)

    def key(self, *views):
        """Return the key of an image: of its pixels at every size that a network sees."""
        digest = hashlib.sha256(self._recipe)
        for view in views:
            digest.update(np.ascontiguousarray(view))
        return digest.hexdigest()

    def get(self, key, say=warnings.warn):
        """Return the code of a key, or None; a damaged entry is said."""
        path = self._path(key)
        try:
            data = path.read_bytes()
        except FileNotFoundError:
            return None
        except OSError as error:
            say(f"Cached codes in {self._folder} cannot be read ({_reason(error)}).")
            return None
        body, check = data[:-_CHECK_BYTES], data[-_CHECK_BYTES:]
        if _check_of(body) != check or len(body) != 4 * int(np.prod(self._shape)):
            say(f"The cached code {path} is damaged; it is computed again.")
            return None
        return np.frombuffer(body, dtype="<f4").reshape(self._shape)

    def put(self, key, code, say=warnings.warn):
        """Keep a code; where the disk refuses, say so and go on without the entry."""
        body = np.ascontiguousarray(code, dtype="<f4").tobytes()
        path = self._path(key)
        # On the same disk as the entry, as renaming wants it; a name that no machine has twice.
        temporary = self._temporaries / uuid.uuid4().hex
        try:
            for folder in (path.parent, temporary.parent):
                folder.mkdir(parents=True, exist_ok=True)
            with open(temporary, "xb") as file:
                file.write(body + _check_of(body))
            os.replace(temporary, path)
        except OSError as error:
            with contextlib.suppress(OSError):
                temporary.unlink(missing_ok=True)
            say(
                f"Codes cannot be kept in {self._folder} ({_reason(error)}). The work goes on; "
                "what is not kept is computed again next time."
            )

    def sweep(self):
        """Remove what writers that were killed have left half written, an hour ago or more."""
        with contextlib.suppress(OSError), os.scandir(self._temporaries) as files:
            for file in files:
                with contextlib.suppress(OSError):
                    if time.time() - file.stat().st_mtime > _STALE_SECONDS:
                        os.unlink(file)

    @property
    def _temporaries(self):
        return self._folder / "tmp"

    def _path(self, key):
        return self._folder / key[:2] / key


def _check_of(body):
    return hashlib.sha256(body).digest()[:_CHECK_BYTES]


def _reason(error):
    return error.strerror or type(error).__name__
