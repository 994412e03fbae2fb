"""Tests of the correction of illumination."""

import numpy as np
import pytest
from numpy.testing import assert_allclose, assert_array_equal
from PIL import Image
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import FunctionTransformer

from skstylefeat.features import HOGDescriptor
from skstylefeat.images import correct_illumination

WEIGHTS = [0.299, 0.587, 0.114]  # of the luminance, ITU-R BT.601


@pytest.fixture
def texture():
    """Return noise (5, 12, 16, 3) in [0.4, 0.5], small enough that no plane clips it."""
    return np.random.default_rng(0).uniform(0.4, 0.5, (5, 12, 16, 3))


def test_nearest_plane_is_taken_off(texture):
    """The luminance is that of a least-squares fit by NumPy, and colors keep their differences."""
    texture[1] += 0.3 * np.linspace(-1, 1, 16)[:, None]
    corrected = correct_illumination(texture, level=0.45)
    assert corrected.dtype == np.float32

    y, x = np.mgrid[:12, :16]
    design = np.c_[np.ones(12 * 16), y.ravel(), x.ravel()]
    light = (texture @ WEIGHTS).reshape(5, -1)
    plane = design @ np.linalg.lstsq(design, light.T, rcond=None)[0]
    assert_allclose((corrected @ WEIGHTS).reshape(5, -1), light - plane.T + 0.45, atol=1e-5)
    assert_allclose(np.diff(corrected), np.diff(texture), atol=1e-6)


def test_light_from_one_side_and_a_darker_photo_change_nothing(texture):
    slope = np.linspace(-0.2, 0.2, 12)[:, None, None] + np.linspace(0.1, -0.1, 16)[:, None]
    expected = correct_illumination(texture)
    assert_allclose(correct_illumination(texture + slope), expected, atol=1e-5)
    assert_allclose(correct_illumination(texture - 0.3), expected, atol=1e-5)


def test_values_are_clipped():
    white = np.where(np.arange(8) % 2, 255, 0).astype(np.uint8)
    images = np.broadcast_to(white[:, None], (2, 8, 8, 3)).transpose(0, 2, 1, 3)
    corrected = correct_illumination(images, level=1.0)
    assert corrected.max() == 1.0 and corrected.min() >= 0.0


def test_one_row_of_pixels_has_no_slope_along_it():
    image = np.linspace(0.2, 0.6, 9)[None, None, :, None].repeat(3, axis=3)
    assert_allclose(correct_illumination(image), 0.5, atol=1e-6)


def test_files_and_a_pipeline(texture, tmp_path):
    pixels = (255 * texture).round().astype(np.uint8)
    for i, image in enumerate(pixels):
        Image.fromarray(image).save(tmp_path / f"{i}.png")
    assert_array_equal(correct_illumination(tmp_path), correct_illumination(pixels))
    assert correct_illumination(tmp_path, image_size=(8, 6)).shape == (5, 8, 6, 3)

    step = FunctionTransformer(correct_illumination, kw_args={"level": 0.45})
    rows = make_pipeline(step, HOGDescriptor(image_size=32)).fit_transform(tmp_path)
    expected = HOGDescriptor(image_size=32).fit_transform(correct_illumination(pixels, level=0.45))
    assert_array_equal(rows, expected)


@pytest.mark.parametrize("level", [-0.1, 1.5, float("nan"), "0.5", None])
def test_level(texture, level):
    with pytest.raises(ValueError, match=r"level must be a number in \[0, 1\]"):
        correct_illumination(texture, level=level)
