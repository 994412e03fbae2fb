"""Inputs of wrong, odd and extreme kinds, and what may come of them.

Arrays are made from a few choices that hypothesis draws (and shrinks) and a seed for their values,
which is many times faster than drawing every number.
"""

import tempfile
import warnings

import numpy as np
import pandas as pd
from hypothesis import HealthCheck, settings
from hypothesis import strategies as st
from scipy import sparse

#: Every test draws the same inputs each time, so that a green run stays green.
QUICK = settings(
    deadline=None,
    derandomize=True,
    database=None,
    suppress_health_check=list(HealthCheck),
)

EXTREMES = (np.nan, np.inf, -np.inf, 1e308, -1e308, 1e200, 1e-308, 5e-324, 1e30, -1e-30, 0.0)
DTYPES = ("f8", "f4", "f2", "i8", "i1", "u1", "bool", "c8", "object", "U", "mixed", "M8[D]")
VALUES = ("normal", "tiny", "huge", "shifted", "extreme", "nan")
TWISTS = ("none", "constant", "constant column", "duplicates", "same row")
LAYOUTS = ("C", "F", "read-only", "negative", "strided", "broadcast", "memmap", "list", "frame",
           "sparse", "masked")  # fmt: skip


def make_array(seed, shape, dtype, values, twist, layout):
    """Return an array-like of the kind that is described."""
    rng = np.random.default_rng(seed)
    array = np.asarray(rng.standard_normal(shape)) * (1 + rng.integers(3, size=shape[-1:]))
    scale = {"tiny": 1e-300, "huge": 1e150}.get(values, 1.0)
    array = np.asarray(array * scale + (1e12 if values == "shifted" else 0.0))
    if array.size and values in ("extreme", "nan"):
        picked = rng.integers(array.size, size=1 + array.size // 4)
        array.flat[picked] = np.nan if values == "nan" else rng.choice(EXTREMES, picked.size)
    if array.size and array.ndim:
        if twist == "constant":
            array[...] = array.flat[0]
        elif twist == "constant column":
            array[..., 0] = array.flat[0]
        elif twist == "duplicates":
            array[len(array) // 2 :] = array[0]
        elif twist == "same row":
            array[...] = array[:1]
    with np.errstate(all="ignore"), warnings.catch_warnings():
        warnings.simplefilter("ignore")
        array = _cast(array, dtype, rng)
    return lay_out(array, layout)


def _cast(array, dtype, rng):
    if dtype == "mixed":
        array = array.astype(object)
        if array.size:
            array.flat[rng.integers(array.size)] = rng.choice([None, "a", {}])
        return array
    if dtype in ("i8", "i1", "u1", "M8[D]"):
        return np.nan_to_num(array, posinf=9, neginf=-9).clip(-1e5, 1e5).astype("i8").astype(dtype)
    return array.astype(dtype)


def lay_out(array, layout):
    """Return an array-like of the same numbers that lies otherwise in memory, or is of a kind."""
    array = np.asarray(array)
    if layout == "F":
        return np.asfortranarray(array) if array.ndim else array
    if layout == "read-only":
        array = array.copy()
        array.flags.writeable = False
    elif layout == "negative" and array.ndim:
        return array[::-1].copy()[::-1]
    elif layout == "strided" and array.ndim:
        return np.repeat(array, 2, axis=0)[::2]
    elif layout == "broadcast" and array.ndim and len(array):
        return np.broadcast_to(array[:1], array.shape)
    elif layout == "memmap" and array.size and array.dtype != object:
        with tempfile.TemporaryFile() as file:
            array = np.ascontiguousarray(array)
            mapped = np.memmap(file, dtype=array.dtype, mode="w+", shape=array.shape)
            mapped[...] = array
            return mapped
    elif layout == "list":
        return array.tolist()
    elif layout == "frame" and array.ndim == 2 and array.shape[1]:
        return pd.DataFrame(array, columns=[f"c{i}" for i in range(array.shape[1])])
    elif layout == "sparse" and array.ndim == 2 and array.dtype.kind in "fi":
        if array.dtype != np.float16:
            return sparse.csr_array(array)
    elif layout == "masked" and array.dtype.kind == "f":
        return np.ma.masked_invalid(array)
    return array


def mostly(first, rest):
    """Draw `first` two times of three, and something of `rest` otherwise."""
    return st.one_of(st.just(first), st.just(first), st.sampled_from(rest))


def odd_arrays(*shapes):
    """Return a strategy of array-likes of some shapes, now and then of another one."""
    strange = st.sampled_from([(), (0,), (3,), (1, 1), (0, 3), (4, 0), (2, 3, 4), (1, 2, 2, 2)])
    return st.builds(
        make_array,
        st.integers(0, 2**16),
        st.one_of(*[st.sampled_from(shapes)] * 4, strange),
        mostly("f8", DTYPES),
        mostly("normal", VALUES),
        mostly("none", TWISTS),
        mostly("C", LAYOUTS),
    )


LABELS = {
    "two": lambda rng, n: rng.integers(2, size=n),
    "three": lambda rng, n: rng.integers(3, size=n),
    "texts": lambda rng, n: np.array(["high", "low", ""])[rng.integers(3, size=n)],
    "bool": lambda rng, n: rng.integers(2, size=n).astype(bool),
    "signs": lambda rng, n: rng.integers(2, size=n) * 2 - 1,
    "missing": lambda rng, n: rng.integers(-1, 2, size=n),
    "nan": lambda rng, n: np.where(rng.random(n) < 0.5, np.nan, rng.integers(2, size=n)),
    "none": lambda rng, n: np.array([None, "a", "b"], dtype=object)[rng.integers(3, size=n)],
    "mixed": lambda rng, n: np.array([1, "a", None, 2.5], dtype=object)[rng.integers(4, size=n)],
    "same": lambda rng, n: np.zeros(n),
    "real": lambda rng, n: rng.standard_normal(n),
    "huge": lambda rng, n: rng.standard_normal(n) * 1e300,
    "tiny": lambda rng, n: rng.standard_normal(n) * 1e-300,
    "shifted": lambda rng, n: rng.standard_normal(n) + 1e9,
    "inf": lambda rng, n: np.where(rng.random(n) < 0.3, np.inf, 1.0),
    "column": lambda rng, n: rng.standard_normal((n, 1)),
    "pairs": lambda rng, n: rng.standard_normal((n, 2)),
    "short": lambda rng, n: rng.integers(2, size=max(0, n - 1)),
    "empty": lambda rng, n: np.zeros(0),
    "scalar": lambda rng, n: np.float64(1.0),
    "complex": lambda rng, n: rng.standard_normal(n) + 1j,
    "dates": lambda rng, n: rng.integers(9, size=n).astype("M8[D]"),
    "list": lambda rng, n: rng.integers(2, size=n).tolist(),
    "ragged": lambda rng, n: [[1], [1, 2]] * (n // 2),
    "absent": lambda rng, n: None,
    "text": lambda rng, n: "labels",
    "frame": lambda rng, n: pd.Series(rng.integers(2, size=n), name="y"),
}


def odd_labels():
    """Return a strategy of functions from a number of rows to labels."""
    return st.builds(
        lambda kind, seed: lambda n: LABELS[kind](np.random.default_rng(seed), n),
        st.one_of(st.sampled_from(("two", "three", "real")), st.sampled_from(sorted(LABELS))),
        st.integers(0, 2**16),
    )


#: Words of errors that come from the middle of a computation and tell a user nothing.
OBSCURE = (
    "broadcast", "zero-size", "reduction", "did not converge", "math domain", "at least one array",
    "out of bounds", "cannot reshape", "axes don't match", "unpack", "truth value",
    "has no attribute", "'NoneType'", "unsupported operand", "not supported between", "ufunc",
    "matmul", "subscriptable", "not iterable", "unhashable", "only length-1", "has no len",
    "must be 1-dimensional", "cannot convert float", "too many indices",
)  # fmt: skip


def outcome(function, *inputs):
    """Call a function on odd inputs and return its result, or None where it refused them.

    Raises
    ------
    AssertionError
        If it refuses them by anything but a ValueError or TypeError with a message that a user
        can read, gives a RuntimeWarning, or changes an input.
    """
    before = [_fingerprint(x) for x in inputs]
    result = None
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("error")
            warnings.simplefilter("ignore", UserWarning)
            # scikit-learn's own look for NaN adds up infinities of both signs.
            warnings.filterwarnings("ignore", "invalid value encountered in reduce")
            result = function(*inputs)
    except FileNotFoundError as error:
        assert "does not exist" in str(error)  # texts are names of files
    except (ValueError, TypeError) as error:
        message = str(error)
        plain = not isinstance(error, (np.linalg.LinAlgError, UnicodeError))
        if not plain or len(message) < 20 or any(word in message for word in OBSCURE):
            raise AssertionError(f"an obscure error: {error!r}") from error
    except Exception as error:
        raise AssertionError(f"no clear error: {error!r}") from error
    assert [_fingerprint(x) for x in inputs] == before, "an input was changed"
    return result


def _fingerprint(x):
    if sparse.issparse(x):
        x = x.toarray()
    elif isinstance(x, (pd.DataFrame, pd.Series)):
        x = x.to_numpy()
    if isinstance(x, (np.ndarray, np.generic)) and x.dtype != object:
        x = np.asarray(x)  # of masked arrays what lies under the mask, too
        return x.dtype, x.shape, x.tobytes()
    return repr(x)
