"""Tests of a labeling session: resumed after a kill, with labels and names in CSV files."""

import zipfile
from concurrent.futures import ThreadPoolExecutor

import numpy as np
import pytest
from numpy.testing import assert_array_equal

from skstylefeat.exceptions import LabelConflictError
from skstylefeat.labeling import Session
from skstylefeat.labeling._export import write_image_folder
from skstylefeat.labeling._folder import ImageFolder
from skstylefeat.labeling._label_store import LabelStore
from skstylefeat.labeling._prepare import find_copies
from skstylefeat.labeling._session import estimate_text, number_text
from tests.support.labeling import (
    make_prepared,
    open_session,
    read_csv,
    read_events,
    write_squares,
)


def test_session_resumes_after_a_kill(tmp_path):
    session = open_session(tmp_path)
    session.define_classes(["warm", "cold"])
    assert session.n_asked == 6 and session.n_answered == 0
    row = session.label("red-0.png", "warm", "1")
    assert session.images.names[row] == "red-0.png"
    session.label("red-1.png", "cold", "2")
    session.label("blue-3.png", "cold", "3")  # not asked for
    session.close()  # only the files are left

    again = open_session(tmp_path)
    names = {again.images.names[row]: label for row, label in again.labels.items()}
    assert names == {"red-0.png": "warm", "red-1.png": "cold", "blue-3.png": "cold"}
    assert again.n_answered == 2 and not again.complete
    assert again.label("red-0.png", "warm", "1") == row  # sent again, counts once
    again.undo("4")
    again.undo("5")
    again.undo("5")
    assert again.labels == {row: "warm"}
    again.close()


def test_labels_are_a_file_of_the_annotator(tmp_path):
    session = open_session(tmp_path)
    session.define_classes(["warm", "cold"])
    session.label("red-0.png", "warm")
    session.label("blue-0.png", "cold")
    annotator = (
        session.questions()
        .annotator(session.prepared.features)
        .load_annotations(tmp_path / "work" / "labels.csv")
    )
    assert annotator.annotations_ == session.labels
    assert_array_equal(annotator.query_indices_, session.questions().query)
    assert_array_equal(annotator.labels_, session.questions().clusters)
    rows = read_csv(tmp_path / "work" / "labels.csv")
    assert [(row["file"], row["label"]) for row in rows] == [
        ("blue-0.png", "cold"),
        ("red-0.png", "warm"),
    ]
    session.close()


def test_names_are_written_when_all_labels_are_given(tmp_path):
    session = open_session(tmp_path)
    session.define_classes(["warm", "cold"])
    with pytest.raises(LabelConflictError, match="no label yet"):
        session.names()
    for color in ("red", "green", "blue"):
        label = "warm" if color == "red" else "cold"
        session.label(f"{color}-0.png", label)
        assert not session.out.exists() and session.progress()["names_file"] is None
        session.label(f"{color}-1.png", label)
    assert session.progress()["names_file"] == str(tmp_path / "names.csv")
    rows = read_csv(session.out)
    assert list(rows[0]) == ["file", "cluster", "name", "confidence", "foreign"]
    assert [row["file"] for row in rows] == session.images.names
    for row in rows:
        color, _, number = row["file"].removesuffix(".png").partition("-")
        assert row["name"] == ("warm" if color == "red" else "cold")
        assert (row["confidence"] == "1.0") == (number in "01")
        assert 0.5 < float(row["confidence"]) <= 1
    # A correction names its own image, and counts as a vote for the cluster.
    session.label("red-1.png", "cold")
    names = {row["file"]: row["name"] for row in read_csv(session.out)}
    assert names["red-1.png"] == "cold" and names["red-0.png"] == "warm"
    session.close()


def test_simultaneous_changes_lose_no_label(tmp_path):
    session = open_session(tmp_path)
    session.define_classes([f"class {i}" for i in range(12)])
    changes = [(name, f"class {i}", str(i)) for i, name in enumerate(session.images.names)]
    with ThreadPoolExecutor(8) as pool:
        list(pool.map(lambda change: session.label(*change), changes * 2))
    expected = {i: f"class {i}" for i in range(12)}
    assert session.labels == expected
    session.close()
    kinds = [kind for kind, _, _ in read_events(tmp_path / "work")]
    assert kinds == ["class"] * 12 + ["label"] * 12
    again = open_session(tmp_path)
    assert again.labels == expected
    again.close()


def test_a_file_of_labels_counts_once_for_each_content(tmp_path):
    session = open_session(tmp_path)
    session.import_labels({"red-0.png": "warm"}, "digest")
    session.add_class("cold")
    session.label("red-0.png", "cold")
    session.import_labels({"red-0.png": "warm"}, "digest")  # the same command again
    assert list(session.labels.values()) == ["cold"]
    session.import_labels({"red-0.png": "warm", "red-1.png": "warm"}, "other")
    assert list(session.labels.values()) == ["warm", "warm"]
    assert session.progress()["can_undo"]
    session.close()


