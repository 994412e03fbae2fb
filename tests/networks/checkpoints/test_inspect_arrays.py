"""Description of files of latents, directions and measurements; its code reads them."""

import json
import mmap
import pickle

import numpy as np
import pytest
import torch

import skstylefeat.directions
import skstylefeat.latents
from skstylefeat.__main__ import main
from skstylefeat.networks.checkpoints import inspect
from tests.directions.test_style_measurements import tf_names
from tests.latents.test_component_files import write_factor, write_ganspace, write_pca
from tests.support.networks import tiny_generator

RNG = np.random.default_rng(0)
CODES = RNG.standard_normal((3, 18, 16)).astype(np.float32)
UNIT = np.linalg.qr(RNG.standard_normal((16, 16)))[0].astype(np.float32)
ENTRY = {"img": torch.zeros(3, 4, 4), "latent": torch.from_numpy(CODES[0]), "noise": []}
STATISTICS = [[np.ones(4), np.ones(3)], [np.ones(4), np.ones(3)]]
LATENTS, DIRECTIONS = "load_latents", "load_direction"

#: File name, content, kind, space, and the arguments of the code that reads it.
FILES = {
    "codes in W+": ("a.npy", CODES, "latents or directions", "w+", [LATENTS, DIRECTIONS]),
    "codes in W": (
        "a.npy",
        RNG.standard_normal((40, 16)),
        "latents or directions",
        "w",
        [LATENTS, DIRECTIONS],
    ),
    "two readings": (
        "a.pt",
        torch.from_numpy(CODES[0]),
        "latents or directions",
        None,
        [f"{name}|{space}" for name in (LATENTS, DIRECTIONS) for space in ('"w"', '"w+"')],
    ),
    "flat rows": ("a.npz", {"latents": np.ones((2, 2048))}, "latents", None, [LATENTS]),
    "projector": ("a.npz", {"w": CODES[:1]}, "latents", "w+", [LATENTS]),
    "rosinality": ("a.pt", {"a.png": ENTRY, "b.png": ENTRY}, "latents", "w+", [LATENTS]),
    "ReStyle": ("a.pkl", {"a.jpg": [CODES[0]] * 5}, "latents", "w+", [LATENTS]),
    "boundary": ("a.npz", {"boundary": UNIT[:1], "bias": 0.5}, "directions", "w", [DIRECTIONS]),
    "unit rows": ("a.npy", UNIT[:1], "directions", "w", [DIRECTIONS]),
    "names": (
        "a.npz",
        {"age": 2 * UNIT[0], "yaw": 3 * UNIT[1]},
        "directions",
        "w",
        [DIRECTIONS],
    ),
    "named layers": ("a.npz", {"direction": CODES[0][None]}, "directions", "w+", [DIRECTIONS]),
}


def write(path, content):
    match path.suffix:
        case ".npy":
            np.save(path, content)
        case ".npz":
            np.savez(path, **content)
        case ".pt":
            torch.save(content, path)
        case _:
            path.write_bytes(pickle.dumps(content))
    return path


@pytest.mark.parametrize("name", FILES)
def test_latents_and_directions(tmp_path, name):
    file, content, kind, space, readers = FILES[name]
    path = write(tmp_path / file, content)
    info = inspect(path)
    assert info.problems == info.refused == ()
    assert info.generator is None and info.encoder is None
    arrays = info.arrays
    assert (arrays.kind, arrays.space) == (kind, space)
    assert info.format == (arrays.tool or kind)

    # The code that it names reads the file, and gives what it describes.
    assert len(arrays.load) == len(readers)
    for line, reader in zip(arrays.load, readers, strict=True):
        assert all(part in line for part in reader.split("|")), line
        found = eval(line)[0]
        assert len(readers) > 2 or found.shape == arrays.shape
        assert line in str(info)


