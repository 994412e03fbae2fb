"""Every script of the benchmarks starts, and the quick ones run on small input."""

import ast
import csv
import importlib
import io
import json
import re
import zipfile
from functools import partial

import numpy as np
import pytest
import torch
from numpy.testing import assert_array_equal
from PIL import Image

from skstylefeat import load_generator
from tests.support.benchmarks import FOLDER, run_script
from tests.support.networks import tiny_encoder, tiny_generator

SCRIPTS = sorted(
    path.relative_to(FOLDER).as_posix()
    for path in FOLDER.rglob("*.py")
    if "ArgumentParser(" in path.read_text(encoding="utf-8")
)


def test_scripts_are_found():
    assert len(SCRIPTS) > 30


@pytest.mark.parametrize("script", SCRIPTS)
def test_script_starts(script, capsys):
    with pytest.raises(SystemExit) as ended:
        run_script(script, "--help")
    assert ended.value.code in (0, None)
    assert "usage: " in capsys.readouterr().out
    assert ast.get_docstring(ast.parse((FOLDER / script).read_text(encoding="utf-8")))


def test_codes_of_a_file(tmp_path, capsys):
    """One target is in the codes, one is noise, and one has too few images of a class."""
    rng = np.random.default_rng(0)
    codes = rng.normal(size=(60, 3, 8)).astype(np.float32)
    kind = np.repeat([0.0, 1.0], 30)
    codes[:, :, 0] += 9 * kind[:, None]
    labels = {"label/some_kind": kind, "label/noise": rng.permutation(kind)}
    labels["label/rare"] = (np.arange(60) < 2).astype(float)
    np.savez(tmp_path / "codes.npz", wplus=codes, **labels)
    run_script("ffhq_codes.py", tmp_path / "codes.npz", "--draws", 4)
    rows = {line.split("|")[1].strip(): line for line in capsys.readouterr().out.splitlines()[2:4]}
    assert set(rows) == {"some kind", "noise"}
    assert rows["some kind"].split("|")[2:5] == [" 30 + 30 ", " 13 ", " 50.0 "]
    scores = [float(cell.split()[0]) for cell in rows["some kind"].split("|")[5:8]]
    assert min(scores) > 90
    assert float(rows["noise"].split("|")[5].split()[0]) < 75


def test_faults_of_published_recipes(capsys):
    run_script("peers.py", "--size", 60, "--draws", 2)
    lines = capsys.readouterr().out.splitlines()
    assert len(lines) == 6 and lines[0].startswith("| recipe")
    svm = [float(line.split("|")[3]) for line in lines[3:]]
    ours = [float(line.split("|")[4]) for line in lines[3:]]
    assert svm[2] != pytest.approx(svm[0], abs=1e-3)
    assert max(ours) - min(ours) < 1e-3


