"""Photos named on the command line: folders, archives, files, patterns, columns of tables."""

import zipfile

import pytest
from PIL import Image

from skstylefeat.images._framing import BoxError, Framing
from skstylefeat.images._photo_argument import list_photos


@pytest.fixture
def folder(tmp_path):
    for name in ("b/img10.png", "b/img2.png", "c/x.jpg", "notes.txt"):
        (tmp_path / name).parent.mkdir(exist_ok=True)
        if name.endswith("txt"):
            (tmp_path / name).write_text("no photo")
        else:
            Image.new("RGB", (8, 6), "red").save(tmp_path / name)
    return tmp_path


def test_folders_archives_and_single_files(folder):
    assert list_photos(folder).names == ["b/img2.png", "b/img10.png", "c/x.jpg"]
    with zipfile.ZipFile(folder / "all.zip", "w") as archive:
        archive.write(folder / "c/x.jpg", "x.jpg")
    assert list_photos(str(folder / "all.zip")).names == ["x.jpg"]
    assert list_photos(folder / "c/x.jpg").files == [str(folder / "c/x.jpg")]


def test_patterns_keep_the_order_and_only_images(folder):
    listing = list_photos(f"{folder}/b/*")
    assert listing.names == ["img2.png", "img10.png"]
    assert list_photos(f"{folder}/**/*").names == ["b/img2.png", "b/img10.png", "c/x.jpg"]
    with pytest.raises(ValueError, match=r"1 files match, but none is an image"):
        list_photos(f"{folder}/no*")
    with pytest.raises(ValueError, match=r"matches the pattern '.*\*\.bmp'"):
        list_photos(f"{folder}/*.bmp")


@pytest.mark.parametrize("end", ["", ":path"])
def test_a_column_of_paths_is_relative_to_its_table(folder, end):
    table = folder / "b" / "photos.csv"
    table.write_text("path,age\nimg10.png,3\n../c/x.jpg,4\nimg10.png,3\nmissing.png,\n")
    listing = list_photos(f"{table}{end}")
    assert listing.names == ["img10.png", "../c/x.jpg", "missing.png"]
    assert listing.files[0] == str(folder / "b" / "img10.png")


def test_a_table_of_one_column_and_other_columns(folder):
    table = folder / "photos.csv"
    table.write_text("photo\nb/img2.png\n")
    assert list_photos(table).names == ["b/img2.png"]
    table.write_text("photo,age\nb/img2.png,3\n")
    assert list_photos(f"{table}:photo").names == ["b/img2.png"]
    with pytest.raises(ValueError, match=r"no column 'face'.*'photo', 'age'\. Name one: .*:photo"):
        list_photos(f"{table}:face")
    with pytest.raises(ValueError, match="no column of a usual name"):
        list_photos(table)
    table.write_text("photo,age\n,3\n")
    with pytest.raises(ValueError, match="names no photo in its column 'photo'"):
        list_photos(f"{table}:photo")


def test_what_is_no_photo_is_refused(folder):
    (folder / "data.bin").write_bytes(b"x")
    with pytest.raises(ValueError, match=r"data\.bin' is none of these\. Expected a folder"):
        list_photos(folder / "data.bin")
    with pytest.raises(ValueError, match="does not exist"):
        list_photos(folder / "elsewhere")


def test_framing_crops_and_resizes():
    image = Image.new("RGB", (8, 6), "red")
    image.paste("blue", (0, 0, 4, 6))
    assert Framing((4, 0, 8, 6)).apply(image, "x").size == (4, 6)
    whole = Framing((4, 0, 8, 4), "box").apply(image, "x", (2, 2))
    assert whole.getcolors() == [(4, (255, 0, 0))]
    assert Framing().apply(image, "x", (6, 8)) is image
    with pytest.raises(BoxError, match=r"--box 4,0,9,6 does not lie inside the image 'x' of 8 x 6"):
        Framing((4, 0, 9, 6)).apply(image, "x")