@pytest.mark.parametrize("name", ["two readings", "ReStyle", "boundary"])
def test_a_file_is_opened_once(tmp_path, monkeypatch, name):
    opened, original = [], mmap.mmap
    monkeypatch.setattr(mmap, "mmap", lambda *args, **kw: opened.append(1) or original(*args, **kw))
    file, content, kind, *_ = FILES[name]
    assert inspect(write(tmp_path / file, content)).arrays.kind == kind
    assert len(opened) == 1


def test_names_iterations_and_tools(tmp_path):
    content = {f"{i}.jpg": [CODES[0], CODES[1]] for i in range(5)}
    info = inspect(write(tmp_path / "latents.pkl", content))
    assert info.arrays.names == tuple(content)
    assert "0.jpg, 1.jpg, 2.jpg, ... (2 more)" in str(info)
    assert "2 iterations per image" in str(info) and info.format == "ReStyle"
    info = inspect(write(tmp_path / "projected.pt", {"a.png": ENTRY}))
    assert "rosinality" in info.format and "nothing refused" not in str(info)


@pytest.mark.parametrize(
    ("write_file", "file", "tool", "lacks"),
    [
        (write_ganspace, "a.npz", "GANSpace", False),
        (write_pca, "a.pt", "PCA of W", False),
        (write_factor, "a.pt", "closed-form factorization", True),
    ],
)
def test_components(tmp_path, write_file, file, tool, lacks):
    info = inspect(write_file(tmp_path / file))
    assert tool in info.format and info.arrays.kind == "components"
    assert info.arrays.shape[1:] == (1, 16) and info.arrays.space == "w"
    notes = " ".join(info.arrays.notes)
    assert f"0 to {info.arrays.shape[0] - 1}" in notes
    assert ("without standard deviations and a mean" in notes) == lacks
    found = eval(info.arrays.load[0])
    assert found.directions.shape == (1, 16) and (found.scale is None) == lacks


def test_measurements_of_style_channels(tmp_path):
    generator = tiny_generator(8)
    names, sizes = skstylefeat.latents.style_layers(generator)
    named = [tf_names(names), [RNG.standard_normal((5, n)) for n in sizes]]
    plain = [[np.ones(n) for n in sizes]] * 2
    for content in (named, plain):
        path = write(tmp_path / "S", content)
        info = inspect(path)
        assert info.arrays.kind == "statistics of style channels"
        assert info.arrays.shape == (2, sum(sizes)) and info.arrays.space is None
        layer, channel = "b4.conv1", 1
        fitted = eval(info.arrays.load[0])
        assert fitted.layer_ == layer and fitted.column_ == channel

    effects = np.repeat(UNIT, 5, axis=0)
    info = inspect(write(tmp_path / "fs3.npy", effects))
    assert info.arrays.kind == "directions or effects of style channels"
    assert "effects=" in info.arrays.load[-1]


@pytest.mark.parametrize(
    ("file", "content"),
    [
        ("a.pkl", [STATISTICS[0], ["a", "b"]]),
        ("a.pkl", [[1, 2], [3]]),
        ("a.pt", {"conv1.weight": torch.zeros(3, 2), "conv2.weight": torch.zeros(4)}),
        ("a.npy", np.array(["text"])),
        ("a.npz", {"lat_comp": CODES, "lat_mean": CODES, "lat_stdev": CODES}),
    ],
)
def test_other_files_keep_their_problem(tmp_path, file, content):
    info = inspect(write(tmp_path / file, content))
    assert info.arrays is None and len(info.problems) == 1
    assert str(tmp_path / file) in info.problems[0]


def test_the_command_prints_text_or_json(tmp_path, capsys):
    path = str(write(tmp_path / "w.npz", {"w": CODES}))
    assert main(["inspect", path]) == 0
    assert f"load_latents({path!r})" in capsys.readouterr().out
    for file in (path, "faces64"):
        assert main(["inspect", "--json", file]) == 0
        found = json.loads(capsys.readouterr().out)
        assert found["sha256"] == inspect(file).sha256 and found["problems"] == []
    assert found["generator"]["spaces"]["w+"] == [10, 128] and found["arrays"] is None
