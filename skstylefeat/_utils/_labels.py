"""Labels, some of them missing, and the one rule by which missing labels are recognized.

A label is missing if it is None, NaN or pandas' NA, one of the texts in `MISSING_TEXTS`, or the
number -1. One exception: a column of the numbers -1 and 1 and no other label holds two classes, as
CelebA and support vector machines write them. `labeled_rows` warns if the opposite meaning of -1 is
plausible.
"""

from __future__ import annotations

import warnings
from collections.abc import Collection
from typing import Any

import numpy as np
from numpy.typing import ArrayLike, NDArray
from sklearn.utils.validation import column_or_1d

#: Texts that mean a missing label, as in pandas: "None" is one, "none" is a class.
MISSING_TEXTS = frozenset(
    {"", "nan", "-nan", "NaN", "-NaN", "NaT", "NA", "N/A", "n/a", "None", "NULL", "null"}
    | {"<NA>", "<NaT>", "#NA", "#N/A", "#N/A N/A", "1.#IND", "-1.#IND", "1.#QNAN", "-1.#QNAN"}
)
# Of these, the ones that could also be the name of a class.
_AMBIGUOUS_TEXTS = frozenset({"NA", "None", "NULL", "null"})
# Share of rows below which a class 1 next to -1 is so rare that -1 may mean "not labeled".
_RARE = 0.1
# Larger floats are always whole numbers, and integers cannot hold all of them.
_LARGEST_WHOLE = 2.0**53


def is_missing_text(text: str) -> bool:
    """Return whether a text means a missing label; blanks around it do not count."""
    return text.strip() in MISSING_TEXTS


def labeled_rows(y: NDArray[Any], classes: Collection[Any] = ()) -> NDArray[np.bool_]:
    """Return which entries of a column hold a label.

    Parameters
    ----------
    y : ndarray of shape (n,)
        Labels, some of them missing.
    classes : collection of label, default=()
        Classes that are already known. If -1 is among them, it is a class here, too.

    Returns
    -------
    ndarray of shape (n,), bool

    Warns
    -----
    UserWarning
        If -1 is read as missing next to numbers that suggest a scale (-1, 0, 1), if it is read as
        a class next to very few labels 1, or if a text such as "None" is read as missing.
    """
    if y.dtype.kind in "US":
        y = y.astype(str).astype(object)
    if y.dtype.kind == "O":
        present = np.array([not _is_absent(label) for label in y], dtype=bool)
        is_number = np.array([_is_number(label) for label in y], dtype=bool)
        _warn_of_texts(y[~present])
    else:
        present = ~np.isnan(y) if y.dtype.kind == "f" else np.ones(len(y), dtype=bool)
        is_number = np.full(len(y), y.dtype.kind in "iuf")

    is_number &= present
    minus_one = np.zeros(len(y), dtype=bool)
    minus_one[is_number] = y[is_number] == -1
    if not minus_one.any() or -1 in classes:
        return present

    # -1 is a class where 1 is the only other label, and missing elsewhere.
    others = present & ~minus_one
    only_numbers = bool((others == (others & is_number)).all())
    values = set(y[others].tolist()) if only_numbers else set()
    if values == {1}:
        if others.sum() < _RARE * present.sum():
            warnings.warn(
                f"y holds -1 ({minus_one.sum()} times) and 1 ({others.sum()} times), which count "
                "as two classes. If -1 means that the label is missing, write None or NaN.",
                stacklevel=3,
            )
        return present
    if values and (values <= {0, 1} or min(values) < 0):
        shown = ", ".join(f"{value:g}" for value in sorted(values)[:5])
        warnings.warn(
            f"{minus_one.sum()} labels are -1 and count as missing, next to the classes {shown}. "
            "If -1 is a class, too, write the classes as texts; if it is not, write None or NaN "
            "and this warning goes away.",
            stacklevel=3,
        )
    return others


def _is_absent(label):
    """Return whether one label of an object array is None, NaN, NA or a text for these."""
    if label is None or _is_na(label):
        return True
    if isinstance(label, str):
        return is_missing_text(label)
    return isinstance(label, (float, np.floating)) and label != label


def _is_na(label):
    """Return whether a label is NA or NaT of pandas, without importing pandas."""
    return type(label).__name__ in ("NAType", "NaTType")


def _is_number(label):
    return isinstance(label, (int, float, np.number)) and not isinstance(label, bool)


def _warn_of_texts(missing):
    texts = {label.strip() for label in missing if isinstance(label, str)} & _AMBIGUOUS_TEXTS
    if texts:
        warnings.warn(
            f"Labels with the text {' or '.join(map(repr, sorted(texts)))} count as missing. If "
            "this is a class, give it another name, such as 'none'.",
            stacklevel=4,
        )


