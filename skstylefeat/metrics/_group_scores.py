"""Scores by group of images: values, intervals, and the gap to the group with the best value."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from numbers import Integral, Real
from typing import Any

import numpy as np
from numpy.typing import ArrayLike, NDArray
from sklearn.utils import check_random_state

from skstylefeat._utils._labels import check_no_continuum, rows_with_value, split_labels
from skstylefeat._utils._typing import RandomState
from skstylefeat._utils._validation import real_array
from skstylefeat.metrics._intervals import share_interval

#: Groups with fewer scored images are counted, but get no value.
FEWEST_IN_GROUP = 10
#: More groups than this are an identity, such as a person, rather than groups to compare.
MOST_GROUPS = 50
#: Scores of classes, whether larger is better.
CLASS_METRICS = {"accuracy": True, "error": False}
NUMBER_METRICS = {"mean_absolute_error": False, "bias": False}


@dataclass(frozen=True, eq=False)
class GroupScores:
    """Scores of one set of predictions by group; the result of :func:`by_group`.

    Attributes
    ----------
    metric : str
        Name of the score.
    greater_is_better : bool
    group : ndarray of shape (n_groups,)
        Names of the groups, in order.
    n : ndarray of shape (n_groups,), int64
        Scored images: those with a label and a prediction.
    n_unpredicted : ndarray of shape (n_groups,), int64
        Images with a label whose prediction is missing. They have no part in the value.
    value : ndarray of shape (n_groups,), float64
        Score; NaN for groups of fewer than 10 scored images.
    low, high : ndarray of shape (n_groups,), float64
        Interval of the value.
    gap : ndarray of shape (n_groups,), float64
        Distance from the best group's value, at least 0; of "bias", of the absolute values.
    gap_low : ndarray of shape (n_groups,), float64
        Lower end of the gap's interval. Above 0, the gap is more than chance.
    overall : float
        Score of all scored images that have a group.
    coverage : float
        Of the intervals.
    n_without_group : int
        Images with a label, but no group.

    Examples
    --------
    See :func:`by_group`.
    """

    metric: str
    greater_is_better: bool
    group: NDArray[Any]
    n: NDArray[np.int64]
    n_unpredicted: NDArray[np.int64]
    value: NDArray[np.float64]
    low: NDArray[np.float64]
    high: NDArray[np.float64]
    gap: NDArray[np.float64]
    gap_low: NDArray[np.float64]
    overall: float
    coverage: float
    n_without_group: int

    @property
    def largest_gap(self) -> float:
        """The largest gap; NaN with fewer than two groups of 10 images."""
        return float(np.nanmax(self.gap)) if (~np.isnan(self.value)).sum() > 1 else np.nan

    @property
    def warnings(self) -> list[str]:
        """Sentences on gaps beyond chance, small groups and missing predictions."""
        texts = []
        for i in np.flatnonzero(self.gap_low > 0):
            texts.append(
                f"{self.metric} of group {_quoted(self.group[i])} is {self.value[i]:.3g}, which is "
                f"{self.gap[i]:.3g} from that of the best group; chance alone rarely makes such a "
                f"gap (its {100 * self.coverage:.0f} % interval starts at {self.gap_low[i]:.3g})."
            )

        small = np.flatnonzero(self.n < FEWEST_IN_GROUP)
        if len(small):
            named = ", ".join(f"{_quoted(self.group[i])} ({self.n[i]})" for i in small[:5])
            texts.append(
                f"Groups with fewer than {FEWEST_IN_GROUP} scored images have no value: {named}"
                f"{' and others' if len(small) > 5 else ''}. Label more images of them."
            )
        if len(self.n) - len(small) < 2:
            texts.append("Fewer than two groups have a value, so there is nothing to compare.")

        if self.n_unpredicted.any():
            named = ", ".join(
                f"{_quoted(self.group[i])} ({self.n_unpredicted[i]})"
                for i in np.flatnonzero(self.n_unpredicted)[:5]
            )
            texts.append(f"Labeled images without a prediction count for no value: {named}.")
        if self.n_without_group:
            texts.append(f"{self.n_without_group} labeled images have no group.")
        return texts

    def rows(self, spec: str = ".3g") -> tuple[list[str], list[list[str]]]:
        """Return header and cells of a table, as texts.

        Parameters
        ----------
        spec : str, default=".3g"
            Format of the numbers.

        Returns
        -------
        header : list of str
        rows : list of list of str
            "-" where there is no value.
        """
        percent = f"{100 * self.coverage:.0f} %"
        header = ["group", "n", self.metric.replace("_", " "), f"{percent} interval", "gap to best"]

        rows = []
        for i, name in enumerate(self.group.tolist()):
            cells = [str(name), str(self.n[i]), "-", "-", "-"]
            if not np.isnan(self.value[i]):
                ends = f"{self.low[i]:{spec}} to {self.high[i]:{spec}}"
                cells[2:] = [format(self.value[i], spec), ends, format(self.gap[i], spec)]
            rows.append(cells)
        return header, rows

    def to_frame(self) -> Any:
        """Return the scores as a DataFrame, one row per group.

        Returns
        -------
        pandas.DataFrame
            Columns n, n_unpredicted, value, low, high, gap and gap_low, indexed by the group.

        Raises
        ------
        ImportError
            If pandas is not installed.
        """
        try:
            import pandas as pd
        except ImportError as error:
            raise ImportError(
                "GroupScores.to_frame needs pandas: pip install pandas. The attributes hold the "
                "same numbers as arrays."
            ) from error
        names = ["n", "n_unpredicted", "value", "low", "high", "gap", "gap_low"]
        columns = {name: getattr(self, name) for name in names}
        return pd.DataFrame(columns, index=pd.Index(self.group, name="group"))

    def _repr_html_(self) -> str:
        """Return a table for notebooks."""
        from html import escape

        header, rows = self.rows()
        cells = "".join(f"<th>{escape(cell)}</th>" for cell in header)
        body = "".join(
            "<tr>" + "".join(f"<td>{escape(cell)}</td>" for cell in row) + "</tr>" for row in rows
        )
        notes = "".join(f"<p>{escape(text)}</p>" for text in self.warnings)
        return f"<table><thead><tr>{cells}</tr></thead><tbody>{body}</tbody></table>{notes}"


def by_group(
    y_true: ArrayLike,
    y_pred: ArrayLike,
    groups: ArrayLike,
    metric: str | Callable[..., float] = "accuracy",
    *,
    greater_is_better: bool = True,
    coverage: float = 0.9,
    n_boot: int = 1000,
    random_state: RandomState = None,
) -> GroupScores:
    """Score predictions by group, with intervals and the gap to the best group.

    Parameters
    ----------
    y_true : array-like of shape (n,)
        Classes or numbers; rows without a label are left out.
    y_pred : array-like of shape (n,)
        Predictions. A missing one (None, NaN), such as that of an image that cannot be read,
        counts in `n_unpredicted`.
    groups : array-like of shape (n,)
        Group of each image, as a text, a whole number or a truth value. Rows without a group are
        counted in `n_without_group`.
    metric : str or callable, default="accuracy"
        For classes "accuracy" or "error" (share of wrong ones); for numbers
        "mean_absolute_error" or "bias" (mean of prediction minus label, whose best value is 0);
        or a function of ``(y_true, y_pred)`` such as :func:`sklearn.metrics.f1_score`.
    greater_is_better : bool, default=True
        Whether larger values of a function are better; names have their own order.
    coverage : float, default=0.9
        Of the intervals.
    n_boot : int, default=1000
        Bootstrap draws of each group's images. They are not used for "accuracy" and "error".
    random_state : int, RandomState instance or None, default=None
        Seed of the draws.

    Returns
    -------
    GroupScores
        A group of fewer than 10 scored images is counted, but has no value.

    Raises
    ------
    ValueError
        If lengths differ, classes are compared with numbers, there are more than 50 groups or no
        scored image, or an option is invalid.

    Warns
    -----
    UserWarning
        If -1 or a text such as "None" could be a missing label or a class.

    See Also
    --------
    counterfactual_scores : The same image with one attribute changed.

    Notes
    -----
    Intervals of "accuracy" and "error" are Wilson's, because the bootstrap of a group without
    error has no width. Others are percentiles of bootstrap draws. The interval of a gap
    combines the two groups' intervals (Newcombe's hybrid score method), as if the best group had
    been known beforehand.

    Examples
    --------
    >>> import numpy as np
    >>> from skstylefeat.metrics import by_group
    >>> y = np.tile(["glasses", "none"], 30)
    >>> skin = np.repeat(["light", "dark", "unknown"], [30, 26, 4])
    >>> found = by_group(y, np.where(np.arange(60) % 4 < (skin == "dark"), "none", y), skin)
    >>> for row in found.rows()[1]:
    ...     print(row)
    ['dark', '26', '0.769', '0.612 to 0.876', '0.231']
    ['light', '30', '1', '0.917 to 1', '0']
    ['unknown', '4', '-', '-', '-']
    >>> found.warnings[1][:72]
    "Groups with fewer than 10 scored images have no value: 'unknown' (4). La"
    """
    statistic_of, name, greater = _check_metric(metric, greater_is_better)
    is_share = name in CLASS_METRICS and not callable(metric)
    if isinstance(coverage, bool) or not isinstance(coverage, Real) or not 0 < coverage < 1:
        raise ValueError(f"coverage must be between 0 and 1, both excluded, got {coverage!r}.")
    if isinstance(n_boot, bool) or not isinstance(n_boot, Integral) or n_boot < 1:
        raise ValueError(f"n_boot must be a positive integer, got {n_boot!r}.")
    rng = check_random_state(random_state)

    lengths = {"y_true": np.shape(y_true), "y_pred": np.shape(y_pred), "groups": np.shape(groups)}
    n = lengths["y_true"][0] if lengths["y_true"] else 0
    if any(shape != (n,) for shape in lengths.values()):
        raise ValueError(f"Expected one label, prediction and group per image, got {lengths}.")

    as_numbers = not callable(metric) and name in NUMBER_METRICS
    truth, has_truth = _column(y_true, "y_true", as_numbers)
    guess, has_guess = _column(y_pred, "y_pred", as_numbers)
    _check_same_type(truth[has_truth], guess[has_guess])
    member, has_group = _column(groups, "groups", False)
    names, codes = _group_names(member, has_group)

    usable = has_truth & has_guess & has_group
    if not usable.any():
        raise ValueError(
            f"No image has a label, a prediction and a group: of {n}, {has_truth.sum()} have a "
            f"label, {has_guess.sum()} a prediction and {has_group.sum()} a group."
        )
    n_groups = len(names)
    counts = np.bincount(codes[usable], minlength=n_groups)
    unpredicted = np.bincount(codes[has_truth & has_group & ~has_guess], minlength=n_groups)

    # Each group's value and interval, where it has enough images.
    value, low, high = (np.full(n_groups, np.nan) for _ in range(3))
    for i in np.flatnonzero(counts >= FEWEST_IN_GROUP):
        rows = np.flatnonzero(usable & (codes == i))
        statistic = statistic_of(truth[rows], guess[rows])
        value[i] = statistic(np.arange(len(rows)))
        if is_share:
            low[i], high[i] = share_interval(value[i], len(rows), coverage)
        else:
            low[i], high[i] = _bootstrap(statistic, len(rows), n_boot, coverage, rng)

    rows = np.flatnonzero(usable)
    overall = statistic_of(truth[rows], guess[rows])(np.arange(len(rows)))
    gap, gap_low = _gaps(value, low, high, greater, around_zero=as_numbers and name == "bias")
    return GroupScores(
        name,
        greater,
        names,
        counts,
        unpredicted,
        value,
        low,
        high,
        gap,
        gap_low,
        float(overall),
        float(coverage),
        int((has_truth & ~has_group).sum()),
    )


def check_groups(groups: ArrayLike) -> None:
    """Raise ValueError unless there are groups to compare, before predictions are made."""
    member, has_group = _column(groups, "groups", False)
    names, _ = _group_names(member, has_group)
    if len(names) < 2:
        found = f"one group only, {_quoted(names[0])}" if len(names) else "no group"
        raise ValueError(f"groups holds {found}; two groups or more can be compared.")


def _check_metric(metric, greater_is_better):
    """Return a function of (truth, guess) that returns the score of some rows, name and order."""
    if callable(metric):

        def score(truth, guess):
            return lambda rows: float(metric(truth[rows], guess[rows]))

        return score, getattr(metric, "__name__", type(metric).__name__), bool(greater_is_better)

    by_row = {
        "accuracy": lambda truth, guess: 1.0 * (truth == guess),
        "error": lambda truth, guess: 1.0 * (truth != guess),
        "mean_absolute_error": lambda truth, guess: np.abs(truth - guess),
        "bias": lambda truth, guess: guess - truth,
    }
    if metric not in by_row:
        raise ValueError(
            f"metric must be one of {', '.join(map(repr, by_row))} or a function of (y_true, "
            f"y_pred), got {metric!r}."
        )

    def mean(truth, guess):
        parts = by_row[metric](truth, guess)
        return lambda rows: float(parts[rows].mean())

    return mean, metric, (CLASS_METRICS | NUMBER_METRICS)[metric]


def _column(values, name, as_numbers):
    """Return a column of one type for all rows, and which rows hold an entry."""
    n = len(values)
    try:
        if as_numbers:
            rows = rows_with_value(values, n)
            entries = real_array(np.asarray(values, dtype=object)[rows], name)
        else:
            rows, entries = split_labels(values, n)
    except ValueError as error:
        raise ValueError(f"{name}: {error}") from error
    present = np.zeros(n, dtype=bool)
    present[rows] = True
    column = np.zeros(n, dtype=entries.dtype)
    column[rows] = entries
    return column, present


def _check_same_type(truth, guess):
    """Raise ValueError if texts are compared with numbers, which are never equal."""
    if not len(truth) or not len(guess):
        return
    if (truth.dtype.kind in "US") != (guess.dtype.kind in "US"):
        raise ValueError(
            f"y_true holds {truth.dtype.name} such as {truth[0]!r}, but y_pred {guess.dtype.name} "
            f"such as {guess[0]!r}: texts and numbers are never equal. Give both in one type."
        )


def _group_names(member, has_group):
    """Return the names of the groups in order, and the group of each row that has one."""
    try:
        check_no_continuum(member)
    except ValueError:
        raise ValueError(
            f"groups holds {len(np.unique(member[has_group]))} different fractional numbers. Cut "
            "them into groups, for example with numpy.digitize."
        ) from None
    names, found = np.unique(member[has_group], return_inverse=True)
    if len(names) > MOST_GROUPS:
        raise ValueError(
            f"groups holds {len(names)} different values, such as {names[0]!r}; at most "
            f"{MOST_GROUPS} groups are compared. A person's identity is no group."
        )
    codes = np.zeros(len(member), dtype=np.intp)
    codes[has_group] = found
    return names, codes


def _bootstrap(statistic, n, n_boot, coverage, rng):
    """Return the percentile interval of a score; NaN if many draws have no score."""
    draws = np.full(n_boot, np.nan)
    for k in range(n_boot):
        try:
            draws[k] = statistic(rng.randint(n, size=n))
        except ValueError:  # such as an AUC of a draw with one class
            continue
    if np.isnan(draws).mean() > 0.1:
        return np.nan, np.nan
    return np.nanquantile(draws, [(1 - coverage) / 2, (1 + coverage) / 2])


def _gaps(value, low, high, greater, around_zero):
    """Return each group's distance to the best group, and the lower end of its interval."""
    gap, gap_low = np.full_like(value, np.nan), np.full_like(value, np.nan)
    if np.isnan(value).all():
        return gap, gap_low

    # From here on, small values are good. An error around 0 counts by its size.
    cost, best_end, worst_end = (-value, -high, -low) if greater else (value, low, high)
    if around_zero:
        cost = np.abs(value)
        reach = (high - low) / 2
        best_end, worst_end = np.maximum(cost - reach, 0), cost + reach
    best = np.nanargmin(cost)
    gap = cost - cost[best]

    # Lower end of a difference of two independent scores, from their intervals.
    spread = np.hypot(cost - best_end, worst_end[best] - cost[best])
    gap_low = np.maximum(gap - spread, 0)
    gap_low[best] = 0.0
    return gap, gap_low


def _quoted(name):
    return repr(name.item() if hasattr(name, "item") else name)
