"""Histograms of oriented gradients: scikit-image's numbers, images of all kinds, unions."""

from pathlib import Path

import numpy as np
import pytest
from PIL import Image
from sklearn.pipeline import FeatureUnion

from skstylefeat import StyleGANInverter
from skstylefeat.features import HOGDescriptor
from tests.support.estimators import tiny_images
from tests.support.networks import tiny_encoder, tiny_generator

#: Of scikit-image 0.26, `hog(image, orientations, cells, blocks, channel_axis=-1)`.
REFERENCE = np.load(Path(__file__).parent / "data" / "hog.npz")
NOISE = np.random.default_rng(0).integers(0, 256, (2, 24, 21, 3)).astype(np.uint8)


@pytest.mark.parametrize("parameters", sorted(REFERENCE.files))
def test_columns_equal_scikit_image(parameters):
    orientations, cell, block = map(int, parameters.split(","))
    descriptor = HOGDescriptor(
        orientations, pixels_per_cell=cell, cells_per_block=block, image_size=(24, 21)
    )
    rows = descriptor.fit_transform(NOISE)
    np.testing.assert_allclose(rows, REFERENCE[parameters], atol=1e-6)
    assert rows.dtype == np.float32
    assert len(descriptor.get_feature_names_out()) == rows.shape[1]


def test_an_edge_has_one_orientation():
    image = np.zeros((1, 16, 16))
    image[:, :, 8:] = 1.0
    rows = HOGDescriptor(4, pixels_per_cell=16, cells_per_block=1, image_size=16).fit_transform(
        image
    )
    np.testing.assert_allclose(rows, [[1, 0, 0, 0]], atol=1e-6)
    rows = HOGDescriptor(4, pixels_per_cell=16, cells_per_block=1, image_size=16).fit_transform(
        image.transpose(0, 2, 1)
    )
    np.testing.assert_allclose(rows, [[0, 0, 1, 0]], atol=1e-6)


def test_mirror_image():
    plain, mean, difference = (
        HOGDescriptor(image_size=32, mirror=mirror).fit(NOISE)
        for mirror in (None, "mean", "difference")
    )
    turned = NOISE[:, :, ::-1]
    np.testing.assert_allclose(mean.transform(turned), mean.transform(NOISE), atol=1e-6)
    np.testing.assert_allclose(
        difference.transform(turned), -difference.transform(NOISE), atol=1e-6
    )
    both = mean.transform(NOISE) + difference.transform(NOISE)
    np.testing.assert_allclose(both, plain.transform(NOISE), atol=1e-6)


def test_images_of_all_kinds(tmp_path):
    descriptor = HOGDescriptor(image_size=24).fit(NOISE)
    expected = descriptor.transform(NOISE)
    for i, image in enumerate(NOISE):
        Image.fromarray(image).save(tmp_path / f"{i}.png")
    np.testing.assert_array_equal(descriptor.transform(tmp_path), expected)
    flat = HOGDescriptor(image_size=24, image_shape=(24, 21, 3)).fit(NOISE.reshape(2, -1))
    np.testing.assert_array_equal(flat.transform(NOISE.reshape(2, -1)), expected)
    assert flat.n_features_in_ == 24 * 21 * 3


def test_unreadable_images(tmp_path):
    paths = [tmp_path / "0.png", tmp_path / "1.png"]
    Image.fromarray(NOISE[0]).save(paths[0])
    paths[1].write_bytes(b"no image")
    with pytest.raises(ValueError, match=r"1\.png"):
        HOGDescriptor().fit(paths).transform(paths)
    with pytest.warns(UserWarning, match=r"1 of 2 images cannot be read and are rows of NaN"):
        rows = HOGDescriptor(on_error="nan").fit_transform(paths)
    assert np.isnan(rows[1]).all() and np.isfinite(rows[0]).all()
    with pytest.warns(UserWarning, match="left out"):
        assert len(HOGDescriptor(on_error="skip").fit(paths).transform(paths)) == 1
    with (
        pytest.warns(UserWarning, match="left out"),
        pytest.raises(ValueError, match="wrong labels"),
    ):
        HOGDescriptor(on_error="skip").fit_transform(paths, [0, 1])


@pytest.mark.parametrize(
    ("parameters", "message"),
    [
        ({"image_size": 8}, "Images of 8 x 8 pixels hold no block: 2 cells of 8 pixels are 16"),
        ({"orientations": 0}, "orientations"),
        ({"image_size": True}, "image_size"),
        ({"image_size": (8, 0)}, "size"),
        ({"image_size": (8, 8, 8)}, "size"),
    ],
)
def test_refused_parameters(parameters, message):
    with pytest.raises(ValueError, match=message):
        HOGDescriptor(**parameters).fit(NOISE)


def test_no_image_is_refused():
    with pytest.raises(ValueError, match="0 sample"):
        HOGDescriptor().fit(NOISE[:0])


def test_union_with_styles():
    generator = tiny_generator()
    styles = StyleGANInverter(generator, tiny_encoder(generator), space="s", mirror="mean")
    hog = HOGDescriptor(pixels_per_cell=4, image_size=8)
    images = tiny_images()
    union = FeatureUnion([("styles", styles), ("hog", hog)]).fit(images)
    rows = union.transform(images)
    names = union.get_feature_names_out()
    assert rows.shape == (6, len(names)) and names[-1] == "hog__hogdescriptor35"
    np.testing.assert_array_equal(rows[:, -36:], hog.fit_transform(images))
