"""Labels that outlive a kill: state, journal, session, folder, clusters on disk, sheets."""

import csv
import errno
import json
import os
import signal
import subprocess
import sys
from concurrent.futures import ThreadPoolExecutor

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from numpy.testing import assert_array_equal
from PIL import Image

from skstylefeat import ClusterAnnotator
from skstylefeat._labelling import journal as journal_module
from skstylefeat._labelling.folder import ImageFolder, read_file_labels
from skstylefeat._labelling.grouping import GivenClusters, Grouping
from skstylefeat._labelling.journal import Journal
from skstylefeat._labelling.pictures import (
    THUMBNAIL_SIDE,
    open_upright,
    small_picture,
    whole_picture,
)
from skstylefeat._labelling.sheets import ASK, draw_sheet, write_sheets
from skstylefeat._labelling.state import LabelState, RefusedError, class_keys
from tests.labelling import make_grouping, open_session, write_squares


def say(file, label, **more):
    return {"op": "label", "file": file, "label": label, **more}


def state_of(*entries):
    state = LabelState()
    for entry in entries:
        if state.changes(entry):
            state.apply(entry)
    return state


def read_csv(path):
    with open(path, newline="", encoding="utf-8") as file:
        return list(csv.DictReader(file))


CLASSES = {"op": "classes", "names": ["cat", "dog"]}


def test_corrections_replace_and_undo_brings_back():
    entries = [CLASSES, say("a", "cat"), say("b", "dog"), say("a", "dog"), say("b", None)]
    state = state_of(*entries)
    assert state.labels == {"a": "dog"}
    expected = [{"a": "dog", "b": "dog"}, {"a": "cat", "b": "dog"}, {"a": "cat"}, {}]
    for labels, file in zip(expected, "babab", strict=False):
        assert state.apply({"op": "undo"}) == file
        assert state.labels == labels
    assert not state.can_undo and state.classes == ["cat", "dog"]
    with pytest.raises(RefusedError, match="nothing to undo"):
        state.changes({"op": "undo"})


def test_undo_takes_a_class_away_unless_a_file_of_labels_uses_it():
    bird = {"op": "class", "name": "bird"}
    state = state_of(CLASSES, bird, {"op": "undo"})
    assert state.classes == ["cat", "dog"]
    imported = {"op": "import", "digest": "1", "labels": {"a": "bird"}}
    state = state_of(CLASSES, bird, imported, {"op": "undo"})
    assert state.classes == ["cat", "dog", "bird"] and state.labels == {"a": "bird"}


def test_what_says_nothing_new_changes_nothing():
    state = state_of(CLASSES, say("a", "cat", id="1"))
    for entry in (CLASSES, say("a", "cat"), say("b", None), {"op": "class", "name": "dog"}):
        assert not state.changes(entry)
    assert state.knows(say("a", "cat", id="1")) and not state.knows(say("a", "cat"))


@pytest.mark.parametrize(
    ("entry", "message"),
    [
        (say("a", "bird"), "'bird' is no class; there are: cat, dog"),
        ({"op": "class", "name": " bird"}, "without blanks at its ends"),
        ({"op": "class", "name": ""}, "cannot be a class"),
        ({"op": "class", "name": "b" * 61}, "too long"),
        ({"op": "class", "name": "a\nb"}, "control characters"),
        ({"op": "class", "name": "\ud800"}, "control characters"),
        ({"op": "jump"}, "'jump' is no operation"),
    ],
)
def test_refused_entries(entry, message):
    with pytest.raises(RefusedError, match=message):
        state_of(CLASSES).changes(entry)


entry_lists = st.lists(
    st.one_of(
        st.builds(say, st.sampled_from("abc"), st.sampled_from(["cat", "dog", None])),
        st.just({"op": "undo"}),
    ),
    max_size=30,
)


@given(entry_lists)
def test_undoing_everything_gives_the_beginning(entries):
    state, stack = state_of(CLASSES), [{}]
    for entry in entries:
        if entry["op"] == "undo" and len(stack) == 1:
            assert not state.can_undo
            continue
        if not state.changes(entry):
            continue
        state.apply(entry)
        if entry["op"] == "undo":
            stack.pop()
        else:
            stack.append(dict(state.labels))
        assert state.labels == stack[-1]
    while state.can_undo:
        state.apply({"op": "undo"})
    assert state.labels == {}


