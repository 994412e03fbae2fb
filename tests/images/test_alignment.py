"""Faces aligned by five landmarks: FFHQ's geometry, borders, sources of landmarks."""

import numpy as np
import pytest
from PIL import Image, ImageDraw

from skstylefeat.images import align_faces, as_images, crop_face, face_square

FACE = np.array([[40.0, 50], [60, 50], [50, 60], [43, 72], [57, 72]])


def turned(points, degrees, center=(50, 50)):
    a = np.deg2rad(degrees)
    rotation = np.array([[np.cos(a), -np.sin(a)], [np.sin(a), np.cos(a)]])
    return (points - center) @ rotation.T + center


def test_square_of_an_upright_face():
    """Eyes 20 apart: the side is 4 x 20, the center a tenth of the way down to the mouth."""
    np.testing.assert_allclose(face_square(FACE), [[10, 12.2], [10, 92.2], [90, 92.2], [90, 12.2]])
    long = FACE.copy()
    long[3:, 1] = 90  # a long face: 3.6 times the way from the eyes to the mouth
    side = np.linalg.norm(face_square(long)[3] - face_square(long)[0])
    assert side == pytest.approx(3.6 * 40)


def test_square_follows_the_face():
    for degrees in (-170, -30, 10, 90):
        expected = turned(face_square(FACE), degrees)
        np.testing.assert_allclose(face_square(turned(FACE, degrees)), expected, atol=1e-9)
    both = face_square(np.stack([FACE, 2 * FACE + 7]))
    np.testing.assert_allclose(both[1], 2 * both[0] + 7)
    np.testing.assert_allclose(face_square(FACE.ravel()), both[0])


def test_a_turned_and_scaled_face_gives_the_same_picture():
    """The eyes are at three and five eighths of the width in every crop."""

    def photo(points, radius, side):
        image = Image.new("RGB", (side, side), "white")
        draw = ImageDraw.Draw(image)
        for (x, y), color in zip(points, ("red", "lime", "blue", "black", "black"), strict=True):
            draw.ellipse([x - radius, y - radius, x + radius, y + radius], fill=color)
        return image

    big = 4 * FACE + 100
    faces = [
        crop_face(photo(big, 16, 600), big, 40),
        crop_face(photo(turned(big, 35, (300, 300)), 16, 600), turned(big, 35, (300, 300)), 40),
        crop_face(photo(2 * big, 32, 1200), 2 * big, 40),
    ]
    for face in faces:
        assert face.shape == (40, 40, 3) and face.dtype == np.uint8
        red = np.argwhere((face[..., 0] > 200) & (face[..., 1] < 60)).mean(axis=0) + 0.5
        np.testing.assert_allclose(red, [40 * (50 - 12.2) / 80, 40 * 3 / 8], atol=0.5)
        assert np.abs(face.astype(int) - faces[0]).mean() < 6


def test_outside_the_image_is_its_mirror_image():
    ramp = np.tile(np.arange(100, dtype=np.uint8)[:, None, None], (1, 60, 3))
    face = crop_face(ramp, FACE - [20, 40], 80)  # the square's top is 27.8 px above the image
    column = face[:, 40, 0].astype(int)
    np.testing.assert_allclose(column[:27], np.arange(27, 0, -1), atol=1.5)
    np.testing.assert_allclose(column[29:79], np.arange(1, 51), atol=1.5)


def test_nothing_is_skipped_where_a_face_is_reduced():
    checks = (np.indices((400, 400)).sum(axis=0) % 2 * 255).astype(np.uint8)
    face = crop_face(np.repeat(checks[..., None], 3, axis=2), 4 * FACE, 16)
    np.testing.assert_allclose(face, 127.5, atol=3)


@pytest.mark.parametrize(
    ("landmarks", "message"),
    [
        (FACE[[1, 0, 2, 4, 3]], "Are left and right exchanged"),
        (np.zeros((5, 2)), "not those of a face"),
        (FACE[:4], r"shape \(4, 2\); expected five points"),
        (np.full((5, 2), np.nan), "NaN"),
    ],
)
def test_wrong_landmarks(landmarks, message):
    with pytest.raises(ValueError, match=message):
        face_square(landmarks)


def test_landmarks_of_another_image():
    image = np.zeros((100, 100, 3), dtype=np.uint8)
    for wrong in (FACE + 300, 100 * (FACE - 50) + 50):
        with pytest.raises(ValueError, match="do the landmarks belong to it"):
            crop_face(image, wrong, 8)


def test_collection_with_landmarks(tmp_path):
    rng = np.random.default_rng(0)
    pixels = rng.integers(0, 256, (3, 120, 110, 3), dtype=np.uint8)
    points = np.stack([FACE, FACE + 5, turned(FACE, 20)])
    expected = np.stack([crop_face(i, p, 16) for i, p in zip(pixels, points, strict=True)]) / 255
    paths = [tmp_path / f"{i}.png" for i in range(3)]
    for path, image in zip(paths, pixels, strict=True):
        Image.fromarray(image).save(path)
    by_name = {path.name: p for path, p in zip(paths, points, strict=True)}

    def detect(image):
        return points[next(i for i in range(3) if np.array_equal(image, pixels[i]))]

    for images in (
        align_faces(pixels, points),
        align_faces(pixels, points.reshape(3, 10)),
        align_faces(paths, points),
        align_faces(tmp_path, by_name),
        align_faces(
            [str(path) for path in paths], {str(path): by_name[path.name] for path in paths}
        ),
        align_faces(as_images(paths), detect),
    ):
        np.testing.assert_allclose(images.read((16, 16)), expected, atol=1e-6)
        np.testing.assert_allclose(images[[2, 0]].read((16, 16)), expected[[2, 0]], atol=1e-6)
    assert align_faces(pixels[:1], FACE[None]).read().shape == (1, 80, 80, 3)
    with pytest.raises(ValueError, match=r"shape \(2, 5, 2\); expected \(3, 5, 2\)"):
        align_faces(pixels, points[:2])


def test_faces_that_cannot_be_aligned_are_named(tmp_path):
    path = tmp_path / "a.png"
    Image.new("RGB", (100, 100)).save(path)
    for align, message in (
        ({"b.png": FACE}, "has no landmarks for it"),
        (lambda image: None, "no face was found"),
        ({"a.png": FACE + 500}, "do the landmarks belong"),
    ):
        _, faults = align_faces([path], align).try_read((8, 8))
        assert f"The face in {path} cannot be aligned" in str(faults[0].error)
        assert message in str(faults[0].error)
