"""Placeholder docstring."""

import numpy as np
from sklearn.utils import Bunch
from skstylefeat.datasets._attributes import ATTRIBUTES
from skstylefeat.datasets._sampling import sample_attributes
from skstylefeat.datasets._render import render_faces


def make_faces(
    n_samples=100,
    *,
    image_size=64,
    random_state=None,
    return_X_y=False,
    as_frame=False,
    correlation=None,
    target="glasses",
):
    a = sample_attributes(n_samples, random_state=random_state, correlation=correlation)
    images = render_faces(a, image_size)
    spec = ATTRIBUTES[target]
    y = a[target]
    if spec.categories:
        y = np.array([spec.categories.index(v) for v in y])
    data = images.reshape(n_samples, -1)
    if return_X_y:
        return data, y
    return Bunch(
        images=images, data=data, target=y, target_names=spec.categories, frame=a, DESCR=""
    )
