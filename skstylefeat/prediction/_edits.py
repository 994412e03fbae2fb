"""Edits of photos along a target's direction, scaled until something is seen."""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import NDArray

from skstylefeat.directions._mean_difference import MeanDifferenceDirection
from skstylefeat.directions._visible_edits import visible_edits
from skstylefeat.prediction._label_targets import LabeledTarget
from skstylefeat.prediction._photo_features import PhotoRows
from skstylefeat.prediction._photo_model import PhotoModel
from skstylefeat.prediction._predictions import Predictions

N_STRIPS = 2
SCALES = (1.0, 2.0, 3.0)


def edit_strips(
    target: LabeledTarget, model: PhotoModel, predictions: Predictions, found: PhotoRows
) -> list[NDArray[np.float32]]:
    """Return strips (n_steps, H, W, 3) of edited photos.

    Empty for more than two classes, for too few photos, and where nothing is seen even at three
    times the distance of the groups' means.
    """
    readable = np.flatnonzero(predictions.readable)
    values: NDArray[Any] = predictions.values[target.name][readable]
    if target.kind == "class":
        names, values = np.unique(values.astype(str), return_inverse=True)
        if len(names) != 2:
            return []
    values = values.astype(float)
    if len(np.unique(values)) < 2:
        return []

    codes = found.codes[readable]
    try:
        direction = MeanDifferenceDirection().fit(codes, values)
    except ValueError:  # all codes of a group are equal
        return []
    center = np.argsort(np.abs(direction.decision_function(codes)), kind="stable")
    found_edits = visible_edits(
        codes[center[:N_STRIPS]],
        direction.distance_ * direction.direction_,
        model.features.inverter_.generator_,
        scales=SCALES,
        batch_size=model.features.batch_size,
    )
    return [] if found_edits is None else list(found_edits[0])
