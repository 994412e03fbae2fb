"""Scores by group: values, intervals, gaps, small groups and missing entries."""

import numpy as np
import pytest
from numpy.testing import assert_allclose
from scipy.stats import binomtest
from sklearn.metrics import f1_score

from skstylefeat.metrics import by_group


def test_values_are_the_metric_of_each_group_and_gaps_lead_to_the_best():
    y = np.tile([0, 1], 50)
    groups = np.repeat(["a", "b"], [60, 40])
    guess = y.copy()
    guess[:6] = 1 - guess[:6]
    guess[60:80] = 1 - guess[60:80]
    found = by_group(y, guess, groups, coverage=0.95)
    assert found.group.tolist() == ["a", "b"] and found.n.tolist() == [60, 40]
    assert_allclose(found.value, [0.9, 0.5])
    assert_allclose(found.gap, [0.0, 0.4])
    assert found.overall == pytest.approx(0.74) and found.largest_gap == pytest.approx(0.4)
    ends = binomtest(54, 60).proportion_ci(0.95, method="wilson")
    assert_allclose([found.low[0], found.high[0]], ends)
    assert "group 'b'" in found.warnings[0] and len(found.warnings) == 1

    # The same as errors: the same gaps from the other end.
    errors = by_group(y, guess, groups, "error", coverage=0.95)
    assert_allclose(errors.value, 1 - found.value)
    assert_allclose(errors.gap, found.gap)
    assert_allclose(errors.gap_low, found.gap_low)


def test_the_interval_of_the_gap_covers_the_true_gap():
    rng = np.random.default_rng(0)
    covered = 0
    for _ in range(200):
        hits = np.concatenate([rng.random(150) < 0.9, rng.random(80) < 0.7])
        found = by_group(np.ones(230, int), hits.astype(int), np.repeat(["a", "b"], [150, 80]))
        covered += found.gap_low[1] <= 0.2
    assert 0.9 < covered / 200 <= 1  # a one-sided end of a 90 % interval: about 95 %


def test_a_gap_by_chance_is_no_warning():
    y = np.tile([0, 1], 20)
    guess = y.copy()
    guess[0] = 1
    found = by_group(y, guess, np.repeat(["a", "b"], 20))
    assert found.gap[0] == pytest.approx(0.05) and found.gap_low[0] == 0 and not found.warnings


def test_small_groups_are_counted_and_not_valued():
    y = np.tile(["x", "y"], 15)
    found = by_group(y, y, np.repeat([1, 2], [21, 9]))
    assert found.n.tolist() == [21, 9]
    assert np.isnan(found.value[1]) and np.isnan(found.gap[1]) and found.value[0] == 1
    assert "2 (9)" in found.warnings[0] and "nothing to compare" in found.warnings[1]
    assert np.isnan(found.largest_gap)
    assert found.rows()[1][1] == ["2", "9", "-", "-", "-"]


def test_missing_entries_follow_the_rule_of_labels():
    y = np.array(["x", "y"] * 15, dtype=object)
    guess, groups = y.copy(), np.repeat(["a", "b"], 15).astype(object)
    y[0], guess[1], groups[2] = None, None, np.nan
    found = by_group(y, guess, groups)
    assert found.n.tolist() == [12, 15] and found.n_unpredicted.tolist() == [1, 0]
    assert found.n_without_group == 1 and found.overall == 1
    assert any("without a prediction" in text for text in found.warnings)
    assert any("1 labeled images have no group" in text for text in found.warnings)


def test_numbers_have_bootstrap_intervals_and_minus_one_is_a_value():
    rng = np.random.default_rng(0)
    y = rng.normal(size=200)
    guess = y + np.repeat([0.1, -0.9], 100) + 0.01 * rng.normal(size=200)
    groups = np.repeat(["near", "far"], 100)
    found = by_group(y, guess, groups, "mean_absolute_error", random_state=0, n_boot=200)
    assert_allclose(found.value, [0.9, 0.1], atol=0.01)
    assert (found.low <= found.value).all() and (found.value <= found.high).all()
    assert_allclose(found.high - found.low, 2 * 1.645 * 0.001, rtol=0.3)  # 0.01 / sqrt(100)
    again = by_group(y, guess, groups, "mean_absolute_error", random_state=0, n_boot=200)
    assert_allclose(again.low, found.low)

    bias = by_group(y, guess, groups, "bias", random_state=0, n_boot=200)
    assert_allclose(bias.value, [-0.9, 0.1], atol=0.01)
    assert_allclose(bias.gap, [0.8, 0.0], atol=0.01)
    assert bias.gap_low[0] > 0.7

    grades = np.tile([-1, 0, 1], 10)
    scored = by_group(grades, np.zeros(30), ["all"] * 30, "mean_absolute_error", n_boot=5)
    assert scored.n.tolist() == [30] and scored.value[0] == pytest.approx(2 / 3)


def test_a_function_of_scikit_learn_is_a_metric():
    rng = np.random.default_rng(0)
    y, groups = rng.integers(2, size=80), np.repeat(["a", "b"], 40)
    guess = np.where(rng.random(80) < 0.8, y, 1 - y)
    found = by_group(y, guess, groups, f1_score, n_boot=50, random_state=0)
    assert found.metric == "f1_score"
    assert found.value[0] == pytest.approx(f1_score(y[:40], guess[:40]))
    assert (found.low < found.value).all() and (found.value < found.high).all()

    def fails_on_draws(truth, guess):
        if len(np.unique(truth)) < 5:
            raise ValueError("too few")
        return 0.5

    odd = by_group(np.arange(10), np.arange(10), ["a"] * 10, fails_on_draws, n_boot=50)
    assert odd.value[0] == 0.5
    empty = by_group(
        np.arange(10),
        np.arange(10),
        ["a"] * 10,
        lambda t, g: fails_on_draws(t[:5], g) if len(set(t[:5])) == 5 else np.nan,
        n_boot=50,
    )
    assert np.isnan(empty.low[0])


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        ({"metric": "auc"}, "metric must be one of 'accuracy'"),
        ({"coverage": 1.0}, "coverage must be between 0 and 1"),
        ({"n_boot": 0}, "n_boot must be a positive integer"),
        ({"y_pred": [0] * 19}, r"one label, prediction and group per image.*19"),
        ({"y_pred": ["0"] * 20}, "texts and numbers are never equal"),
        ({"groups": np.linspace(0, 1, 20)}, "20 different fractional numbers"),
        ({"groups": ["a", 1] * 10}, "groups: y mixes texts"),
        ({"groups": [None] * 20}, "No image has a label, a prediction and a group.*0 a group"),
        ({"groups": np.arange(60), "y_true": [1] * 60, "y_pred": [1] * 60}, "60 different values"),
        ({"metric": "bias", "y_pred": ["a"] * 20}, "y_pred"),
    ],
)
def test_invalid_input_is_refused(arguments, message):
    given = {"y_true": [0, 1] * 10, "y_pred": [0, 1] * 10, "groups": ["a", "b"] * 10}
    with pytest.raises(ValueError, match=message):
        by_group(**{**given, **arguments})


def test_table_for_pandas_and_notebooks(monkeypatch):
    found = by_group([0, 1] * 10, [0, 1] * 10, ["<b>"] * 20)
    frame = found.to_frame()
    assert frame.loc["<b>", "value"] == 1 and next(iter(frame.columns)) == "n"
    page = found._repr_html_()
    assert "&lt;b&gt;" in page and "<b>" not in page
    monkeypatch.setitem(__import__("sys").modules, "pandas", None)
    with pytest.raises(ImportError, match="pip install pandas"):
        found.to_frame()
