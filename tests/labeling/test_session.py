"""A session of labeling: it outlives a kill, and writes labels and names as they come."""

import json
from concurrent.futures import ThreadPoolExecutor

import pytest
from numpy.testing import assert_array_equal

from skstylefeat.labeling._state import RefusedError
from tests.support.labeling import open_session, read_csv, say


def test_session_goes_on_after_a_kill(tmp_path):
    session = open_session(tmp_path)
    session.take_classes(["warm", "cold"])
    assert session.n_asked == 6 and session.n_answered == 0
    row = session.submit(say("red-0.png", "warm", id="1"))
    assert session.images.names[row] == "red-0.png"
    session.submit(say("red-1.png", "cold", id="2"))
    session.submit(say("blue-3.png", "cold", id="3"))  # not asked for
    session.close()  # what is on disk is all there is

    again = open_session(tmp_path)
    names = {again.images.names[row]: label for row, label in again.labels.items()}
    assert names == {"red-0.png": "warm", "red-1.png": "cold", "blue-3.png": "cold"}
    assert again.n_answered == 2 and not again.complete
    assert again.submit(say("red-0.png", "warm", id="1")) == row  # sent again, counts once
    again.submit({"op": "undo", "id": "4"})
    again.submit({"op": "undo", "id": "5"})
    again.submit({"op": "undo", "id": "5"})
    assert again.labels == {row: "warm"}
    again.close()


def test_labels_are_a_file_of_the_annotator(tmp_path):
    session = open_session(tmp_path)
    session.take_classes(["warm", "cold"])
    session.submit(say("red-0.png", "warm"))
    session.submit(say("blue-0.png", "cold"))
    session.close()
    annotator = session.grouping.annotator().load_annotations(tmp_path / "work" / "labels.csv")
    assert annotator.annotations_ == session.labels
    assert_array_equal(annotator.query_indices_, session.grouping.query)
    assert_array_equal(annotator.labels_, session.grouping.clusters)
    rows = read_csv(tmp_path / "work" / "labels.csv")
    assert [(row["file"], row["label"]) for row in rows] == [
        ("blue-0.png", "cold"),
        ("red-0.png", "warm"),
    ]


def test_names_are_written_when_all_labels_have_come(tmp_path):
    session = open_session(tmp_path)
    session.take_classes(["warm", "cold"])
    with pytest.raises(RefusedError, match="no label yet"):
        session.names()
    for color in ("red", "green", "blue"):
        label = "warm" if color == "red" else "cold"
        session.submit(say(f"{color}-0.png", label))
        assert not session.out.exists() and session.progress()["names_file"] is None
        session.submit(say(f"{color}-1.png", label))
    assert session.progress()["names_file"] == str(tmp_path / "names.csv")
    rows = read_csv(session.out)
    assert list(rows[0]) == ["file", "cluster", "name", "confidence"]
    assert [row["file"] for row in rows] == session.images.names
    for row in rows:
        color, _, number = row["file"].removesuffix(".png").partition("-")
        assert row["name"] == ("warm" if color == "red" else "cold")
        assert (row["confidence"] == "1.0") == (number in "01")
        assert 0.5 < float(row["confidence"]) <= 1
    # A correction is a person's word on one image, and a vote.
    session.submit(say("red-1.png", "cold"))
    names = {row["file"]: row["name"] for row in read_csv(session.out)}
    assert names["red-1.png"] == "cold" and names["red-0.png"] == "warm"
    session.close()


def test_posts_at_once_lose_no_label(tmp_path):
    session = open_session(tmp_path)
    session.take_classes([f"class {i}" for i in range(12)])
    told = [say(name, f"class {i}", id=str(i)) for i, name in enumerate(session.images.names)]
    with ThreadPoolExecutor(8) as pool:
        list(pool.map(session.submit, told * 2))
    expected = {i: f"class {i}" for i in range(12)}
    assert session.labels == expected
    session.close()
    lines = (tmp_path / "work" / "journal.jsonl").read_text().splitlines()
    entries = [json.loads(line) for line in lines]
    assert len(entries) == 13 and all(entry["time"] > 1.7e9 for entry in entries)
    again = open_session(tmp_path)
    assert again.labels == expected
    again.close()


def test_a_file_of_labels_counts_once_for_each_content(tmp_path):
    session = open_session(tmp_path)
    session.take_labels({"red-0.png": "warm"}, "digest")
    session.submit({"op": "class", "name": "cold"})
    session.submit(say("red-0.png", "cold"))
    session.take_labels({"red-0.png": "warm"}, "digest")  # the same command again
    assert list(session.labels.values()) == ["cold"]
    session.take_labels({"red-0.png": "warm", "red-1.png": "warm"}, "other")
    assert list(session.labels.values()) == ["warm", "warm"]
    assert session.progress()["can_undo"]
    session.close()


def test_labels_of_files_that_are_gone_are_kept_aside(tmp_path):
    session = open_session(tmp_path)
    session.take_labels({"red-0.png": "warm", "blue-0.png": "cold"}, "digest")
    session.close()
    (tmp_path / "squares" / "blue-0.png").unlink()
    again = open_session(tmp_path)
    assert list(again.labels.values()) == ["warm"]
    with pytest.raises(RefusedError, match=r"'blue-0\.png' is no image"):
        again.submit(say("blue-0.png", "warm"))
    again.close()


def test_a_csv_that_could_not_be_written_is_written_next_time(tmp_path):
    session = open_session(tmp_path)
    session.take_classes(["warm"])
    session.labels_path.unlink()
    session.labels_path.mkdir()
    with pytest.raises(OSError):
        session.submit(say("red-0.png", "warm", id="1"))
    session.labels_path.rmdir()
    session.submit(say("red-0.png", "warm", id="1"))
    assert [row["file"] for row in read_csv(session.labels_path)] == ["red-0.png"]
    session.close()
