"""Labels of rows as a CSV file: what a person has answered so far, kept between sessions."""

import csv
import io
from pathlib import Path

from skstylefeat._utils._files import replace_file

__all__ = ["read_annotations", "write_annotations"]

_READERS = {
    "str": str,
    "int": int,
    "float": float,
    "bool": {"True": True, "False": False}.__getitem__,
}


def write_annotations(path, annotations, clusters, files=None):
    """Write labels to a CSV file, replacing it at once.

    Parameters
    ----------
    path : str or path-like
        File with the columns ``row``, ``cluster``, ``label`` and ``type``.
    annotations : dict of int to str, int, float or bool
        Labels by row.
    clusters : array-like of int
        Cluster of every row, for the reader's information.
    files : sequence of str or None, default=None
        Name of every row, for a further column ``file``.
    """
    text = io.StringIO()
    writer = csv.writer(text)
    names = [] if files is None else ["file"]
    writer.writerow(["row", "cluster", "label", "type", *names])
    for row, label in sorted(annotations.items()):
        names = [] if files is None else [files[row]]
        writer.writerow([row, clusters[row], label, type(label).__name__, *names])
    replace_file(Path(path), lambda file: file.write(text.getvalue().encode()))


def read_annotations(path):
    """Read labels from a CSV file.

    Parameters
    ----------
    path : str or path-like
        CSV with the columns ``row`` and ``label``, and perhaps ``type`` (str where it is absent).
        Lines with an empty label are left out: a sheet may be filled in bit by bit.

    Returns
    -------
    dict of int to str, int, float or bool

    Raises
    ------
    ValueError
        If a column is missing or a line cannot be read.
    """
    labels = {}
    # Spreadsheets put a byte order mark at the beginning.
    with Path(path).open(newline="", encoding="utf-8-sig") as file:
        reader = csv.DictReader(file)
        if not {"row", "label"} <= set(reader.fieldnames or ()):
            raise ValueError(f"{path} has the columns {reader.fieldnames}; expected row and label.")
        for line in reader:
            if not line["label"]:
                continue
            try:
                labels[int(line["row"])] = _READERS[line.get("type") or "str"](line["label"])
            except (ValueError, KeyError, TypeError) as error:
                raise ValueError(
                    f"{path}, line {reader.line_num}: cannot read {line}; expected an integer "
                    f"row and a label of one of the types {list(_READERS)}."
                ) from error
    return labels
