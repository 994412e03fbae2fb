"""ClusterAnnotator: name many images by asking a person about a few of each cluster."""

from numbers import Integral

import numpy as np
from sklearn.base import BaseEstimator, ClusterMixin, _fit_context
from sklearn.exceptions import NotFittedError
from sklearn.metrics import accuracy_score
from sklearn.metrics.pairwise import euclidean_distances
from sklearn.utils import check_random_state
from sklearn.utils._param_validation import HasMethods, Interval, StrOptions
from sklearn.utils.validation import check_is_fitted, validate_data

from skstylefeat._utils._labels import label_array, split_labels
from skstylefeat._utils._validation import check_magnitude
from skstylefeat._utils._versions import VersionStamped
from skstylefeat.annotation._answers import labels_of_query, with_labels
from skstylefeat.annotation._answers_file import read_annotations, write_annotations
from skstylefeat.annotation._cluster_probabilities import (
    closeness_of,
    shares_of_clusters,
    shares_of_rows,
    typical_margin,
)
from skstylefeat.annotation._clusters import (
    count_clusters,
    find_clusters,
    fit_clusters,
    make_clusterer,
    units_of,
)
from skstylefeat.annotation._query_selection import choose_rows, deal_out

__all__ = ["ClusterAnnotator"]


class ClusterAnnotator(ClusterMixin, VersionStamped, BaseEstimator):
    """Cluster images, ask for the labels of a few of each cluster, and name all the others.

    Parameters
    ----------
    n_clusters : int, "classes" or None, default=None
        Number of clusters. "classes" takes the number of different labels in `y`, and with that
        counts labels outside the query. None makes as many as `n_labels` calls for, and 8, or
        fewer for fewer rows, where there is no `n_labels`.
    n_annotations : int, default=3
        Labels asked for in each cluster; all rows of a smaller one.
    n_labels : int or None, default=None
        Budget of labels in all. They are dealt out to the clusters in turns, larger clusters
        first. With ``n_clusters=None`` there are ``n_labels // n_annotations`` clusters if that
        makes at least 10, otherwise `n_labels` clusters of one label each: the budgets of 2, 5,
        10, 30, 60, 120 and 600 labels of paper A, table 2.
    clusterer : estimator or None, default=None
        Any scikit-learn clusterer, or mixture; None is :class:`sklearn.cluster.KMeans` with 10
        initializations. Its `n_clusters` or `n_components` is set where a number of clusters is
        given here, and an open `random_state` is filled. New rows go to the cluster that its
        `predict` says, or that of the nearest centroid if it has none. Rows it calls noise (-1)
        count for the cluster of the nearest centroid.
    query : {"random", "central", "diverse", "labeled"}, default="random"
        Rows of a cluster to ask about: drawn at random, nearest to the centroid, or far from each
        other starting at the centroid. "labeled" asks nothing: it takes the rows that `y` labels.
    standardize : bool, default=True
        Scale columns to unit variance before clustering.
    random_state : int, RandomState instance or None, default=None
        Seeds the clusterer and the draw of the query.

    Attributes
    ----------
    labels_ : ndarray of shape (n,), int
        Cluster of each row, from 0 to ``n_clusters_ - 1``.
    n_clusters_ : int
        Number of clusters that have a row.
    query_indices_ : ndarray of int
        Rows to label, cluster by cluster.
    cluster_centers_ : ndarray of shape (n_clusters_, n_features_in_)
        Means of the clusters, in the units of `X`.
    annotations_ : dict of int to label
        Labels by row, as far as they have come.
    cost_ : int
        Number of labels that have come: what the person has done so far.
    classes_ : ndarray of shape (n_classes,)
        Classes that have come; present once a label has.
    cluster_labels_ : ndarray of shape (n_clusters_,)
        Name of each cluster; present once a label has come.
    cluster_votes_ : ndarray of shape (n_clusters_, n_classes), int
        Labels that have come, by cluster and class.
    cluster_proba_ : ndarray of shape (n_clusters_, n_classes)
        Probability of each class in each cluster.
    clusterer_ : estimator
        The fitted clusterer.
    n_features_in_ : int
        Number of columns.

    See Also
    --------
    PseudoLabelClassifier : Trains a classifier on the names given here.

    Notes
    -----
    Paper A, "facial attribute representations", section 5.3: k clusters, n images of each labeled
    by a person, and the majority label for the whole cluster.

    Labels are read at the query only; any other label in `y` may as well be absent. The share of
    a class in a cluster is ``(votes + pi / 2 + 1 / (2 K)) / (n_votes + 1)`` for K classes, where
    `pi` is the mean of the vote shares of all clusters, weighted by ``1 / (d**2 + d0**2)`` for the
    distance `d` of their centroids and the median distance `d0` of a centroid to the next. So a
    majority always decides, the surroundings break ties, and clusters that nobody labeled are
    named by those around them, with less confidence.

    `predict_proba` pulls these shares towards equal ones for rows near a cluster of another
    name: with `m` the distance to the nearest centroid of another name minus that to the own, the
    share counts with weight ``1 - exp(-m / s)``, where `s` is the median difference between second
    nearest and nearest centroid in `fit`. The highest probability is always that of the class that
    `predict` names, and sorts rows by confidence.

    Examples
    --------
    >>> from sklearn.datasets import make_blobs
    >>> from skstylefeat import ClusterAnnotator
    >>> X, y = make_blobs(n_samples=200, centers=3, cluster_std=0.5, random_state=0)
    >>> annotator = ClusterAnnotator(n_clusters=6, n_annotations=1, random_state=0).fit(X)
    >>> len(annotator.query_indices_)
    6
    >>> annotator.annotate(y[annotator.query_indices_]).cost_
    6
    >>> annotator.score(X, y) > 0.9
    True
    """

    _parameter_constraints: dict = {
        "n_clusters": [Interval(Integral, 1, None, closed="left"), StrOptions({"classes"}), None],
        "n_annotations": [Interval(Integral, 1, None, closed="left")],
        "n_labels": [Interval(Integral, 1, None, closed="left"), None],
        "clusterer": [HasMethods(["fit_predict"]), None],
        "query": [StrOptions({"random", "central", "diverse", "labeled"})],
        "standardize": ["boolean"],
        "random_state": ["random_state"],
    }

    def __init__(
        self,
        n_clusters=None,
        n_annotations=3,
        *,
        n_labels=None,
        clusterer=None,
        query="random",
        standardize=True,
        random_state=None,
    ):
        self.n_clusters = n_clusters
        self.n_annotations = n_annotations
        self.n_labels = n_labels
        self.clusterer = clusterer
        self.query = query
        self.standardize = standardize
        self.random_state = random_state

    @_fit_context(prefer_skip_nested_validation=False)
    def fit(self, X, y=None):
        """Cluster rows and propose which to label; name the clusters if labels are given.

        Parameters
        ----------
        X : array-like of shape (n, n_features)
            One row an image.
        y : array-like of shape (n,) or None, default=None
            Labels; -1, None or NaN where there is none. Read at `query_indices_` only.

        Returns
        -------
        self : ClusterAnnotator

        Raises
        ------
        ValueError
            If there are more clusters than rows, or a label is missing at the query.
        """
        X = validate_data(self, X, dtype=[np.float64, np.float32])
        check_magnitude(X)
        rng = check_random_state(self.random_state)
        y = None if y is None else label_array(y, len(X))
        self._scale = units_of(X) if self.standardize else np.ones_like(X[0])
        Z = X / self._scale
        self.clusterer_ = make_clusterer(self.clusterer, self._count_clusters(y, len(X)), rng)
        self._raw_labels, self._centers, self.labels_ = fit_clusters(self.clusterer_, Z)
        self.n_clusters_ = len(self._centers)
        self.cluster_centers_ = self._centers * self._scale
        self._margin_scale = typical_margin(Z, self._centers)
        self._closeness = closeness_of(self._centers)
        self.query_indices_ = self._choose_query(Z, y, rng)
        self._set_annotations({})
        if y is not None:
            self._set_annotations(labels_of_query(y, self.query_indices_))
        return self

    def annotate(self, labels):
        """Take labels, in any order and in as many rounds as you like, and name the clusters.

        Parameters
        ----------
        labels : dict of int to label, or array-like of shape (len(query_indices_),)
            Labels by row of the `X` of `fit`, inside the query or not, or one for each row of the
            query. A label that comes again replaces the earlier one. In an array, -1, None or NaN
            leaves a row as it is; in a dict it takes the label back.

        Returns
        -------
        self : ClusterAnnotator

        Raises
        ------
        ValueError
            If a row does not exist, or an array has not one entry for each row of the query.
        """
        check_is_fitted(self, "query_indices_")
        self._set_annotations(
            with_labels(self.annotations_, labels, self.query_indices_, len(self.labels_))
        )
        return self

    def predict(self, X):
        """Name rows by their cluster.

        Parameters
        ----------
        X : array-like of shape (n, n_features)
            Rows, those of `fit` or new ones.

        Returns
        -------
        ndarray of shape (n,)
            Labels, from `classes_`.

        Raises
        ------
        NotFittedError
            If no label has come yet.
        """
        Z = self._check_rows(X)
        return self.cluster_labels_[self._clusters_of(Z)]

    def predict_proba(self, X):
        """Probability of each class for each row.

        Parameters
        ----------
        X : array-like of shape (n, n_features)
            Rows, those of `fit` or new ones.

        Returns
        -------
        ndarray of shape (n, n_classes)
            Columns follow `classes_`; rows add up to 1.

        Raises
        ------
        NotFittedError
            If no label has come yet.
        """
        Z = self._check_rows(X)
        return shares_of_rows(
            euclidean_distances(Z, self._centers),
            self._clusters_of(Z),
            self.cluster_labels_,
            self.cluster_proba_,
            self._margin_scale,
        )

    def score(self, X, y, sample_weight=None):
        """Accuracy of the names.

        Parameters
        ----------
        X : array-like of shape (n, n_features)
            Rows.
        y : array-like of shape (n,)
            True labels.
        sample_weight : array-like of shape (n,), default=None
            How much each row counts.

        Returns
        -------
        float
            Share of rows named correctly.
        """
        return float(accuracy_score(y, self.predict(X), sample_weight=sample_weight))

    @property
    def pending_indices_(self):
        """Rows of the query that have no label yet."""
        return np.array([row for row in self.query_indices_ if row not in self.annotations_], int)

    def save_annotations(self, path):
        """Write the labels so far to a CSV file, replacing it at once.

        Parameters
        ----------
        path : str or path-like
            File with a header and the columns ``row``, ``cluster``, ``label``, ``type``.
        """
        check_is_fitted(self, "query_indices_")
        write_annotations(path, self.annotations_, self.labels_)

    def load_annotations(self, path):
        """Take labels from a CSV file, as `annotate` does.

        Parameters
        ----------
        path : str or path-like
            File of `save_annotations`, or any CSV with the columns ``row`` and ``label``. Without
            a column ``type`` labels are texts.

        Returns
        -------
        self : ClusterAnnotator

        Raises
        ------
        ValueError
            If a column is missing or a row cannot be read.
        """
        return self.annotate(read_annotations(path))

    def _count_clusters(self, y, n_samples):
        """Return the number of clusters that the parameters ask for; None leaves it open."""
        if self.n_clusters is None and self.n_labels is None and self.clusterer is not None:
            return None
        budget = self.n_labels
        if budget is None and self.query == "labeled" and y is not None:
            budget = len(split_labels(y, n_samples)[0])
        return count_clusters(self.n_clusters, budget, self.n_annotations, y, n_samples)

    def _choose_query(self, Z, y, rng):
        if self.query == "labeled":
            rows = np.empty(0, dtype=int) if y is None else split_labels(y, len(Z))[0]
            if not len(rows):
                raise ValueError("query='labeled' takes the labels in y, but y has none.")
            return rows
        quotas = deal_out(
            np.bincount(self.labels_, minlength=self.n_clusters_),
            self.n_annotations,
            self.n_labels,
        )
        return choose_rows(Z, self.labels_, self._centers, quotas, self.query, rng)

    def _set_annotations(self, annotations):
        """Keep the labels and name the clusters by them."""
        rows = np.fromiter(annotations, dtype=int, count=len(annotations))
        _, labels = split_labels(list(annotations.values()), len(annotations))
        self.annotations_ = annotations
        self.cost_ = len(annotations)
        if not annotations:
            for name in ("classes_", "cluster_labels_", "cluster_votes_", "cluster_proba_"):
                self.__dict__.pop(name, None)
            return
        self.classes_, codes = np.unique(labels, return_inverse=True)
        self.cluster_votes_ = np.zeros((self.n_clusters_, len(self.classes_)), dtype=int)
        np.add.at(self.cluster_votes_, (self.labels_[rows], codes), 1)
        self.cluster_proba_ = shares_of_clusters(self.cluster_votes_, self._closeness)
        self.cluster_labels_ = self.classes_[self.cluster_proba_.argmax(axis=1)]

    def _check_rows(self, X):
        check_is_fitted(self, "query_indices_")
        if not self.annotations_:
            raise NotFittedError(
                f"This {type(self).__name__} instance is not fitted with labels yet: its clusters "
                "have no names. Label the rows of query_indices_ and hand them to annotate(), or "
                "call fit(X, y)."
            )
        X = validate_data(self, X, reset=False, dtype=[np.float64, np.float32])
        check_magnitude(X)
        return X / self._scale

    def _clusters_of(self, Z):
        return find_clusters(self.clusterer_, Z, self._raw_labels, self._centers)
