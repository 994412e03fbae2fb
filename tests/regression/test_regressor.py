"""LatentRegressor: penalties, units, weights, few labels, coverage of intervals, errors."""

import pickle

import numpy as np
import pytest
from sklearn.base import clone
from sklearn.linear_model import ElasticNet, Lasso, LinearRegression, Ridge
from sklearn.metrics import r2_score

from skstylefeat import LatentRegressor, select_calibration_points

PENALTIES = ["elasticnet", "l1", "l2", "huber", "none", None]


def draw(n, rng, *, noise=3.0, slope=10.0):
    distance = rng.normal(size=(n, 1))
    return distance, 40 + slope * distance[:, 0] + noise * rng.normal(size=n)


@pytest.mark.parametrize("penalty", PENALTIES)
@pytest.mark.parametrize("degree", [1, 2, 3, 5])
@pytest.mark.parametrize("n", [2, 3, 5, 20, 100])
def test_units_of_x_and_y_do_not_matter(penalty, degree, n):
    X, y = draw(n, np.random.RandomState(n + 10 * degree))
    model = LatentRegressor(penalty, degree=degree).fit(X, y)
    # 1/512 is the scale of the published code's distances; negative: another sign of the normal.
    scaled = LatentRegressor(penalty, degree=degree).fit(X / -512 + 3, 1e-3 * y - 7)
    # Huber's solver is iterative and stops at its own tolerance.
    rtol = 1e-3 if penalty == "huber" else 1e-5
    expected = model.predict(X)
    np.testing.assert_allclose((scaled.predict(X / -512 + 3) + 7) * 1e3, expected, rtol=rtol)


@pytest.mark.parametrize("penalty", PENALTIES)
def test_two_labels_keep_their_slope(penalty):
    model = LatentRegressor(penalty).fit([[-1e-3], [1e-3]], [20.0, 60.0])
    assert model.coef_[0] == pytest.approx(20e3, rel=0.15)
    assert model.predict([[0.0]])[0] == pytest.approx(40.0)


def test_raw_distances_of_small_scale_get_slope_zero_as_in_the_paper():
    X, y = draw(100, np.random.RandomState(0))
    X = X / 512
    paper = LatentRegressor(standardize=False).fit(X, y)
    assert paper.coef_[0] == 0.0
    assert LatentRegressor().fit(X, y).score(X, y) > 0.9


@pytest.mark.parametrize(
    ("penalty", "reference"),
    [
        ("elasticnet", ElasticNet(alpha=0.7, l1_ratio=0.3)),
        ("l1", Lasso(alpha=0.7)),
        ("l2", Ridge(alpha=0.7)),
        ("none", LinearRegression()),
    ],
)
def test_standardize_false_is_scikit_learns_own(penalty, reference):
    X, y = draw(30, np.random.RandomState(0))
    model = LatentRegressor(penalty, alpha=0.7, l1_ratio=0.3, standardize=False).fit(X, y)
    reference.fit(X, y)
    np.testing.assert_allclose(model.coef_, reference.coef_, rtol=1e-5)
    np.testing.assert_allclose(model.intercept_, reference.intercept_, rtol=1e-5)


def test_objective_is_the_documented_one():
    rng = np.random.RandomState(0)
    X, y = rng.normal(size=(12, 2)), rng.normal(size=12)
    alpha, l1_ratio = 3.0, 0.4
    Z, t = (X - X.mean(0)) / X.std(0), (y - y.mean()) / y.std()
    reference = ElasticNet(alpha=0.2 * alpha / 12, l1_ratio=l1_ratio, tol=1e-10).fit(Z, t)
    model = LatentRegressor(alpha=alpha, l1_ratio=l1_ratio).fit(X, y)
    np.testing.assert_allclose(model.coef_, reference.coef_ * y.std() / X.std(0), rtol=1e-5)
    ridge = LatentRegressor("l2", alpha=alpha).fit(X, y)
    expected = Ridge(alpha=0.2 * alpha).fit(Z, t).coef_ * y.std() / X.std(0)
    np.testing.assert_allclose(ridge.coef_, expected, rtol=1e-6)


def test_the_penalty_vanishes_with_labels():
    X, y = draw(1000, np.random.RandomState(0))
    free = LatentRegressor(None).fit(X, y)
    np.testing.assert_allclose(LatentRegressor().fit(X, y).coef_, free.coef_, rtol=1e-3)


