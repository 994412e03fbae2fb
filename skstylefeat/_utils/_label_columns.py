"""Columns of a label table: numbers, or names of classes."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Literal

import numpy as np
from numpy.typing import NDArray

from skstylefeat._utils._label_tables import MOST_CLASSES, may_be_thousands, to_number
from skstylefeat._utils._table_formats import quote

#: Whole numbers below this may be grades or codes of classes.
_SMALLEST_VALUE = 10


def kind_of_labels(texts: Sequence[str]) -> Literal["number", "class"]:
    """Guess whether labels, which may be very few, are numbers or names of classes.

    They are numbers if all can be read as such, and there are more than 10 different ones, or one
    is not whole, or more than half of them differ and one is 10 or more.

    Examples
    --------
    >>> from skstylefeat._utils._label_columns import kind_of_labels
    >>> kind_of_labels(["23", "61"]), kind_of_labels(["0", "1"]), kind_of_labels(["1.5", "2"])
    ('number', 'class', 'number')
    """
    numbers = [to_number(text) for text in texts]
    values = {number for number in numbers if number is not None}
    if len(values) > MOST_CLASSES:
        return "number"
    if not values or None in numbers:
        return "class"
    if any(value != int(value) for value in values):
        return "number"
    spread = max(map(abs, values)) >= _SMALLEST_VALUE
    return "number" if spread and len(values) > len(numbers) / 2 else "class"


def read_numbers(texts: Sequence[str], places: Sequence[str] = ()) -> NDArray[np.float64]:
    """Return texts as numbers.

    Parameters
    ----------
    texts : sequence of str
        Cells, with a decimal point or comma.
    places : sequence of str, default=()
        Names of the cells in messages.

    Raises
    ------
    ValueError
        If a cell is not a number, or commas may be decimal or separate thousands.
    """
    numbers = [to_number(text) for text in texts]

    def place(i: int) -> str:
        return f" of {places[i]}" if len(places) else ""

    for i, number in enumerate(numbers):
        if number is None:
            raise ValueError(
                f"the cell {quote(texts[i])}{place(i)} is not a number, but the others are. "
                "Correct it, or leave it empty where the value is not known."
            )
    commas = [i for i, text in enumerate(texts) if "," in text]
    if commas and all(may_be_thousands(texts[i]) for i in commas):
        raise ValueError(
            f"the cell {quote(texts[commas[0]])}{place(commas[0])} may mean thousands or three "
            "decimals. Write numbers without a separator of thousands, and with a decimal point."
        )
    return np.asarray(numbers, dtype=np.float64)
