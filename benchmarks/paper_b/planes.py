"""Distances from planes in every space that LARGE compares (section 4.1, appendix C.2).

Every space gets the same labels. ``halves`` is the paper's setting, a linear SVM on binary labels
(above or below the median); ``thirds`` is this package's, a discriminant of the low, middle and
high third; ``fifths`` are finer, ``values`` exact. Distances of the pool and of the test images
come back, never of images that taught a plane.
"""

import numpy as np
from scipy.stats import kendalltau, spearmanr
from sklearn.decomposition import PCA
from sklearn.linear_model import RidgeCV

from skstylefeat import HyperplaneDistance, layer_importance
from skstylefeat.directions import DiscriminantDirection, LinearSVMDirection
from skstylefeat.features import HOGDescriptor

N_COMPONENTS = 30
READ = ("pool", "test")
KINDS = ("halves", "thirds")
GROUPS = {"halves": 2, "thirds": 3, "fifths": 5}


def labels_of(values, kind):
    """Return the coarse labels of a set's values: groups of equal size, or the values."""
    if kind == "values":
        return values
    n_groups = GROUPS[kind]
    return np.searchsorted(np.quantile(values, np.arange(1, n_groups) / n_groups), values)


def direction_of(kind, validation_fraction=0):
    """Return the unfitted direction that a kind of labels teaches."""
    if kind == "halves":
        return LinearSVMDirection(validation_fraction=validation_fraction, random_state=0)
    return DiscriminantDirection(extremes=None)


def spaces(data, deep=None):
    """Return rows of every set by the name of the space.

    Parameters
    ----------
    data : Data
    deep : dict of str to ndarray, default=None
        Penultimate features of a network trained on the coarse labels, by set.
    """
    pixels = {which: images.pooled() for which, images in data.sets.items()}
    pca = PCA(N_COMPONENTS, svd_solver="randomized", random_state=0).fit(pixels["teach"])
    found = {
        "W+ plane": {which: images.codes for which, images in data.sets.items()},
        "S codes": {
            which: data.generator.styles(images.codes) for which, images in data.sets.items()
        },
        "PCA(30)": {which: pca.transform(rows) for which, rows in pixels.items()},
        "pixels": pixels,
    }
    return found if deep is None else found | {"deep features": deep}


def gradients(data, mirror=None):
    """Return histograms of oriented gradients of every set, optionally with the mirror image."""
    descriptor = HOGDescriptor(mirror=mirror).fit(data.sets["teach"].pixels)
    return {which: descriptor.transform(images.pixels) for which, images in data.sets.items()}


def plane_distances(rows, labels, kind):
    """Return distances (n, 1) of pool and test from a plane learned in one space."""
    plane = direction_of(kind).fit(rows["teach"], labels)
    return {which: plane.decision_function(rows[which])[:, None] for which in READ}


def validation_accuracy(rows, labels):
    """Return the SVM's accuracy on held-out binary labels (table 3)."""
    return direction_of("halves", 0.3).fit(rows["teach"], labels).validation_score_


class SharedDirection:
    """One direction in W for all layers, and the distances of W+ codes along it.

    Parameters
    ----------
    data : Data
    attribute : str
    kind : {"halves", "thirds", "fifths", "values"}
    """

    def __init__(self, data, attribute, kind):
        self.data, self.attribute = data, attribute
        teach = data.sets["teach"]
        labels = labels_of(teach.values[attribute], kind)
        self.plane = direction_of(kind).fit(teach.mean_codes(data.generator), labels)
        self.importance = layer_importance(
            data.generator, self.plane.direction_, n_pairs=100, random_state=0
        )
        self.per_layer = self._distances(aggregate="per_layer")

    def _distances(self, **parameters):
        model = self._model(**parameters)
        return {which: model.transform(self.data.sets[which].codes) for which in READ}

    def _model(self, **parameters):
        return HyperplaneDistance(
            self.plane.direction_,
            self.plane.intercept_,
            generator=self.data.generator,
            random_state=0,
            **parameters,
        ).fit(self.data.sets["teach"].codes)

    def weighted(self, codes):
        """Return the distances of eq. (3) of any codes."""
        return self._model(layer_weights=self.importance.weights).transform(codes)

    def aggregates(self):
        """Return distances by aggregate; "best layer" is chosen by all values of the pool."""
        best = int(np.argmax(self.layer_r2()))
        return {
            "weighted": self._distances(layer_weights=self.importance.weights),
            "flat": self._distances(aggregate="flat"),
            "all layers": self.per_layer,
            "best layer": {which: d[:, [best]] for which, d in self.per_layer.items()},
        }

    def layer_r2(self):
        """Return the squared correlation of each layer's distance with the pool's values."""
        values = self.data.values(self.attribute, "pool")
        return [float(r2_of_line(column, values)) for column in self.per_layer["pool"].T]

    def importance_agreement(self):
        """Return rank correlations of the importance with the accuracy of the layers.

        With each layer's own R2, and with the size of its share in a ridge regression on all
        layers' distances (in standard deviations).
        """
        distances = self.per_layer["pool"]
        scaled = (distances - distances.mean(axis=0)) / distances.std(axis=0)
        values = self.data.values(self.attribute, "pool")
        ridge = RidgeCV(np.logspace(-2, 4, 13)).fit(scaled, values)
        weights = self.importance.weights
        return {
            "each layer's R2": float(spearmanr(weights, self.layer_r2()).statistic),
            "all layers' ridge": float(spearmanr(weights, np.abs(ridge.coef_)).statistic),
        }


def r2_of_line(distance, values):
    """Return the squared correlation: R2 of the best straight line."""
    return np.corrcoef(np.ravel(distance), values)[0, 1] ** 2


def line_scores(distance, values):
    """Return R2 of the best line and both rank correlations."""
    return {
        "r2": float(r2_of_line(distance, values)),
        "kendall": float(kendalltau(distance, values).statistic),
        "spearman": float(spearmanr(distance, values).statistic),
    }


def ridge_reader(rows, values):
    """Return a function that reads values from rows, learned from all of these by a ridge."""
    mean, sd = rows.mean(axis=0), rows.std(axis=0) + 1e-6
    ridge = RidgeCV(np.logspace(1, 5, 13)).fit((rows - mean) / sd, values)
    return lambda others: ridge.predict((others - mean) / sd)