def test_alpha_zero_is_least_squares_and_large_alpha_is_the_mean():
    X, y = draw(10, np.random.RandomState(0))
    free = LatentRegressor(None).fit(X, y).coef_
    np.testing.assert_allclose(LatentRegressor(alpha=0).fit(X, y).coef_, free)
    model = LatentRegressor(alpha=1e6).fit(X, y)
    assert model.coef_[0] == 0.0
    np.testing.assert_allclose(model.predict(X), y.mean())


def test_coefficients_predict():
    rng = np.random.RandomState(0)
    X = rng.normal(size=(20, 2)) * [1, 50] + [0, 7]
    Y = np.c_[X @ [2.0, 0.1], X @ [-1.0, 0.0]] + rng.normal(size=(20, 2))
    model = LatentRegressor().fit(X, Y)
    assert model.coef_.shape == (2, 2)
    np.testing.assert_allclose(X @ model.coef_.T + model.intercept_, model.predict(X))
    cubic = LatentRegressor(degree=3).fit(X, Y[:, 0])
    Z = (X - cubic.x_mean_) / cubic.x_scale_
    terms = np.hstack([Z, Z**2, Z**3])
    np.testing.assert_allclose(terms @ cubic.coef_ + cubic.intercept_, cubic.predict(X))


def test_degree_fits_curves():
    x = np.linspace(-2, 2, 200)[:, None]
    y = 5 + x[:, 0] ** 3 - 2 * x[:, 0] ** 2
    assert LatentRegressor(degree=1).fit(x, y).score(x, y) < 0.7
    assert LatentRegressor(degree=3).fit(x, y).score(x, y) > 0.999
    assert LatentRegressor(None, degree=5).fit(x, y).score(x, y) > 0.9999


@pytest.mark.parametrize("sign", [1, -1])
def test_monotonic_follows_a_saturating_curve(sign):
    rng = np.random.RandomState(0)
    x = rng.uniform(-4, 4, size=(300, 1))
    y = sign * 30 * np.tanh(x[:, 0]) + rng.normal(size=300)
    model = LatentRegressor(monotonic=True).fit(x, y)
    grid = np.linspace(-6, 6, 50)[:, None]
    predicted = sign * model.predict(grid)
    assert (np.diff(predicted) >= -1e-9).all()
    truth = sign * 30 * np.tanh(grid[:, 0])
    assert r2_score(truth, model.predict(grid)) > 0.99
    assert r2_score(truth, LatentRegressor().fit(x, y).predict(grid)) < 0.9


def test_monotonic_curve_by_hand():
    """Isotonic regression of increasing labels interpolates them, and is constant beyond."""
    model = LatentRegressor(monotonic=True, n_refits=None).fit([[0.0], [1.0], [2.0]], [10, 20, 40])
    found = model.predict([[0.0], [1.0], [2.0], [1.5], [-9.0], [9.0]])
    np.testing.assert_allclose(found, [10, 20, 40, 30, 10, 40])


def test_huber_is_robust_to_wrong_labels():
    X, y = draw(40, np.random.RandomState(0), noise=1.0)
    y[np.argsort(X[:, 0])[-4:]] = -300.0
    test, truth = draw(500, np.random.RandomState(1), noise=0.0)
    robust = np.abs(LatentRegressor("huber").fit(X, y).predict(test) - truth).mean()
    plain = np.abs(LatentRegressor().fit(X, y).predict(test) - truth).mean()
    assert robust < 2.0 < 20.0 < plain


def test_sample_weight_repeats_rows():
    X, y = draw(12, np.random.RandomState(0))
    weight = np.array([0, 1, 2, 3] * 3)
    for penalty in PENALTIES:
        weighted = LatentRegressor(penalty).fit(X, y, sample_weight=weight)
        repeated = LatentRegressor(penalty).fit(np.repeat(X, weight, 0), np.repeat(y, weight))
        np.testing.assert_array_equal(weighted.coef_, repeated.coef_)


def test_several_targets_are_fitted_alone():
    rng = np.random.RandomState(0)
    X, Y = rng.normal(size=(30, 1)), rng.normal(size=(30, 2)) * [1, 1e4]
    both = LatentRegressor().fit(X, Y)
    assert both.predict(X).shape == (30, 2)
    for i in range(2):
        alone = LatentRegressor().fit(X, Y[:, i])
        np.testing.assert_allclose(both.predict(X)[:, i], alone.predict(X))
        for a, b in zip(both.predict_interval(X), alone.predict_interval(X), strict=True):
            np.testing.assert_allclose(a[:, i], b)


