"""The inert records that stand for what a pickle asks for, and the list of what it may ask for."""

import math
import struct
from dataclasses import dataclass

import torch

from skstylefeat.networks.checkpoints._opcodes import Attributes, check_key
from skstylefeat.networks.checkpoints._unpickler import CheckpointError

MAX_DIMENSIONS = 8
# Tensors may share storage; without a bound, a small file could name terabytes.
SHARED_STORAGE_ALLOWANCE = 64 << 20

STORAGE_DTYPES = {
    "DoubleStorage": torch.float64,
    "FloatStorage": torch.float32,
    "HalfStorage": torch.float16,
    "BFloat16Storage": torch.bfloat16,
    "LongStorage": torch.int64,
    "IntStorage": torch.int32,
    "ShortStorage": torch.int16,
    "CharStorage": torch.int8,
    "ByteStorage": torch.uint8,
    "BoolStorage": torch.bool,
}
NUMPY_FORMATS = {
    **{f"f{n}": code for n, code in ((2, "e"), (4, "f"), (8, "d"))},
    **{f"i{n}": code for n, code in ((1, "b"), (2, "h"), (4, "i"), (8, "q"))},
    **{f"u{n}": code for n, code in ((1, "B"), (2, "H"), (4, "I"), (8, "Q"))},
    "b1": "?",
}

TENSORFLOW_ADVICE = (
    "this is a TensorFlow pickle of NVIDIA's stylegan or stylegan2 repository, which holds "
    "program code for TensorFlow 1 and cannot be read. Convert it once with `legacy.py "
    "--source=FILE --dest=OUT.pkl` of github.com/NVlabs/stylegan2-ada-pytorch (only a file that "
    "you trust: that script runs code from it), then load OUT.pkl; or download the PyTorch "
    "version of the same network"
)
ADVICE = {
    "dnnlib.tflib.network.Network": TENSORFLOW_ADVICE,
    "dnnlib.tflib.network._reconstruct": TENSORFLOW_ADVICE,
}


class Storage:
    """A run of numbers of one type in the file."""

    def __init__(self, dtype, n_elements, data=None, verify=None):
        self.dtype = dtype
        self.n_elements = n_elements
        self.data = data
        self.verify = verify

    def view(self, source):
        """Return the storage as a 1-D tensor, without a copy where alignment allows it."""
        itemsize = self.dtype.itemsize
        if self.data is None or len(self.data) != self.n_elements * itemsize:
            raise CheckpointError(
                f"{source} is damaged: a tensor has {0 if self.data is None else len(self.data)} "
                f"bytes of data, expected {self.n_elements} x {itemsize}."
            )
        if self.verify is not None:
            self.verify()
            self.verify = None
        if not self.n_elements:
            return torch.empty(0, dtype=self.dtype)
        flat = torch.frombuffer(self.data, dtype=torch.uint8)
        if flat.data_ptr() % itemsize:
            flat = flat.clone()
        return flat.view(self.dtype)


@dataclass(frozen=True)
class StoredTensor:
    """A tensor that is still in the file."""

    storage: Storage
    offset: int
    shape: tuple
    stride: tuple

    @property
    def n_bytes(self):
        """Bytes that a contiguous copy takes."""
        return math.prod(self.shape) * self.storage.dtype.itemsize

    def load(self, source):
        """Return the tensor, a view of the mapped file.

        Raises
        ------
        CheckpointError
            If it does not lie within its storage.
        """
        flat = self.storage.view(source)
        last = self.offset + sum(
            (size - 1) * step for size, step in zip(self.shape, self.stride, strict=True)
        )
        if math.prod(self.shape) and last >= len(flat):
            raise CheckpointError(
                f"{source} is damaged: a tensor of shape {self.shape} reaches element {last} of a "
                f"storage of {len(flat)}."
            )
        return flat.as_strided(self.shape, self.stride, self.offset)


class PersistentObject:
    """A pickled network of NVIDIA's repositories: the name of its class and its attributes."""

    def __init__(self, meta):
        self.class_name = meta["class_name"]
        self.state = meta["state"]
        if not isinstance(self.class_name, str) or not isinstance(self.state, dict):
            raise ValueError("a network without class name or state")


