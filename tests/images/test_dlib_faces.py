"""Faces found by dlib, on rendered faces: landmarks, turned and several faces, reports."""

import pickle
import sys
import warnings

import numpy as np
import pytest
from PIL import Image

from skstylefeat.datasets import make_faces
from skstylefeat.images import _dlib_faces as dlib_faces
from skstylefeat.images import align_faces, face_square, find_faces
from skstylefeat.images._dlib_faces import DlibDetector, Face, five_of_68

SIDE = 128


@pytest.fixture(scope="module")
def faces():
    """Two rendered faces that dlib finds with confidence."""
    return make_faces(16, image_size=SIDE, random_state=0).images[13:15]


@pytest.fixture(scope="module")
def landmarks(faces):
    """Their landmarks."""
    return find_faces(faces).landmarks


def pasted(face, degrees, scale, place, size=(480, 400)):
    """Return a canvas with a turned and scaled face, and where the face's points lie there."""
    side = round(SIDE * scale)
    small = Image.fromarray(face).resize((side, side), Image.Resampling.BICUBIC)
    mask = Image.new("L", small.size, 255)
    options = {"resample": Image.Resampling.BICUBIC, "expand": True}
    turned = small.rotate(degrees, **options)
    canvas = Image.new("RGB", size, (90, 120, 140))
    canvas.paste(turned, place, mask.rotate(degrees, **options))

    a = np.deg2rad(degrees)
    rotation = np.array([[np.cos(a), np.sin(a)], [-np.sin(a), np.cos(a)]])

    def move(points):
        middle = np.array([side, side]) / 2
        return (points * side / SIDE - middle) @ rotation.T + np.array(turned.size) / 2 + place

    return np.asarray(canvas), move


def square_of_ffhq(points):
    """Return the square by the recipe in the appendix of the StyleGAN paper, step by step."""
    eye_left, eye_right = points[36:42].mean(axis=0), points[42:48].mean(axis=0)
    eye_avg = (eye_left + eye_right) * 0.5
    mouth_avg = (points[48] + points[54]) * 0.5
    (ex, ey), (mx, my) = eye_right - eye_left, mouth_avg - eye_avg
    # Both vectors vote on the direction of the horizontal half axis.
    x = np.array([ex + my, ey - mx])
    x *= max(2.0 * np.hypot(ex, ey), 1.8 * np.hypot(mx, my)) / np.hypot(*x)
    y = np.array([-x[1], x[0]])
    c = eye_avg + 0.1 * np.array([mx, my])
    return np.stack([c - x - y, c - x + y, c + x + y, c + x - y])


def test_the_square_is_that_of_the_68_landmarks():
    rng = np.random.default_rng(0)
    points = rng.normal([100, 120], 3, size=(68, 2))
    points[36:42] += [-30, -20]
    points[42:48] += [30, -14]
    points[[48, 54]] += [[-18, 40], [20, 44]]
    five = five_of_68(points)
    assert np.array_equal(five[2:], points[[30, 48, 54]])
    np.testing.assert_allclose(face_square(five), square_of_ffhq(points), atol=1e-9)


def test_landmarks_lie_on_the_rendered_eyes(faces, landmarks):
    """The eyes of a rendered face lie about 0.41 and 0.58 across and 0.48 down."""
    assert landmarks.shape == (2, 5, 2)
    places = landmarks / SIDE
    np.testing.assert_allclose(places[:, 0], [[0.41, 0.48]] * 2, atol=0.12)
    np.testing.assert_allclose(places[:, 1], [[0.58, 0.48]] * 2, atol=0.12)
    assert (places[:, 3:, 1] > places[:, :2, 1].max(axis=1, keepdims=True) + 0.1).all()


