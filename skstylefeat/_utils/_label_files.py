"""Tables of labels: a CSV file, and the files that its rows mean."""

import csv
from pathlib import Path

FILE_COLUMNS = ("file", "filename", "file_name", "image", "image_id", "path", "name")


class LabeledNames:
    """Names of files, looked up by what a row of labels calls them.

    Parameters
    ----------
    names : iterable of str
        Paths inside a folder or an archive, with slashes.
    """

    def __init__(self, names):
        self._names = set(names)
        self._by_base = {}
        for name in self._names:
            self._by_base.setdefault(Path(name).name, []).append(name)

    def find(self, name):
        """Return the name that is meant, or None.

        A row may give the path, or a file name that occurs once.
        """
        if name in self._names:
            return name
        same = self._by_base.get(Path(name).name, [])
        return same[0] if len(same) == 1 else None


def read_labels(path):
    """Read a CSV file.

    Returns
    -------
    files : list of str
        The column called file (or filename, image, path, ...), else the first column.
    columns : dict of str to list of str
        The others.
    """
    path = Path(path)
    if not path.is_file():
        raise FileNotFoundError(f"--labels {str(path)!r} does not exist.")
    with path.open(newline="", encoding="utf-8-sig") as file:
        reader = csv.reader(file)
        header = next(reader, None)
        rows = [row for row in reader if row]
    if not header or len(header) < 2 or not rows:
        raise ValueError(
            f"--labels {str(path)!r} needs a header, a column of file names and a column of "
            f"labels; its header is {header}, with {len(rows)} rows below."
        )
    for number, row in enumerate(rows, start=2):
        if len(row) != len(header):
            raise ValueError(
                f"{path}, row {number}: {len(row)} cells, but the header has {len(header)}."
            )
    lowered = [name.strip().lower() for name in header]
    place = next((lowered.index(name) for name in FILE_COLUMNS if name in lowered), 0)
    columns = {name: [row[i] for row in rows] for i, name in enumerate(header) if i != place}
    return [row[place].strip() for row in rows], columns
