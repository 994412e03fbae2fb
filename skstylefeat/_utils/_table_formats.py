"""Texts of tables: encodings, delimiters, CelebA's attribute lists, NVIDIA's dataset.json."""

from __future__ import annotations

import codecs
import csv
import io
import json
import re
import warnings
from pathlib import Path
from typing import NamedTuple

from skstylefeat._utils._csv_cells import unescape_cell

#: Names of the column of files, from the most to the least specific.
FILE_COLUMNS = ("file", "filename", "file_name", "image_id", "image", "path", "name")

_DELIMITERS = (",", ";", "\t", "|")
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
        warnings.warn(
            f"{path} is not in UTF-8; it is read as Windows-1252 (Western European). If letters "
            "come out wrong, save it as UTF-8.",
            stacklevel=4,
        )
    if re.search(r"[\x00-\x08\x0e-\x1f]", text):
        raise ValueError(f"{path} holds control characters, so it is not a table of labels.")
    return text


def read_json(text: str, path: Path) -> Cells:
    """Return the files and labels of a dataset.json."""
    try:
        labels = json.loads(text)["labels"]
        pairs = list(labels.items() if isinstance(labels, dict) else labels)
        rows = [[str(file), "" if label is None else label] for file, label in pairs]
    except (ValueError, KeyError, TypeError, RecursionError) as error:
        raise ValueError(
            f'{path} is not a dataset.json: expected {{"labels": [["file", label], ...]}} '
            f"({type(error).__name__})."
        ) from None

    for row in rows:
        if not isinstance(row[1], (str, int, float)):
            raise ValueError(
                f"{path}: the label of {quote(row[0])} is a {type(row[1]).__name__}; expected a "
                "text or a number."
            )
        row[1] = str(row[1]).strip()
    return Cells(["file", "label"], rows, list(range(1, len(rows) + 1)))


def read_text(text: str, path: Path) -> Cells:
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
        raise ValueError(f"{path} is not a table: {error} in line {reader.line_num}.") from None
    return rows, numbers


def _without_blank_rows(rows: list[list[str]], lines: list[int]) -> Cells:
    """Return the header, and the rows that are not blank."""
    kept = [i for i, row in enumerate(rows) if any(row)]
    if not kept:
        return Cells([], [], [])
    first, *others = kept
    return Cells(rows[first], [rows[i] for i in others], [lines[i] for i in others])
