"""Random rows of each class."""

import numpy as np
import pytest
from numpy.testing import assert_array_equal

from skstylefeat._utils._draws import draw_per_class

Y = np.array(list("babbaabcbb"))


def test_large_classes_are_sampled_and_small_ones_taken_whole():
    rows = draw_per_class(Y, 3, np.random.default_rng(0))
    assert Y[rows].tolist() == list("aaabbbc")
    assert len(set(rows.tolist())) == 7
    assert_array_equal(np.sort(rows[:3]), [1, 4, 5])  # three members: all of them, in order
    assert_array_equal(rows[:3], [1, 4, 5])


def test_none_takes_all_rows_class_by_class():
    rows = draw_per_class(Y, None, np.random.default_rng(0))
    assert_array_equal(rows, [1, 4, 5, 0, 2, 3, 6, 8, 9, 7])


def test_draws_are_the_first_rows_of_a_permutation():
    """Both users' seeded results depend on this: the selector's and the experiment's."""
    members = np.flatnonzero(Y == "b")
    rows = draw_per_class(Y, 4, np.random.default_rng(3))
    assert_array_equal(rows[3:7], np.random.default_rng(3).permutation(members)[:4])
    rows = draw_per_class(Y, 4, np.random.RandomState(3))
    expected = np.random.RandomState(3).choice(members, 4, replace=False)
    assert_array_equal(rows[3:7], expected)


def test_classes_that_are_taken_whole_use_no_random_number():
    rng = np.random.RandomState(0)
    draw_per_class(Y, 6, rng)
    assert rng.randint(2**31) == np.random.RandomState(0).randint(2**31)


@pytest.mark.parametrize("n", [1, 2, 4])
def test_every_member_can_be_drawn(n):
    rng = np.random.default_rng(0)
    drawn = np.concatenate([draw_per_class(Y, n, rng) for _ in range(60)])
    assert set(drawn.tolist()) == set(range(10))
