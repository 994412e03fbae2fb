"""Targets of a model: columns of a label table, matched to photos."""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, Literal

import numpy as np
from numpy.typing import NDArray

from skstylefeat._utils._label_columns import kind_of_labels, read_numbers
from skstylefeat._utils._label_tables import read_label_table
from skstylefeat._utils._table_formats import quote
from skstylefeat._utils._typing import StrPath
from skstylefeat.metrics._group_scores import check_groups

#: Columns of the table of predictions that no target may be called.
RESERVED_NAMES = ("file", "in_domain", "readable", "note")
KINDS = ("number", "class")
MOST_NAMES = 20  # more different texts are no classes


@dataclass(frozen=True)
class LabeledTarget:
    """One target and the labels of some of the photos.

    Attributes
    ----------
    name : str
    kind : {"number", "class"}
    labels : ndarray of shape (n,)
        Of all photos: float64 with NaN, or texts with None, where there is no label.
    is_guessed : bool
        Whether `kind` was guessed from the labels.
    """

    name: str
    kind: Literal["number", "class"]
    labels: NDArray[Any]
    is_guessed: bool = False

    @property
    def labeled(self) -> NDArray[np.intp]:
        """Rows with a label."""
        if self.kind == "number":
            return np.flatnonzero(~np.isnan(self.labels))
        return np.flatnonzero([label is not None for label in self.labels])

    @property
    def counts(self) -> dict[str, int]:
        """Number of labels of each class, the commonest first; empty for numbers."""
        if self.kind == "number":
            return {}
        return dict(Counter(self.labels[self.labeled].tolist()).most_common())


def split_spec(spec: str) -> tuple[str, str | None]:
    """Split ``name:number`` or ``name:class`` into column and kind; None leaves the kind open."""
    name, _, kind = spec.rpartition(":")
    return (name, kind) if name and kind in KINDS else (spec, None)


def read_targets(
    labels: StrPath, names: Sequence[str], specs: Sequence[str]
) -> tuple[list[LabeledTarget], list[str]]:
    """Read the labels of photos.

    Parameters
    ----------
    labels : path-like
        Table of labels.
    names : sequence of str
        Names of all photos.
    specs : sequence of str
        Columns, each with ``:number`` or ``:class`` behind its name where the kind is given.

    Returns
    -------
    targets : list of LabeledTarget
    notes : list of str
        Rows of the table that match no photo.

    Raises
    ------
    ValueError
        If a column is missing, or has too few labels: two numbers, or one label of each of two
        classes.
    """
    columns = [split_spec(spec)[0] for spec in specs]
    for name in columns:
        if name in RESERVED_NAMES or columns.count(name) > 1:
            problem = "is given twice" if columns.count(name) > 1 else "is a column of the results"
            raise ValueError(f"The target {quote(name)} {problem}. Give it another name.")
    table = read_label_table(labels)
    found = table.labels_of(names, columns)

    notes = []
    if found.unmatched:
        notes.append(
            f"{len(found.unmatched)} of {len(table.rows)} rows of {table.path} name none of the "
            f"photos, or several, such as {quote(found.unmatched[0])}."
        )
    targets = []
    for k, spec in enumerate(specs):
        texts = [found.values.get(name, [""] * len(columns))[k] for name in names]
        places = [f"{quote(name)} in line {found.lines.get(name)}" for name in names]
        try:
            targets.append(_target(columns[k], split_spec(spec)[1], texts, places))
        except ValueError as error:
            hint = f" {notes[0]} A photo is called {quote(names[0])}." if notes else ""
            raise ValueError(f"{table.path}, column {quote(columns[k])}: {error}{hint}") from error
    return targets, notes


def read_groups(labels: StrPath, names: Sequence[str], column: str) -> NDArray[Any]:
    """Read the group of each photo, "" where there is none.

    Raises
    ------
    ValueError
        If the column is missing, or holds fewer than two or more than 50 groups.
    """
    table = read_label_table(labels)
    found = table.labels_of(names, [column])
    groups = np.array([found.values.get(name, [""])[0] for name in names])
    try:
        check_groups(groups)
    except ValueError as error:
        raise ValueError(f"{table.path}, column {quote(column)}: {error}") from error
    return groups


def _target(name, kind, texts, places):
    rows = [i for i, text in enumerate(texts) if text]
    present = [texts[i] for i in rows]
    guessed = kind is None
    kind = kind or kind_of_labels(present)
    if kind == "number":
        labels = np.full(len(texts), np.nan)
        labels[rows] = read_numbers(present, [places[i] for i in rows])
    else:
        labels = np.full(len(texts), None, dtype=object)
        labels[rows] = present
    target = LabeledTarget(name, kind, labels, guessed)
    check_labels(target)
    return target


def check_labels(target: LabeledTarget) -> None:
    """Raise ValueError if a target has too few labels, or too many classes."""
    labels = target.labels[target.labeled]
    n, different = len(labels), len(set(labels.tolist()))
    if different >= 2:
        if target.kind == "class" and different > MOST_NAMES:
            raise ValueError(
                f"{different} different texts, such as {quote(str(labels[0]))}, are too many for "
                f"classes. If these are numbers, write {target.name}:number."
            )
        return
    needed = (
        "two photos with different numbers"
        if target.kind == "number"
        else "one labeled photo of each of two classes"
    )
    have = f"{n} photos have a label" + (f", all of them {labels[0]}" if n else "")
    raise ValueError(f"{have}; at least {needed} are needed.")