def test_unlabeled_rows_are_an_error_unless_ignored():
    X, y = draw(10, np.random.RandomState(0))
    y[3:] = np.nan
    with pytest.raises(ValueError, match="NaN"):
        LatentRegressor().fit(X, y)
    model = LatentRegressor(unlabeled="ignore").fit(X, y)
    assert model.n_labeled_ == 3
    free = LatentRegressor(None, unlabeled="ignore").fit(X, y)
    np.testing.assert_allclose(free.coef_, LatentRegressor(None).fit(X[:3], y[:3]).coef_)


def test_unlabeled_rows_reduce_the_error_of_two_labels():
    rng = np.random.RandomState(0)
    errors = []
    for _ in range(200):
        X, y = draw(100, rng)
        some = np.full(100, np.nan)
        some[:2] = y[:2]
        alone = LatentRegressor(n_refits=None).fit(X[:2], y[:2])
        informed = LatentRegressor(unlabeled="ignore", n_refits=None).fit(X, some)
        errors.append([np.abs(m.predict(X) - y).mean() for m in (alone, informed)])
    alone, informed = np.mean(errors, axis=0)
    assert informed < 0.6 * alone


@pytest.mark.parametrize("noise", ["normal", "laplace", "depends on x"])
@pytest.mark.parametrize("n", [20, 60])
def test_intervals_have_their_coverage(noise, n):
    rng = np.random.RandomState(n)

    def sample(size):
        X = rng.normal(size=(size, 1))
        error = rng.laplace(size=size) if noise == "laplace" else rng.normal(size=size)
        if noise == "depends on x":
            error *= 0.3 + np.abs(X[:, 0])
        return X, 40 + 10 * X[:, 0] + 5 * error

    covered = []
    for draw_ in range(150):
        model = LatentRegressor(random_state=draw_).fit(*sample(n))
        X, y = sample(200)
        lower, upper = model.predict_interval(X, coverage=0.9)
        covered.append(np.mean((lower <= y) & (y <= upper)))
    assert 0.87 <= np.mean(covered) <= 0.93


def test_intervals_grow_with_coverage_and_hold_the_prediction():
    X, y = draw(40, np.random.RandomState(0))
    model = LatentRegressor().fit(X, y)
    narrow, wide = model.predict_interval(X, 0.5), model.predict_interval(X, 0.95)
    assert (wide[0] < narrow[0]).all() and (narrow[1] < wide[1]).all()
    assert (narrow[0] < model.predict(X)).all() and (model.predict(X) < narrow[1]).all()


def weighted_line(x, y, weight):
    """Return slope and intercept of weighted least squares."""
    return np.polyfit(x, y, 1, w=np.sqrt(weight))


def left_out_lines(x, y, weight):
    """Return the line without each label."""
    others = [np.arange(len(x)) != i for i in range(len(x))]
    return [weighted_line(x[rows], y[rows], weight[rows]) for rows in others]


@pytest.mark.parametrize(("n", "coverage", "rank"), [(9, 0.8, 8), (9, 0.85, 9), (12, 0.55, 8)])
def test_intervals_are_jackknife_plus(n, coverage, rank):
    """Barber et al., section 1.2: the upper end has a rank from below, the lower one from above."""
    rng = np.random.RandomState(n)
    x, y = rng.normal(size=n), rng.normal(size=n)
    lines = left_out_lines(x, y, np.ones(n))
    residuals = [abs(y[i] - np.polyval(lines[i], x[i])) for i in range(n)]
    lower, upper = LatentRegressor(None).fit(x[:, None], y).predict_interval([[0.7]], coverage)
    assert rank == np.ceil(coverage * (n + 1))
    lows = [np.polyval(line, 0.7) - r for line, r in zip(lines, residuals, strict=True)]
    highs = [np.polyval(line, 0.7) + r for line, r in zip(lines, residuals, strict=True)]
    assert lower[0] == pytest.approx(sorted(lows, reverse=True)[rank - 1])
    assert upper[0] == pytest.approx(sorted(highs)[rank - 1])


