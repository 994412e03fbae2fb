"""Texts of tables: encodings, delimiters, CelebA's attribute lists, NVIDIA's dataset.json."""

from __future__ import annotations

import codecs
import csv
import io
import json
import math
import re
import sys
import warnings
from pathlib import Path
from typing import NamedTuple

from skstylefeat._utils._csv_cells import unescape_cell

#: Names of the column of files, from the most to the least specific.
FILE_COLUMNS = ("file", "filename", "file_name", "image_id", "image", "path", "name")

#: More cells are refused: the list of 40 attributes of CelebA's 200,000 images has 8 million.
MOST_CELLS = 10_000_000

_DELIMITERS = (",", ";", "\t", "|")
# Never part of a name or a label. Halves of characters can only come from JSON.
_NO_TEXT = re.compile(r"[\x00-\x08\x0e-\x1f\ud800-\udfff]")
# Accented letters of Western Europe in UTF-8.
_UTF8_LETTER = re.compile(rb"[\xc3-\xc5][\x80-\xbf]")
_BYTE_ORDER_MARKS = (
    (codecs.BOM_UTF8, "utf-8-sig"),
    (codecs.BOM_UTF32_LE, "utf-32"),  # before UTF-16, whose mark it begins with
    (codecs.BOM_UTF32_BE, "utf-32"),
    (codecs.BOM_UTF16_LE, "utf-16"),
    (codecs.BOM_UTF16_BE, "utf-16"),
)


class Cells(NamedTuple):
    """Cells of a table.

    Attributes
    ----------
    header : list of str
    rows : list of list of str
    lines : list of int
        Line of each row in the file.
    """

    header: list[str]
    rows: list[list[str]]
    lines: list[int]


def quote(text: str) -> str:
    """Return a text in quotes, on one line, cut to 60 characters."""
    return repr(text) if len(text) <= 60 else repr(text[:57] + "...")


def decode_text(data: bytes, path: Path) -> str:
    """Return the text of a file in the encoding that its bytes show."""
    if data.startswith(b"PK\x03\x04"):
        raise ValueError(
            f"{path} is a workbook or zip archive, not text. Save the sheet as CSV (UTF-8)."
        )
    encoding = next((name for mark, name in _BYTE_ORDER_MARKS if data.startswith(mark)), "utf-8")
    # In UTF-16 without a mark nearly every second byte of Latin letters is zero.
    for start, name in ((0, "utf-16-be"), (1, "utf-16-le")):
        half = data[start:1000:2]
        if encoding == "utf-8" and half.count(0) > len(half) / 2:
            encoding = name

    # Files of old spreadsheets have no mark, and are not UTF-8 if they hold accented letters.
    for guess in (encoding, "cp1252") if encoding == "utf-8" else (encoding,):
        try:
            text = data.decode(guess)
            break
        except UnicodeDecodeError:
            continue
    else:
        raise ValueError(
            f"{path} is not text in UTF-8, UTF-16 or Windows-1252. Save it as CSV (UTF-8)."
        )
    if guess == "cp1252":
        if _UTF8_LETTER.search(data):
            raise ValueError(
                f"{path} mixes UTF-8 with another encoding, as joined files do. Save it as CSV "
                "(UTF-8)."
            )
        warnings.warn(
            f"{path} is not in UTF-8; it is read as Windows-1252 (Western European). If letters "
            "come out wrong, save it as UTF-8.",
            stacklevel=4,
        )
    if _NO_TEXT.search(text):
        raise ValueError(f"{path} holds control characters, so it is not a table of labels.")
    return text


