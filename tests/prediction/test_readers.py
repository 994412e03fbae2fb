"""Readers from few labels: consensus of channels, intervals, choice by cross-validation."""

import numpy as np
import pytest
from numpy.testing import assert_allclose, assert_array_equal

from skstylefeat.prediction import _photo_graphs
from skstylefeat.prediction._candidates import consensus
from skstylefeat.prediction._photo_graphs import PhotoGraphs
from skstylefeat.prediction._readers import FewShotClassifier, FewShotRegressor, softmax

BLOCKS = {"styles": (0, 200), "differences": (200, 400), "maps": (400, 440)}


@pytest.fixture(scope="module")
def photos():
    """Rows in which 12 styles, 12 differences and 4 maps follow a value, a turn and a class."""
    rng = np.random.default_rng(0)
    X = rng.normal(size=(300, 440))
    age, turn, glasses = rng.uniform(size=300), rng.uniform(size=300), rng.integers(2, size=300)
    X[:, :12] = 4 * age[:, None] + rng.normal(size=(300, 12)) * 0.6
    X[:, 200:212] = 4 * turn[:, None] + rng.normal(size=(300, 12)) * 0.6
    X[:, 400:404] = 5.0 * glasses[:, None] + rng.normal(size=(300, 4))
    return 3 * X + 7, 80 * age, 90 * turn, np.array(["no", "yes"])[glasses]


def few(values, n, missing, seed=0):
    """Return values of which all but n, drawn at random, are missing."""
    kept = np.random.default_rng(seed).permutation(len(values))[:n]
    labels = np.full(len(values), missing, dtype=object if missing is None else float)
    labels[kept] = values[kept]
    return labels


def test_channels_that_agree_are_found(photos):
    X, age, *_ = photos
    rows = (X[:, :200] - X[:, :200].mean(axis=0)) / X[:, :200].std(axis=0)
    labeled = np.arange(12)
    weights = consensus(rows, labeled, age[labeled], 12)
    assert set(np.flatnonzero(weights)) == set(range(12))
    assert (weights[:12] > 0).all()
    assert_allclose((rows @ weights).std(), 1.0)


def test_the_block_that_carries_a_number_is_chosen(photos):
    X, age, turn, _ = photos
    for values, name, limit in ((age, "styles", 8), (turn, "mirrored differences", 9)):
        model = FewShotRegressor(BLOCKS).fit(X, few(values, 12, np.nan))
        assert model.candidate_ == f"consensus of {name}"
        assert np.abs(model.predict(X) - values).mean() < limit
        assert min(model.losses_.values()) == model.losses_[model.candidate_]
        left_out = np.abs(model.left_out_ - values[model.labeled_]).mean()
        assert_allclose(left_out, model.losses_[model.candidate_], rtol=1e-5)


def test_intervals_cover_what_they_promise(photos):
    X, age, *_ = photos
    covered = []
    for seed in range(6):
        model = FewShotRegressor(BLOCKS).fit(X, few(age, 20, np.nan, seed))
        low, high = model.predict_interval(X)
        rest = np.setdiff1d(np.arange(300), model.labeled_)
        covered.append(((low <= age) & (age <= high))[rest].mean())
        assert (low < model.predict(X)).mean() > 0.95
    assert 0.8 < np.mean(covered) < 0.99


def test_two_numbers_give_values_without_interval_or_score(photos):
    X, age, *_ = photos
    labels = np.full(300, np.nan)
    labels[[age.argmin(), age.argmax()]] = age.min(), age.max()
    model = FewShotRegressor(BLOCKS).fit(X, labels)
    assert not model.has_score and np.isnan(model.left_out_).all()
    low, high = model.predict_interval(X)
    assert np.isneginf(low).all() and np.isposinf(high).all()
    assert np.corrcoef(model.predict(X), age)[0, 1] > 0.5


@pytest.mark.parametrize("n", [12, 60])
def test_classes_of_clusters_are_named(photos, n):
    X, _, _, glasses = photos
    model = FewShotClassifier(BLOCKS).fit(X, few(glasses, n, None))
    assert model.candidate_ == "clusters by maxima of maps"
    assert (model.predict(X) == glasses).mean() > 0.97
    assert (model.left_out_ == glasses[model.labeled_]).mean() > 0.9
    assert model.folds_.max() == (n - 1 if n == 12 else 11)
    proba = model.predict_proba(X)
    assert_allclose(proba.sum(axis=1), 1)
    assert_array_equal(model.classes_[proba.argmax(axis=1)], model.predict(X))


def test_one_label_of_each_class_is_enough(photos):
    X, _, _, glasses = photos
    labels = np.full(300, None, dtype=object)
    for name in ("no", "yes"):
        labels[np.flatnonzero(glasses == name)[0]] = name
    model = FewShotClassifier(BLOCKS).fit(X, labels)
    assert not model.has_score and set(model.left_out_) == {None}
    assert set(model.predict(X)) == {"no", "yes"}


def test_three_classes_and_a_class_of_one_label(photos):
    X, age, _, glasses = photos
    names = np.where(age < 10, "child", glasses)
    labels = few(names, 20, None, seed=3)
    labels[labels == "child"] = None
    labels[np.flatnonzero(names == "child")[0]] = "child"
    model = FewShotClassifier(BLOCKS).fit(X, labels)
    alone = model.left_out_[labels[model.labeled_] == "child"]
    assert set(model.classes_) == {"child", "no", "yes"}
    assert len(alone) == 1 and alone[0] in ("no", "yes")


