"""Directions learned from labels: SVM, mean difference, linear models."""

import pickle

import numpy as np
import pytest
from sklearn.base import clone
from sklearn.linear_model import LogisticRegression, Ridge
from sklearn.model_selection import GridSearchCV
from sklearn.neighbors import KNeighborsRegressor
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import StandardScaler
from sklearn.svm import LinearSVC

from skstylefeat.directions import (
    DiscriminantDirection,
    FixedDirection,
    LinearSVMDirection,
    MeanDifferenceDirection,
    edit,
    from_linear_model,
)
from skstylefeat.directions._plane import project_out


def test_svm_finds_the_plane_with_its_intercept(labeled):
    w, score, truth = labeled
    svm = LinearSVMDirection(C=10, random_state=0).fit(w, score > 0)
    assert svm.direction_ @ truth > 0.99
    assert np.linalg.norm(svm.direction_) == pytest.approx(1.0)
    assert svm.intercept_ == pytest.approx(0.5, abs=0.15)
    assert svm.validation_score_ > 0.95
    np.testing.assert_allclose(
        svm.decision_function(w), w @ svm.direction_ + svm.intercept_, rtol=1e-4, atol=1e-4
    )


def test_svm_plane_by_hand():
    """Groups at 0 and (10, 1): the plane lies half-way, its normal is scaled by 1 / sd."""
    w = np.array([[0.0, 0.0], [10.0, 1.0]] * 4)
    svm = LinearSVMDirection(validation_fraction=0, random_state=0).fit(w, [0, 1] * 4)
    expected = np.array([1 / 5, 1 / 0.5]) / np.hypot(1 / 5, 1 / 0.5)
    np.testing.assert_allclose(svm.direction_, expected, rtol=1e-3)
    assert svm.intercept_ == pytest.approx(-expected @ [5.0, 0.5], rel=1e-3)
    distances = svm.decision_function([[5.0, 0.5], [10.0, 1.0], [0.0, 0.0]])
    np.testing.assert_allclose(distances, [0, expected @ [5, 0.5], -expected @ [5, 0.5]], atol=1e-2)
    one = LinearSVMDirection(random_state=0).fit([[-3.0], [-3.0], [1.0]], ["a", "a", "b"])
    assert one.direction_.tolist() == [1.0]
    # Classes are balanced, but the squared hinge of a lone row is steeper: -1 < plane < 1.
    assert -1.5 < -one.intercept_ < -0.5


def test_svm_regularization_does_not_depend_on_the_width(labeled):
    w, score, _ = labeled
    params = {"C": 0.05, "validation_fraction": 0, "random_state": 0}
    narrow = LinearSVMDirection(**params).fit(w, score > 0)
    wide = LinearSVMDirection(**params).fit(np.hstack([w, w, w, w]), score > 0)
    for part in wide.direction_.reshape(4, -1):
        np.testing.assert_allclose(2 * part, narrow.direction_, atol=2e-3)
    assert wide.intercept_ / 2 == pytest.approx(narrow.intercept_, abs=1e-2)
    # C is relative to rows of unit mean square norm: check against a direct fit.
    z = (w - w.mean(axis=0)) / w.std(axis=0) / np.sqrt(w.shape[1])
    direct = LinearSVC(C=0.05, class_weight="balanced", random_state=0).fit(z, score > 0)
    normal = direct.coef_[0] / w.std(axis=0)
    np.testing.assert_allclose(narrow.direction_, normal / np.linalg.norm(normal), atol=2e-3)


def test_svm_takes_the_extremes_of_a_score(labeled):
    w, score, truth = labeled
    svm = LinearSVMDirection(random_state=0).fit(w, score * 1e6)
    assert svm.direction_ @ truth > 0.95
    assert svm.classes_ is None
    # The middle of the score is not used.
    noisy = w.copy()
    middle = np.argsort(score)[150:450]
    noisy[middle] = noisy[middle][::-1]
    other = LinearSVMDirection(random_state=0).fit(noisy, score)
    np.testing.assert_allclose(svm.direction_, other.direction_)


def test_svm_with_ties_and_few_rows():
    w = np.random.RandomState(0).normal(size=(12, 3))
    mostly_zero = np.r_[np.zeros(10), 1.0, 2.0]
    svm = LinearSVMDirection().fit(w, mostly_zero)
    assert svm.decision_function(w)[10:].mean() > svm.decision_function(w)[:10].mean()
    four = LinearSVMDirection().fit(w[:4], [3, 1, 2, 4])
    assert four.decision_function(w[[3]]) > four.decision_function(w[[1]])
    assert np.isnan(four.validation_score_)


def test_svm_chance_level_is_seen():
    rng = np.random.RandomState(0)
    svm = LinearSVMDirection(random_state=0).fit(rng.normal(size=(400, 50)), rng.rand(400) > 0.5)
    assert 0.3 < svm.validation_score_ < 0.7


