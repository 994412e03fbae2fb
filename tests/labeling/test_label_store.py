"""Tests of the file of labels: undo, corrections, crashes, damage and one writer at a time."""

import sqlite3
import subprocess
import sys
from contextlib import closing

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from skstylefeat.exceptions import LabelConflictError
from skstylefeat.labeling._label_store import Attribute, LabelStore
from tests.support.labeling import read_events


@pytest.fixture
def path(tmp_path):
    return tmp_path / "work" / "labels.sqlite"


@pytest.fixture
def store(path):
    with closing(LabelStore(path)) as store:
        store.define_classes(["cat", "dog"])
        yield store


def test_corrections_replace_and_undo_restores(store):
    for file, label in [("a", "cat"), ("b", "dog"), ("a", "dog"), ("b", None)]:
        assert store.set_labels([file], label) == ("", [file])
    assert store.labels() == {"a": "dog"}
    expected = [{"a": "dog", "b": "dog"}, {"a": "cat", "b": "dog"}, {"a": "cat"}, {}]
    for labels, file in zip(expected, "baba", strict=True):
        assert store.can_undo and store.undo() == ("", [file])
        assert store.labels() == labels
    assert not store.can_undo and store.classes() == ["cat", "dog"]
    with pytest.raises(LabelConflictError, match="nothing to undo"):
        store.undo()


def test_undo_removes_a_typed_class_but_none_that_was_given_or_imported(store):
    store.add_class("bird")
    assert store.classes() == ["cat", "dog", "bird"]
    assert store.undo() == ("", []) and store.classes() == ["cat", "dog"]
    store.add_class("bird")
    store.import_labels({"a": "bird"}, "digest")
    store.undo()
    assert store.classes() == ["cat", "dog", "bird"] and store.labels() == {"a": "bird"}
    store.add_class("fish")
    store.define_classes(["fish", "fish"])
    store.undo()
    assert store.classes() == ["cat", "dog", "bird", "fish"] and not store.can_undo


def test_changes_without_effect_add_no_rows(store):
    store.set_labels(["a"], "cat", request="1")
    version = store.version
    assert version == 3
    store.define_classes(["cat", "dog"])
    store.set_labels(["a"], "cat")
    store.set_labels(["b"], None)
    store.add_class("dog")
    assert store.version == version
    assert store.find_request("1") == ("", ["a"])
    assert store.find_request("2") is None and store.find_request(None) is None


def test_imported_labels_replace_others_once(store):
    store.set_labels(["a"], "cat")
    store.import_labels({"a": "dog", "b": "cow"}, "digest")
    assert store.labels() == {"a": "dog", "b": "cow"} and store.classes() == ["cat", "dog", "cow"]
    store.set_labels(["a"], "cat")
    store.import_labels({"a": "dog", "b": "cow"}, "digest")
    assert store.labels() == {"a": "cat", "b": "cow"}


def test_one_change_of_many_files_is_undone_at_once(store):
    store.set_labels(["a", "b"], "cat", request="1")
    store.set_labels(["b", "c", "d"], "dog", request="2")
    store.set_labels(["c"], None, request="3", unsure=True)
    assert store.labels() == {"a": "cat", "b": "dog", "d": "dog"} and store.unsure() == {"c"}
    assert store.find_request("2") == ("", ["b", "c", "d"])
    assert store.undo("4") == ("", ["c"]) and store.unsure() == set()
    assert store.undo("5") == ("", ["b", "c", "d"]) == store.find_request("5")
    assert store.labels() == {"a": "cat", "b": "cat"}
    store.set_labels(["a"], None, unsure=True)
    assert store.labels() == {"b": "cat"} and store.unsure() == {"a"}


