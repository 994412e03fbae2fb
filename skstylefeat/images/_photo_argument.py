"""Photos that a user names on the command line: folder, zip, file, pattern or column of a table."""

from __future__ import annotations

import glob
import os
import zipfile
from pathlib import Path

from skstylefeat._utils._listing import IMAGE_SUFFIXES, path_order, suffix_of
from skstylefeat._utils._table_formats import FILE_COLUMNS, decode_text, quote, read_text
from skstylefeat._utils._typing import StrPath
from skstylefeat.images._image_files import ImageListing, list_images

#: Forms of the argument, for messages and help.
PHOTO_FORMS = (
    "a folder, a zip archive, an image file, a pattern such as 'photos/*.jpg', or a column of "
    "paths in a table, such as photos.csv:path"
)
_TABLE_SUFFIXES = (".csv", ".tsv", ".txt")
_MOST_BYTES = 1 << 28


def list_photos(photos: StrPath) -> ImageListing:
    """List the photos that a text names.

    Parameters
    ----------
    photos : path-like
        - a folder or zip archive, listed by :func:`skstylefeat.images.list_images`;
        - one image file;
        - a pattern with ``*``, ``?`` or ``**``, in the order of `list_images`;
        - ``TABLE:COLUMN``, a table (.csv, .tsv or .txt) and its column of paths, in the order of
          its rows; the column may be left out if it has a usual name, such as "file" or "path", or
          is the only one. Paths are relative to the folder of the table.

    Returns
    -------
    ImageListing

    Raises
    ------
    ValueError
        If there is no such photo, or a table has no such column.
    """
    text = os.path.expanduser(os.fspath(photos))
    path = Path(text)
    if path.is_dir() or (path.is_file() and zipfile.is_zipfile(path)):
        return list_images(path)
    if path.is_file():
        if suffix_of(text) in IMAGE_SUFFIXES:
            return ImageListing([path.name], [str(path)], {})
        if suffix_of(text) in _TABLE_SUFFIXES:
            return _list_column(path, None)
    table, _, column = text.rpartition(":")
    if table and suffix_of(table) in _TABLE_SUFFIXES and Path(table).is_file():
        return _list_column(Path(table), column)
    if glob.has_magic(text):
        return _list_pattern(text)
    problem = "is none of these" if path.exists() else "does not exist"
    raise ValueError(f"{text!r} {problem}. Expected {PHOTO_FORMS}.")


def _list_pattern(pattern: str) -> ImageListing:
    """List the images that match a pattern; their names begin behind their common folder."""
    found = [file for file in glob.glob(pattern, recursive=True) if os.path.isfile(file)]
    files = [file for file in found if suffix_of(file) in IMAGE_SUFFIXES]
    if not files:
        other = f" {len(found)} files match, but none is an image." if found else ""
        raise ValueError(
            f"No image file ({', '.join(IMAGE_SUFFIXES)}) matches the pattern {pattern!r}.{other}"
        )
    folder = os.path.commonpath([os.path.dirname(os.path.abspath(file)) for file in files])
    by_name = {Path(os.path.relpath(file, folder)).as_posix(): file for file in files}
    names = sorted(by_name, key=path_order)
    return ImageListing(names, [by_name[name] for name in names], {})


def _list_column(table: Path, column: str | None) -> ImageListing:
    """List the paths in a column of a table, each once."""
    if table.stat().st_size > _MOST_BYTES:
        raise ValueError(f"{table} is larger than {_MOST_BYTES >> 20} MB, not a table of photos.")
    cells = read_text(decode_text(table.read_bytes(), table), table)
    position = _column_position(cells.header, column, table)
    names = list(dict.fromkeys(row[position] for row in cells.rows if len(row) > position))
    names = [name for name in names if name]
    if not names:
        raise ValueError(f"{table} names no photo in its column {quote(cells.header[position])}.")

    # A file that is missing is reported when it is read, like a damaged one.
    files = [str(table.parent / Path(name.replace("\\", "/"))) for name in names]
    return ImageListing([name.replace("\\", "/") for name in names], files, {})


def _column_position(header: list[str], column: str | None, table: Path) -> int:
    lowered = [name.strip().lower() for name in header]
    if column is None:
        usual = [lowered.index(name) for name in FILE_COLUMNS if name in lowered]
        if usual or len(header) == 1:
            return usual[0] if usual else 0
    elif column in header:
        return header.index(column)
    asked = "no column of a usual name" if column is None else f"no column {quote(column)}"
    raise ValueError(
        f"{table} has {asked} that could hold the paths; it has the columns "
        f"{', '.join(map(quote, header[:10]))}. Name one: {table}:{header[0]}"
    )
