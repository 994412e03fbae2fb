"""Pictures of the report: displays of the first draw."""

import numpy as np

from skstylefeat.directions._mean_difference import MeanDifferenceDirection
from skstylefeat.directions._visible_edits import visible_edits
from skstylefeat.experiments._annotation_experiment import (
    ANOVA_SELECTION,
    METHODS,
    QUERY,
    annotate,
    select_channels,
)
from skstylefeat.experiments._regression_experiment import METHODS as NUMBERS
from skstylefeat.experiments._regression_experiment import calibrate, calibration_rows
from skstylefeat.experiments._score_table import seed_of_draw, summarize
from skstylefeat.plotting._calibration_display import DistanceCalibrationDisplay
from skstylefeat.plotting._cluster_display import ClusterDisplay
from skstylefeat.plotting._drawn_picture import draw, save
from skstylefeat.plotting._edit_display import EditStripDisplay
from skstylefeat.plotting._importance_display import LayerImportanceDisplay
from skstylefeat.plotting._inversion_display import InversionDisplay
from skstylefeat.plotting._map_display import FeatureMapDisplay
from skstylefeat.plotting._sorted_display import SortedImagesDisplay
from skstylefeat.plotting._style import TEXT_SIZE, evenly, plain_axes

#: Steps of edits, in lengths of the direction.
EDIT_SCALES = (1, 1.5, 2.25, 3.4)
#: Methods of the charts over the number of labels.
CLASSES = {
    key: METHODS[key]
    for key in ("majority", "pca", "hog", "latents", "styles", "union", "classifier")
}


def inversion_picture(inverter, test):
    """Draw test images above their reconstructions."""
    shown = slice(0, 10)
    reconstructions = inverter.inverse_transform(test.latents[shown])
    display = InversionDisplay.from_predictions(test.images[shown], reconstructions)
    caption = "Test images, each above its reconstruction from the latent code."
    return draw("inversion", caption, display)


def annotation_pictures(train, test, target, n_labels, random_state):
    """Draw the selected channels and the named clusters of the first draw."""
    seed = seed_of_draw(random_state, 0)
    selection = select_channels(
        train.maps, target.y_train, np.random.default_rng(seed), **ANOVA_SELECTION
    )
    first = annotate(train, test, target.y_train, n_labels, selection, seed, query=QUERY)

    # Two labeled images per class, at most six in total.
    rows = first.selection_rows
    shown = np.concatenate(
        [rows[target.y_train[rows] == value][:2] for value in np.unique(target.y_train)]
    )[:6]
    maps = FeatureMapDisplay.from_estimator(
        first.selector, train.maps[shown], train.images[shown], row_labels=target.y_train[shown]
    )

    clusters = ClusterDisplay.from_estimator(
        first.annotator, first.features, train.images, y_true=target.y_train
    )
    return [
        draw(
            f"maps-{target.name}",
            f"{target.name}: labeled images and their maps of the best channels. Each column is "
            "one channel on one color scale.",
            maps,
        ),
        draw(
            f"clusters-{target.name}",
            f"{target.name}: clusters, named by {first.annotator.cost_} labels. The framed images "
            "were queried; a cross marks an image of another class.",
            clusters,
        ),
    ]


def regression_pictures(train, test, target, distances, generator, n_labels, random_state):
    """Draw the calibration, the order, the direction and its layers."""
    known = distances.train["weighted"]
    rows = calibration_rows(known, n_labels, seed_of_draw(random_state, 0))
    model = calibrate(known, target.y_train, rows)
    calibration = DistanceCalibrationDisplay.from_estimator(
        model, known[:, None], target.y_train, labeled=rows, value_name=target.label
    )
    caption = (
        f"{target.name}: weighted distance of the training images against their value, and the "
        f"line fitted to {n_labels} labels."
    )
    return [
        draw(f"calibration-{target.name}", caption, calibration),
        *order_pictures(train, test, target, distances, generator),
    ]


def order_pictures(train, test, target, distances, generator):
    """Draw the order of the test images, the direction and its layers."""
    display = SortedImagesDisplay.from_predictions(
        test.images, distances.test["weighted"], y_true=target.y_test
    )
    caption = f"{target.name}: test images in the order of their distance, true values below."

    # Three of the codes whose distance is closest to the median.
    values = distances.train["weighted"]
    middle = np.argsort(np.abs(values - np.median(values)), kind="stable")[:12]
    codes = train.latents[middle[evenly(len(middle), 3)]]

    direction = MeanDifferenceDirection().fit(train.latents, target.y_train)
    layers = LayerImportanceDisplay.from_estimator(distances.estimator)
    return [
        draw(f"order-{target.name}", caption, display),
        *_edit_pictures(generator, codes, direction, target),
        draw(f"layers-{target.name}", f"{target.name}: weight of each layer.", layers),
    ]


def _edit_pictures(generator, codes, direction, target):
    """Draw codes moved as far as a change is seen; return no picture if none is."""
    found = visible_edits(
        codes,
        direction.distance_ * direction.direction_,
        generator,
        scales=EDIT_SCALES,
    )
    if found is None:
        return []
    strips, scale = found
    lengths = scale * direction.distance_ * np.linspace(-1, 1, strips.shape[1])
    times = "" if scale == 1 else f"{scale:g} times "
    caption = (
        f"{target.name}: three codes moved along the difference between the outer groups' mean "
        f"codes, by up to {times}its length."
    )
    return [draw(f"edits-{target.name}", caption, EditStripDisplay.from_images(strips, lengths))]


def budget_pictures(scores, target):
    """Draw the scores of a target over the number of labels, if there are several budgets."""
    metric, methods = ("MAE", NUMBERS) if target.is_number else ("accuracy", CLASSES)
    summaries = summarize(score for score in scores if score.target == target.name)
    budgets = sorted({key[3] for key in summaries if key[2] == metric})
    if len(budgets) < 2:
        return []

    from matplotlib import pyplot as plt

    figure, ax = plt.subplots(figsize=(6.4, 3.4), layout="constrained")
    factor = 1 if target.is_number else 100
    for method, title in methods.items():
        if (target.name, method, metric, budgets[0]) not in summaries:
            continue
        found = [summaries[target.name, method, metric, budget] for budget in budgets]
        means, sds = factor * np.array([(s.mean, s.sd) for s in found]).T
        ax.errorbar(budgets, means, sds, label=title, capsize=2, marker="o", ms=3, lw=1.2)

    plain_axes(ax)
    ax.set_xscale("log")
    ax.set_xticks(budgets, [str(budget) for budget in budgets])
    ax.minorticks_off()
    ax.set_xlabel("values" if target.is_number else "labels for clusters")
    unit = f" ({target.unit})" if target.unit else ""
    ax.set_ylabel(f"mean absolute error{unit}" if target.is_number else "accuracy (%)")
    ax.legend(frameon=False, fontsize=TEXT_SIZE, loc="center left", bbox_to_anchor=(1, 0.5))
    caption = f"{target.name}: mean ± sd over the draws for each number of labels."
    return [save(f"labels-{target.name}", caption, figure)]
