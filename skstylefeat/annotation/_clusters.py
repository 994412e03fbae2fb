"""Clusters of rows: their number, the units and the clusterer that make them, a row's own one."""

import numpy as np
from sklearn.base import clone
from sklearn.cluster import KMeans
from sklearn.metrics.pairwise import euclidean_distances

from skstylefeat._utils._labels import split_labels
from skstylefeat.annotation._query_selection import clusters_of_budget

_DEFAULT_CLUSTERS = 8


def count_clusters(wanted, budget, n_annotations, y, n_samples):
    """Return how many clusters to make.

    Parameters
    ----------
    wanted : int, "classes" or None
        Their number; that of the labels in `y`; or what the budget calls for.
    budget : int or None
        Labels in all.
    n_annotations : int
        Labels a cluster.
    y : array-like of shape (n_samples,) or None
        Labels.
    n_samples : int
        Rows to cluster.

    Returns
    -------
    int

    Raises
    ------
    ValueError
        If there are fewer rows, or no labels to count classes in.
    """
    if wanted == "classes":
        if y is None:
            raise ValueError("n_clusters='classes' needs y, to count the classes in.")
        count = len(np.unique(split_labels(y, n_samples)[1]))
    elif wanted is not None:
        count = wanted
    elif budget is None:
        count = min(_DEFAULT_CLUSTERS, n_samples)
    else:
        count = min(clusters_of_budget(budget, n_annotations), n_samples)
    if not 1 <= count <= n_samples:
        raise ValueError(
            f"{count} clusters were asked for, but there are n_samples={n_samples} rows to "
            "cluster. Set n_clusters to at most the number of rows."
        )
    return count


def units_of(X):
    """Return the standard deviations of columns, 1 for those that are constant."""
    units = np.ones_like(X[0])
    deviation = X.std(axis=0, dtype=np.float64)
    # Rounding leaves the deviation of a constant column just above zero.
    varies = deviation > 10 * np.finfo(X.dtype).eps * np.abs(X).max(axis=0)
    units[varies] = deviation[varies]
    return units


def make_clusterer(clusterer, count, rng):
    """Return what makes `count` clusters.

    Parameters
    ----------
    clusterer : estimator or None
        Is cloned and set up; None is k-means.
    count : int or None
        None leaves the number to the clusterer.
    rng : RandomState
        Seeds it, where its `random_state` is open.

    Returns
    -------
    estimator
        Not fitted.

    Raises
    ------
    ValueError
        If a number is asked for of a clusterer that takes none.
    """
    seed = rng.randint(np.iinfo(np.int32).max)
    if clusterer is None:
        return KMeans(n_clusters=count, n_init=10, random_state=seed)
    clusterer = clone(clusterer)
    known = clusterer.get_params(deep=False)
    if "random_state" in known and known["random_state"] is None:
        clusterer.set_params(random_state=seed)
    if count is not None:
        name = next((name for name in ("n_clusters", "n_components") if name in known), None)
        if name is None:
            raise ValueError(
                f"{type(clusterer).__name__} has no n_clusters or n_components to set to "
                f"{count}; leave n_clusters and n_labels None."
            )
        clusterer.set_params(**{name: count})
    return clusterer


def fit_clusters(clusterer, Z):
    """Fit a clusterer, and number from 0 the clusters that have rows.

    Parameters
    ----------
    clusterer : estimator
        Is fitted in place.
    Z : ndarray of shape (n, n_features)
        Rows.

    Returns
    -------
    names : ndarray of shape (n_clusters,), int
        What the clusterer calls each cluster, in ascending order.
    centers : ndarray of shape (n_clusters, n_features)
        Means of the clusters.
    labels : ndarray of shape (n,), int
        Cluster of each row; that of the nearest mean for rows that the clusterer calls noise.

    Raises
    ------
    ValueError
        If the clusterer calls all rows noise.
    """
    raw = np.asarray(clusterer.fit_predict(Z))
    names = np.unique(raw[raw >= 0])
    if not len(names):
        raise ValueError(
            f"{type(clusterer).__name__} calls all {len(Z)} rows noise. Loosen its "
            "parameters, such as eps or min_cluster_size."
        )
    centers = np.stack([Z[raw == name].mean(axis=0) for name in names])
    labels = np.searchsorted(names, raw)
    noise = raw < 0
    if noise.any():
        labels[noise] = _nearest(Z[noise], centers)
    return names, centers, labels


def find_clusters(clusterer, Z, names, centers):
    """Return the cluster of each row, by the clusterer's `predict` or by the nearest mean.

    Parameters
    ----------
    clusterer : estimator
        Fitted by :func:`fit_clusters`, which returned `names` and `centers`.
    Z : ndarray of shape (n, n_features)
        Rows, also new ones.
    names, centers : ndarray
        The clusters.

    Returns
    -------
    ndarray of shape (n,), int
    """
    if not hasattr(clusterer, "predict"):
        return _nearest(Z, centers)
    raw = np.asarray(clusterer.predict(Z.astype(centers.dtype, copy=False)))
    clusters = np.searchsorted(names, raw).clip(max=len(names) - 1)
    # A cluster that no row of fit was in has no votes: its rows go to the nearest one.
    strange = names[clusters] != raw
    if strange.any():
        clusters[strange] = _nearest(Z[strange], centers)
    return clusters


def _nearest(Z, centers):
    return euclidean_distances(Z, centers).argmin(axis=1)
