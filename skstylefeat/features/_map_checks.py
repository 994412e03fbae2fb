"""Validation of arrays that hold feature maps."""

import numpy as np
from sklearn.utils.validation import check_array

from skstylefeat._utils._nan_rows import check_rows


def validate_maps(X, estimator, *, fitting):
    """Return maps, (n, C, H, W), as floats; raise ValueError for NaN or infinity in parts of a row.

    Rows of NaN stand for unreadable images. They are allowed, but not all rows when `fitting`. The
    name of the estimator occurs in messages.
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
