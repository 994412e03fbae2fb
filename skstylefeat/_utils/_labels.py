"""Labels of which some are missing: -1, None and NaN mean that nobody has labeled a row."""

import numpy as np
from sklearn.utils.validation import column_or_1d

__all__ = ["label_array", "labeled_rows", "sorted_classes", "split_labels"]

# Floats beyond this are whole numbers by want of precision.
_LARGEST_WHOLE = 2.0**53


def labeled_rows(y):
    """Return which entries of a 1-D array hold a label.

    Parameters
    ----------
    y : ndarray of shape (n,)
        Labels; -1, None and NaN stand for none. The text ``"-1"`` is a label.

    Returns
    -------
    ndarray of shape (n,), bool
    """
    if y.dtype.kind in "iu":
        return y != -1
    if y.dtype.kind == "f":
        return ~np.isnan(y) & (y != -1)
    if y.dtype.kind == "O":
        return np.array([not _is_missing(label) for label in y], dtype=bool)
    return np.ones(len(y), dtype=bool)


def _is_missing(label):
    """Tell whether one label of an object array is -1, None, NaN or pandas' NA."""
    if label is None or type(label).__name__ == "NAType":
        return True
    return isinstance(label, (int, float, np.number)) and (label == -1 or label != label)


def label_array(y, n_samples):
    """Return labels as a 1-D array with one entry a row.

    Parameters
    ----------
    y : array-like of shape (n_samples,)
        Labels of any type. Lists become object arrays, so that 1 and None can stand in one.
    n_samples : int
        How many rows there are.

    Returns
    -------
    ndarray of shape (n_samples,)

    Raises
    ------
    ValueError
        If `y` has another length or is not 1-D.
    """
    if isinstance(y, (list, tuple)) and not any(np.ndim(label) for label in y):
        entries, y = y, np.empty(len(y), dtype=object)
        y[:] = entries
    y = column_or_1d(y, warn=True)
    if len(y) != n_samples:
        raise ValueError(f"y has {len(y)} labels but X has {n_samples} rows; give one for each.")
    return y


def sorted_classes(y, name="y"):
    """Return the different labels in order, and the place of each row's label among them.

    Parameters
    ----------
    y : ndarray of shape (n,)
        Labels, all of them present.
    name : str, default="y"
        What they are called in the message.

    Returns
    -------
    classes : ndarray of shape (n_classes,)
    codes : ndarray of shape (n,), int

    Raises
    ------
    ValueError
        If they have no order, such as texts beside numbers or None.
    """
    try:
        return np.unique(y, return_inverse=True)
    except TypeError:
        kinds = sorted({type(label).__name__ for label in y})
        raise ValueError(
            f"{name} mixes labels of the types {', '.join(kinds)}, which have no order. Give "
            "labels of one type, and drop the rows that have none."
        ) from None


def split_labels(y, n_samples):
    """Check labels and return those that are there.

    Parameters
    ----------
    y : array-like of shape (n_samples,)
        Labels of any type that can be sorted, with -1, None or NaN where there is none.
    n_samples : int
        How many rows there are.

    Returns
    -------
    rows : ndarray of int
        Rows that have a label.
    labels : ndarray
        Their labels in one type: whole numbers that came as floats or objects become integers,
        texts a string array.

    Raises
    ------
    ValueError
        If `y` has another length, is not 1-D, mixes texts with numbers or holds infinity.
    """
    y = label_array(y, n_samples)
    rows = np.flatnonzero(labeled_rows(y))
    labels = y[rows]
    if labels.dtype.kind == "O":
        labels = np.array(labels.tolist())
        if labels.dtype.kind in "US" and not all(isinstance(label, str) for label in y[rows]):
            raise ValueError("y mixes texts with other labels; use one type for all labels.")
    if labels.dtype.kind == "f" and np.isinf(labels).any():
        raise ValueError("Input y contains infinity, which is no label.")
    if labels.dtype.kind == "f" and np.array_equal(labels, np.trunc(labels)):
        if len(labels) and np.abs(labels).max() > _LARGEST_WHOLE:
            return rows, labels  # no integer holds these
        labels = labels.astype(np.int64)
    return rows, labels
