"""A folder of images and their clusters on disk, files of labels, and the pictures shown."""

import io
import json

import numpy as np
import pytest
from numpy.testing import assert_array_equal
from PIL import Image

from skstylefeat import ClusterAnnotator
from skstylefeat.labeling import _pictures
from skstylefeat.labeling._folder import ImageFolder, read_file_labels
from skstylefeat.labeling._grouping import GivenClusters, Grouping
from skstylefeat.labeling._pictures import (
    THUMBNAIL_SIDE,
    open_upright,
    small_picture,
    whole_picture,
)
from tests.support.labeling import make_grouping, write_squares


def test_folder_is_sorted_and_leaves_hidden_files_out(tmp_path):
    write_squares(tmp_path / "deep" / "er", per_color=1)
    Image.new("RGB", (2, 2)).save(tmp_path / "a.JPG")
    Image.new("RGB", (2, 2)).save(tmp_path / "._a.png")
    (tmp_path / ".cache").mkdir()
    Image.new("RGB", (2, 2)).save(tmp_path / ".cache" / "b.png")
    (tmp_path / "notes.txt").write_text("x")
    folder = ImageFolder(tmp_path)
    deep = ["deep/er/blue-0.png", "deep/er/green-0.png", "deep/er/red-0.png"]
    # Files and folders of one level are sorted together.
    assert folder.names == ["a.JPG", *deep] and len(folder) == 4
    assert folder.row("a.JPG") == 0 and folder.row("red-0.png") is None
    with pytest.raises(ValueError, match="is not a folder"):
        ImageFolder(tmp_path / "none")
    (tmp_path / "empty").mkdir()
    with pytest.raises(ValueError, match="holds no image file"):
        ImageFolder(tmp_path / "empty")


def test_folder_without_some_of_its_images(tmp_path):
    folder = ImageFolder(write_squares(tmp_path / "squares", per_color=1))
    rest = folder.without(["green-0.png"])
    assert rest.names == ["blue-0.png", "red-0.png"] == [path.name for path in rest.paths]
    assert len(rest.sizes) == 2 and rest.row("red-0.png") == 1 and rest.row("green-0.png") is None
    assert len(folder) == 3
    (tmp_path / "labels.csv").write_text("file,label\ngreen-0.png,a\n")
    assert read_file_labels(tmp_path / "labels.csv", rest) == {"green-0.png": "a"}


@pytest.mark.parametrize(
    ("text", "column", "expected"),
    [
        ("file,label\nred-0.png,warm\nblue-1.png,\n", None, {"red-0.png": "warm"}),
        ("name,kind\nred-0.png, warm \n", None, {"red-0.png": "warm"}),
        ("row,label,file\n0,1,red-0.png\n", None, {"red-0.png": "1"}),
        ("file,a,b\nred-0.png,x,y\n", "b", {"red-0.png": "y"}),
        ("file,label\nred-0.png,a\nred-0.png,a\nred-0.png,\n", None, {"red-0.png": "a"}),
        ("\ufefffile,label\nred-0.png,a\n", None, {"red-0.png": "a"}),
    ],
)
def test_files_of_labels(tmp_path, text, column, expected):
    folder = ImageFolder(write_squares(tmp_path / "squares"))
    (tmp_path / "labels.csv").write_text(text, encoding="utf-8")
    assert read_file_labels(tmp_path / "labels.csv", folder, column) == expected


@pytest.mark.parametrize(
    ("text", "column", "message"),
    [
        (
            "file,label\nx.png,a\ny.png,a\n",
            None,
            r"2 are not.* such as 'x\.png' \(an image there is 'blue-0\.png'"
            r".*It belongs to another",
        ),
        (
            "file,label\nx.png,a\nred-0.png,a\n",
            None,
            r"1 are not in .*'x\.png' .*Remove such lines",
        ),
        ("file,a,b\nred-0.png,x,y\n", None, r"no column 'label'.*'a', 'b'.*--target"),
        ("file,a\nred-0.png,x\n", "b", "no column 'b'"),
        (
            "file,a\nred-0.png,x\nred-0.png,y\n",
            None,
            r"two labels for 'red-0\.png'.*'x' and, in line 3, 'y'",
        ),
    ],
)
def test_files_of_labels_that_do_not_fit(tmp_path, text, column, message):
    folder = ImageFolder(write_squares(tmp_path / "squares"))
    (tmp_path / "labels.csv").write_text(text)
    with pytest.raises(ValueError, match=message):
        read_file_labels(tmp_path / "labels.csv", folder, column)


