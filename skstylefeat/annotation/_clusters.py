"""Clustering of rows: units of columns, the clusterer, and the cluster of each row."""

import numpy as np
from sklearn.base import clone
from sklearn.cluster import KMeans
from sklearn.metrics.pairwise import euclidean_distances

from skstylefeat._utils._validation import SMALLEST


def units_of(X):
    """Return the standard deviations of columns, 1 for constant ones."""
    units = np.ones_like(X[0])
    deviation = X.std(axis=0, dtype=np.float64)
    peak = np.abs(X).max(axis=0)

    # Squares of tiny numbers are 0 in float64: such columns are measured by their largest number.
    tiny = (peak > 0) & (peak < SMALLEST)
    deviation[tiny] = (X[:, tiny] / peak[tiny]).std(axis=0, dtype=np.float64) * peak[tiny]

    # Rounding leaves the deviation of a constant column above zero, the more the more rows.
    varies = (np.ptp(X, axis=0) > 0) & (deviation > 10 * np.finfo(X.dtype).eps * peak)
    units[varies] = deviation[varies]
    return units


def check_not_tiny(X):
    """Raise ValueError if all numbers are so small that their squares are 0."""
    largest = np.abs(X).max()
    limit = SMALLEST if X.dtype == np.float64 else 1e-18
    if 0 < largest < limit:
        raise ValueError(
            f"X holds no number above {largest:.3g}, and the squares of such small ones are 0 in "
            f"{X.dtype}. Give X in another unit, or set standardize=True."
        )


def make_clusterer(clusterer, count, rng):
    """Return an unfitted copy of a clusterer, k-means for None, set up for `count` clusters.

    A `count` of None leaves the number to the clusterer. `rng` seeds it if its `random_state` is
    None.
    """
    # Drawn in any case, so that with one seed the query does not depend on the clusterer.
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
    """Fit a clusterer, and number the clusters that have rows from 0.

    Returns
    -------
    names : ndarray of shape (n_clusters,), int
        The clusterer's own numbers of these clusters, in ascending order.
    centers : ndarray of shape (n_clusters, n_features)
        Means of the clusters.
    labels : ndarray of shape (n,), int
        Cluster of each row; rows of noise (-1) belong to the cluster with the nearest mean.

    Raises
    ------
    ValueError
        If all rows are noise.
    """
    raw = np.asarray(clusterer.fit_predict(Z))
    names = np.unique(raw[raw >= 0])
    if not len(names):
        raise ValueError(
            f"{type(clusterer).__name__} calls all {len(Z)} rows noise. Relax its "
            "parameters, such as eps or min_cluster_size."
        )

    centers = np.stack([Z[raw == name].mean(axis=0) for name in names])
    labels = np.searchsorted(names, raw)
    noise = raw < 0
    if noise.any():
        labels[noise] = _nearest(Z[noise], centers)
    return names, centers, labels


def find_clusters(clusterer, Z, names, centers):
    """Return the cluster of each row, by the clusterer's `predict` or else by the nearest mean.

    Rows may be new; `names` and `centers` are those of :func:`fit_clusters`.
    """
    if not hasattr(clusterer, "predict"):
        return _nearest(Z, centers)
    raw = np.asarray(clusterer.predict(Z.astype(centers.dtype, copy=False)))
    clusters = np.searchsorted(names, raw).clip(max=len(names) - 1)
    # The clusterer may know clusters that had no row in fit, so no votes: take the nearest one.
    unknown = names[clusters] != raw
    if unknown.any():
        clusters[unknown] = _nearest(Z[unknown], centers)
    return clusters


def _nearest(Z, centers):
    return euclidean_distances(Z, centers).argmin(axis=1)
