"""Reading images: every accepted kind gives the same pixels; the rest is refused with a hint."""

import numpy as np
import pytest
from PIL import Image

from skstylefeat._images import as_images


@pytest.fixture
def pixels():
    return np.random.default_rng(0).integers(0, 256, (4, 6, 5, 3), dtype=np.uint8)


def read(X, **kwargs):
    return as_images(X, **kwargs).read()


def test_kinds_of_images_agree(pixels, tmp_path):
    expected = pixels.astype(np.float32) / 255
    paths = [tmp_path / f"{i}.png" for i in range(4)]
    for path, image in zip(paths, pixels, strict=True):
        Image.fromarray(image).save(path)
    kinds = [
        pixels,
        pixels.astype(np.int64),
        expected,
        expected.astype(np.float64),
        paths,
        [str(path) for path in paths],
        np.array([str(path) for path in paths], dtype=object),
        [Image.fromarray(image) for image in pixels],
        tmp_path,
        str(tmp_path),
        list(pixels),
    ]
    for kind in kinds:
        result = read(kind)
        assert result.dtype == np.float32
        np.testing.assert_allclose(result, expected, atol=1e-7)
    flat = read(pixels.reshape(4, -1), image_shape=(6, 5, 3))
    np.testing.assert_allclose(flat, expected, atol=1e-7)


def test_grey_images_become_rgb(pixels):
    grey = pixels[..., 0]
    expected = np.repeat(grey[..., None], 3, axis=3) / np.float32(255)
    np.testing.assert_allclose(read(grey), expected, atol=1e-7)
    np.testing.assert_allclose(read(grey[..., None]), expected, atol=1e-7)
    np.testing.assert_allclose(read(grey.reshape(4, -1), image_shape=(6, 5)), expected, atol=1e-7)


def test_read_only_memory_map_is_not_written(pixels, tmp_path):
    np.save(tmp_path / "x.npy", pixels)
    mapped = np.load(tmp_path / "x.npy", mmap_mode="r")
    np.testing.assert_array_equal(read(mapped), read(pixels))


def test_mixed_sizes_need_one_size(tmp_path):
    for i, side in enumerate((8, 12)):
        Image.new("RGB", (side, side), "red").save(tmp_path / f"{i}.png")
    with pytest.raises(ValueError, match="different sizes"):
        read(tmp_path)
    assert as_images(tmp_path).read((4, 6)).shape == (2, 4, 6, 3)


def test_orientation_and_alpha(tmp_path):
    image = Image.new("RGB", (4, 2), "black")
    image.putpixel((0, 0), (255, 0, 0))
    exif = Image.Exif()
    exif[0x0112] = 6  # turned a quarter to the right when shown
    image.save(tmp_path / "turned.png", exif=exif)
    turned = read([tmp_path / "turned.png"])[0]
    assert turned.shape == (4, 2, 3)
    np.testing.assert_allclose(turned[0, 1], [1, 0, 0])
    clear = Image.new("RGBA", (2, 2), (0, 0, 0, 0))
    np.testing.assert_allclose(read([clear]), 1.0)


def test_rows_are_slices_without_reading(pixels, tmp_path):
    images = as_images([tmp_path / "missing.png", Image.fromarray(pixels[0])])
    assert images[1:].read().shape == (1, 6, 5, 3)
    assert images[np.array([False, True])].read().shape == (1, 6, 5, 3)
    with pytest.raises(FileNotFoundError, match=r"missing\.png"):
        images[:1].read()


def test_damaged_files_are_named(tmp_path):
    good = tmp_path / "good.png"
    Image.fromarray(np.random.default_rng(0).integers(0, 255, (64, 64, 3), np.uint8)).save(good)
    (tmp_path / "cut.png").write_bytes(good.read_bytes()[:3000])
    (tmp_path / "text.jpg").write_text("no image")
    for name in ("cut.png", "text.jpg"):
        with pytest.raises(ValueError, match=f"{name}.*cannot be read.*damaged"):
            read([tmp_path / name, tmp_path / name])


@pytest.mark.parametrize(
    ("X", "message"),
    [
        (np.full((2, 4, 4, 3), 200.0), r"\[0, 1\], found 200 to 200.*divide by 255"),
        (np.full((2, 4, 4, 3), -0.5), r"use \(images \+ 1\) / 2"),
        (np.full((2, 4, 4, 3), np.nan), "NaN or infinity"),
        (np.full((2, 4, 4, 3), 300), "must lie in 0..255, found 300"),
        (np.zeros((4, 4)), r"shape \(4, 4\).*images\[None\]"),
        (np.zeros((2, 3, 4, 4)), r"transpose\(0, 2, 3, 1\)"),
        (np.zeros((2, 4, 4, 4)), r"images\[..., :3\]"),
        (np.zeros((2, 4, 4, 5)), "so 5 channels; expected 1 or 3"),
        (np.zeros((0, 4, 4, 3)), r"0 sample\(s\)"),
        (np.zeros((2, 4, 4, 3), dtype=complex), "Complex data not supported"),
        ("no/such/folder", "is no folder"),
        ([{"a": 1}], "cannot be read"),
    ],
)
def test_wrong_input_says_what_to_do(X, message):
    with pytest.raises(ValueError, match=message):
        read(X)


def test_wrong_flat_rows():
    with pytest.raises(ValueError, match=r"Rows have 10 values, but image_shape=\(2, 2\) means 4"):
        read(np.zeros((3, 10)), image_shape=(2, 2))


def test_folder_without_images(tmp_path):
    (tmp_path / "notes.txt").write_text("")
    with pytest.raises(ValueError, match="holds no image file"):
        read(tmp_path)
