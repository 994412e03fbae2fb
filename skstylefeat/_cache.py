"""Finished codes on disk, one file an image, so that a killed job goes on where it was."""

import hashlib
import os
import tempfile
import warnings
from pathlib import Path

import numpy as np

_CHECK_BYTES = 8


class CodeCache:
    """Map from an image and a recipe to a finished code.

    A key is the SHA-256 of the pixels that the network sees and of all that decides the code
    (weights, method, steps, seed). Entries are written to a temporary file and renamed, so a
    reader sees a whole entry or none, and several processes may share a folder.

    Parameters
    ----------
    folder : path-like
        Where the entries live; made if missing.
    recipe : str
        What decides the code besides the image.
    shape : tuple of int
        Shape of a code.
    """

    def __init__(self, folder, recipe, shape):
        self._folder = Path(folder)
        self._recipe = recipe.encode()
        self._shape = tuple(shape)

    def keys(self, images):
        """Return the key of every image of an array (n, H, W, 3)."""
        return [
            hashlib.sha256(self._recipe + np.ascontiguousarray(image).tobytes()).hexdigest()
            for image in images
        ]

    def get(self, key):
        """Return the code of a key, or None; a damaged entry is removed and said."""
        path = self._path(key)
        try:
            data = path.read_bytes()
        except FileNotFoundError:
            return None
        body, check = data[:-_CHECK_BYTES], data[-_CHECK_BYTES:]
        if hashlib.sha256(body).digest()[:_CHECK_BYTES] != check or len(body) != self._size():
            warnings.warn(f"The cached code {path} is damaged; it is computed again.", stacklevel=2)
            path.unlink(missing_ok=True)
            return None
        return np.frombuffer(body, dtype=np.float32).reshape(self._shape)

    def put(self, key, code):
        """Keep a code; where the disk refuses, say so and go on without the entry."""
        body = np.ascontiguousarray(code, dtype=np.float32).tobytes()
        path = self._path(key)
        temporary = None
        try:
            path.parent.mkdir(parents=True, exist_ok=True)
            handle, temporary = tempfile.mkstemp(dir=path.parent, suffix=".tmp")
            with os.fdopen(handle, "wb") as file:
                file.write(body + hashlib.sha256(body).digest()[:_CHECK_BYTES])
            os.replace(temporary, path)
        except OSError as error:
            if temporary is not None:
                Path(temporary).unlink(missing_ok=True)
            warnings.warn(f"A code could not be cached in {path.parent} ({error}).", stacklevel=2)

    def _path(self, key):
        return self._folder / key[:2] / key

    def _size(self):
        return 4 * int(np.prod(self._shape))
