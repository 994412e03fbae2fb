"""Numbers that users give, refused in plain words where nothing can be computed from them."""

import numpy as np

#: Numbers between these bounds have squares and products that float64 can hold.
SMALLEST, LARGEST = 1e-100, 1e100


def real_array(values, name, dtype=np.float64):
    """Return an array of real numbers.

    Parameters
    ----------
    values : array-like
        Numbers.
    name : str
        What they are called in messages.
    dtype : dtype or None, default=float64
        None keeps the dtype of numbers, and makes float64 of objects.

    Returns
    -------
    ndarray
        The input itself where nothing has to change.

    Raises
    ------
    ValueError
        If there are complex numbers, texts, dates or other objects.
    """
    array = np.asarray(values)
    if array.dtype.kind == "O":
        try:
            array = array.astype(np.float64)
        except (TypeError, ValueError) as error:
            raise ValueError(
                f"{name} holds what is no number ({error}); expected an array of real numbers, got "
                f"{type(values).__name__} with shape {array.shape}."
            ) from error
    if array.dtype.kind not in "biuf":
        raise ValueError(f"{name} has dtype {array.dtype}; expected real numbers.")
    return array if dtype is None else array.astype(dtype, copy=False)


def check_magnitude(values, name="X"):
    """Raise ValueError where squares of finite floats would come near the largest of their type."""
    if not values.size:
        return
    largest = max(values.max(), -values.min())
    limit = LARGEST if values.dtype == np.float64 else 1e12
    if largest > limit:
        raise ValueError(
            f"{name} holds numbers up to {largest:.3g}, whose squares and products {values.dtype} "
            f"cannot hold; expected numbers up to {limit:.0e}. Give {name} in another unit, or "
            "remove what is no measurement."
        )


def as_float32(values, name):
    """Return real numbers in float32, NaN and infinity with them; refuse those beyond its range."""
    array = real_array(values, name, None)
    if array.dtype == np.float64 and array.size:
        largest = np.abs(array).max(initial=0.0, where=np.isfinite(array))
        if largest > np.finfo(np.float32).max:
            raise ValueError(
                f"{name} hold numbers up to {largest:.3g}, beyond the range of a network's float32."
            )
    return array.astype(np.float32, copy=False)