def test_clusters_survive_on_disk(tmp_path):
    images = ImageFolder(write_squares(tmp_path / "squares"))
    grouping = make_grouping(images)
    assert Grouping.load(tmp_path) is None
    grouping.save(tmp_path)
    other = make_grouping(images, asked=1)
    other.rows = other.rows + 1
    other.save(tmp_path)
    loaded = Grouping.load(tmp_path)
    assert_array_equal(loaded.rows, other.rows)
    assert loaded.identity == other.identity != grouping.identity
    assert len(list(tmp_path.glob("features-*.npy"))) == 1 and not list(tmp_path.glob("*.part"))
    facts = json.loads((tmp_path / "session.json").read_text())
    for bad in ("{", json.dumps(facts | {"format": 9}), json.dumps(facts | {"clusters": [0]})):
        (tmp_path / "session.json").write_text(bad)
        with pytest.raises(ValueError, match=r"cannot be read.*--recluster"):
            Grouping.load(tmp_path)


def test_given_clusters_name_as_the_annotator_did(tmp_path):
    rng = np.random.default_rng(0)
    rows = rng.normal(size=(60, 4)) + 3 * rng.integers(0, 2, size=(60, 1))
    fitted = ClusterAnnotator(6, random_state=0).fit(rows)
    files = [[f"{i}.png", 1] for i in range(60)]
    kept = Grouping(files, rows, fitted.labels_, fitted.query_indices_).annotator()
    labels = np.where(rows.mean(axis=1) > 1.5, "high", "low")
    for annotator in (fitted, kept):
        annotator.annotate(labels[fitted.query_indices_])
    assert_array_equal(kept.predict(rows), fitted.predict(rows))
    np.testing.assert_allclose(kept.predict_proba(rows), fitted.predict_proba(rows))
    known = GivenClusters(fitted.labels_)
    known.fit_predict(rows)
    assert_array_equal(known.predict(rows[7:9] + 1e-9), fitted.labels_[7:9])


def test_others_of_a_cluster_come_typical_first(tmp_path):
    images = ImageFolder(write_squares(tmp_path / "squares"))
    grouping = make_grouping(images, asked=1)
    groups = grouping.by_cluster()
    assert sorted(np.concatenate([np.concatenate(group) for group in groups])) == list(range(12))
    scaled = grouping.rows / grouping.rows.std(axis=0)
    for cluster, (asked, others) in enumerate(groups):
        assert_array_equal(asked, grouping.query[cluster : cluster + 1])
        center = scaled[grouping.clusters == cluster].mean(axis=0)
        far = np.linalg.norm(scaled[others] - center, axis=1)
        assert (np.diff(far) >= 0).all() and len(far) == 3


