"""Latents and directions in files: the tools' formats, odd content, damaged and hostile files."""

import io
import os
import pickle
import struct

import numpy as np
import pytest
import torch

from skstylefeat import latents as L
from skstylefeat.exceptions import UnsafeCheckpointError
from tests.support.hostile_arrays import as_npy

N_WS, W_DIM = 18, 512
CODES = np.random.RandomState(0).normal(size=(3, N_WS, W_DIM)).astype(np.float32)
W = CODES[:, 0]


def test_e4e_latents_pt(tmp_path):
    torch.save(torch.from_numpy(CODES), tmp_path / "latents.pt")
    codes, names = L.load_latents(tmp_path / "latents.pt")
    np.testing.assert_array_equal(codes, CODES)
    assert names is None and codes.dtype == np.float32
    torch.save({"latents": torch.from_numpy(CODES).half()}, tmp_path / "half.pt")
    assert L.load_latents(tmp_path / "half.pt").codes.dtype == np.float32


@pytest.mark.parametrize("protocol", range(6))
@pytest.mark.parametrize("form", ["npy", "pickle"])
def test_restyle_latents_npy(tmp_path, protocol, form):
    content = {f"{i}.jpg": [code * 0, code] for i, code in enumerate(CODES)}
    path = tmp_path / f"latents.{form}"
    if form == "npy":
        array = np.empty((), dtype=object)
        array[()] = content
        path.write_bytes(as_npy(pickle.dumps(array, protocol=protocol)))
    else:
        path.write_bytes(pickle.dumps(content, protocol=protocol))
    codes, names = L.load_latents(path)
    np.testing.assert_array_equal(codes, CODES)
    assert names == ["0.jpg", "1.jpg", "2.jpg"]
    np.testing.assert_array_equal(L.load_latents(path, iteration=0).codes, CODES * 0)
    with pytest.raises(ValueError, match="holds 2 iterations"):
        L.load_latents(path, iteration=5)


def test_numpy_writes_what_we_read(tmp_path):
    np.save(tmp_path / "latents.npy", {"a.png": [CODES[0]], "b.png": [CODES[1]]})
    codes, names = L.load_latents(tmp_path / "latents.npy")
    np.testing.assert_array_equal(codes, CODES[:2])
    assert names == ["a.png", "b.png"]


def test_projector_npz_and_plain_npy(tmp_path):
    np.savez(tmp_path / "projected_w.npz", w=CODES[:1])
    np.testing.assert_array_equal(L.load_latents(tmp_path / "projected_w.npz").codes, CODES[:1])
    np.save(tmp_path / "w.npy", CODES[:, 0])
    np.testing.assert_array_equal(L.load_latents(tmp_path / "w.npy").codes, CODES[:, 0])
    np.save(tmp_path / "one.npy", CODES[0])
    assert L.load_latents(tmp_path / "one.npy", space="w+").codes.shape == (1, N_WS, W_DIM)
    np.save(tmp_path / "double.npy", CODES.astype(np.float64))
    assert L.load_latents(tmp_path / "double.npy").codes.dtype == np.float32


def test_folder_of_one_file_an_image_is_sorted_and_named(tmp_path):
    order = [10, 2, 1]
    for number, code in zip(order, CODES, strict=True):
        np.save(tmp_path / f"img{number}.npy", code)
    (tmp_path / "notes.txt").write_text("not a latent")
    codes, names = L.load_latents(tmp_path, space="w+")
    assert names == ["img1", "img2", "img10"]
    np.testing.assert_array_equal(codes, CODES[[2, 1, 0]])
    codes, names = L.load_latents(tmp_path, space="w")
    assert codes.shape == (3 * N_WS, W_DIM) and names[-1] == "img10:17"
    with pytest.raises(ValueError, match=r"img1\.npy holds .*18 codes in W, or one code in W\+"):
        L.load_latents(tmp_path)
    np.save(tmp_path / "img3.npy", CODES[0, :14])
    with pytest.raises(ValueError, match=r"'img3' has shape \(14, 512\)"):
        L.load_latents(tmp_path, space="w+")


