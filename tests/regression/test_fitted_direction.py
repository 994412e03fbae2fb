"""A fitted direction given to HyperplaneDistance is data: clones, searches and caches keep it."""

import pickle

import joblib
import numpy as np
import pytest
from numpy.testing import assert_allclose, assert_array_equal
from sklearn.base import clone
from sklearn.frozen import FrozenEstimator
from sklearn.linear_model import LogisticRegression, Ridge
from sklearn.model_selection import GridSearchCV, cross_val_score
from sklearn.pipeline import make_pipeline

from skstylefeat import HyperplaneDistance, LatentRegressor
from skstylefeat.directions import LinearSVMDirection


@pytest.fixture(scope="module")
def rows():
    rng = np.random.default_rng(0)
    X = rng.standard_normal((60, 12))
    return X, 2 * X[:, 0] + 0.1 * rng.standard_normal(60)


def learned(column):
    """Return a direction that was fitted on many other rows, along one column."""
    many = np.random.default_rng(1).standard_normal((2000, 12))
    return LinearSVMDirection(random_state=0).fit(many, many[:, column] > 0)


def pipeline(direction, **params):
    return make_pipeline(HyperplaneDistance(direction), LatentRegressor(), **params)


@pytest.mark.parametrize(
    "kind", [LinearSVMDirection(random_state=0), LogisticRegression()], ids=str
)
def test_clone_shares_the_fitted_direction(rows, kind):
    X, y = rows
    fitted = clone(kind).fit(X, y > 0)
    distance = HyperplaneDistance(fitted)
    copy = clone(clone(distance))
    assert copy.direction is fitted
    # No labels are needed, and other labels change nothing.
    expected = distance.fit(X).transform(X)
    assert_array_equal(copy.fit(X).transform(X), expected)
    assert_array_equal(clone(distance).fit(X, -y).transform(X), expected)
    again = clone(pickle.loads(pickle.dumps(distance)))
    assert_array_equal(again.fit(X).transform(X), expected)


def test_an_unfitted_direction_is_cloned_and_learned_anew(rows):
    X, y = rows
    svm = LinearSVMDirection(random_state=0)
    distance = clone(HyperplaneDistance(svm))
    assert distance.direction is not svm
    distance.fit(X, y)
    assert not hasattr(distance.direction, "direction_")
    expected = clone(svm).fit(X, y)
    assert_allclose(distance.coef_[0], expected.direction_)
    with pytest.raises(ValueError, match=r"requires y.*unfitted LinearSVMDirection"):
        distance.fit(X)


def test_cross_validation_and_search_equal_those_of_a_frozen_estimator(rows):
    X, y = rows
    fitted = learned(0)
    scores = cross_val_score(pipeline(fitted), X, y, cv=3)
    assert scores.min() > 0.98
    assert_allclose(scores, cross_val_score(pipeline(FrozenEstimator(fitted)), X, y, cv=3))
    search = GridSearchCV(pipeline(fitted), {"latentregressor__alpha": [0.1, 1.0]}, cv=3)
    assert search.fit(X, y).best_score_ > 0.98


def test_memory_tells_fitted_directions_apart(rows, tmp_path):
    X, y = rows
    memory = joblib.Memory(str(tmp_path), verbose=0)
    coefficients = {}
    for column in (0, 1):
        plain = pipeline(learned(column)).fit(X, y)
        for _ in range(2):
            cached = pipeline(learned(column), memory=memory).fit(X, y)
            assert_array_equal(cached.predict(X), plain.predict(X))
        coefficients[column] = np.abs(cached[0].coef_[0]).argmax()
    # Two directions with equal parameters are two entries, and equal fits are one.
    assert coefficients == {0: 0, 1: 1}
    assert len(memory.store_backend.get_items()) == 2


def test_parameters_of_a_fitted_direction_cannot_be_set(rows):
    X, y = rows
    distance = HyperplaneDistance(learned(0))
    params = distance.get_params()
    assert not [name for name in params if name.startswith("direction__")]
    assert distance.set_params(**params).direction is params["direction"]
    with pytest.raises(ValueError, match=r"direction__C cannot be set.*sklearn\.base\.clone"):
        distance.set_params(direction__C=0.1)
    grid = {"hyperplanedistance__direction__C": [0.1, 1.0]}
    with pytest.raises(ValueError, match="direction__C cannot be set"):
        GridSearchCV(pipeline(learned(0)), grid, cv=2).fit(X, y)
    # An unfitted one in the same call may be set.
    distance.set_params(direction=LinearSVMDirection(), direction__C=0.1)
    assert distance.direction.C == distance.get_params()["direction__C"] == 0.1


def test_dictionaries_and_lists_of_estimators(rows):
    X, y = rows
    fitted, array = learned(1), np.eye(12)[2]
    directions = {"svm": fitted, "ridge": Ridge(), "array": array}
    model = clone(HyperplaneDistance(directions, {"array": 3.0})).fit(X, y)
    assert list(model.get_feature_names_out()) == ["svm", "ridge", "array"]
    for name, alone in (
        ("svm", HyperplaneDistance(fitted)),
        ("ridge", HyperplaneDistance(Ridge())),
        ("array", HyperplaneDistance(array, 3.0)),
    ):
        column = list(directions).index(name)
        assert_allclose(model.transform(X)[:, [column]], alone.fit(X, y).transform(X))
    assert model.direction["svm"] is fitted and model.direction["ridge"] is not directions["ridge"]
    listed = clone(HyperplaneDistance([fitted, fitted])).fit(X)
    assert list(listed.get_feature_names_out()) == ["distance0", "distance1"]
    with pytest.raises(ValueError, match="requires y"):
        HyperplaneDistance(directions, {"array": 3.0}).fit(X)
    with pytest.raises(ValueError, match=r"no entry for the directions \['array'\]"):
        HyperplaneDistance(directions, {"other": 3.0}).fit(X, y)
    three = LogisticRegression().fit(X, np.repeat(["a", "b", "c"], 20))
    with pytest.raises(ValueError, match="'classes' is a LogisticRegression with 3 planes"):
        HyperplaneDistance({"classes": three}).fit(X)


def test_labels_are_required_only_if_a_direction_is_learned():
    required = {
        None: True,
        LinearSVMDirection(): True,
        learned(0): False,
        FrozenEstimator(learned(0)): False,
    }
    for direction, expected in required.items():
        tags = HyperplaneDistance(direction).__sklearn_tags__()
        assert tags.target_tags.required == expected
    for direction, expected in (({"a": Ridge()}, True), ([learned(0)], False), ([1.0, 0.0], False)):
        tags = HyperplaneDistance(direction).__sklearn_tags__()
        assert tags.target_tags.required == expected
