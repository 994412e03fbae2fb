"""Scores of the best of many candidates, none of which knows anything."""

import numpy as np
import pytest

from skstylefeat.prediction._corrected_score import corrected_score, least_loss


def test_the_best_of_many_guesses_is_a_guess():
    """Of 20 candidates that toss coins, the best seems to be right for two labels of three."""
    rng = np.random.default_rng(0)
    naive, corrected = [], []
    for seed in range(40):
        right = (rng.random((24, 20)) < 0.5).astype(float)
        naive.append(right.mean(axis=0).max())
        corrected.append(corrected_score(1 - right, right, 0.0, seed))
    assert np.mean(naive) > 0.65
    assert np.mean(corrected) == pytest.approx(0.5, abs=0.03)


def test_one_candidate_keeps_its_mean():
    errors = np.random.default_rng(2).random((30, 1))
    found = corrected_score(errors, errors, 0.05, 0)
    assert found == pytest.approx(errors.mean(), rel=0.02)


def test_an_earlier_candidate_is_preferred_within_the_margin():
    losses = np.array([[1.0, 0.96, 0.9], [1.0, 0.9, 0.88], [1.0, 1.2, 1.1]])
    assert least_loss(losses, 0.05).tolist() == [2, 1, 0]
