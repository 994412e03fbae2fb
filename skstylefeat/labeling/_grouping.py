"""Clusters of a folder's images and the images to ask about, kept on disk."""

import hashlib
import json
from dataclasses import dataclass, field
from pathlib import Path

import numpy as np
from sklearn.base import BaseEstimator, ClusterMixin
from sklearn.metrics import pairwise_distances_argmin

from skstylefeat._utils._files import replace_file
from skstylefeat.annotation._annotator import ClusterAnnotator

_FILE = "session.json"
_FORMAT = 1


@dataclass
class Grouping:
    """Which images belong together, and which a person is asked about.

    Parameters
    ----------
    files : list of [str, int]
        Name and bytes of every image.
    rows : ndarray of shape (n, d), float32
        Features that were clustered.
    clusters : ndarray of shape (n,), int
        Cluster of every image, from 0.
    query : ndarray of int
        Rows to ask about, cluster by cluster.
    settings : dict
        What the features and clusters were made with.
    """

    files: list
    rows: np.ndarray
    clusters: np.ndarray
    query: np.ndarray
    settings: dict = field(default_factory=dict)

    @property
    def identity(self):
        """Text that differs for other clusters or other questions, for pages that are open."""
        content = json.dumps([self.clusters.tolist(), self.query.tolist()]).encode()
        return hashlib.sha256(content).hexdigest()[:16]

    def annotator(self):
        """Return a `ClusterAnnotator` with these clusters and questions, and no label yet."""
        annotator = ClusterAnnotator(clusterer=GivenClusters(self.clusters), n_annotations=1)
        annotator.fit(np.asarray(self.rows))
        annotator.query_indices_ = self.query
        return annotator

    def by_cluster(self):
        """Return for every cluster the rows asked about, and the others, typical ones first."""
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

    def save(self, folder):
        """Write everything to a folder; a kill leaves what was there before, or this."""
        folder = Path(folder)
        folder.mkdir(parents=True, exist_ok=True)
        rows = np.ascontiguousarray(self.rows, dtype=np.float32)
        features = f"features-{hashlib.sha256(rows.tobytes()).hexdigest()[:16]}.npy"
        replace_file(folder / features, lambda file: np.save(file, rows))
        facts = {
            "format": _FORMAT,
            "settings": self.settings,
            "features": features,
            "files": self.files,
            "clusters": self.clusters.tolist(),
            "query": self.query.tolist(),
        }
        text = json.dumps(facts, ensure_ascii=False)
        replace_file(folder / _FILE, lambda file: file.write(text.encode()))
        for old in folder.glob("features-*.npy"):
            if old.name != features:
                old.unlink()

    @classmethod
    def load(cls, folder):
        """Return what `save` wrote to a folder, or None where nothing was.

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
            rows = np.load(folder / facts["features"], mmap_mode="r")
            clusters = np.array(facts["clusters"], dtype=int)
            if not len(rows) == len(clusters) == len(facts["files"]):
                raise ValueError("numbers of rows differ")
            query = np.array(facts["query"], dtype=int)
        except (ValueError, KeyError, TypeError, OSError) as error:
            raise ValueError(
                f"The clusters in {str(folder)!r} cannot be read ({error}). --recluster makes new "
                "ones and keeps all labels."
            ) from error
        return cls(facts["files"], rows, clusters, query, facts["settings"])


class GivenClusters(ClusterMixin, BaseEstimator):
    """A clusterer that was told the clusters.

    Parameters
    ----------
    clusters : ndarray of shape (n,), int
        Cluster of each row that `fit_predict` will get.
    """

    def __init__(self, clusters):
        self.clusters = clusters

    def fit_predict(self, X, y=None):
        """Return the clusters that were told, and remember the rows."""
        self._rows = X
        return np.asarray(self.clusters)

    def predict(self, X):
        """Return the clusters of the remembered rows, or of those nearest to other rows."""
        if X.shape == self._rows.shape and np.array_equal(X, self._rows):
            return np.asarray(self.clusters)
        return np.asarray(self.clusters)[pairwise_distances_argmin(X, self._rows)]
