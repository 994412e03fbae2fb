"""Class probabilities of clusters and of their rows, estimated from a few labels.

The majority of the labels in a cluster decides. The clusters around it break ties and name those
without a label, with less confidence; rows near a cluster of another name get less confidence, too.
:class:`skstylefeat.ClusterAnnotator` gives the equations.
"""

import numpy as np
from sklearn.metrics.pairwise import euclidean_distances

# Weights, in votes, of the surrounding clusters and of a uniform prior. The surroundings weigh less
# than one vote, so that they break ties and name clusters without votes, but never overrule a
# majority.
_SURROUNDING_VOTES = 0.5
_UNIFORM_VOTES = 0.5
# Smallest margin of a row, in typical margins: above 0, so that the class of the row's cluster
# stays ahead of the others.
_LEAST_MARGIN = 1e-6


def closeness_of(centers):
    """Return the weights of clusters for each other, (n_clusters, n_clusters), float64.

    They are ``1 / (d**2 + d0**2)``, where ``d0**2`` is the median of the squared distances of the
    `centers` to the nearest other.
    """
    squared = euclidean_distances(centers, squared=True)
    np.fill_diagonal(squared, 0)
    nearest = 1.0
    if len(centers) > 1:
        nearest = float(np.median(np.partition(squared, 1, axis=1)[:, 1])) or 1.0
    return 1 / (squared.astype(np.float64) + nearest)


def typical_margin(Z, centers):
    """Return the median difference between second nearest and nearest mean, 1 where it is 0."""
    if len(centers) == 1:
        return 1.0
    nearest = np.partition(euclidean_distances(Z, centers), 1, axis=1)
    return float(np.median(nearest[:, 1] - nearest[:, 0])) or 1.0


def shares_of_clusters(votes, closeness):
    """Return the probability of each class in each cluster.

    Parameters
    ----------
    votes : ndarray of shape (n_clusters, n_classes), int
        Labels, at least one of them.
    closeness : ndarray of shape (n_clusters, n_clusters)
        As :func:`closeness_of` returns it.

    Returns
    -------
    ndarray of shape (n_clusters, n_classes)
        Rows add up to 1.
    """
    n_votes = votes.sum(axis=1, keepdims=True)
    weights = closeness * (n_votes[:, 0] > 0)
    around = weights @ (votes / np.maximum(n_votes, 1)) / weights.sum(axis=1, keepdims=True)
    uniform = _UNIFORM_VOTES / votes.shape[1]
    return (votes + _SURROUNDING_VOTES * around + uniform) / (
        n_votes + _SURROUNDING_VOTES + _UNIFORM_VOTES
    )


def shares_of_rows(distances, clusters, names, shares, margin_scale):
    """Return the probability of each class for rows, less sure near a cluster of another name.

    Parameters
    ----------
    distances : ndarray of shape (n, n_clusters)
        Distances of the rows from the means of the clusters.
    clusters : ndarray of shape (n,), int
        Cluster of each row.
    names : ndarray of shape (n_clusters,)
        Class of each cluster.
    shares : ndarray of shape (n_clusters, n_classes)
        As :func:`shares_of_clusters` returns them.
    margin_scale : float
        As :func:`typical_margin` returns it.

    Returns
    -------
    ndarray of shape (n, n_classes)
        Rows add up to 1.
    """
    own = np.take_along_axis(distances, clusters[:, None], axis=1)[:, 0]
    other_name = names[clusters][:, None] != names
    margin = np.min(distances, axis=1, where=other_name, initial=np.inf) - own
    weight = -np.expm1(-np.maximum(margin / margin_scale, _LEAST_MARGIN))[:, None]
    return weight * shares[clusters] + (1 - weight) / shares.shape[1]
