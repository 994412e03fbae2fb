"""Clusters of rows, from the labels of a clusterer."""

import numpy as np
from sklearn.base import BaseEstimator, ClusterMixin

from skstylefeat.annotation._clusters import fit_clusters


class Given(ClusterMixin, BaseEstimator):
    """Clusterer with given labels."""

    def __init__(self, labels):
        self.labels = labels

    def fit(self, X, y=None):
        self.labels_ = np.asarray(self.labels)
        return self


def test_only_noise_goes_to_the_nearest_center():
    """The last row of cluster 0 stays in it, although the center of cluster 1 is nearer."""
    Z = np.array([[0.0], [0.0], [0.0], [8.0], [10.0], [12.0], [9.0]])
    names, centers, labels = fit_clusters(Given([0, 0, 0, 0, 1, 1, -1]), Z)
    assert names.tolist() == [0, 1]
    np.testing.assert_array_equal(centers, [[2.0], [11.0]])
    assert labels.tolist() == [0, 0, 0, 0, 1, 1, 1]
