"""A user's images with labels: matching, split, copies, damaged files."""

import csv
import shutil

import numpy as np
import pytest
from numpy.testing import assert_array_equal
from PIL import Image

from skstylefeat.experiments._own_images import _split, load_own_images
from skstylefeat.experiments._targets import read_column
from tests.support.labeled_photos import write_labeled_photos


@pytest.fixture(scope="module")
def folder(tmp_path_factory):
    """60 files of 10 x 12 pixels in two colors, and their labels."""
    return write_labeled_photos(tmp_path_factory.mktemp("own"))


def load(folder, targets=("color",), **kwargs):
    values = {"size": 8, "random_state": 0} | kwargs
    return load_own_images(folder / "images", folder / "labels.csv", list(targets), **values)


def test_images_are_split_with_their_labels(folder):
    train, test, (color, number), notes = load(folder, ("color", "number"))
    assert train.shape == (42, 8, 8, 3) and test.shape == (18, 8, 8, 3)
    assert train.dtype == np.uint8
    for images, target in ((train, color.y_train), (test, color.y_test)):
        seen = np.where(images.mean(axis=(1, 2))[:, 0] > 90, "red", "green")
        assert_array_equal(seen, target)
    assert number.is_number and not color.is_number and color.is_binary
    assert sorted([*number.y_train, *number.y_test]) == [i * 1.5 for i in range(60)]
    assert notes == ["60 labeled images found, of 60 rows and 60 images."]
    again = load(folder, ("color",))
    assert_array_equal(again[0], train)
    other = load(folder, ("color",), random_state=1)
    assert not np.array_equal(other[0], train)


def test_groups_are_kept_together_and_limits_hold(folder):
    train, test, targets, _ = load(folder, ("who",), group="who", limit=40)
    assert len(train) + len(test) == 40
    assert targets[0].is_number
    assert not set(targets[0].y_train) & set(targets[0].y_test)


def test_groups_for_tables_do_not_split_or_drop_images(folder, tmp_path):
    with open(folder / "labels.csv", newline="") as file:
        rows = list(csv.reader(file))
    table = tmp_path / "groups.csv"
    with open(table, "w", newline="") as file:
        cells = ["place", *(["in", "out", ""][i % 3] for i in range(60))]
        lines = [[*row, cell, "x"] for row, cell in zip(rows, cells, strict=True)]
        lines[0][-1] = "one"
        csv.writer(file).writerows(lines)
    place_of = dict(zip([row[2] for row in rows[1:]], cells[1:], strict=True))

    def read(**options):
        return load_own_images(
            folder / "images", table, ["number"], size=8, random_state=0, **options
        )

    _, test, (number,), _ = read(by_group="place")
    assert_array_equal(test, read()[1])
    expected = [place_of[f"{value:g}" if value % 1 else f"{value:.1f}"] for value in number.y_test]
    assert number.groups_test.tolist() == expected and number.group_name == "place"
    with pytest.raises(ValueError, match=r"column 'one': .*one group only, 'x'"):
        read(by_group="one")


def test_zip_holds_the_same_images(folder):
    read = [
        load_own_images(folder / name, folder / "labels.csv", ["color"], size=8, random_state=0)
        for name in ("images", "images.zip")
    ]
    assert_array_equal(read[0][0], read[1][0])


def test_box_crops_before_resizing(folder):
    cropped = np.concatenate(load(folder, box=(1, 2, 9, 10))[:2])
    with Image.open(folder / "images" / "deep" / "04.png") as file:
        expected = np.asarray(file)[2:10, 1:9]
    assert (cropped == expected).all(axis=(1, 2, 3)).sum() == 1
    with pytest.raises(ValueError, match=r"1,2,90,10.*10 x 12 pixels"):
        load(folder, box=(1, 2, 90, 10))


def test_wrong_folders_and_tables(folder, tmp_path):
    with pytest.raises(ValueError, match=r"no column 'size'.*'color'"):
        load(folder, ("size",))
    table = tmp_path / "labels.csv"
    with pytest.raises(FileNotFoundError, match=r"labels\.csv"):
        load_own_images(folder / "images", table, ["color"], size=8)
    with pytest.raises(ValueError, match=r"60 of 60 images cannot be read.*does not exist"):
        load_own_images(folder / "labels.csv", folder / "labels.csv", ["color"], size=8)
    table.write_text("file,color\nx.png,red\n")
    message = r"Of the 1 rows.*, 0 name.*'x\.png' in the table is none.*called '00\.png'\."
    with pytest.raises(ValueError, match=message):
        load_own_images(folder / "images", table, ["color"], size=8)