def test_labels_of_missing_files_are_kept_but_not_used(tmp_path):
    session = open_session(tmp_path)
    session.import_labels({"red-0.png": "warm", "blue-0.png": "cold"}, "digest")
    session.close()
    (tmp_path / "squares" / "blue-0.png").unlink()
    again = open_session(tmp_path)
    assert list(again.labels.values()) == ["warm"]
    with pytest.raises(LabelConflictError, match=r"'blue-0\.png' is not an image"):
        again.label("blue-0.png", "warm")
    again.close()


def test_a_csv_that_could_not_be_written_is_written_next_time(tmp_path):
    session = open_session(tmp_path)
    session.define_classes(["warm"])
    session.labels_path.unlink()
    session.labels_path.mkdir()
    with pytest.raises(OSError):
        session.label("red-0.png", "warm", "1")
    session.labels_path.rmdir()
    session.label("red-0.png", "warm", "1")
    assert [row["file"] for row in read_csv(session.labels_path)] == ["red-0.png"]
    session.close()


NUMBERS = {"red": 10.0, "green": 20.0, "blue": 30.0}


def test_several_attributes_and_numbers(tmp_path):
    session = open_session(tmp_path, asked=None, settings={"n_labels": 6})
    session.define_attribute("kind")
    session.define_classes(["warm", "cold"], "kind")
    session.define_attribute("age", "number")
    session.start()
    assert (session.n_asked, session.n_answered) == (12, 0)
    for attribute in ("kind", "age"):
        while not session.is_complete(attribute):
            query = session.questions(attribute).query.tolist()
            row = next(row for row in query if row not in session.labels_of(attribute))
            color = session.images.names[row].partition("-")[0]
            label = f"{NUMBERS[color]:g},0" if attribute == "age" else "warm"
            if attribute == "kind" and color != "red":
                label = "cold"
            row_of_last_label = session.label(
                [session.images.names[row]], label, attribute=attribute
            )
    assert session.complete and session.log.n_labels == 12

    rows = read_csv(session.out)
    header = ["file", "kind", "kind confidence", "age", "age low", "age high", "foreign"]
    assert list(rows[0]) == header
    for row in rows:
        color = row["file"].partition("-")[0]
        assert row["kind"] == ("warm" if color == "red" else "cold")
        assert abs(float(row["age"]) - NUMBERS[color]) < 5
    labels = read_csv(session.labels_path)
    assert list(labels[0]) == ["file", "kind", "age"]
    assert [sum(x[name] != "" for x in labels) for name in ("kind", "age")] == [6, 6]
    shown = session.names("age")
    assert len(shown["numbers"]) == 12 and shown["low"].count(None) == 6  # fewer than 9 labels
    assert "numbers" in session.progress("age")["estimate"]
    assert session.undo() == ("age", row_of_last_label)
    assert not session.complete
    session.close()

    again = open_session(tmp_path)
    assert [x.kind for x in again.attributes] == ["class", "number"]
    assert again.n_answered == 11
    with pytest.raises(LabelConflictError, match=r"'x' is not a number\. Write it as 41"):
        again.label("red-0.png", "x", attribute="age")
    with pytest.raises(LabelConflictError, match="'eyes' is not an attribute"):
        again.label("red-0.png", "x", attribute="eyes")
    with pytest.raises(LabelConflictError, match="'text' is not a kind"):
        again.add_attribute("eyes", "text")
    again.add_attribute("eyes", "class", "new")
    assert [x.name for x in again.attributes][-1] == "eyes"
    assert again.undo() == ("eyes", None)
    again.close()


@pytest.mark.parametrize(
    ("text", "expected"),
    [("41", "41"), (" 3,5 ", "3.5"), ("-.5", "-0.5"), ("1e3", "1000"), ("\u22127", "-7")],
)
def test_numbers_as_people_type_them(text, expected):
    assert number_text(text) == expected


@pytest.mark.parametrize("text", ["", "x", "12a", "1,2,3", "nan", "inf", "1,234"])
def test_texts_that_are_no_numbers(text):
    with pytest.raises(LabelConflictError, match=r"is not a number|may be 1234 or 1\.234"):
        number_text(text)


def test_a_label_goes_to_copies_and_one_undo_takes_it_back(tmp_path):
    originals = [0, 0, 0, *range(3, 12)]
    session = open_session(tmp_path, originals=originals)
    session.define_classes(["warm", "cold"])
    names = session.images.names
    session.label(names[1], "warm")
    assert session.labels == dict.fromkeys(range(3), "warm")
    session.label(names[0], "cold")  # all three had the same label
    assert session.labels == dict.fromkeys(range(3), "cold")
    session.undo()
    assert session.labels == dict.fromkeys(range(3), "warm")
    assert session.layout()["copies"] == dict.fromkeys(range(3), 2)
    session.import_labels({names[2]: "cold", names[5]: "warm"}, "digest")
    assert session.labels == dict.fromkeys(range(3), "cold") | {5: "warm"}
    session.close()


