"""Selection of the rows that a person is asked to label, cluster by cluster."""

import numpy as np
from sklearn.metrics.pairwise import euclidean_distances

# Paper A, table 2: three labels per cluster, but one where there are 2, 5 or 10 in all. Generally:
# one where three per cluster would leave fewer than ten clusters.
_FEWEST_CLUSTERS = 10


def clusters_of_budget(n_labels, n_annotations):
    """Return the number of clusters for a budget of labels: `n_annotations` each, or one each."""
    n_clusters = n_labels // n_annotations
    return n_clusters if n_clusters >= _FEWEST_CLUSTERS else n_labels


def deal_out(sizes, n_annotations, n_labels=None):
    """Return how many rows of each cluster to ask about, at most its number of rows, `sizes`.

    With a budget of `n_labels`, labels are dealt out in turns, larger clusters first.
    """
    if n_labels is None:
        return np.minimum(sizes, min(n_annotations, int(sizes.sum())))
    quotas = np.zeros_like(sizes)
    order = np.argsort(-sizes, kind="stable")
    left = min(n_labels, int(sizes.sum()))
    while left:
        turn = order[quotas[order] < sizes[order]][:left]
        quotas[turn] += 1
        left -= len(turn)
    return quotas


def first_copies(X):
    """Return a mask of the rows that differ from all rows before them, to the bit.

    Of several copies of a picture only one is to be labeled.
    """
    seen = {}
    for row, values in enumerate(X + 0.0):  # adding 0 turns -0 into 0
        seen.setdefault(values.tobytes(), row)
    is_first = np.zeros(len(X), dtype=bool)
    is_first[list(seen.values())] = True
    return is_first


def choose_rows(X, labels, centers, quotas, query, rng):
    """Choose rows of each cluster.

    Parameters
    ----------
    X : ndarray of shape (n, n_features)
        Rows.
    labels : ndarray of shape (n,), int
        Cluster of each row; -1 for rows not to ask about.
    centers : ndarray of shape (n_clusters, n_features)
        Means of the clusters.
    quotas : ndarray of shape (n_clusters,), int
        Number of rows to choose from each cluster.
    query : {"random", "central", "diverse"}
        Drawn at random; nearest to the mean, in this order; or far from each other, starting with
        the row nearest to the mean.
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
        nearest = np.argsort(distance, kind="stable")
        picked = nearest if query == "central" else _farthest_first(X[rows], nearest[:1], quota)
        chosen.append(rows[picked[:quota]])
    return np.concatenate(chosen)


def _farthest_first(X, start, count):
    """Return `count` rows, each as far as possible from the nearest of those before it."""
    chosen = list(start)
    gap = np.full(len(X), np.inf)
    while len(chosen) < count:
        gap = np.minimum(gap, euclidean_distances(X, X[chosen[-1:]])[:, 0])
        gap[chosen] = -1
        chosen.append(int(gap.argmax()))
    return np.array(chosen, dtype=np.intp)
