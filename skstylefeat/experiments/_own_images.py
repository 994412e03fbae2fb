"""A user's images and labels: a folder or a zip archive, and a CSV file."""

import zipfile
from pathlib import Path

import numpy as np
from PIL import Image

from skstylefeat._utils._label_files import LabeledNames, read_labels
from skstylefeat.experiments._targets import Target, check_target, read_column
from skstylefeat.images._decoding import IMAGE_SUFFIXES, ZipMember, open_item

FILTERS = {
    "bicubic": Image.Resampling.BICUBIC,
    "box": Image.Resampling.BOX,
    "lanczos": Image.Resampling.LANCZOS,
}


class ImageSource:
    """Images by file name, in a folder or a zip archive.

    Parameters
    ----------
    path : str or path-like
        Folder (searched with its subfolders) or zip archive.
    """

    def __init__(self, path):
        self.path = Path(path)
        if self.path.is_dir():
            files = [p for p in self.path.rglob("*") if p.suffix.lower() in IMAGE_SUFFIXES]
            self._names = {p.relative_to(self.path).as_posix(): p for p in files}
        elif self.path.is_file() and zipfile.is_zipfile(self.path):
            with zipfile.ZipFile(self.path) as archive:
                names = archive.namelist()
            names = [n for n in names if Path(n).suffix.lower() in IMAGE_SUFFIXES]
            self._names = {n: ZipMember(str(self.path), n) for n in names}
        else:
            raise ValueError(
                f"--images {str(path)!r} is neither a folder nor a zip archive that can be read."
            )
        if not self._names:
            raise ValueError(
                f"--images {str(path)!r} holds no image file ({', '.join(IMAGE_SUFFIXES)})."
            )
        self._labeled = LabeledNames(self._names)

    def __len__(self):
        return len(self._names)

    def find(self, label_name):
        """Return the name of the image that a row of labels means, or None."""
        return self._labeled.find(label_name)

    def read(self, names, size, *, box=None, resampling="lanczos"):
        """Read images, crop and resize them.

        Parameters
        ----------
        names : list of str
            Of `find`.
        size : int
            Side in pixels.
        box : tuple of 4 floats, default=None
            Left, top, right and bottom in pixels of the file.
        resampling : {"lanczos", "bicubic", "box"}, default="lanczos"

        Returns
        -------
        ndarray of shape (n, size, size, 3), uint8
        """
        return np.stack([self._crop(n, self._names[n], size, box, resampling) for n in names])

    def _crop(self, name, source, size, box, resampling):
        image = open_item(source, f"{name!r} in {str(self.path)!r}")
        if box is not None and not _inside(box, image.size):
            raise ValueError(
                f"--box {','.join(f'{v:g}' for v in box)} does not lie inside the image {name!r} "
                f"of {image.width} x {image.height} pixels; expected left < right, top < bottom."
            )
        return np.asarray(image.resize((size, size), FILTERS[resampling], box=box))


def _inside(box, size):
    left, top, right, bottom = box
    return 0 <= left < right <= size[0] and 0 <= top < bottom <= size[1]


def load_own_images(
    images,
    labels,
    target_names,
    *,
    size,
    box=None,
    resampling="lanczos",
    test_share=0.3,
    group=None,
    limit=3000,
    random_state=0,
):
    """Read images with labels and split them.

    Parameters
    ----------
    images, labels : str or path-like
        Folder or zip archive; CSV file.
    target_names : list of str
        Columns to predict.
    size, box, resampling
        Of `ImageSource.read`.
    test_share : float, default=0.3
        Share of the images (or of the groups) that is only tested on.
    group : str, default=None
        Column whose values must not occur in both sets, such as a person's identity.
    limit : int or None, default=3000
        Most images used, drawn at random.
    random_state : int, default=0

    Returns
    -------
    train_images, test_images : ndarray of shape (n, size, size, 3), uint8
    targets : list of Target
    notes : list of str
        What was left out, for the report.
    """
    source = ImageSource(images)
    files, columns = read_labels(labels)
    for name in [*target_names, *([group] if group else [])]:
        if name not in columns:
            raise ValueError(f"{labels} has no column {name!r}; it has {list(columns)}.")
    found = [source.find(name) for name in files]
    wanted = [columns[name] for name in target_names]
    rows = [
        i
        for i, name in enumerate(found)
        if name is not None and all(column[i].strip() for column in wanted)
    ]
    if len(rows) < 20:
        raise ValueError(
            f"Of the {len(files)} rows of {labels}, {len(rows)} name one of the {len(source)} "
            f"images in {images} and have all labels; at least 20 are needed. The first row names "
            f"{files[0]!r}."
        )
    notes = [f"{len(rows)} labeled images found, of {len(files)} rows and {len(source)} images."]
    rng = np.random.default_rng(random_state)
    rows = rng.permutation(rows)
    if limit is not None and len(rows) > limit:
        rows = rows[:limit]
        notes.append(f"{limit} of them drawn at random.")
    train, test = _split(rows, columns.get(group), test_share, rng)
    targets = []
    for name, column in zip(target_names, wanted, strict=True):
        values = read_column([column[i] for i in np.concatenate([train, test])])
        target = Target(name, values[: len(train)], values[len(train) :])
        check_target(target)
        targets.append(target)
    read = {"box": box, "resampling": resampling}
    pixels = [source.read([found[i] for i in part], size, **read) for part in (train, test)]
    return *pixels, targets, notes


def _split(rows, groups, test_share, rng):
    """Return training and test rows; a group is never in both."""
    if groups is None:
        n_test = max(1, round(test_share * len(rows)))
        return rows[n_test:], rows[:n_test]
    of_row = np.asarray(groups)[rows]
    members = rng.permutation(np.unique(of_row))
    held_out = np.isin(of_row, members[: max(1, round(test_share * len(members)))])
    if held_out.all():
        raise ValueError("The column of groups has one value only, so nothing is left to train on.")
    return rows[~held_out], rows[held_out]