def test_images_that_a_person_is_unsure_about(tmp_path):
    session = open_session(tmp_path)
    session.define_classes(["warm"])
    rows = session.questions().query.tolist()
    session.label(session.images.names[rows[0]], None, unsure=True)
    for row in rows[1:]:
        session.label(session.images.names[row], "warm")
    assert session.complete and session.unsure_of("") == {rows[0]}
    assert session.progress()["unsure"] == [rows[0]]
    assert [x["file"] for x in read_csv(session.labels_path)] == sorted(
        session.images.names[row] for row in rows[1:]
    )
    session.close()


def test_the_log_counts_keys_and_seconds(tmp_path):
    session = open_session(tmp_path)
    session.define_classes(["warm"])
    assert session.log.summary() == ""
    session.label(["red-0.png", "red-1.png"], "warm", "1", n_keys=3)
    session.label(["red-0.png", "red-1.png"], "warm", "1", n_keys=3)  # sent again
    session.undo("2", n_keys=1)
    session.label("red-0.png", "warm", n_keys=1)
    lines = [line.split("\t") for line in session.log.path.read_text().splitlines()]
    assert lines[0] == ["time", "seconds", "event", "attribute", "images", "keys", "detail"]
    assert [line[2:6] for line in lines[1:]] == [
        ["label", "", "2", "3"],
        ["undo", "", "2", "1"],
        ["label", "", "1", "1"],
    ]
    assert session.log.summary().startswith("3 labels with 5 key presses in 0 s, ")
    session.close()


def test_the_estimate_says_what_it_is_compared_with(tmp_path):
    session = open_session(tmp_path)
    session.define_classes(["warm", "cold"])
    assert estimate_text(session.reading()) == ""
    for number, row in enumerate(session.questions().query.tolist()):
        session.label(session.images.names[row], "warm" if number % 2 else "cold")
    text = session.progress()["estimate"]
    assert "from 6 labels" in text and "is 50%" in text and "not shown to be better" in text
    assert session.progress()["useful"] is False
    session.close()


def test_an_image_folder_from_a_zip_archive(tmp_path):
    folder = ImageFolder(write_squares(tmp_path / "squares"))
    with zipfile.ZipFile(tmp_path / "squares.zip", "w") as archive:
        for name, path in zip(folder.names, folder.paths, strict=True):
            archive.write(path, f"deep/{name}")
    images = ImageFolder(tmp_path / "squares.zip")
    prepared = make_prepared(images_with_flat_names(images), foreign={"deep/red-0.png": "framing"})
    prepared.save(tmp_path / "work")
    store = LabelStore(tmp_path / "work" / "labels.sqlite")
    session = Session(images, prepared, store, tmp_path / "names.csv")
    session.define_classes(["warm"])
    with pytest.raises(LabelConflictError, match="no label yet"):
        write_image_folder(session, tmp_path / "export")
    session.label(images.names, "warm")
    assert write_image_folder(session, tmp_path / "export") == 12
    rows = read_csv(tmp_path / "export" / "metadata.csv")
    assert list(rows[0]) == ["file_name", "cluster", "name", "confidence", "foreign"]
    assert [row["file_name"] for row in rows] == images.names
    assert [row["file_name"] for row in rows if row["foreign"]] == ["deep/red-0.png"]
    for row, item in zip(rows, images.paths, strict=True):
        assert (tmp_path / "export" / row["file_name"]).read_bytes() == item.read_bytes()
    assert write_image_folder(session, tmp_path / "export") == 12  # replaces an earlier one
    with pytest.raises(ValueError, match="is a file"):
        write_image_folder(session, session.labels_path)
    with pytest.raises(ValueError, match="holds other files"):
        write_image_folder(session, tmp_path / "squares")
    with pytest.raises(ValueError, match="lies in the folder of the images"):
        write_image_folder(session, tmp_path / "squares.zip")
    session.close()


def test_names_that_lead_out_of_the_folder_are_not_exported(tmp_path):
    session = open_session(tmp_path)
    session.define_classes(["warm"])
    session.label(session.images.names, "warm")
    session.images.names[3] = str(tmp_path / "elsewhere.png")
    with pytest.raises(ValueError, match=r"elsewhere\.png' lies outside any folder"):
        write_image_folder(session, tmp_path / "export")
    assert not (tmp_path / "elsewhere.png").exists() and not (tmp_path / "export").exists()
    session.close()


def images_with_flat_names(images):
    """Return a stand-in whose names are those of the squares, for their clusters."""
    flat = ImageFolder(images.path.with_suffix(""))
    flat.names = [name.removeprefix("deep/") for name in images.names]
    return flat


def test_copies_have_equal_codes_and_equal_pixels():
    rng = np.random.default_rng(0)
    codes, pixels = rng.normal(size=(6, 40)), rng.random((6, 16, 16, 3))
    codes[3], pixels[3] = codes[1] + 0.01, pixels[1] + 0.01
    codes[5], pixels[5] = codes[3] + 0.01, pixels[3] + 0.01  # a chain
    codes[4] = codes[0]  # equal codes of other pixels
    assert find_copies(codes, pixels) == [0, 1, 2, 1, 4, 1]
    assert find_copies(codes[:1], pixels[:1]) == [0]