def test_labels_at_random_from_the_split_of_the_authors(tmp_path, capsys):
    """Upright and lying bars: HOG tells them apart, and a budget reads the labels that it names."""
    rng = np.random.default_rng(0)
    rows = ["file,class,split"]
    with zipfile.ZipFile(tmp_path / "photos.zip", "w") as archive:
        for number in range(90):
            image = rng.integers(0, 60, (8, 8, 3)).astype(np.uint8)
            image[(slice(None), slice(3, 5)) if number % 2 else slice(3, 5)] = 255
            buffer = io.BytesIO()
            Image.fromarray(image).resize((32, 32)).save(buffer, "png")
            archive.writestr(f"{number}.png", buffer.getvalue())
            split = ("train", "validation", "test")[number // 2 % 3]
            rows.append(f"{number}.png,{'upright' if number % 2 else 'lying'},{split}")
    (tmp_path / "labels.csv").write_text("\n".join(rows))
    generator = tiny_generator(resolution=32)
    generator.save(tmp_path / "generator.safetensors")
    tiny_encoder(generator).save(tmp_path / "encoder.safetensors")
    files = {name: tmp_path / f"{name}.safetensors" for name in ("generator", "encoder")}
    files |= {"photos": tmp_path / "photos.zip", "labels": tmp_path / "labels.csv"}
    options = [part for name, path in files.items() for part in (f"--{name}", path)]
    run_script(
        "other_domains.py",
        "clothing",
        *options,
        "--out",
        tmp_path,
        "--draws",
        2,
        "--random-labels",
        20,
    )
    printed = capsys.readouterr().out
    assert "Test photos: majority 50.0 %" in printed
    (hog,) = (line for line in printed.splitlines() if line.startswith("HOG  "))
    assert hog.split()[1:3] == ["20:", "100.0"]
    assert "HOG and S codes" in printed


def test_operations_are_multiplications_and_additions(monkeypatch):
    monkeypatch.syspath_prepend(str(FOLDER))
    operations = importlib.import_module("timing").operations
    convolution = torch.nn.Conv2d(3, 5, 3, padding=1)
    assert operations(convolution, torch.rand(2, 3, 8, 8)) == 2 * (2 * 5 * 64) * (3 * 9)


def test_networks_print_their_share_of_the_limit(capsys):
    options = ("--tasks", "image", "--resolutions", 16, "--batches", 1, "--repeats", 1)
    run_script("benchmark_networks.py", *options, "--threads", torch.get_num_threads())
    _, line = capsys.readouterr().out.splitlines()
    assert re.search(
        r"image +16 px  batch 1:  skstylefeat .* \[\d+\.\d GFLOP, \d+% of the limit\],  "
        r"limit \d+ GFLOP/s",
        line,
    )


def test_limit_of_a_matrix_product(monkeypatch):
    """A share of the limit is the rate of a call over that of the product in the same turns."""
    monkeypatch.syspath_prepend(str(FOLDER))
    timing = importlib.import_module("timing")
    times = {"ours": [4.0, 2.0, 3.0], timing.LIMIT: [2.0, 1.0, 5.0]}
    rate = 2 * timing.PRODUCT_SIZE**3
    assert timing.rate_of(times) == rate
    text = timing.row_text(times, "ours", {"ours": rate})
    assert text.startswith("ours 3.000 s [2.000 to 4.000] (1.00x)")
    assert "33% of the limit" in text


def test_turns_of_functions(monkeypatch):
    monkeypatch.syspath_prepend(str(FOLDER))
    measure = importlib.import_module("timing").measure
    calls = []
    functions = {name: partial(calls.append, name) for name in "ab"}
    times = measure(functions, 2)
    assert calls == list("ab" * 3)  # once to warm up
    assert [len(seconds) for seconds in times.values()] == [2, 2]


def test_information_of_a_small_layer(capsys):
    """Ours, NumPy's ten lines and scikit-learn's function agree on the sampled pairs."""
    options = ("--layers", "b4.conv1", "--channels", 3, "--images", 3, "--repeats", 1)
    run_script("benchmark_information.py", *options, "--sample", 2, "--n-jobs", 1)
    row = capsys.readouterr().out.splitlines()[1].split()
    assert row[:3] == ["b4.conv1", "3", "2"]
    assert float(row[-1]) < 1e-12


def test_calibration_points_beside_a_sampler(tmp_path, capsys):
    sampler = tmp_path / "sampler.py"
    sampler.write_text(
        "def sample_min_distance(distances, n, gap):\n"
        "    return np.random.permutation(distances)[:n]\n"
    )
    run_script("benchmark_regression.py", "--only", "points", "--large", sampler)
    lines = capsys.readouterr().out.splitlines()
    assert len(lines) == 6
    for line in lines:
        assert re.search(r"ours .* \(1\.00x\),  sampler .*,  bound ", line)


def test_encoders_in_both_formats(capsys):
    options = ("--encoder-steps", 1, "--faces", 4, "--others", 2, "--batch-size", 2)
    options += ("--threads", torch.get_num_threads())
    run_script("benchmark_training.py", *options, "--seeds", 2)
    lines = capsys.readouterr().out.splitlines()[1:]
    names = [f"seed {seed}, {name}" for seed in (0, 1) for name in ("float32", "bfloat16")]
    assert [line.split(":")[0] for line in lines] == [
        *names,
        "float32",
        "bfloat16",
        "bfloat16 over float32",
    ]


def test_engines_of_an_encoder(tmp_path, monkeypatch, capsys):
    monkeypatch.setenv("SKSTYLEFEAT_CACHE", str(tmp_path / "cache"))
    path = tmp_path / "encoder.safetensors"
    tiny_encoder(tiny_generator()).save(path)
    options = ("--precisions", "--rounds", 1, "--threads", torch.get_num_threads())
    run_script("benchmark_engines.py", "--encoder", path, *options)
    lines = capsys.readouterr().out.splitlines()
    assert "of the limit" in lines[2]
    assert [line.split()[:3] for line in lines[3:]] == [
        ["torch", "float32", "1"],
        ["torch", "float32", "4"],
    ]


def test_conversion_to_stylegan3(tmp_path, capsys):
    """Three steps in two runs: the second goes on, and the result is a network with its card."""
    script, out = "weights/distill_stylegan3.py", tmp_path / "out"
    run_script(script, "--out", out, "--faces", 4, "--steps", 2)
    first = [json.loads(line) for line in capsys.readouterr().out.splitlines()]
    run_script(script, "--out", out, "--faces", 4, "--steps", 3)
    second = [json.loads(line) for line in capsys.readouterr().out.splitlines()]
    assert [record["step"] for record in (first[-1], second[-1])] == [2, 3]

    # The conversion itself, before any training to speak of, is far from noise and from a face.
    assert 12 < first[-1]["teacher_db"] < 25
    generator = load_generator(out / "generator.safetensors")
    teacher = load_generator("faces64")
    assert generator.image_size == (32, 32) and generator.n_ws == teacher.n_ws + 1
    assert "not trained adversarially" in generator.card["made"]
    z = generator.sample_z(2, random_state=0)
    assert_array_equal(generator.mapping(z), teacher.mapping(z))
    sides = [layer.height for layer in generator.layers]
    assert sides == [min(layer.height, 32) for layer in teacher.layers]


def test_readers_of_few_labels(tmp_path, capsys):
    """Rendered faces only: every reader and every target has a score, and labels are as many."""
    words = ("--labels", 13, "--draws", 2, "--rendered", 50, "--rendered-others", 20)
    targets = ("rendered glasses", "rendered yaw")
    run_script(
        "benchmark_readers.py",
        *(*words, "--split", "validation", "--out", tmp_path, "--cache", tmp_path / "cache"),
        *("--targets", *targets),
    )
    printed = capsys.readouterr().out
    header, _, row = printed.split("\n\n")[1].splitlines()
    names = [cell.strip() for cell in header.split("|")]
    for name in ("fit", "styles and HOG", "HOG", "HOG, label spreading"):
        assert 20 < float(row.split("|")[names.index(name)].split()[0]) <= 100
    assert float(row.split("|")[names.index("commonest class or mean")]) == 50
    assert "| rendered yaw | 13 |" in printed
    with open(tmp_path / "scores.csv", newline="") as file:
        scores = list(csv.DictReader(file))
    assert {score["target"] for score in scores} == set(targets)
    assert sum(score["metric"] == "chosen" for score in scores) == 4
    losses = {x["method"] for x in scores if x["metric"] == "cross-validated loss"}
    assert losses >= {"styles and HOG", "all styles", "consensus of mirrored differences"}
