"""Scores of predictions of the same images with one attribute changed."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import ArrayLike, NDArray

from skstylefeat._utils._labels import split_labels
from skstylefeat._utils._validation import real_array


@dataclass(frozen=True, eq=False)
class CounterfactualScores:
    """Predictions of images, drawn once for each value of an attribute.

    The result of :func:`counterfactual_scores`.

    Attributes
    ----------
    attribute : str
        Name of what was changed.
    values : list of length k
        Values that it was changed to.
    predictions : ndarray of shape (k, n)
        Predictions of the images whose prediction is present at every value.
    y_true : ndarray of shape (n,) or None
        Their labels.
    is_number : bool
        Whether numbers are predicted.
    exact : bool
        True if the images differ in nothing but the attribute, as rendered ones do. Images of a
        generator also differ in whatever changes together with it.
    n_unpredicted : int
        Images left out, because a prediction is missing.

    Examples
    --------
    See :func:`counterfactual_scores`.
    """

    attribute: str
    values: list[Any]
    predictions: NDArray[Any]
    y_true: NDArray[Any] | None
    is_number: bool
    exact: bool
    n_unpredicted: int

    @property
    def flips(self) -> float:
        """Share of the images whose class is not the same at all values; NaN for numbers."""
        if self.is_number:
            return np.nan
        return float((self.predictions != self.predictions[0]).any(axis=0).mean())

    @property
    def shift(self) -> NDArray[np.float64]:
        """Mean change of the number since the first value, in its unit; NaN for classes."""
        if not self.is_number:
            return np.full(len(self.values), np.nan)
        return (self.predictions - self.predictions[0]).mean(axis=1)

    @property
    def absolute_shift(self) -> NDArray[np.float64]:
        """Mean size of the change since the first value, in its unit; NaN for classes."""
        if not self.is_number:
            return np.full(len(self.values), np.nan)
        return np.abs(self.predictions - self.predictions[0]).mean(axis=1)

    @property
    def error(self) -> NDArray[np.float64]:
        """Share of wrong classes, or mean absolute error, at each value; NaN without labels."""
        if self.y_true is None:
            return np.full(len(self.values), np.nan)
        if self.is_number:
            return np.abs(self.predictions - self.y_true).mean(axis=1)
        return (self.predictions != self.y_true).mean(axis=1)

    @property
    def error_ratio(self) -> float:
        """Largest over smallest error by value; infinite if only the smallest is 0."""
        error = self.error
        if error.min() == error.max():
            return 1.0
        return float(error.max() / error.min()) if error.min() > 0 else np.inf

    @property
    def headline(self) -> str:
        """One or two sentences: how much the predictions depend on the attribute."""
        n, names = self.predictions.shape[1], [_short(value) for value in self.values]
        images = f"{n} images, {self.attribute} {' and '.join([', '.join(names[:-1]), names[-1]])}"
        if self.is_number:
            far = int(np.argmax(self.absolute_shift))
            text = (
                f"{images}: the number changes by {self.absolute_shift[far]:.3g} on average "
                f"(in the mean by {self.shift[far]:+.3g}) from {names[0]} to {names[far]}"
            )
        else:
            text = f"{images}: {100 * self.flips:.1f} % change their class"
        if self.y_true is not None:
            factor, unit = (1, "") if self.is_number else (100, " %")
            shown = ", ".join(
                f"{factor * error:.3g}{unit} at {name}"
                for error, name in zip(self.error, names, strict=True)
            )
            text += f"; error {shown}"
        text += "."

        # What limits the number comes last.
        if not self.exact:
            text += (
                " Approximate: a plane also changes what goes along with the attribute in the "
                "generator's images."
            )
        if self.n_unpredicted:
            text += f" {self.n_unpredicted} images without a prediction are left out."
        return text


def counterfactual_scores(
    predictions: ArrayLike,
    values: Sequence[Any],
    y_true: ArrayLike | None = None,
    *,
    attribute: str = "attribute",
    exact: bool = True,
) -> CounterfactualScores:
    """Score predictions of the same images with one attribute changed.

    Parameters
    ----------
    predictions : array-like of shape (k, n)
        Classes or numbers predicted for `n` images at `k` values. An image with a missing
        prediction (None, NaN) at any value is left out and counted. Floats are numbers, other
        types are classes.
    values : sequence of length k
        Values of the attribute, at least two.
    y_true : array-like of shape (n,), default=None
        Labels, which hold at all values.
    attribute : str, default="attribute"
        Name of what was changed.
    exact : bool, default=True
        Whether nothing else was changed.

    Returns
    -------
    CounterfactualScores

    Raises
    ------
    ValueError
        If shapes do not fit, fewer than two values are given, or labels are missing.

    See Also
    --------
    by_group : Scores of different images by group.
    skstylefeat.prediction.counterfactual_faces : The predictions of rendered faces.
    skstylefeat.prediction.counterfactual_plane : The predictions of edited codes.

    Examples
    --------
    >>> from skstylefeat.metrics import counterfactual_scores
    >>> found = counterfactual_scores(
    ...     [["no", "no", "yes"], ["no", "yes", "yes"]],
    ...     [0.1, 0.9],
    ...     ["no", "no", "yes"],
    ...     attribute="skin_tone",
    ... )
    >>> found.headline
    '3 images, skin_tone 0.1 and 0.9: 33.3 % change their class; error 0 % at 0.1, 33.3 % at 0.9.'
    """
    values = list(values)
    table = np.asarray(predictions)
    if table.ndim != 2 or len(table) != len(values) or len(values) < 2 or not table.shape[1]:
        raise ValueError(
            f"predictions has shape {table.shape} for {len(values)} values; expected (k, n): one "
            "row for each of at least two values, one column per image."
        )
    is_number = table.dtype.kind == "f"
    table, present = _predictions(table, is_number)
    if not present.any():
        raise ValueError("No image has a prediction at every value.")

    truth = None if y_true is None else _truth(y_true, table, is_number)[present]
    return CounterfactualScores(
        str(attribute),
        values,
        table[:, present],
        truth,
        is_number,
        bool(exact),
        int((~present).sum()),
    )


def _predictions(table, is_number):
    """Return predictions in one type, and the images that have one at every value."""
    if is_number:
        return table.astype(np.float64), ~np.isnan(table).any(axis=0)
    rows, labels = split_labels(table.ravel(), table.size)
    filled = np.zeros(table.size, dtype=labels.dtype)
    filled[rows] = labels
    present = np.zeros(table.size, dtype=bool)
    present[rows] = True
    return filled.reshape(table.shape), present.reshape(table.shape).all(axis=0)


def _truth(y_true, table, is_number):
    """Return one label per image, of the predictions' type."""
    n = table.shape[1]
    if np.shape(y_true) != (n,):
        raise ValueError(f"y_true has shape {np.shape(y_true)}; expected ({n},), one per image.")
    if is_number:
        truth: Any = real_array(y_true, "y_true")
        missing = int(np.isnan(truth).sum())
    else:
        rows, truth = split_labels(y_true, n)
        missing = n - len(rows)
    if missing:
        raise ValueError(f"y_true misses {missing} of {n} labels; give all of them, or None.")
    if (truth.dtype.kind in "US") != (table.dtype.kind in "US"):
        raise ValueError(
            f"y_true holds {truth.dtype.name}, but the predictions {table.dtype.name}: texts and "
            "numbers are never equal. Give both in one type."
        )
    return truth


def _short(value):
    return f"{value:.3g}" if isinstance(value, (float, np.floating)) else str(value)
