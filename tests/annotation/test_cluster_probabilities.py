"""The equations of ClusterAnnotator's Notes, on numbers worked out by hand."""

import numpy as np
import pytest

from skstylefeat import ClusterAnnotator
from skstylefeat.annotation._cluster_probabilities import (
    closeness_of,
    shares_of_clusters,
    shares_of_rows,
    typical_margin,
)


def test_closeness_falls_with_the_squared_distance():
    # squared distances to the nearest other: 1, 1, 4, so d0**2 = 1
    expected = [[1, 1 / 2, 1 / 10], [1 / 2, 1, 1 / 5], [1 / 10, 1 / 5, 1]]
    np.testing.assert_allclose(closeness_of(np.array([[0.0], [1.0], [3.0]])), expected)
    assert closeness_of(np.zeros((1, 2))).tolist() == [[1.0]]
    np.testing.assert_array_equal(closeness_of(np.zeros((2, 2))), np.ones((2, 2)))


def test_shares_of_two_clusters_with_votes():
    closeness = closeness_of(np.array([[0.0], [2.0]]))  # 1/4 for itself, 1/8 for the other
    shares = shares_of_clusters(np.array([[2, 1], [0, 3]]), closeness)
    # pi = (1/4 * 2/3 + 1/8 * 0) / (3/8) = 4/9 for the first, (1/8 * 2/3) / (3/8) = 2/9 for the
    # second; (2 + 4/9 / 2 + 1/4) / 4 = 89/144 and (0 + 2/9 / 2 + 1/4) / 4 = 13/144
    np.testing.assert_allclose(shares, [[89 / 144, 55 / 144], [13 / 144, 131 / 144]])


def test_shares_of_a_cluster_without_votes_come_from_the_other():
    closeness = closeness_of(np.array([[0.0], [2.0]]))
    shares = shares_of_clusters(np.array([[2, 1], [0, 0]]), closeness)
    # pi = (2/3, 1/3) for both; (2 + 1/3 + 1/4) / 4 = 31/48, and 1/3 + 1/4 = 7/12
    np.testing.assert_allclose(shares, [[31 / 48, 17 / 48], [7 / 12, 5 / 12]])


def test_three_classes_share_the_uniform_vote():
    shares = shares_of_clusters(np.array([[1, 0, 0]]), np.ones((1, 1)))
    np.testing.assert_allclose(shares, [[(1 + 1 / 2 + 1 / 6) / 2, 1 / 12, 1 / 12]])


def test_margin_is_the_median_of_second_nearest_minus_nearest():
    centers = np.array([[0.0], [4.0], [100.0]])
    assert typical_margin(np.array([[0.0], [1.0], [5.0]]), centers) == 4  # of 4, 2, 4
    assert typical_margin(np.array([[2.0]]), centers) == 1  # instead of 0
    assert typical_margin(np.array([[7.0]]), centers[:1]) == 1


def test_rows_near_another_name_are_pulled_to_equal_shares():
    names = np.array(["a", "a", "b"])
    shares = np.array([[0.8, 0.2], [0.9, 0.1], [0.3, 0.7]])
    distances = np.array([[1.0, 0.0, 3.0], [2.0, 9.0, 2.0], [0.0, 0.0, 5.0]])
    proba = shares_of_rows(distances, np.array([0, 0, 2]), names, shares, margin_scale=2.0)
    weight = 1 - np.exp(-(3 - 1) / 2)  # not of cluster 1, which has the same name
    np.testing.assert_allclose(proba[0], [0.3 * weight + 0.5, 0.5 - 0.3 * weight])
    # on the border, and beyond it: equal shares but for a millionth
    np.testing.assert_allclose(proba[1], [0.5 + 0.3e-6, 0.5 - 0.3e-6], rtol=1e-9)
    np.testing.assert_allclose(proba[2], [0.5 - 0.2e-6, 0.5 + 0.2e-6], rtol=1e-9)
    same = shares_of_rows(distances, np.array([0, 0, 2]), np.array(["a"] * 3), shares, 2.0)
    np.testing.assert_array_equal(same, shares[[0, 0, 2]])


@pytest.mark.parametrize("place", [0.0, 0.5, 3.0, 7.0])
def test_the_annotator_uses_these_equations(place):
    X = np.array([[-1.0], [0.0], [1.0], [3.0], [4.0], [5.0]])  # two clusters, around 0 and 4
    annotator = ClusterAnnotator(2, 3, standardize=False, random_state=0).fit(X)
    annotator.annotate({0: "a", 1: "a", 2: "b", 3: "b"})
    first, second = annotator.labels_[[0, 5]]
    # closeness 1/16 and 1/32; pi is (4/9, 5/9) for the first and (2/9, 7/9) for the second
    share = {first: (2 + 2 / 9 + 1 / 4) / 4, second: (1 / 9 + 1 / 4) / 2}
    np.testing.assert_allclose(annotator.cluster_proba_[first, 0], share[first])
    np.testing.assert_allclose(annotator.cluster_proba_[second, 0], share[second])
    # margins in fit are 4, 4, 2, 2, 4, 4
    near, far = sorted([abs(place), abs(place - 4)])
    weight = 1 - np.exp(-(far - near) / 4)
    own = share[first if place < 2 else second]
    expected = weight * own + (1 - weight) / 2
    np.testing.assert_allclose(annotator.predict_proba([[place]])[0, 0], expected)
