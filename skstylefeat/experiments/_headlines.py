"""One sentence per target: the score, the labels read, and what to compare it with."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from skstylefeat.experiments._annotation_experiment import METHODS as ANNOTATION_METHODS
from skstylefeat.experiments._regression_experiment import METHODS as REGRESSION_METHODS
from skstylefeat.experiments._score_table import Score, Summary, summarize

#: Method of the headline, and those that it is not compared with: baselines, and names of clusters,
#: which are scored on other images.
CLASSES = "classifier", {"majority", "annotation", "again", "mi"}
NUMBERS = "weighted", {"mean"}


def headline(scores: Sequence[Score], target: str, n_train: int, unit: str = "") -> str:
    """Return the headline of a target.

    The method is fixed in advance, so the sentence does not report the best of many.

    Parameters
    ----------
    scores : sequence of Score
        Of `annotation_experiment` or `regression_experiment`, for this and other targets.
    target : str
        Name of the target.
    n_train : int
        Number of training images, whose coarse labels the planes of a regression read.
    unit : str, default=""
        Unit of a number.

    Returns
    -------
    str
    """
    summaries = summarize(score for score in scores if score.target == target)
    budget = max(key[3] for key in summaries)
    if any(metric == "MAE" for _, _, metric, _ in summaries):
        return _of_numbers(summaries, target, budget, n_train, unit)
    return _of_classes(summaries, target, budget)


def _of_classes(summaries, target, budget):
    def value(method, metric="accuracy"):
        return summaries[target, method, metric, budget].mean * 100

    method = CLASSES[0]
    accuracy, majority = value(method), value("majority")
    other = max(_others(summaries, "accuracy", budget, CLASSES), key=value)
    title = ANNOTATION_METHODS.get(other, other)
    n_read = summaries[target, "all", "labels read", budget].mean
    text = (
        f"{target}: {accuracy:.1f} % from {n_read:.0f} labels in all "
        f"({ANNOTATION_METHODS[method]}; balanced accuracy "
        f"{value(method, 'balanced accuracy'):.1f} %), commonest class {majority:.1f} %, "
        f"{title} {value(other):.1f} %."
    )
    if accuracy <= majority:
        text += " The names are no better than naming all images alike: do not use them."
    elif value(other) > accuracy:
        text += f" {title} is better here."
    return text


def _of_numbers(
    summaries: Mapping[tuple[str, str, str, int], Summary],
    target: str,
    budget: int,
    n_train: int,
    unit: str,
) -> str:
    def error(method):
        return summaries[target, method, "MAE", budget].mean

    method = NUMBERS[0]
    other = min(_others(summaries, "MAE", budget, NUMBERS), key=error)
    title = REGRESSION_METHODS.get(other, other)
    text = (
        f"{target}: mean absolute error {error(method):#.3g}{unit and ' ' + unit} from {budget} "
        f"values and coarse labels of {n_train} images ({REGRESSION_METHODS[method]}), mean of "
        f"the values {error('mean'):#.3g}, {title} {error(other):#.3g}."
    )
    if error(method) >= error("mean"):
        text += " The predictions are no better than the mean: do not use them."
    elif error(other) < error(method):
        text += f" {title} is better here."
    return text


def _others(summaries, metric, budget, of):
    """Return the methods that the headline's is compared with, in the order of their scores."""
    method, left_out = of
    keys = [key for key in summaries if key[2:] == (metric, budget)]
    return [key[1] for key in keys if key[1] != method and key[1] not in left_out]