def test_weights_in_refits_and_in_the_standard_deviation():
    rng = np.random.RandomState(0)
    x, y, weight = rng.normal(size=8), rng.normal(size=8), np.array([1.0, 2, 3, 4, 1, 2, 3, 9])
    model = LatentRegressor(None).fit(x[:, None], y, sample_weight=weight)
    lines = left_out_lines(x, y, weight)
    residuals = np.array([y[i] - np.polyval(lines[i], x[i]) for i in range(8)])
    np.testing.assert_allclose(model.residuals_, residuals)

    # Weights sum to the effective number of labels, here 25^2 / 125 = 5.
    scaled = weight * 5 / 25
    Z = np.column_stack([np.ones(8), x])
    precision = np.linalg.inv((Z.T * scaled) @ Z)
    leverage = lambda z: 1 + z @ precision @ z  # noqa: E731
    mean = np.mean([leverage(z) for z in Z])
    rmse = np.sqrt(np.sum(weight * residuals**2) / 25)
    _, std = model.predict([[0.3], [4.0]], return_std=True)
    expected = [rmse * np.sqrt(leverage(np.array([1.0, at])) / mean) for at in (0.3, 4.0)]
    np.testing.assert_allclose(std, expected)


@pytest.mark.parametrize("penalty", ["elasticnet", "l1", "l2"])
def test_the_penalty_is_relative_to_the_effective_number_of_labels(penalty):
    rng = np.random.RandomState(0)
    x, y = rng.normal(size=6), rng.normal(size=6)
    weight = np.array([3.0, 1, 1, 1, 1, 1])
    model = LatentRegressor(penalty, alpha=10.0).fit(x[:, None], y, weight)
    mean, target = np.average(x, weights=weight), np.average(y, weights=weight)
    scale = np.sqrt(np.average((x - mean) ** 2, weights=weight))
    unit = np.sqrt(np.average((y - target) ** 2, weights=weight))
    z, t = (x - mean) / scale, (y - target) / unit
    strength = 0.2 * 10.0 / (8**2 / 14)
    share = {"elasticnet": 0.5, "l1": 1.0, "l2": 0.0}[penalty]
    correlation = np.average(z * t, weights=weight)
    # One feature of unit variance: the solution of elastic net in closed form.
    size = max(abs(correlation) - strength * share, 0) / (1 + strength * (1 - share))
    assert size > 0 or penalty == "l1"
    expected = np.sign(correlation) * size * unit / scale
    np.testing.assert_allclose(model.coef_[0], expected, rtol=1e-6, atol=1e-12)


@pytest.mark.parametrize("penalty", PENALTIES)
@pytest.mark.parametrize("scale", [1 / 60, 1e-12, 1e-300, 7.0, 1e300])
def test_the_scale_of_weights_does_not_matter(penalty, scale):
    X, y = draw(30, np.random.RandomState(0))
    weight = np.random.RandomState(1).uniform(0.5, 2, 30)
    one = LatentRegressor(penalty).fit(X, y, sample_weight=weight)
    other = LatentRegressor(penalty).fit(X, y, sample_weight=weight * scale)
    rtol = 1e-4 if penalty == "huber" else 1e-7
    for a, b in (
        (one.predict(X), other.predict(X)),
        (one.predict(X, return_std=True)[1], other.predict(X, return_std=True)[1]),
        (one.predict_interval(X), other.predict_interval(X)),
    ):
        np.testing.assert_allclose(a, b, rtol=rtol)
    plain = LatentRegressor(penalty).fit(X, y)
    equal = LatentRegressor(penalty).fit(X, y, sample_weight=np.full(30, scale))
    np.testing.assert_allclose(equal.predict_interval(X), plain.predict_interval(X), rtol=rtol)


def test_folds_without_a_seed_are_the_same_each_time():
    X, y = draw(50, np.random.RandomState(0))
    a, b = (LatentRegressor().fit(X, y).predict_interval(X) for _ in range(2))
    np.testing.assert_array_equal(a, b)
    shuffled = LatentRegressor(random_state=0).fit(X, y).predict_interval(X)
    assert np.abs(np.subtract(a, shuffled)).max() > 1e-6


def test_too_few_labels_give_infinite_intervals_and_a_warning():
    X, y = draw(8, np.random.RandomState(0))
    model = LatentRegressor().fit(X, y)
    with pytest.warns(UserWarning, match="8 labels.*Label at least 9"):
        lower, upper = model.predict_interval(X, 0.9)
    assert np.isneginf(lower).all() and np.isposinf(upper).all()
    X, y = draw(9, np.random.RandomState(0))
    assert np.isfinite(LatentRegressor().fit(X, y).predict_interval(X, 0.9)).all()