def plain_labels(y: Any) -> Any:
    """Return labels without the kinds of arrays whose missing or odd entries NumPy would hide.

    Masked entries and pandas' NA in columns of texts become None, and texts of any type become
    `str`. Other input is returned as it is.

    Raises
    ------
    ValueError
        If labels are dates or durations, which are neither classes nor numbers.
    """
    dtype = getattr(y, "dtype", None)
    kind = getattr(dtype, "kind", "")
    if kind in ("M", "m"):
        raise ValueError(
            f"y holds dates or durations ({dtype}), which are neither classes nor numbers. Write "
            "classes as texts, or count days or years."
        )
    if isinstance(y, np.ma.MaskedArray):
        mask, y = np.ma.getmaskarray(y), y.data
        if mask.any():
            y = y.astype(object)
            y[mask] = None
    elif kind == "T" or (kind == "S" and isinstance(dtype, np.dtype)):
        texts = np.array(y, dtype=object)
        y = np.empty(texts.shape, dtype=object)
        for place, text in np.ndenumerate(texts):
            y[place] = text.decode(errors="replace") if isinstance(text, bytes) else text
    elif kind == "O" and not isinstance(dtype, np.dtype) and getattr(y, "ndim", 1) == 1:
        entries = [None if _is_na(label) else label for label in y]
        y = np.empty(len(entries), dtype=object)
        y[:] = entries
    return y


def label_array(y: ArrayLike, n_samples: int) -> NDArray[Any]:
    """Return labels of any type as a 1-D array; raise ValueError unless there is one per row.

    Lists become object arrays, so that they can hold both 1 and None.
    """
    y = plain_labels(y)
    if isinstance(y, (list, tuple)) and not any(np.ndim(label) for label in y):
        entries, y = y, np.empty(len(y), dtype=object)
        y[:] = entries
    # With array API dispatch, scikit-learn would keep a tensor.
    column: NDArray[Any] = np.asarray(column_or_1d(y, warn=True))
    if len(column) != n_samples:
        raise ValueError(f"y has {len(column)} labels but X has {n_samples} rows; give one each.")
    return column


def rows_with_value(y: ArrayLike, n_samples: int) -> NDArray[np.intp]:
    """Return the rows whose label is present, for labels that have an order.

    As for other labels, except that -1 is always a value: it is the lowest of the grades -1, 0, 1.
    """
    column = label_array(y, n_samples)
    if column.dtype.kind == "f":
        return np.flatnonzero(~np.isnan(column))
    if column.dtype.kind != "O":
        column = column.astype(object)
    return np.flatnonzero([not _is_absent(label) for label in column])


def sorted_classes(y: NDArray[Any], name: str = "y") -> tuple[NDArray[Any], NDArray[np.intp]]:
    """Return the distinct labels in order, and the position of each row's label among them.

    No label is missing. Raises ValueError if they have no order, such as a mix of texts and
    numbers.
    """
    try:
        return np.unique(y, return_inverse=True)
    except TypeError:
        kinds = sorted({type(label).__name__ for label in y})
        raise ValueError(
            f"{name} mixes labels of the types {', '.join(kinds)}, which have no order. Give "
            "labels of one type, and drop the rows that have none."
        ) from None


def uniform_labels(labels: NDArray[Any]) -> NDArray[Any]:
    """Return labels in one type: integers for whole numbers of any type, strings for texts.

    No label is missing. Raises ValueError if texts are mixed with numbers, if there is infinity, or
    if labels are neither texts nor numbers.
    """
    if labels.dtype.kind == "O":
        entries, labels = labels, np.array(labels.tolist())
        if labels.dtype.kind in "US" and not all(isinstance(label, str) for label in entries):
            raise ValueError("y mixes texts with other labels; use one type for all labels.")
        if labels.dtype.kind not in "USbiuf":
            labels = _as_numbers(entries)
    if labels.dtype.kind != "f":
        return labels
    if np.isinf(labels).any():
        raise ValueError("Input y contains infinity, which is not a label.")
    is_whole = np.array_equal(labels, np.trunc(labels))
    if is_whole and np.abs(labels).max(initial=0) <= _LARGEST_WHOLE:
        return labels.astype(np.int64)
    return labels


def _as_numbers(entries):
    """Return decimals and fractions as floats."""
    try:
        if not any(hasattr(label, "year") for label in entries):
            return np.array([float(label) for label in entries])
    except (TypeError, ValueError, OverflowError):
        pass
    kinds = sorted({type(label).__name__ for label in entries})
    raise ValueError(
        f"y holds labels of the type {', '.join(kinds[:5])}, which are neither texts nor numbers. "
        "Write classes as texts."
    )


def check_no_continuum(labels: NDArray[Any]) -> None:
    """Raise ValueError if labels, of one type, are fractional numbers, which are not classes."""
    if labels.dtype.kind == "f":
        raise ValueError(
            "Unknown label type: continuous. y holds "
            f"{len(np.unique(labels))} different numbers, but classes are expected. Cut y into "
            "classes, or predict numbers with LatentRegressor."
        )


def split_labels(y: ArrayLike, n_samples: int) -> tuple[NDArray[np.intp], NDArray[Any]]:
    """Check labels and return those that are present.

    Parameters
    ----------
    y : array-like of shape (n_samples,)
        Labels of any sortable type, some of them missing.
    n_samples : int
        Expected number of labels.

    Returns
    -------
    rows : ndarray of int
        Rows that have a label.
    labels : ndarray
        Their labels, as :func:`uniform_labels` returns them.

    Raises
    ------
    ValueError
        If `y` has another length, is not 1-D, mixes texts with numbers or holds infinity.

    Warns
    -----
    UserWarning
        As :func:`labeled_rows` does.
    """
    column = label_array(y, n_samples)
    rows = np.flatnonzero(labeled_rows(column))
    return rows, uniform_labels(column[rows])
