"""Files of ``numpy.save`` and ``numpy.savez``."""

import ast

from skstylefeat._inert._arrays import ElementType, StoredArray
from skstylefeat._inert._budget import CONTENT_ERRORS
from skstylefeat._inert._torch_format import read_pickle

NPY_HEAD = b"\x93NUMPY"
MAX_HEADER_BYTES = 4096
HEADER_KEYS = {"descr", "fortran_order", "shape"}


def read_npy(data, budget, refused=None):
    """Read an array; parameters as of `read_pickle`.

    Of a file of objects the object in its pickle is returned: an array, as numpy writes it.
    """
    try:
        header, start = _read_header(data)
        kind = ElementType.from_numpy(header["descr"])
    except (*CONTENT_ERRORS, SyntaxError) as error:
        raise budget.damaged(f"its header is not that of a .npy file ({error})") from error
    if kind.dtype is None:
        return read_pickle(data[start:], budget, refused)
    array = StoredArray()
    try:
        array.fill(budget, kind, header["shape"], data[start:], header["fortran_order"])
    except ValueError as error:
        raise budget.damaged(str(error)) from error
    return array


def _read_header(data):
    """Return the header as a dictionary, and where it ends."""
    major = data[6]
    if bytes(data[:6]) != NPY_HEAD or major not in (1, 2, 3):
        raise ValueError("an unknown version")
    start = 10 if major == 1 else 12
    end = start + int.from_bytes(data[8:start], "little")
    if end - start > MAX_HEADER_BYTES or end > len(data):
        raise ValueError(f"{end - start} bytes long")
    header = ast.literal_eval(str(data[start:end], "utf-8" if major == 3 else "latin-1").strip())
    if not isinstance(header, dict) or header.keys() != HEADER_KEYS:
        raise ValueError("other entries")
    if not isinstance(header["fortran_order"], bool):
        raise ValueError("an unknown order of its elements")
    return header, end


def read_npz(archive, refused=None):
    """Return the arrays of an `Archive` by name; `refused` as of `read_pickle`."""
    return {
        name.removesuffix(".npy"): read_npy(archive.read(name), archive.budget, refused)
        for name in archive.entries
    }
