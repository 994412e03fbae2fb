"""Clusters of a folder's images and the images to label, kept on disk."""

from __future__ import annotations

import hashlib
import json
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Self

import numpy as np
from numpy.typing import ArrayLike, NDArray
from sklearn.base import BaseEstimator, ClusterMixin
from sklearn.metrics import pairwise_distances_argmin

from skstylefeat._utils._files import replace_file
from skstylefeat._utils._typing import StrPath
from skstylefeat.annotation._annotator import ClusterAnnotator

_FILE = "session.json"
_FORMAT = 1


@dataclass
class Grouping:
    """Clusters of images, and the images of each that need a label.

    Parameters
    ----------
    files : list of [str, int]
        Name and bytes of every image.
    rows : ndarray of shape (n, d), float32
        Features that were clustered.
    clusters : ndarray of shape (n,), int
        Cluster of every image, from 0.
    query : ndarray of int
        Rows of the images that need a label, cluster by cluster.
    settings : dict
        Settings of the features and clusters, see `Preparation`.
    skipped : list of [str, int]
        Name and bytes of the images that were left out because they cannot be read.
    """

    files: list[list[Any]]
    rows: NDArray[np.float32]
    clusters: NDArray[np.int_]
    query: NDArray[np.int_]
    settings: dict[str, Any] = field(default_factory=dict)
    skipped: list[list[Any]] = field(default_factory=list)

    @property
    def identity(self) -> str:
        """Hash of clusters and query; an open page notices by it that they have changed."""
        content = json.dumps([self.clusters.tolist(), self.query.tolist()]).encode()
        return hashlib.sha256(content).hexdigest()[:16]

    def annotator(self) -> ClusterAnnotator:
        """Return a `ClusterAnnotator` with these clusters and this query, and no label yet."""
        annotator = ClusterAnnotator(
            clusterer=GivenClusters(self.clusters), n_annotations=1, random_state=0
        )
        annotator.fit(np.asarray(self.rows))
        annotator.query_indices_ = self.query
        return annotator

    def by_cluster(self) -> list[tuple[NDArray[np.int_], NDArray[np.int_]]]:
        """Return for every cluster the rows of the query, and the others, typical ones first."""
        deviation = self.rows.std(axis=0)
        rows = self.rows / np.where(deviation > 0, deviation, 1)
        groups = []
        for cluster in range(int(self.clusters.max()) + 1):
            members = np.flatnonzero(self.clusters == cluster)
            offset = rows[members] - rows[members].mean(axis=0)
            members = members[np.argsort(np.square(offset).sum(axis=1), kind="stable")]
            asked = self.query[self.clusters[self.query] == cluster]
            groups.append((asked, members[~np.isin(members, asked)]))
        return groups

    def save(self, folder: StrPath) -> None:
        """Write everything to a folder; a kill leaves the previous state or this one."""
        folder = Path(folder)
        folder.mkdir(parents=True, exist_ok=True)

        # The features' name is the hash of their content, so that the table below never refers
        # to features of another state.
        rows = np.ascontiguousarray(self.rows, dtype=np.float32)
        features = f"features-{hashlib.sha256(rows.tobytes()).hexdigest()[:16]}.npy"
        replace_file(folder / features, lambda file: np.save(file, rows))

        facts = {
            "format": _FORMAT,
            "settings": self.settings,
            "features": features,
            "files": self.files,
            "skipped": self.skipped,
            "clusters": self.clusters.tolist(),
            "query": self.query.tolist(),
        }
        text = json.dumps(facts, ensure_ascii=False)
        replace_file(folder / _FILE, lambda file: file.write(text.encode()))
        for old in folder.glob("features-*.npy"):
            if old.name != features:
                old.unlink()

    @classmethod
    def load(cls, folder: StrPath) -> Self | None:
        """Return what `save` wrote to a folder, or None if it wrote nothing.

        Raises
        ------
        ValueError
            If the files are damaged or of a later version.
        """
        folder = Path(folder)
        if not (folder / _FILE).exists():
            return None
        try:
            facts = json.loads((folder / _FILE).read_text(encoding="utf-8"))
            if facts["format"] != _FORMAT:
                raise ValueError(f"format {facts['format']}, expected {_FORMAT}")
            rows = np.load(folder / facts["features"], mmap_mode="r", allow_pickle=False)
            clusters = np.array(facts["clusters"], dtype=int)
            if not len(rows) == len(clusters) == len(facts["files"]):
                raise ValueError("the numbers of rows differ")
            query = np.array(facts["query"], dtype=int)
            return cls(facts["files"], rows, clusters, query, facts["settings"], facts["skipped"])
        except (ValueError, KeyError, TypeError, OSError, EOFError) as error:
            raise ValueError(
                f"The clusters in {str(folder)!r} cannot be read ({error}). --recluster makes new "
                "ones and keeps all labels."
            ) from error


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
