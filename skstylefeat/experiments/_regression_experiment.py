"""Regression by distances from a plane, calibrated by few labels (paper B, LARGE).

A plane is learned from coarse labels (low, middle or high third) of all training images; exact
values are read only at the few calibration points. The competitors get the same coarse labels and
the same points. Everything is scored on the test images.
"""

from __future__ import annotations

import warnings
from collections.abc import Callable, Mapping, Sequence
from typing import TYPE_CHECKING, Any, NamedTuple

import numpy as np
from numpy.typing import NDArray
from scipy.stats import spearmanr
from sklearn.metrics import mean_absolute_error, r2_score, roc_auc_score

from skstylefeat._utils._typing import RandomState
from skstylefeat.directions._discriminant import DiscriminantDirection
from skstylefeat.experiments._baselines import pixel_plane_distances
from skstylefeat.experiments._representation import ImageSet
from skstylefeat.experiments._score_table import (
    Score,
    Table,
    best_columns,
    fixed_seed,
    seed_of_draw,
    summarize,
    tabulate,
    user_features,
)
from skstylefeat.regression._calibration_points import select_calibration_points
from skstylefeat.regression._distance import HyperplaneDistance
from skstylefeat.regression._regressor import LatentRegressor

if TYPE_CHECKING:
    from skstylefeat.networks._generator import Generator

METHODS = {
    "mean": "mean label",
    "pca": "PCA distance",
    "hog": "HOG distance",
    "plane": "W+ plane",
    "weighted": "weighted distance",
}
DISTANCE_METHODS = {key: title for key, title in METHODS.items() if key != "mean"}


class Distances(NamedTuple):
    """Distances of training and test images by method.

    Attributes
    ----------
    train, test : dict of str to ndarray of shape (n,)
        By method: "weighted" (one direction in W, layers weighted by importance, eq. 3), "plane"
        (one plane in W+), "pca" (one plane in the pixels' components), and one plane in each of
        `ImageSet.plain_descriptors`, such as "hog".
    estimator : HyperplaneDistance
        The fitted estimator of "weighted".
    """

    train: dict[str, NDArray[Any]]
    test: dict[str, NDArray[Any]]
    estimator: HyperplaneDistance


def thirds(values: NDArray[Any] | Sequence[float]) -> NDArray[np.intp]:
    """Grade values as low, middle or high: the coarse labels from which planes are learned.

    Parameters
    ----------
    values : array-like of shape (n,)
        Numbers.

    Returns
    -------
    ndarray of shape (n,), int
        0, 1 or 2.

    Examples
    --------
    >>> from skstylefeat.experiments import thirds
    >>> thirds([20, 70, 35, 60, 25, 40]).tolist()
    [0, 2, 1, 2, 0, 1]
    """
    return np.searchsorted(np.quantile(values, [1 / 3, 2 / 3]), values)


def plane_distances(
    train: ImageSet,
    test: ImageSet,
    labels: NDArray[Any],
    generator: Generator,
    random_state: RandomState = None,
) -> Distances:
    """Learn planes from coarse labels of the training images and measure distances from them.

    Parameters
    ----------
    train, test : ImageSet
        Training and test images.
    labels : ndarray of shape (n_train,)
        Two or three ordered values.
    generator : Generator
        Gives the importance of the layers.
    random_state : int, RandomState or None, default=None
        Draws the pairs from which the importance is estimated.

    Returns
    -------
    Distances
    """
    # One direction for all layers, learned from the mean code over the layers.
    codes = train.latents.reshape(len(train), generator.n_ws, generator.w_dim).mean(axis=1)
    shared = DiscriminantDirection().fit(codes, labels)
    weighted = HyperplaneDistance(
        shared.direction_,
        shared.intercept_,
        layer_weights="importance",
        generator=generator,
        random_state=random_state,
    ).fit(train.latents)

    # A plane in W+ and the competitor in the pixels' components.
    plane = HyperplaneDistance(generator=generator, random_state=0).fit(train.latents, labels)
    others = {"pca": pixel_plane_distances(train.components, labels, test.components)}
    for name, rows in train.plain_descriptors.items():
        others[name] = pixel_plane_distances(rows, labels, test.plain_descriptors[name])

    by_train, by_test = (
        {
            "weighted": weighted.transform(images.latents)[:, 0],
            "plane": plane.transform(images.latents)[:, 0],
            **{name: distances[half] for name, distances in others.items()},
        }
        for half, images in enumerate((train, test))
    )
    return Distances(by_train, by_test, weighted)


def calibrate(
    distances: NDArray[Any], y_train: NDArray[Any], rows: NDArray[np.intp]
) -> LatentRegressor:
    """Fit a regressor from distances to values.

    Parameters
    ----------
    distances : ndarray of shape (n_train,)
        Distances of all training images. Rows without a label only give the spread.
    y_train : ndarray of shape (n_train,)
        Values; read at `rows` only.
    rows : ndarray of int
        Labeled rows.

    Returns
    -------
    LatentRegressor
        Fitted.
    """
    known = np.full(len(y_train), np.nan)
    known[rows] = y_train[rows]
    return LatentRegressor(unlabeled="ignore", random_state=0).fit(distances[:, None], known)


def calibration_rows(distances: NDArray[Any], n_points: int, seed: int) -> NDArray[np.intp]:
    """Choose the training rows to label, spread over the distances.

    Parameters
    ----------
    distances : ndarray of shape (n_train,)
        Distances of the training images.
    n_points : int
        Number of rows.
    seed : int
        Random state.

    Returns
    -------
    ndarray of int
    """
    with warnings.catch_warnings():
        # Many points cannot be as far apart as the paper asks; closer ones serve as well.
        warnings.simplefilter("ignore", UserWarning)
        return select_calibration_points(distances, n_points, random_state=seed)


