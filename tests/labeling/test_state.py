"""What labels are known: corrections, undoing, classes and their keys."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from skstylefeat.labeling._state import LabelState, RefusedError, class_keys
from tests.support.labeling import say

CLASSES = {"op": "classes", "names": ["cat", "dog"]}


def state_of(*entries):
    state = LabelState()
    for entry in entries:
        if state.changes(entry):
            state.apply(entry)
    return state


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
