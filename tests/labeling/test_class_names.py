"""Tests of the names of classes and their keys."""

import pytest

from skstylefeat.exceptions import LabelConflictError
from skstylefeat.labeling._class_names import check_class, class_keys


@pytest.mark.parametrize("name", ["cat", "no glasses", "übel", "b" * 60, "a\u200db"])
def test_names_of_classes(name):
    assert check_class(name) == name


@pytest.mark.parametrize(
    ("name", "message"),
    [
        (" bird", "' bird' cannot be a class: give a name without spaces at its ends"),
        ("", "cannot be a class"),
        (None, "None cannot be a class"),
        ("b" * 61, "has 61 characters; at most 60"),
        ("a\nb", "control characters"),
        ("\ud800", "control characters"),
    ],
)
def test_refused_names(name, message):
    with pytest.raises(LabelConflictError, match=message):
        check_class(name)


def test_keys_of_classes():
    assert class_keys(["male", "female", "no glasses", "mixed"]) == [
        ["1", "m"],
        ["2", "f"],
        ["3", "o"],
        ["4", "i"],
    ]
    many = class_keys([f"{i}" for i in range(30)])
    letters = [keys[-1] for keys in many if keys and keys[-1].isalpha()]
    assert len(letters) == len(set(letters)) == 15 and not set(letters) & set("acdnprsuvxz")
    assert many[0] == ["1", "b"] and many[9] == ["m"] and many[29] == []
