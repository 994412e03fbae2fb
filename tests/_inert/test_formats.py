"""The inert reader against the writers of pickle, numpy, torch and safetensors."""

import io
import pickle
import subprocess
import sys
import zipfile

import numpy as np
import pytest
import torch
from safetensors.torch import save_file

from skstylefeat._inert._arrays import StoredArray
from skstylefeat._inert._budget import FREE_BYTES
from skstylefeat._inert._contents import open_file
from skstylefeat.exceptions import CheckpointError

A = np.random.RandomState(0).normal(size=(3, 4, 5))
ARRAYS = {
    "c": A,
    "fortran": np.asfortranarray(A),
    "big-endian": A.astype(">f4"),
    "half": A.astype(np.float16),
    "integers": np.arange(6, dtype=np.int16).reshape(2, 3),
    "flags": A > 0,
    "complex": A.astype(np.complex64),
    "scalar": np.array(2.5),
    "empty": np.zeros((0, 3), np.float32),
    "column": A[:, 1:2, 0],
}


def content(value):
    """Return the tree of a file with its arrays loaded."""
    if isinstance(value, StoredArray):
        return value.load() if value.objects is None else [content(x) for x in value.objects]
    if isinstance(value, dict):
        return {key: content(entry) for key, entry in value.items()}
    if isinstance(value, list | tuple):
        return type(value)(content(entry) for entry in value)
    return bytes(value) if isinstance(value, memoryview) else value


def check_same(read, expected, name=""):
    assert read.dtype == expected.dtype.newbyteorder("="), name
    assert read.dtype.isnative, name
    np.testing.assert_array_equal(read, expected, err_msg=name)


@pytest.mark.parametrize("protocol", range(6))
def test_pickles_of_every_protocol(tmp_path, protocol):
    values = {
        "numbers": [0, 255, 256, 70000, -5, 1 << 40, -(1 << 80), 1.5, -0.0, 1e300],
        "flags": [True, False, None],
        "texts": ["", "plain", "ü'\"\\\n\t\0", "x" * 5000, "\U0001f600"],
        "bytes": [b"abc\n", b""],
        "nested": {"list": [], "tuple": ((), (1,), (1, 2), (1, 2, 3), (1, 2, 3, 4)), "dict": {}},
        "set": {1, 2},
        "scalars": [np.float32(0.1), np.int64(-7), np.bool_(True), np.float64(1 / 3)],
    }
    path = tmp_path / "values.pkl"
    values["shared"] = values["nested"]
    path.write_bytes(pickle.dumps(values | {"arrays": ARRAYS}, protocol=protocol))
    tree = open_file(path).tree
    assert tree["shared"] is tree["nested"]
    read = content(tree)
    arrays = read.pop("arrays")
    assert read == values
    for name, expected in ARRAYS.items():
        check_same(arrays[name], expected, name)


@pytest.mark.parametrize("protocol", range(6))
def test_tensors_in_pickles(tmp_path, protocol):
    path = tmp_path / "tensor.pkl"
    path.write_bytes(pickle.dumps({"t": torch.from_numpy(A)[1:, ::2]}, protocol=protocol))
    check_same(open_file(path).tree["t"].load(), A[1:, ::2])


@pytest.mark.parametrize("name", ARRAYS)
def test_numpy_files(tmp_path, name):
    np.save(tmp_path / "array.npy", ARRAYS[name])
    contents = open_file(tmp_path / "array.npy")
    assert contents.layout == "npy"
    check_same(contents.tree.load(), ARRAYS[name])
    for save in (np.savez, np.savez_compressed):
        save(tmp_path / "arrays.npz", **ARRAYS)
        contents = open_file(tmp_path / "arrays.npz")
        assert contents.layout == "npz"
        check_same(contents.tree[name].load(), ARRAYS[name])


@pytest.mark.parametrize("version", [(1, 0), (2, 0), (3, 0)])
def test_versions_of_numpy_files(tmp_path, version):
    path = tmp_path / "array.npy"
    with path.open("wb") as file:
        np.lib.format.write_array(file, A, version=version)
    check_same(open_file(path).tree.load(), A)


def test_arrays_of_objects(tmp_path):
    np.save(tmp_path / "objects.npy", {"a.png": [A, A[0]]})
    (read,) = content(open_file(tmp_path / "objects.npy").tree)
    check_same(read["a.png"][1], A[0])
    np.savez(tmp_path / "objects.npz", x=np.array({"a": A}))
    (read,) = content(open_file(tmp_path / "objects.npz").tree)["x"]
    check_same(read["a"], A)


@pytest.mark.parametrize("legacy", [False, True])
def test_torch_files(tmp_path, legacy):
    base = torch.from_numpy(A)
    tensors = {
        "whole": base,
        "view": base[1:, ::2].transpose(0, 1),
        "shared": base[2, 3],
        "parameter": torch.nn.Parameter(base),
        "channels last": torch.rand(2, 3, 4, 4).to(memory_format=torch.channels_last),
        **{
            str(dtype): base.to(dtype)
            for dtype in (torch.float16, torch.float32, torch.int8, torch.int64, torch.bool)
        },
        "complex": base.to(torch.complex128),
    }
    path = tmp_path / "tensors.pt"
    data = tensors | {"array": A, "bfloat16": base.bfloat16(), "size": base.shape}
    torch.save(data, path, _use_new_zipfile_serialization=not legacy)
    read = content(open_file(path).tree)
    for name, expected in tensors.items():
        check_same(read[name], expected.detach().numpy(), name)
    check_same(read["array"], A)
    check_same(read["bfloat16"], base.bfloat16().float().numpy())
    assert read["size"] == (3, 4, 5)


