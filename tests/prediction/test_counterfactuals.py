"""Counterfactual reports on rendered faces and along directions."""

import numpy as np
import pytest
from numpy.testing import assert_allclose

from skstylefeat.datasets import make_faces, render_faces, sample_attributes
from skstylefeat.directions import edit
from skstylefeat.prediction import counterfactual_faces, counterfactual_plane
from tests.support.networks import tiny_generator


class Brightness:
    """An estimator that predicts the mean of an image."""

    def predict(self, images):
        self.images = [*getattr(self, "images", []), images]
        return images.mean(axis=(1, 2, 3), dtype=np.float64)


def test_faces_differ_in_the_attribute_alone():
    model = Brightness()
    found = counterfactual_faces(model, "skin_tone", n_faces=5, image_size=16, random_state=3)
    faces = sample_attributes(5, random_state=3)
    for images, tone in zip(model.images, (0.1, 0.9), strict=True):
        assert (images == render_faces({**faces, "skin_tone": tone}, 16)).all()
    assert found.values == [0.1, 0.9] and found.exact and found.is_number
    assert (found.shift < 0)[1] and found.y_true is None


def test_categories_and_targets():
    def glasses_of(images):
        return np.where(images.mean(axis=(1, 2, 3)) > 130, "none", "dark")

    found = counterfactual_faces(
        glasses_of, "hair_style", target="glasses", n_faces=6, image_size=16, random_state=0
    )
    assert found.values == ["swept", "fringe", "side", "curly"]
    truth = make_faces(6, image_size=16, random_state=0).attributes["glasses"]
    assert found.y_true.tolist() == truth.tolist()
    by_function = counterfactual_faces(
        glasses_of,
        "age",
        [20, 40],
        target=lambda a: np.where(a["yaw"] > 0, "none", "dark"),
        n_faces=6,
        image_size=16,
        random_state=0,
    )
    assert set(by_function.y_true) == {"none", "dark"} and by_function.values == [20, 40]


def test_plane_moves_codes_by_edit():
    generator = tiny_generator()
    w = generator.mapping(generator.sample_z(4, random_state=0))
    direction = np.arange(7.0)
    model = Brightness()
    found = counterfactual_plane(model, w, direction, generator, [-1.0, 2.0], y_true=[0.0] * 4)
    moved = edit(w, direction, [-1.0, 2.0])
    for images, codes in zip(model.images, moved, strict=True):
        expected = (generator.synthesis(codes).transpose(0, 2, 3, 1) + 1) / 2
        assert_allclose(images, expected.clip(0, 1), atol=1e-5)
    assert found.values == [-1.0, 2.0] and not found.exact

    # By default one standard deviation of the codes along the direction.
    by_default = counterfactual_plane(model, w, direction, generator)
    along = w @ direction / np.linalg.norm(direction)
    assert_allclose(by_default.values, [-along.std(), along.std()], rtol=1e-4)


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        ({"attribute": "skin"}, "unknown attribute 'skin'"),
        ({"target": "skin_tone"}, "is the attribute that is changed"),
        ({"target": "hair"}, "unknown attribute 'hair'"),
        ({"values": [0.5]}, "At least two values"),
        ({"estimator": lambda images: images}, r"predictions of 2 images have shape \(2, 8"),
    ],
)
def test_invalid_input_is_refused(arguments, message):
    given = {"estimator": Brightness(), "n_faces": 2, "image_size": 8}
    with pytest.raises(ValueError, match=message):
        counterfactual_faces(**{**given, **arguments})


def test_an_estimator_predicts():
    with pytest.raises(TypeError, match="must have predict or be a function"):
        counterfactual_faces("glasses", n_faces=2, image_size=8)