def test_attributes_have_their_own_classes_and_labels(store):
    store.add_attribute(Attribute("age", "number"))
    store.add_attribute(Attribute("hair"))
    store.add_class("red", "hair")
    store.set_labels(["a"], "41.5", "age")
    store.set_labels(["a"], "red", "hair")
    store.set_labels(["a"], "cat")
    assert [x.name for x in store.attributes] == ["", "age", "hair"]
    assert store.labels("age") == {"a": "41.5"} and store.labels("hair") == {"a": "red"}
    assert store.classes() == ["cat", "dog"] and store.classes("hair") == ["red"]
    with pytest.raises(LabelConflictError, match="'cat' is not a class; the classes are: red"):
        store.set_labels(["a"], "cat", "hair")
    with pytest.raises(LabelConflictError, match="'age' has numbers, no classes"):
        store.add_class("old", "age")
    with pytest.raises(LabelConflictError, match="'eyes' is not an attribute"):
        store.set_labels(["a"], "red", "eyes")
    with pytest.raises(LabelConflictError, match="'age' are of the kind 'number'"):
        store.add_attribute(Attribute("age", "class"))
    assert store.undo() == ("", ["a"]) and store.undo() == ("hair", ["a"])
    for _ in range(4):
        store.undo()
    assert not store.can_undo and [x.name for x in store.attributes] == [""]


VERSION_1 = """
PRAGMA application_id = 1936421734;
PRAGMA user_version = 1;
CREATE TABLE events (
    number INTEGER PRIMARY KEY,
    time TEXT NOT NULL DEFAULT CURRENT_TIMESTAMP,
    request TEXT UNIQUE,
    kind TEXT NOT NULL CHECK (kind IN ('class', 'label', 'import', 'undo')),
    file TEXT,
    label TEXT,
    undoable INTEGER NOT NULL CHECK (undoable IN (0, 1)),
    undoes INTEGER UNIQUE REFERENCES events
);
CREATE INDEX events_by_file ON events (kind, file, label);
CREATE VIEW valid AS
    SELECT * FROM events AS event
    WHERE NOT EXISTS (SELECT 1 FROM events WHERE undoes = event.number);
INSERT INTO events (kind, file, label, request, undoable, undoes) VALUES
    ('class', NULL, 'cat', NULL, 0, NULL),
    ('label', 'a', 'cat', 'r1', 1, NULL),
    ('label', 'b', 'cat', 'r2', 1, NULL),
    ('label', 'b', NULL, 'r3', 1, NULL),
    ('undo', 'b', NULL, 'r4', 0, 4);
"""


def test_files_of_the_first_version_are_upgraded(path):
    path.parent.mkdir()
    with closing(sqlite3.connect(path)) as old:
        old.executescript(VERSION_1)
    for _ in range(2):  # upgraded, then opened as it is
        with closing(LabelStore(path)) as store:
            assert store.labels() == {"a": "cat", "b": "cat"} and store.version == 5
            assert store.find_request("r4") == ("", ["b"])
            assert store.undo() == ("", ["b"]) and store.labels() == {"a": "cat"}
            store.set_labels(["b", "c"], "cat")
            assert store.undo() == ("", ["b", "c"])
        with closing(sqlite3.connect(path)) as again, again:
            again.execute("DELETE FROM events WHERE number > 5")


def test_unknown_classes_are_refused(store):
    with pytest.raises(LabelConflictError, match="'bird' is not a class; the classes are: cat, do"):
        store.set_labels(["a"], "bird")
    with pytest.raises(LabelConflictError, match="cannot be a class"):
        store.add_class(" bird")
    with pytest.raises(LabelConflictError, match="cannot be a class"):
        store.import_labels({"a": "cat", "b": ""}, "digest")
    assert store.labels() == {} and store.classes() == ["cat", "dog"]


changes = st.lists(
    st.tuples(st.sampled_from("abc"), st.sampled_from(["cat", "dog", None, "undo"])), max_size=12
)


# The store of the fixture is emptied by undo at the end of each example.
@settings(suppress_health_check=[HealthCheck.function_scoped_fixture], deadline=None)
@given(changes)
def test_undo_restores_every_earlier_state(store, changes):
    store._connection.execute("PRAGMA synchronous = OFF")  # hundreds of changes
    states = [{}]
    for file, label in changes:
        if label == "undo":
            assert store.can_undo == (len(states) > 1)
            if store.can_undo:
                store.undo()
                states.pop()
        elif states[-1].get(file) != label:
            store.set_labels([file], label)
            rest = {key: value for key, value in states[-1].items() if key != file}
            states.append(rest if label is None else rest | {file: label})
        assert store.labels() == states[-1]
    while store.can_undo:
        store.undo()
    assert store.labels() == {}


