"""Tables of labels of image files."""

from __future__ import annotations

import math
import os
import re
import unicodedata
import warnings
from collections import Counter
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import NamedTuple

import numpy as np

from skstylefeat._utils._csv_cells import NUMBER
from skstylefeat._utils._labels import labeled_rows
from skstylefeat._utils._listing import IMAGE_SUFFIXES, suffix_of
from skstylefeat._utils._named_files import NamedFiles
from skstylefeat._utils._table_formats import FILE_COLUMNS, decode_text, quote, read_json, read_text
from skstylefeat._utils._typing import StrPath

#: A column with more different numbers than this holds quantities, not classes.
MOST_CLASSES = 10

_MOST_BYTES, _MOST_COLUMNS = 1 << 26, 10_000
_SHOWN_COLUMNS = 10
_SAMPLED_CELLS = 1000
_DECIMAL_COMMA = re.compile(r"[+-]?\d*,\d+", re.ASCII)
_THOUSANDS = re.compile(r"[+-]?[1-9]\d{0,2},\d{3}", re.ASCII)


class FileLabels(NamedTuple):
    """Labels of image files, one entry per file.

    Attributes
    ----------
    values : dict of str to list of str
        Labels by name of the image, in the order of the requested columns; "" where missing.
    lines : dict of str to int
        First line of the table that names the image.
    unmatched : list of str
        Files in the table that match no image, or several.
    """

    values: dict[str, list[str]]
    lines: dict[str, int]
    unmatched: list[str]


@dataclass(frozen=True)
class LabelTable:
    """A table of texts, as read by `read_label_table`.

    Attributes
    ----------
    path : Path
        The file; messages name it.
    header : list of str
        Names of the columns.
    rows : list of list of str
        Cells, without blanks around them.
    lines : list of int
        Line of each row in the file.
    """

    path: Path
    header: list[str]
    rows: list[list[str]]
    lines: list[int]

    def column(self, name: str) -> list[str]:
        """Return the cells of a column."""
        found = [i for i, other in enumerate(self.header) if other == name]
        if len(found) != 1:
            what = "no column" if not found else f"{len(found)} columns called"
            raise ValueError(f"{self.path} has {what} {quote(name)}; it has {self.column_names()}.")
        return [row[found[0]] for row in self.rows]

    def column_names(self) -> str:
        """Return the names of the columns for a message."""
        names = [quote(name) for name in self.header[:_SHOWN_COLUMNS]]
        more = ", ..." if len(self.header) > _SHOWN_COLUMNS else ""
        return f"the columns {', '.join(names)}{more}"

    def labels_of(self, names: Iterable[str], columns: Sequence[str]) -> FileLabels:
        """Return the labels of images.

        Parameters
        ----------
        names : iterable of str
            Paths of images inside a folder or archive, with slashes.
        columns : sequence of str
            Columns of labels.

        Raises
        ------
        ValueError
            If a column is missing, rows contradict each other, or several columns could hold the
            file names.
        """
        images = NamedFiles(names)
        position = self._file_column(images, columns)
        files = [row[position] for row in self.rows]
        labels = [self.column(name) for name in columns]
        for column in (files, *labels):
            self._check_lines(column)
        cells = [
            _one_spelling(column, name, self.path)
            for column, name in zip(labels, columns, strict=True)
        ]

        values: dict[str, list[str]] = {}
        lines: dict[str, int] = {}
        unmatched = []
        for i, name in enumerate(images.find_all(files)):
            if name is None:
                unmatched.append(files[i])
                continue

            # Rows of one file complete each other, but must not disagree.
            known = values.setdefault(name, [""] * len(columns))
            lines.setdefault(name, self.lines[i])
            for k, column in enumerate(cells):
                if column[i] and known[k] and column[i] != known[k]:
                    raise ValueError(
                        f"{self.path} has two labels for {quote(name)} in the column "
                        f"{quote(columns[k])}: {quote(known[k])} and, in line {self.lines[i]}, "
                        f"{quote(column[i])}. Remove the wrong one."
                    )
                known[k] = known[k] or column[i]
        return FileLabels(values, lines, unmatched)

    def file_column(self, names: Iterable[str] = ()) -> str:
        """Return the name of the column that holds the file names."""
        return self.header[self._file_column(NamedFiles(names), ())]

    def _file_column(self, images: NamedFiles, labels: Sequence[str]) -> int:
        """Return the position of the column that holds the file names."""
        lowered = [name.lower() for name in self.header]
        known = [lowered.index(name) for name in FILE_COLUMNS if name in lowered]
        for i in known:
            if lowered.count(lowered[i]) > 1 and self.header[i] not in labels:
                raise ValueError(
                    f"{self.path} has {lowered.count(lowered[i])} columns called "
                    f"{quote(self.header[i])}, of which one only can hold the file names."
                )
        others = [
            i for i, name in enumerate(self.header) if i not in known and name not in labels
        ] or [0]

        # Columns with a usual name come first; row numbers elsewhere may look like stems.
        for columns in (known, others):
            scores = {}
            for i in columns:
                texts = list(dict.fromkeys(row[i] for row in self.rows))
                # Tables may have thousands of other columns.
                step = 1 if columns is known else 1 + len(texts) // _SAMPLED_CELLS
                scores[i] = images.count(texts[::step])
            best = max(scores.values(), default=(0, 0))
            tied = [i for i, score in scores.items() if score == best]
            if best == (0, 0):
                continue
            if len(tied) > 1 and columns is others:
                raise ValueError(
                    f"{self.path}: the columns {quote(self.header[tied[0]])} and "
                    f"{quote(self.header[tied[1]])} both name images. Call the right one 'file'."
                )
            if columns is others and images.find(self.header[tied[0]]) is not None:
                self._raise_no_header(self.header[tied[0]])
            return tied[0]
        return (known or others)[0]

    def _check_lines(self, cells: list[str]) -> None:
        """Refuse names and labels of several lines, which may be rows between two stray quotes."""
        for line, cell in zip(self.lines, cells, strict=True):
            if "\n" in cell or "\r" in cell:
                raise ValueError(
                    f"{self.path}: a cell that ends in line {line} spans several lines: "
                    f"{quote(cell)}. Close the quotes of the lines before, or remove them."
                )

    def _raise_no_header(self, cell: str) -> None:
        raise ValueError(
            f"{self.path} has no header: its first line names the image {quote(cell)}. Put a line "
            "such as file,label above it."
        )


