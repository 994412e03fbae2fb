"""Validation of arrays that hold feature maps."""

import numpy as np
from sklearn.utils.validation import check_array

from skstylefeat._utils._nan_rows import check_rows


def check_maps(X, estimator, *, fitting):
    """Return maps as a float array of at least one row.

    Parameters
    ----------
    X : array-like of shape (n, C, H, W)
        Rows that hold NaN only stand for unreadable images and are allowed.
    estimator : object
        Named in messages.
    fitting : bool
        Whether at least one row must hold numbers.

    Returns
    -------
    ndarray of shape (n, C, H, W), float32 or float64

    Raises
    ------
    ValueError
        If other rows hold NaN or infinity, or the array has no row or no number.
    """
    X = check_array(
        X,
        dtype=[np.float64, np.float32],
        allow_nd=True,
        ensure_2d=False,
        ensure_all_finite=False,
        estimator=estimator,
        input_name="X",
    )
    check_rows(X, fitting=fitting)
    return X
