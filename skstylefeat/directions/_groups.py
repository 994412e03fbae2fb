"""Groups of codes from labels or scores, for directions to be learned from."""

import numpy as np
from sklearn.utils.validation import column_or_1d

from skstylefeat._utils._labels import sorted_classes


def binary_target(y, extremes):
    """Reduce labels to two classes, and select the rows that belong to them.

    `y` holds two distinct values of any type, which select all rows, or at least three numbers, of
    which the share `extremes` is selected at each end.

    Returns
    -------
    rows : ndarray of int
        The selected rows, ascending.
    positive : ndarray of bool
        For the selected rows, whether they belong to the second class or the upper end.
    classes : ndarray or None
        The two values, or None for a score.
    """
    labels, values = _checked(y)
    if len(values) == 2:
        return np.arange(len(labels)), labels == values[1], values
    scores = _numbers(labels, values)
    low, high = np.quantile(scores, [extremes, 1 - extremes])
    if low < high:
        rows = np.flatnonzero((scores <= low) | (scores >= high))
        return rows, scores[rows] >= high, None

    # The middle consists of one value: assign it to the side that leaves the other one populated.
    positive = scores > low
    if not positive.any():
        positive = scores >= low
    return np.arange(len(scores)), positive, None


def ordered_groups(y, extremes):
    """Return the group of each row, -1.0, 0.0 or +1.0, and the two classes, None for a score.

    `y` holds two distinct values of any type, three numbers, or more numbers, of which the share
    `extremes` forms a group at each end.
    """
    rows, positive, classes = binary_target(y, extremes)
    values, which = np.unique(y, return_inverse=True)
    if len(values) == 3:
        return which.ravel().astype(np.float64) - 1, None
    groups = np.zeros(which.size)
    groups[rows] = np.where(positive, 1.0, -1.0)
    return groups, classes


def grades(y):
    """Return numbers relative to the middle of their range, and None.

    Two distinct values of any type become -1.0 and +1.0, and are returned as the classes.
    """
    labels, values = _checked(y)
    if len(values) == 2:
        return np.where(labels == values[1], 1.0, -1.0), values
    scores = _numbers(labels, values)
    return scores - (scores.min() + scores.max()) / 2, None


def _checked(y):
    """Return labels as a 1-D array with at least two finite values, and the sorted values."""
    y = column_or_1d(y)
    if y.dtype.kind in "fc" and not np.isfinite(y).all():
        raise ValueError(
            "Input y contains NaN or infinity: drop the unlabeled rows before learning a direction."
        )
    values = sorted_classes(y)[0]
    if len(values) < 2:
        raise ValueError(
            f"A direction needs labels of two classes; got 1 class ({values[0]!r}) in "
            f"n_samples = {len(y)}."
        )
    return y, values


def _numbers(y, values):
    try:
        return y.astype(np.float64)
    except (TypeError, ValueError):
        raise ValueError(
            f"y holds {len(values)} classes that are not numbers ({list(values[:5])}); expected "
            "two classes, or numbers in a meaningful order."
        ) from None
