"""Reading images: every accepted kind gives the same pixels; the rest is refused with a hint."""

import io
import pickle
import zipfile

import dask.array as da
import h5py
import numpy as np
import pandas as pd
import polars as pl
import pytest
import scipy.sparse
import torch
import zarr
from PIL import Image
from sklearn.model_selection import train_test_split
from sklearn.utils import _safe_indexing

from skstylefeat.images import ImageCollection, as_images, list_images, readable_rows


@pytest.fixture
def pixels():
    return np.random.default_rng(0).integers(0, 256, (4, 6, 5, 3), dtype=np.uint8)


def read(X, **kwargs):
    return as_images(X, **kwargs).read()


def png(image):
    buffer = io.BytesIO()
    Image.fromarray(image).save(buffer, "png")
    return buffer.getvalue()


@pytest.fixture
def archive(pixels, tmp_path):
    """A zip archive in no order, with what does not belong to the images."""
    path = tmp_path / "images.zip"
    with zipfile.ZipFile(path, "w") as file:
        for i in (2, 0, 3, 1):
            file.writestr(f"a/{i}.png", png(pixels[i]))
        file.writestr("notes.txt", "none")
        file.writestr("__MACOSX/a/._0.png", "attributes")
    return path


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
        list(expected),
        [png(image) for image in pixels],
        [torch.from_numpy(image).permute(2, 0, 1) for image in pixels],
        torch.from_numpy(pixels).permute(0, 3, 1, 2),
        torch.from_numpy(expected).permute(0, 3, 1, 2).requires_grad_(),
        pd.Series([str(path) for path in paths], index=[3, 1, 4, 2]),
        pd.DataFrame({"path": paths}),
        pl.Series([str(path) for path in paths]),
        pl.DataFrame({"path": [str(path) for path in paths]}),
        np.array([[str(path)] for path in paths]),
    ]
    for kind in kinds:
        result = read(kind)
        assert result.dtype == np.float32
        np.testing.assert_allclose(result, expected, atol=1e-7)
    flat = read(pixels.reshape(4, -1), image_shape=(6, 5, 3))
    np.testing.assert_allclose(flat, expected, atol=1e-7)


def test_archives(pixels, archive):
    expected = pixels.astype(np.float32) / 255
    with zipfile.ZipFile(io.BytesIO(archive.read_bytes())) as in_memory:
        for kind in (
            archive,
            str(archive),
            zipfile.Path(archive),
            zipfile.Path(archive) / "a",
            [zipfile.Path(archive, f"a/{i}.png") for i in range(4)],
            zipfile.Path(in_memory),
        ):
            np.testing.assert_allclose(read(kind), expected, atol=1e-7)
    images = as_images(archive)
    assert images.names == [f"{archive}/a/{i}.png" for i in range(4)]
    again = pickle.loads(pickle.dumps(images[2:]))
    np.testing.assert_allclose(again.read(), expected[2:], atol=1e-7)


def test_an_archive_that_changes_is_opened_again(pixels, archive):
    assert len(read(archive)) == 4
    with zipfile.ZipFile(archive, "w") as file:
        file.writestr("z.png", png(pixels[0]))
    np.testing.assert_allclose(read(archive), pixels[:1].astype(np.float32) / 255, atol=1e-7)


class Stored:
    """An array with shape and slices, and nothing more; it counts the rows that were read."""

    def __init__(self, array):
        self.shape, self.dtype, self._array, self.read = array.shape, array.dtype, array, []

    def __getitem__(self, rows):
        assert isinstance(rows, slice)
        self.read += range(*rows.indices(len(self._array)))
        return self._array[rows]


def test_stored_arrays_are_read_by_rows(pixels, tmp_path):
    expected = pixels.astype(np.float32) / 255
    z = zarr.create_array(tmp_path / "x.zarr", shape=pixels.shape, chunks=(2, 6, 5, 3), dtype="u1")
    z[:] = pixels
    with h5py.File(tmp_path / "x.h5", "w") as file:
        file["x"] = pixels
        file["flat"] = expected.reshape(4, -1)
        for stored in (file["x"], z, Stored(pixels), da.from_array(pixels, chunks=(3, 6, 5, 3))):
            images = as_images(stored)
            np.testing.assert_allclose(images.read(), expected, atol=1e-7)
            for rows in ([3, 0, 0], [1, 2], slice(1, None, 2), slice(0, 0)):
                part = images[rows]
                np.testing.assert_allclose(part.read(), expected[rows], atol=1e-7)
                again = pickle.loads(pickle.dumps(part))
                np.testing.assert_allclose(again.read(), expected[rows], atol=1e-7)
                assert again.names == part.names
        flat = as_images(file["flat"], image_shape=(6, 5, 3))
        np.testing.assert_allclose(flat[1:].read((6, 5)), expected[1:], atol=1e-7)
    counted = Stored(pixels)
    images = as_images(counted)[[3, 1]]
    assert counted.read == []
    images.read()
    assert sorted(counted.read) == [1, 3]


def test_collection_is_sliced_as_an_x(pixels):
    images = as_images(pixels)
    assert isinstance(images, ImageCollection) and as_images(images) is images
    assert images.shape == (4,) and images.ndim == 1
    train, test, _, y_test = train_test_split(images, np.arange(4), random_state=0)
    assert len(train) == 3 and test.names == [f"image {y_test[0]}"]
    picked = _safe_indexing(images, [2, 1])
    np.testing.assert_array_equal(np.asarray(picked), read(pixels[[2, 1]]))
    assert images[-1].names == ["image 3"] and len(list(images)) == 4
    with pytest.raises(IndexError, match="row 4 of 4"):
        images[4]
    assert "n=4" in repr(images)


