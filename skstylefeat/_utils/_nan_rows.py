"""Rows of NaN, which stand for images that could not be read."""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import NDArray
from sklearn.utils import assert_all_finite

from skstylefeat._utils._validation import check_magnitude, validate_numpy


def nan_rows(array: NDArray[Any]) -> NDArray[np.bool_]:
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
        # Most rows are ruled out by their first value, so that large arrays are not read in full.
        first: Any = (slice(None), *(0,) * (array.ndim - 1))
        candidates = np.flatnonzero(np.isnan(array[first]))
        missing[candidates] = [np.isnan(array[row]).all() for row in candidates]
    return missing


def check_rows(X: NDArray[Any], *, fitting: bool = False) -> NDArray[np.bool_]:
    """Return a mask of the rows that hold NaN only, and check that all others are finite.

    Parameters
    ----------
    X : ndarray of shape (n, ...)
    fitting : bool, default=False
        Require at least one row that is not missing.

    Returns
    -------
    ndarray of shape (n,), bool

    Raises
    ------
    ValueError
        If another row contains NaN or infinity, or nothing is left to fit.
    """
    missing = nan_rows(X)
    if fitting and missing.all():
        raise ValueError(f"Input X contains NaN in all {len(X)} rows: no image could be read.")
    try:
        assert_all_finite(X[~missing] if missing.any() else X, input_name="X")
    except ValueError:
        finite = np.isfinite(X).reshape(len(X), -1).all(axis=1)
        broken = np.flatnonzero(~finite & ~missing)
        raise ValueError(
            f"Input X contains NaN or infinity in parts of the rows {broken[:5].tolist()}. Only "
            "rows that are NaN throughout are accepted, as images that could not be read."
        ) from None
    return missing


def validate_rows(estimator, X, *, reset=False):
    """Return the rows of X that hold numbers, as floats, and a mask (n,) of the rows of NaN."""
    X = validate_numpy(
        estimator, X, reset=reset, dtype=[np.float64, np.float32], ensure_all_finite="allow-nan"
    )
    missing = check_rows(X, fitting=reset)
    known = X[~missing] if missing.any() else X
    check_magnitude(known)
    return known, missing


def spread_rows(values: NDArray[Any], missing: NDArray[np.bool_]) -> NDArray[Any]:
    """Spread the values of the rows that are not missing over all rows.

    Parameters
    ----------
    values : ndarray of shape (n_present, ...)
    missing : ndarray of shape (n,), bool

    Returns
    -------
    ndarray of shape (n, ...)
        Missing rows hold "" among texts, NaN among numbers (as floats), None among others.
    """
    if not missing.any():
        return values
    dtype: Any = np.float64 if values.dtype.kind in "iu" else values.dtype
    gap: Any = {"U": "", "S": b"", "f": np.nan}.get(np.dtype(dtype).kind)
    spread = np.full((len(missing), *values.shape[1:]), gap, object if gap is None else dtype)
    spread[~missing] = values
    return spread
