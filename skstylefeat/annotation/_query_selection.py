"""Which rows of which cluster to ask a person about."""

import numpy as np
from sklearn.metrics.pairwise import euclidean_distances

__all__ = ["choose_rows", "clusters_of_budget", "deal_out"]

# Paper A, table 2: three labels a cluster, but one where there are 2, 5 or 10 in all, that is,
# where three a cluster would leave fewer than ten clusters.
_FEWEST_CLUSTERS = 10


def clusters_of_budget(n_labels, n_annotations):
    """Return the number of clusters for `n_labels` labels in all.

    Parameters
    ----------
    n_labels : int
        Budget.
    n_annotations : int
        Labels a cluster, where that leaves at least 10 clusters; otherwise one a cluster.

    Returns
    -------
    int
    """
    n_clusters = n_labels // n_annotations
    return n_clusters if n_clusters >= _FEWEST_CLUSTERS else n_labels


def deal_out(sizes, n_annotations, n_labels=None):
    """Return how many rows of each cluster to ask about.

    Parameters
    ----------
    sizes : ndarray of shape (n_clusters,), int
        Rows of each cluster; no cluster is asked about more often.
    n_annotations : int
        Questions a cluster, where there is no `n_labels`.
    n_labels : int or None, default=None
        Questions in all, dealt out in turns, larger clusters first.

    Returns
    -------
    ndarray of shape (n_clusters,), int
    """
    if n_labels is None:
        return np.minimum(sizes, n_annotations)
    quotas = np.zeros_like(sizes)
    order = np.argsort(-sizes, kind="stable")
    left = min(n_labels, int(sizes.sum()))
    while left:
        turn = order[quotas[order] < sizes[order]][:left]
        quotas[turn] += 1
        left -= len(turn)
    return quotas


def choose_rows(X, labels, centers, quotas, query, rng):
    """Choose rows of each cluster.

    Parameters
    ----------
    X : ndarray of shape (n, n_features)
        Rows.
    labels : ndarray of shape (n,), int
        Cluster of each row.
    centers : ndarray of shape (n_clusters, n_features)
        Means of the clusters.
    quotas : ndarray of shape (n_clusters,), int
        How many rows of each.
    query : {"random", "central", "diverse"}
        Drawn at random, nearest to the mean, or far from each other.
    rng : RandomState
        Draws rows.

    Returns
    -------
    ndarray of int
        Rows, cluster by cluster.
    """
    chosen = []
    for cluster, quota in enumerate(quotas):
        rows = np.flatnonzero(labels == cluster)
        if query == "random":
            chosen.append(rng.choice(rows, quota, replace=False))
            continue
        distance = euclidean_distances(X[rows], centers[cluster][None])[:, 0]
        if query == "central":
            picked = np.argsort(distance, kind="stable")[:quota]
        else:
            picked = _farthest_first(X[rows], int(distance.argmin()), quota)
        chosen.append(rows[picked])
    return np.concatenate(chosen)


def _farthest_first(X, start, count):
    """Return rows that each lie as far as can be from those before."""
    chosen = [start]
    gap = np.full(len(X), np.inf)
    while len(chosen) < count:
        gap = np.minimum(gap, euclidean_distances(X, X[chosen[-1:]])[:, 0])
        gap[chosen] = -1
        chosen.append(int(gap.argmax()))
    return np.array(chosen[:count], dtype=int)