@pytest.mark.parametrize("degrees", [-25, 80, 180])
def test_turned_and_moved_faces_give_the_same_landmarks(faces, landmarks, degrees):
    canvas, move = pasted(faces[1], degrees, 1.3, (190, 60))
    (found,) = DlibDetector().find(canvas)
    side = Face(move(landmarks[1]), 0).size
    assert np.abs(found.landmarks - move(landmarks[1])).max() < 0.06 * side
    assert (found.roll + degrees + 180) % 360 - 180 == pytest.approx(
        Face(landmarks[1], 0).roll, abs=6
    )


def test_report_of_every_kind(faces, tmp_path):
    two, _ = pasted(faces[1], 0, 1.0, (20, 30))
    two = two.copy()
    two[100:356, 200:456] = np.asarray(Image.fromarray(faces[1]).resize((256, 256)))
    turned, _ = pasted(faces[1], -60, 1.5, (100, 60))
    small = np.asarray(Image.fromarray(faces[1]).resize((48, 48)))
    images = {"plain": faces[1], "two": two, "turned": turned, "small": small}
    images["none"] = np.full((90, 120, 3), 127, np.uint8)
    paths = [tmp_path / f"{name}.png" for name in images]
    for path, pixels in zip(paths, images.values(), strict=True):
        Image.fromarray(pixels).save(path)
    paths.append(tmp_path / "damaged.png")
    paths[-1].write_text("damaged")

    report = find_faces(paths)
    expected = ["aligned", "several", "turned", "small", "no face", "unreadable"]
    assert report.statuses == expected
    assert str(report) == (
        "6 images: 1 aligned, 1 several, 1 small, 1 turned, 1 no face, 1 unreadable"
    )
    assert "damaged.png cannot be read" in report.errors[5]
    assert np.isfinite(report.landmarks[:4]).all() and np.isnan(report.landmarks[4:]).all()
    assert report.faces[1][0].size > 1.7 * report.faces[1][1].size
    for part in ("1 show several faces", "two.png", "small.png", "turned.png"):
        assert part in report.remarks()
    assert find_faces(paths[:1], n_jobs=2).remarks() == ""

    # The largest face is cropped; the others are named when they are read.
    pixels, faults = align_faces(paths, "dlib").try_read((32, 32))
    assert [fault.row for fault in faults] == [4, 5]
    assert "no face was found in it" in str(faults[0].error)
    np.testing.assert_array_equal(
        pixels, align_faces(paths, report.landmarks).try_read((32, 32))[0]
    )
    assert np.abs(pixels[0] - pixels[1]).mean() < 0.05


def test_detector_is_pickled_without_its_models(faces, landmarks):
    detector = DlibDetector()
    assert len(pickle.dumps(detector)) < 200
    again = pickle.loads(pickle.dumps(detector))
    np.testing.assert_array_equal(again(faces[0]), landmarks[0])
    assert again(np.zeros((40, 40, 3), np.uint8)) is None


def test_upsampling_finds_smaller_faces(faces):
    canvas = np.full((600, 800, 3), 120, np.uint8)
    canvas[200:275, 300:375] = np.asarray(Image.fromarray(faces[1]).resize((75, 75)))
    assert not DlibDetector().find(canvas)
    assert len(DlibDetector(upsample=True).find(canvas)) == 1


@pytest.mark.parametrize("missing", ["dlib", "face_recognition_models"])
def test_a_missing_extra_is_named(monkeypatch, faces, missing):
    dlib_faces._models.cache_clear()
    if missing == "dlib":
        monkeypatch.setitem(sys.modules, "dlib", None)
    else:
        monkeypatch.setattr(dlib_faces.importlib.util, "find_spec", lambda name: None)
    try:
        with pytest.raises(ImportError, match=r"pip install 'skstylefeat\[align\]'"):
            align_faces(faces, "dlib")
    finally:
        dlib_faces._models.cache_clear()


def test_the_models_are_found_without_importing_their_package(faces):
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        align_faces(faces, "dlib").read((8, 8))
    assert "face_recognition_models" not in sys.modules
    with pytest.raises(ValueError, match="align='mtcnn' names no detector"):
        align_faces(faces, "mtcnn")
