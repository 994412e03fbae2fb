"""CSV files whose cells are escaped so that no spreadsheet runs them as formulas."""

import csv
import io
import re
from collections.abc import Iterable, Sequence

from skstylefeat._utils._files import replace_file
from skstylefeat._utils._typing import StrPath

# Characters that start a formula in a spreadsheet, the full-width ones included.
_FORMULA_STARTS = tuple("=+-@\t\r\n\uff1d\uff0b\uff0d\uff20")
NUMBER = re.compile(r"[+-]?(\d+\.?\d*|\.\d+)([eE][+-]?\d+)?", re.ASCII)


def escape_cell(cell: object) -> str:
    """Return the text to write for a cell; `unescape_cell` gives the original back.

    A text that starts like a formula gets a single quote in front, and so does one that already
    looks escaped. Numbers such as -1.5 are harmless and stay as they are.

    Examples
    --------
    >>> [escape_cell(cell) for cell in ("yes", "=1+1", "'=1+1", -2)]
    ['yes', "'=1+1", "''=1+1", '-2']
    """
    text = str(cell)
    if text.lstrip("'").startswith(_FORMULA_STARTS) and not NUMBER.fullmatch(text):
        return "'" + text
    return text


def unescape_cell(text: str) -> str:
    """Return the text that `escape_cell` was given.

    Examples
    --------
    >>> [unescape_cell(text) for text in ("yes", "'=1+1", "''=1+1", "-2", "'tis")]
    ['yes', '=1+1', "'=1+1", '-2', "'tis"]
    """
    if text.startswith("'") and text.lstrip("'").startswith(_FORMULA_STARTS):
        return text[1:]
    return text


def write_csv(
    path: StrPath, rows: Iterable[Sequence[object]], *, lineterminator: str = "\r\n"
) -> None:
    """Write rows of escaped cells, header first, replacing the file as a whole."""
    text = io.StringIO(newline="")
    writer = csv.writer(text, lineterminator=lineterminator)
    writer.writerows([escape_cell(cell) for cell in row] for row in rows)
    replace_file(path, lambda file: file.write(text.getvalue().encode()))
