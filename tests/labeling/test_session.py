"""Tests of a labeling session: resumed after a kill, with labels and names in CSV files."""

from concurrent.futures import ThreadPoolExecutor

import pytest
from numpy.testing import assert_array_equal

from skstylefeat.exceptions import LabelConflictError
from tests.support.labeling import open_session, read_csv, read_events


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
