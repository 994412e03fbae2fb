"""Open files of arrays: latents, directions and measurements, as inert data."""

from __future__ import annotations

import numpy as np

from skstylefeat._inert._arrays import MAX_DIMENSIONS, StoredArray
from skstylefeat._inert._budget import CONTENT_ERRORS
from skstylefeat._inert._contents import open_file
from skstylefeat._utils._validation import check_magnitude
from skstylefeat.exceptions import CheckpointError

PICKLES = ("torch", "torch (before 1.6)", "pickle")
#: Suffixes of files of arrays, and the layouts that each may have.
SUFFIX_LAYOUTS = {
    ".npy": ("npy", "pickle"),
    ".npz": ("npz",),
    **dict.fromkeys((".pt", ".pth", ".pickle", ".pkl"), PICKLES),
}


class ArrayFile:
    """An open file of arrays.

    Parameters
    ----------
    path : Path
        The file.
    contents : Contents, default=None
        What it holds, where it is open already.

    Attributes
    ----------
    tree : object
        A dictionary, list, `StoredArray` or other content.
    """

    def __init__(self, path, contents=None):
        if not path.exists():
            raise FileNotFoundError(f"There is no file {path}.")
        # StyleCLIP writes pickles without a suffix.
        layouts = SUFFIX_LAYOUTS.get(path.suffix.lower()) if path.suffix else PICKLES
        if layouts is None:
            raise ValueError(
                f"{path} has the suffix {path.suffix!r}; latents and directions are read from "
                f"{tuple(SUFFIX_LAYOUTS)}."
            )
        contents = contents or open_file(path)
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


def stack_equal(arrays, names, path):
    """Concatenate arrays; raise ValueError that names the first of another shape."""
    shapes = [array.shape[1:] for array in arrays]
    for i, shape in enumerate(shapes):
        if shape != shapes[0]:
            where = names[i][:80] if names else i
            raise ValueError(
                f"{path}: code {where!r} has shape {shape}, but the first has {shapes[0]}."
            )
    return np.concatenate(arrays)
