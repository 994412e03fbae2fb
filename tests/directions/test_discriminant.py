"""`DiscriminantDirection`: groups, grades, shrinkage."""

import numpy as np
import pytest
from sklearn.linear_model import Ridge, RidgeCV
from sklearn.preprocessing import StandardScaler

from skstylefeat.directions import DiscriminantDirection
from skstylefeat.directions._discriminant import SHRINKAGES, Spectrum


def test_discriminant_of_two_groups_is_a_ridge_on_standardized_codes(labeled):
    w, score, _ = labeled
    found = DiscriminantDirection(shrinkage=0.5).fit(w, np.where(score > 0.5, "up", "down"))
    assert found.classes_.tolist() == ["down", "up"]
    z = (w - w.mean(axis=0)) / w.std(axis=0)
    # 16 features of variance 1: the mean variance of 16 components is 1.
    ridge = Ridge(alpha=0.5 * len(z)).fit(z, score > 0.5)
    expected = ridge.coef_ / w.std(axis=0)
    expected /= np.linalg.norm(expected)
    np.testing.assert_allclose(found.direction_, expected, rtol=1e-4, atol=1e-7)
    assert found.intercept_ == pytest.approx(0.0, abs=0.2)
    assert found.validation_score_ > 0.9
    np.testing.assert_allclose(
        found.decision_function(w), w @ found.direction_ + found.intercept_, rtol=1e-4, atol=1e-4
    )


def test_discriminant_is_the_same_from_covariance_and_from_gram_matrix():
    rng = np.random.RandomState(0)
    w = rng.normal(size=(30, 29)) @ rng.normal(size=(29, 29))
    y = w[:, 0] > 0
    few, many = (DiscriminantDirection(shrinkage=0.1).fit(x, y) for x in (w, np.hstack([w, w])))
    halves = many.direction_.reshape(2, -1)
    np.testing.assert_allclose(halves[0], halves[1], rtol=1e-6)
    np.testing.assert_allclose(halves[0] * np.sqrt(2), few.direction_, rtol=1e-6, atol=1e-9)


def test_discriminant_leaves_rows_out_without_a_refit():
    rng = np.random.RandomState(0)
    w = rng.normal(size=(25, 6))
    s = (w[:, 1] + 0.5 * rng.normal(size=25) > 0) * 2.0 - 1
    left_out = Spectrum(w).left_out(s - s.mean(), [0.3])[:, 0]
    scale = w.std(axis=0)
    for row in range(5):
        others = np.arange(25) != row
        # The scale and the ridge stay those of all rows.
        ridge = Ridge(alpha=0.3 * 25).fit((w / scale)[others], (s - s.mean())[others])
        assert ridge.predict((w / scale)[[row]])[0] == pytest.approx(left_out[row], abs=1e-9)


def test_discriminant_chooses_its_shrinkage():
    rng = np.random.RandomState(0)
    w, new = rng.normal(size=(80, 60)), rng.normal(size=(1000, 60))
    y = w[:, :5].sum(axis=1) + rng.normal(size=80)

    def fit(shrinkage):
        found = DiscriminantDirection(shrinkage=shrinkage).fit(w, y > 0)
        right = (found.decision_function(new) > 0) == (new[:, :5].sum(axis=1) > 0)
        return found, right.mean()

    chosen, accuracy = fit("auto")
    assert accuracy > fit(1e-6)[1] + 0.03
    assert chosen.shrinkage_ > 0.01
    assert abs(chosen.validation_score_ - accuracy) < 0.15
    noise = DiscriminantDirection().fit(w, rng.rand(80) > 0.5)
    assert 0.2 < noise.validation_score_ < 0.8


@pytest.mark.parametrize("n", [30, 61, 200])
@pytest.mark.parametrize("noise", [0.3, 10])
def test_discriminant_shrinks_as_ridge_regression_does(n, noise):
    rng = np.random.RandomState(n)
    w = rng.normal(size=(n, 60)) @ rng.normal(size=(60, 60))
    y = w[:, 0] + noise * rng.normal(size=n)
    found = DiscriminantDirection(extremes=None).fit(w, y)
    scaled = StandardScaler().fit_transform(w)
    mean_variance = np.square(scaled).sum() / min(n - 1, 60)
    ridge = RidgeCV(SHRINKAGES * mean_variance).fit(scaled, y)
    assert found.shrinkage_ == pytest.approx(ridge.alpha_ / mean_variance)


