"""What is predicted: classes or numbers, for the training and the test images."""

from dataclasses import dataclass

import numpy as np

#: A numeric column with more different values than this is a number to regress, not a class.
MOST_CLASSES = 10


@dataclass(frozen=True)
class Target:
    """One column of labels.

    Attributes
    ----------
    name : str
    y_train, y_test : ndarray of shape (n,)
        Classes as texts, or numbers as float64.
    unit : str
        Unit of a number.
    """

    name: str
    y_train: np.ndarray
    y_test: np.ndarray
    unit: str = ""

    @property
    def is_number(self):
        """Whether the column holds numbers to regress."""
        return self.y_train.dtype.kind == "f"

    @property
    def is_binary(self):
        """Whether the column holds two classes."""
        return not self.is_number and len(np.unique(self.y_train)) == 2

    @property
    def label(self):
        """Name and unit."""
        return f"{self.name} ({self.unit})" if self.unit else self.name


def read_column(texts):
    """Return a column as numbers where it is numeric with many values, else as texts.

    Parameters
    ----------
    texts : sequence of str

    Returns
    -------
    ndarray of float64 or str

    Examples
    --------
    >>> from skstylefeat.experiments._targets import read_column
    >>> read_column(["0", "1", "1"])
    array(['0', '1', '1'], dtype='<U1')
    >>> read_column([str(year) for year in range(20, 32)]).dtype
    dtype('float64')
    """
    texts = np.asarray([str(text).strip() for text in texts])
    try:
        numbers = texts.astype(np.float64)
    except ValueError:
        return texts
    if np.isfinite(numbers).all() and len(np.unique(numbers)) > MOST_CLASSES:
        return numbers
    return texts


def check_target(target):
    """Raise ValueError where a target cannot be learned or tested."""
    if target.is_number:
        return
    classes, counts = np.unique(target.y_train, return_counts=True)
    if len(classes) < 2:
        raise ValueError(
            f"The target {target.name!r} has one class only, {str(classes[0])!r}, among the "
            "training images. Give images of two classes or more, or another column."
        )
    if len(classes) > 2 * MOST_CLASSES:
        raise ValueError(
            f"The target {target.name!r} has {len(classes)} different texts, such as "
            f"{str(classes[0])!r}: too many for classes, and they are not all numbers."
        )
    if counts.min() < 2:
        raise ValueError(
            f"The target {target.name!r} has {counts.min()} training image of the class "
            f"{str(classes[counts.argmin()])!r}; choosing channels takes at least 2 of each class."
        )
