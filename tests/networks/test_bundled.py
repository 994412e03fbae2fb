"""Quality of the bundled networks on rendered faces outside their training."""

import numpy as np
import pytest
from sklearn.linear_model import Ridge, RidgeClassifier
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import StandardScaler

from skstylefeat import StyleGANInverter, load_encoder, load_generator
from skstylefeat.datasets import make_faces


@pytest.fixture(scope="module")
def inverted():
    faces = make_faces(1400, random_state=20_261_122)
    inverter = StyleGANInverter().fit(faces.images)
    return faces, inverter, inverter.transform(faces.images)


def test_model_cards_describe_the_weights():
    for network in (load_generator("faces64"), load_encoder("faces64")):
        assert {"data", "images_seen", "limits"} <= set(network.card)


def test_reconstruction(inverted):
    faces, inverter, latents = inverted
    made = inverter.inverse_transform(latents[-200:])
    error = np.square(made - faces.images[-200:] / np.float32(255)).mean()
    assert -10 * np.log10(error) > 27.5


def test_linear_readouts_of_the_codes(inverted):
    faces, _, latents = inverted
    train, test = slice(0, 1000), slice(1000, None)
    yaw = faces.attributes["yaw"]
    ridge = make_pipeline(StandardScaler(), Ridge(300)).fit(latents[train], yaw[train])
    assert ridge.score(latents[test], yaw[test]) > 0.92
    glasses = faces.attributes["glasses"] != "none"
    classifier = make_pipeline(StandardScaler(), RidgeClassifier(3000))
    assert classifier.fit(latents[train], glasses[train]).score(latents[test], glasses[test]) > 0.98


def test_images_outside_the_domain_cause_a_warning(inverted):
    _, inverter, _ = inverted
    rng = np.random.default_rng(0)
    noise = rng.random((8, 64, 64, 3)).astype(np.float32)
    with pytest.warns(UserWarning, match="foreign"):
        inverter.transform(noise)
