"""Pictures of the report: displays of the first draw."""

import numpy as np

from skstylefeat.directions._mean_difference import MeanDifferenceDirection
from skstylefeat.experiments._annotation_experiment import (
    ANOVA_SELECTION,
    QUERY,
    annotate,
    select_channels,
)
from skstylefeat.experiments._regression_experiment import calibrate, calibration_rows
from skstylefeat.plotting._calibration_display import DistanceCalibrationDisplay
from skstylefeat.plotting._cluster_display import ClusterDisplay
from skstylefeat.plotting._drawn_picture import draw
from skstylefeat.plotting._edit_display import EditStripDisplay
from skstylefeat.plotting._importance_display import LayerImportanceDisplay
from skstylefeat.plotting._inversion_display import InversionDisplay
from skstylefeat.plotting._map_display import FeatureMapDisplay
from skstylefeat.plotting._sorted_display import SortedImagesDisplay
from skstylefeat.plotting._style import evenly


def inversion_picture(inverter, test):
    """Draw test images above their reconstructions."""
    shown = slice(0, 10)
    reconstructions = inverter.inverse_transform(test.latents[shown])
    display = InversionDisplay.from_predictions(test.images[shown], reconstructions)
    caption = "Test images, each above its reconstruction from the latent code."
    return draw("inversion", caption, display)


def annotation_pictures(train, test, target, n_labels, random_state):
    """Draw the selected channels and the named clusters of the first draw."""
    seed = _first_seed(random_state)
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

    clusters = ClusterDisplay.from_estimator(first.annotator, first.features, train.images)
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
            "were queried.",
            clusters,
        ),
    ]


def regression_pictures(train, test, target, distances, generator, n_labels, random_state):
    """Draw the calibration, the order, the direction and its layers."""
    known = distances.train["weighted"]
    rows = calibration_rows(known, n_labels, _first_seed(random_state))
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
    steps = np.linspace(-1, 1, 7) * direction.distance_
    edits = EditStripDisplay.from_estimator(generator, codes, direction, steps=steps)
    layers = LayerImportanceDisplay.from_estimator(distances.estimator)
    return [
        draw(f"order-{target.name}", caption, display),
        draw(
            f"edits-{target.name}",
            f"{target.name}: three codes moved along the difference between the outer groups' mean "
            "codes, by up to its length.",
            edits,
        ),
        draw(f"layers-{target.name}", f"{target.name}: weight of each layer.", layers),
    ]


def _first_seed(random_state):
    """Return the seed of draw 0 of the experiments."""
    return int(np.random.default_rng((random_state, 0)).integers(2**31))
