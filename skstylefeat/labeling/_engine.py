"""Engine of a labeling session: what to ask next, and what the labels say of all images."""

from __future__ import annotations

import warnings
from collections.abc import Collection, Mapping
from typing import Any

import numpy as np
from numpy.typing import NDArray
from sklearn.cluster import KMeans
from sklearn.metrics import pairwise_distances_argmin

from skstylefeat._utils._typing import RandomState
from skstylefeat.annotation._annotator import ClusterAnnotator
from skstylefeat.labeling._label_readings import (
    Reading,
    can_read_classes,
    can_read_numbers,
    read_classes,
    read_numbers,
)
from skstylefeat.labeling._prepared import Prepared
from skstylefeat.labeling._questions import Questions
from skstylefeat.regression._calibration_points import select_calibration_points

#: Confidence from which an image is clear, so that no question is asked about it.
CLEAR = 0.95
#: Share of the labels that are asked for before the clusters are made anew by them.
FIRST_SHARE = 0.5
_LEAST_SECOND_ROUND = 4  # with fewer labels in all, there is one round


class LabelingEngine:
    """Questions and readings of one attribute, without files and pages.

    The first round asks for the image at the center of each of several clusters of all columns.
    As soon as its labels are given, they choose columns, the images are clustered anew by these,
    and the second round asks for the image of each new cluster that is least clear; for numbers,
    for the images that `select_calibration_points` selects by their predicted numbers.

    Parameters
    ----------
    prepared : Prepared
        Features of the images.
    questions : Questions or None, default=None
        State of an earlier session; None starts with the first round.
    kind : {"class", "number"}, default="class"
        Whether labels are classes or numbers.
    n_labels : int, default=24
        Labels to ask for in all. It is the number of images if there are fewer.
    n_clusters : int or None, default=None
        With a number, there is one round, of `n_annotations` images in each of so many clusters.
    n_annotations : int, default=3
        See `n_clusters`.
    query : {"random", "central", "diverse"}, default="central"
        Images of a cluster that the first round asks for, as in `ClusterAnnotator`.
    labels : dict of int to label or None, default=None
        Labels that are known before the first question. They take part in the first clusters and
        count as answers.
    random_state : int, RandomState instance or None, default=0
        Seed of the clusters.

    Attributes
    ----------
    questions : Questions
    """

    questions: Questions

    def __init__(
        self,
        prepared: Prepared,
        questions: Questions | None = None,
        *,
        kind: str = "class",
        n_labels: int = 24,
        n_clusters: int | None = None,
        n_annotations: int = 3,
        query: str = "central",
        labels: Mapping[int, Any] | None = None,
        random_state: RandomState = 0,
    ) -> None:
        self.prepared = prepared
        self.kind = kind
        self.random_state = random_state
        self._originals = np.asarray(prepared.originals, dtype=np.intp)
        self._askable = self._find_askable()
        self._read_at: tuple[Any, Reading | None] = None, None
        if questions is None:
            questions = self._first_round(n_labels, n_clusters, n_annotations, query, labels or {})
        self.questions = questions

    def advance(self, labels: Mapping[int, Any], unsure: Collection[int] = ()) -> bool:
        """Start the next round if all questions are answered, and return whether it did.

        Parameters
        ----------
        labels : dict of int to label
            Labels by row, asked for or not.
        unsure : collection of int
            Rows that a person could not label; they are not asked about again.

        Returns
        -------
        bool
            Whether clusters and questions have changed.
        """
        questions = self.questions
        answered = {*labels, *unsure}
        if questions.finished or any(row not in answered for row in questions.query.tolist()):
            return False
        n_left = questions.n_labels - sum(row in labels for row in questions.query.tolist())
        rows = self._next_rows(labels, answered, n_left) if n_left > 0 else None
        if rows is None or not len(rows[1]):
            questions.finished = True
            return False
        clusters, query = rows
        self.questions = Questions(
            clusters,
            np.concatenate([questions.query, query]),
            questions.n_labels,
            finished=len(query) >= n_left,
        )
        return True

    def read(self, labels: Mapping[int, Any]) -> Reading | None:
        """Return the class or number of every image, or None without a label.

        Parameters
        ----------
        labels : dict of int to label
            Labels by row. A label counts for its own image, whatever the others say.

        Returns
        -------
        Reading or None
        """
        key = tuple(sorted(labels.items())), self.questions.identity
        if self._read_at[0] != key:
            self._read_at = key, self._read(labels) if labels else None
        return self._read_at[1]

    def shown_rows(self, labels: Mapping[int, Any]) -> NDArray[Any]:
        """Return the columns by which images of a cluster are typical: chosen ones, or all."""
        reading = self.read(labels)
        if reading is None or not len(reading.columns):
            return self._all_columns()
        return self.prepared.standardized(columns=reading.columns)

    def _find_askable(self):
        """Return the rows that may be asked about: no copies, no images foreign to the generator.

        The codes of foreign images mean little, and they would often be the least clear ones.
        """
        originals = np.unique(self._originals)
        names = [name for name, _ in self.prepared.files]
        own = np.array([names[row] not in self.prepared.foreign for row in originals])
        return originals[own] if own.any() else originals

    def _read(self, labels):
        distinct = self._without_copies(labels)
        if self.kind == "number":
            if not can_read_numbers(distinct):
                return None
            reading = read_numbers(self.prepared, distinct)
        elif can_read_classes(distinct):
            reading = read_classes(self.prepared, distinct)
        else:
            reading = self._name_clusters(labels)

        # A label counts for its own image.
        for row, label in labels.items():
            reading.values[row] = label
            if reading.confidence is not None:
                reading.confidence[row] = 1
            else:
                reading.low[row] = reading.high[row] = label
        return reading

    def _name_clusters(self, labels):
        """Return the names of the clusters, while labels are too few to choose columns."""
        rows = self._all_columns()
        annotator = self.questions.annotator(rows).annotate(labels)
        proba = annotator.predict_proba(rows)
        return Reading(annotator.predict(rows).tolist(), proba.max(axis=1))

    def _without_copies(self, labels):
        """Return the labels of originals: a copy adds nothing, and its own label decides less."""
        found = {}
        for row, label in labels.items():
            original = int(self._originals[row])
            if original == row or original not in found:
                found[original] = label
        return found

    def _all_columns(self):
        # Maxima of channels make better first clusters than codes, and there are fewer of them.
        return self.prepared.standardized(columns=slice(0, self.prepared.n_maxima))

    def _first_round(self, n_labels, n_clusters, n_annotations, query, labels):
        """Return clusters of all columns, or of those that known labels choose."""
        askable = self._askable
        known = self._without_copies(labels)
        one_round = n_clusters is not None
        n_labels = min(n_labels, len(askable))
        readable = can_read_numbers if self.kind == "number" else can_read_classes
        if not one_round and readable(known):
            return self._round_after(known, n_labels)

        # Images that are not asked about belong to the cluster whose center is nearest.
        rows = self._all_columns()
        n_first = n_labels if n_labels < _LEAST_SECOND_ROUND else round(FIRST_SHARE * n_labels)
        annotator = ClusterAnnotator(
            min(n_clusters, len(askable)) if one_round else n_first,
            n_annotations if one_round else 1,
            query=query,
            random_state=self.random_state,
        ).fit(rows[askable])
        asked = askable[annotator.query_indices_]
        nearest = pairwise_distances_argmin(rows, annotator.cluster_centers_)
        nearest[askable] = annotator.labels_
        finished = one_round or len(asked) >= n_labels
        return Questions(nearest, asked, len(asked) if one_round else n_labels, finished)

    def _round_after(self, known, n_labels):
        """Return the only round of a session that starts with enough labels to choose columns."""
        given = np.array(sorted(known), dtype=np.intp)
        self.questions = Questions(np.zeros(len(self.prepared), np.intp), given, n_labels)
        n_left = n_labels - len(given)
        found = self._next_rows(known, set(known), n_left) if n_left > 0 else None
        if found is not None:
            return Questions(found[0], np.concatenate([given, found[1]]), n_labels)
        n_clusters = min(max(1, round(FIRST_SHARE * n_labels)), len(self._askable))
        model = KMeans(n_clusters, n_init=4, random_state=self.random_state)
        return Questions(model.fit_predict(self.shown_rows(known)), given, len(given))

    def _next_rows(self, labels, answered, n_rows):
        """Return new clusters and the rows to ask about, or None if nothing is unclear."""
        free = np.setdiff1d(self._askable, self._originals[sorted(answered)])
        if not len(free):
            return None
        reading = self.read(labels)
        has_columns = reading is not None and len(reading.columns)
        rows = self.shown_rows(labels) if has_columns else self._all_columns()
        n_clusters = min(n_rows, len(self._askable))
        clusters = KMeans(n_clusters, n_init=4, random_state=self.random_state).fit_predict(rows)
        if has_columns and self.kind == "number":
            return clusters, free[self._calibration_rows(reading, free, n_rows)]

        # The least clear image of each cluster; without a reading, the one at its center.
        if has_columns:
            free = free[reading.confidence[free] < CLEAR]
            order = reading.confidence
        else:
            centers = np.array([rows[clusters == k].mean(axis=0) for k in range(n_clusters)])
            order = np.square(rows - centers[clusters]).sum(axis=1)
        free = free[np.argsort(order[free], kind="stable")]
        _, first = np.unique(clusters[free], return_index=True)
        if not len(first):
            return None

        # Clusters without an unclear image leave their questions to the others.
        others = np.delete(free, first)[: n_rows - len(first)]
        return clusters, np.concatenate([free[np.sort(first)], others])

    def _calibration_rows(self, reading, free, n_rows):
        predicted = np.asarray(reading.values, dtype=np.float64)[free]
        with warnings.catch_warnings():
            # The rule of the paper is a goal; with few images points are closer to each other.
            warnings.simplefilter("ignore", UserWarning)
            return select_calibration_points(
                predicted, min(n_rows, len(free)), random_state=self.random_state
            )
