import itertools

import numpy as np
import pytest
from sklearn.metrics import accuracy_score

from skstylefeat.metrics import bin_maps, clustering_accuracy, intra_inter_mi, mutual_information
from skstylefeat.metrics._scores import average_pairs


@pytest.fixture
def rng():
    return np.random.default_rng(0)


def test_intra_and_inter_are_the_averages_of_the_paper(rng):
    maps = rng.normal(size=(9, 3, 10, 10))
    y = np.array([0, 1, 2, 0, 1, 2, 0, 0, 1])
    intra, inter = intra_inter_mi(maps, y, n_bins=4)
    for c in range(3):
        # one range for all images of a channel, so the bins are handed over as values
        codes = bin_maps(maps, 4)[:, c].astype(float)
        pairs = {
            (i, j): mutual_information(codes[i], codes[j], n_bins=4, range=(0, 4))
            for i, j in itertools.combinations(range(9), 2)
        }
        inside = [
            np.mean([v for (i, j), v in pairs.items() if y[i] == y[j] == label])
            for label in range(3)
        ]
        across = [v for (i, j), v in pairs.items() if y[i] != y[j]]
        assert intra[c] == pytest.approx(np.mean(inside))
        assert inter[c] == pytest.approx(np.mean(across))


def test_average_of_pairs_on_five_images():
    information = np.arange(25.0).reshape(1, 5, 5)  # the upper triangle counts
    intra, inter = average_pairs(information, np.array(["a", "b", "a", "a", "b"]))
    a, b = np.mean([2, 3, 13]), 9  # pairs (0, 2), (0, 3), (2, 3) and (1, 4)
    assert intra == pytest.approx((a + b) / 2)  # each class counts once
    assert inter == pytest.approx(np.mean([1, 4, 7, 8, 14, 19]))


def test_unlabeled_rows_do_not_count(rng):
    maps = rng.normal(size=(8, 2, 6, 6))
    y = np.array([2, 2, 3, 3, -1, -1, -1, -1])
    expected = intra_inter_mi(maps[:4], y[:4])
    maps[4:] = 1e6
    for labels in (y, [2, 2, 3, 3, None, None, None, None], np.where(y < 0, np.nan, y)):
        np.testing.assert_array_equal(intra_inter_mi(maps, labels), expected)


@pytest.mark.parametrize(
    ("y", "message"),
    [
        ([0, 0, 0, 0], "1 class only, 0"),
        ([-1, -1, -1, -1], "no label at all"),
        ([0, 0, 0, 1], r"classes \[1\] have 1 labeled image"),
        ([0.5, 0.5, 1.5, 1.5], "Unknown label type: continuous"),
        ([0, 0, 1], "3 labels but X has 4"),
    ],
)
def test_bad_labels(rng, y, message):
    with pytest.raises(ValueError, match=message):
        intra_inter_mi(rng.normal(size=(4, 1, 6, 6)), np.array(y))


def test_clustering_accuracy_is_the_best_over_all_namings(rng):
    y = rng.integers(0, 4, 60)
    clusters = rng.integers(0, 4, 60)
    best = max(
        accuracy_score(y, np.array(names)[clusters]) for names in itertools.permutations(range(4))
    )
    assert clustering_accuracy(y, clusters) == pytest.approx(best)
    assert clustering_accuracy(y, (y + 1) % 4) == 1.0


def test_clustering_accuracy_with_more_or_fewer_clusters_than_classes():
    assert clustering_accuracy([0, 0, 0, 0], [0, 1, 2, 2]) == 0.5
    assert clustering_accuracy(["a", "b", "b"], [5, 5, 5]) == pytest.approx(2 / 3)


@pytest.mark.parametrize(("a", "b"), [([0, 1], [0]), ([], []), ([[0], [1]], [[0], [1]])])
def test_clustering_accuracy_bad_input(a, b):
    with pytest.raises(ValueError, match="one class and one cluster per image"):
        clustering_accuracy(a, b)
