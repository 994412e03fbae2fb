"""The functions and classes that a pickle may name, each with an inert constructor in its place."""

import re

import numpy as np

from skstylefeat._inert._arrays import ElementType, Storage, StoredArray
from skstylefeat._inert._instructions import Attributes, check_key

TORCH_STORAGES = {
    "DoubleStorage": "f8",
    "FloatStorage": "f4",
    "HalfStorage": "f2",
    "BFloat16Storage": "bfloat16",
    "LongStorage": "i8",
    "IntStorage": "i4",
    "ShortStorage": "i2",
    "CharStorage": "i1",
    "ByteStorage": "u1",
    "BoolStorage": "b1",
    "ComplexFloatStorage": "c8",
    "ComplexDoubleStorage": "c16",
}
TORCH_DTYPES = (
    *("float64", "float32", "float16", "bfloat16", "int64", "int32", "int16", "int8", "uint8"),
    *("bool", "complex64", "complex128"),
)

PROGAN_ADVICE = (
    "this is a TensorFlow pickle of Progressive GAN (progressive_growing_of_gans), the predecessor "
    "of StyleGAN, which has no mapping network and no W; take a StyleGAN or StyleGAN2 network for "
    "the same kind of images"
)
DENSE_ADVICE = "it holds a {}, expected a plain tensor of numbers; save {}"
ADVICE = {
    "tfutil.Network": PROGAN_ADVICE,
    "torch._utils._rebuild_sparse_tensor": DENSE_ADVICE.format("sparse tensor", "x.to_dense()"),
    "torch._utils._rebuild_qtensor": DENSE_ADVICE.format("quantized tensor", "x.dequantize()"),
    "torch._utils._rebuild_meta_tensor_no_storage": DENSE_ADVICE.format(
        "tensor without data (device 'meta')", "one with data"
    ),
}


class PersistentObject:
    """A pickled network of NVIDIA's repositories: the name of its class and its attributes."""

    def __init__(self, budget, meta):
        self.class_name = meta["class_name"]
        self.state = meta["state"]
        if not isinstance(self.class_name, str) or not isinstance(self.state, dict):
            raise ValueError("a network without class name or state")


class TensorFlowObject:
    """A pickled network of NVIDIA's TensorFlow repositories: its attributes, still unchecked."""

    def __init__(self, budget):
        self.state = {}

    def set_state(self, budget, state):
        """Take the attributes."""
        if not isinstance(state, dict):
            raise ValueError("a network without attributes")
        self.state = state


def _numpy_type(budget, code, *_):
    return ElementType.from_numpy(code)


def _numpy_array(budget, *_):
    return StoredArray()


def _numpy_scalar(budget, kind, data):
    if not isinstance(kind, ElementType) or kind.dtype is None:
        raise ValueError("a number without a type")
    if isinstance(data, str):  # as Python 2 wrote bytes
        data = data.encode("latin-1")
    if not isinstance(data, bytes | memoryview) or len(data) != kind.dtype.itemsize:
        raise ValueError("a number of the wrong length")
    return np.frombuffer(data, kind.dtype)[0].item()


def _numpy_from_buffer(budget, data, kind, shape, order="C", axis_order=None):
    if order not in ("C", "F") or axis_order is not None:
        raise ValueError("an array in an unknown order")
    array = StoredArray()
    array.set_state(budget, (1, shape, kind, order == "F", data))
    return array


def _ordered_dict(budget, pairs=()):
    return {check_key(key): value for key, value in _listed(pairs)}


def _attributes(budget, pairs=()):
    return Attributes(_ordered_dict(budget, pairs))


def _set(budget, items=()):
    return {check_key(item) for item in _listed(items)}


def _size(budget, items=()):
    return tuple(_listed(items))


def _listed(items):
    """Return `items` if their number is paid for, which that of bytes is not."""
    if not isinstance(items, list | tuple):
        raise ValueError(f"a container made of an object of type {type(items).__name__}")
    return items


def _no_bytes(budget):
    return b""  # as protocol 2 writes no bytes


def _latin1(budget, text, encoding):
    if encoding not in ("latin1", "latin-1"):
        raise ValueError("bytes in an unknown encoding")
    budget.spend_memory(len(text))
    return text.encode("latin-1")  # as protocol 2 writes bytes


def _path(budget, *parts):
    if not all(isinstance(part, str) for part in parts):
        raise ValueError("a path that is no text")
    budget.spend_memory(sum(len(part) + 1 for part in parts))
    return "/".join(parts)


def _device(budget, *name):
    return "device"


def _rebuild_tensor(budget, storage, offset, size, stride, *_):
    if not isinstance(storage, Storage):
        raise ValueError("a tensor without storage")
    return StoredArray(storage, offset, size, stride)


def _rebuild_parameter(budget, tensor, *_):
    if not isinstance(tensor, StoredArray):
        raise ValueError("a parameter that is not a tensor")
    return tensor


def _constructors():
    numpy_globals = {"dtype": _numpy_type, "ndarray": None}
    # numpy 2 moved its private modules from numpy.core to numpy._core.
    for core in ("core", "_core"):
        numpy_globals |= {
            f"{core}.multiarray.scalar": _numpy_scalar,
            f"{core}.multiarray._reconstruct": _numpy_array,
            f"{core}.numeric._frombuffer": _numpy_from_buffer,
        }
    torch_globals = {
        "_utils._rebuild_tensor": _rebuild_tensor,
        "_utils._rebuild_tensor_v2": _rebuild_tensor,
        "_utils._rebuild_parameter": _rebuild_parameter,
        "storage.UntypedStorage": None,
        "Size": _size,
        "device": _device,
        **{f"{device}{name}": None for device in ("", "cuda.") for name in TORCH_STORAGES},
        **dict.fromkeys(TORCH_DTYPES),
    }
    return {
        "torch_utils.persistence._reconstruct_persistent_obj": PersistentObject,
        "dnnlib.tflib.network.Network": TensorFlowObject,
        "dnnlib.util.EasyDict": _attributes,
        "argparse.Namespace": _attributes,
        "collections.OrderedDict": _ordered_dict,
        "builtins.set": _set,
        "__builtin__.set": _set,
        "__builtin__.bytes": _no_bytes,
        "_codecs.encode": _latin1,
        # Python 3.13 moved the classes of paths for some time.
        **{
            f"{module}.{flavor}Path": _path
            for module in ("pathlib", "pathlib._local")
            for flavor in ("Posix", "Windows", "PurePosix", "PureWindows")
        },
        **{f"numpy.{name}": function for name, function in numpy_globals.items()},
        **{f"torch.{name}": function for name, function in torch_globals.items()},
    }


CONSTRUCTORS = _constructors()
#: Packages that carry NVIDIA's code inside, such as slideflow.
_CARRIER = re.compile(r"(?:\w+\.)+(?=torch_utils\.persistence\.|dnnlib\.util\.EasyDict$)")


def known_name(name):
    """Return the name of a global, that of NVIDIA's code without the package that carries it."""
    return _CARRIER.sub("", name, count=1) if _CARRIER.match(name) else name
