"""Names or numbers of all images, read from a few labels, and how good they are.

Labels choose the columns, among the maxima of all channels and the style codes of all layers, that
separate classes (by F value) or go with numbers (by correlation). A logistic or ridge regression
on these columns reads the other images. Every estimate comes from models that have not seen the
label, neither in the choice of columns nor in the regression.
"""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

import numpy as np
from numpy.typing import NDArray
from sklearn.linear_model import LogisticRegression, RidgeCV
from sklearn.model_selection import KFold

from skstylefeat.features._channel_scores import f_value
from skstylefeat.labeling._prepared import Prepared
from skstylefeat.metrics._intervals import error_interval, share_interval
from skstylefeat.regression._jackknife_plus import jackknife_plus

#: Columns that are chosen (for each of several classes), the inverse strength of the penalty, and
#: the least share of the best F value: measured on rendered faces.
N_CLASS_COLUMNS, CLASS_C, LEAST_F = 20, 1.0, 0.1
N_NUMBER_COLUMNS = 60
ALPHAS = np.logspace(0, 4, 13)
#: Up to this number of labels each is left out alone, beyond it they are left out in this many
#: parts.
MOST_FOLDS = 25
FEWEST_NUMBERS = 3
#: Share of images whose true number lies inside the interval.
COVERAGE = 0.9
#: A label is doubted if the model that has not seen it gives another class this probability.
DOUBT = 0.9
#: A number is doubted if it is further than this many typical errors from its prediction.
DOUBT_ERRORS = 3.0


@dataclass(frozen=True)
class Estimate:
    """How well labels are predicted by models that have not seen them.

    Attributes
    ----------
    score, low, high : float
        Share of correct classes with its 95 % interval (Wilson), or mean absolute error of
        numbers with its 95 % interval (Student).
    baseline : float
        The same of the commonest class, or of the mean of the other labels.
    n_labels : int
    commonest : str
        The commonest class; "" for numbers.
    """

    score: float
    low: float
    high: float
    baseline: float
    n_labels: int
    commonest: str = ""

    @property
    def beats_baseline(self) -> bool:
        """Whether the whole interval lies on the better side of the baseline."""
        return self.low > self.baseline if self.commonest else self.high < self.baseline


@dataclass(frozen=True)
class Doubt:
    """A label that contradicts the model.

    Attributes
    ----------
    row : int
    label : str or float
        As given.
    expected : str or float
        As the model that has not seen the label predicts.
    probability : float
        Of the expected class; NaN for numbers.
    """

    row: int
    label: Any
    expected: Any
    probability: float = math.nan


@dataclass
class Reading:
    """Classes or numbers of all images.

    Attributes
    ----------
    values : list of str or float
        One per image; given labels are kept.
    confidence : ndarray of shape (n,) or None
        Probability of the class; 1 for labels. None for numbers.
    low, high : ndarray of shape (n,) or None
        Interval of each number, of 90 % coverage; infinite with fewer than 9 labels, and the
        label itself where one is given. None for classes.
    columns : ndarray of int
        Columns that were read; empty if clusters were named instead.
    estimate : Estimate or None
        None while there are too few labels.
    doubts : list of Doubt
        The most striking first.
    """

    values: list[Any]
    confidence: NDArray[np.float64] | None = None
    low: NDArray[np.float64] | None = None
    high: NDArray[np.float64] | None = None
    columns: NDArray[np.intp] = field(default_factory=lambda: np.empty(0, np.intp))
    estimate: Estimate | None = None
    doubts: list[Doubt] = field(default_factory=list)


def can_read_classes(labels: Mapping[int, str]) -> bool:
    """Return whether labels by row can choose columns: two images each of two classes."""
    counts = np.unique(list(labels.values()), return_counts=True)[1]
    return int((counts >= 2).sum()) >= 2


def can_read_numbers(labels: Mapping[int, float]) -> bool:
    """Return whether labels by row can choose columns: three images, not all of one number."""
    return len(labels) >= FEWEST_NUMBERS and len(set(labels.values())) > 1


def read_classes(prepared: Prepared, labels: Mapping[int, str]) -> Reading:
    """Read the classes of all images.

    Parameters
    ----------
    prepared : Prepared
    labels : dict of int to str
        Classes by row, for which `can_read_classes` is true; no two rows are copies.

    Returns
    -------
    Reading
        Without the rule that labels are kept; `LabelingEngine` applies it.
    """
    rows, given = _rows_and_labels(labels)
    classes, codes = np.unique(given, return_inverse=True)
    block = prepared.standardized(rows)
    columns = _best_by_class(block, codes)
    model = _class_model().fit(block[:, columns], codes)
    proba = model.predict_proba(prepared.standardized(columns=columns))

    # Probabilities of every label by models that have not seen it; absent classes have 0.
    held_out = np.zeros((len(rows), len(classes)))
    for train, test in _folds(len(rows)):
        seen = np.unique(codes[train])
        if len(seen) == 1:
            held_out[test, seen[0]] = 1
            continue
        kept = _best_by_class(block[train], np.searchsorted(seen, codes[train]))
        fold = _class_model().fit(block[train][:, kept], codes[train])
        held_out[np.ix_(test, seen)] = fold.predict_proba(block[test][:, kept])
    guess = held_out.argmax(axis=1)
    best = held_out.max(axis=1)
    doubted = np.flatnonzero((guess != codes) & (best >= DOUBT))
    doubts = [
        Doubt(int(rows[i]), str(given[i]), str(classes[guess[i]]), float(best[i]))
        for i in doubted[np.argsort(-best[doubted], kind="stable")]
    ]

    n_right = int((guess == codes).sum())
    counts = np.bincount(codes)
    estimate = Estimate(
        n_right / len(rows),
        *share_interval(n_right / len(rows), len(rows)),
        float(counts.max() / len(rows)),
        len(rows),
        str(classes[counts.argmax()]),
    )
    names = classes[proba.argmax(axis=1)].tolist()
    return Reading(names, proba.max(axis=1), columns=columns, estimate=estimate, doubts=doubts)