def test_discriminant_of_three_groups_is_more_linear():
    # Codes that saturate: what separates the halves best is not proportional to the angle.
    rng = np.random.RandomState(0)
    angle = rng.uniform(-1, 1, size=1500)
    w = np.c_[np.tanh(6 * angle), 3 * angle, angle**2] + 0.6 * rng.normal(size=(1500, 3))
    halves = DiscriminantDirection().fit(w, angle > 0)
    thirds = DiscriminantDirection().fit(w, angle)
    assert thirds.classes_ is None
    fits = [np.corrcoef(d.decision_function(w), angle)[0, 1] ** 2 for d in (halves, thirds)]
    assert fits[1] > fits[0] + 0.01
    # Only the thirds of a score matter, and three numbers are the thirds.
    low, high = np.quantile(angle, [1 / 3, 2 / 3])
    named = 10 + np.searchsorted([low, high], angle)
    same = DiscriminantDirection().fit(w, named)
    np.testing.assert_allclose(same.direction_, thirds.direction_, atol=1e-3)
    np.testing.assert_allclose(
        DiscriminantDirection().fit(w, np.exp(angle)).direction_, thirds.direction_
    )


def test_discriminant_of_grades_takes_the_numbers_as_they_are(labeled):
    w, score, _ = labeled
    z = (w - w.mean(axis=0)) / w.std(axis=0)
    for numbers in (score, np.digitize(score, [-1.0, -0.3, 0.3, 1.0])):
        found = DiscriminantDirection(shrinkage=0.5, extremes=None).fit(w, numbers)
        expected = Ridge(alpha=0.5 * len(z)).fit(z, numbers).coef_ / w.std(axis=0)
        expected /= np.linalg.norm(expected)
        np.testing.assert_allclose(found.direction_, expected, rtol=1e-4, atol=1e-7)
        assert found.classes_ is None
        assert found.validation_score_ > 0.9
        # Units do not matter, nor where they begin.
        moved = DiscriminantDirection(shrinkage=0.5, extremes=None).fit(w, 7 * numbers - 2.0)
        np.testing.assert_allclose(moved.direction_, found.direction_, atol=1e-9)
        assert moved.intercept_ == pytest.approx(found.intercept_)


def test_discriminant_of_grades_with_two_or_three_of_them_is_the_plain_one(labeled):
    w, score, _ = labeled
    for labels in (np.where(score > 0, "up", "down"), np.digitize(score, [-0.4, 0.4])):
        plain = DiscriminantDirection().fit(w, labels)
        graded = DiscriminantDirection(extremes=None).fit(w, labels)
        np.testing.assert_array_equal(graded.direction_, plain.direction_)
        assert graded.intercept_ == plain.intercept_
    with pytest.raises(ValueError, match="not numbers"):
        DiscriminantDirection(extremes=None).fit(w[:4], ["a", "b", "c", "c"])
    with pytest.raises(ValueError, match="NaN"):
        DiscriminantDirection(extremes=None).fit(w[:3], [0.0, 1.0, np.nan])


def test_finer_grades_give_straighter_distances():
    rng = np.random.RandomState(0)
    angle = rng.uniform(-1, 1, size=1500)
    w = np.c_[np.tanh(6 * angle), 3 * angle, angle**2] + 0.6 * rng.normal(size=(1500, 3))
    thirds, fifths = (
        DiscriminantDirection(extremes=None).fit(w, np.floor((angle + 1) / 2 * n)) for n in (3, 5)
    )
    fits = [np.corrcoef(d.decision_function(w), angle)[0, 1] ** 2 for d in (thirds, fifths)]
    assert fits[1] > fits[0]


def test_discriminant_conditioning_and_refusals(labeled):
    w, score, _ = labeled
    other = np.eye(16)[[3, 5]]
    found = DiscriminantDirection(conditional_on=other).fit(w, score > 0)
    np.testing.assert_allclose(other @ found.direction_, 0, atol=1e-12)
    assert 0.2 < np.mean(found.decision_function(w) > 0) < 0.8
    with pytest.raises(ValueError, match="All 4 latents"):
        DiscriminantDirection().fit(np.ones((4, 3)), [0, 1, 0, 1])
    with pytest.raises(ValueError, match="same mean"):
        DiscriminantDirection().fit([[1.0], [-1.0], [1.0], [-1.0]], [0, 0, 1, 1])
    with pytest.raises(ValueError, match="NaN"):
        DiscriminantDirection().fit(w[:3], [0.0, 1.0, np.nan])
