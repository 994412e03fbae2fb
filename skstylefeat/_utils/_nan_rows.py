"""Rows of NaN, which stand for images that cannot be read."""

import numpy as np
from sklearn.utils import assert_all_finite


def nan_rows(array):
    """Return a mask of the rows that hold NaN only.

    Parameters
    ----------
    array : ndarray of shape (n, ...)
        Latents, feature maps or other rows.

    Returns
    -------
    ndarray of shape (n,), bool
    """
    missing = np.zeros(len(array), dtype=bool)
    if array.size and array.dtype.kind == "f":
        # Most rows are ruled out by their first value, so that large arrays are not read whole.
        first_values = array[(slice(None), *(0,) * (array.ndim - 1))]
        candidates = np.flatnonzero(np.isnan(first_values))
        missing[candidates] = [np.isnan(array[row]).all() for row in candidates]
    return missing


def check_finite_rows(X, estimator, *, fitting):
    """Raise ValueError if rows of an array hold NaN or infinity; a row may hold NaN only.

    In `fit`, at least one row must hold numbers.
    """
    missing = nan_rows(X)
    readable = X if fitting and missing.all() else X[~missing] if missing.any() else X
    assert_all_finite(readable, estimator_name=type(estimator).__name__, input_name="X")