def test_gray_images_become_rgb(pixels):
    gray = pixels[..., 0]
    expected = np.repeat(gray[..., None], 3, axis=3) / np.float32(255)
    np.testing.assert_allclose(read(gray), expected, atol=1e-7)
    np.testing.assert_allclose(read(gray[..., None]), expected, atol=1e-7)
    np.testing.assert_allclose(read(gray.reshape(4, -1), image_shape=(6, 5)), expected, atol=1e-7)


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


def test_sixteen_bits_and_arrays_of_mixed_size(tmp_path):
    deep = np.array([[0, 257 * 100], [257 * 255, 257]], dtype=np.uint16)
    Image.fromarray(deep).save(tmp_path / "deep.png")
    np.testing.assert_allclose(
        read([tmp_path / "deep.png"])[0, ..., 0] * 255, deep / 257, atol=1e-4
    )
    mixed = [np.full((4, 4), 51, np.uint8), np.full((2, 3, 3), 0.2), torch.full((3, 5, 5), 0.2)]
    np.testing.assert_allclose(as_images(mixed).read((4, 4)), 0.2, atol=1e-6)
    with pytest.raises(ValueError, match=r"image 1 cannot be read as an image.*shape \(2, 2, 5\)"):
        as_images([mixed[0], np.zeros((2, 2, 5))]).read((4, 4))


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


def test_readable_images_are_told_from_the_others(pixels, tmp_path):
    paths = [tmp_path / f"{i}.png" for i in range(4)]
    for i in (0, 2):
        Image.fromarray(pixels[i]).save(paths[i])
    paths[1].write_text("no image")
    column = pd.Series([*map(str, paths), None])
    np.testing.assert_array_equal(readable_rows(column, batch_size=2), [0, 2])
    good, faults = as_images(column).try_read()
    np.testing.assert_allclose(good, pixels[[0, 2]].astype(np.float32) / 255, atol=1e-7)
    assert [fault.row for fault in faults] == [1, 3, 4]
    assert [fault.name for fault in faults] == [str(paths[1]), str(paths[3]), "image 4"]
    assert "expected a path" in str(faults[2].error)
    values = pixels / 255.0
    values[2, 0, 0] = 7
    np.testing.assert_array_equal(readable_rows(values), [0, 1, 3])
    good, faults = as_images(values)[1:].try_read((3, 3))
    assert len(good) == 2 and faults[0].row == 1 and "image 2: Float images" in str(faults[0].error)


def test_damaged_members_are_named(pixels, archive):
    data = bytearray(archive.read_bytes())
    place = data.index(png(pixels[1])[:60]) + 70
    data[place] ^= 255
    archive.write_bytes(data)
    np.testing.assert_array_equal(readable_rows(archive), [0, 2, 3])
    with pytest.raises(ValueError, match=r"images\.zip/a/1\.png cannot be read"):
        read(archive)


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
        ("no/such/folder", "does not exist"),
        (__file__, "For one image give a list of one path"),
        ([], r"0 sample\(s\)"),
        (Image.new("RGB", (4, 4)), r"one image as \[X\]"),
        (iter([]), "expected a collection of images"),
        (torch.zeros(3, 4, 4), r"One image is tensor\[None\]"),
        (torch.zeros(2, 4, 4, 3), r"permute\(0, 3, 1, 2\)"),
        (torch.zeros(2, 3, 4, 4, dtype=torch.complex64), "Complex data not supported"),
        (torch.full((2, 3, 4, 4), -0.5), r"use \(images \+ 1\) / 2"),
        (pd.DataFrame({"path": ["a.png"], "y": [1]}), r"such as X\['path'\]"),
        (scipy.sparse.csr_array(np.zeros((2, 3))), "toarray"),
        (Stored(np.zeros((2, 4, 4, 5))), "so 5 channels"),
        (Stored(np.zeros((2, 4, 4, 3), dtype="U1")), "dtype <U1"),
        ([{"a": 1}], "cannot be read"),
    ],
)
def test_wrong_input_says_what_to_do(X, message):
    with pytest.raises(ValueError, match=message):
        read(X)


@pytest.mark.parametrize(
    "size", [0, 5, (4,), (4, 4, 3), (0, 4), (-1, 4), (4.0, 4), "44", [None, 4], {}]
)
def test_wrong_sizes(size):
    message = r"size must be \(height, width\) in pixels, got"
    with pytest.raises(ValueError, match=message):
        read_at(np.zeros((2, 9, 9, 3)), size)
    if np.shape(size) != (3,):
        with pytest.raises(
            ValueError, match=r"image_shape must be \(height, width\) or \(height, "
        ):
            as_images(np.zeros((2, 81)), image_shape=size)


@pytest.mark.parametrize("path", [None, 3, b"x", "x" * 5000, "~no-such-user/x", "\0"])
def test_what_is_no_path(path):
    with pytest.raises(ValueError, match=r"not the path|cannot be a folder|does not exist"):
        list_images(path)


def read_at(X, size):
    return as_images(X).read(size)


def test_wrong_flat_rows():
    with pytest.raises(ValueError, match=r"Rows have 10 values, but image_shape=\(2, 2\) means 4"):
        read(np.zeros((3, 10)), image_shape=(2, 2))


def test_folder_and_archive_without_images(tmp_path):
    (tmp_path / "notes.txt").write_text("")
    with zipfile.ZipFile(tmp_path / "x.zip", "w") as file:
        file.writestr("notes.txt", "")
    for empty in (tmp_path, tmp_path / "x.zip", zipfile.Path(tmp_path / "x.zip")):
        with pytest.raises(ValueError, match="holds no image file"):
            read(empty)
