"""The demonstration's data: rendered faces with known attributes."""

import numpy as np

from skstylefeat.datasets import make_faces
from skstylefeat.experiments._targets import Target

#: The bundled weights were trained on faces of seeds from here on; ours stay below.
FIRST_TRAINING_SEED = 1_000_000
GROWN_UP_AT = 40


def load_rendered_faces(n_train, n_test, random_state=0):
    """Render faces that the bundled weights have not seen.

    Returns
    -------
    train_images, test_images : ndarray of shape (n, 64, 64, 3)
    targets : list of Target
        Glasses, beard, age group; yaw in degrees and age in years.
    notes : list of str
    """
    if not 0 <= random_state < FIRST_TRAINING_SEED // 2:
        raise ValueError(
            f"random_state must lie in 0 .. {FIRST_TRAINING_SEED // 2 - 1} for rendered faces, got "
            f"{random_state}: later seeds are those of the weights' training faces."
        )
    train = make_faces(n_train, random_state=2 * random_state)
    test = make_faces(n_test, random_state=2 * random_state + 1)
    made = [_attributes(faces.frame) for faces in (train, test)]
    units = {"yaw": "degrees", "age": "years"}
    targets = [Target(name, made[0][name], made[1][name], units.get(name, "")) for name in made[0]]
    notes = [f"{n_train} training and {n_test} test faces, rendered by make_faces."]
    return train.images, test.images, targets, notes


def _attributes(frame):
    age = np.asarray(frame["age"], dtype=np.float64)
    glasses = np.asarray(frame["glasses"]).astype(str)
    hair = np.asarray(frame["facial_hair"]).astype(str)
    older = f"{GROWN_UP_AT} and over"
    return {
        "glasses": np.where(glasses == "none", "no glasses", "glasses"),
        "beard": np.where(hair == "beard", "beard", "no beard"),
        "age group": np.where(age < GROWN_UP_AT, f"under {GROWN_UP_AT}", older),
        "yaw": np.asarray(frame["yaw"], dtype=np.float64),
        "age": age,
    }
