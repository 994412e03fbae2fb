"""Images of a folder or zip archive as rows, and their labels from a table."""

from __future__ import annotations

import copy
import zipfile
from collections.abc import Collection
from pathlib import Path

from skstylefeat._utils._label_tables import read_label_table
from skstylefeat._utils._table_formats import quote
from skstylefeat._utils._typing import StrPath
from skstylefeat.images._decoding import ZipMember
from skstylefeat.images._image_files import list_images, warn_of_left_out


class ImageFolder:
    """The images of a folder and its subfolders, or of a zip archive, as `list_images` lists them.

    Parameters
    ----------
    path : path-like
        Folder or zip archive.

    Attributes
    ----------
    path : Path
        The folder or archive.
    names : list of str
        Paths inside the folder, with slashes; the position of a name is the row of its image.
    paths : list of Path or ZipMember
        The files.
    sizes : list of int
        Their bytes.
    listed : list of str
        Names of all images of the folder, those that `without` has left out included.

    Raises
    ------
    ValueError
        If there is no such folder or archive, or no image in it.
    """

    path: Path
    names: list[str]
    paths: list[Path | ZipMember]
    sizes: list[int]
    listed: list[str]

    def __init__(self, path: StrPath) -> None:
        self.path = Path(path).expanduser()
        if not self.path.is_dir() and not zipfile.is_zipfile(self.path):
            raise ValueError(
                f"{str(path)!r} is not a folder or a zip archive. Give one that holds the images."
            )
        listing = list_images(self.path)
        warn_of_left_out(listing, self.path, stacklevel=2)
        for name in listing.names:
            if not name.isprintable():
                raise ValueError(
                    f"The file name {name!r} holds characters that a CSV file cannot. Rename it."
                )
        self.names = listing.names
        if self.path.is_dir():
            files = [self.path / name for name in self.names]
            self.paths = list(files)
            self.sizes = [file.stat().st_size for file in files]
        else:
            self.paths = [ZipMember(str(self.path), name) for name in self.names]
            with zipfile.ZipFile(self.path) as archive:
                self.sizes = [archive.getinfo(name).file_size for name in self.names]
        self.listed = self.names
        self._rows = {name: row for row, name in enumerate(self.names)}

    def __len__(self) -> int:
        return len(self.names)

    def without(self, names: Collection[str]) -> ImageFolder:
        """Return the same folder without some of its images; labels may still name these."""
        rest = copy.copy(self)
        kept = [row for row, name in enumerate(self.names) if name not in names]
        rest.names = [self.names[row] for row in kept]
        rest.paths = [self.paths[row] for row in kept]
        rest.sizes = [self.sizes[row] for row in kept]
        rest._rows = {name: row for row, name in enumerate(rest.names)}
        return rest

    def row(self, name: str | None) -> int | None:
        """Return the row of an image, or None."""
        return None if name is None else self._rows.get(name)


def read_file_labels(
    path: StrPath, folder: ImageFolder, column: str | None = None
) -> dict[str, str]:
    """Read the labels of some images of a folder.

    Parameters
    ----------
    path : path-like
        Table with a column of file names and a column of labels: CSV, CelebA's ``list_attr`` text
        or NVIDIA's ``dataset.json``. Cells without a label are left out.
    folder : ImageFolder
        The images.
    column : str or None, default=None
        Column of the labels; None takes the one called label, or the only one.

    Returns
    -------
    dict of str to str
        Label by name of the image.

    Raises
    ------
    ValueError
        If the column is not clear, a file is not in the folder, or a file has two labels.
    """
    table = read_label_table(path)
    if column is None:
        files = table.file_column(folder.listed)
        others = [name for name in table.header if name != files]
        column = others[0] if len(others) == 1 else "label"
    if column not in table.header:
        raise ValueError(
            f"{path} has no column {quote(column)} of labels; it has {table.column_names()}. "
            "Choose one by --target."
        )

    found = table.labels_of(folder.listed, [column])
    if found.unmatched:
        n_rows, n_unmatched = len(table.rows), len(found.unmatched)
        hint = "It belongs to another folder" if n_rows == n_unmatched else "Remove such lines"
        raise ValueError(
            f"{path} names {n_rows} files, of which {n_unmatched} are not in the folder "
            f"{str(folder.path)!r}, or more than once, such as {quote(found.unmatched[0])} (an "
            f"image there is {quote(folder.listed[0])}). {hint}, or give the folder that it was "
            "made for."
        )
    return {name: label for name, (label,) in found.values.items() if label}