def test_std_matches_the_errors_and_grows_outwards():
    rng = np.random.RandomState(0)
    z = []
    for _ in range(100):
        model = LatentRegressor().fit(*draw(20, rng))
        X, y = draw(100, rng)
        predicted, std = model.predict(X, return_std=True)
        z.append(np.mean(((y - predicted) / std) ** 2))
    assert 0.8 < np.median(z) < 1.25
    _, std = model.predict([[0.0], [3.0], [30.0]], return_std=True)
    assert std[0] < std[1] < std[2]


def test_without_refits():
    X, y = draw(10, np.random.RandomState(0))
    model = LatentRegressor(n_refits=None).fit(X, y)
    np.testing.assert_array_equal(model.predict(X), LatentRegressor().fit(X, y).predict(X))
    for call in (lambda: model.predict(X, return_std=True), lambda: model.predict_interval(X)):
        with pytest.raises(ValueError, match="n_refits"):
            call()


@pytest.mark.parametrize("unlabeled", ["error", "ignore"])
@pytest.mark.parametrize(
    ("X", "y", "message"),
    [
        ([[1.0]], [1.0], "n_samples = 1|1 sample|minimum of 1"),
        ([[1.0], [2.0]], None, "requires y"),
        ([[1.0], [np.nan]], [1.0, 2.0], "NaN"),
        ([[1.0], [2.0]], [1.0, np.inf], "infinity"),
        ([[1.0], [2.0]], [1.0, 2.0, 3.0], "inconsistent|rows"),
    ],
)
def test_bad_input(unlabeled, X, y, message):
    with pytest.raises(ValueError, match=message):
        LatentRegressor(unlabeled=unlabeled).fit(X, y)


def test_bad_parameters_and_no_labels():
    X, y = draw(4, np.random.RandomState(0))
    for params in ({"penalty": "l3"}, {"degree": 0}, {"alpha": -1}, {"n_refits": 1}):
        with pytest.raises(ValueError, match=next(iter(params))):
            LatentRegressor(**params).fit(X, y)
    with pytest.raises(ValueError, match="at least 2 labeled rows, got n_samples = 1"):
        LatentRegressor(unlabeled="ignore").fit(X, [1.0, np.nan, np.nan, np.nan])
    # scikit-learn refuses weights of 0 itself since 1.7.
    with pytest.raises(ValueError, match=r"non-zero|n_samples = 0"):
        LatentRegressor().fit(X, y, sample_weight=np.zeros(4))
    with pytest.raises(ValueError, match="coverage"):
        LatentRegressor().fit(X, y).predict_interval(X, coverage=90)


def test_constant_features_and_targets():
    X, y = np.ones((5, 1)) * 0.1, np.arange(5.0)
    np.testing.assert_allclose(LatentRegressor(degree=2).fit(X, y).predict([[7.0]]), 2.0)
    X = np.arange(5.0)[:, None]
    np.testing.assert_allclose(LatentRegressor().fit(X, np.full(5, 0.1)).predict(X), 0.1)


def test_pickle_clone_and_seed():
    X, y = draw(50, np.random.RandomState(0))
    model = LatentRegressor(monotonic=True, degree=2).fit(X, y)
    again = pickle.loads(pickle.dumps(model))
    refit = clone(model).fit(X, y)
    for other in (again, refit):
        for a, b in zip(other.predict_interval(X), model.predict_interval(X), strict=True):
            np.testing.assert_array_equal(a, b)


def test_unlabeled_rows_help_random_labels_only_a_little():
    """A little for labels drawn at random, nothing for spread ones, as the docstring says."""
    rng = np.random.default_rng(0)
    distances = rng.normal(size=(300, 1))
    y = 10 * distances[:, 0] + 3 * rng.normal(size=300)

    def error(rows, unlabeled):
        known = np.full(300, np.nan)
        known[rows] = y[rows]
        given = (distances, known) if unlabeled == "ignore" else (distances[rows], y[rows])
        model = LatentRegressor(unlabeled=unlabeled, n_refits=None).fit(*given)
        return np.abs(model.predict(distances) - y).mean()

    draws = [np.random.default_rng(seed) for seed in range(60)]
    chosen = {
        "random": [draw.choice(300, 3, replace=False) for draw in draws],
        "spread": [
            select_calibration_points(distances[:, 0], 3, random_state=seed) for seed in range(60)
        ],
    }
    ratio = {
        kind: np.mean([error(r, "ignore") for r in rows])
        / np.mean([error(r, "error") for r in rows])
        for kind, rows in chosen.items()
    }
    assert 0.7 < ratio["random"] < 0.98
    assert 0.98 < ratio["spread"] < 1.02
