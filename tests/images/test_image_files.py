"""Images of folders and archives: every reader lists the same files in the same order."""

import io
import os
import random
import stat
import zipfile

import numpy as np
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from PIL import Image

from skstylefeat._utils._listing import IMAGE_SUFFIXES, UNREAD_IMAGE_SUFFIXES
from skstylefeat.experiments._own_images import load_own_images
from skstylefeat.images import _decoding, as_images, list_images, readable_rows
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


def png(value=90):
    buffer = io.BytesIO()
    Image.new("L", (8, 8), value).save(buffer, "PNG")
    return buffer.getvalue()


STEMS = st.text("aB1é. ", min_size=1, max_size=4).filter(lambda stem: set(stem) - {".", " "})
FILES = st.lists(
    st.tuples(
        st.sampled_from(["", "a/", "a/b 2/", "c10/", ".h/", "__MACOSX/"]),
        STEMS,
        st.sampled_from([*IMAGE_SUFFIXES, ".PNG", ".heic", ".jfif", ".txt", ".npy", ""]),
    ).map("".join),
    min_size=1,
    max_size=10,
    unique=True,
)


@settings(
    max_examples=60,
    deadline=None,
    derandomize=True,
    suppress_health_check=[HealthCheck.function_scoped_fixture],
)
@given(FILES)
def test_a_folder_and_its_archive_are_listed_alike(tmp_path_factory, names):
    """Every file is listed, reported as left out, hidden, or of a kind that is no image."""
    folder = tmp_path_factory.mktemp("photos")
    with zipfile.ZipFile(folder.with_suffix(".zip"), "w") as archive:
        for name in names:
            (folder / name).parent.mkdir(parents=True, exist_ok=True)
            (folder / name).touch()
            archive.write(folder / name, name)
    found = []
    for path in (folder, folder.with_suffix(".zip"), zipfile.Path(folder.with_suffix(".zip"))):
        try:
            found.append(list_images(path)[::2])
        except ValueError as error:
            assert "holds no image file" in str(error)
            found.append(([], str(error).partition(").")[2]))
    assert found[0] == found[1] == found[2]
    visible = {
        name
        for name in names
        if not any(part.startswith(".") or part == "__MACOSX" for part in name.split("/"))
    }
    suffixes = {name: os.path.splitext(name)[1].lower() for name in visible}
    images = {name for name in visible if suffixes[name] in IMAGE_SUFFIXES}
    assert sorted(found[0][0]) == sorted(images)
    if images:
        others = {name for name in visible if suffixes[name] in UNREAD_IMAGE_SUFFIXES}
        assert found[0][1].keys() == others


def test_odd_members_of_archives(tmp_path):
    """Names that lead elsewhere are read from the archive only, links and copies are reported."""
    link = zipfile.ZipInfo("link.png")
    link.external_attr = (stat.S_IFLNK | 0o777) << 16
    path = tmp_path / "odd.zip"
    with zipfile.ZipFile(path, "w") as archive, pytest.warns(UserWarning, match="Duplicate"):
        archive.writestr("./1.png", png(10))
        archive.writestr("/etc/2.png", png(20))
        archive.writestr("C:\\3.png", png(30))
        archive.writestr("4.png", png(0))
        archive.writestr("4.png", png(40))
        archive.writestr("../5.png", png(0))
        archive.writestr("a/../6.png", png(0))
        archive.writestr(link, "/etc/passwd")
        archive.writestr("inner.zip", path.read_bytes()[:0])
    listing = list_images(path)
    assert sorted(listing.names) == ["./1.png", "/etc/2.png", "4.png", "C:\\3.png"]
    assert listing.left_out == {
        "(earlier) 4.png": "a file whose name occurs again",
        "../5.png": "a path with ..",
        "a/../6.png": "a path with ..",
        "link.png": "a link",
    }
    with pytest.warns(UserWarning, match=r"4 entries .* left out"):
        pixels = as_images(path).read()[:, 0, 0, 0] * 255
    found = dict(zip(listing.names, pixels.round(), strict=True))
    assert found == {"./1.png": 10, "/etc/2.png": 20, "C:\\3.png": 30, "4.png": 40}
    assert os.listdir(tmp_path) == ["odd.zip"]


def test_members_that_unpack_to_much_more_are_refused(tmp_path, monkeypatch):
    monkeypatch.setattr(_decoding, "MOST_UNPACKED_BYTES", 1 << 20)
    path = tmp_path / "bomb.zip"
    with zipfile.ZipFile(path, "w", zipfile.ZIP_DEFLATED) as archive:
        archive.writestr("1.png", png())
        archive.writestr("2.png", png() + bytes(5 << 20))
    assert path.stat().st_size < 20_000
    message = r"bomb\.zip/2\.png cannot be read .* unpacks to 5,\d+,\d+ bytes"
    for kind in (path, zipfile.Path(path), [zipfile.Path(path, "2.png")]):
        with pytest.raises(ValueError, match=message):
            as_images(kind).read()
    np.testing.assert_array_equal(readable_rows(path), [0])


def test_encrypted_members_are_refused(tmp_path):
    path = tmp_path / "secret.zip"
    with zipfile.ZipFile(path, "w") as archive:
        archive.writestr("1.png", png())
    data = bytearray(path.read_bytes())
    data[6] |= 1
    data[data.index(b"PK\x01\x02") + 8] |= 1
    path.write_bytes(data)
    with pytest.raises(ValueError, match=r"secret\.zip/1\.png cannot be read .*encrypted"):
        as_images(path).read()


def test_damaged_archives_are_read_or_refused(tmp_path):
    """Nothing but an error that names the archive leaves the readers, whatever has changed."""
    path = tmp_path / "damaged.zip"
    rng = random.Random(0)
    n_refused = 0
    for attempt in range(250):
        buffer = io.BytesIO()
        with zipfile.ZipFile(buffer, "w", rng.choice([0, 8, 12, 14])) as archive:
            for name in ("a/1.png", "é.png", "b.jpg"):
                archive.writestr(name, png())
        data = bytearray(buffer.getvalue())
        start = rng.choice([0, len(data) - 260])
        for _ in range(rng.randint(1, 4)):
            data[rng.randrange(start, len(data))] = rng.randrange(256)
        path.write_bytes(data[: rng.choice([len(data), rng.randrange(len(data))])])
        os.utime(path, ns=(attempt, attempt))
        for read in (list_images, lambda path: as_images(path).read((4, 4)), readable_rows):
            try:
                read(path)
            except (ValueError, FileNotFoundError) as error:
                n_refused += 1
                assert "damaged.zip" in str(error) and "\n" not in str(error)
    assert n_refused > 250
