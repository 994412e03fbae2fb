"""The one rule for which labels are missing."""

import warnings
from datetime import date
from decimal import Decimal

import numpy as np
import pandas as pd
import polars as pl
import pytest

from skstylefeat import (
    ChannelMISelector,
    ClusterAnnotator,
    FewShotSplit,
    HyperplaneDistance,
    LatentRegressor,
    PseudoLabelClassifier,
)
from skstylefeat._utils._labels import MISSING_TEXTS, is_missing_text, labeled_rows, split_labels
from skstylefeat.metrics import intra_inter_mi

SCALE = "labels are -1 and count as missing, next to the classes"


@pytest.mark.parametrize(
    ("y", "rows"),
    [
        (np.array([2, -1, 3]), [0, 2]),
        (np.array([2.0, -1.0, np.nan]), [0]),
        (np.array([2, None, np.nan, pd.NA, pd.NaT, -1, -1.0], dtype=object), [0]),
        (np.array(["a", -1, "-1"], dtype=object), [0, 2]),
        (np.array(["a", "-1", "", " ", "nan", "NaN", "<NA>", "n/a", "none", "na"]), [0, 1, 8, 9]),
        (np.array(["a", "", "nan"], dtype=object), [0]),
        (np.array([b"a", b"", b"nan"]), [0]),
        (np.array([True, False]), [0, 1]),
        (np.array([True, -1], dtype=object), [0]),
        (np.array([-1, -1]), []),
        (np.array([]), []),
    ],
)
def test_missing_labels(y, rows):
    assert np.flatnonzero(labeled_rows(y)).tolist() == rows


@pytest.mark.parametrize("kind", [int, float, object])
def test_minus_one_and_one_are_two_classes(kind):
    y = np.array([-1, 1, 1, -1, -1], dtype=kind)
    assert labeled_rows(y).all()
    assert split_labels(y.tolist(), 5)[1].tolist() == [-1, 1, 1, -1, -1]
    if kind is not int:
        y[1] = np.nan
        assert labeled_rows(y).tolist() == [True, False, True, True, True]


def test_minus_one_that_is_known_as_a_class():
    assert labeled_rows(np.array([-1, 5]), classes={-1, 1}).all()
    assert labeled_rows(np.array([-1, 5]), classes={1}).tolist() == [False, True]


@pytest.mark.parametrize("y", [[-1, 0, 1], [-1, 0], [-2, -1, 0, 1, 2], [-1.0, 0.0, np.nan]])
def test_a_scale_with_minus_one_warns(y):
    with pytest.warns(UserWarning, match=f"1 {SCALE}"):
        labeled_rows(np.array(y))
    with pytest.warns(UserWarning, match=f"1 {SCALE}"):
        labeled_rows(np.array(y, dtype=object))


def test_a_rare_class_next_to_minus_one_warns():
    y = np.full(100, -1)
    y[:9] = 1
    with pytest.warns(UserWarning, match=r"-1 \(91 times\) and 1 \(9 times\).*two classes"):
        assert labeled_rows(y).all()
    y[:10] = 1
    assert labeled_rows(y).all()


@pytest.mark.parametrize("text", ["NA", "None", "NULL", "null", " None "])
def test_texts_that_could_be_classes_warn(text):
    with pytest.warns(UserWarning, match=f"'{text.strip()}' count as missing"):
        assert labeled_rows(np.array(["a", text])).tolist() == [True, False]


def test_missing_texts_are_those_of_pandas():
    from pandas._libs.parsers import STR_NA_VALUES

    assert {*STR_NA_VALUES, "NaT", "<NaT>"} == set(MISSING_TEXTS)
    assert is_missing_text(" nan ")
    assert not is_missing_text("-1")
    assert not is_missing_text("none")


def fit_annotator(X, y):
    return ClusterAnnotator(3, query="labeled", random_state=0).fit(X, y).classes_


def fit_classifier(X, y):
    return (
        PseudoLabelClassifier(ClusterAnnotator(query="labeled", random_state=0)).fit(X, y).classes_
    )


def fit_selector(X, y):
    maps = X[:, :, None, None] + np.arange(16.0).reshape(4, 4)
    return ChannelMISelector(random_state=0).fit(maps, y).classes_


def score_maps(X, y):
    intra_inter_mi(X.reshape(len(X), 1, -1), y)
    return split_labels(y, len(X))[1]


