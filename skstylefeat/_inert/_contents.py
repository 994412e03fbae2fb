"""Opening of a file of weights, latents or directions as a tree of inert data."""

import mmap
from pathlib import Path
from typing import Any, NamedTuple

from skstylefeat._inert._archives import ZIP_HEAD, Archive
from skstylefeat._inert._budget import Budget
from skstylefeat._inert._numpy_format import NPY_HEAD, read_npy, read_npz
from skstylefeat._inert._safetensors_format import is_safetensors, read_safetensors
from skstylefeat._inert._torch_format import LEGACY_HEAD, read_legacy, read_pickle, read_torch_zip
from skstylefeat.exceptions import CheckpointError

# First bytes of pickles of protocol 0 and 1: containers, and the globals of arrays and numbers.
OLD_PICKLE_HEADS = b"(cd}]"


class Contents(NamedTuple):
    """The content of a file.

    Attributes
    ----------
    layout : {"pickle", "torch", "torch (before 1.6)", "npy", "npz", "safetensors"}
        The container.
    tree : object
        Dictionaries, lists, numbers and strings with `StoredArray` and `PersistentObject` leaves.
    metadata : dict of str to str
        Strings in the header of a safetensors file.
    budget : Budget
        Names the file and bounds what is still done with it.
    """

    layout: str
    tree: Any
    metadata: dict[str, str]
    budget: Budget


def open_file(path, refused=None):
    """Open a file, recognized by its content and not by its suffix.

    Numbers stay in the mapped file until they are asked for, so that the decoder of a file of
    1 GB is read without the rest.

    Parameters
    ----------
    path : path-like
        The file.
    refused : dict, default=None
        Collects the errors of refused globals by their names; by default the first one raises.

    Returns
    -------
    Contents

    Raises
    ------
    CheckpointError
        If the file is damaged or unknown.
    UnsafeCheckpointError
        If it asks for a function or class outside the allow-list.
    """
    path = Path(path)
    if path.is_dir():
        raise CheckpointError(f"{path} is a folder, expected a file.")
    if path.exists() and not path.is_file():  # reading a pipe would wait for its writer
        raise CheckpointError(f"{path} is a pipe or a device, expected a file.")
    with open(path, "rb") as file:
        size = path.stat().st_size
        if not size:
            raise CheckpointError(f"{path} is empty.")
        budget = Budget(str(path), size)
        # Copy on write: torch wants writable memory, and the file must not change.
        data = memoryview(mmap.mmap(file.fileno(), 0, access=mmap.ACCESS_COPY))
        head = bytes(data[:32])
        if head.startswith(ZIP_HEAD):
            archive = Archive(data, file, budget)
            if archive.entries and all(name.endswith(".npy") for name in archive.entries):
                return Contents("npz", read_npz(archive, refused), {}, budget)
            return Contents("torch", read_torch_zip(archive, refused), {}, budget)

    if head.startswith(NPY_HEAD):
        return Contents("npy", read_npy(data, budget, refused), {}, budget)
    if LEGACY_HEAD in head[:16]:
        return Contents("torch (before 1.6)", read_legacy(data, budget, refused), {}, budget)
    if is_safetensors(data):
        return Contents("safetensors", *read_safetensors(data, budget), budget)
    if head[0] == 0x80 or head[:1] in OLD_PICKLE_HEADS:
        return Contents("pickle", read_pickle(data, budget, refused), {}, budget)
    raise CheckpointError(
        f"{path} is of an unknown kind: expected a pickle, a file of torch.save, .npy, .npz or "
        f"safetensors, but it starts with {head[:8]!r}. A web page in place of a download, or an "
        "archive to unpack?"
    )
