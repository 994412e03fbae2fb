"""Validation of numeric input."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np
from sklearn import config_context
from sklearn.utils.validation import validate_data

from skstylefeat._utils._labels import plain_labels

if TYPE_CHECKING:
    from numpy.typing import ArrayLike, DTypeLike, NDArray
    from sklearn.base import BaseEstimator

#: Numbers between these bounds have squares and products that float64 can hold.
SMALLEST, LARGEST = 1e-100, 1e100


def real_array(
    values: ArrayLike, name: str, dtype: DTypeLike | None = np.float64
) -> NDArray[np.floating[Any]]:
    """Return an array of real numbers.

    Parameters
    ----------
    values : array-like
        Numbers.
    name : str
        Name of the values in error messages.
    dtype : dtype or None, default=float64
        None keeps a numeric dtype and converts objects to float64.

    Returns
    -------
    ndarray
        The input itself if no conversion is needed.

    Raises
    ------
    ValueError
        If there are complex numbers, texts, dates or other objects.
    """
    try:
        array = np.asarray(values)
    except ValueError as error:
        raise ValueError(
            f"{name} holds rows of several lengths; expected an array of real numbers."
        ) from error
    if array.dtype.kind == "O":
        try:
            array = array.astype(np.float64)
        except (TypeError, ValueError) as error:
            raise ValueError(
                f"{name} holds objects that are not numbers ({error}); expected an array of real "
                f"numbers, got {type(values).__name__} with shape {array.shape}."
            ) from error
    if array.dtype.kind not in "biuf":
        raise ValueError(f"{name} has dtype {array.dtype}; expected real numbers.")
    return array if dtype is None else array.astype(dtype, copy=False)


def check_magnitude(values: NDArray[Any], name: str = "X") -> None:
    """Raise ValueError if finite floats are so large that their squares may overflow."""
    if not values.size:
        return
    largest = max(values.max(), -values.min())
    limit = LARGEST if values.dtype == np.float64 else 1e12
    if largest > limit:
        raise ValueError(
            f"{name} holds numbers up to {largest:.3g}, whose squares and products overflow "
            f"{values.dtype}; expected numbers up to {limit:.0e}. Rescale {name}, or remove values "
            "that are not measurements."
        )


def as_float32(values: ArrayLike, name: str) -> NDArray[np.float32]:
    """Return real numbers, NaN and infinity as float32; raise ValueError beyond its range."""
    array = real_array(values, name, None)
    if array.dtype.kind == "f" and array.itemsize > 4:
        largest = np.abs(array).max(initial=0.0, where=np.isfinite(array))
        if largest > np.finfo(np.float32).max:
            raise ValueError(
                f"{name} hold numbers up to {largest:.3g}, beyond the range of float32, the type "
                "of latents and pooled maps. Rescale them."
            )
    return array.astype(np.float32, copy=False)


def validate_numpy(
    estimator: BaseEstimator, X: Any, y: Any = "no_validation", **params: Any
) -> Any:
    """Call `validate_data` with array API dispatch off: estimators here compute with NumPy.

    Tensors in main memory become NumPy arrays; those on a GPU raise torch's TypeError, which says
    how to copy them.
    """
    if not isinstance(y, str):
        y = plain_labels(y)
    with config_context(array_api_dispatch=False):
        return validate_data(estimator, X, y, **params)
