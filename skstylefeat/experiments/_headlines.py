"""One sentence per target: the score, the labels read, and what to compare it with."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from skstylefeat.experiments._annotation_experiment import METHODS as ANNOTATION_METHODS
from skstylefeat.experiments._regression_experiment import METHODS as REGRESSION_METHODS
from skstylefeat.experiments._score_table import Score, Summary, summarize

#: Method of the headline, and the methods it is compared with. All are scored on the test images.
CLASSES = "classifier", ("latents", "styles", "pca")
NUMBERS = "weighted", ("plane", "pca")


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

    method, others = CLASSES
    accuracy, majority = value(method), value("majority")
    other = max(others, key=value)
    n_read = summaries[target, "all", "labels read", budget].mean
    text = (
        f"{target}: {accuracy:.1f} % from {n_read:.0f} labels in all "
        f"({ANNOTATION_METHODS[method]}; balanced accuracy "
        f"{value(method, 'balanced accuracy'):.1f} %), commonest class {majority:.1f} %, "
        f"{ANNOTATION_METHODS[other]} {value(other):.1f} %."
    )
    if accuracy <= majority:
        text += " The names are no better than naming all images alike: do not use them."
    elif value(other) > accuracy:
        text += f" {ANNOTATION_METHODS[other]} is better here."
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

    method, others = NUMBERS
    other = min(others, key=error)
    text = (
        f"{target}: mean absolute error {error(method):#.3g}{unit and ' ' + unit} from {budget} "
        f"values and coarse labels of {n_train} images ({REGRESSION_METHODS[method]}), mean of "
        f"the values {error('mean'):#.3g}, {REGRESSION_METHODS[other]} {error(other):#.3g}."
    )
    if error(method) >= error("mean"):
        text += " The predictions are no better than the mean: do not use them."
    elif error(other) < error(method):
        text += f" {REGRESSION_METHODS[other]} is better here."
    return text