def test_keys_of_classes():
    assert class_keys(["male", "female", "no glasses", "mixed"]) == [
        ["1", "m"],
        ["2", "f"],
        ["3", "o"],
        ["4", "i"],
    ]
    many = class_keys([f"{i}" for i in range(30)])
    letters = [keys[-1] for keys in many if keys and keys[-1].isalpha()]
    assert len(letters) == len(set(letters)) == 21 and not set(letters) & set("cnpvz")
    assert many[0] == ["1", "a"] and many[9] == ["k"] and many[29] == []


def write_journal(path, text):
    path.write_bytes(text)
    journal = Journal(path)
    journal.close()
    return journal.entries


WHOLE = b'{"op": "undo", "id": "1"}\n'


@pytest.mark.parametrize(
    "torn",
    [b"{", b'{"op": "undo"', b'{"op": "undo"}', b"\0\0\0\0", b"\0\0\0\n", b"[]\n", "é".encode()],
)
def test_an_entry_that_was_cut_short_is_removed(tmp_path, torn):
    path = tmp_path / "journal.jsonl"
    assert write_journal(path, WHOLE + torn) == [{"op": "undo", "id": "1"}]
    assert path.read_bytes() == WHOLE
    journal = Journal(path)
    journal.append({"op": "class", "name": "übel"})
    journal.close()
    assert [json.loads(line)["op"] for line in path.read_bytes().splitlines()] == ["undo", "class"]


def test_a_damaged_line_inside_is_said_and_kept(tmp_path):
    path = tmp_path / "journal.jsonl"
    with pytest.raises(ValueError, match=r"journal\.jsonl, line 2 is damaged"):
        write_journal(path, WHOLE + b"oops\n" + WHOLE)
    assert path.read_bytes() == WHOLE + b"oops\n" + WHOLE
    assert write_journal(path, WHOLE * 3) == [{"op": "undo", "id": "1"}] * 3  # nothing stays locked


def test_an_entry_that_does_not_fit_on_the_disk_leaves_no_trace(tmp_path, monkeypatch):
    journal = Journal(tmp_path / "journal.jsonl")
    journal.append({"op": "undo", "id": "1"})
    write = os.write

    def full(file, data):
        if len(data) > 10:
            return write(file, data[:10])
        raise OSError(errno.ENOSPC, "No space left on device")

    with monkeypatch.context() as patch:
        patch.setattr(journal_module.os, "write", full)
        with pytest.raises(OSError, match="No space"):
            journal.append({"op": "undo", "id": "2"})
    assert journal.path.read_bytes() == WHOLE
    journal.append({"op": "undo", "id": "3"})
    journal.close()
    assert [entry["id"] for entry in write_journal(journal.path, journal.path.read_bytes())] == [
        "1",
        "3",
    ]


def test_entries_are_synced_before_append_returns(tmp_path, monkeypatch):
    journal = Journal(tmp_path / "journal.jsonl")
    seen, sync = [], os.fsync

    def watched(file):
        seen.append(journal.path.read_bytes())
        sync(file)

    monkeypatch.setattr(journal_module.os, "fsync", watched)
    journal.append({"op": "undo", "id": "1"})
    journal.close()
    assert seen == [WHOLE]


def test_one_process_at_a_time(tmp_path):
    path = tmp_path / "journal.jsonl"
    code = (
        "import sys; from skstylefeat._labelling.journal import Journal\n"
        "journal = Journal(sys.argv[1]); print('open', flush=True); input()"
    )
    with subprocess.Popen(
        [sys.executable, "-c", code, str(path)],
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        text=True,
    ) as other:
        assert other.stdout.readline() == "open\n"
        with pytest.raises(ValueError, match="open in another process"):
            Journal(path)
        other.send_signal(signal.SIGKILL)
        other.wait()
        other.stdin.close()
    Journal(path).close()


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
    for colour in ("red", "green", "blue"):
        label = "warm" if colour == "red" else "cold"
        session.submit(say(f"{colour}-0.png", label))
        assert not session.out.exists() and session.progress()["names_file"] is None
        session.submit(say(f"{colour}-1.png", label))
    assert session.progress()["names_file"] == str(tmp_path / "names.csv")
    rows = read_csv(session.out)
    assert list(rows[0]) == ["file", "cluster", "name", "confidence"]
    assert [row["file"] for row in rows] == session.images.names
    for row in rows:
        colour, _, number = row["file"].removesuffix(".png").partition("-")
        assert row["name"] == ("warm" if colour == "red" else "cold")
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