def read_json(text: str, path: Path) -> Cells:
    """Return the files and labels of a dataset.json."""
    try:
        labels = json.loads(text, object_pairs_hook=_Pairs)["labels"]
        pairs = list(labels.pairs if isinstance(labels, _Pairs) else labels)
        rows = [[file, "" if label is None else label] for file, label in pairs]
    except (ValueError, KeyError, TypeError, RecursionError) as error:
        raise ValueError(
            f'{path} is not a dataset.json: expected {{"labels": [["file", label], ...]}} '
            f"({type(error).__name__})."
        ) from None

    for row in rows:
        file, label = row
        if isinstance(file, bool) or not isinstance(file, (str, int)):
            raise ValueError(
                f"{path}: a file name is a {type(file).__name__} instead of a text; its label is "
                f"{quote(str(label))}."
            )
        row[0] = str(file).strip()
        if not isinstance(label, (str, int, float)):
            kind = "dict" if isinstance(label, _Pairs) else type(label).__name__
            raise ValueError(
                f"{path}: the label of {quote(row[0])} is a {kind}; expected a text or a number."
            )
        row[1] = str(label).strip()
        if label in (math.inf, -math.inf) or _NO_TEXT.search("".join(row)):
            raise ValueError(
                f"{path}: {quote(row[0])} has the label {quote(row[1])}, which no number or text "
                "of a table can be."
            )
    return Cells(["file", "label"], rows, list(range(1, len(rows) + 1)))


class _Pairs:
    """An object of JSON, of which no entry is lost where a key occurs twice."""

    def __init__(self, pairs: list[tuple[str, object]]) -> None:
        self.pairs = pairs

    def __getitem__(self, key: str) -> object:
        found = [value for name, value in self.pairs if name == key]
        if len(found) != 1:
            raise KeyError(key)
        return found[0]


def read_text(text: str, path: Path) -> Cells:
    """Return the header, the rows and their lines of a table in text form."""
    # Rows and cells take many times the memory of their text.
    n_lines = text.count("\n") + text.count("\r")
    n_cells = n_lines + max(map(text.count, (*_DELIMITERS, " ")))
    if n_cells > MOST_CELLS:
        raise ValueError(
            f"{path} has more than {MOST_CELLS:,} cells, too many for a table of labels. Keep the "
            "columns and rows that you need."
        )
    first, _, rest = text.lstrip("\r\n").partition("\n")
    second = rest.partition("\n")[0]

    # CelebA's lists begin with the number of images; their header lacks a name for the files.
    if re.fullmatch(r"\s*\d+\s*", first) and len(second.split()) > 0:
        (header, *rows), lines = _split_words(rest, 2)
        n_images = len(rows)
        if len(first.strip()) > 9 or int(first) != n_images:
            warnings.warn(
                f"{path} announces {quote(first.strip())} images in its first line but lists "
                f"{n_images}.",
                stacklevel=4,
            )
        return Cells(["file", *header], rows, lines[1:])

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
        return _split_words(text, 1)

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
            if any(row):
                rows.append([sys.intern(unescape_cell(_stripped(cell))) for cell in row])
                numbers.append(reader.line_num)
    except csv.Error as error:
        raise ValueError(f"{path} is not a table: {error} in line {reader.line_num}.") from None
    return rows, numbers


def _stripped(cell: str) -> str:
    """Return a cell without blanks around it; ends of lines stay, as a sign of a stray quote."""
    return cell.strip(" \t") if "\n" in cell or "\r" in cell else cell.strip()


def _split_words(text: str, first: int) -> tuple[list[list[str]], list[int]]:
    """Return the words and the number of every line that is not blank, counted from `first`."""
    rows, numbers = [], []
    for number, line in enumerate(text.splitlines(), first):
        words = [sys.intern(word) for word in line.split()]
        if words:
            rows.append(words)
            numbers.append(number)
    return rows, numbers


def _without_blank_rows(rows: list[list[str]], lines: list[int]) -> Cells:
    """Return the header, and the rows that are not blank."""
    kept = [i for i, row in enumerate(rows) if any(row)]
    if not kept:
        return Cells([], [], [])
    first, *others = kept
    return Cells(rows[first], [rows[i] for i in others], [lines[i] for i in others])
