"""Candidates of the recipe of ``fit`` alone, and the same readers of blocks without a generator."""

import numpy as np
import pytest

from skstylefeat.experiments import recipe_predictions

BLOCKS = {"styles": (0, 3), "hog": (3, 6), "network": (6, 9)}


@pytest.fixture(scope="module")
def data():
    """Return rows, of which all blocks show the class, labels of some, and the classes."""
    rng = np.random.default_rng(0)
    truth = np.arange(60) % 2
    X = rng.normal(size=(60, 9)) + 3 * np.outer(2 * truth - 1, [1, 0, 0] * 3)
    y = truth.astype(object)
    y[10:] = None
    return X, y, truth


def test_chosen_candidates_and_other_blocks(data):
    X, y, truth = data
    options = {"candidates": ["styles and HOG"], "without_generator": ["hog", "network"]}
    found, _ = recipe_predictions(X, y, X, BLOCKS, choose=False, **options)
    assert list(found) == ["styles and HOG", "HOG, label spreading", "network, label spreading"]
    for names in found.values():
        assert np.mean(names == truth) > 0.9


def test_numbers_of_other_blocks(data):
    X, _, _ = data
    y = np.where(np.arange(60) < 20, X[:, 6], np.nan)
    found, _ = recipe_predictions(
        X, y, X, BLOCKS, candidates=(), without_generator=["hog", "network"], choose=False
    )
    assert list(found) == ["HOG, ridge", "network, ridge"]
    errors = {name: np.abs(values - X[:, 6]).mean() for name, values in found.items()}
    assert errors["network, ridge"] < 0.5 * errors["HOG, ridge"]


@pytest.mark.parametrize("wrong", [{"candidates": ["clouds"]}, {"without_generator": ["clouds"]}])
def test_unknown_names(data, wrong):
    X, y, _ = data
    with pytest.raises(
        ValueError, match=r"\['clouds'\]: expected candidates of \['styles and HOG'"
    ):
        recipe_predictions(X, y, X, BLOCKS, choose=False, **wrong)