def test_safetensors(tmp_path):
    tensors = {
        name: torch.from_numpy(np.ascontiguousarray(array.astype(array.dtype.newbyteorder("="))))
        for name, array in ARRAYS.items()
        if name not in ("complex",)
    }
    path = tmp_path / "tensors.safetensors"
    save_file(tensors | {"b": torch.from_numpy(A).bfloat16()}, path, metadata={"key": "ü"})
    contents = open_file(path)
    assert contents.layout == "safetensors" and contents.metadata == {"key": "ü"}
    for name, expected in tensors.items():
        check_same(contents.tree[name].load(), expected.numpy(), name)
    check_same(contents.tree["b"].load(), torch.from_numpy(A).bfloat16().float().numpy())


@pytest.mark.parametrize(
    "header",
    [
        b'{"a":{"dtype":"F32","shape":[1],"data_offsets":[0,8]}}',
        b'{"a":{"dtype":"F32","shape":[2],"data_offsets":[4,8]}}',
        b'{"a":{"dtype":"F32","shape":[2],"data_offsets":[0,8]},'
        b'"b":{"dtype":"F32","shape":[2],"data_offsets":[0,8]}}',
        b'{"a":{"dtype":"F32","shape":[1],"data_offsets":[0,4]}}',
        b'{"a":{"dtype":"F32","shape":[3],"data_offsets":[0,12]}}',
        b'{"a":{"dtype":"F8_E4M3","shape":[8],"data_offsets":[0,8]}}',
        b'{"a":{"dtype":"F32","shape":[-1,-2],"data_offsets":[0,8]}}',
        b'{"a":{"dtype":"F32","shape":"2","data_offsets":[0,8]}}',
        b'{"a":5}',
        b'{"a":' * 1000,
        b'{"__metadata__":{"a":1},"b":{"dtype":"F32","shape":[2],"data_offsets":[0,8]}}',
        b'{"__metadata__":[],"b":{"dtype":"F32","shape":[2],"data_offsets":[0,8]}}',
        b"{}",
    ],
)
def test_safetensors_with_impossible_headers(tmp_path, header):
    path = tmp_path / "bad.safetensors"
    path.write_bytes(len(header).to_bytes(8, "little") + header + bytes(8))
    with pytest.raises(CheckpointError, match=r"bad\.safetensors is damaged"):
        open_file(path)


def test_memory_is_bounded_by_the_size_of_the_file(tmp_path):
    path = tmp_path / "expanded.pt"
    torch.save([torch.zeros(1).expand(1 << 20)] * 4 + [torch.zeros(1).expand(1 << 30)], path)
    *small, large = open_file(path).tree
    assert small[0].load().shape == (1 << 20,)  # a little sharing is what honest files do
    with pytest.raises(CheckpointError, match=r"expanded\.pt .* many times the size"):
        large.load()
    small = open_file(path).tree
    loaded = 0
    with pytest.raises(CheckpointError, match="many times the size"):
        while loaded < 100:
            small[0].load()
            loaded += 1
    assert loaded == FREE_BYTES // (4 << 20)


def test_archives_that_unpack_to_many_times_their_size(tmp_path):
    path = tmp_path / "zeros.npz"
    np.savez_compressed(path, w=np.zeros(3 << 20))
    with pytest.raises(CheckpointError, match=r"zeros\.npz .*unpacks to more than 32 times"):
        open_file(path)
    np.savez_compressed(path, w=np.zeros(1 << 20))
    assert open_file(path).tree["w"].load().shape == (1 << 20,)


def test_archives_with_a_wrong_size_or_method(tmp_path):
    path = tmp_path / "w.npz"
    np.savez_compressed(path, w=A)
    data = path.read_bytes()
    directory = data.index(b"PK\x01\x02")
    size = data[directory + 24 : directory + 28]
    shorter = (int.from_bytes(size, "little") - 8).to_bytes(4, "little")
    path.write_bytes(data[: directory + 24] + shorter + data[directory + 28 :])
    with pytest.raises(CheckpointError, match="cut short"):
        open_file(path)
    with zipfile.ZipFile(path, "w", zipfile.ZIP_BZIP2) as archive:
        buffer = io.BytesIO()
        np.save(buffer, A)
        archive.writestr("w.npy", buffer.getvalue())
    with pytest.raises(CheckpointError, match=r"w\.npz.*compressed"):
        open_file(path)


def test_archives_whose_entries_overlap(tmp_path):
    path = tmp_path / "w.npz"
    with zipfile.ZipFile(path, "w") as archive:
        buffer = io.BytesIO()
        np.save(buffer, A)
        archive.writestr("w0.npy", buffer.getvalue())
        info = zipfile.ZipInfo("w1.npy")
        for name in ("header_offset", "file_size", "compress_size", "CRC"):
            setattr(info, name, getattr(archive.getinfo("w0.npy"), name))
        archive.filelist.append(info)
        archive._didModify = True
    with pytest.raises(CheckpointError, match=r"w\.npz is damaged: its zip entries overlap"):
        open_file(path)


def test_reading_needs_no_torch(tmp_path):
    torch.save({"w": torch.from_numpy(A)}, tmp_path / "w.pt")
    code = (
        "import sys; from skstylefeat.latents import load_latents; "
        "codes = load_latents(sys.argv[1]).codes; "
        "assert codes.shape == (3, 4, 5) and 'torch' not in sys.modules"
    )
    subprocess.run([sys.executable, "-c", code, str(tmp_path / "w.pt")], check=True)
