"""Reading pickles that hold nothing but dictionaries, lists and numpy arrays, and only those.

ReStyle saves its latents as ``np.save(path, dict)``, LARGE as a pickled array. Unpickling runs
whatever a pickle names, so this reader knows a handful of names, replaces each by an object that
can only build an array, and refuses the rest before anything runs.
"""

import io
import pickle
import pickletools

import numpy as np

MAX_ITEMSIZE = 16
NPY_MAGIC = b"\x93NUMPY"


class _Builder:
    """A callable that a pickle can call and cannot change: slots leave BUILD nothing to set."""

    __slots__ = ("_function",)

    def __init__(self, function):
        object.__setattr__(self, "_function", function)

    def __call__(self, *args):
        return self._function(*args)

    def __setattr__(self, name, value):
        raise pickle.UnpicklingError("an attempt to change the reader")


def _refuse(*args):
    raise pickle.UnpicklingError("a direct call of numpy.ndarray")


_NDARRAY = _Builder(_refuse)


def _reconstruct(subtype, shape, typecode):
    # Only the empty array that numpy's own pickles start from; BUILD fills it and checks sizes.
    if subtype is not _NDARRAY or tuple(shape) != (0,):
        raise pickle.UnpicklingError("an array with an unusual constructor")
    return np.ndarray((0,), dtype="b")


def _dtype(code, align=False, copy=True):
    # Always a copy: BUILD would otherwise write into numpy's shared dtype objects.
    dtype = np.dtype(code, False, True)
    if dtype.kind not in "biufO" or dtype.itemsize > MAX_ITEMSIZE:
        raise pickle.UnpicklingError(f"an array of type {dtype}")
    return dtype


def _check_numeric(dtype):
    if not isinstance(dtype, np.dtype) or dtype.kind not in "biuf":
        raise pickle.UnpicklingError(f"values of type {dtype}")


def _scalar(dtype, data):
    _check_numeric(dtype)
    return np.frombuffer(data, dtype=dtype, count=1)[0]


def _frombuffer(data, dtype, shape, order, axis_order=None):
    _check_numeric(dtype)
    array = np.frombuffer(data, dtype=dtype)
    if axis_order is not None:
        return array.reshape(shape).transpose(axis_order)
    return array.reshape(shape, order=order)


def _encode(text, encoding):
    if encoding not in ("latin1", "latin-1"):
        raise pickle.UnpicklingError(f"text in the encoding {encoding!r}")
    return text.encode("latin1")


_ALLOWED = {
    ("numpy", "ndarray"): _NDARRAY,
    ("numpy", "dtype"): _Builder(_dtype),
    ("_codecs", "encode"): _Builder(_encode),
}
for _package in ("numpy.core", "numpy._core"):
    _ALLOWED[f"{_package}.multiarray", "_reconstruct"] = _Builder(_reconstruct)
    _ALLOWED[f"{_package}.multiarray", "scalar"] = _Builder(_scalar)
    _ALLOWED[f"{_package}.numeric", "_frombuffer"] = _Builder(_frombuffer)


class _ArrayUnpickler(pickle.Unpickler):
    def find_class(self, module, name):
        if (module, name) not in _ALLOWED:
            raise pickle.UnpicklingError(f"the global {module}.{name}")
        return _ALLOWED[module, name]


def load_pickled_arrays(path):
    """Read a pickle, or a ``.npy`` file around one, that holds arrays, dicts, lists and numbers.

    Parameters
    ----------
    path : path-like

    Returns
    -------
    dict, list, ndarray or number

    Raises
    ------
    ValueError
        If the file names anything besides numpy's array functions, or is damaged.
    """
    with open(path, "rb") as file:
        data = file.read()
    try:
        body = _pickle_in(data)
        _check_memo(body)
        content = _ArrayUnpickler(io.BytesIO(body)).load()
    except Exception as error:
        raise ValueError(
            f"{path} is refused. As a pickle it may hold only numpy arrays, dictionaries, lists "
            f"and numbers; reading it met: {error}. Load it with the tool that wrote it and save "
            "the array with numpy.save."
        ) from error
    if isinstance(content, np.ndarray) and content.dtype == object and content.size == 1:
        return content.item()
    return content


def _pickle_in(data):
    """Return the pickle inside a ``.npy`` file of objects, or the data itself."""
    if not data.startswith(NPY_MAGIC):
        return data
    file = io.BytesIO(data)
    version = np.lib.format.read_magic(file)
    readers = {
        (1, 0): np.lib.format.read_array_header_1_0,
        (2, 0): np.lib.format.read_array_header_2_0,
    }
    if version not in readers:
        raise ValueError(f"a .npy header of version {version}")
    readers[version](file)
    return file.read()


def _check_memo(body):
    """Refuse memo indices beyond the pickle's length: the unpickler allocates up to them."""
    for opcode, argument, _ in pickletools.genops(body):
        if opcode.name in ("PUT", "BINPUT", "LONG_BINPUT") and argument > len(body):
            raise pickle.UnpicklingError(f"a memo index of {argument}")