@pytest.mark.parametrize("fit", [fit_annotator, fit_classifier, fit_selector, score_maps])
def test_all_estimators_follow_the_rule(fit):
    X = np.random.default_rng(0).normal(size=(60, 8))
    signs = np.where(X[:, 0] > 0, 1, -1)
    assert set(fit(X, signs)) == {-1, 1}
    grades = np.arange(60) % 3 - 1
    with pytest.warns(UserWarning, match=f"20 {SCALE} 0, 1"):
        assert set(fit(X, grades)) == {0, 1}
    texts = np.array(["a", "b", "nan"])[grades + 1]
    absent = np.array(["a", "b", None], dtype=object)[grades + 1]
    for y in (texts, absent):
        with warnings.catch_warnings():
            warnings.simplefilter("error")
            assert set(fit(X, y)) == {"a", "b"}
    with pytest.raises(ValueError, match=r"Unknown label type: continuous\. y holds 60 different"):
        fit(X, X[:, 0])


TEXTS = ["a", "b", None] * 20
NUMBERS = [1, 0, None] * 20
KINDS = {
    "pandas, numbers": lambda: pd.Series(NUMBERS, dtype="Int64"),
    "pandas, floats": lambda: pd.array(NUMBERS, dtype="Float64"),
    "pandas, bool": lambda: pd.Series([1, 0, None] * 20, dtype="boolean"),
    "pandas, texts": lambda: pd.Series(TEXTS, dtype="string"),
    "pandas, categories": lambda: pd.Series(TEXTS, dtype="category"),
    "pandas, categories of numbers": lambda: pd.Series(NUMBERS).astype("category"),
    "polars, texts": lambda: pl.Series(TEXTS),
    "polars, numbers": lambda: pl.Series(NUMBERS),
    "polars, categories": lambda: pl.Series(TEXTS).cast(pl.Categorical),
    "masked": lambda: np.ma.masked_array([1, 0, 7] * 20, [False, False, True] * 20),
    "NumPy's texts": lambda: np.array(["a", "b", ""] * 20, dtype=np.dtypes.StringDType()),
    "bytes": lambda: np.array([b"a", b"b", b""] * 20),
    "decimals": lambda: [Decimal(1), Decimal(0), None] * 20,
}


@pytest.mark.parametrize("kind", KINDS)
def test_columns_of_all_kinds(kind):
    """Missing labels of frames, masks and texts are missing to every estimator."""
    y = KINDS[kind]()
    rows, labels = split_labels(y, 60)
    assert rows.tolist() == [row for row in range(60) if row % 3 < 2]
    expected = [1, 0] if set(labels.tolist()) <= {0, 1} else ["a", "b"]
    assert labels.tolist() == expected * 20
    X = np.random.default_rng(0).normal(size=(60, 8))
    for fit in (fit_annotator, fit_classifier, fit_selector):
        assert fit(X, y).tolist() == sorted(expected)
    learned = HyperplaneDistance().fit(X, y).coef_
    np.testing.assert_array_equal(learned, HyperplaneDistance().fit(X[rows], labels).coef_)
    if expected == [1, 0]:
        with pytest.raises(ValueError, match="NaN"):
            LatentRegressor().fit(X[:, :1], y)
        model = LatentRegressor(unlabeled="ignore", n_refits=None).fit(X[:, :1], y)
        floats = np.full(60, np.nan)
        floats[rows] = labels
        same = LatentRegressor(unlabeled="ignore", n_refits=None).fit(X[:, :1], floats)
        np.testing.assert_allclose(model.coef_, same.coef_)
    with pytest.raises(ValueError, match="no label in 20 of 60 rows"):
        next(FewShotSplit(4).split(X, y))


@pytest.mark.parametrize(
    ("y", "message"),
    [
        (np.array(["2020-01-01", "NaT"] * 30, dtype="M8[D]"), "y holds dates or durations"),
        (pd.Series(pd.to_datetime(["2020-01-01", None] * 30)), "y holds dates or durations"),
        ([date(2020, 1, 1), date(2021, 1, 1)] * 30, "labels of the type date"),
        ([1j, 2j] * 30, "labels of the type complex|Complex"),
        ([{"a": 1}, {"a": 2}] * 30, "labels of the type dict"),
    ],
)
def test_what_is_no_label(y, message):
    X = np.random.default_rng(0).normal(size=(60, 8))
    for fit in (fit_annotator, fit_classifier, fit_selector):
        with pytest.raises(ValueError, match=message):
            fit(X, y)


@pytest.mark.parametrize("text", ["None", "NA", "null", "nan"])
def test_texts_for_missing_labels_are_reported_by_every_estimator(text):
    X = np.random.default_rng(0).normal(size=(60, 8))
    y = np.array(["a", "b", text] * 20)
    for fit in (fit_annotator, fit_classifier, fit_selector):
        with warnings.catch_warnings(record=True) as caught:
            warnings.simplefilter("always")
            assert fit(X, y).tolist() == ["a", "b"]
        said = any(f"'{text}' count as missing" in str(w.message) for w in caught)
        assert said == (text != "nan")
