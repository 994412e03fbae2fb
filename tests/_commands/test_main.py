"""The command line, and the main job on rendered faces and on the user's own images."""

import argparse
import csv
import html
import re
import subprocess
import sys

import numpy as np
import pytest
from numpy.testing import assert_array_equal
from PIL import Image

from skstylefeat import StyleGANInverter, load_encoder
from skstylefeat.__main__ import main
from skstylefeat._commands._arguments import function
from skstylefeat._commands._experiment_command import make_evaluate_parser
from skstylefeat.experiments import _annotation_experiment as annotation
from skstylefeat.experiments._rendered_faces import load_rendered_faces
from skstylefeat.inversion import DomainScores
from tests.support.labeled_photos import write_labeled_photos
from tests.support.networks import write_pair


@pytest.fixture(scope="module")
def folder(tmp_path_factory):
    """60 files of 10 x 12 pixels in two colors, and their labels."""
    return write_labeled_photos(tmp_path_factory.mktemp("own"))


def test_rendered_faces_have_known_targets():
    train, test, targets, _ = load_rendered_faces(30, 20, random_state=0)
    assert train.shape[0] == 30 and test.shape[0] == 20
    assert [target.name for target in targets] == ["glasses", "beard", "age group", "yaw", "age"]
    age, group = targets[4], targets[2]
    assert_array_equal(group.y_train == "under 40", age.y_train < 40)
    assert not np.array_equal(targets[3].y_train[:20], targets[3].y_test)
    with pytest.raises(ValueError, match="were trained on faces of higher seeds"):
        load_rendered_faces(3, 3, random_state=500_000)


FEW = ["--draws", "2", "--regression-labels", "2,5", "--quiet"]


def test_report_on_own_images(folder, tmp_path, capsys):
    generator, encoder = write_pair(tmp_path)
    out = tmp_path / "report"
    arguments = ["evaluate", folder / "images.zip", "--labels", folder / "labels.csv"]
    arguments += ["--target", "color,number", "--generator", generator, "--encoder", encoder]
    arguments += ["--by-group", "color"]
    arguments = [str(a) for a in [*arguments, "--out", out, *FEW]]
    assert main(arguments) == 2  # squares are foreign to the generator
    assert "test images are foreign" in capsys.readouterr().err
    assert main([*arguments, "--allow-foreign"]) == 0
    printed = capsys.readouterr().out
    for part in (
        "Annotation and classification",
        "mean absolute error",
        "R2",
        "Order",
        "number: error by color",
    ):
        assert part in printed
    assert (out / "tables.txt").read_text() in printed
    page = (out / "index.html").read_text()
    for sentence in re.findall(r"^(?:color|number): .*$", printed, re.MULTILINE):
        assert html.escape(sentence) in page
    pictures = sorted(path.stem for path in out.glob("*.png"))
    # Edits are drawn where they change the image.
    assert [name for name in pictures if not name.startswith("edits")] == [
        "calibration-number",
        "clusters-color",
        "inversion",
        "labels-number",
        "layers-color",
        "layers-number",
        "maps-color",
        "order-color",
        "order-number",
    ]
    assert page.count("data:image/png;base64,") == len(pictures)
    assert "http" not in page  # nothing is fetched
    with open(out / "scores.csv", newline="") as file:
        rows = list(csv.DictReader(file))
    accuracies = {row["method"] for row in rows if row["metric"] == "accuracy"}
    assert accuracies == set(annotation.METHODS)
    assert {row["draw"] for row in rows} == {"0", "1"}


def test_most_images_being_foreign_ends_evaluate(tmp_path, capsys):
    (tmp_path / "photos").mkdir()
    rng = np.random.default_rng(0)
    lines = ["file,kind"]
    for i in range(24):
        pixels = rng.integers(0, 256, (64, 64, 3), dtype=np.uint8)
        Image.fromarray(pixels).save(tmp_path / "photos" / f"{i}.png")
        lines.append(f"{i}.png,{'ab'[i % 2]}")
    (tmp_path / "labels.csv").write_text("\n".join(lines))
    words = ["evaluate", tmp_path / "photos", "--labels", tmp_path / "labels.csv"]
    words += ["--target", "kind", "--out", tmp_path / "report", *FEW]
    with pytest.warns(UserWarning, match="foreign to the generator 'faces64'"):
        assert main([str(word) for word in words]) == 2
    printed = capsys.readouterr()
    assert "7 of 7 test images are foreign to 'faces64'." in printed.err and printed.out == ""
    for advice in ("--box", "--generator", "train-generator", "HOG", "--allow-foreign"):
        assert advice in printed.err
    assert not list((tmp_path / "report").iterdir())


@pytest.mark.parametrize(("words", "n_foreign"), [(["--allow-foreign"], 18), ([], 9), ([], 0)])
def test_foreign_images_are_noted_in_the_report(folder, tmp_path, monkeypatch, words, n_foreign):
    def domain_scores(inverter, images, latents):
        inside = np.arange(len(images)) >= n_foreign
        return DomainScores(np.ones(len(images), dtype=np.float32), inside, [""] * len(images))

    monkeypatch.setattr(StyleGANInverter, "domain_scores", domain_scores)
    generator, encoder = write_pair(tmp_path)
    words = [*words, "--labels", folder / "labels.csv", "--target", "color", *FEW]
    words += ["--generator", generator, "--encoder", encoder, "--out", tmp_path / "report"]
    assert main(["evaluate", *(str(word) for word in [folder / "images.zip", *words])]) == 0
    page = (tmp_path / "report" / "index.html").read_text()
    assert (f"{n_foreign} of 18 test images are foreign" in page) == (n_foreign > 0)