def regression_experiment(
    distances: Distances,
    y_train: NDArray[Any],
    y_test: NDArray[Any],
    *,
    target: str,
    n_labels: Sequence[int] = (2, 5, 20),
    n_draws: int = 5,
    random_state: int | None = None,
    on_draw: Callable[[], object] | None = None,
    on_predictions: Callable[[str, str, int, NDArray[Any]], object] | None = None,
) -> list[Score]:
    """Score calibrated distances on the test images.

    Parameters
    ----------
    distances : Distances
        Result of `plane_distances`.
    y_train, y_test : ndarray of shape (n,)
        Values of all images; a draw reads few of the training ones.
    target : str
        Name of the target in the scores.
    n_labels : sequence of int, default=(2, 5, 20)
        Numbers of calibration points.
    n_draws : int, default=5
        Number of repetitions with other calibration points.
    random_state : int or None, default=None
        Draw `i` is seeded by ``(random_state, i)``.
    on_draw : callable, default=None
        Called without arguments after each draw.
    on_predictions : callable, default=None
        Called with target, method, budget and predictions of all test images, for each method.

    Returns
    -------
    list of Score
        With metrics "MAE" and "R2": the methods of `distances` and "mean" (the mean of the
        calibration labels). With metric "rank correlation": each distance; it reads no
        calibration label (budget and draw are 0).
    """
    random_state = fixed_seed(random_state)
    scores = [
        Score(target, method, "rank correlation", 0, 0, _rank_correlation(values, y_test))
        for method, values in distances.test.items()
    ]
    for draw in range(n_draws):
        seed = seed_of_draw(random_state, draw)
        for budget in n_labels:
            # All methods are calibrated at the same points.
            rows = calibration_rows(distances.train["weighted"], budget, seed)
            predictions = {"mean": np.full(len(y_test), y_train[rows].mean())}
            for method, values in distances.train.items():
                model = calibrate(values, y_train, rows)
                predictions[method] = model.predict(distances.test[method][:, None])

            for method, predicted in predictions.items():
                error = mean_absolute_error(y_test, predicted)
                scores.append(Score(target, method, "MAE", budget, draw, error))
                r2 = r2_score(y_test, predicted)
                scores.append(Score(target, method, "R2", budget, draw, r2))
                if on_predictions is not None:
                    on_predictions(target, method, budget, predicted)
        if on_draw is not None:
            on_draw()
    return scores


def order_experiment(
    distances: Distances, binary_test: NDArray[np.bool_], *, target: str
) -> list[Score]:
    """Score the order of the test images by distance against binary labels.

    Parameters
    ----------
    distances : Distances
        Result of `plane_distances`.
    binary_test : ndarray of shape (n_test,), bool
        True for the class of large distances.
    target : str
        Name of the target in the scores.

    Returns
    -------
    list of Score
        Metric "AUC" for the methods of `distances`.
    """
    return [
        Score(target, method, "AUC", 0, 0, float(roc_auc_score(binary_test, values)))
        for method, values in distances.test.items()
    ]


def _rank_correlation(values, y):
    return float(spearmanr(values, y).statistic)


def regression_tables(
    scores: Sequence[Score], units: Mapping[str, str] | None = None
) -> list[Table]:
    """Tabulate MAE and R2 for one or several targets.

    Parameters
    ----------
    scores : sequence of Score
        Scores of `regression_experiment` for all targets.
    units : mapping of str to str, default=None
        Unit by target, for the rows' names.

    Returns
    -------
    list of Table
        The table of MAE, then that of R2.
    """
    units = units or {}
    summaries = summarize(scores)
    extra = user_features(scores, METHODS)
    methods, distance_methods = METHODS | extra, DISTANCE_METHODS | extra
    draws = max(summary.n_draws for summary in summaries.values())

    header, rows = tabulate(summaries, "MAE", methods, spec=".2f")
    header[1] = "values"
    for row in rows:
        row[0] += f" ({units[row[0]]})" if row[0] in units else ""
    note = (
        f"Mean absolute error on the test images, mean ± sd over {draws} draws of the calibration "
        "points, whose exact values are read. In addition, all planes are learned from the same "
        "coarse labels (low, middle or high third) of all training images. All distances are "
        "calibrated at the same points."
    )
    r2_header, r2_rows = tabulate(summaries, "R2", distance_methods, spec=".3f")
    r2_header[1] = "values"
    best = best_columns(summaries, "MAE", methods)
    r2_best = best_columns(summaries, "R2", distance_methods)
    return [
        Table("Regression: mean absolute error", header, rows, note, best),
        Table("Regression: R2", r2_header, r2_rows, best=r2_best),
    ]


def order_table(scores: Sequence[Score]) -> Table:
    """Tabulate the order by distance, for continuous and for binary targets.

    Parameters
    ----------
    scores : sequence of Score
        Scores with the metrics "rank correlation" and "AUC".

    Returns
    -------
    Table
    """
    summaries = summarize(scores)
    distance_methods = DISTANCE_METHODS | user_features(scores, METHODS)
    rows, best = [], []
    for metric in ("rank correlation", "AUC"):
        best += best_columns(summaries, metric, distance_methods)
        for row in tabulate(summaries, metric, distance_methods, spec=".3f")[1]:
            rows.append([row[0], metric, *row[2:]])
    note = (
        "How well distances order the test images. The planes read the labels of all training "
        "images: classes, or coarse labels of numbers. No calibration point is read."
    )
    return Table("Order", ["", "measure", *distance_methods.values()], rows, note, best)
