"""CSV files of labels by row, kept between annotation sessions."""

from __future__ import annotations

import csv
from collections.abc import Callable
from pathlib import Path
from typing import Any

from skstylefeat._utils._csv_cells import unescape_cell, write_csv
from skstylefeat._utils._typing import StrPath

_READERS: dict[str, Callable[[str], Any]] = {
    "str": str,
    "int": int,
    "float": float,
    "bool": {"True": True, "False": False}.__getitem__,
}


def write_annotations(path, annotations, clusters, files=None):
    """Write labels to a CSV file, replacing it in one step.

    Parameters
    ----------
    path : str or path-like
        File with the columns ``row``, ``cluster``, ``label`` and ``type``.
    annotations : dict of int to str, int, float or bool
        Labels by row.
    clusters : sequence of int
        Cluster of each row, for information only.
    files : sequence of str or None, default=None
        Name of each row, for another column ``file``.

    Notes
    -----
    Cells that a spreadsheet would run as formulas start with a single quote, which
    :func:`read_annotations` removes.
    """
    rows: list[list[Any]] = [
        ["row", "cluster", "label", "type", *([] if files is None else ["file"])]
    ]
    for row, label in sorted(annotations.items()):
        name = [] if files is None else [files[row]]
        rows.append([row, clusters[row], label, type(label).__name__, *name])
    write_csv(path, rows)


def read_annotations(path: StrPath) -> dict[int, Any]:
    """Read labels from a CSV file.

    Parameters
    ----------
    path : str or path-like
        CSV file with the columns ``row`` and ``label``, and optionally ``type`` (default: str).
        Lines with an empty label are skipped, so that a file can be filled in step by step.

    Returns
    -------
    dict of int to str, int, float or bool

    Raises
    ------
    ValueError
        If a column is missing or a line cannot be read.
    """
    labels = {}
    # Spreadsheets start files with a byte order mark.
    with Path(path).open(newline="", encoding="utf-8-sig") as file:
        reader = csv.DictReader(file)
        if not {"row", "label"} <= set(reader.fieldnames or ()):
            raise ValueError(f"{path} has the columns {reader.fieldnames}; expected row and label.")

        for line in reader:
            if not line["label"]:
                continue
            try:
                convert = _READERS[line.get("type") or "str"]
                labels[int(line["row"])] = convert(unescape_cell(line["label"]))
            except (ValueError, KeyError, TypeError) as error:
                raise ValueError(
                    f"{path}, line {reader.line_num}: cannot read {line}; expected an integer "
                    f"row and a label of one of the types {list(_READERS)}."
                ) from error
    return labels