def test_directions_on_disk(tmp_path):
    boundary = CODES[0, :1] / np.linalg.norm(CODES[0, 0])
    np.save(tmp_path / "age.npy", boundary)
    found = L.load_direction(tmp_path / "age.npy")
    np.testing.assert_array_equal(found.directions, boundary)
    assert found.names is None and found.intercept is None
    torch.save(torch.from_numpy(CODES[0]), tmp_path / "age.pt")
    per_layer = L.load_direction(tmp_path / "age.pt", space="w+").directions
    np.testing.assert_array_equal(per_layer, CODES[:1])
    np.savez(tmp_path / "age.npz", boundary=boundary, bias=np.array([0.25]))
    assert L.load_direction(tmp_path / "age.npz").intercept == 0.25
    np.savez(tmp_path / "two.npz", age=boundary, yaw=-boundary)
    found = L.load_direction(tmp_path / "two.npz")
    assert found.names == ["age", "yaw"] and found.directions.shape == (2, 1, W_DIM)


@pytest.mark.parametrize(
    ("name", "content", "message"),
    [
        ("a.npy", np.ones((2, 3, 4, 5)), r"shape \(2, 3, 4, 5\)"),
        ("b.npy", np.array([["a", "b"]]), "expected numbers"),
        ("c.npy", np.full((2, 64), np.nan), "NaN"),
        ("d.npy", np.ones((0, 64)), "shape"),
        ("e.npz", {"image": np.ones((2, 3))}, "none of which"),
    ],
)
def test_files_without_latents(tmp_path, name, content, message):
    path = tmp_path / name
    if path.suffix == ".npz":
        np.savez(path, **content)
    else:
        np.save(path, content)
    with pytest.raises(ValueError, match=message):
        L.load_latents(path)


def test_missing_and_unknown_files(tmp_path):
    with pytest.raises(FileNotFoundError, match="no file"):
        L.load_latents(tmp_path / "absent.npy")
    (tmp_path / "codes.csv").write_text("1,2")
    with pytest.raises(ValueError, match=r"suffix '.csv'"):
        L.load_latents(tmp_path / "codes.csv")
    (tmp_path / "empty").mkdir()
    with pytest.raises(ValueError, match="no latent files"):
        L.load_latents(tmp_path / "empty")
    (tmp_path / "damaged.npy").write_bytes(b"\x93NUMPY\x01")
    with pytest.raises(ValueError, match=r"damaged.npy"):
        L.load_latents(tmp_path / "damaged.npy")


def test_codes_of_odd_but_clear_shapes(tmp_path):
    torch.save(torch.from_numpy(CODES[:, None]), tmp_path / "four.pt")
    torch.save(torch.from_numpy(CODES[0, 0]), tmp_path / "one.pt")
    np.testing.assert_array_equal(L.load_latents(tmp_path / "four.pt").codes, CODES)
    np.testing.assert_array_equal(L.load_latents(tmp_path / "one.pt").codes, CODES[:1, 0])


def test_a_direction_under_a_name_of_its_own(tmp_path):
    np.savez(tmp_path / "age.npz", age=CODES[0, 0], b=np.array(0.5))
    found = L.load_direction(tmp_path / "age.npz")
    np.testing.assert_array_equal(found.directions, CODES[0, 0])
    assert found.names is None and found.intercept == 0.5
    np.savez(tmp_path / "none.npz", bias=np.array(0.5))
    with pytest.raises(ValueError, match="holds no direction"):
        L.load_direction(tmp_path / "none.npz")


@pytest.mark.parametrize("legacy", [False, True])
def test_arrays_in_torch_files_and_tensors_in_pickles(tmp_path, legacy):
    options = {"_use_new_zipfile_serialization": not legacy}
    for name, value in {
        "array": W,
        "tensor": torch.from_numpy(W),
        "transposed": torch.from_numpy(np.ascontiguousarray(W.T)).T,
        "parameter": torch.nn.Parameter(torch.from_numpy(W)),
        "list": list(torch.from_numpy(W)),
        "big-endian": {"w": W.astype(">f4")},
        "fortran": np.asfortranarray(W),
    }.items():
        torch.save(value, tmp_path / f"{name}.pt", **options)
        (tmp_path / f"{name}.pkl").write_bytes(pickle.dumps(value))
        for suffix in (".pt", ".pkl"):
            codes = L.load_latents(tmp_path / f"{name}{suffix}").codes
            np.testing.assert_array_equal(codes, W, err_msg=name + suffix)
    torch.save(torch.from_numpy(W).bfloat16(), tmp_path / "bfloat16.pt", **options)
    expected = torch.from_numpy(W).bfloat16().float().numpy()
    np.testing.assert_array_equal(L.load_latents(tmp_path / "bfloat16.pt").codes, expected)