def to_number(text: str) -> float | None:
    """Return the finite number that a text writes, with a decimal point or comma, or None."""
    text = text.strip().replace("\u2212", "-")
    if _DECIMAL_COMMA.fullmatch(text):
        text = text.replace(",", ".")
    if not NUMBER.fullmatch(text):
        return None
    number = float(text)
    return number if math.isfinite(number) else None


def may_be_thousands(text: str) -> bool:
    """Return whether the comma in a number may separate thousands: 1,234 but not 1,5."""
    return _THOUSANDS.fullmatch(text.strip()) is not None


def _one_spelling(cells: list[str], column: str, path: Path) -> list[str]:
    """Return labels in one spelling each ("Yes", "yes"; "1", "1.0"), and "" where missing."""
    present = labeled_rows(np.array(cells, dtype=object))
    cells = [cell if there else "" for cell, there in zip(cells, present, strict=True)]
    counts = Counter(filter(None, cells))
    spellings: dict[object, list[str]] = {}
    for text in sorted(counts, key=lambda text: (-counts[text], text)):
        number = to_number(text)
        key = _folded(text) if number is None else number
        spellings.setdefault(key, []).append(text)

    # Numbers may be written in several ways, but classes should not.
    is_quantity = sum(isinstance(key, float) for key in spellings) > MOST_CLASSES
    several = [texts for texts in spellings.values() if len(texts) > 1]
    if several and not is_quantity:
        first = several[0]
        warnings.warn(
            f"{path} writes {len(several)} labels in the column {quote(column)} in several ways, "
            f"such as {quote(first[0])} and {quote(first[1])}. They count as one class, "
            f"{quote(first[0])}.",
            stacklevel=4,
        )
    one = {text: texts[0] for texts in spellings.values() for text in texts}
    return [one.get(cell, "") for cell in cells]


def _folded(text: str) -> str:
    """Return a text without what a reader does not see: case, normal form, invisible characters."""
    visible = "".join(char for char in text if unicodedata.category(char) != "Cf")
    return " ".join(unicodedata.normalize("NFC", visible).lower().split())


def read_label_table(path: StrPath) -> LabelTable:
    """Read a table of labels.

    The formats are text with a header line and commas, semicolons, tabs, bars or blanks between
    cells; CelebA's ``list_attr`` files; and the ``dataset.json`` of NVIDIA's tools. The encoding is
    UTF-8, UTF-16 or UTF-32, or else Windows-1252, with a warning.

    Parameters
    ----------
    path : path-like

    Raises
    ------
    FileNotFoundError
        If there is no such file.
    ValueError
        If it is not a table, or is ambiguous.
    """
    path = Path(path).expanduser()
    try:
        is_file = path.is_file()
    except OSError:  # a name that is too long
        is_file = False
    if not is_file:
        what = "is not a file" if os.path.exists(path) else "does not exist"
        raise FileNotFoundError(f"The table of labels {str(path)[-200:]!r} {what}.")
    with path.open("rb") as file:
        data = file.read(_MOST_BYTES + 1)
    if len(data) > _MOST_BYTES:
        raise ValueError(f"{path} is larger than {_MOST_BYTES >> 20} MB, not a label table.")
    text = decode_text(data, path)
    read = read_json if text.lstrip().startswith("{") else read_text
    table = LabelTable(path, *read(text, path))
    header, rows, lines = table.header, table.rows, table.lines
    if len(header) < 2 or not rows or len(header) > _MOST_COLUMNS:
        raise ValueError(
            f"{path} needs a header, a column of file names and one of labels; found "
            f"{len(header)} columns and {len(rows)} rows below the header "
            f"{quote(' '.join(header[:_SHOWN_COLUMNS]))}."
        )

    # A header of file names is the first row of a table without one.
    for cell in header:
        if suffix_of(cell) in IMAGE_SUFFIXES:
            table._raise_no_header(cell)
    for number, row in zip(lines, rows, strict=True):
        if len(row) != len(header):
            raise ValueError(
                f"{path}, row {number}: {len(row)} cells, but the header has {len(header)}."
            )
    return table
