"""Images of folders and archives: every reader lists the same files in the same order."""

import zipfile

import numpy as np
import pytest
from PIL import Image

from skstylefeat.experiments._own_images import load_own_images
from skstylefeat.images import as_images, list_images
from skstylefeat.labeling._folder import ImageFolder

ORDERED = [
    "a/1.png",
    "a/2.png",
    "a/10.png",
    "a-2/0.png",
    "b.JPG",
    *(f"z{i}.png" for i in range(20)),
]
HIDDEN = [".x.png", "._b.png", ".ipynb_checkpoints/b.png", "__MACOSX/a/._1.png", "__MACOSX/x.png"]


@pytest.fixture
def photos(tmp_path):
    """A folder and its zip archive with images, hidden files, and what only looks like images."""
    rng = np.random.default_rng(0)
    for i, name in enumerate([*ORDERED, *HIDDEN]):
        path = tmp_path / "photos" / name
        path.parent.mkdir(parents=True, exist_ok=True)
        pixels = rng.integers(0, 255, (9, 9), dtype=np.uint8)
        deep = pixels.astype(np.uint16) * 257 if i == 7 else pixels
        Image.fromarray(deep).save(path, "PNG")
        if name in HIDDEN:
            path.write_bytes(b"no image")
    (tmp_path / "photos" / "a.jpg").mkdir()
    (tmp_path / "photos" / "notes.txt").touch()
    with zipfile.ZipFile(tmp_path / "photos.zip", "w") as archive:
        for path in sorted((tmp_path / "photos").glob("**/*"), reverse=True):
            archive.write(path, path.relative_to(tmp_path / "photos"))
    return tmp_path / "photos"


def test_every_reader_lists_the_same_files_in_the_same_order(photos, tmp_path):
    archive = photos.with_suffix(".zip")
    for path in (photos, str(photos), archive, zipfile.Path(archive)):
        assert list_images(path).names == ORDERED and not list_images(path).left_out
    for path in (photos, archive):
        assert as_images(path).names == [f"{path}/{name}" for name in ORDERED]
    folder = ImageFolder(photos)
    assert folder.names == ORDERED
    assert [path.relative_to(photos).as_posix() for path in folder.paths] == ORDERED

    # The label of an image is its mean, so a shifted row would not fit.
    means = as_images(photos).read((9, 9)).mean(axis=(1, 2, 3)) * 255
    table = tmp_path / "labels.csv"
    lines = [f"{name},{mean:.6f}" for name, mean in zip(ORDERED, means, strict=True)]
    table.write_text("\n".join(["file,mean", *lines[::-1]]))
    for path in (photos, archive):
        train, test, (target,), notes = load_own_images(
            path, table, ["mean"], size=9, random_state=0
        )
        seen = np.concatenate([train, test]).mean(axis=(1, 2, 3))
        np.testing.assert_allclose(seen, np.concatenate([target.y_train, target.y_test]), atol=1e-3)
        assert notes == ["25 labeled images found, of 25 rows and 25 images."]


def test_what_looks_like_an_image_is_reported(photos):
    for name in ("b.heic", "c.HEIC", "d.avif", "e.jfif"):
        (photos / name).touch()
    (photos / "f.png").symlink_to(photos / "none.png")
    (photos / "album").symlink_to(photos / "a")
    (photos / "linked.png").symlink_to(photos / "a" / "1.png")
    reasons = list_images(photos).left_out
    assert reasons == {
        "b.heic": ".heic is not read",
        "c.HEIC": ".heic is not read",
        "d.avif": ".avif is not read",
        "e.jfif": ".jfif is not read",
        "f.png": "a broken link",
        "album": "a link to a folder",
    }
    message = r"6 entries .* left out \(2 x \.heic is not read, .*such as 'b\.heic'"
    for reader in (as_images, ImageFolder):
        with pytest.warns(UserWarning, match=message) as caught:
            images = reader(photos)
        assert caught[0].filename == __file__
        assert len(images) == len(ORDERED) + 1


def test_what_is_left_out_of_archives_is_reported(tmp_path):
    link = zipfile.ZipInfo("album")
    link.external_attr = 0o120777 << 16
    with zipfile.ZipFile(tmp_path / "x.zip", "w") as archive:
        archive.writestr(link, "a")
        for name in ("sub/1.png", "sub/2.heic", "notes.txt"):
            archive.writestr(name, "")
    assert list_images(tmp_path / "x.zip").left_out == {
        "sub/2.heic": ".heic is not read",
        "album": "a link",
    }
    inside = list_images(zipfile.Path(tmp_path / "x.zip", "sub/"))
    assert (inside.names, inside.left_out) == (["sub/1.png"], {"sub/2.heic": ".heic is not read"})


def test_folders_without_images(tmp_path):
    with pytest.raises(ValueError, match=r"holds no image file \(\.bmp, .*\)\.$"):
        list_images(tmp_path)
    (tmp_path / "a.heic").touch()
    with pytest.raises(ValueError, match=r"holds no image file .*1 x \.heic is not read"):
        list_images(tmp_path)
    with pytest.raises(ValueError, match="does not exist"):
        list_images(tmp_path / "none")
    with pytest.raises(ValueError, match="neither a folder nor a zip archive"):
        list_images(tmp_path / "a.heic")


def test_home_folders(photos, monkeypatch):
    monkeypatch.setenv("HOME", str(photos.parent))
    assert list_images("~/photos").names == ORDERED
    assert as_images(["~/photos/a/1.png"]).read().shape == (1, 9, 9, 3)
