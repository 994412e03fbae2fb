"""Names of classes, and the keys of the page that choose them."""

from __future__ import annotations

import unicodedata
from collections.abc import Sequence
from string import ascii_lowercase

from skstylefeat.exceptions import LabelConflictError

MAX_CLASS_LENGTH = 60
# The page uses these keys itself, so no class gets them.
RESERVED_LETTERS = "acdnprsuvxz"


def check_class(name: object) -> str:
    """Return the name of a class, or raise `LabelConflictError` if it is not a valid one."""
    if not isinstance(name, str) or not name.strip() or name != name.strip():
        raise LabelConflictError(
            f"{name!r} cannot be a class: give a name without spaces at its ends."
        )
    if len(name) > MAX_CLASS_LENGTH:
        raise LabelConflictError(
            f"The class {name[:20]!r}... has {len(name)} characters; at most {MAX_CLASS_LENGTH} "
            "are allowed."
        )
    # Cc: control characters. Cs: surrogates, which are not characters and cannot be stored.
    if any(unicodedata.category(letter) in ("Cc", "Cs") for letter in name):
        raise LabelConflictError(f"{name!r} cannot be a class: it contains control characters.")
    return name


def class_keys(classes: Sequence[str]) -> list[list[str]]:
    """Return the keys that choose each class: a digit for the first nine, and a letter.

    Parameters
    ----------
    classes : list of str
        A class gets the first letter of its name that is still free, else the first free letter
        of the alphabet. The page's own keys are never free.

    Returns
    -------
    list of list of str
    """
    taken = set(RESERVED_LETTERS)
    keys = []
    for place, name in enumerate(classes, start=1):
        in_name = [letter for letter in name.lower() if letter in ascii_lowercase]
        free = [letter for letter in [*in_name, *ascii_lowercase] if letter not in taken]
        taken.update(free[:1])
        keys.append([str(place), *free[:1]] if place <= 9 else free[:1])
    return keys
