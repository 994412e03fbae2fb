"""From labels or scores to the groups of codes that a direction is learned from."""

import numpy as np
from sklearn.utils.validation import column_or_1d

from skstylefeat._utils._labels import sorted_classes


def binary_target(y, extremes):
    """Reduce labels to two classes, and say which rows take part.

    Parameters
    ----------
    y : array-like of shape (n,)
        Two distinct values of any type, or at least three numbers.
    extremes : float
        Share of the rows at each end that takes part where there are three numbers or more.

    Returns
    -------
    rows : ndarray of int
        The rows that take part, ascending.
    positive : ndarray of bool
        For these rows, whether they belong to the second class or the upper end.
    classes : ndarray or None
        The two values, or None for a score.
    """
    y, values = _checked(y)
    if len(values) == 2:
        return np.arange(len(y)), y == values[1], values
    scores = _numbers(y, values)
    low, high = np.quantile(scores, [extremes, 1 - extremes])
    if low < high:
        rows = np.flatnonzero((scores <= low) | (scores >= high))
        return rows, scores[rows] >= high, None
    # One value fills the middle: it goes to whichever side leaves the other one populated.
    positive = scores > low
    if not positive.any():
        positive = scores >= low
    return np.arange(len(y)), positive, None


def ordered_groups(y, extremes):
    """Return -1, 0 or +1 for each row: which of two or three ordered groups it belongs to.

    Parameters
    ----------
    y : array-like of shape (n,)
        Two distinct values of any type, or at least three numbers.
    extremes : float
        Share of the rows at each end where there are more than three numbers.

    Returns
    -------
    groups : ndarray of shape (n,), float64
    classes : ndarray or None
        The two values, or None for a score.
    """
    rows, positive, classes = binary_target(y, extremes)
    values = np.unique(y)
    if len(values) == 3:
        return np.searchsorted(values, y) - 1.0, None
    groups = np.zeros(len(y))
    groups[rows] = np.where(positive, 1.0, -1.0)
    return groups, classes


def grades(y):
    """Return numbers as they are, counted from the middle of their range.

    Parameters
    ----------
    y : array-like of shape (n,)
        Two distinct values of any type, or at least three numbers.

    Returns
    -------
    targets : ndarray of shape (n,), float64
        Negative below the middle and positive above it; -1 and +1 for two values.
    classes : ndarray or None
        The two values, or None for numbers.
    """
    y, values = _checked(y)
    if len(values) == 2:
        return np.where(y == values[1], 1.0, -1.0), values
    scores = _numbers(y, values)
    return scores - (scores.min() + scores.max()) / 2, None


def _checked(y):
    """Return labels as one row of at least two finite values, and the sorted values."""
    y = column_or_1d(y)
    if y.dtype.kind in "fc" and not np.isfinite(y).all():
        raise ValueError(
            "Input y contains NaN or infinity: drop the unlabeled rows before a direction is "
            "learned from them."
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
            f"y holds {len(values)} classes that are not numbers ({list(values[:5])}). Give two "
            "classes, or numbers whose order means something."
        ) from None
