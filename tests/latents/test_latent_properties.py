"""Properties of the readers of latents and directions: exact or refused, never another array."""

import io
import pickle
import tempfile
from pathlib import Path

import numpy as np
import pytest
import torch
from hypothesis import example, given, settings
from hypothesis import strategies as st

from skstylefeat.latents import load_direction, load_latents
from skstylefeat.latents._readings import has_two_readings
from tests.support.hostile_arrays import HAS_CHECKSUM, VALID
from tests.support.odd_inputs import QUICK, lay_out

NUMBERS = ("f2", "f4", "f8", "i2", "u2", "i4", "u4", "i8", "u8")
NO_NUMBERS = ("?", "i1", "u1", "c8", "c16", "U3", "S2", "M8[s]", "V4", "f4,f4")
IN_MEMORY = ("C", "F", "read-only", "negative", "strided", "broadcast")
TORCH_TYPES = {
    np.dtype(code) for code in ("f2", "f4", "f8", "i1", "u1", "i2", "i4", "i8", "c8", "?")
}


def _arrays():
    return st.builds(
        _array,
        st.integers(0, 2**16),
        st.lists(st.integers(0, 7), min_size=0, max_size=4),
        st.one_of(st.sampled_from(NUMBERS), st.sampled_from(NUMBERS + NO_NUMBERS)),
        st.sampled_from(("<", ">")),
        st.sampled_from(IN_MEMORY),
        st.sampled_from((1.0, 1.0, 1e-30, 1e30, np.nan, np.inf)),
    )


def _array(seed, shape, code, order, layout, scale):
    rng = np.random.default_rng(seed)
    values = rng.standard_normal(shape) * 50
    if code in ("f4", "f8", "c8", "c16"):
        values = np.asarray(values * scale)
    dtype = np.dtype(code)
    if code in NO_NUMBERS[5:]:
        array = np.zeros(shape, dtype)
    else:
        with np.errstate(all="ignore"):
            array = np.asarray(values).astype(dtype)
    return lay_out(array.astype(array.dtype.newbyteorder(order)), layout)


def _write(array, suffix, form, protocol):
    """Return the bytes of a file, or None where its writer cannot hold the array."""
    content = {"array": array, "w": {"w": array}, "list": list(array) if array.ndim else [array]}
    value = content[form]
    file = io.BytesIO()
    match suffix:
        case ".npy" if form == "array":
            np.save(file, array)
        case ".npy":
            holder = np.empty((), dtype=object)
            holder[()] = value
            np.save(file, holder)
        case ".npz":
            (np.savez_compressed if protocol % 2 else np.savez)(file, w=array)
        case ".pt" | ".pth":
            if array.dtype.newbyteorder("=") in TORCH_TYPES and form == "array":
                native = array.astype(array.dtype.newbyteorder("="))
                # Negative strides and read-only arrays are unknown to torch.
                value = torch.from_numpy(lay_out(native.copy(), "strided"))
            torch.save(value, file, _use_new_zipfile_serialization=suffix == ".pt")
        case ".pkl" | ".pickle":
            pickle.dump(value, file, protocol=protocol)
    return file.getvalue()


def _load(read, data, suffix, **params):
    """Return the array in a file, or None where it is refused in a documented way."""
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder, f"codes{suffix}")
        path.write_bytes(data)
        try:
            return read(path, **params)[0]
        except ValueError as error:
            assert path.name in str(error)
            return None


@settings(QUICK, max_examples=250)
@given(
    _arrays(),
    st.sampled_from((".npy", ".npz", ".pt", ".pth", ".pkl", ".pickle")),
    st.sampled_from(("array", "w", "list")),
    st.integers(0, 5),
    st.sampled_from((None, "w", "w+")),
)
def test_arrays_are_read_exactly_or_refused(array, suffix, form, protocol, space):
    data = _write(array, suffix, form, protocol)
    codes = _load(load_latents, data, suffix, space=space)
    direction = _load(load_direction, data, suffix, space=space)
    with np.errstate(all="ignore"):
        is_real = array.dtype.kind in "fiu" and array.itemsize > 1
        expected = array.astype(np.float32) if is_real else None
    fits = is_real and array.size > 0 and array.ndim in (1, 2, 3)
    fits = fits and np.isfinite(expected).all() and np.abs(expected).max() <= 1e12
    for found in (codes, direction):
        if found is not None:
            assert is_real and found.dtype == np.float32 and found.size == array.size
            np.testing.assert_array_equal(found.ravel(), expected.ravel())

    if fits and space is None:
        assert (codes is None) == has_two_readings(array.shape)
    if codes is not None and array.ndim == 3 and array.shape[1] > 1:
        assert codes.shape == array.shape


@settings(QUICK, max_examples=60)
@given(
    st.lists(_arrays(), min_size=1, max_size=4),
    st.sampled_from((".npy", ".pt", ".pth", ".pkl")),
    st.booleans(),
)
def test_collections_of_codes_are_read_exactly_or_refused(arrays, suffix, named):
    arrays = [np.ascontiguousarray(array) for array in arrays]
    content = {f"{i}.jpg": array for i, array in enumerate(arrays)} if named else arrays
    file = io.BytesIO()
    if suffix == ".pkl":
        pickle.dump(content, file)
    elif suffix == ".npy":
        holder = np.empty((), dtype=object)
        holder[()] = content
        np.save(file, holder)
    else:
        torch.save(content, file, _use_new_zipfile_serialization=suffix == ".pt")
    codes = _load(load_latents, file.getvalue(), suffix)
    if codes is None:
        return
    # One shape, or the codes of different generators would be stacked.
    assert len({array.shape for array in arrays}) == 1
    expected = np.stack(arrays).astype(np.float32)
    np.testing.assert_array_equal(codes.ravel(), expected.ravel())
    if named:
        assert len(codes) == len(arrays)


@pytest.mark.parametrize("name", VALID)
def test_damage_never_goes_unnoticed_where_there_are_checksums(name):
    suffix, data = Path(name).suffix, VALID[name]
    valid = {read: _load(read, data, suffix) for read in (load_latents, load_direction)}

    @settings(QUICK, max_examples=40)
    @example([(0, 255)], None)
    @given(
        st.lists(
            st.tuples(st.integers(0, len(data) - 1), st.integers(0, 255)), min_size=1, max_size=4
        ),
        st.one_of(st.none(), st.integers(0, len(data) - 1)),
    )
    def damage(changes, end):
        damaged = bytearray(data)
        for place, byte in changes:
            damaged[place] = byte
        for read, expected in valid.items():
            found = _load(read, bytes(damaged[:end]), suffix)
            if found is not None and name in HAS_CHECKSUM:
                np.testing.assert_array_equal(found, expected)
            if found is not None:
                assert np.isfinite(found).all() and found.size

    damage()
