"""Arrays that are still in the file: type, shape and the bytes that hold them."""

import math
import re

import numpy as np
from numpy.lib.stride_tricks import as_strided

MAX_DIMENSIONS = 8
MAX_LENGTH = 1 << 48
OBJECT = "object"
NUMBER_CODE = re.compile(r"[<>=|]?(b1|[iu][1248]|f[248]|c8|c16)")


def check_shape(*shapes):
    """Raise ValueError unless these can be sizes or strides of an array."""
    for shape in shapes:
        if not isinstance(shape, tuple | list) or len(shape) > MAX_DIMENSIONS:
            raise ValueError("an array with an impossible shape")
        if not all(type(n) is int and 0 <= n < MAX_LENGTH for n in shape):
            raise ValueError("an array with an impossible shape")


def c_strides(shape):
    """Return the strides, in elements, of an array in C order."""
    return tuple(math.prod(shape[i + 1 :]) for i in range(len(shape)))


class ElementType:
    """Type of an array's elements, made of a code that is known here.

    Parameters
    ----------
    code : str
        Such as "f4", "bfloat16", or "object".
    is_big_endian : bool, default=False
        The order of the bytes.
    """

    __slots__ = ("code", "dtype")

    def __init__(self, code, is_big_endian=False):
        self.code = code
        if code == OBJECT:
            self.dtype = None
        else:  # numpy has no bfloat16: its bits are read, and become float32 in `decode`
            plain = "u2" if code == "bfloat16" else code
            self.dtype = np.dtype((">" if is_big_endian else "<") + plain)

    @classmethod
    def from_numpy(cls, code):
        """Return the type of a code such as "<f4" or "O8"; raise ValueError for any other."""
        if isinstance(code, str) and NUMBER_CODE.fullmatch(code):
            return cls(code.lstrip("<>=|"), code.startswith(">"))
        if isinstance(code, str) and re.fullmatch(r"\|?O[48]?", code):
            return cls(OBJECT)
        shown = repr(code[:40]) if isinstance(code, str) else "of several fields"
        raise ValueError(f"values of type {shown}, expected numbers")

    def set_state(self, budget, state):
        """Take the byte order from the state of a pickled numpy type, which has no fields."""
        _version, order, *fields = state[:5]
        if order not in ("<", ">", "|", "=") or any(field is not None for field in fields):
            raise ValueError("values of several fields, expected numbers")
        if self.dtype is not None and order == ">":
            self.dtype = self.dtype.newbyteorder(">")

    def decode(self, array):
        """Return an array of this type's bits as numbers in the machine's own byte order."""
        if self.code == "bfloat16":
            return np.asarray(array.astype(np.uint32) << 16).view(np.float32)
        return array.astype(array.dtype.newbyteorder("="), copy=False)


class Storage:
    """A run of numbers of one type in the file.

    Parameters
    ----------
    budget : Budget
        Pays for copies.
    kind : ElementType
        Type of the elements.
    n_elements : int
        Their number.
    data : buffer, default=None
        Their bytes; legacy torch files give them later.
    verify : callable, default=None
        Called once before the bytes are used.
    """

    __slots__ = ("budget", "data", "flat", "kind", "n_elements", "verify")

    def __init__(self, budget, kind, n_elements, data=None, verify=None):
        self.budget = budget
        self.kind = kind
        self.n_elements = n_elements
        self.data = data
        self.verify = verify
        self.flat = None

    def view(self):
        """Return the elements as a 1-D array, without a copy where alignment allows it."""
        if self.flat is not None:
            return self.flat
        dtype = self.kind.dtype
        n_bytes = 0 if self.data is None else len(self.data)
        if n_bytes != self.n_elements * dtype.itemsize:
            raise self.budget.damaged(
                f"an array has {n_bytes} bytes of data, expected {self.n_elements} x "
                f"{dtype.itemsize}"
            )

        if self.verify is not None:
            self.verify()
        flat = np.frombuffer(self.data, dtype=dtype) if n_bytes else np.empty(0, dtype)
        if not flat.flags.aligned:
            self.budget.spend_memory(n_bytes)
            flat = flat.copy()
        self.flat = flat
        return flat


class StoredArray:
    """An array or tensor that is still in the file.

    Numpy's pickles make an empty array first and fill it afterwards; an array of objects keeps
    them in a list.

    Attributes
    ----------
    storage : Storage or None
    offset : int
        In elements.
    shape, strides : tuple of int
        Strides in elements.
    objects : list or None
        The elements of an array of objects, in C order.
    """

    __slots__ = ("objects", "offset", "shape", "storage", "strides")

    def __init__(self, storage=None, offset=0, shape=(0,), strides=(1,)):
        self.objects = None
        self.place(storage, offset, shape, strides)

    def place(self, storage, offset, shape, strides):
        """Set where the array lies; raise ValueError unless shape and strides are possible."""
        check_shape(shape, strides, (offset,))
        if len(shape) != len(strides):
            raise ValueError("an array with an impossible shape")
        self.storage, self.offset = storage, offset
        self.shape, self.strides = tuple(shape), tuple(strides)

    def fill(self, budget, kind, shape, data, fortran_order=False):
        """Set the content as numpy's formats give it: objects in a list, or numbers as bytes."""
        check_shape(shape)
        size = math.prod(shape)
        if kind.dtype is None:
            if not isinstance(data, list) or len(data) != size:
                raise ValueError("an array of objects without its objects")
            self.objects = data
            self.place(None, 0, shape, c_strides(shape))
            return
        held = len(data) if isinstance(data, bytes | memoryview) else None
        if held != size * kind.dtype.itemsize:
            raise ValueError(
                f"an array of shape {tuple(shape)} has {held} bytes of data, expected "
                f"{size} x {kind.dtype.itemsize}"
            )
        self.objects = None
        strides = c_strides(shape[::-1])[::-1] if fortran_order else c_strides(shape)
        self.place(Storage(budget, kind, size, data), 0, shape, strides)

    def set_state(self, budget, state):
        """Take the content from the state of a pickled numpy array."""
        _version, shape, kind, fortran_order, data = state
        if not isinstance(kind, ElementType):
            raise ValueError("an array without a type")
        if isinstance(data, str):  # as Python 2 wrote bytes
            budget.spend_memory(len(data))
            data = data.encode("latin-1")
        self.fill(budget, kind, shape, data, bool(fortran_order))

    def load(self):
        """Return the numbers; a view of the mapped file where that is possible.

        Raises
        ------
        CheckpointError
            If the array does not lie within its storage, or the file's arrays take many times
            its size.
        ValueError
            If there are no numbers.
        """
        if self.storage is None:
            raise ValueError("an array of objects or without content, expected numbers")
        kind, budget = self.storage.kind, self.storage.budget
        size = math.prod(self.shape)
        steps = zip(self.shape, self.strides, strict=True)
        last = self.offset + sum((n - 1) * step for n, step in steps)
        if size and last >= self.storage.n_elements:
            raise budget.damaged(
                f"an array of shape {self.shape} reaches element {last} of a storage of "
                f"{self.storage.n_elements}"
            )

        # Counted as a copy, because the caller makes one of the view.
        itemsize = kind.dtype.itemsize
        budget.spend_memory(size * itemsize)
        flat = self.storage.view()
        if not size:
            return kind.decode(np.empty(self.shape, kind.dtype))
        strides = [step * itemsize for step in self.strides]
        return kind.decode(as_strided(flat[self.offset :], self.shape, strides))
