"""Tables of errors by group of the test images."""

import numpy as np
import pytest

from skstylefeat.experiments._annotation_experiment import METHODS
from skstylefeat.experiments._group_table import GroupLosses, group_tables
from skstylefeat.experiments._targets import Target


def test_errors_are_means_over_draws_and_images_of_a_group():
    y = np.tile(["a", "b"], 30)
    groups = np.repeat(["light", "dark", "few"], [30, 25, 5])
    target = Target("kind", y, y, groups_test=groups, group_name="skin")
    losses = GroupLosses([target])
    wrong = np.where(groups == "dark", "b", y)
    losses.add("kind", "latents", 5, wrong)  # a smaller budget, which is not shown
    losses.add("kind", "latents", 20, y)
    losses.add("kind", "latents", 20, wrong)
    losses.add("kind", "majority", 20, np.full(60, "a"))
    (table,) = group_tables(target, losses, METHODS)
    assert table.header == ["skin", "n", "majority", "W+ + logistic"]
    n_wrong = (y[groups == "dark"] == "a").sum()
    rows = {row[0]: row[1:] for row in table.rows}
    assert rows["light"] == ["30", "50", "0"] and rows["few"] == ["5", "-", "-"]
    assert rows["dark"][2] == f"{100 * n_wrong / 25 / 2:.3g}"
    assert "W+ + logistic: worse than for the best group, beyond chance: dark by" in table.note
    assert "majority: worse" not in table.note
    assert "fewer than 10 scored images have no value: 'few' (5)" in table.note


def test_numbers_are_in_their_unit_and_images_without_a_group_are_counted():
    y = np.arange(24.0)
    groups = np.array(["a", "b"] * 11 + ["", ""])
    target = Target("age", y, y, "years", groups_test=groups, group_name="place")
    losses = GroupLosses([target])
    losses.add("age", "mean", 5, y + 2.0)
    (table,) = group_tables(target, losses, {"mean": "mean label"})
    assert [row[2] for row in table.rows] == ["2", "2"]
    assert "(years)" in table.note and "2 images have no group" in table.note


def test_methods_are_named_by_the_experiment():
    with pytest.raises(KeyError):
        GroupLosses([]).add("kind", "latents", 5, np.zeros(3))
