"""Rendered faces with known attributes: the data of the main job."""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import NDArray

from skstylefeat.datasets._faces import make_faces
from skstylefeat.experiments._targets import Target

#: The bundled weights were trained on faces of seeds from here on; the main job uses lower seeds.
FIRST_TRAINING_SEED = 1_000_000
AGE_THRESHOLD = 40


def load_rendered_faces(
    n_train: int, n_test: int, random_state: int | None = None
) -> tuple[NDArray[Any], NDArray[Any], list[Target], list[str]]:
    """Render faces that the bundled networks were not trained on.

    Parameters
    ----------
    n_train, n_test : int
        Numbers of faces.
    random_state : int or None, default=None
        Seed from 0 to 499,999 (higher ones belong to the training faces); None draws one.

    Returns
    -------
    train_images, test_images : ndarray of shape (n, 64, 64, 3)
        Images, uint8.
    targets : list of Target
        Glasses, beard and age group; yaw in degrees and age in years.
    notes : list of str
        Description of the data, for the report.
    """
    if random_state is None:
        random_state = int(np.random.default_rng().integers(FIRST_TRAINING_SEED // 2))
    if not 0 <= random_state < FIRST_TRAINING_SEED // 2:
        raise ValueError(
            f"random_state must be between 0 and {FIRST_TRAINING_SEED // 2 - 1} for rendered "
            f"faces, got {random_state}: the bundled networks were trained on faces of higher "
            "seeds."
        )
    train = make_faces(n_train, random_state=2 * random_state)
    test = make_faces(n_test, random_state=2 * random_state + 1)
    y_train, y_test = (_attributes(faces.attributes) for faces in (train, test))
    units = {"yaw": "degrees", "age": "years"}
    targets = [Target(name, y_train[name], y_test[name], units.get(name, "")) for name in y_train]
    notes = [f"{n_train} training and {n_test} test faces, rendered by make_faces."]
    return train.images, test.images, targets, notes


def _attributes(frame):
    age = np.asarray(frame["age"], dtype=np.float64)
    glasses = np.asarray(frame["glasses"]).astype(str)
    hair = np.asarray(frame["facial_hair"]).astype(str)
    older = f"{AGE_THRESHOLD} and over"
    return {
        "glasses": np.where(glasses == "none", "no glasses", "glasses"),
        "beard": np.where(hair == "beard", "beard", "no beard"),
        "age group": np.where(age < AGE_THRESHOLD, f"under {AGE_THRESHOLD}", older),
        "yaw": np.asarray(frame["yaw"], dtype=np.float64),
        "age": age,
    }
