"""Experiment after paper B (LARGE): distances from a plane, calibrated by few labels.

A plane comes from coarse labels (low, middle or high third) of all training images; numbers are
read only at the few calibration points. The competitors get the same coarse labels and the same
points. Everything is scored on the test images.
"""

import warnings
from typing import NamedTuple

import numpy as np
from scipy.stats import spearmanr
from sklearn.metrics import mean_absolute_error, r2_score, roc_auc_score

from skstylefeat.directions import DiscriminantDirection
from skstylefeat.experiments._baselines import pixel_plane_distances
from skstylefeat.experiments._score_table import Score, Table, summarize, tabulate
from skstylefeat.regression._calibration_points import select_calibration_points
from skstylefeat.regression._distance import HyperplaneDistance
from skstylefeat.regression._regressor import LatentRegressor

METHODS = {
    "mean": "mean label",
    "pca": "PCA distance",
    "plane": "W+ plane",
    "weighted": "weighted distance",
}


class Distances(NamedTuple):
    """Distances of both sets by method, and the estimator behind "weighted".

    Attributes
    ----------
    train, test : dict of str to ndarray of shape (n,)
        By method: "weighted" (one direction in W, layers weighed by importance, eq. 3), "plane"
        (one plane in W+) and "pca" (one plane in the pixels' components).
    estimator : HyperplaneDistance
    """

    train: dict
    test: dict
    estimator: HyperplaneDistance


def thirds(values):
    """Return the coarse labels that the planes learn from: 0 for low, 1 for middle, 2 for high."""
    return np.searchsorted(np.quantile(values, [1 / 3, 2 / 3]), values)


def plane_distances(train, test, labels, generator, random_state=0):
    """Learn the planes from coarse labels of the training images.

    Parameters
    ----------
    train, test : ImageSet
    labels : ndarray of shape (n_train,)
        Two or three ordered values.
    generator : Generator
        Weighs the layers.
    random_state : int, default=0
        Samples the pairs that weigh the layers.

    Returns
    -------
    Distances
    """
    codes = train.latents.reshape(len(train), generator.n_ws, generator.w_dim).mean(axis=1)
    shared = DiscriminantDirection().fit(codes, labels)
    weighted = HyperplaneDistance(
        shared.direction_,
        shared.intercept_,
        layer_weights="importance",
        generator=generator,
        random_state=random_state,
    ).fit(train.latents)
    plane = HyperplaneDistance(generator=generator).fit(train.latents, labels)
    pixels = pixel_plane_distances(train.components, labels, test.components)
    found = [
        {
            "weighted": weighted.transform(images.latents)[:, 0],
            "plane": plane.transform(images.latents)[:, 0],
            "pca": distance,
        }
        for images, distance in zip((train, test), pixels, strict=True)
    ]
    return Distances(*found, weighted)


def calibrate(distances, y_train, rows):
    """Fit a regressor on the labels of `rows`; other rows only give the distances' spread."""
    known = np.full(len(y_train), np.nan)
    known[rows] = y_train[rows]
    return LatentRegressor(unlabeled="ignore", random_state=0).fit(distances[:, None], known)


def calibration_rows(distances, n_points, seed):
    """Return the training rows to label, spread over the distances."""
    with warnings.catch_warnings():
        # Many points cannot be as far apart as the paper asks; closer ones serve as well.
        warnings.simplefilter("ignore", UserWarning)
        return select_calibration_points(distances, n_points, random_state=seed)


def regression_experiment(
    distances,
    y_train,
    y_test,
    *,
    target,
    n_labels=(2, 5, 20),
    n_draws=5,
    random_state=0,
    on_draw=None,
):
    """Score calibrated distances on the test images.

    Parameters
    ----------
    distances : Distances
        Of `plane_distances`.
    y_train, y_test : ndarray of shape (n,)
        Values of all images; a draw reads few of the training ones.
    target : str
        Name for the scores.
    n_labels : sequence of int, default=(2, 5, 20)
        Numbers of calibration points.
    n_draws : int, default=5
    random_state : int, default=0
        Draw `i` is seeded by ``(random_state, i)``.
    on_draw : callable, default=None
        Called without arguments after each draw.

    Returns
    -------
    list of Score
        Methods "weighted", "plane", "pca" and "mean" (the mean of the calibration labels),
        metrics "MAE" and "R2"; and the metric "rank correlation" of each distance, which reads no
        calibration label (budget and draw 0).
    """
    scores = [
        Score(target, method, "rank correlation", 0, 0, _rank_correlation(values, y_test))
        for method, values in distances.test.items()
    ]
    for draw in range(n_draws):
        seed = int(np.random.default_rng((random_state, draw)).integers(2**31))
        for budget in n_labels:
            rows = calibration_rows(distances.train["weighted"], budget, seed)
            predictions = {"mean": np.full(len(y_test), y_train[rows].mean())}
            for method, values in distances.train.items():
                model = calibrate(values, y_train, rows)
                predictions[method] = model.predict(distances.test[method][:, None])
            for method, predicted in predictions.items():
                error = mean_absolute_error(y_test, predicted)
                scores.append(Score(target, method, "MAE", budget, draw, error))
                fit = r2_score(y_test, predicted)
                scores.append(Score(target, method, "R2", budget, draw, fit))
        if on_draw is not None:
            on_draw()
    return scores


def order_experiment(distances, binary_test, *, target):
    """Score the order of the test images by distance against their binary labels.

    Returns
    -------
    list of Score
        Metric "AUC" for "weighted", "plane" and "pca".
    """
    return [
        Score(target, method, "AUC", 0, 0, float(roc_auc_score(binary_test, values)))
        for method, values in distances.test.items()
    ]


def _rank_correlation(values, y):
    return float(spearmanr(values, y).statistic)


def regression_tables(scores, units=None):
    """Return the tables of MAE and of R2 of several targets.

    Parameters
    ----------
    scores : list of Score
    units : dict of str to str, default=None
        Unit by target, for the rows' names.
    """
    units = units or {}
    summaries = summarize(scores)
    draws = max(summary.n_draws for summary in summaries.values())
    header, rows = tabulate(summaries, "MAE", METHODS, spec=".2f")
    for row in rows:
        row[0] += f" ({units[row[0]]})" if row[0] in units else ""
    note = (
        f"Mean absolute error on the test images, mean ± sd over {draws} draws of the calibration "
        "points. All planes come from the same coarse labels (low, middle or high third) of all "
        "training images, and all distances are calibrated at the same points."
    )
    fit_header, fit_rows = tabulate(
        summaries, "R2", {k: v for k, v in METHODS.items() if k != "mean"}, spec=".3f"
    )
    return [
        Table("Regression: mean absolute error", header, rows, note),
        Table("Regression: R2", fit_header, fit_rows),
    ]


def order_table(scores):
    """Return the table of orders by distance, for continuous and for binary targets."""
    summaries = summarize(scores)
    methods = {k: v for k, v in METHODS.items() if k != "mean"}
    rows = []
    for metric in ("rank correlation", "AUC"):
        for row in tabulate(summaries, metric, methods, spec=".3f")[1]:
            rows.append([row[0], metric, *row[2:]])
    note = "How well distances order the test images; no calibration label is read."
    return Table("Order", ["", "measure", *methods.values()], rows, note)
