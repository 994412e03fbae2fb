"""Both pipelines, inversion and directions with a generator of StyleGAN3."""

import numpy as np
import pytest
from sklearn.pipeline import make_pipeline

from skstylefeat import (
    ChannelMISelector,
    HyperplaneDistance,
    LatentRegressor,
    MaxPoolReducer,
    StyleGANInverter,
    layer_importance,
    load_generator,
)
from skstylefeat.directions import SeFa, channel_effects, edit
from skstylefeat.features import FeatureMapExtractor, FeatureMaps
from skstylefeat.networks.optimization._latent_space import search_space, style_sensitivities
from tests.support.alias_free import alias_free_generator
from tests.support.networks import made_images

# As many channels as layers: 2 log2(16) - 2 is another number than 5 layers, input and toRGB.
N_WS, W_DIM = 7, 7


@pytest.fixture(scope="module")
def generator(tmp_path_factory):
    """A network with five layers, loaded from a file."""
    path = tmp_path_factory.mktemp("weights") / "alias-free.safetensors"
    alias_free_generator(16, channels=[5, 5, 4, 4, 3], n_mapping=2).save(path)
    return load_generator(path)


@pytest.fixture(scope="module")
def codes(generator):
    return generator.mapping(generator.sample_z(8, random_state=0), truncation_psi=0.7)


@pytest.fixture(scope="module")
def images(generator, codes):
    return made_images(generator, codes)


def test_feature_maps_selection_and_pooling(generator, codes):
    labels = np.arange(8) % 2
    pipeline = make_pipeline(
        FeatureMapExtractor(generator.reference, layers=["L1", "L4_16_3"]),
        ChannelMISelector(n_channels=3, n_samples_per_class=2, random_state=0),
        MaxPoolReducer(),
    )
    features = pipeline.fit_transform(codes, labels)
    assert features.shape == (8, 3)
    names = pipeline.get_feature_names_out()
    assert all(name.startswith(("L1_36_5:", "L4_16_3:")) for name in names)
    maps = generator.features(codes)
    for column, name in enumerate(names):
        layer, channel = name.split(":")
        expected = maps[layer][:, int(channel)].max(axis=(1, 2))
        np.testing.assert_allclose(features[:, column], expected, rtol=1e-5)


def test_layers_by_name_number_and_resolution(generator, codes):
    maps = FeatureMaps.from_latents(codes, generator, layers=16)
    assert [layer.name for layer in maps.layers] == [
        *("L0_36_5", "L1_36_5", "L2_36_4", "L3_36_4", "L4_16_3")
    ]
    assert {(layer.height, layer.width) for layer in maps.layers} == {(16, 16)}
    with pytest.raises(ValueError, match="No layer matches 'L'"):
        FeatureMaps.from_latents(codes, generator, layers="L")


@pytest.mark.filterwarnings("ignore:The images look foreign")  # as they do after few steps
@pytest.mark.parametrize("space", ["w+", "w"])
def test_inversion_by_optimization_lowers_the_error(generator, images, space):
    inverter = StyleGANInverter(
        generator.reference, None, method="optimize", space=space, n_steps=4, device="cpu"
    ).fit(images[:2])
    latents = inverter.transform(images[:2])
    assert latents.shape == (2, W_DIM * (N_WS if space == "w+" else 1))
    found = made_images(generator, latents)
    mean = made_images(generator, generator.w_avg[None])
    errors, at_start = (np.square(x - images[:2]).mean(axis=(1, 2, 3)) for x in (found, mean))
    assert (errors < at_start).all()


def test_encoder_trained_in_fit_and_s_codes(generator, images):
    inverter = StyleGANInverter(
        generator.reference, "train", n_train_steps=2, random_state=0, device="cpu", space="s"
    ).fit(images)
    latents = inverter.transform(images)
    n_styles = 4 + 5 + 5 + 5 + 4 + 4 + 3
    assert latents.shape == (8, n_styles)
    names = inverter.get_feature_names_out()
    assert names[0] == "input:0"
    assert names[4] == "L0_36_5:0"
    assert names[-1] == "L5_16_3:2"
    assert np.isfinite(latents).all()


def test_distances_with_layer_weights_and_regression(generator, codes):
    normal = np.eye(W_DIM)[0]
    rows = np.repeat(codes[:, None], N_WS, axis=1).reshape(8, -1)
    distance = HyperplaneDistance(
        normal,
        generator=generator.reference,
        layer_weights="importance",
        importance_params={"n_pairs": 4},
        random_state=0,
    ).fit(rows)
    assert distance.layer_names_ == (
        *("input", "L0_36_5", "L1_36_5", "L2_36_4", "L3_36_4", "L4_16_3", "L5_16_3"),
    )
    np.testing.assert_allclose(distance.transform(rows)[:, 0], codes[:, 0], rtol=1e-5)
    pipeline = make_pipeline(distance, LatentRegressor("none", random_state=0))
    y = 3.0 * codes[:, 0] + 1.0
    np.testing.assert_allclose(pipeline.fit(rows, y).predict(rows), y, rtol=1e-3, atol=1e-3)


@pytest.mark.parametrize("space", ["w+", "s"])
def test_importance_of_layers(generator, space):
    importance = layer_importance(
        generator, np.eye(W_DIM)[0], n_pairs=4, space=space, random_state=0
    )
    assert len(importance.layers) == len(importance.weights) == N_WS
    assert importance.layers[0] == "input"
    assert importance.weights.sum() == pytest.approx(1.0)
    assert (importance.weights > 0).all()


def test_directions_from_weights_and_edits(generator, codes):
    sefa = SeFa(generator, layers=["input", "L0_36_5"]).fit()
    assert sefa.w_indices_.tolist() == [0, 1]
    synthesis = generator.module.synthesis
    rows = np.concatenate(
        [
            layer.affine.weight.numpy() * layer.affine.weight_gain
            for name, _, layer in synthesis.modulated()
            if name in ("input", "L0_36_5")
        ]
    )
    rows /= np.linalg.norm(rows, axis=1, keepdims=True)
    values = np.linalg.eigvalsh(rows.T @ rows)
    np.testing.assert_allclose(sefa.eigenvalues_, values[::-1], atol=1e-6)
    moved = edit(generator.broadcast(codes), sefa.direction_, 2.0, layers=sefa.w_indices_)
    assert np.abs(generator.synthesis(moved) - generator.synthesis(codes)).max() > 1e-3


def test_effects_of_channels_leave_out_input_and_to_rgb(generator):
    def encode_images(batch):
        return batch.reshape(len(batch), -1)

    effects = channel_effects(generator, encode_images, n_samples=2, random_state=0)
    slices = generator.style_slices
    with_effect = np.abs(effects).max(axis=1) > 0
    for name, columns in slices.items():
        assert with_effect[columns].any() == (name not in ("input", "L5_16_3"))


def test_search_space_weighs_every_vector(generator):
    sensitivities = style_sensitivities(generator.module)
    assert sensitivities.keys() == generator.style_slices.keys()
    space = search_space(generator.module)
    assert space.basis.shape == (N_WS, W_DIM, W_DIM)
    assert space.basis.isfinite().all()
