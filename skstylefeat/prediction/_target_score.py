"""Score of a target by cross-validation, next to the predictor that sees no photo."""

from __future__ import annotations

from dataclasses import asdict, dataclass, field
from typing import Any

import numpy as np
from numpy.typing import NDArray

from skstylefeat.metrics._group_scores import by_group
from skstylefeat.metrics._intervals import error_interval, share_interval
from skstylefeat.prediction._label_targets import LabeledTarget
from skstylefeat.prediction._readers import COVERAGE, FEWEST_TO_SCORE, class_weights

FEW_PER_CLASS = 3  # a class with fewer labels is reported


@dataclass(frozen=True)
class TargetScore:
    """Score of one target.

    Attributes
    ----------
    name : str
    kind : {"number", "class"}
    n_labels : int
        Labels that were read.
    counts : dict of str to int
        By class; empty for numbers.
    score : float or None
        Accuracy, or mean absolute error, on labels that the reader had not seen, also not in its
        choice; None with fewer than 4 labels.
    balanced : float or None
        Mean of the classes' accuracies; None for numbers.
    baseline : float
        The same score of the commonest class, or of the mean of the other labels.
    interval : tuple of 2 floats or None
        90 % interval of the score: Wilson's for classes, Student's for numbers.
    reader : str
        The chosen candidate.
    losses : dict of str to float
        Cross-validated loss of all candidates, by which one was chosen.
    warnings : list of str
        What its reader must know first.
    group_header : list of str
        Columns of the table by group; empty without groups.
    group_rows : list of list of str
        Its cells.
    """

    name: str
    kind: str
    n_labels: int
    counts: dict[str, int]
    score: float | None
    balanced: float | None
    baseline: float
    interval: tuple[float, float] | None
    reader: str
    losses: dict[str, float]
    warnings: list[str] = field(default_factory=list)
    group_header: list[str] = field(default_factory=list)
    group_rows: list[list[str]] = field(default_factory=list)

    @property
    def beats_baseline(self) -> bool:
        """Whether the score is better than the baseline."""
        if self.score is None:
            return False
        if self.kind == "class":
            return self.score > self.baseline
        return self.score < self.baseline

    @property
    def headline(self) -> str:
        """One sentence: the score, the labels read, and the baseline."""
        labels = f"{self.n_labels} labels"
        if self.score is None:
            return (
                f"{self.name}: read from {labels}; these are too few to estimate how good the "
                "predictions are."
            )
        low, high = self.interval or (np.nan, np.nan)
        if self.kind == "class":
            common = next(iter(self.counts))
            return (
                f"{self.name}: {100 * self.score:.0f} % ({100 * low:.0f} to {100 * high:.0f}) from "
                f"{labels} by cross-validation, commonest class ({common}) "
                f"{100 * self.baseline:.0f} %."
            )
        return (
            f"{self.name}: mean absolute error {self.score:.3g} ({low:.3g} to {high:.3g}) from "
            f"{labels} by cross-validation, mean of the labels {self.baseline:.3g}."
        )

    def to_dict(self) -> dict[str, Any]:
        """Return the score for a JSON file."""
        return asdict(self) | {"headline": self.headline, "beats_baseline": self.beats_baseline}


def score_target(
    target: LabeledTarget,
    reader: Any,
    groups: NDArray[Any] | None = None,
    group_name: str = "group",
) -> TargetScore:
    """Score a fitted reader by its predictions of the labels it had not seen.

    With `groups` (n,) of all photos, the scores of the labeled ones are also reported by group.
    """
    truth = target.labels[reader.labeled_]
    n = len(truth)
    score = balanced = interval = None
    warnings: list[str] = []
    counts = target.counts
    if target.kind == "number":
        truth = truth.astype(float)
        # The mean of the other labels, as a left-out photo would be predicted.
        baseline = float(np.abs(truth - truth.mean()).mean() * n / (n - 1))
        if reader.has_score:
            score = reader.score_of_choice()
            interval = error_interval(score, np.abs(reader.left_out_ - truth), COVERAGE)
        if n < 9:
            warnings.append(
                f"{target.name}: intervals are left empty, since a 90 % interval needs 9 labels."
            )
    else:
        counts = {c: int((truth == c).sum()) for c in counts}
        baseline = max(counts.values()) / n
        if reader.has_score:
            score = reader.score_of_choice()
            interval = share_interval(score, n, COVERAGE)
            balanced = min(reader.score_of_choice(class_weights(truth.astype(str))), 1.0)
        few = [f"{name} ({count})" for name, count in counts.items() if count < FEW_PER_CLASS]
        if few:
            warnings.append(
                f"{target.name}: classes with too few labels to be trusted: {', '.join(few)}. "
                "Label more of them."
            )
    found = TargetScore(
        target.name,
        target.kind,
        n,
        counts,
        score,
        balanced,
        baseline,
        interval,
        reader.candidate_,
        {name: loss for name, loss in reader.losses_.items() if np.isfinite(loss)},
        warnings,
    )
    if score is not None and not found.beats_baseline:
        other = "the commonest class" if target.kind == "class" else "the mean of the labels"
        warnings.insert(
            0, f"{target.name}: nothing beats {other}; do not use these predictions. Label more."
        )
    if groups is not None and score is not None:
        scores = by_group(
            truth,
            reader.left_out_,
            groups[reader.labeled_],
            "accuracy" if target.kind == "class" else "mean_absolute_error",
            random_state=0,
        )
        header, rows = scores.rows()
        found.group_header.extend([group_name, *header[1:]])
        found.group_rows.extend(rows)
        warnings += [f"{target.name}, by {group_name}: {text}" for text in scores.warnings]
    if n < FEWEST_TO_SCORE:
        warnings.append(f"{target.name}: label at least {FEWEST_TO_SCORE} photos for a score.")
    return found
