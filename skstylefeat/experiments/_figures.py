"""The report's pictures: the package's displays of one draw."""

import base64
import io
from typing import NamedTuple

import numpy as np

from skstylefeat.directions import MeanDifferenceDirection
from skstylefeat.experiments._annotation_experiment import (
    BY_LEVEL,
    QUERY,
    annotate,
    select_channels,
)
from skstylefeat.experiments._regression_experiment import calibrate, calibration_rows
from skstylefeat.plotting import (
    ClusterDisplay,
    DistanceCalibrationDisplay,
    EditStripDisplay,
    FeatureMapDisplay,
    InversionDisplay,
    LayerImportanceDisplay,
    SortedImagesDisplay,
)
from skstylefeat.plotting._style import evenly

DPI = 110


class Picture(NamedTuple):
    """A drawn display with its caption; `png` holds the file's bytes."""

    name: str
    caption: str
    png: bytes

    @property
    def data_uri(self):
        """The picture as text, for a page that needs no other file."""
        return "data:image/png;base64," + base64.b64encode(self.png).decode("ascii")


def draw(name, caption, display):
    """Return the figure of a display as a `Picture`, and close it."""
    from matplotlib import pyplot as plt

    buffer = io.BytesIO()
    display.figure_.savefig(buffer, format="png", dpi=DPI)
    plt.close(display.figure_)
    return Picture(name, caption, buffer.getvalue())


def inversion_picture(inverter, test):
    """Show test images above their reconstructions."""
    shown = slice(0, 10)
    copies = inverter.inverse_transform(test.latents[shown])
    display = InversionDisplay.from_predictions(test.images[shown], copies)
    caption = "Test images, below each what the generator makes of its latent code."
    return draw("inversion", caption, display)


def annotation_pictures(train, test, target, n_labels, random_state):
    """Show kept channels and named clusters of the first draw."""
    seed = int(np.random.default_rng((random_state, 0)).integers(2**31))
    selection = select_channels(train.maps, target.y_train, np.random.default_rng(seed), **BY_LEVEL)
    drawn = annotate(train, test, target.y_train, n_labels, selection, seed, query=QUERY)
    rows = drawn.selection_rows
    shown = np.concatenate(
        [rows[target.y_train[rows] == value][:2] for value in np.unique(target.y_train)]
    )[:6]
    maps = FeatureMapDisplay.from_estimator(
        drawn.selector,
        train.maps[shown],
        train.images[shown],
        row_labels=target.y_train[shown],
    )
    clusters = ClusterDisplay.from_estimator(drawn.annotator, drawn.features, train.images)
    return [
        draw(
            f"maps-{target.name}",
            f"{target.name}: labeled images and their maps of the best channels. A column is one "
            "channel on one scale.",
            maps,
        ),
        draw(
            f"clusters-{target.name}",
            f"{target.name}: clusters with the names that {drawn.annotator.cost_} labels gave "
            "them. The framed images were asked about.",
            clusters,
        ),
    ]


def regression_pictures(train, test, target, distances, generator, n_labels, random_state):
    """Show the calibration, the order, the direction and its layers."""
    seed = int(np.random.default_rng((random_state, 0)).integers(2**31))
    known = distances.train["weighted"]
    rows = calibration_rows(known, n_labels, seed)
    model = calibrate(known, target.y_train, rows)
    calibration = DistanceCalibrationDisplay.from_estimator(
        model, known[:, None], target.y_train, labeled=rows, value_name=target.label
    )
    pictures = [
        draw(
            f"calibration-{target.name}",
            f"{target.name}: weighted distance of the training images against their value, and "
            f"the line that {n_labels} labels give.",
            calibration,
        ),
        _order_picture(test, target, distances.test["weighted"]),
    ]
    return pictures + direction_pictures(train, target, distances, generator)


def order_pictures(train, test, target, distances, generator):
    """Show what a binary target gives: the order, the direction and its layers."""
    pictures = [_order_picture(test, target, distances.test["weighted"])]
    return pictures + direction_pictures(train, target, distances, generator)


def _order_picture(test, target, values):
    display = SortedImagesDisplay.from_predictions(test.images, values, y_true=target.y_test)
    caption = f"{target.name}: test images in the order of their distance, true values below."
    return draw(f"order-{target.name}", caption, display)


def direction_pictures(train, target, distances, generator):
    """Show codes moved along the direction, and the layers' weights."""
    values = distances.train["weighted"]
    middle = np.argsort(np.abs(values - np.median(values)), kind="stable")[:12]
    codes = train.latents[middle[evenly(len(middle), 3)]]
    way = MeanDifferenceDirection().fit(train.latents, target.y_train)
    steps = np.linspace(-1, 1, 7) * way.distance_
    edits = EditStripDisplay.from_estimator(generator, codes, way, steps=steps)
    layers = LayerImportanceDisplay.from_estimator(distances.estimator)
    return [
        draw(
            f"edits-{target.name}",
            f"{target.name}: three codes moved along the difference of the outer groups' mean "
            "codes, by up to its length.",
            edits,
        ),
        draw(f"layers-{target.name}", f"{target.name}: how much each layer counts.", layers),
    ]