def test_rows_of_nan_are_left_out_and_not_predicted(photos):
    X, age, _, glasses = photos
    labels, names = few(age, 12, np.nan), few(glasses, 12, None)
    X, labels, names = X.copy(), labels, names
    bad = [int(np.flatnonzero(~np.isnan(labels))[0]), 5]
    whole = FewShotRegressor(BLOCKS).fit(np.delete(X, bad, 0), np.delete(labels, bad))
    X[bad] = np.nan
    model = FewShotRegressor(BLOCKS).fit(X, labels)
    assert np.isnan(model.predict(X)[bad]).all()
    assert_allclose(np.delete(model.predict(X), bad), whole.predict(np.delete(X, bad, 0)))
    assert bad[0] not in model.labeled_
    low, high = model.predict_interval(X)
    assert np.isnan(low[bad]).all() and np.isnan(high[bad]).all()
    classifier = FewShotClassifier(BLOCKS).fit(X, names)
    assert classifier.predict(X)[bad].tolist() == [None, None]
    assert np.isnan(classifier.predict_proba(X)[bad]).all()


def test_one_class_and_other_columns_are_refused(photos):
    X, age, *_ = photos
    with pytest.raises(ValueError, match="1 class, \\['a'\\]; expected at least one label of each"):
        FewShotClassifier(BLOCKS).fit(X, ["a"] * 3 + [None] * 297)
    model = FewShotRegressor(BLOCKS).fit(X, few(age, 5, np.nan))
    with pytest.raises(ValueError, match="expected 440 columns"):
        model.predict(X[:, :3])


def test_more_labels_make_the_learning_curve_better(photos):
    X, age, _, glasses = photos
    model = FewShotRegressor(BLOCKS).fit(X, few(age, 60, np.nan))
    curve = model.learning_curve(X, [4, 40])
    assert [size for size, *_ in curve] == [4, 40] and curve[1][1] < curve[0][1]
    classifier = FewShotClassifier(BLOCKS).fit(X, few(glasses, 40, None))
    assert classifier.learning_curve(X, [10])[0][1] > 0.8


@pytest.fixture(scope="module")
def groups():
    """Rows of two parallel bands, and which belong to the second."""
    rng = np.random.default_rng(0)
    second = np.arange(160) >= 80
    along = np.tile(np.linspace(-1, 1, 80), 2)
    X = rng.normal(size=(160, 8)) * 0.05
    X[:, 0] += along
    X[:, 1] += 0.7 * second
    return X - X.mean(axis=0), second


@pytest.mark.parametrize("most", [1_500, 120])
def test_labels_spread_over_the_graph(groups, monkeypatch, most):
    """Labels at opposite ends of the bands suggest the wrong axis; all photos show the gap."""
    monkeypatch.setattr(_photo_graphs, "MOST_PHOTOS", most)
    X, second = groups
    rows = X / np.sqrt(np.square(X).sum(axis=1).mean())
    labeled = np.array([0, 3, 6, 9, 150, 153, 156, 159])
    line = X[second & np.isin(np.arange(160), labeled)].mean(axis=0) - X[labeled[:4]].mean(axis=0)
    direct = X @ line
    graphs = PhotoGraphs(rows, labeled, [8], 0)
    sums = rows @ graphs.direction(labeled, second[labeled])
    right = [np.mean((x > np.median(x)) == second) for x in (direct, sums)]
    assert right[1] > right[0] + 0.05 and right[1] > 0.8
    assert sums.std() == pytest.approx(1, rel=0.1)


def test_two_blocks_make_two_graphs(groups):
    X, second = groups
    rows = np.concatenate([X, X[:, :2]], axis=1)
    labeled = np.array([5, 40, 90, 130])
    both = PhotoGraphs(rows, labeled, [8, 2], 0).direction(labeled, second[labeled])
    one = PhotoGraphs(rows, labeled, [10], 0).direction(labeled, second[labeled])
    assert (rows @ both).std() > 1.5 > (rows @ one).std()


@pytest.mark.parametrize("n_classes", [2, 3])
def test_gradients_are_read_where_styles_are_noise(photos, n_classes):
    _, age, _, glasses = photos
    names = np.where(age < 25, "child", glasses) if n_classes == 3 else glasses
    hog = np.random.default_rng(1).normal(size=(300, 60))
    for k, name in enumerate(np.unique(names)):
        hog[names == name, 10 * k : 10 * k + 10] += 2
    noise = np.random.default_rng(2).normal(size=(300, 440))
    blocks = {**BLOCKS, "hog": (440, 500)}
    model = FewShotClassifier(blocks).fit(
        np.concatenate([noise, hog], axis=1), few(names, 24, None)
    )
    assert model.candidate_ == "styles and HOG" and next(iter(model.losses_)) == "styles and HOG"
    assert (model.predict(np.concatenate([noise, hog], axis=1)) == names).mean() > 0.85
    assert len(model.columns_) == 260


def test_a_rare_class_counts_as_much_as_a_common_one(photos):
    X, _, _, glasses = photos
    model = FewShotClassifier(BLOCKS).fit(X, few(glasses, 12, None))
    sure = np.log([[0.9, 0.1]] * 10)
    values = np.array([0] * 9 + [1])
    expected = -(np.log(0.9) + np.log(0.1)) / 2
    assert model._losses(sure, values).mean() == pytest.approx(expected)


def test_softmax_of_large_logits():
    assert_allclose(softmax(np.array([[1e6, -1e6], [0.0, 0.0]]), axis=1), [[1, 0], [0.5, 0.5]])
