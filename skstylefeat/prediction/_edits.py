"""Edits of photos along a target's direction, scaled until something is seen."""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import NDArray

from skstylefeat.directions._mean_difference import MeanDifferenceDirection
from skstylefeat.latents._rows import images_of
from skstylefeat.prediction._label_targets import LabeledTarget
from skstylefeat.prediction._photo_features import PhotoRows
from skstylefeat.prediction._photo_model import PhotoModel
from skstylefeat.prediction._predictions import Predictions

N_STRIPS, N_STEPS = 2, 7
#: Mean change of a pixel, of 1, from one end of a strip to the other that an eye sees at a glance.
VISIBLE_CHANGE = 0.04
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
    starts = codes[center[:N_STRIPS]].astype(np.float64)
    step = direction.distance_ * direction.direction_
    for scale in SCALES:
        lengths = scale * np.linspace(-1, 1, N_STEPS)
        moved = starts[:, None] + lengths[:, None] * step
        generator = model.features.inverter_.generator_
        flat = moved.reshape(-1, codes.shape[1]).astype(np.float32)
        images = images_of(flat, "w+", generator, model.features.batch_size)
        strips = images.reshape(len(starts), N_STEPS, *images.shape[1:])
        if np.abs(strips[:, -1] - strips[:, 0]).mean() >= VISIBLE_CHANGE:
            return list(strips)
    return []
