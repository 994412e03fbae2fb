"""Latents and directions on disk, the broadcast rule, and the spaces."""

import io
import os
import pickle
import struct

import numpy as np
import pytest
import torch

from skstylefeat.latents import _spaces as L
from tests.support.networks import tiny_generator

N_WS, W_DIM = 18, 512
CODES = np.random.RandomState(0).normal(size=(3, N_WS, W_DIM)).astype(np.float32)


def test_e4e_latents_pt(tmp_path):
    torch.save(torch.from_numpy(CODES), tmp_path / "latents.pt")
    codes, names = L.load_latents(tmp_path / "latents.pt")
    np.testing.assert_array_equal(codes, CODES)
    assert names is None and codes.dtype == np.float32
    torch.save({"latents": torch.from_numpy(CODES).half()}, tmp_path / "half.pt")
    assert L.load_latents(tmp_path / "half.pt").codes.dtype == np.float32


@pytest.mark.parametrize("protocol", [2, 3, 4, 5])
@pytest.mark.parametrize("form", ["npy", "pickle"])
def test_restyle_latents_npy(tmp_path, protocol, form):
    content = {f"{i}.jpg": [code * 0, code] for i, code in enumerate(CODES)}
    path = tmp_path / f"latents.{form}"
    if form == "npy":
        array = np.empty((), dtype=object)
        array[()] = content
        header = io.BytesIO()
        np.lib.format.write_array_header_1_0(
            header, {"descr": "|O", "fortran_order": False, "shape": ()}
        )
        path.write_bytes(header.getvalue() + pickle.dumps(array, protocol=protocol))
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
    assert L.load_latents(tmp_path / "one.npy").codes.shape == (1, N_WS, W_DIM)
    np.save(tmp_path / "double.npy", CODES.astype(np.float64))
    assert L.load_latents(tmp_path / "double.npy").codes.dtype == np.float32


def test_folder_of_one_file_an_image_is_sorted_and_named(tmp_path):
    order = [10, 2, 1]
    for number, code in zip(order, CODES, strict=True):
        np.save(tmp_path / f"img{number}.npy", code)
    (tmp_path / "notes.txt").write_text("not a latent")
    codes, names = L.load_latents(tmp_path)
    assert names == ["img1", "img2", "img10"]
    np.testing.assert_array_equal(codes, CODES[[2, 1, 0]])
    np.save(tmp_path / "img3.npy", CODES[0, :14])
    with pytest.raises(ValueError, match=r"'img3' has shape \(14, 512\)"):
        L.load_latents(tmp_path)


def test_directions_on_disk(tmp_path):
    boundary = CODES[0, :1] / np.linalg.norm(CODES[0, 0])
    np.save(tmp_path / "age.npy", boundary)
    found = L.load_direction(tmp_path / "age.npy")
    np.testing.assert_array_equal(found.directions, boundary)
    assert found.names is None and found.intercept is None
    torch.save(torch.from_numpy(CODES[0]), tmp_path / "age.pt")
    assert L.load_direction(tmp_path / "age.pt").directions.shape == (N_WS, W_DIM)
    np.savez(tmp_path / "age.npz", boundary=boundary, bias=np.array([0.25]))
    assert L.load_direction(tmp_path / "age.npz").intercept == 0.25
    np.savez(tmp_path / "two.npz", age=boundary, yaw=-boundary)
    found = L.load_direction(tmp_path / "two.npz")
    assert found.names == ["age", "yaw"] and found.directions.shape == (2, 1, W_DIM)


@pytest.mark.parametrize(
    "shape", [(W_DIM,), (1, W_DIM), (N_WS, W_DIM), (1, N_WS, W_DIM), (N_WS * W_DIM,)]
)
def test_broadcast_rule(shape):
    full = CODES[0] if np.prod(shape) > W_DIM else np.tile(CODES[0, 0], (N_WS, 1))
    given = (CODES[0] if np.prod(shape) > W_DIM else CODES[0, 0]).reshape(shape)
    got, per_layer = L.broadcast_direction(given, N_WS, W_DIM)
    np.testing.assert_array_equal(got, full)
    assert per_layer == (np.prod(shape) > W_DIM)


@pytest.mark.parametrize("shape", [(256,), (14, W_DIM), (2, N_WS, W_DIM), (W_DIM, 1), ()])
def test_directions_that_do_not_fit(shape):
    with pytest.raises(ValueError, match="18 x 512"):
        L.broadcast_direction(np.ones(shape), N_WS, W_DIM)


def test_w_to_w_plus_and_back():
    w = CODES[:, 0]
    w_plus = L.w_to_w_plus(w, N_WS)
    for accepted in (w, w_plus, w_plus.reshape(3, -1)):
        np.testing.assert_array_equal(L.as_w_plus(accepted, N_WS, W_DIM), w_plus)
    np.testing.assert_array_equal(L.w_plus_to_w(w_plus), w)
    with pytest.raises(ValueError, match="cannot be converted to W"):
        L.w_plus_to_w(CODES)
    with pytest.raises(ValueError, match=r"\(3, 100\) do not fit.*18 x 512"):
        L.as_w_plus(np.ones((3, 100)), N_WS, W_DIM)


def test_styles_of_w_codes():
    generator = tiny_generator(16)
    w = generator.mapping(generator.sample_z(2, random_state=0))
    styles = L.w_plus_to_s(w, generator)
    names, sizes = L.style_layers(generator)
    assert styles.shape == (2, sum(sizes)) and names[0] == "b4.conv1"
    affine = generator.module.synthesis.b4.conv1.affine
    first = affine(torch.from_numpy(w)).numpy()
    np.testing.assert_allclose(styles[:, : sizes[0]], first, rtol=1e-6)


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
    header = io.BytesIO()
    if suffix == ".npy":
        np.lib.format.write_array_header_1_0(
            header, {"descr": "|O", "fortran_order": False, "shape": ()}
        )
    path.write_bytes(header.getvalue() + HOSTILE[kind])
    with pytest.raises(ValueError, match=r"is refused|not a readable"):
        L.load_latents(path)
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
    with pytest.raises(ValueError, match="weights_only=True"):
        L.load_latents(tmp_path / "bad.pt")
    assert not (tmp_path / "ran").exists()


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
