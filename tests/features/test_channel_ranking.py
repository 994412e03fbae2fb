"""Choice of channels on hand-made scores."""

import numpy as np
import pytest

from skstylefeat.features._channel_ranking import best_of_layers, choose_channels

LAYERS = [slice(0, 3), slice(3, 7)]


def kept(scores, frequency, slices=LAYERS, **rules):
    defaults = {"n_channels_per_layer": None, "n_channels": None, "threshold": None}
    mask = choose_channels(np.array(scores), np.array(frequency), slices, **(defaults | rules))
    return np.flatnonzero(mask).tolist()


def test_best_of_each_layer_and_ties_by_position():
    scores = np.array([1.0, 3.0, 2.0, 5.0, 7.0, 7.0, 6.0])
    assert np.flatnonzero(best_of_layers(scores, LAYERS, 1)).tolist() == [1, 4]
    assert np.flatnonzero(best_of_layers(scores, LAYERS, 2)).tolist() == [1, 2, 4, 5]
    assert best_of_layers(scores, LAYERS, None).all()
    assert np.flatnonzero(best_of_layers(scores, LAYERS[1:], 9)).tolist() == [3, 4, 5, 6]


def test_channels_are_ranked_by_draws_and_then_by_score():
    scores = [9.0, 1.0, 2.0, 8.0, 3.0, 4.0, 5.0]
    frequency = [0.2, 0.6, 0.6, 0.0, 1.0, 0.4, 0.4]
    # Rank: 4 (1.0); 2 and 1 (0.6, score 2 before 1); 6 and 5 (0.4); 0 (0.2); 3 (0.0).
    assert kept(scores, frequency, n_channels_per_layer=1) == [2, 4]
    assert kept(scores, frequency, n_channels_per_layer=2) == [1, 2, 4, 6]
    for n, best in enumerate([[4], [2, 4], [1, 2, 4], [1, 2, 4, 6], [1, 2, 4, 5, 6]], start=1):
        assert kept(scores, frequency, n_channels=n) == best


def test_channels_that_equal_each_other_are_taken_in_order():
    assert kept([1.0] * 7, [0.5] * 7, n_channels_per_layer=1) == [0, 3]
    assert kept([1.0] * 7, [0.5] * 7, n_channels=2) == [0, 1]


def test_budget_per_layer_comes_before_the_budget_in_all():
    scores = [9.0, 8.0, 7.0, 6.0, 5.0, 4.0, 3.0]
    assert kept(scores, [1.0] * 7, n_channels_per_layer=2, n_channels=3) == [0, 1, 3]
    assert kept(scores, [1.0] * 7, n_channels_per_layer=1, n_channels=3) == [0, 3]


def test_threshold_drops_scores_at_and_below_it():
    scores = [3.0, 2.0, 1.0, 3.5, 2.0, 0.0, -1.0]
    assert kept(scores, [1.0] * 7, threshold=2.0) == [0, 3]
    assert kept(scores, [1.0] * 7, threshold=1.5, n_channels=1) == [3]
    # The threshold does not open places for channels beyond the best of their layer.
    assert kept(scores, [1.0, 0, 0, 0, 1.0, 0, 0], n_channels_per_layer=1, threshold=2.5) == [0]
    with pytest.raises(ValueError, match=r"above threshold=4\.0; the highest is 3\.5"):
        kept(scores, [1.0] * 7, threshold=4.0)


def test_layers_that_take_no_part_have_nan():
    scores = [np.nan] * 3 + [1.0, 2.0, 3.0, 4.0]
    frequency = [0.0] * 3 + [0.0, 0.0, 1.0, 1.0]
    assert kept(scores, frequency, LAYERS[1:], n_channels=3) == [4, 5, 6]
    assert kept(scores, frequency, LAYERS[1:], threshold=-5.0, n_channels=9) == [3, 4, 5, 6]
