"""Annotation of many images by the labels of a few images per cluster."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, Literal, Self

import numpy as np
from numpy.typing import ArrayLike, NDArray
from sklearn.base import _fit_context
from sklearn.exceptions import NotFittedError
from sklearn.metrics.pairwise import euclidean_distances
from sklearn.utils import Tags, check_random_state
from sklearn.utils._param_validation import HasMethods, StrOptions
from sklearn.utils.validation import check_is_fitted

from skstylefeat._utils._constraints import IntegerFrom
from skstylefeat._utils._labels import (
    check_no_continuum,
    label_array,
    labeled_rows,
    uniform_labels,
)
from skstylefeat._utils._nan_rows import spread_rows, validate_rows
from skstylefeat._utils._sklearn_base import BaseEstimator, ClassifierMixin
from skstylefeat._utils._typing import RandomState, StrPath
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
    check_not_tiny,
    find_clusters,
    fit_clusters,
    make_clusterer,
    units_of,
)
from skstylefeat.annotation._query_selection import (
    choose_rows,
    clusters_of_budget,
    deal_out,
    first_copies,
)

__all__ = ["ClusterAnnotator"]

_DEFAULT_CLUSTERS = 8


class ClusterAnnotator(ClassifierMixin, VersionStamped, BaseEstimator):
    """Cluster images, ask for the labels of a few per cluster, and name all others.

    A classifier that reads few labels: `fit` without `y` proposes which rows to label, `annotate`
    receives their labels. `fit` with `y` does both steps, and reads the labels of the proposed
    rows only.

    Parameters
    ----------
    n_clusters : int, "classes" or None, default=None
        Number of clusters. "classes" takes the number of different labels in `y`, and so counts
        labels outside the query. None follows `n_labels` or, with ``query="labeled"``, the number
        of labels in `y`. Without either there are 8 clusters, or one per different row if there
        are fewer; a given `clusterer` then keeps its own number.
    n_annotations : int, default=3
        Labels to ask for in each cluster; in a smaller cluster, those of all rows.
    n_labels : int or None, default=None
        Total budget of labels. They are dealt out to the clusters in turns, larger clusters
        first. With ``n_clusters=None`` there are ``n_labels // n_annotations`` clusters if that
        makes at least 10, otherwise `n_labels` clusters of one label each: the budgets of 2, 5,
        10, 30, 60, 120 and 600 labels of paper A, table 2.
    clusterer : estimator or None, default=None
        Any scikit-learn clusterer or mixture; None is :class:`sklearn.cluster.KMeans` with 10
        initializations. Its `n_clusters` or `n_components` is set if a number of clusters is
        given here, and a `random_state` of None is seeded. New rows go to the cluster that its
        `predict` returns, or to the nearest centroid if it has no `predict`. Rows of noise (-1)
        belong to the cluster with the nearest centroid.
    query : {"random", "central", "diverse", "labeled"}, default="random"
        Rows of a cluster to ask about: drawn at random, nearest to the centroid, or far from each
        other, starting at the centroid. "labeled" asks for nothing: it takes the rows that have a
        label in `y`.
    standardize : bool, default=True
        Scale columns to unit variance before clustering.
    random_state : int, RandomState instance or None, default=None
        Seeds the clusterer and the draw of the query.

    Attributes
    ----------
    labels_ : ndarray of shape (n,), int
        Cluster of each row, from 0 to ``n_clusters_ - 1``; -1 for rows of NaN.
    n_clusters_ : int
        Number of clusters that have a row.
    query_indices_ : ndarray of int
        Rows to label, cluster by cluster. Of rows that are equal to the bit, such as two copies of
        a photo, only the first can be among them.
    cluster_centers_ : ndarray of shape (n_clusters_, n_features_in_)
        Means of the clusters, in the units of `X`.
    annotations_ : dict of int to label
        Labels received so far, by row.
    cost_ : int
        Number of labels received so far, which is the annotation effort.
    classes_ : ndarray of shape (n_classes,)
        Classes among the labels received; present after the first label.
    cluster_labels_ : ndarray of shape (n_clusters_,)
        Name of each cluster; present after the first label.
    cluster_votes_ : ndarray of shape (n_clusters_, n_classes), int
        Number of labels received, by cluster and class.
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

    The share of a class in a cluster is ``(votes + pi / 2 + 1 / (2 K)) / (n_votes + 1)`` for K
    classes, where `pi` is the mean of the vote shares of all clusters with votes, weighted by
    ``1 / (d**2 + d0**2)`` for the distance `d` of their centroids, where ``d0**2`` is the median
    of the squared distances of the centroids to the nearest other. So a majority always decides,
    the surroundings break ties, and clusters without a label are named by those around them, with
    less confidence.

    `predict_proba` pulls these shares towards equal ones for rows near a cluster of another
    name: with `m` the distance to the nearest centroid of another name minus that to the row's
    own, the share has the weight ``1 - exp(-m / s)``, where `s` is the median difference between
    second nearest and nearest centroid in `fit`. The class that `predict` returns always has the
    highest probability, which can serve to sort rows by confidence.

    Missing labels are None, NaN or pandas' NA, texts such as "" and "NaN", and -1 unless 1 is the
    only other label. A warning is given if -1 could also be a class.

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

    labels_: NDArray[np.intp]
    n_clusters_: int
    query_indices_: NDArray[np.intp]
    cluster_centers_: NDArray[np.floating]
    annotations_: dict[int, Any]
    cost_: int
    classes_: NDArray[Any]
    cluster_labels_: NDArray[Any]
    cluster_votes_: NDArray[np.intp]
    cluster_proba_: NDArray[np.float64]
    clusterer_: Any
    n_features_in_: int

    _parameter_constraints: dict[str, list[Any]] = {
        "n_clusters": [IntegerFrom(1), StrOptions({"classes"}), None],
        "n_annotations": [IntegerFrom(1)],
        "n_labels": [IntegerFrom(1), None],
        "clusterer": [HasMethods(["fit_predict"]), None],
        "query": [StrOptions({"random", "central", "diverse", "labeled"})],
        "standardize": ["boolean"],
        "random_state": ["random_state"],
    }

    def __init__(
        self,
        n_clusters: int | Literal["classes"] | None = None,
        n_annotations: int = 3,
        *,
        n_labels: int | None = None,
        clusterer: Any = None,
        query: Literal["random", "central", "diverse", "labeled"] = "random",
        standardize: bool = True,
        random_state: RandomState = None,
    ) -> None:
        self.n_clusters = n_clusters
        self.n_annotations = n_annotations
        self.n_labels = n_labels
        self.clusterer = clusterer
        self.query = query
        self.standardize = standardize
        self.random_state = random_state

    @_fit_context(prefer_skip_nested_validation=False)
    def fit(self, X: ArrayLike, y: ArrayLike | None = None) -> Self:
        """Cluster rows and propose which to label; name the clusters if labels are given.

        Parameters
        ----------
        X : array-like of shape (n, n_features)
            One row per image. Rows of NaN, for images that could not be read, are left out.
        y : array-like of shape (n,) or None, default=None
            Labels, of which some may be missing. Only those of `query_indices_` are read.

        Returns
        -------
        self : ClusterAnnotator

        Raises
        ------
        ValueError
            If there are more clusters than rows, a label is missing at the query, or `y` is
            continuous.
        """
        known, missing = validate_rows(self, X, reset=True)
        if not self.standardize:
            check_not_tiny(known)
        rng = check_random_state(self.random_state)
        column: Any = None
        labeled: Any = None
        n_classes = 0
        if y is not None:
            column = label_array(y, len(missing))
            labeled = labeled_rows(column) & ~missing
            present = uniform_labels(column[labeled])
            check_no_continuum(present)
            n_classes = len(np.unique(present))
        if self.query == "labeled" and (labeled is None or not labeled.any()):
            raise ValueError("query='labeled' takes the labels in y, but y has none.")

        # Everything below happens in units of the columns' deviations; centers are kept in both.
        self._scale = units_of(known) if self.standardize else np.ones_like(known[0])
        Z = known / self._scale
        askable = first_copies(known)
        n_clusters = self._count_clusters(labeled, n_classes, askable)
        self.clusterer_ = make_clusterer(self.clusterer, n_clusters, rng)
        self._raw_labels, self._centers, clusters = fit_clusters(self.clusterer_, Z)
        self.n_clusters_ = len(self._centers)
        self.cluster_centers_ = self._centers * self._scale

        # Probabilities need these two scales of the clustering.
        self._margin_scale = typical_margin(Z, self._centers)
        self._closeness = closeness_of(self._centers)

        # Rows of NaN belong to no cluster, so the query is chosen among the others.
        rows = np.flatnonzero(~missing)
        self.labels_ = np.full(len(missing), -1)
        self.labels_[rows] = clusters
        if self.query == "labeled":
            self.query_indices_ = np.flatnonzero(labeled)
        else:
            self.query_indices_ = rows[self._choose_query(Z, clusters, askable, rng)]
        self._set_annotations({})
        if column is not None:
            self._set_annotations(labels_of_query(column, labeled, self.query_indices_))
        return self

    def annotate(self, labels: Mapping[int, Any] | ArrayLike) -> Self:
        """Receive labels, in any order and in any number of rounds, and name the clusters.

        Parameters
        ----------
        labels : dict of int to label, or array-like of shape (len(query_indices_),)
            Labels by row of the `X` of `fit`, inside the query or not, or one per row of the
            query. A new label replaces an earlier one. A missing label in an array leaves its row
            as it is; in a dict it removes the row's label.

        Returns
        -------
        self : ClusterAnnotator

        Raises
        ------
        ValueError
            If a row does not exist, or an array does not have one entry per row of the query.
        """
        check_is_fitted(self, "query_indices_")
        annotations = with_labels(self.annotations_, labels, self.query_indices_, len(self.labels_))
        unread = [row for row in annotations if self.labels_[row] < 0]
        if unread:
            raise ValueError(
                f"annotate received labels of the rows {unread[:5]}, which are NaN in X: images "
                "that could not be read take no label."
            )
        self._set_annotations(annotations)
        return self

    def predict(self, X: ArrayLike) -> NDArray[Any]:
        """Name rows by their cluster.

        Parameters
        ----------
        X : array-like of shape (n, n_features)
            Rows, those of `fit` or new ones.

        Returns
        -------
        ndarray of shape (n,)
            Labels, from `classes_`. Rows of NaN have no name: "" among texts, NaN among numbers.

        Raises
        ------
        NotFittedError
            If there is no label yet.
        """
        Z, missing = self._check_rows(X)
        return spread_rows(self.cluster_labels_[self._clusters_of(Z)], missing)

    def fit_predict(self, X: ArrayLike, y: ArrayLike) -> NDArray[Any]:
        """Return the names of the rows of `X`, as ``fit(X, y).predict(X)`` does.

        Parameters
        ----------
        X : array-like of shape (n, n_features)
            One row per image.
        y : array-like of shape (n,)
            Labels, as in `fit`. For the clusters alone, use ``fit(X).labels_``.

        Returns
        -------
        ndarray of shape (n,)
            Labels, from `classes_`.
        """
        return self.fit(X, y).predict(X)

    def predict_proba(self, X: ArrayLike) -> NDArray[np.float64]:
        """Probability of each class for each row.

        Parameters
        ----------
        X : array-like of shape (n, n_features)
            Rows, those of `fit` or new ones.

        Returns
        -------
        ndarray of shape (n, n_classes)
            Columns follow `classes_`; rows add up to 1, or are NaN where `X` is.

        Raises
        ------
        NotFittedError
            If there is no label yet.
        """
        Z, missing = self._check_rows(X)
        shares = np.empty((0, len(self.classes_)))
        if len(Z):
            shares = shares_of_rows(
                euclidean_distances(Z, self._centers),
                self._clusters_of(Z),
                self.cluster_labels_,
                self.cluster_proba_,
                self._margin_scale,
            )
        return spread_rows(shares, missing)

    @property
    def pending_indices_(self) -> NDArray[np.intp]:
        """Rows of the query that have no label yet."""
        return np.array([row for row in self.query_indices_ if row not in self.annotations_], int)

    def save_annotations(self, path: StrPath) -> None:
        """Write the labels received so far to a CSV file, replacing it in one step.

        Parameters
        ----------
        path : str or path-like
            File with a header and the columns ``row``, ``cluster``, ``label``, ``type``. Texts
            that a spreadsheet would run as formulas start with a single quote, which
            `load_annotations` removes.
        """
        check_is_fitted(self, "query_indices_")
        write_annotations(path, self.annotations_, self.labels_)

    def load_annotations(self, path: StrPath) -> Self:
        """Receive labels from a CSV file, as `annotate` does.

        Parameters
        ----------
        path : str or path-like
            File of `save_annotations`, or any CSV file with the columns ``row`` and ``label``.
            Without a column ``type``, labels are texts.

        Returns
        -------
        self : ClusterAnnotator

        Raises
        ------
        ValueError
            If a column is missing or a row cannot be read.
        """
        return self.annotate(read_annotations(path))

    def _count_clusters(self, labeled, n_classes, askable):
        """Return the number of clusters that the parameters ask for, or None for any number."""
        n_distinct = int(askable.sum())
        if self.n_clusters == "classes":
            if not n_classes:
                raise ValueError("n_clusters='classes' needs y with labels, to count the classes.")
            count = n_classes
        elif self.n_clusters is not None:
            count = self.n_clusters
        elif self.n_labels is not None:
            count = min(clusters_of_budget(self.n_labels, self.n_annotations), n_distinct)
        elif self.clusterer is not None:
            return None
        elif self.query == "labeled":
            count = min(clusters_of_budget(int(labeled.sum()), self.n_annotations), n_distinct)
        else:
            count = min(_DEFAULT_CLUSTERS, n_distinct)

        if count > len(askable):
            raise ValueError(
                f"{count} clusters were asked for, but there are n_samples={len(askable)} rows to "
                "cluster. Set n_clusters to at most the number of rows."
            )
        return count

    def _choose_query(self, Z, clusters, askable, rng):
        """Return the rows to label, of those in `Z`."""
        clusters = np.where(askable, clusters, -1)
        sizes = np.bincount(clusters[askable], minlength=self.n_clusters_)
        quotas = deal_out(sizes, self.n_annotations, self.n_labels)
        return choose_rows(Z, clusters, self._centers, quotas, self.query, rng)

    def _set_annotations(self, annotations):
        """Keep the labels and name the clusters by them."""
        rows = np.fromiter(annotations, dtype=int, count=len(annotations))
        labels = uniform_labels(np.array(list(annotations.values()), dtype=object))
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
        """Return the readable rows in the units of the clustering, and a mask of the others."""
        check_is_fitted(self, "query_indices_")
        if not self.annotations_:
            raise NotFittedError(
                f"This {type(self).__name__} instance is not fitted with labels yet: its clusters "
                "have no names. Label the rows of query_indices_ and pass the labels to "
                "annotate(), or call fit(X, y)."
            )
        known, missing = validate_rows(self, X)
        return known / self._scale, missing

    def _clusters_of(self, Z):
        """Return the cluster of each row."""
        if not len(Z):
            return np.empty(0, dtype=int)
        return find_clusters(self.clusterer_, Z, self._raw_labels, self._centers)

    def __sklearn_tags__(self) -> Tags:
        """Return scikit-learn's tags: `y` is optional in `fit`, and few labels may score low."""
        tags = super().__sklearn_tags__()
        tags.target_tags.required = False
        # The default budget of 24 labels reaches the accuracy that the common checks demand.
        is_default = self.n_clusters is None and self.n_labels is None and self.n_annotations >= 3
        tags.classifier_tags.poor_score = not is_default
        return tags
