"""Prediction targets: classes or numbers, for the training and the test images."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from skstylefeat._utils._label_columns import read_numbers
from skstylefeat._utils._label_tables import MOST_CLASSES, to_number
from skstylefeat._utils._table_formats import quote


@dataclass(frozen=True)
class Target:
    """One column of labels.

    Attributes
    ----------
    name : str
    y_train, y_test : ndarray of shape (n,)
        Classes as strings, or numbers as float64.
    unit : str
        Unit of a number.
    groups_test : ndarray of shape (n_test,) or None
        Group of each test image as a text, "" where it has none, for tables by group.
    group_name : str
        Name of the groups.
    """

    name: str
    y_train: NDArray[Any]
    y_test: NDArray[Any]
    unit: str = ""
    groups_test: NDArray[Any] | None = None
    group_name: str = "group"

    @property
    def is_number(self) -> bool:
        """Whether the column holds numbers to regress."""
        return self.y_train.dtype.kind == "f"

    @property
    def is_binary(self) -> bool:
        """Whether the column holds two classes."""
        return not self.is_number and len(np.unique(self.y_train)) == 2

    @property
    def label(self) -> str:
        """Name and unit."""
        return f"{self.name} ({self.unit})" if self.unit else self.name


def read_column(texts: Sequence[str], places: Sequence[str] = ()) -> NDArray[Any]:
    """Return a column as numbers if more than `MOST_CLASSES` different ones occur, else as strings.

    Parameters
    ----------
    texts : sequence of str
        Cells, with a decimal point or comma in numbers.
    places : sequence of str, default=()
        Names of the cells in messages.

    Returns
    -------
    ndarray of float64 or str

    Raises
    ------
    ValueError
        If a column of numbers holds a cell that is not a number, or commas that may be decimal or
        separate thousands.

    Examples
    --------
    >>> from skstylefeat.experiments._targets import read_column
    >>> read_column(["0", "1", "1"])
    array(['0', '1', '1'], dtype='<U1')
    >>> read_column([f"{year},5" for year in range(20, 32)])[:2]
    array([20.5, 21.5])
    """
    texts = [str(text).strip() for text in texts]
    numbers = [to_number(text) for text in texts]
    if len({number for number in numbers if number is not None}) <= MOST_CLASSES:
        return np.asarray(texts)
    return read_numbers(texts, places)


def check_target(target: Target) -> None:
    """Raise ValueError if a target cannot be learned or tested."""
    if target.is_number:
        return
    classes, counts = np.unique(target.y_train, return_counts=True)
    if len(classes) < 2:
        raise ValueError(
            f"The target {target.name!r} has one class only, {quote(str(classes[0]))}, among the "
            "training images. Give images of two classes or more, or another column."
        )
    if len(classes) > 2 * MOST_CLASSES:
        raise ValueError(
            f"The target {target.name!r} has {len(classes)} different strings, such as "
            f"{quote(str(classes[0]))}: too many for classes, and they are not all numbers."
        )
    if counts.min() < 2:
        raise ValueError(
            f"The target {target.name!r} has {counts.min()} training image of the class "
            f"{quote(str(classes[counts.argmin()]))}; the selection of channels needs at least 2 "
            "of each class."
        )
