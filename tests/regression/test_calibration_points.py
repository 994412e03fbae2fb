"""select_calibration_points: gaps, the central part, relaxation, the optimal design."""

from itertools import combinations

import numpy as np
import pytest

from skstylefeat import LatentRegressor, select_calibration_points


@pytest.mark.parametrize("n_points", [1, 2, 3, 5, 10, 20, 50, 200])
@pytest.mark.parametrize("shape", ["normal", "uniform", "two groups"])
def test_spread_keeps_its_gap(n_points, shape):
    rng = np.random.RandomState(0)
    d = {
        "normal": rng.normal(size=5000),
        "uniform": rng.uniform(size=5000),
        "two groups": np.r_[rng.normal(-3, 1, 2500), rng.normal(3, 1, 2500)],
    }[shape]
    low, high = np.quantile(d, [0.025, 0.975])
    central = d[(d >= low) & (d <= high)]
    gap = np.ptp(central) / n_points**1.3
    for seed in range(5):
        chosen = select_calibration_points(d, n_points, random_state=seed)
        assert len(np.unique(chosen)) == n_points
        values = d[chosen]
        assert (np.diff(values) >= gap).all()
        assert values.min() >= low and values.max() <= high


def test_gap_of_the_paper_by_hand():
    # (max - min) / n^1.3 is 10 / 2.462 = 4.06 for two points, and 10 / 4.171 = 2.397 for three.
    d = [0.0, 4.0, 4.1, 10.0]
    pairs = {tuple(select_calibration_points(d, 2, central=1.0, random_state=s)) for s in range(60)}
    assert pairs == {(0, 2), (0, 3), (1, 3), (2, 3)}
    d = [0.0, 2.39, 2.41, 4.8, 10.0]
    triples = {
        tuple(select_calibration_points(d, 3, central=1.0, random_state=s)) for s in range(60)
    }
    assert triples == {(0, 2, 4), (0, 3, 4), (1, 3, 4)}


def test_the_central_part_is_cut_at_both_ends():
    d = np.arange(101.0)
    drawn = np.concatenate(
        [select_calibration_points(d, 3, central=0.6, random_state=s) for s in range(200)]
    )
    assert (drawn.min(), drawn.max()) == (20, 80)


@pytest.mark.parametrize("central", [0.3, 0.5, 0.8, 0.95, 1.0])
def test_central_part_lies_between_two_quantiles(central):
    """Equal distances, of which there are many, are in or out together, in the order of rows."""
    for seed in range(40):
        rng = np.random.RandomState(seed)
        d = rng.randint(0, 12, size=rng.randint(20, 90)).astype(float)
        low, high = np.quantile(d, [(1 - central) / 2, (1 + central) / 2])
        inside = np.flatnonzero((d >= low) & (d <= high))
        ranked = inside[np.argsort(d[inside], kind="stable")]
        # So many points that the two ends of the central part make up all of it.
        chosen = select_calibration_points(d, len(inside), strategy="optimal", central=central)
        np.testing.assert_array_equal(chosen, ranked)


def test_seeds_and_columns():
    d = np.random.RandomState(0).normal(size=(300, 1))
    a = select_calibration_points(d, 5, random_state=1)
    np.testing.assert_array_equal(a, select_calibration_points(d[:, 0], 5, random_state=1))
    drawn = {tuple(select_calibration_points(d, 5, random_state=s)) for s in range(20)}
    assert len(drawn) > 15


def test_relaxed_where_impossible():
    # Three clusters do not contain four points that are a sixth of the range apart.
    d = np.repeat([0.0, 1.0, 2.0], 10) + np.tile(np.linspace(0, 0.01, 10), 3)
    with pytest.warns(UserWarning, match="relaxed to 0.01"):
        chosen = select_calibration_points(d, 4, central=1.0, random_state=0)
    assert len(np.unique(chosen)) == 4
    assert set(np.round(d[chosen])) == {0.0, 1.0, 2.0}
    with pytest.warns(UserWarning, match="All distances are equal"):
        same = select_calibration_points(np.ones(5), 3, central=1.0, random_state=0)
    assert len(np.unique(same)) == 3


def test_tails_are_used_when_the_center_is_too_small():
    with pytest.warns(UserWarning, match="tails"):
        chosen = select_calibration_points([0.0, 1.0, 2.0, 4.0], 4, strategy="optimal")
    np.testing.assert_array_equal(chosen, [0, 1, 2, 3])


@pytest.mark.parametrize("n_points", [2, 3, 4, 5])
def test_optimal_is_the_best_of_all_subsets(n_points):
    d = np.random.RandomState(n_points).gamma(1.0, size=11)
    chosen = select_calibration_points(d, n_points, strategy="optimal", central=1.0)
    best = max(np.var(d[list(c)]) for c in combinations(range(11), n_points))
    assert np.var(d[chosen]) == pytest.approx(best)


def test_both_strategies_beat_random_labels():
    rng = np.random.RandomState(0)
    d = rng.normal(size=2000)
    y = 30 + 10 * d + 4 * rng.normal(size=2000)
    errors = {"spread": [], "optimal": [], "random": []}
    for seed in range(150):
        shuffled = rng.permutation(2000)[:500]
        for name, out in errors.items():
            if name == "random":
                rows = shuffled[:3]
            else:
                rows = shuffled[
                    select_calibration_points(d[shuffled], 3, strategy=name, random_state=seed)
                ]
            model = LatentRegressor(n_refits=None).fit(d[rows, None], y[rows])
            out.append(np.abs(model.predict(d[:, None]) - y).mean())
    mean = {name: np.mean(out) for name, out in errors.items()}
    assert mean["optimal"] < mean["random"]
    assert mean["spread"] < mean["random"]


@pytest.mark.parametrize(
    ("args", "message"),
    [
        (([1.0, 2.0], 3), "n_points=3.*n_samples = 2"),
        (([1.0, np.nan, 2.0], 2), "NaN"),
        ((np.ones((4, 2)), 2), "2 columns"),
        (([1.0, 2.0], 0), "n_points"),
        (([], 1), "minimum of 1"),
    ],
)
def test_bad_input(args, message):
    with pytest.raises(ValueError, match=message):
        select_calibration_points(*args)


def test_many_points_of_a_large_collection():
    d = np.random.RandomState(0).normal(size=100_000)
    chosen = select_calibration_points(d, 300, random_state=0)
    assert len(np.unique(chosen)) == 300
