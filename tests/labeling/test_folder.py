"""A folder of images and their clusters on disk, files of labels, and the pictures shown."""

import io
import json
import zipfile

import numpy as np
import pytest
from numpy.testing import assert_array_equal
from PIL import Image

from skstylefeat import ClusterAnnotator
from skstylefeat.labeling import _pictures
from skstylefeat.labeling._folder import ImageFolder, read_file_labels
from skstylefeat.labeling._pictures import (
    THUMBNAIL_SIDE,
    open_upright,
    small_picture,
    whole_picture,
)
from skstylefeat.labeling._prepared import Prepared, compact
from skstylefeat.labeling._questions import GivenClusters, Questions
from tests.support.labeling import make_prepared, write_squares


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


def test_a_zip_archive_is_listed_as_its_folder(tmp_path):
    folder = ImageFolder(write_squares(tmp_path / "squares"))
    with zipfile.ZipFile(tmp_path / "squares.zip", "w") as archive:
        for name, path in zip(folder.names, folder.paths, strict=True):
            archive.write(path, name)
    packed = ImageFolder(tmp_path / "squares.zip")
    assert packed.names == folder.names and packed.sizes == folder.sizes
    assert packed.paths[3].read_bytes() == folder.paths[3].read_bytes()
    rest = packed.without(packed.names[:2])
    assert rest.row(packed.names[2]) == 0 and len(rest) == len(packed) - 2


def test_questions_and_features_survive_on_disk(tmp_path):
    images = ImageFolder(write_squares(tmp_path / "squares"))
    prepared = make_prepared(images)
    assert Prepared.load(tmp_path) is None
    prepared.save(tmp_path)
    other = make_prepared(images, asked=1, foreign={"red-0.png": "reconstruction"})
    other.features = other.features + 1
    other.save(tmp_path)
    loaded = Prepared.load(tmp_path)
    assert_array_equal(loaded.features, other.features)
    assert loaded.foreign == other.foreign and loaded.n_maxima == 3
    found, expected = loaded.questions[""], other.questions[""]
    assert found.identity == expected.identity != prepared.questions[""].identity
    assert len(list(tmp_path.glob("features-*.npy"))) == 1 and not list(tmp_path.glob("*.part"))

    # The questions change without the features, and the file of the features stays.
    loaded.questions["age"] = Questions(found.clusters, found.query[:1], 9, finished=False)
    loaded.save_questions(tmp_path)
    again = Prepared.load(tmp_path).questions["age"]
    assert (again.n_labels, again.finished, again.query.tolist()) == (9, False, [4 * 2])
    facts = json.loads((tmp_path / "session.json").read_text())
    short = {"": facts["questions"][""] | {"clusters": [0]}}
    for bad in ("{", json.dumps(facts | {"format": 9}), json.dumps(facts | {"questions": short})):
        (tmp_path / "session.json").write_text(bad)
        with pytest.raises(ValueError, match=r"cannot be read.*--recluster"):
            Prepared.load(tmp_path)


def test_sessions_of_the_first_format_are_read(tmp_path):
    images = ImageFolder(write_squares(tmp_path / "squares"))
    prepared = make_prepared(images)
    np.save(tmp_path / "features-1.npy", prepared.features)
    questions = prepared.questions[""]
    facts = {"format": 1, "settings": {"n_clusters": 3}, "features": "features-1.npy"}
    facts |= {"files": prepared.files, "skipped": [["x.png", 7]]}
    facts |= {"clusters": questions.clusters.tolist(), "query": questions.query.tolist()}
    (tmp_path / "session.json").write_text(json.dumps(facts))
    loaded = Prepared.load(tmp_path)
    assert loaded.questions[""].identity == questions.identity and loaded.questions[""].finished
    assert loaded.skipped == [["x.png", 7]] and loaded.originals == list(range(12))
    assert loaded.n_maxima == 5 and loaded.foreign == {}


def test_large_features_take_half_the_bytes(monkeypatch):
    features = np.linspace(-5, 5, 60, dtype=np.float32).reshape(6, 10)
    assert compact(features).dtype == np.float32
    monkeypatch.setattr("skstylefeat.labeling._prepared._MOST_BYTES", 100)
    assert compact(features).dtype == np.float16
    np.testing.assert_allclose(compact(features), features, atol=3e-3)
    assert compact(1e5 * features).dtype == np.float32  # halves end at 65,504


def test_standardized_columns_and_rows(tmp_path):
    rng = np.random.default_rng(0)
    features = np.column_stack([rng.normal(7, 3, 50), np.full(50, 1e6), rng.normal(size=50)])
    prepared = Prepared([[f"{i}.png", 1] for i in range(50)], features.astype(np.float32), 2)
    everything = prepared.standardized()
    np.testing.assert_allclose(everything.std(axis=0), [1, 0, 1], atol=1e-6)
    np.testing.assert_allclose(everything.mean(axis=0), 0, atol=1e-6)
    assert_array_equal(
        prepared.standardized(np.array([3, 1]), [2, 0]), everything[[3, 1]][:, [2, 0]]
    )


def test_given_clusters_name_as_the_annotator_did():
    rng = np.random.default_rng(0)
    rows = rng.normal(size=(60, 4)) + 3 * rng.integers(0, 2, size=(60, 1))
    fitted = ClusterAnnotator(6, random_state=0).fit(rows)
    kept = Questions(fitted.labels_, fitted.query_indices_, 18).annotator(rows)
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
    prepared = make_prepared(images, asked=1)
    questions, rows = prepared.questions[""], prepared.standardized()
    groups = questions.by_cluster(rows)
    assert sorted(np.concatenate([np.concatenate(group) for group in groups])) == list(range(12))
    for cluster, (asked, others) in enumerate(groups):
        assert_array_equal(asked, questions.query[cluster : cluster + 1])
        center = rows[questions.clusters == cluster].mean(axis=0)
        far = np.linalg.norm(rows[others] - center, axis=1)
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
