"""The command line, and the main job on rendered faces and on the user's own images."""

import csv
import re
import subprocess
import sys
import zipfile

import numpy as np
import pytest
from numpy.testing import assert_array_equal
from PIL import Image

from skstylefeat import load_encoder
from skstylefeat.__main__ import _report_parser, main
from skstylefeat._utils._label_files import read_labels
from skstylefeat.experiments import _annotation_experiment as annotation
from skstylefeat.experiments._own_images import ImageSource, load_own_images
from skstylefeat.experiments._rendered_faces import load_rendered_faces
from tests.support.networks import write_pair


@pytest.fixture(scope="module")
def folder(tmp_path_factory):
    """60 files of 10 x 12 pixels in two colors, and their labels."""
    folder = tmp_path_factory.mktemp("own")
    rng = np.random.default_rng(0)
    rows = []
    (folder / "images" / "deep").mkdir(parents=True)
    for i in range(60):
        pixels = rng.integers(0, 60, size=(12, 10, 3), dtype=np.uint8)
        pixels[..., i % 2] += np.uint8(100 + i)
        name = f"deep/{i:02}.png" if i % 3 else f"{i:02}.png"
        Image.fromarray(pixels).save(folder / "images" / name)
        rows.append([f"{i:02}.png", ["red", "green"][i % 2], i * 1.5, i // 4])
    with open(folder / "labels.csv", "w", newline="") as file:
        csv.writer(file).writerows([["file", "color", "number", "who"], *rows])
    with zipfile.ZipFile(folder / "images.zip", "w") as archive:
        for path in sorted((folder / "images").rglob("*.png")):
            archive.write(path, path.relative_to(folder / "images").as_posix())
    return folder


def load(folder, targets=("color",), **kwargs):
    values = {"size": 8} | kwargs
    return load_own_images(folder / "images", folder / "labels.csv", list(targets), **values)


def test_own_images_are_split_with_their_labels(folder):
    train, test, (color, number), notes = load(folder, ("color", "number"))
    assert train.shape == (42, 8, 8, 3) and test.shape == (18, 8, 8, 3)
    assert train.dtype == np.uint8
    for images, target in ((train, color.y_train), (test, color.y_test)):
        seen = np.where(images.mean(axis=(1, 2))[:, 0] > 90, "red", "green")
        assert_array_equal(seen, target)
    assert number.is_number and not color.is_number and color.is_binary
    assert sorted([*number.y_train, *number.y_test]) == [i * 1.5 for i in range(60)]
    assert "60 labeled images" in notes[0]
    again = load(folder, ("color",))
    assert_array_equal(again[0], train)
    other = load(folder, ("color",), random_state=1)
    assert not np.array_equal(other[0], train)


def test_groups_are_kept_together_and_limits_hold(folder):
    train, test, targets, _ = load(folder, ("who",), group="who", limit=40)
    assert len(train) + len(test) == 40
    assert targets[0].is_number
    assert not set(targets[0].y_train) & set(targets[0].y_test)


def test_zip_holds_the_same_images(folder):
    read = [
        load_own_images(folder / name, folder / "labels.csv", ["color"], size=8)
        for name in ("images", "images.zip")
    ]
    assert_array_equal(read[0][0], read[1][0])


def test_box_crops_before_resizing(folder):
    source = ImageSource(folder / "images")
    name = source.find("04.png")
    assert name == "deep/04.png"
    with Image.open(folder / "images" / name) as file:
        expected = np.asarray(file)[2:10, 1:9]
    assert_array_equal(source.read([name], 8, box=(1, 2, 9, 10))[0], expected)
    with pytest.raises(ValueError, match=r"1,2,90,10.*10 x 12 pixels"):
        source.read([name], 8, box=(1, 2, 90, 10))


def test_bad_image_and_label_files_are_named(folder, tmp_path):
    with pytest.raises(ValueError, match=r"no column 'size'.*color"):
        load(folder, ("size",))
    with pytest.raises(ValueError, match="neither a folder nor a zip"):
        ImageSource(folder / "labels.csv")
    with pytest.raises(ValueError, match="holds no image file"):
        ImageSource(tmp_path)
    with pytest.raises(FileNotFoundError, match=r"none\.csv"):
        read_labels(tmp_path / "none.csv")
    broken = tmp_path / "a.png"
    broken.write_bytes((folder / "images" / "00.png").read_bytes()[:60])
    with pytest.raises(ValueError, match=r"'a\.png'.*cannot be read"):
        ImageSource(tmp_path).read(["a.png"], 8)
    labels = tmp_path / "labels.csv"
    labels.write_text("file,color\nx.png,red\ny.png\n")
    with pytest.raises(ValueError, match="row 3: 1 cells"):
        read_labels(labels)
    labels.write_text("file,color\nx.png,red\n")
    with pytest.raises(ValueError, match=r"Of the 1 rows.*, 0 name.*'x\.png'"):
        load_own_images(folder / "images", labels, ["color"], size=8)


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
    arguments = ["--images", folder / "images.zip", "--labels", folder / "labels.csv"]
    arguments += ["--target", "color,number", "--generator", generator, "--encoder", encoder]
    assert main([str(a) for a in [*arguments, "--out", out, *FEW]]) == 0
    printed = capsys.readouterr().out
    for part in ("Annotation and classification", "mean absolute error", "R2", "Order"):
        assert part in printed
    assert (out / "tables.txt").read_text() in printed
    page = (out / "index.html").read_text()
    pictures = sorted(path.stem for path in out.glob("*.png"))
    assert pictures == [
        "calibration-number",
        "clusters-color",
        "edits-color",
        "edits-number",
        "inversion",
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
        (["--images", "x"], "--images, --labels and --target"),
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
        main(arguments)
    assert stop.value.code == 2
    assert arguments[0] in capsys.readouterr().err


def test_options_are_read():
    arguments = _report_parser().parse_args(["--box", "1,2,30.5,40", "--test-share", "0.25"])
    assert arguments.box == (1, 2, 30.5, 40) and arguments.test_share == 0.25


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