def test_pictures_are_upright_and_small(tmp_path):
    photo = Image.effect_noise((900, 600), 90).convert("RGB")
    photo.paste("red", (0, 0, 450, 600))
    exif = Image.Exif()
    exif[0x0112] = 6  # the camera was held upright: to be turned by a quarter
    photo.save(tmp_path / "photo.jpg", exif=exif, quality=98)
    assert (tmp_path / "photo.jpg").stat().st_size > 200_000
    body, kind = small_picture(tmp_path / "photo.jpg")
    assert kind == "image/jpeg" and len(body) < 100_000
    (tmp_path / "small.jpg").write_bytes(body)
    with Image.open(tmp_path / "small.jpg") as image:
        assert image.size == (THUMBNAIL_SIDE * 2 // 3, THUMBNAIL_SIDE)
        assert image.getpixel((120, 20))[0] > 200 and image.getpixel((120, 20))[1] < 60
    assert open_upright(tmp_path / "photo.jpg").size == (600, 900)
    Image.new("RGBA", (4, 4), (255, 0, 0, 0)).save(tmp_path / "clear.tif")
    assert open_upright(tmp_path / "clear.tif").getpixel((0, 0)) == (255, 255, 255)
    assert whole_picture(tmp_path / "clear.tif")[1] == "image/png"
    write_squares(tmp_path / "squares")
    square = tmp_path / "squares" / "red-0.png"
    assert small_picture(square) == (square.read_bytes(), "image/png")


def noise(mode, size=(30, 20)):
    pixels = np.random.default_rng(0).integers(0, 256, (size[1], size[0], 4), np.uint8)
    return Image.fromarray(pixels).convert("RGBA" if "A" in mode else "RGB").convert(mode)


TURNED = Image.Exif()
TURNED[0x0112] = 6


@pytest.mark.parametrize(
    ("image", "name", "options", "is_unchanged"),
    [
        (noise("RGB"), "a.png", {}, True),
        (noise("L"), "a.png", {}, True),
        (noise("P"), "a.png", {}, True),
        (noise("1"), "a.png", {}, True),
        (noise("RGB"), "a.jpg", {"exif": TURNED}, True),
        (noise("RGB"), "a.webp", {}, True),
        (noise("RGB"), "a.bmp", {}, True),
        (noise("P"), "a.gif", {}, True),
        (noise("RGB"), "a.mpo", {"save_all": True, "append_images": [noise("L")]}, True),
        (noise("RGBA"), "a.png", {}, False),
        (noise("LA"), "a.png", {}, False),
        (noise("P"), "a.png", {"transparency": 3}, False),
        (noise("RGB"), "a.png", {"exif": TURNED}, False),
        (noise("RGB"), "a.webp", {"exif": TURNED}, False),
        (noise("CMYK"), "a.jpg", {}, False),
        (noise("RGB"), "a.tif", {}, False),
        (
            Image.fromarray(np.arange(600, dtype=np.uint16).reshape(20, 30) * 109),
            "a.png",
            {},
            False,
        ),
        (noise("P"), "a.gif", {"save_all": True, "append_images": [noise("L")]}, False),
        (noise("RGB"), "a.png", {"save_all": True, "append_images": [noise("L")]}, False),
        (noise("RGB", (1200, 1000)), "a.png", {}, True),
    ],
)
def test_the_browser_gets_the_pixels_that_are_read(tmp_path, image, name, options, is_unchanged):
    """Files that browsers may show in another way are sent as what the decoder reads."""
    path = tmp_path / name
    image.save(path, **options)
    body, kind = whole_picture(path)
    assert (body == path.read_bytes()) == is_unchanged
    with Image.open(io.BytesIO(body)) as sent:
        assert sent.format in ("BMP", "GIF", "JPEG", "MPO", "PNG", "WEBP")
        assert kind == f"image/{sent.format.lower()}" or sent.format == "MPO"
        if not is_unchanged:
            assert sent.mode == "RGB"
            assert_array_equal(np.asarray(sent), np.asarray(open_upright(path)))
    small, _ = small_picture(path)
    with Image.open(io.BytesIO(small)) as sent:
        assert max(sent.size) <= max(THUMBNAIL_SIDE, 30)


def test_a_file_of_another_format_than_its_suffix(tmp_path):
    noise("RGB").save(tmp_path / "a.tif")
    (tmp_path / "a.tif").rename(tmp_path / "a.png")
    assert whole_picture(tmp_path / "a.png")[0].startswith(b"\x89PNG")
    (tmp_path / "b.png").write_text("<script>alert(1)</script>")
    for read in (small_picture, whole_picture):
        with pytest.raises(ValueError, match=r"b\.png cannot be read"):
            read(tmp_path / "b.png")


def test_pictures_that_would_fill_a_browser(tmp_path, monkeypatch):
    """A small file may announce many pixels: the page gets few of them."""
    Image.new("1", (3000, 2000)).save(tmp_path / "a.png")
    assert (tmp_path / "a.png").stat().st_size < 10_000
    with Image.open(io.BytesIO(small_picture(tmp_path / "a.png")[0])) as sent:
        assert sent.size == (THUMBNAIL_SIDE, THUMBNAIL_SIDE * 2 // 3)
    monkeypatch.setattr(_pictures, "WHOLE_PIXELS", 1_000_000)
    monkeypatch.setattr(_pictures, "LARGEST_SIDE", 1500)
    with Image.open(io.BytesIO(whole_picture(tmp_path / "a.png")[0])) as sent:
        assert sent.size == (1500, 1000)
    monkeypatch.setattr(Image, "MAX_IMAGE_PIXELS", 1_000_000)
    (tmp_path / "a.png").rename(tmp_path / "b.png")
    for read in (small_picture, whole_picture):
        with pytest.raises(ValueError, match="too large"):
            read(tmp_path / "b.png")
