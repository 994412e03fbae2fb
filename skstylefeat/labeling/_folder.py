"""The images of a folder in a fixed order, and labels of them in a CSV file."""

import copy
from pathlib import Path

from skstylefeat._utils._label_files import LabeledNames, read_labels
from skstylefeat.images._decoding import IMAGE_SUFFIXES

_SHOWN = 3  # names that an error message quotes


class ImageFolder:
    """The images of a folder and its subfolders, sorted by name.

    Parameters
    ----------
    path : str or path-like
        Folder. Files and folders whose name begins with a dot are left out.

    Attributes
    ----------
    names : list of str
        Paths inside the folder, with slashes; the place of a name is the row of its image.
    paths : list of Path
        The files.
    sizes : list of int
        Their bytes.

    Raises
    ------
    ValueError
        If there is no such folder, or no image in it.
    """

    def __init__(self, path):
        self.path = Path(path)
        if not self.path.is_dir():
            raise ValueError(f"{str(path)!r} is no folder. Give the folder that holds the images.")
        found = {}
        for file in self.path.rglob("*"):
            name = file.relative_to(self.path)
            hidden = any(part.startswith(".") for part in name.parts)
            if file.suffix.lower() in IMAGE_SUFFIXES and not hidden and file.is_file():
                found[name.as_posix()] = file
        if not found:
            raise ValueError(
                f"The folder {str(path)!r} holds no image file ({', '.join(IMAGE_SUFFIXES)})."
            )
        for name in found:
            if not name.isprintable():
                raise ValueError(
                    f"The file name {name!r} holds characters that a CSV file cannot. Rename it."
                )
        self.names = sorted(found)
        self.paths = [found[name] for name in self.names]
        self.sizes = [file.stat().st_size for file in self.paths]
        self._rows = {name: row for row, name in enumerate(self.names)}
        self._labeled = LabeledNames(self.names)

    def __len__(self):
        return len(self.names)

    def without(self, names):
        """Return the same folder without some of its images; labels may still name these."""
        rest = copy.copy(self)
        kept = [row for row, name in enumerate(self.names) if name not in names]
        rest.names, rest.paths, rest.sizes = (
            [values[row] for row in kept] for values in (self.names, self.paths, self.sizes)
        )
        rest._rows = {name: row for row, name in enumerate(rest.names)}
        return rest

    def row(self, name):
        """Return the row of an image, or None."""
        return self._rows.get(name)

    def find(self, name):
        """Return the image that a file of labels means by a name, or None."""
        return self._labeled.find(name)


def read_file_labels(path, folder, column=None):
    """Read the labels of some images of a folder.

    Parameters
    ----------
    path : str or path-like
        CSV file with a column of file names (called file, filename, image or path, else the
        first one) and a column of labels. Cells without a label are left out.
    folder : ImageFolder
        Where the images are.
    column : str or None, default=None
        Column of the labels; None takes the one called label, or the only one.

    Returns
    -------
    dict of str to str
        Label by name of the image.

    Raises
    ------
    ValueError
        If no column can be told to hold the labels, a file is not in the folder, or a file has
        two labels.
    """
    files, columns = read_labels(path)
    if column is None:
        column = "label" if "label" in columns or len(columns) > 1 else next(iter(columns))
    if column not in columns:
        raise ValueError(
            f"{path} has no column {column!r} of labels; it has {list(columns)}. Say which it is "
            "by --target."
        )
    found = [folder.find(name) for name in files]
    strange = [name for name, here in zip(files, found, strict=True) if here is None]
    if strange:
        shown = ", ".join(repr(name) for name in strange[:_SHOWN])
        whose = "It belongs to another folder" if len(strange) == len(files) else "Remove its lines"
        raise ValueError(
            f"{path} names {len(files)} files, of which {len(strange)} are not in the folder "
            f"{str(folder.path)!r}: {shown}{', ...' if len(strange) > _SHOWN else ''}. {whose}, or "
            "give the folder that it was made for."
        )
    labels = {}
    for name, label in zip(found, (cell.strip() for cell in columns[column]), strict=True):
        if label and labels.setdefault(name, label) != label:
            raise ValueError(f"{path} has two labels for {name!r}: {labels[name]!r} and {label!r}.")
    return labels