def test_report_on_rendered_faces_keeps_a_trained_encoder(tmp_path, capsys):
    generator, _ = write_pair(tmp_path)
    out = tmp_path / "report"
    arguments = ["--generator", generator, "--encoder", "train", "--train-steps", "1"]
    arguments += ["--n-train", "60", "--n-test", "20", "--out", str(out)]
    assert main([*arguments, "--draws", "1", "--regression-labels", "5"]) == 0
    printed = capsys.readouterr().out
    for name in ("glasses", "beard", "age group", "yaw (degrees)", "age (years)"):
        assert re.search(rf"^  {re.escape(name)} ", printed, re.MULTILINE)
    assert "Reconstruction of the test images" in printed
    kept = load_encoder(str(out / "encoder.safetensors"))
    assert kept.encode(np.zeros((1, 8, 8, 3), dtype=np.float32)).shape == (1, 4, 7)


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (["evaluate", "nowhere", "--labels", "l.csv", "--target", "a"], "nowhere"),
        (["--generator", "nowhere.pkl"], "nowhere.pkl"),
    ],
)
def test_errors_go_to_stderr(arguments, message, tmp_path, capsys):
    assert main([*arguments, "--out", str(tmp_path / "out"), "--quiet"]) == 2
    captured = capsys.readouterr()
    assert message in captured.err and captured.out == ""


@pytest.mark.parametrize(
    "arguments",
    [
        ["--box", "1,2,3"],
        ["--regression-labels", "2,x"],
        ["--draws", "0"],
        ["--test-share", "1"],
        ["--target", ","],
    ],
)
def test_options_are_checked(arguments, capsys):
    with pytest.raises(SystemExit) as stop:
        main(["evaluate", "x", "--labels", "l.csv", "--target", "a", *arguments])
    assert stop.value.code == 2
    assert arguments[0] in capsys.readouterr().err


def test_the_former_spelling_of_evaluate_is_read(capsys):
    words = ["--target", "a", "--images", "nowhere", "--labels", "l.csv", "--quiet"]
    assert main(words) == 2
    assert "nowhere" in capsys.readouterr().err


def test_unknown_commands_are_refused(capsys):
    with pytest.raises(SystemExit):
        main(["evalute", "photos"])
    assert "there is no command 'evalute'; commands are fit, predict, " in capsys.readouterr().err


def test_options_are_read():
    words = ["photos", "--labels", "l.csv", "--target", "a,b", "--box", "1,2,30.5,40"]
    arguments = make_evaluate_parser().parse_args([*words, "--test-share", "0.25"])
    assert arguments.target == ["a", "b"]
    assert arguments.box == (1, 2, 30.5, 40) and arguments.test_share == 0.25


def test_the_device_is_checked_before_any_work(tmp_path, capsys):
    out = tmp_path / "report"
    assert main(["--device", "gpu", "--out", str(out)]) == 2
    printed = capsys.readouterr()
    assert "--device gpu cannot be used on this machine" in printed.err
    assert not printed.out and not out.exists()


def test_inspect_and_convert(tmp_path, capsys):
    generator, _ = write_pair(tmp_path)
    assert main(["inspect", generator]) == 0
    printed = capsys.readouterr().out
    assert "resolution" in printed and "sha256" in printed
    out = tmp_path / "copy.safetensors"
    assert main(["convert", generator, str(out)]) == 0
    assert str(out) in capsys.readouterr().out
    assert main(["inspect", str(out)]) == 0
    page = tmp_path / "page.pt"
    page.write_text("<!DOCTYPE html>")
    assert main(["inspect", str(page)]) == 0
    assert "problems" in capsys.readouterr().out
    assert main(["inspect", str(tmp_path / "none.pt")]) == 2


def test_module_runs_as_a_command():
    done = subprocess.run(
        [sys.executable, "-m", "skstylefeat", "--version"], capture_output=True, text=True
    )
    assert re.fullmatch(r"skstylefeat \d+\.\d+\.\d+\S*\n", done.stdout)


def test_features_of_evaluate(tmp_path, monkeypatch):
    (tmp_path / "features_of_mine.py").write_text("def means(x): return x.mean(axis=(1, 2))")
    monkeypatch.chdir(tmp_path)
    monkeypatch.setattr(sys, "path", [path for path in sys.path if path])
    name, means = function("features_of_mine:means")
    assert name == "means" and means(np.ones((2, 4, 4, 3))).tolist() == [[1, 1, 1]] * 2


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("os.path", "expected MODULE:FUNCTION, got 'os.path'"),
        ("os:nothing", "cannot import 'os:nothing'"),
        ("no_such_module:f", "cannot import"),
        ("os:sep", "is no function"),
    ],
)
def test_features_that_are_no_function(text, message):
    with pytest.raises(argparse.ArgumentTypeError, match=message):
        function(text)
