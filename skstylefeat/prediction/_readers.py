"""Few-shot readers: estimators that choose among candidates and keep their left-out predictions."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any, NamedTuple, Self

import numpy as np
from numpy.typing import ArrayLike, NDArray
from scipy.special import softmax
from sklearn.model_selection import KFold
from sklearn.utils.validation import check_is_fitted

from skstylefeat._utils._labels import label_array, split_labels
from skstylefeat._utils._nan_rows import check_rows
from skstylefeat._utils._sklearn_base import BaseEstimator, ClassifierMixin, RegressorMixin
from skstylefeat._utils._versions import VersionStamped
from skstylefeat.prediction._candidates import (
    CLASS_CANDIDATES,
    NUMBER_CANDIDATES,
    Candidate,
    LinearModel,
    fit_classes,
    fit_numbers,
)
from skstylefeat.prediction._corrected_score import corrected_score, is_better
from skstylefeat.prediction._photo_graphs import PhotoGraphs
from skstylefeat.regression._jackknife_plus import jackknife_plus

#: Fewest labels with which cross-validation chooses the candidate.
FEWEST_TO_CHOOSE = 8
#: Fewest labels whose left-out predictions are worth a score.
FEWEST_TO_SCORE = 4
#: With up to so many labels each is left out alone, beyond that in `N_FOLDS` folds.
MOST_SINGLE, N_FOLDS = 24, 12
#: Share of the loss by which a later candidate must be better than an earlier one.
CLASS_MARGIN, NUMBER_MARGIN = 0.2, 0.05
COVERAGE = 0.9


class _Part(NamedTuple):
    """Columns that a candidate reads, scaled, and the graphs over which it spreads labels."""

    rows: NDArray[np.float64]
    columns: NDArray[np.intp]
    mean: NDArray[np.float64]
    scales: NDArray[np.float64]
    graphs: PhotoGraphs | None


class _FewShotReader(VersionStamped, BaseEstimator):
    """Shared parts of both readers.

    Parameters
    ----------
    blocks : mapping of str to (start, stop)
        Columns of X by block, see `PhotoFeatures`.
    random_state : int, default=0
        Seed of the folds.
    """

    _candidates: tuple[Candidate, ...] = ()
    _margin = 0.0

    def __init__(self, blocks: Mapping[str, tuple[int, int]], *, random_state: int = 0) -> None:
        self.blocks = blocks
        self.random_state = random_state

    def _fit(self, X, labels):
        """Fit on the rows of X; `labels` is a pair of rows and their values."""
        X = np.asarray(X, dtype=np.float64)
        readable = np.flatnonzero(~check_rows(X))
        self.n_features_in_ = X.shape[1]
        rows, values = labels
        kept = np.isin(rows, readable)
        rows, values = rows[kept], values[kept]
        self.labeled_, self._values = rows, values
        positions = np.searchsorted(readable, rows)

        candidates = [c for c in self._candidates if set(c.blocks) <= set(self.blocks)]
        if len(rows) < FEWEST_TO_CHOOSE:
            candidates = candidates[:1]
        self.folds_ = self._make_folds(len(rows))
        best = None
        self.losses_, losses, measures = {}, [], []
        for candidate in candidates:
            part = self._part_of(candidate, X[readable], positions)
            models = self._fold_models(candidate, part, positions, values)
            loss = np.nan
            if models:
                outputs = self._left_out(part.rows[positions], models)
                losses.append(self._losses(outputs, values))
                measures.append(self._measures(outputs, values))
                loss = float(losses[-1].mean())
            self.losses_[candidate.name] = loss
            if best is None or is_better(loss, best[0], self._margin):
                best = loss, candidate, part, models
        _, candidate, part, models = best
        self.candidate_, self.columns_ = candidate.name, part.columns
        if self.has_score:
            self._left_out_losses = np.stack(losses, axis=1)
            self._left_out_measures = np.stack(measures, axis=1)

        # Coefficients of the folds, then of all labels, in the units of X.
        final = self._fit_candidate(candidate, part, positions, values)
        every = [self._to_units(model, part.scales, part.mean) for model in [*models, final]]
        *self._fold_models_, self._model = every
        return self

    def _part_of(self, candidate, X, positions):
        """Return what a candidate reads of the readable rows, `positions` of which are labeled."""
        blocks = dict(self.blocks)
        columns = candidate.columns(blocks)
        rows = X[:, columns]

        # All photos, with and without a label, define the scale of the columns.
        mean, deviation = rows.mean(axis=0), rows.std(axis=0)
        scales = np.divide(
            candidate.scales(blocks),
            deviation,
            out=np.zeros_like(deviation),
            where=deviation > 1e-7,
        )
        rows = (rows - mean) * scales
        graphs = candidate.graphs(rows, positions, blocks, self.random_state)
        return _Part(rows, columns, mean, scales, graphs)

    def _make_folds(self, n):
        """Return the number of the fold that leaves each label out; -1 where none can be."""
        if n < FEWEST_TO_SCORE:
            return np.full(n, -1)
        if n <= MOST_SINGLE:
            return np.arange(n)
        fold = np.empty(n, dtype=int)
        splitter = KFold(N_FOLDS, shuffle=True, random_state=self.random_state)
        for k, (_, left_out) in enumerate(splitter.split(fold)):
            fold[left_out] = k
        return fold

    def _fold_models(self, candidate, part, positions, values):
        folds = range(self.folds_.max(initial=-1) + 1)
        return [
            self._fit_candidate(
                candidate, part, positions[self.folds_ != k], values[self.folds_ != k]
            )
            for k in folds
        ]

    def _left_out(self, rows, models):
        """Return the outputs (n_labeled, k) of the models that did not see each label."""
        parts = np.stack([model.outputs(rows) for model in models])
        return parts[self.folds_, np.arange(len(rows))]

    def _left_out_outputs(self, X):
        """Return the same of the chosen candidate, for the labeled rows of X."""
        rows = np.asarray(X, dtype=np.float64)[self.labeled_][:, self.columns_]
        return self._left_out(rows, self._fold_models_)

    def learning_curve(
        self, X: ArrayLike, sizes: Sequence[int], n_draws: int = 6
    ) -> list[tuple[int, float, float]]:
        """Return (size, mean, sd) of the score with fewer labels, on the labels left over.

        The candidate is the one that all labels have chosen.
        """
        X = np.asarray(X, dtype=np.float64)
        labeled = np.searchsorted(np.flatnonzero(~check_rows(X)), self.labeled_)
        candidate = next(c for c in self._candidates if c.name == self.candidate_)
        part = self._part_of(candidate, X[~check_rows(X)], labeled)
        rng = np.random.default_rng(self.random_state)
        curve = []
        for size in sizes:
            scores = []
            for _ in range(n_draws):
                order = rng.permutation(len(labeled))
                known, rest = order[:size], order[size:]
                model = self._fit_candidate(candidate, part, labeled[known], self._values[known])
                outputs = model.outputs(part.rows[labeled[rest]])
                scores.append(self._measures(outputs, self._values[rest]).mean())
            curve.append((int(size), float(np.mean(scores)), float(np.std(scores))))
        return curve

    def score_of_choice(self, weights: NDArray[np.float64] | None = None) -> float:
        """Return the accuracy or mean absolute error on unseen labels, without the luck of choice.

        The predictions in `left_out_` are those of the candidate that did best on these very
        labels, so their own score is too good; see `corrected_score`. `weights` (n_labeled,) are
        factors of the labels.
        """
        measures = self._left_out_measures
        if weights is not None:
            measures = weights[:, None] * measures
        return corrected_score(self._left_out_losses, measures, self._margin, self.random_state)

    def _fit_candidate(self, candidate, part, positions, values):
        raise NotImplementedError

    def _losses(self, outputs, values):
        """Return the loss (n,) of each label; the candidate with the least mean is chosen."""
        raise NotImplementedError

    def _measures(self, outputs, values):
        """Return what is reported of each label: whether it is right, or its absolute error."""
        raise NotImplementedError

    @staticmethod
    def _to_units(model, inverse_scale, mean):
        coef = model.coef * inverse_scale
        return LinearModel(coef.astype(np.float32), model.intercept - coef @ mean, model.curve)

    def _outputs(self, X, model=None):
        """Return outputs (n, k) and the mask of rows of NaN."""
        check_is_fitted(self)
        X = np.asarray(X, dtype=np.float64)
        if X.ndim != 2 or X.shape[1] != self.n_features_in_:
            raise ValueError(
                f"X has shape {X.shape}, expected {self.n_features_in_} columns as in fit."
            )
        missing = check_rows(X)
        model = model or self._model
        rows = np.where(missing[:, None], 0.0, X)[:, self.columns_]
        return model.outputs(rows), missing

    @property
    def has_score(self) -> bool:
        """Whether there are enough labels to leave some out."""
        return bool(len(self.folds_) and self.folds_[0] >= 0)

    def __sklearn_tags__(self) -> Any:
        tags = super().__sklearn_tags__()
        tags.target_tags.required = True
        tags.input_tags.allow_nan = True
        return tags


def class_weights(codes: NDArray[Any]) -> NDArray[np.float64]:
    """Return weights of mean 1 by which all classes count the same."""
    _, codes, counts = np.unique(codes, return_inverse=True, return_counts=True)
    return len(codes) / (len(counts) * counts[codes])


class FewShotRegressor(RegressorMixin, _FewShotReader):
    """Regression of a number from a few labels and many photos without one.

    Parameters
    ----------
    blocks : mapping of str to (start, stop)
        Columns of X by block, see `PhotoFeatures`.
    random_state : int, default=0
        Seed of the folds.

    Attributes
    ----------
    candidate_ : str
        Name of the chosen candidate.
    losses_ : dict of str to float
        Mean absolute error of each candidate on labels that it had not seen.
    labeled_ : ndarray of int
        Rows of the labels that were read.
    left_out_ : ndarray of shape (n_labeled,)
        Predictions of the labeled rows without their labels; NaN with fewer than 4 labels.
    """

    _candidates: tuple[Candidate, ...] = NUMBER_CANDIDATES
    _margin = NUMBER_MARGIN

    def fit(self, X: ArrayLike, y: ArrayLike) -> Self:
        """Fit on the rows whose y is a number; the others define the scales and the consensus."""
        y = np.asarray(y, dtype=np.float64)
        rows = np.flatnonzero(~np.isnan(y))
        self._fit(X, (rows, y[rows]))
        self.left_out_ = np.full(len(self.labeled_), np.nan)
        if self.has_score:
            self.left_out_ = self._left_out_outputs(X)[:, 0]
        return self

    def _fit_candidate(self, candidate, part, positions, values):
        return fit_numbers(candidate, part.rows, positions, values)

    def _losses(self, outputs, values):
        return np.abs(outputs[:, 0] - values)

    def _measures(self, outputs, values):
        return np.abs(outputs[:, 0] - values)

    def predict(self, X: ArrayLike) -> NDArray[np.float64]:
        """Predict numbers; NaN for rows of NaN."""
        outputs, missing = self._outputs(X)
        return np.where(missing, np.nan, outputs[:, 0])

    def predict_interval(
        self, X: ArrayLike, coverage: float = COVERAGE
    ) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
        """Predict intervals by jackknife+ (CV+ beyond 24 labels); infinite with too few labels.

        Every fold fits the whole reader again, the choice of channels included.
        """
        value = self.predict(X)
        low, high = np.full(len(value), -np.inf), np.full(len(value), np.inf)
        if self.has_score:
            centers = np.stack([self._outputs(X, model)[0][:, 0] for model in self._fold_models_])
            errors = np.abs(self._values - self.left_out_)
            low, high = jackknife_plus(centers, self.folds_, errors, coverage)
        missing = np.isnan(value)
        return np.where(missing, np.nan, low), np.where(missing, np.nan, high)


class FewShotClassifier(ClassifierMixin, _FewShotReader):
    """Classification from a few labels and many photos without one.

    Parameters
    ----------
    blocks : mapping of str to (start, stop)
        Columns of X by block, see `PhotoFeatures`.
    random_state : int, default=0
        Seed of the folds.

    Attributes
    ----------
    classes_ : ndarray
    candidate_ : str
        Name of the chosen candidate.
    losses_ : dict of str to float
        Loss (logarithmic, at most 4) of each candidate on labels that it had not seen: the mean of
        the classes' means, so that a rare class counts as much as a common one.
    labeled_ : ndarray of int
        Rows of the labels that were read.
    left_out_ : ndarray of shape (n_labeled,)
        Predicted classes of the labeled rows without their labels; None with fewer than 4 labels.
    """

    _candidates: tuple[Candidate, ...] = CLASS_CANDIDATES
    _margin = CLASS_MARGIN

    def fit(self, X: ArrayLike, y: ArrayLike) -> Self:
        """Fit on the rows that have a label; None, NaN and "" mean that it is missing."""
        X = np.asarray(X, dtype=np.float64)
        rows, labels = split_labels(label_array(y, len(X)), len(X))
        kept = ~check_rows(X)[rows]
        self.classes_, codes = np.unique(labels[kept], return_inverse=True)
        if len(self.classes_) < 2:
            raise ValueError(
                f"The labels name {len(self.classes_)} class, {self.classes_.tolist()}; expected "
                "at least one label of each of two classes."
            )
        self._fit(X, (rows[kept], codes))
        self.left_out_ = np.full(len(self.labeled_), None, dtype=object)
        if self.has_score:
            self.left_out_[:] = self.classes_[self._left_out_outputs(X).argmax(axis=1)]
        return self

    def _fit_candidate(self, candidate, part, positions, values):
        return fit_classes(
            candidate,
            part.rows,
            positions,
            values,
            len(self.classes_),
            self.random_state,
            part.graphs,
        )

    def _losses(self, outputs, values):
        proba = softmax(outputs, axis=1)[np.arange(len(values)), values]
        losses = np.minimum(-np.log(np.maximum(proba, 1e-9)), 4.0)
        return losses * class_weights(values)

    def _measures(self, outputs, values):
        return (outputs.argmax(axis=1) == values).astype(np.float64)

    def predict_proba(self, X: ArrayLike) -> NDArray[np.float64]:
        """Return probabilities (n, n_classes); NaN for rows of NaN."""
        outputs, missing = self._outputs(X)
        return np.where(missing[:, None], np.nan, softmax(outputs, axis=1))

    def predict(self, X: ArrayLike) -> NDArray[Any]:
        """Predict classes; None for rows of NaN."""
        outputs, missing = self._outputs(X)
        names = self.classes_[outputs.argmax(axis=1)].astype(object)
        names[missing] = None
        return names