def test_folder_is_sorted_and_leaves_hidden_files_out(tmp_path):
    write_squares(tmp_path / "deep" / "er", per_colour=1)
    Image.new("RGB", (2, 2)).save(tmp_path / "a.JPG")
    Image.new("RGB", (2, 2)).save(tmp_path / "._a.png")
    (tmp_path / ".cache").mkdir()
    Image.new("RGB", (2, 2)).save(tmp_path / ".cache" / "b.png")
    (tmp_path / "notes.txt").write_text("x")
    folder = ImageFolder(tmp_path)
    deep = ["deep/er/blue-0.png", "deep/er/green-0.png", "deep/er/red-0.png"]
    assert folder.names == ["a.JPG", *deep] and len(folder) == 4
    assert folder.find("red-0.png") == "deep/er/red-0.png" and folder.find("x.png") is None
    assert folder.row("a.JPG") == 0 and folder.row("red-0.png") is None
    with pytest.raises(ValueError, match="is no folder"):
        ImageFolder(tmp_path / "none")
    (tmp_path / "empty").mkdir()
    with pytest.raises(ValueError, match="holds no image file"):
        ImageFolder(tmp_path / "empty")


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
            r"2 are not.*'x\.png', 'y\.png'.*another folder",
        ),
        ("file,label\nx.png,a\nred-0.png,a\n", None, r"1 are not in .*'x\.png'\. Remove its lines"),
        ("file,a,b\nred-0.png,x,y\n", None, r"no column 'label'.*\['a', 'b'\].*--target"),
        ("file,a\nred-0.png,x\n", "b", "no column 'b'"),
        ("file,a\nred-0.png,x\nred-0.png,y\n", None, r"two labels for 'red-0\.png': 'x' and 'y'"),
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
        centre = scaled[grouping.clusters == cluster].mean(axis=0)
        far = np.linalg.norm(scaled[others] - centre, axis=1)
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


def test_sheets_frame_what_is_asked_and_are_read_back(tmp_path):
    session = open_session(tmp_path)
    session.take_classes(["warm", "cold"])
    session.submit(say("green-0.png", "cold"))
    paths = write_sheets(session, tmp_path / "sheets")
    assert [path.name for path in paths] == [f"cluster-0{i}.png" for i in range(3)]
    with Image.open(paths[0]) as sheet:
        pixels = np.asarray(sheet)
    frames = (pixels == tuple(bytes.fromhex(ASK[1:]))).all(axis=2)
    squares = (pixels == (255, 0, 0)).all(axis=2)
    # Two frames with a large square in each, two small squares below them without.
    columns = np.flatnonzero(squares[frames.any(axis=1)].any(axis=0))
    assert (np.diff(columns) > 1).sum() == 1
    below = squares[np.flatnonzero(frames.any(axis=1))[-1] + 1 :]
    assert (np.diff(np.flatnonzero(below.any(axis=0))) > 1).sum() == 1

    rows = read_csv(tmp_path / "sheets" / "labels.csv")
    assert list(rows[0]) == ["file", "row", "cluster", "label", "type"]
    assert [row["file"] for row in rows] == [
        session.images.names[row] for row in session.grouping.query
    ]
    assert [row["label"] for row in rows].count("cold") == 1
    for row in rows:
        row["label"] = row["label"] or "warm"
    with open(tmp_path / "filled.csv", "w", newline="", encoding="utf-8-sig") as file:
        writer = csv.DictWriter(file, list(rows[0]))
        writer.writeheader()
        writer.writerows(rows)
    session.take_labels(read_file_labels(tmp_path / "filled.csv", session.images), "digest")
    assert session.complete and session.out.exists()
    annotator = session.grouping.annotator().load_annotations(tmp_path / "filled.csv")
    assert annotator.annotations_ == session.labels
    session.close()


def test_sheet_of_long_names_and_many_images(tmp_path):
    folder = write_squares(tmp_path / "squares", per_colour=40)
    (folder / "red-0.png").rename(folder / f"{'long-' * 30}0.png")
    images = ImageFolder(folder)
    sheet = draw_sheet(images, 7, list(range(7)), list(range(7, 120)), {0: "word " * 12})
    assert sheet.size[0] == 1240 and sheet.size[1] < 1754
    assert draw_sheet(images, 0, [1], [], {}).size[1] < 500
    assert draw_sheet(images, 0, [], [1], {}).size[1] < 500
