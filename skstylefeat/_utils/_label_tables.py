"""Tables of labels: CSV and similar files, CelebA's attribute lists, NVIDIA's dataset.json."""

from __future__ import annotations

import codecs
import csv
import io
import json
import math
import re
import unicodedata
import warnings
from collections import Counter
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import NamedTuple

import numpy as np

from skstylefeat._utils._csv_cells import unescape_cell
from skstylefeat._utils._labels import labeled_rows
from skstylefeat._utils._listing import IMAGE_SUFFIXES, UNREAD_IMAGE_SUFFIXES, suffix_of
from skstylefeat._utils._typing import StrPath

#: Names of the column of files, from the most to the least specific.
FILE_COLUMNS = ("file", "filename", "file_name", "image_id", "image", "path", "name")
#: A column with more different numbers than this holds quantities, not classes.
MOST_CLASSES = 10

_DELIMITERS = (",", ";", "\t", "|")
_MOST_BYTES, _MOST_COLUMNS = 1 << 28, 10_000
_SHOWN_COLUMNS = 10
_BYTE_ORDER_MARKS = (
    (codecs.BOM_UTF8, "utf-8-sig"),
    (codecs.BOM_UTF32_LE, "utf-32"),  # before UTF-16, whose mark it begins with
    (codecs.BOM_UTF32_BE, "utf-32"),
    (codecs.BOM_UTF16_LE, "utf-16"),
    (codecs.BOM_UTF16_BE, "utf-16"),
)
_NUMBER = re.compile(r"[+-]?(\d+\.?\d*|\.\d+)([eE][+-]?\d+)?", re.ASCII)
_DECIMAL_COMMA = re.compile(r"[+-]?\d*,\d+", re.ASCII)
_THOUSANDS = re.compile(r"[+-]?[1-9]\d{0,2},\d{3}", re.ASCII)