def read_numbers(prepared: Prepared, labels: Mapping[int, float]) -> Reading:
    """Read the numbers of all images, with intervals.

    Parameters
    ----------
    prepared : Prepared
    labels : dict of int to float
        Numbers by row, for which `can_read_numbers` is true; no two rows are copies.

    Returns
    -------
    Reading
        Without the rule that labels are kept; `LabelingEngine` applies it. Intervals are those
        of the jackknife+, see `jackknife_plus`.
    """
    rows, given = _rows_and_labels(labels)
    numbers = given.astype(np.float64)
    block = prepared.standardized(rows)
    columns = _best_by_number(block, numbers)
    model = RidgeCV(ALPHAS).fit(block[:, columns], numbers)
    values = model.predict(prepared.standardized(columns=columns))

    # Every fold predicts its own labels, for the errors, and all images, for the intervals.
    held_out, baseline = np.empty(len(rows)), np.empty(len(rows))
    fold_of = np.empty(len(rows), dtype=int)
    folds = []
    for number, (train, test) in enumerate(_folds(len(rows))):
        kept = _best_by_number(block[train], numbers[train])
        fold = RidgeCV(ALPHAS).fit(block[train][:, kept], numbers[train])
        held_out[test] = fold.predict(block[test][:, kept])
        baseline[test] = numbers[train].mean()
        fold_of[test] = number
        folds.append((fold, kept))
    errors = np.abs(numbers - held_out)

    # The folds share most columns, so these are read once.
    used = np.unique(np.concatenate([kept for _, kept in folds]))
    everything = prepared.standardized(columns=used)
    centers = [fold.predict(everything[:, np.searchsorted(used, kept)]) for fold, kept in folds]
    low, high = jackknife_plus(np.array(centers), fold_of, errors, COVERAGE)

    typical = max(float(np.median(errors)), 1e-12)
    order = np.argsort(-errors, kind="stable")
    doubts = [
        Doubt(int(rows[i]), float(numbers[i]), float(held_out[i]))
        for i in order
        if errors[i] > DOUBT_ERRORS * typical and len(rows) > 2 * FEWEST_NUMBERS
    ]
    mean = float(errors.mean())
    estimate = Estimate(
        mean,
        *error_interval(mean, errors),
        float(np.abs(numbers - baseline).mean()),
        len(rows),
    )
    return Reading(
        values.tolist(), low=low, high=high, columns=columns, estimate=estimate, doubts=doubts
    )


def _rows_and_labels(labels):
    """Return labels as arrays, in the order of their rows, so that their history has no effect."""
    rows = np.array(sorted(labels), dtype=np.intp)
    return rows, np.array([labels[row] for row in rows.tolist()])


def _folds(n_labels):
    if n_labels <= MOST_FOLDS:
        return KFold(n_labels).split(np.empty(n_labels))
    return KFold(MOST_FOLDS, shuffle=True, random_state=0).split(np.empty(n_labels))


def _class_model():
    # Few labels are rarely balanced, which says little of all images.
    return LogisticRegression(C=CLASS_C, class_weight="balanced", max_iter=500)


def _best_by_class(block, codes):
    """Return the columns that separate each class from the others, by their F values.

    Columns with less than a tenth of the best F value are left out: they would add noise.
    """
    n_classes = codes.max() + 1
    if len(codes) == n_classes:  # one label per class has no variance to compare with
        return np.argsort(-block.std(axis=0), kind="stable")[:N_CLASS_COLUMNS]
    kept = []
    for code in range(n_classes if n_classes > 2 else 1):
        scores = f_value(block, (codes == code).astype(int))
        best = np.argsort(-scores, kind="stable")[:N_CLASS_COLUMNS]
        kept.append(best[scores[best] >= LEAST_F * scores[best[0]]])
    return np.unique(np.concatenate(kept))


def _best_by_number(block, numbers):
    """Return the columns with the highest covariance, in units of their own deviation.

    The deviation counts as at least 0.3 of that over all images, so that columns that hardly vary
    among a few labels do not rank first by chance.
    """
    covariance = np.abs((block - block.mean(axis=0)).T @ (numbers - numbers.mean()))
    scores = covariance / np.maximum(block.std(axis=0), 0.3)
    return np.argsort(-scores, kind="stable")[:N_NUMBER_COLUMNS]
