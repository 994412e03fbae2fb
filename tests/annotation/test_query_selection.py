import numpy as np
import pytest

from skstylefeat import ClusterAnnotator
from skstylefeat.annotation._clusters import units_of
from skstylefeat.annotation._query_selection import (
    choose_rows,
    clusters_of_budget,
    deal_out,
    first_copies,
)


@pytest.mark.parametrize("n_labels", range(1, 30))
def test_below_thirty_labels_there_is_one_per_cluster(n_labels):
    assert clusters_of_budget(n_labels, 3) == n_labels


@pytest.mark.parametrize(
    ("n_labels", "n_annotations", "n_clusters"),
    [(30, 3, 10), (32, 3, 10), (33, 3, 11), (600, 3, 200), (19, 2, 19), (20, 2, 10), (12, 1, 12)],
)
def test_from_ten_clusters_on_they_have_several_labels(n_labels, n_annotations, n_clusters):
    assert clusters_of_budget(n_labels, n_annotations) == n_clusters


@pytest.mark.parametrize("n_labels", [12, 20, 29])
def test_annotator_between_twelve_and_thirty_labels(n_labels):
    X = np.random.default_rng(0).uniform(size=(200, 2))
    annotator = ClusterAnnotator(n_labels=n_labels, random_state=0).fit(X)
    assert annotator.n_clusters_ == n_labels
    assert np.bincount(annotator.labels_[annotator.query_indices_]).tolist() == [1] * n_labels


@pytest.mark.parametrize(
    ("sizes", "n_labels", "quotas"),
    [
        ([2, 5, 5], 1, [0, 1, 0]),  # the largest, and of two the first
        ([2, 5, 5], 4, [1, 2, 1]),
        ([2, 5, 5], 8, [2, 3, 3]),
        ([2, 5, 5], 99, [2, 5, 5]),
        ([1, 4], 4, [1, 3]),
        ([0, 4], 3, [0, 3]),
        ([2, 5, 5], None, [2, 3, 3]),
    ],
)
def test_labels_are_dealt_out_in_turns(sizes, n_labels, quotas):
    assert deal_out(np.array(sizes), 3, n_labels).tolist() == quotas


PLACES = np.array([[0.0], [10.0], [1.0], [12.0], [5.0], [13.0]])
LABELS = np.array([0, 1, 0, 1, 0, 1])
CENTERS = np.array([[2.0], [11.5]])  # distances 2, 1, 3 and 1.5, 0.5, 1.5


@pytest.mark.parametrize(
    ("query", "quotas", "rows"),
    [
        ("central", [3, 3], [2, 0, 4, 3, 1, 5]),  # nearest first; ties in the order of rows
        ("central", [1, 2], [2, 3, 1]),
        ("diverse", [3, 3], [2, 4, 0, 3, 1, 5]),  # from the center, then farthest from all
        ("diverse", [2, 0], [2, 4]),
    ],
)
def test_order_of_the_query(query, quotas, rows):
    rng = np.random.RandomState(0)
    assert choose_rows(PLACES, LABELS, CENTERS, quotas, query, rng).tolist() == rows


def test_random_query_draws_cluster_by_cluster():
    rng = np.random.RandomState(7)
    expected = [*rng.choice([0, 2, 4], 2, replace=False), *rng.choice([1, 3, 5], 3, replace=False)]
    rng = np.random.RandomState(7)
    assert choose_rows(PLACES, LABELS, CENTERS, [2, 3], "random", rng).tolist() == expected


def test_rows_without_a_cluster_are_not_asked_about():
    labels = np.where(np.arange(6) == 2, -1, LABELS)
    rng = np.random.RandomState(0)
    assert choose_rows(PLACES, labels, CENTERS, [1, 1], "central", rng).tolist() == [0, 3]


def test_first_copies():
    X = np.array([[0.0, 1], [2, 3], [-0.0, 1], [2, 3], [2, 4]])
    assert first_copies(X).tolist() == [True, True, False, False, True]
    assert first_copies(X.astype(np.float32)).tolist() == [True, True, False, False, True]


def test_units_of_constant_columns_are_one():
    X = np.column_stack([np.full(1000, 0.1), np.arange(1000.0)])
    assert X[:, 0].std() > 0  # by rounding
    units = units_of(X)
    assert units[0] == 1
    assert units[1] == pytest.approx(X[:, 1].std())


def test_more_annotations_than_rows_are_all_rows():
    for n_annotations in (3, 100, 10**30):
        assert deal_out(np.array([2, 0, 3]), n_annotations).tolist() == [2, 0, 3]