def test_numbers_in_lists_and_arrays_of_objects(tmp_path):
    (tmp_path / "list.pkl").write_bytes(pickle.dumps([[1.5, 2], [3, -4.25]]))
    np.testing.assert_array_equal(
        L.load_latents(tmp_path / "list.pkl").codes, [[1.5, 2], [3, -4.25]]
    )
    objects = np.empty(2, dtype=object)
    objects[:] = [W[0].astype(np.float64), W[1]]
    np.save(tmp_path / "objects.npy", objects)
    np.testing.assert_array_equal(L.load_latents(tmp_path / "objects.npy").codes, W[:2])
    np.savez_compressed(tmp_path / "packed.npz", w=np.repeat(W[:, None], N_WS, axis=1))
    codes = L.load_latents(tmp_path / "packed.npz").codes
    np.testing.assert_array_equal(codes, np.repeat(W[:, None], N_WS, axis=1))


def test_a_folder_leaves_out_hidden_files_and_folders(tmp_path):
    np.save(tmp_path / "a2.npy", W[0])
    np.save(tmp_path / "a10.npy", W[1])
    (tmp_path / "._a2.npy").write_bytes(b"\0\5\x16\7")  # as macOS writes them
    (tmp_path / "b.npy").mkdir()
    codes, names = L.load_latents(tmp_path)
    assert names == ["a2", "a10"]
    np.testing.assert_array_equal(codes, W[:2])


def test_intercepts_keep_their_precision(tmp_path):
    np.savez(tmp_path / "plane.npz", boundary=W[:1], intercept=np.float64(0.1))
    assert L.load_direction(tmp_path / "plane.npz").intercept == 0.1
    np.savez(tmp_path / "planes.npz", boundary=W, intercept=np.array([0.1, 0.2, 0.3]))
    np.testing.assert_array_equal(
        L.load_direction(tmp_path / "planes.npz").intercept, [0.1, 0.2, 0.3]
    )


def _saved(write, *args, **kwargs):
    buffer = io.BytesIO()
    write(buffer, *args, **kwargs)
    return buffer.getvalue()


def _torch(value):
    return _saved(lambda file: torch.save(value, file))