KILLED = """
import os, signal, sys
from skstylefeat.labeling._label_store import Attribute, LabelStore
store = LabelStore(sys.argv[1])
store.define_classes(["cat"])
for i in range(5):
    store.set_labels([f"{i}.png"], "cat")
# A transaction so large that part of it is in the file when the process dies.
store._connection.execute("PRAGMA cache_size = 1")
store._connection.execute("PRAGMA cache_spill = 1")
store._connection.executemany(
    "INSERT INTO events (kind, file, label, undoable, change) VALUES ('label', ?, 'cat', 1, 7)",
    ((f"unfinished-{i}",) for i in range(20_000)),
)
os.kill(os.getpid(), signal.SIGKILL)
"""


def test_a_kill_loses_no_change_that_was_acknowledged(path):
    done = subprocess.run([sys.executable, "-c", KILLED, str(path)])
    assert done.returncode == -9
    journal = path.with_name(path.name + "-journal")
    assert journal.stat().st_size > 0 and path.stat().st_size > 100_000
    with closing(LabelStore(path)) as store:
        assert store.labels() == {f"{i}.png": "cat" for i in range(5)}
        store.set_labels(["5.png"], "cat")
    assert len(read_events(path.parent)) == 7


def test_every_change_waits_for_the_disk(store):
    # 3 is EXTRA: the file and its folder are synced before a change is acknowledged.
    assert store._connection.execute("PRAGMA synchronous").fetchone() == (3,)
    assert store._connection.in_transaction is False
    store.set_labels(["a"], "cat")
    assert store._connection.in_transaction is False


def test_a_change_that_does_not_fit_on_the_disk_does_not_count(path, store):
    (pages,) = store._connection.execute("PRAGMA page_count").fetchone()
    store._connection.execute(f"PRAGMA max_page_count = {pages}")
    with pytest.raises(OSError, match=r"labels\.sqlite: database or disk is full"):
        store.import_labels({f"{i}.png" * 100: "cat" for i in range(100)}, "digest")
    assert store.labels() == {} and store.find_request("digest") is None
    store._connection.execute("PRAGMA max_page_count = 1000000")
    store.import_labels({"a": "cat"}, "digest")
    assert store.labels() == {"a": "cat"}


def test_one_process_at_a_time(path):
    code = (
        "import sys; from skstylefeat.labeling._label_store import Attribute, LabelStore\n"
        "store = LabelStore(sys.argv[1]); print('open', flush=True); input()"
    )
    with subprocess.Popen(
        [sys.executable, "-c", code, str(path)],
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        text=True,
    ) as other:
        assert other.stdout.readline() == "open\n"
        with pytest.raises(ValueError, match="open in another process"):
            LabelStore(path)
        other.kill()
        other.wait()
        other.stdin.close()
    LabelStore(path).close()


def test_one_session_at_a_time_in_the_same_process(path, store):
    with pytest.raises(ValueError, match="open in another process"):
        LabelStore(path)
    store.set_labels(["a"], "cat")


def test_files_of_other_kinds_are_refused_and_kept(path):
    path.parent.mkdir()
    path.write_bytes(b"no database, but long enough for the header of one" * 4)
    content = path.read_bytes()
    with pytest.raises(ValueError, match=r"labels\.sqlite is damaged .*--labels"):
        LabelStore(path)
    assert path.read_bytes() == content
    path.unlink()
    with closing(sqlite3.connect(path)) as other:
        other.execute("CREATE TABLE events (label)")
    with pytest.raises(ValueError, match="is not a file of labels"):
        LabelStore(path)
    path.unlink()
    path.mkdir()
    with pytest.raises(OSError, match=r"labels\.sqlite: unable to open"):
        LabelStore(path)


@pytest.mark.parametrize("damage", ["cut", "overwritten", "wrong kind"])
def test_damaged_files_are_refused_by_name(path, store, damage):
    store.import_labels({f"{i}.png": "cat" for i in range(500)}, "digest")
    store.close()
    if damage == "wrong kind":
        with closing(sqlite3.connect(path)) as connection, connection:
            connection.execute("PRAGMA ignore_check_constraints = ON")
            connection.execute("UPDATE events SET kind = 'jump' WHERE number = 9")
    else:
        content = path.read_bytes()
        half = len(content) // 2
        kept = content[:half] if damage == "cut" else content[:half] + b"\xff" * 4096
        path.write_bytes(kept + (b"" if damage == "cut" else content[half + 4096 :]))
    with pytest.raises(ValueError, match=r"labels\.sqlite is damaged \(.*\). Restore it"):
        LabelStore(path)
