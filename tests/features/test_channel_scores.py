"""Scores of channels on hand-made numbers."""

import numpy as np
import pytest
from numpy.testing import assert_allclose

from skstylefeat import FeatureMaps
from skstylefeat.features._channel_scores import (
    f_value,
    information_score,
    intra_inter_of_draws,
    level_separation,
)
from skstylefeat.metrics import intra_inter_mi


def test_ratio_and_difference():
    intra, inter = np.array([[0.6, 0.2]]), np.array([[0.3, 0.8]])
    assert_allclose(information_score(intra, inter, "ratio"), [[2.0, 0.25]])
    assert_allclose(information_score(intra, inter, "difference"), [[0.3, -0.6]])


def test_inter_mi_counts_as_at_least_1e_12():
    intra = np.array([0.5, 0.5, 0.0, 0.5])
    inter = np.array([0.0, 1e-15, 0.0, 4e-12])
    assert_allclose(information_score(intra, inter, "ratio"), [5e11, 5e11, 0.0, 1.25e11])
    assert_allclose(information_score(intra, inter, "difference"), [0.5, 0.5, 0.0, 0.5])


def test_f_value_of_two_classes_by_hand():
    """Classes (1, 3) and (6, 8): means 2 and 7, between 25, within 4 / 2 = 2."""
    values = np.array([[1.0], [6.0], [3.0], [8.0]])
    floor = (1e-3 * 8.0) ** 2
    assert_allclose(f_value(values, np.array([0, 1, 0, 1])), [25 / (2 + floor)], rtol=1e-12)


def test_f_value_of_three_classes_of_different_size_by_hand():
    """Class means 0, 3 and 6 of 3, 2 and 1 values, mean 2; two degrees of freedom between."""
    values = np.array([[-1.0], [0.0], [1.0], [2.0], [4.0], [6.0]])
    between = (3 * 2.0**2 + 2 * 1.0**2 + 1 * 4.0**2) / 2
    within = (1 + 0 + 1 + 1 + 1 + 0) / 3
    expected = between / (within + (1e-3 * 6.0) ** 2)
    assert_allclose(f_value(values, np.array([0, 0, 0, 1, 1, 2])), [expected], rtol=1e-12)


def test_f_value_of_equal_images_is_bounded_and_of_constants_zero():
    values = np.array([[2.0, 5.0, 0.0, -4.0], [2.0, 5.0, 0.0, -4.0]] * 2)
    values[[1, 3], 0] = 4.0  # within 0, between 4: bounded by (1e-3 * 4)^2
    values[[1, 3], 3] = -2.0  # the same by absolute values
    assert_allclose(
        f_value(values, np.array([0, 1, 0, 1])), [4 / 1.6e-5, 0.0, 0.0, 4 / 1.6e-5], rtol=1e-12
    )


def test_level_separation_uses_the_maxima_of_each_draw():
    maps = np.zeros((5, 1, 2, 2))
    maps[:, 0, 1, 0] = [1.0, 6.0, 3.0, 8.0, 20.0]
    draws = [
        (np.array([0, 1, 2, 3]), np.array([0, 1, 0, 1])),
        (np.arange(1, 5), np.array([0] * 2 + [1] * 2)),
    ]
    scores = level_separation(FeatureMaps.from_arrays({"a": maps}), draws)
    # The second draw has the classes (6, 3) and (8, 20): between 90.25, within 76.5 / 2.
    expected = [25 / (2 + 64e-6), 90.25 / (38.25 + 4e-4)]
    assert_allclose(scores[:, 0], expected, rtol=1e-6)


def test_level_separation_refuses_infinity():
    maps = np.zeros((4, 1, 1, 1), dtype=np.float32)
    maps[2] = np.inf
    draws = [(np.arange(4), np.array([0, 0, 1, 1]))]
    with pytest.raises(ValueError, match="NaN or infinity; check the input of the network"):
        level_separation(FeatureMaps.from_arrays({"a": maps}), draws)


def test_information_of_each_draw_layer_after_layer():
    rng = np.random.default_rng(0)
    arrays = {"a": rng.normal(size=(6, 2, 8, 8)), "b": rng.normal(size=(6, 3, 4, 4))}
    draws = [
        (np.arange(6), np.array([0, 0, 0, 1, 1, 1])),
        (np.array([0, 2, 3, 5]), np.array([0, 0, 1, 1])),
    ]
    intra, inter = intra_inter_of_draws(FeatureMaps.from_arrays(arrays), draws, n_bins=4)
    assert intra.shape == inter.shape == (2, 5)
    for row, (positions, classes) in enumerate(draws):
        for columns, maps in ((slice(0, 2), arrays["a"]), (slice(2, 5), arrays["b"])):
            expected = intra_inter_mi(maps[positions], classes, n_bins=4)
            assert_allclose(intra[row, columns], expected[0])
            assert_allclose(inter[row, columns], expected[1])