class _NumpyDtype:
    def __init__(self, code, *_):
        self.code = code
        self.byteorder = "<"

    def set_state(self, state):
        self.byteorder = state[1]

    def unpack(self, data):
        layout = NUMPY_FORMATS[self.code.lstrip("<>|=")]
        order = ">" if self.byteorder == ">" else "<"
        return struct.unpack(order + layout, data)[0]


class _NumpyArray:
    """An array that no network needs; its content is skipped."""

    def __init__(self, *args):
        pass

    def set_state(self, state):
        pass


def _numpy_scalar(dtype, data):
    return dtype.unpack(data)


def _ordered_dict(pairs=()):
    return {check_key(key): value for key, value in _listed(pairs)}


def _attributes(pairs=()):
    return Attributes(_ordered_dict(pairs))


def _set(items=()):
    return {check_key(item) for item in _listed(items)}


def _size(items=()):
    return tuple(_listed(items))


def _listed(items):
    """Return `items` if their number is paid for, which that of bytes is not."""
    if not isinstance(items, list | tuple):
        raise ValueError(f"a container made of an object of type {type(items).__name__}")
    return items


def _latin1(text, encoding):
    if encoding != "latin1":
        raise ValueError("bytes in an unknown encoding")
    return text.encode("latin-1")  # protocol 2 writes bytes so


def _rebuild_tensor(storage, offset, size, stride, *_):
    if len(size) != len(stride) or len(size) > MAX_DIMENSIONS:
        raise ValueError("a tensor with an impossible shape")
    if not all(type(n) is int and 0 <= n < 1 << 48 for n in (offset, *size, *stride)):
        raise ValueError("a tensor with an impossible shape")
    if not isinstance(storage, Storage):
        raise ValueError("a tensor without storage")
    return StoredTensor(storage, offset, tuple(size), tuple(stride))


def _rebuild_parameter(tensor, *_):
    if not isinstance(tensor, StoredTensor):
        raise ValueError("a parameter that is no tensor")
    return tensor


def _constructors():
    numpy = {
        "dtype": _NumpyDtype,
        "ndarray": None,
        **{
            f"{core}.multiarray.{name}": function
            for core in ("core", "_core")
            for name, function in (("scalar", _numpy_scalar), ("_reconstruct", _NumpyArray))
        },
    }
    torch_globals = {
        "_utils._rebuild_tensor": _rebuild_tensor,
        "_utils._rebuild_tensor_v2": _rebuild_tensor,
        "_utils._rebuild_parameter": _rebuild_parameter,
        "storage.UntypedStorage": None,
        "Size": _size,
        "device": lambda *name: "device",
        **{f"{device}{name}": None for device in ("", "cuda.") for name in STORAGE_DTYPES},
        **{str(dtype).removeprefix("torch."): None for dtype in STORAGE_DTYPES.values()},
    }
    return {
        "torch_utils.persistence._reconstruct_persistent_obj": PersistentObject,
        "dnnlib.util.EasyDict": _attributes,
        "argparse.Namespace": _attributes,
        "collections.OrderedDict": _ordered_dict,
        "builtins.set": _set,
        "__builtin__.set": _set,
        "_codecs.encode": _latin1,
        **{f"numpy.{name}": function for name, function in numpy.items()},
        **{f"torch.{name}": function for name, function in torch_globals.items()},
    }


CONSTRUCTORS = _constructors()


def load_tensors(stored, source):
    """Load the tensors of a state dict as float32.

    Parameters
    ----------
    stored : dict of str to StoredTensor
        The tensors.
    source : str
        Name of the file, for messages.

    Returns
    -------
    state : dict of str to Tensor
        The tensors; those that were float32 are views of the mapped file.

    Raises
    ------
    CheckpointError
        If tensors lie outside the file, overlap, or are not finite.
    """
    storages = {id(tensor.storage): tensor.storage for tensor in stored.values()}
    held = sum(len(storage.data or b"") for storage in storages.values())
    wanted = sum(tensor.n_bytes for tensor in stored.values())
    if wanted > held + SHARED_STORAGE_ALLOWANCE:
        raise CheckpointError(
            f"{source} is damaged: its tensors take {wanted} bytes, but it holds {held}."
        )
    state = {}
    for name, tensor in stored.items():
        value = tensor.load(source)
        value = value if value.dtype == torch.float32 else value.to(torch.float32)
        if not torch.isfinite(value).all():
            raise CheckpointError(
                f"{source} is damaged, or its training diverged: {name[:80]!r} has values that are "
                "not finite."
            )
        state[name] = value
    return state
