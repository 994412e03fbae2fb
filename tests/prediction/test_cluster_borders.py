"""Borders between clusters of photos: wide clusters reach further than narrow ones."""

import numpy as np
import pytest
from numpy.testing import assert_allclose, assert_array_equal

from skstylefeat.prediction import _candidates
from skstylefeat.prediction._candidates import CLASS_CANDIDATES, fit_classes

CLUSTERS = next(c for c in CLASS_CANDIDATES if c.head == "clusters")


def channels(centers, sds, n=300, seed=0):
    """Return standardized rows of 6 equal channels with some noise, and the classes."""
    rng = np.random.default_rng(seed)
    codes = np.repeat(np.arange(len(centers)), n)
    value = np.take(centers, codes) + np.take(sds, codes) * rng.normal(size=len(codes))
    rows = value[:, None] + 0.05 * rng.normal(size=(len(codes), 6))
    return (rows - rows.mean(axis=0)) / rows.std(axis=0), codes


def test_the_rare_end_of_a_wide_class_is_not_cut_off():
    rows, codes = channels([0.0, 4.0], [0.2, 1.5])
    labeled = np.r_[:10, 300:310]
    model = fit_classes(CLUSTERS, rows, labeled, codes[labeled], 2)
    wrong = model.outputs(rows).argmax(axis=1) != codes
    assert wrong.mean() < 0.015

    # Halfway between the centers, one member in 12 of the wide class would be lost.
    sums = rows.mean(axis=1)
    halfway = (sums[codes == 0].mean() + sums[codes == 1].mean()) / 2
    assert ((sums > halfway) != codes).mean() > 0.03


def test_classes_of_one_spread_meet_halfway():
    rows, codes = channels([0.0, 4.0], [1.0, 1.0], n=2000)
    labeled = np.r_[:10, 2000:2010]
    model = fit_classes(CLUSTERS, rows, labeled, codes[labeled], 2)
    means = np.stack([rows[codes == c].mean(axis=0) for c in (0, 1)])
    low, high = np.diff(model.outputs(means), axis=1).ravel()
    assert_allclose(-low, high, rtol=0.1)
    assert_allclose(high - low, 16, rtol=0.25)  # squared distance in standard deviations


@pytest.mark.parametrize("n_labels", [2, 6])
def test_three_classes_have_borders_of_their_own(n_labels):
    rng = np.random.default_rng(1)
    codes = np.repeat(np.arange(3), 200)
    rows = rng.normal(size=(600, 18)) * 0.3
    for c, spread in enumerate((0.3, 1.0, 1.0)):
        mine = slice(6 * c, 6 * c + 6)
        rows[codes == c, mine] += 4 + spread * rng.normal(size=(200, 1))
    labeled = np.concatenate([200 * c + np.arange(n_labels) for c in range(3)])
    rows = (rows - rows.mean(axis=0)) / rows.std(axis=0)
    model = fit_classes(CLUSTERS, rows, labeled, codes[labeled], 3)
    assert model.coef.shape == (3, 18)
    assert (model.outputs(rows).argmax(axis=1) == codes).mean() > 0.97


def test_an_empty_cluster_decides_nothing():
    assert _candidates._border(np.arange(4.0), np.zeros(4, dtype=bool)) == (0.0, 0.0)


def test_two_photos_of_a_class_share_the_spread_of_the_others():
    sums = np.r_[np.linspace(-1, 1, 40), 5.0, 5.0]
    _, border = _candidates._border(sums, sums > 3)
    assert_array_equal(sums > border, sums > 3)
    assert 1.5 < border < 3.5  # two equal photos have no spread of their own