def test_a_photo_in_two_rows_counts_once(folder, tmp_path):
    table = tmp_path / "labels.csv"
    text = (folder / "labels.csv").read_text()
    table.write_text(text + "deep/04.png,red,,\n")
    train, test, _, notes = load_own_images(
        folder / "images", table, ["color", "number"], size=8, random_state=0
    )
    assert len(train) + len(test) == 60
    assert notes == ["60 labeled images found, of 61 rows and 60 images."]
    table.write_text(text + "deep/04.png,green,,\n")
    message = "two labels for 'deep/04.png' in the column 'color': 'red' and, in line 62, 'green'"
    with pytest.raises(ValueError, match=message):
        load_own_images(folder / "images", table, ["color"], size=8)


def test_copies_of_a_photo_are_on_one_side(folder, tmp_path):
    shutil.copytree(folder / "images", tmp_path / "images")
    rows = (folder / "labels.csv").read_text()
    for i in range(60):
        copy = tmp_path / "images" / f"copy-{i:02}.bmp"
        original = next((tmp_path / "images").glob(f"**/{i:02}.png"))
        with Image.open(original) as image:
            image.save(copy)
        rows += f"copy-{i:02}.bmp,{['red', 'green'][i % 2]},{i * 1.5},{i // 4}\n"
    (tmp_path / "labels.csv").write_text(rows)
    train, test, (number,), notes = load(tmp_path, ("number",))
    assert len(train) + len(test) == 120
    assert "60 have the pixels of another one and are on its side of the split." in notes
    assert not {image.tobytes() for image in train} & {image.tobytes() for image in test}
    assert not set(number.y_train) & set(number.y_test)


def test_a_copy_joins_two_groups():
    content = np.array(["a", "b", "c", "a", "d", "e"])
    groups = np.array(["1", "1", "2", "2", "3", "4"])
    rng = np.random.default_rng(0)
    train, test = _split(content, groups, 0.25, rng)
    assert sorted([*train, *test]) == list(range(6)) and len(train) and len(test)
    together = [set(train) & {0, 1, 2, 3}, set(test) & {0, 1, 2, 3}]
    assert {0, 1, 2, 3} in together and set() in together
    for same in (np.full(6, "x"), content):
        with pytest.raises(ValueError, match="belong together"):
            _split(same, np.full(6, "1"), 0.25, rng)


def test_damaged_files_are_all_named_or_left_out(folder, tmp_path):
    shutil.copytree(folder, tmp_path / "own")
    for name in ("00.png", "deep/04.png"):
        (tmp_path / "own" / "images" / name).write_bytes(b"no image")
    message = r"2 of 60 images cannot be read: .*04\.png.*00\.png|00\.png.*04\.png"
    with pytest.raises(ValueError, match=message) as caught:
        load(tmp_path / "own")
    assert "--skip-unreadable" in str(caught.value) and "on_error='skip'" in str(caught.value)
    train, test, (color,), notes = load(tmp_path / "own", on_error="skip")
    assert len(train) + len(test) == 58
    for images, labels in ((train, color.y_train), (test, color.y_test)):
        assert_array_equal(np.where(images.mean(axis=(1, 2))[:, 0] > 90, "red", "green"), labels)
    assert any("2 that cannot be read are left out, such as " in note for note in notes)


def test_a_cell_that_is_no_number_is_named(folder, tmp_path):
    table = tmp_path / "labels.csv"
    table.write_text(
        (folder / "labels.csv").read_text().replace("04.png,red,6.0", "04.png,red,n.a.")
    )
    message = r"labels\.csv, column 'number': the cell 'n\.a\.' of 'deep/04\.png' in line 6 is no"
    with pytest.raises(ValueError, match=message):
        load_own_images(folder / "images", table, ["number"], size=8, random_state=0)


def test_columns_of_numbers():
    for texts in (
        [f"{i}.5" for i in range(12)],
        [f"{i},5" for i in range(12)],
        [f"\u2212{i}" for i in range(12)],
        [f"{i},125" if i % 2 else f"{i},5" for i in range(12)],
    ):
        numbers = read_column(texts)
        expected = [float(text.replace(",", ".").replace("\u2212", "-")) for text in texts]
        assert_array_equal(numbers, expected)
    with pytest.raises(ValueError, match=r"'1,234' may mean thousands or three decimals"):
        read_column([f"{i},234" for i in range(1, 13)])
    with pytest.raises(ValueError, match="the cell '1e999' is not a number"):
        read_column([*map(str, range(12)), "1e999"])
    assert read_column(["1_0", "x"] * 6).dtype.kind == "U"
