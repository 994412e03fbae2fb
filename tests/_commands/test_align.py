"""Command ``align`` on rendered faces: pictures, table, resumption, refusals."""

import csv
import json
import zipfile

import numpy as np
import pytest
from PIL import Image

from skstylefeat.__main__ import main
from skstylefeat.datasets import make_faces
from skstylefeat.images import _aligned_folder, crop_face, find_faces
from skstylefeat.images._alignment import FaceFraming
from skstylefeat.inversion import _face_framing

SIDE = 128


@pytest.fixture(scope="module")
def face():
    """One rendered face that dlib finds with confidence."""
    return make_faces(16, image_size=SIDE, random_state=0).images[14]


def save(path, pixels):
    path.parent.mkdir(parents=True, exist_ok=True)
    Image.fromarray(pixels).save(path)


@pytest.fixture
def photos(face, tmp_path):
    """A folder with a face, two faces, a small one, none, and two names that differ by suffix."""
    folder = tmp_path / "photos"
    two = np.full((260, 420, 3), 120, np.uint8)
    two[20 : 20 + SIDE, 20 : 20 + SIDE] = face
    two[50:242, 200:392] = np.asarray(Image.fromarray(face).resize((192, 192)))
    save(folder / "a" / "one.png", face)
    save(folder / "two.bmp", two)
    save(folder / "small.png", np.asarray(Image.fromarray(face).resize((48, 48))))
    save(folder / "none.png", np.full((60, 60, 3), 200, np.uint8))
    save(folder / "same.png", face)
    save(folder / "same.bmp", face[:, ::-1])
    return folder


def table(out):
    with (out / "alignment.csv").open(newline="") as file:
        return list(csv.DictReader(file))


def run(*arguments):
    return main(["align", *map(str, arguments), "--quiet"])


def test_pictures_and_table(photos, face, tmp_path, capsys):
    out = tmp_path / "aligned"
    assert run(photos, "--out", out, "--size", 64) == 0
    lines = capsys.readouterr().out.splitlines()
    assert lines[0] == "6 photos: 3 aligned, 1 several, 1 small, 1 no face"
    assert lines[1].startswith("4 faces in ")
    assert "no face (not written): none.png" in lines
    assert any(line.startswith("several (the largest was taken") for line in lines)

    pictures = sorted(path.relative_to(out).as_posix() for path in out.rglob("*.png"))
    assert pictures == ["a/one.png", "same.bmp.png", "same.png.png", "two.png"]
    (points,) = find_faces(face[None]).landmarks
    with Image.open(out / "a" / "one.png") as picture:
        np.testing.assert_array_equal(np.asarray(picture), crop_face(face, points, 64))

    rows = {row["file"]: row for row in table(out)}
    assert rows["small.png"]["status"] == "small" and rows["small.png"]["output"] == ""
    assert rows["two.bmp"]["status"] == "several" and rows["two.bmp"]["face"] == "1"
    assert rows["none.png"]["size"] == ""
    one = rows["a/one.png"]
    corners = [float(one[side]) for side in ("left", "top", "right", "bottom")]
    assert corners[2] - corners[0] >= float(one["size"]) - 0.2
    assert float(one["confidence"]) > 0.5


def test_each_face_of_an_archive(photos, tmp_path):
    archive, out = tmp_path / "photos.zip", tmp_path / "aligned"
    with zipfile.ZipFile(archive, "w") as file:
        file.write(photos / "two.bmp", "sub/two.bmp")
    assert run(archive, "--out", out, "--faces", "each", "--jobs", 2) == 0
    assert [(row["status"], row["output"]) for row in table(out)] == [
        ("aligned", "sub/two-1.png"),
        ("aligned", "sub/two-2.png"),
    ]
    sizes = [float(row["size"]) for row in table(out)]
    assert sizes[0] == pytest.approx(1.5 * sizes[1], rel=0.1)
    with Image.open(out / "sub" / "two-2.png") as picture:
        assert picture.size == (256, 256)


def test_a_stopped_run_resumes(photos, face, tmp_path, capsys, monkeypatch):
    out, done = tmp_path / "aligned", []
    write = _aligned_folder._write_face

    def stopped(image, found, path, settings):
        if len(done) == 2:
            raise KeyboardInterrupt
        done.append(path.name)
        write(image, found, path, settings)

    monkeypatch.setattr(_aligned_folder, "_write_face", stopped)
    assert run(photos, "--out", out) == 130
    n_done = len(table(out))
    assert 2 <= n_done < 6 and not list(out.rglob("*.part"))

    # The rest is done now, and photos that changed since.
    done.clear()
    monkeypatch.setattr(
        _aligned_folder, "_write_face", lambda *a: (done.append(a[2].name), write(*a))
    )
    save(photos / "a" / "one.png", face[:, ::-1])
    assert run(photos, "--out", out) == 0
    assert "one.png" in done and len(done) == 3
    assert f"{n_done - 1} photos done before" in capsys.readouterr().out
    assert len(table(out)) == 6

    assert run(photos, "--out", out) == 0
    assert len(done) == 3 and "6 photos done before" in capsys.readouterr().out
    assert run(photos, "--out", out, "--size", 32) == 2
    assert "holds faces aligned with {'size': 256" in capsys.readouterr().err
    assert json.loads((out / "alignment.json").read_text())["size"] == 256


def test_faces_framed_as_a_generators(photos, face, tmp_path, monkeypatch):
    framing = FaceFraming(((0.4, 0.5), (0.6, 0.5), (0.5, 0.6), (0.45, 0.7), (0.55, 0.7)))
    monkeypatch.setattr(_face_framing, "face_framing", lambda *arguments, **options: framing)
    out = tmp_path / "aligned"
    assert run(photos / "a", "--out", out, "--size", 64, "--generator", "faces64") == 0
    points = framing.apply(find_faces(face[None]).landmarks)[0]
    with Image.open(out / "one.png") as picture:
        np.testing.assert_array_equal(np.asarray(picture), crop_face(face, points, 64))
    assert run(photos / "a", "--out", out, "--size", 64) == 2  # framed differently


def test_refusals(photos, tmp_path, capsys):
    out = tmp_path / "aligned"
    assert run(photos, "--out", photos / "aligned") == 2
    assert "would be taken for photos" in capsys.readouterr().err
    (photos / "broken.jpg").write_text("damaged")
    assert run(photos, "--out", out) == 2
    captured = capsys.readouterr()
    assert "unreadable: broken.jpg cannot be read as an image" in captured.out
    assert "1 of 7 photos cannot be read; all others are done" in captured.err
    assert run(photos, "--out", out, "--skip-unreadable") == 0
    assert "6 photos done before" in capsys.readouterr().out

    nothing = tmp_path / "nothing"
    save(nothing / "a.png", np.zeros((50, 50, 3), np.uint8))
    assert run(nothing, "--out", tmp_path / "empty") == 2
    assert "No face of the 1 photos was written" in capsys.readouterr().err