class FileLabels(NamedTuple):
    """Labels of image files, one entry per file.

    Attributes
    ----------
    values : dict of str to list of str
        Labels by name of the image, in the order of the columns asked for; "" where missing.
    lines : dict of str to int
        Line of the table that names the image first.
    unmatched : list of str
        Files in the table that mean no image, or more than one.
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
        files = [row[self._file_column(images, columns)] for row in self.rows]
        cells = [_one_spelling(self.column(name), name, self.path) for name in columns]
        values: dict[str, list[str]] = {}
        lines: dict[str, int] = {}
        unmatched = []
        for i, name in enumerate(_best_matches(files, images)):
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
        others = [
            i for i, name in enumerate(self.header) if i not in known and name not in labels
        ] or [0]

        # A column with a usual name comes first; row numbers elsewhere may look like stems.
        for columns in (known, others):
            scores = {i: images.count({row[i] for row in self.rows}) for i in columns}
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

    def _raise_no_header(self, cell: str) -> None:
        raise ValueError(
            f"{self.path} has no header: its first line names the image {quote(cell)}. Put a line "
            "such as file,label above it."
        )


class NamedFiles:
    """Image files, found by the names that tables give them.

    A name means an image if, from the end, their paths agree as far as both go. It may be written
    with backslashes, in another Unicode normal form, in another case, without suffix, or with the
    suffix of another image format, as long as only one image fits best.

    Parameters
    ----------
    names : iterable of str
        Paths inside a folder or archive, with slashes.
    """

    def __init__(self, names: Iterable[str]) -> None:
        self._names = set(names)
        split = {name: _parts(name) for name in self._names}
        # A folder that holds all images may have had another name when the table was written.
        folders = [parts[:-1] for parts in split.values()]
        n_common = 0
        if folders:
            low, high = min(folders), max(folders)
            while n_common < min(len(low), len(high)) and low[n_common] == high[n_common]:
                n_common += 1

        self._levels: list[dict[str, list[tuple[str, list[str]]]]] = [{}, {}, {}]
        for name, parts in split.items():
            folded = [part.lower() for part in parts]
            stem = folded[-1].removesuffix(suffix_of(folded[-1]))
            for level, end in enumerate((parts[-1], folded[-1], stem)):
                entry = (name, parts[:-1] if level == 0 else folded[:-1])
                self._levels[level].setdefault(end, []).append(entry)
        self._n_common = n_common

    def find(self, text: str) -> tuple[str, int] | None:
        """Return the image that a text means, or None.

        With it comes how far the text is from the name: 0 for the same file name, 1 for another
        case, 2 for another suffix.
        """
        if text in self._names:
            return text, 0
        parts = _parts(text)
        if not parts:
            return None
        folded = [part.lower() for part in parts]
        ends = [(0, parts, parts[-1]), (1, folded, folded[-1]), (2, folded, folded[-1])]
        suffix = suffix_of(folded[-1])
        if suffix in IMAGE_SUFFIXES or suffix in UNREAD_IMAGE_SUFFIXES:
            ends.append((2, folded, folded[-1].removesuffix(suffix)))

        for level, path, end in ends:
            fits = {}
            for name, folders in self._levels[level].get(end, ()):
                score = self._agreement(path[:-1], folders)
                if score is not None:
                    fits[name] = score
            if fits:
                best = [name for name, score in fits.items() if score == max(fits.values())]
                return (best[0], level) if len(best) == 1 else None
        return None

    def count(self, texts: Iterable[str]) -> tuple[int, int]:
        """Return how many images the texts mean: with their suffix, and in all."""
        found = [match for match in map(self.find, texts) if match is not None]
        return len({name for name, level in found if level < 2}), len({name for name, _ in found})

    def _agreement(self, wanted: list[str], folders: list[str]) -> tuple[int, bool] | None:
        """Return how many folders of two paths agree from the end, or None if some differ."""
        for known in (folders, folders[self._n_common :]):
            n = min(len(wanted), len(known))
            if wanted[len(wanted) - n :] == known[len(known) - n :]:
                return n, len(wanted) == len(known)
        return None


def _parts(name: str) -> list[str]:
    """Split a path of any system into its parts."""
    parts = re.split(r"[/\\]", unicodedata.normalize("NFC", name))
    return [part for part in parts if part not in ("", ".", "..")]


def _best_matches(files: Sequence[str], images: NamedFiles) -> list[str | None]:
    """Return the image that each text means; another text for the same image must fit as well."""
    cache = {text: images.find(text) for text in set(files)}
    nearest: dict[str, int] = {}
    for match in filter(None, cache.values()):
        nearest[match[0]] = min(match[1], nearest.get(match[0], match[1]))
    found = [cache[text] for text in files]
    return [match[0] if match and match[1] == nearest[match[0]] else None for match in found]


def quote(text: str) -> str:
    """Return a text in quotes, on one line, cut to 60 characters."""
    return repr(text) if len(text) <= 60 else repr(text[:57] + "...")


def to_number(text: str) -> float | None:
    """Return the finite number that a text writes, with a decimal point or comma, or None."""
    text = text.strip().replace("\u2212", "-")
    if _DECIMAL_COMMA.fullmatch(text):
        text = text.replace(",", ".")
    if not _NUMBER.fullmatch(text):
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
        key = unicodedata.normalize("NFC", text).lower() if number is None else number
        spellings.setdefault(key, []).append(text)

    # Numbers may be written in many ways, but classes had better not be.
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


def read_label_table(path: StrPath) -> LabelTable:
    """Read a table of labels.

    Known are texts with a header line and commas, semicolons, tabs, bars or blanks between cells;
    CelebA's ``list_attr`` files; and the ``dataset.json`` of NVIDIA's tools. The encoding is
    UTF-8, UTF-16 or UTF-32, or else Windows-1252, with a warning.

    Parameters
    ----------
    path : path-like

    Raises
    ------
    FileNotFoundError
        If there is no such file.
    ValueError
        If it is no table, or can be read in two ways.
    """
    path = Path(path).expanduser()
    if not path.is_file():
        raise FileNotFoundError(f"The table of labels {str(path)!r} does not exist.")
    if path.stat().st_size > _MOST_BYTES:
        raise ValueError(f"{path} is larger than {_MOST_BYTES >> 20} MB, so it is no label table.")
    text = _decode(path.read_bytes(), path)
    if text.lstrip().startswith("{"):
        header, rows, lines = _read_json(text, path)
    else:
        header, rows, lines = _read_text(text, path)

    # A header of file names is the first row of a table without one.
    table = LabelTable(path, header, rows, lines)
    if len(header) < 2 or not rows or len(header) > _MOST_COLUMNS:
        raise ValueError(
            f"{path} needs a header, a column of file names and one of labels; found "
            f"{len(header)} columns and {len(rows)} rows below the header "
            f"{quote(' '.join(header[:_SHOWN_COLUMNS]))}."
        )
    for cell in header:
        if suffix_of(cell) in IMAGE_SUFFIXES:
            table._raise_no_header(cell)
    for number, row in zip(lines, rows, strict=True):
        if len(row) != len(header):
            raise ValueError(
                f"{path}, row {number}: {len(row)} cells, but the header has {len(header)}."
            )
    return table


def _decode(data: bytes, path: Path) -> str:
    """Return the text of a file in the encoding that its bytes show."""
    if data.startswith(b"PK\x03\x04"):
        raise ValueError(
            f"{path} is a workbook or zip archive, not a text. Save the sheet as CSV (UTF-8)."
        )
    encoding = next((name for mark, name in _BYTE_ORDER_MARKS if data.startswith(mark)), "utf-8")
    # In UTF-16 without a mark nearly every second byte of Latin letters is zero.
    for start, name in ((0, "utf-16-be"), (1, "utf-16-le")):
        half = data[start:1000:2]
        if encoding == "utf-8" and half.count(0) > len(half) / 2:
            encoding = name
    try:
        text = data.decode(encoding)
    except UnicodeDecodeError:
        try:
            if encoding != "utf-8":
                raise ValueError
            text = data.decode("cp1252")
        except ValueError:
            raise ValueError(
                f"{path} is no text in UTF-8, UTF-16 or Windows-1252. Save it as CSV (UTF-8)."
            ) from None
        warnings.warn(
            f"{path} is not in UTF-8; it is read as Windows-1252 (Western European). If letters "
            "come out wrong, save it as UTF-8.",
            stacklevel=4,
        )
    if re.search(r"[\x00-\x08\x0e-\x1f]", text):
        raise ValueError(f"{path} holds control characters, so it is no text of labels.")
    return text


def _read_json(text: str, path: Path) -> tuple[list[str], list[list[str]], list[int]]:
    """Return the files and labels of a dataset.json."""
    try:
        labels = json.loads(text)["labels"]
        pairs = list(labels.items() if isinstance(labels, dict) else labels)
        rows = [[str(file), "" if label is None else label] for file, label in pairs]
    except (ValueError, KeyError, TypeError, RecursionError) as error:
        raise ValueError(
            f'{path} is no dataset.json: expected {{"labels": [["file", label], ...]}} '
            f"({type(error).__name__})."
        ) from None
    for row in rows:
        if not isinstance(row[1], (str, int, float)):
            raise ValueError(
                f"{path}: the label of {quote(row[0])} is a {type(row[1]).__name__}; expected a "
                "text or a number."
            )
        row[1] = str(row[1]).strip()
    return ["file", "label"], rows, list(range(1, len(rows) + 1))


def _read_text(text: str, path: Path) -> tuple[list[str], list[list[str]], list[int]]:
    """Return the header, the rows and their lines of a table in text form."""
    first, _, rest = text.lstrip("\r\n").partition("\n")
    second = rest.partition("\n")[0]
    # CelebA's lists begin with the number of images; their header lacks a name for the files.
    if re.fullmatch(r"\s*\d+\s*", first) and len(second.split()) > 0:
        rows = [line.split() for line in rest.splitlines()]
        table = [["file", *rows[0]], *rows[1:]], list(range(2, len(rows) + 2))
        n_images = sum(map(bool, rows[1:]))
        if len(first.strip()) > 9 or int(first) != n_images:
            warnings.warn(
                f"{path} announces {quote(first.strip())} images in its first line but lists "
                f"{n_images}.",
                stacklevel=4,
            )
        return _without_blank_rows(*table)

    # Excel's first line "sep=;" names the delimiter.
    named = re.fullmatch(r"sep=(.)\s*", first)
    if named:
        return _without_blank_rows(*_split_cells("\n" + rest, named[1], path))
    return _without_blank_rows(*_find_cells(text, first, path))


def _find_cells(text: str, first: str, path: Path) -> tuple[list[list[str]], list[int]]:
    """Split a text at the delimiter that its header line shows."""
    tables, errors = {}, []
    for delimiter in _DELIMITERS:
        if delimiter in first:
            try:
                tables[delimiter] = _split_cells(text, delimiter, path)
            except ValueError as error:
                errors.append(error)
    if not tables and errors:
        raise errors[0]
    if not tables:
        rows = [line.split() for line in text.splitlines()]
        return rows, list(range(1, len(rows) + 1))

    # Of several, the right one gives rows of equal length or a column with a usual name.
    even = [d for d, (rows, _) in tables.items() if len({len(row) for row in rows if row}) == 1]
    left = even if len(tables) > 1 and even else list(tables)
    if len(left) > 1:
        headers = {d: next((row for row in tables[d][0] if any(row)), []) for d in left}
        named = [d for d in left if any(cell.lower() in FILE_COLUMNS for cell in headers[d])]
        left = named or left
    if len(left) > 1:
        raise ValueError(
            f"{path} can be split at {left[0]!r} or at {left[1]!r}: its header is {quote(first)}. "
            "Save it with one kind of delimiter."
        )
    return tables[left[0]]


def _split_cells(text: str, delimiter: str, path: Path) -> tuple[list[list[str]], list[int]]:
    """Return the cells and line of every row."""
    # Strict: a quote that is never closed would swallow all rows after it.
    lines = io.StringIO(text, newline="")
    reader = csv.reader(lines, delimiter=delimiter, strict=True, skipinitialspace=delimiter != " ")
    try:
        rows, numbers = [], []
        for row in reader:
            rows.append([unescape_cell(cell.strip()) for cell in row])
            numbers.append(reader.line_num)
    except csv.Error as error:
        raise ValueError(f"{path} is no table: {error} in line {reader.line_num}.") from None
    return rows, numbers


def _without_blank_rows(
    rows: list[list[str]], lines: list[int]
) -> tuple[list[str], list[list[str]], list[int]]:
    """Return the header, the rows that hold something, and their lines."""
    kept = [i for i, row in enumerate(rows) if any(row)]
    if not kept:
        return [], [], []
    first, *others = kept
    return rows[first], [rows[i] for i in others], [lines[i] for i in others]
