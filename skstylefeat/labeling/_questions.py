"""Clusters of the images, and the images that are asked about, in rounds."""

from __future__ import annotations

import hashlib
import json
from dataclasses import dataclass
from functools import cached_property
from typing import Any, Self

import numpy as np
from numpy.typing import ArrayLike, NDArray
from sklearn.base import BaseEstimator, ClusterMixin
from sklearn.metrics import pairwise_distances_argmin

from skstylefeat.annotation._annotator import ClusterAnnotator


@dataclass
class Questions:
    """Clusters for one attribute, and the images of each that need a label.

    Parameters
    ----------
    clusters : ndarray of shape (n,), int
        Cluster of every image, from 0.
    query : ndarray of int
        Rows that need a label, in the order of the questions.
    n_labels : int
        Labels to ask for in all; further rounds may follow until they are given.
    finished : bool
        Whether no further round follows.
    """

    clusters: NDArray[np.intp]
    query: NDArray[np.intp]
    n_labels: int
    finished: bool = True

    @cached_property
    def identity(self) -> str:
        """Hash of clusters and query; an open page notices by it that they have changed."""
        content = json.dumps([self.clusters.tolist(), self.query.tolist()]).encode()
        return hashlib.sha256(content).hexdigest()[:16]

    def annotator(self, rows: NDArray[Any]) -> ClusterAnnotator:
        """Return a `ClusterAnnotator` with these clusters and this query, and no label yet.

        Parameters
        ----------
        rows : ndarray of shape (n, d)
            Features of the images.
        """
        annotator = ClusterAnnotator(
            clusterer=GivenClusters(self.clusters), n_annotations=1, random_state=0
        )
        annotator.fit(rows)
        annotator.query_indices_ = self.query
        return annotator

    def by_cluster(self, rows: NDArray[Any]) -> list[tuple[NDArray[np.intp], NDArray[np.intp]]]:
        """Return for every cluster the rows of the query, and the others, typical ones first."""
        groups = []
        for cluster in range(int(self.clusters.max()) + 1):
            members = np.flatnonzero(self.clusters == cluster)
            offset = rows[members] - rows[members].mean(axis=0)
            members = members[np.argsort(np.square(offset).sum(axis=1), kind="stable")]
            asked = self.query[self.clusters[self.query] == cluster]
            groups.append((asked, members[~np.isin(members, asked)]))
        return groups

    def to_json(self) -> dict[str, Any]:
        """Return the fields as JSON can hold them."""
        return {
            "clusters": self.clusters.tolist(),
            "query": self.query.tolist(),
            "n_labels": int(self.n_labels),
            "finished": bool(self.finished),
        }

    @classmethod
    def from_json(cls, facts: dict[str, Any]) -> Self:
        """Return what `to_json` was called on."""
        clusters = np.array(facts["clusters"], dtype=np.intp)
        query = np.array(facts["query"], dtype=np.intp)
        return cls(clusters, query, int(facts["n_labels"]), bool(facts.get("finished", True)))


class GivenClusters(ClusterMixin, BaseEstimator):
    """A clusterer that returns known clusters.

    Parameters
    ----------
    clusters : ndarray of shape (n,), int
        Cluster of each row that `fit_predict` will get.
    """

    def __init__(self, clusters: ArrayLike) -> None:
        self.clusters = clusters

    def fit_predict(self, X: NDArray[Any], y: object = None) -> NDArray[np.int_]:
        """Return the given clusters, and remember the rows."""
        self._rows = X
        return np.asarray(self.clusters)

    def predict(self, X: NDArray[Any]) -> NDArray[np.int_]:
        """Return the clusters of the remembered rows, or of those nearest to other rows."""
        if X.shape == self._rows.shape and np.array_equal(X, self._rows):
            return np.asarray(self.clusters)
        return np.asarray(self.clusters)[pairwise_distances_argmin(X, self._rows)]