def test_svm_conditioning_keeps_other_distances(labeled):
    w, score, _ = labeled
    other = np.eye(16)[[3, 5]]
    svm = LinearSVMDirection(conditional_on=other, random_state=0).fit(w, score > 0)
    np.testing.assert_allclose(other @ svm.direction_, 0, atol=1e-12)
    assert np.linalg.norm(svm.direction_) == pytest.approx(1.0)
    moved = edit(w, svm, 2.0)
    np.testing.assert_allclose(moved @ other.T, w @ other.T, atol=1e-5)
    # Repeated and unscaled directions change nothing.
    again = LinearSVMDirection(conditional_on=np.r_[other, 7 * other], random_state=0)
    np.testing.assert_allclose(again.fit(w, score > 0).direction_, svm.direction_, atol=1e-9)
    # The plane still cuts through the codes.
    assert 0.2 < np.mean(svm.decision_function(w) > 0) < 0.8


def test_projected_plane_by_hand():
    """It passes through the point of the plane that is nearest to the center, here (1.4, 0.2)."""
    normal, intercept = project_out(
        np.array([0.6, 0.8]), -1.0, [[2.0, 0.0], [5.0, 0.0]], np.array([5.0, 5.0])
    )
    np.testing.assert_allclose(normal, [0.0, 1.0], atol=1e-12)
    assert intercept == pytest.approx(-0.2)


def test_svm_bad_conditions(labeled):
    w, score, _ = labeled
    plain = LinearSVMDirection(random_state=0).fit(w, score > 0).direction_
    with pytest.raises(ValueError, match="nothing is left"):
        LinearSVMDirection(conditional_on=plain, random_state=0).fit(w, score > 0)
    with pytest.raises(ValueError, match=r"shape \(5,\).*16 features"):
        LinearSVMDirection(conditional_on=np.ones(5)).fit(w, score > 0)


def test_svm_is_deterministic_and_clones(labeled):
    w, score, _ = labeled
    svm = LinearSVMDirection(random_state=3).fit(w, score)
    same = clone(svm).fit(w, score)
    np.testing.assert_array_equal(svm.direction_, same.direction_)
    assert svm.validation_score_ == same.validation_score_
    again = pickle.loads(pickle.dumps(svm))
    np.testing.assert_array_equal(again.decision_function(w), svm.decision_function(w))


def test_mean_difference_leads_from_one_groups_mean_to_the_others(labeled):
    w, score, _ = labeled
    found = MeanDifferenceDirection().fit(w, score > 0)
    low, high = w[score <= 0].mean(axis=0), w[score > 0].mean(axis=0)
    np.testing.assert_allclose(low + found.distance_ * found.direction_, high, rtol=1e-6, atol=1e-6)
    assert found.decision_function((low + high)[None] / 2) == pytest.approx(0, abs=1e-5)
    thirds = MeanDifferenceDirection().fit(w, score)
    cuts = np.quantile(score, [1 / 3, 2 / 3])
    ends = [w[score <= cuts[0]].mean(axis=0), w[score >= cuts[1]].mean(axis=0)]
    assert thirds.distance_ == pytest.approx(np.linalg.norm(ends[1] - ends[0]), rel=1e-3)
    fixed = MeanDifferenceDirection(conditional_on=np.eye(16)[3]).fit(w, score > 0)
    assert fixed.direction_[3] == pytest.approx(0, abs=1e-12)
    with pytest.raises(ValueError, match="same mean"):
        MeanDifferenceDirection().fit([[1.0], [-1.0], [1.0], [-1.0]], [0, 0, 1, 1])


def test_mean_difference_edits_an_attribute_that_a_discriminant_suppresses():
    """A nuisance that hides the attribute is subtracted by the filter, not by the pattern."""
    rng = np.random.RandomState(0)
    attribute, nuisance = rng.normal(size=(2, 500))
    w = np.stack([attribute + 3 * nuisance, 3 * nuisance], axis=1)
    reads = DiscriminantDirection().fit(w, attribute).direction_
    edits = MeanDifferenceDirection().fit(w, attribute).direction_
    assert abs(reads[1]) > 0.6
    assert edits[0] > 0.9


def test_from_linear_model(labeled):
    w, score, _ = labeled
    y = score > 0
    plain = LogisticRegression().fit(w, y)
    scaled = make_pipeline(StandardScaler(), LogisticRegression()).fit(w, y)
    search = GridSearchCV(make_pipeline(StandardScaler(), Ridge()), {"ridge__alpha": [1, 10]})
    search.fit(w, score)
    cases = [(plain, plain.decision_function), (scaled, scaled.decision_function)]
    cases.append((search, search.predict))
    for model, function in cases:
        direction = from_linear_model(model)
        assert np.linalg.norm(direction.direction_) == pytest.approx(1.0)
        distance = w @ direction.direction_ + direction.intercept_
        expected = function(w)
        ratio = expected.std() / distance.std()
        np.testing.assert_allclose(distance * ratio, expected, atol=1e-3 * expected.std())
        refit = clone(direction).fit()
        np.testing.assert_allclose(refit.direction_, direction.direction_)
    with pytest.raises(ValueError, match="not a linear function"):
        from_linear_model(KNeighborsRegressor().fit(w, score))
    three = LogisticRegression(max_iter=5000).fit(w, np.digitize(score, [-0.5, 0.5]))
    with pytest.raises(ValueError, match="3 planes"):
        from_linear_model(three)
    with pytest.raises(ValueError, match="other than 0"):
        FixedDirection([0.0, 0.0]).fit()