NPY, NPZ = _saved(np.save, W), _saved(np.savez, w=W)
INSIDE: list = []
INSIDE.append(INSIDE)
AROUND: dict = {}
AROUND["w"] = AROUND
PAGE = b"<!DOCTYPE html><html><body>Quota exceeded</body></html>"
DAMAGED = {
    "cut.npz": NPZ[: len(NPZ) // 2],
    "one-bit.npz": NPZ[:200] + bytes([NPZ[200] ^ 1]) + NPZ[201:],
    "empty.npz": b"",
    "empty.npy": b"",
    "cut.npy": NPY[: len(NPY) // 2],
    "long.npy": NPY + b"more",
    "npy-named.npz": NPY,
    "npz-named.npy": NPZ,
    "page.npy": PAGE,
    "page.pt": PAGE,
    "shape.npy": NPY.replace(b"(3, 512)", b"(9999999, 99999)")[:128] + NPY[128:],
    "negative.npy": NPY.replace(b"(3, 512)", b"(-3, 51)"),
    "no-shape.npy": NPY.replace(b"'shape'", b"'shap '"),
    "header.npy": NPY[:10] + b"(" * (len(NPY) - 10),
    "cut.pt": _torch(torch.from_numpy(W))[:700],
    "sparse.pt": _torch(torch.eye(8).to_sparse()),
    "meta.pt": _torch(torch.empty(4, 8, device="meta")),
    "complex.pt": _torch(torch.ones(4, 8, dtype=torch.complex64)),
    "complex.npy": _saved(np.save, np.ones((4, 8), complex)),
    "bool.npy": _saved(np.save, np.ones((4, 8), bool)),
    "scalar.pt": _torch(torch.tensor(3.0)),
    "number.pt": _torch(5),
    "nothing.pt": _torch(None),
    "no-rows.pt": _torch(torch.zeros(0, 8)),
    "no-columns.pt": _torch(torch.zeros(4, 0)),
    "empty-list.pkl": pickle.dumps([]),
    "ragged.pt": _torch([torch.zeros(8), torch.zeros(7)]),
    "text.pt": _torch("hello"),
    "nan.pt": _torch(torch.full((4, 8), torch.nan)),
    "large.npy": _saved(np.save, np.full((2, 8), 1e200)),
    "large-number.pkl": pickle.dumps([[1 << 2000, 1.0]]),
    "list-in-itself.pkl": pickle.dumps(INSIDE),
    "dict-in-itself.pkl": pickle.dumps(AROUND),
    "list-in-itself.pt": _torch(INSIDE),
    "deep.pkl": b"\x80\x02" + b"(" * 20_000 + b"N" + b"l" * 20_000 + b".",
    "unquoted.pkl": b"(lp0\nSx\na.",
}


@pytest.mark.parametrize("name", DAMAGED)
def test_damaged_and_odd_files_are_refused_in_one_sentence(tmp_path, name):
    path = tmp_path / name
    path.write_bytes(DAMAGED[name])
    for read in (L.load_latents, L.load_direction):
        with pytest.raises(ValueError, match=name) as caught:
            read(path)
        assert len(str(caught.value)) - str(caught.value).count(str(path)) * len(str(path)) < 400


def test_directions_that_point_nowhere_or_have_too_many_intercepts(tmp_path):
    torch.save({"direction": torch.zeros(8)}, tmp_path / "zeros.pt")
    with pytest.raises(ValueError, match=r"zeros\.pt holds a direction of zeros"):
        L.load_direction(tmp_path / "zeros.pt")
    torch.save({"direction": torch.ones(8), "intercept": torch.zeros(5)}, tmp_path / "planes.pt")
    with pytest.raises(ValueError, match="5 intercepts"):
        L.load_direction(tmp_path / "planes.pt")


class Gadget:
    def __init__(self, function, *args):
        self.call = function, args

    def __reduce__(self):
        return self.call


def _dumps(content):
    return pickle.dumps(content, protocol=4)


HOSTILE = {
    "system": _dumps(Gadget(os.system, "touch marker")),
    "eval": _dumps(Gadget(eval, "open('marker', 'w')")),
    "in a dictionary": _dumps({"a.jpg": [Gadget(os.mkdir, "marker")]}),
    "numpy's own loader": b"cnumpy\nload\n(Vmarker\ntR.",
    "getattr": _dumps(Gadget(getattr, "", "join")),
    "array of any size": _dumps(Gadget(np.ndarray, (10**12,))),
    "changes the reader": b"cnumpy\ndtype\n}(V_function\nI1\nub.",
    "changes the reader's slots": b"cnumpy\ndtype\n(N}(V_function\nI1\nutb.",
    "memo": b"(I1\nr\xff\xff\xff\xff.",
    "persistent id": b"Pabc\n.",
    "extension": b"\x82\x01.",
    "instance": b"(S'touch marker'\nios\nsystem\n.",
    "structured type": _dumps(np.zeros(2, dtype=[("a", "O")])),
    "void": _dumps(np.zeros(2, dtype="V100")),
    "truncated": _dumps({"a": CODES})[:-100],
    "long": b"\x8b" + struct.pack("<i", 2**31 - 1) + b"\x00.",
    "nothing": b"",
}


@pytest.mark.parametrize("suffix", [".pickle", ".npy"])
@pytest.mark.parametrize("kind", HOSTILE)
def test_hostile_pickles_run_nothing(tmp_path, monkeypatch, kind, suffix):
    monkeypatch.chdir(tmp_path)  # where the gadgets would leave their mark
    path = tmp_path / f"latents{suffix}"
    path.write_bytes(as_npy(HOSTILE[kind]) if suffix == ".npy" else HOSTILE[kind])
    for read in (L.load_latents, L.load_direction):
        with pytest.raises(ValueError, match=path.name):
            read(path)
    assert os.listdir(tmp_path) == [path.name]


def test_a_refused_pickle_does_not_change_the_reader(tmp_path):
    for kind, body in HOSTILE.items():
        (tmp_path / "bad.pickle").write_bytes(body)
        with pytest.raises(ValueError):
            L.load_latents(tmp_path / "bad.pickle")
        (tmp_path / "good.pickle").write_bytes(_dumps(CODES))
        codes = L.load_latents(tmp_path / "good.pickle").codes
        np.testing.assert_array_equal(codes, CODES, err_msg=kind)
    assert np.dtype("f4").byteorder == "="


def test_torch_files_are_read_without_running_them(tmp_path):
    torch.save({"latents": Gadget(os.mkdir, str(tmp_path / "ran"))}, tmp_path / "bad.pt")
    with pytest.raises(UnsafeCheckpointError, match="mkdir"):
        L.load_latents(tmp_path / "bad.pt")
    assert not (tmp_path / "ran").exists()


def _projected(latent):
    """Return an entry as rosinality's projector stores it."""
    noise = [torch.zeros(1, 1, r, r) for r in (4, 8, 8)]
    return {"img": torch.zeros(3, 8, 8), "latent": latent, "noise": noise}


@pytest.mark.parametrize("legacy", [False, True])
@pytest.mark.parametrize("codes", [CODES, W])
def test_results_of_rosinalitys_projector(tmp_path, codes, legacy):
    tensor = torch.from_numpy(codes).requires_grad_()
    files = ["photos/a.png", "b.png", "c.png"]
    content = {file: _projected(tensor[i]) for i, file in enumerate(files)}
    options = {"_use_new_zipfile_serialization": not legacy}
    torch.save(content, tmp_path / "a.pt", **options)
    found = L.load_latents(tmp_path / "a.pt")
    np.testing.assert_array_equal(found.codes, codes)
    assert found.names == files

    # An entry holds one code, so nothing is left to `space` but to be right.
    space, other = ("w+", "w") if codes.ndim == 3 else ("w", "w+")
    assert L.load_latents(tmp_path / "a.pt", space=space).codes.shape == codes.shape
    with pytest.raises(ValueError, match=r"a\.pt holds codes of shape .* but space="):
        L.load_latents(tmp_path / "a.pt", space=other)


@pytest.mark.parametrize(
    ("entries", "message"),
    [
        ({"a.png": {"img": torch.zeros(3)}}, r"the entry 'a\.png' holds the keys \['img'\]"),
        ({"a.png": _projected(CODES[0]), "b.png": {}}, r"the entry 'b\.png' holds the keys \[\]"),
        ({"a.png": _projected(CODES[0]), "b.png": _projected(W[0])}, "has shape"),
        ({"a.png": _projected(AROUND)}, "found an object of type dict"),
        ({"a.png": _projected(INSIDE)}, "holds no array of numbers"),
        ({"a.png": _projected(np.float32(np.nan))}, "NaN"),
        ({"a.png": _projected("text")}, "type str"),
        ({"a.png": _projected(W[0].astype(np.uint8))}, "uint8"),
    ],
)
def test_damaged_results_of_the_projector_are_refused(tmp_path, entries, message):
    (tmp_path / "a.pkl").write_bytes(pickle.dumps(entries))
    with pytest.raises(ValueError, match=message) as caught:
        L.load_latents(tmp_path / "a.pkl")
    assert "a.pkl" in str(caught.value)


def _pti_tree(folder, codes=CODES, names=("img10", "img9", "joker")):
    for name, code in zip(names, codes, strict=True):
        (folder / name).mkdir(parents=True)
        torch.save(torch.from_numpy(code[None]), folder / name / "0.pt")


def test_a_tree_of_pti_is_named_by_its_folders(tmp_path):
    _pti_tree(tmp_path / "PTI")
    (tmp_path / "PTI" / "img9" / "note.txt").write_text("not a latent")
    (tmp_path / "PTI" / "empty").mkdir()
    found = L.load_latents(tmp_path / "PTI")
    assert found.names == ["img9", "img10", "joker"]
    np.testing.assert_array_equal(found.codes, CODES[[1, 0, 2]])
    with pytest.raises(ValueError, match=r'0\.pt holds codes .* in W\+, but space="w"'):
        L.load_latents(tmp_path / "PTI", space="w")
    _pti_tree(tmp_path / "w", W)
    assert L.load_latents(tmp_path / "w").codes.shape == (3, W_DIM)


def test_trees_with_other_files_are_refused(tmp_path):
    _pti_tree(tmp_path / "run" / "PTI")
    _pti_tree(tmp_path / "run" / "e4e", CODES + 1)
    with pytest.raises(ValueError, match=r"'PTI/img9/0\.pt' .* whose folders are the images"):
        L.load_latents(tmp_path / "run")
    torch.save(torch.from_numpy(CODES[:1]), tmp_path / "run" / "PTI" / "img9" / "1.pt")
    with pytest.raises(ValueError, match=r"'img9/1\.pt' besides or instead of PTI's 'NAME/0\.pt'"):
        L.load_latents(tmp_path / "run" / "PTI")
    # Files of the folder itself count alone, as before.
    np.save(tmp_path / "run" / "own.npy", CODES[:1])
    assert L.load_latents(tmp_path / "run").names == ["own"]
