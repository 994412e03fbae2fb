"""Rows of NaN, from images that cannot be read: left out of fits, predicted as NaN."""

import numpy as np
import pandas as pd
import pytest
from numpy.testing import assert_allclose, assert_array_equal
from sklearn.model_selection import GridSearchCV, cross_val_predict
from sklearn.pipeline import make_pipeline

from skstylefeat import HyperplaneDistance, LatentRegressor

MISSING = [5, 9]
PRESENT = np.setdiff1d(np.arange(40), MISSING)


@pytest.fixture
def rows():
    rng = np.random.default_rng(0)
    X = rng.standard_normal((40, 12)).astype(np.float32)
    y = 30 + 10 * X[:, 0].astype(float) + rng.standard_normal(40)
    whole = X.copy()
    X[MISSING] = np.nan
    return X, y, whole


@pytest.mark.parametrize("as_labels", [np.asarray, list, pd.Series])
@pytest.mark.parametrize("aggregate", ["weighted", "per_layer", 1])
def test_distance(rows, as_labels, aggregate):
    X, y, _ = rows
    params = {"w_dim": 4, "aggregate": aggregate}
    model = HyperplaneDistance(**params).fit(X, as_labels(y))
    expected = HyperplaneDistance(**params).fit(X[PRESENT], y[PRESENT])
    assert_array_equal(model.coef_, expected.coef_)
    assert_array_equal(model.center_, expected.center_)
    distances = model.transform(X)
    assert np.isnan(distances[MISSING]).all()
    assert_allclose(distances[PRESENT], expected.transform(X[PRESENT]), rtol=1e-5, atol=1e-5)


@pytest.mark.parametrize("missing", [None, np.nan, pd.NA, "NA"])
def test_unlabeled_rows_are_left_out_of_the_direction(rows, missing):
    """They still count for the center, as no label is needed for it."""
    _, y, X = rows
    expected = HyperplaneDistance(w_dim=4).fit(X[::4], y[::4])
    known = np.full(40, missing, dtype=object)
    known[::4] = y[::4]
    model = HyperplaneDistance(w_dim=4).fit(X, known)
    assert_array_equal(model.coef_, expected.coef_)
    assert_allclose(model.center_, X.mean(axis=0, dtype=float))
    pipeline = make_pipeline(HyperplaneDistance(w_dim=4), LatentRegressor(unlabeled="ignore"))
    numbers = np.where(np.arange(40) % 4, np.nan, y)
    assert np.corrcoef(pipeline.fit(X, numbers).predict(X), y)[0, 1] > 0.6
    assert_array_equal(pipeline[0].coef_, expected.coef_)
    with pytest.raises(ValueError, match="All labels in y are missing"):
        HyperplaneDistance().fit(X, [missing] * 40)


def test_minus_one_is_a_grade_of_a_direction(rows):
    _, _, X = rows
    y = np.repeat([-1, 0, 1, 0], 10)
    with_none = HyperplaneDistance().fit(X, y)
    assert with_none.coef_.shape == (1, 12)
    other = HyperplaneDistance().fit(X[:30], y[:30])
    assert not np.array_equal(with_none.coef_, other.coef_)


def test_partly_missing_rows_are_refused(rows):
    X, y, whole = rows
    X[3, 2] = np.nan
    with pytest.raises(ValueError, match="NaN"):
        HyperplaneDistance().fit(X, y)
    model = HyperplaneDistance().fit(whole, y)
    with pytest.raises(ValueError, match="NaN"):
        model.transform(X)
    regressor = LatentRegressor().fit(whole, y)
    for call in (lambda: LatentRegressor().fit(X, y), lambda: regressor.predict(X)):
        with pytest.raises(ValueError, match="NaN"):
            call()
    with pytest.raises(ValueError, match="NaN in all 3 rows"):
        HyperplaneDistance([1.0, 0.0]).fit(np.full((3, 2), np.nan))
    with pytest.raises(ValueError, match="inconsistent"):
        HyperplaneDistance().fit([[np.nan, np.nan], [1.0, 2.0]], [1, 2, 3])


@pytest.mark.parametrize("unlabeled", ["error", "ignore"])
def test_regressor(rows, unlabeled):
    X, y, _ = rows
    known = np.where(np.arange(40) < 25, y, np.nan) if unlabeled == "ignore" else y
    weight = np.linspace(1, 2, 40)
    params = {"degree": 2, "unlabeled": unlabeled, "penalty": "l2"}
    model = LatentRegressor(**params).fit(X[:, :2], known, weight)
    expected = LatentRegressor(**params).fit(X[PRESENT, :2], known[PRESENT], weight[PRESENT])
    assert model.n_labeled_ == np.isfinite(known[PRESENT]).sum()
    assert_array_equal(model.coef_, expected.coef_)
    found = [*model.predict(X[:, :2], return_std=True), *model.predict_interval(X[:, :2])]
    alone = [
        *expected.predict(X[PRESENT, :2], return_std=True),
        *expected.predict_interval(X[PRESENT, :2]),
    ]
    for one, other in zip(found, alone, strict=True):
        assert np.flatnonzero(np.isnan(one)).tolist() == MISSING
        assert_allclose(one[PRESENT], other)


def test_one_column_of_distances(rows):
    X, y, _ = rows
    distance, both = X[:, :1], np.column_stack([y, -y])
    model = LatentRegressor().fit(distance, both)
    assert np.isnan(model.predict(distance)[MISSING]).all()
    assert model.score(distance, both) == pytest.approx(
        model.score(distance[PRESENT], both[PRESENT])
    )
    weight = np.arange(40.0)
    assert model.score(distance, both, weight) == pytest.approx(
        model.score(distance[PRESENT], both[PRESENT], weight[PRESENT])
    )
    with pytest.raises(ValueError, match="got n_samples = 1; 2 rows are NaN or have the weight 0"):
        LatentRegressor().fit([[np.nan], [1.0], [np.nan]], [1.0, 2.0, 3.0])


def test_infinite_intervals_are_nan_for_missing_rows(rows):
    X, y, _ = rows
    model = LatentRegressor().fit(X[PRESENT[:4], :1], y[PRESENT[:4]])
    with pytest.warns(UserWarning, match="4 labels"):
        lower, upper = model.predict_interval(X[4:7, :1])
    assert_array_equal(lower, [-np.inf, np.nan, -np.inf])
    assert_array_equal(upper, [np.inf, np.nan, np.inf])


def test_pipelines_and_searches(rows):
    X, y, _ = rows
    pipe = make_pipeline(HyperplaneDistance(), LatentRegressor())
    predicted = cross_val_predict(pipe, X, y, cv=3)
    assert np.flatnonzero(np.isnan(predicted)).tolist() == MISSING
    search = GridSearchCV(
        pipe, {"latentregressor__alpha": [0.1, 1.0]}, cv=3, error_score="raise"
    ).fit(X, y)
    assert search.best_score_ > 0.5
