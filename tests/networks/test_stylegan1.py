"""StyleGAN1: its layers by hand, and everything that works for StyleGAN2, on a small network."""

import copy
import pickle

import numpy as np
import pytest
import torch
from sklearn.pipeline import make_pipeline

from skstylefeat import (
    ChannelMISelector,
    ClusterAnnotator,
    FeatureMapExtractor,
    HyperplaneDistance,
    LatentRegressor,
    MaxPoolReducer,
    StyleGANInverter,
    layer_importance,
    load_generator,
)
from skstylefeat.directions import SeFa, channel_effects, edit
from skstylefeat.latents import load_direction, style_layers, w_plus_layers
from skstylefeat.networks import checkpoints
from skstylefeat.networks.stylegan1 import StyleGAN1Config, StyleGAN1Generator
from skstylefeat.networks.stylegan1._adain_layers import AdaINConv, AdaINLayer
from tests.support.genforce_writers import genforce_stylegan1, write_tensorflow_stylegan1
from tests.support.networks import made_images

NAMES = ["b4.const", "b4.conv1", "b8.conv0", "b8.conv1", "b16.conv0", "b16.conv1"]


@pytest.fixture(scope="module")
def path(tmp_path_factory):
    path = tmp_path_factory.mktemp("stylegan1") / "Gs.pkl"
    write_tensorflow_stylegan1(path, genforce_stylegan1())
    return path


@pytest.fixture(scope="module")
def generator(path):
    return load_generator(path)


@pytest.fixture(scope="module")
def w(generator):
    return generator.mapping(generator.sample_z(40, random_state=0))


@pytest.mark.parametrize("grad", [True, False])
def test_adain_scales_and_shifts_normalized_maps(grad):
    layer = AdaINLayer(2, 2, 3)
    x = torch.tensor([[[[1.0, 3.0], [5.0, 7.0]], [[-5.0, 0.0], [0.0, 0.0]]]])
    style = torch.tensor([[2.0, 3.0, 10.0, 20.0]])  # factors, then shifts
    with torch.set_grad_enabled(grad):
        y = layer.finish(x.clone(), style, "none").detach()
    # 1, 3, 5, 7 have mean 4 and deviation sqrt 5; after the leaky ReLU, -5 is -1, with mean -1/4.
    np.testing.assert_allclose(y[0, 0], 10 + 2 * (x[0, 0] - 4) / 5**0.5, rtol=1e-5)
    expected = 20 + 3 * (np.array([[-1.0, 0.0], [0.0, 0.0]]) + 0.25) / (3 / 16) ** 0.5
    np.testing.assert_allclose(y[0, 1], expected, rtol=1e-5)


@pytest.mark.parametrize("grad", [True, False])
def test_noise_and_bias_come_before_the_activation(grad):
    layer = AdaINLayer(1, 2, 3)
    with torch.no_grad():
        layer.bias.fill_(-1.0)
        layer.noise_strength.fill_(0.5)
        layer.noise_const.copy_(torch.tensor([[0.0, 2.0], [4.0, -6.0]]))
    x, style = torch.zeros(1, 1, 2, 2), torch.tensor([[1.0, 0.0]])
    before = np.array([[-0.2, 0.0], [1.0, -0.8]])  # -1, 0, 1 and -4
    with torch.set_grad_enabled(grad):
        y, quiet = (layer.finish(x.clone(), style, mode).detach() for mode in ("const", "none"))
    np.testing.assert_allclose(y[0, 0], (before - before.mean()) / before.std(), rtol=1e-5)
    assert quiet.abs().max() == 0


@pytest.mark.parametrize("n", [1, 3])
def test_both_ways_of_up_sampling_are_one_map(n):
    """A convolution of repeated pixels, and a transposed convolution of the pixels."""
    torch.manual_seed(0)
    layer = AdaINConv(5, 4, 16, 3, up=True, blur_filter=(1, 2, 1))
    x = torch.randn(n, 5, 8, 8)
    fast = layer._upsample(x)
    repeated = torch.nn.functional.conv2d(
        x.repeat_interleave(2, 2).repeat_interleave(2, 3), layer.weight, padding=1
    )
    kernel = layer.blur.expand(4, 1, 3, 3)
    expected = torch.nn.functional.conv2d(repeated, kernel, padding=1, groups=4)
    torch.testing.assert_close(fast, expected, rtol=1e-4, atol=1e-5)
    small = torch.nn.functional.conv2d(
        x[:, :, :1, :1].expand(-1, -1, 2, 2), layer.weight, padding=1
    )
    expected = torch.nn.functional.conv2d(small, kernel, padding=1, groups=4)
    torch.testing.assert_close(layer._upsample(x[:, :, :1, :1]), expected, rtol=1e-4, atol=1e-5)


@pytest.mark.parametrize(
    ("change", "words"),
    [
        ({"resolution": 12}, "power of two"),
        ({"channels": (4, 4)}, "channels has 2 entries"),
        ({"n_mapping": 0}, "n_mapping must be at least 1"),
        ({"blur_filter": (1, 1)}, "3 taps"),
        ({"blur_filter": (1, 0, -1)}, "a sum other than 0"),
    ],
)
def test_impossible_architectures_are_refused(change, words):
    with pytest.raises(ValueError, match=words):
        StyleGAN1Config(**({"resolution": 16, "channels": (4, 4, 4)} | change))


def test_description(generator):
    assert [layer.name for layer in generator.layers] == NAMES
    assert [(x.channels, x.height, x.width) for x in generator.layers[::2]] == [
        (6, 4, 4),
        (5, 8, 8),
        (4, 16, 16),
    ]
    assert (generator.n_ws, generator.image_size, generator.img_channels) == (6, (16, 16), 3)
    assert generator.style_slices["b8.conv0"] == slice(24, 34)  # 2 numbers per channel
    module = StyleGAN1Generator(StyleGAN1Config(8, (4, 4), z_dim=3, w_dim=3, c_dim=2))
    images = module(torch.zeros(2, 3), torch.eye(2), truncation_psi=0.5)
    assert images.shape == (2, 3, 8, 8)


def test_maps_images_and_styles_fit_together(generator, w):
    codes = np.random.RandomState(0).normal(size=(3, 6, 7)).astype(np.float32)
    images = generator.synthesis(codes)
    s = generator.styles(codes)
    np.testing.assert_allclose(generator.synthesis_from_styles(s), images, rtol=1e-4, atol=1e-5)
    assert style_layers(generator) == (tuple(NAMES), (12, 12, 10, 10, 8, 8))
    assert w_plus_layers(generator) == tuple(NAMES)
    maps = generator.features(codes, ["b8.conv1"])["b8.conv1"]
    # AdaIN gives every channel the deviation and the mean that its style names.
    scale, shift = np.split(s[:, generator.style_slices["b8.conv1"]], 2, axis=1)
    np.testing.assert_allclose(maps.mean(axis=(2, 3)), shift, atol=1e-4)
    np.testing.assert_allclose(maps.std(axis=(2, 3)), np.abs(scale), rtol=1e-3)

    # W+ with one vector is W; truncation moves to the mean; noise is the network's own.
    np.testing.assert_array_equal(
        generator.synthesis(np.repeat(w[:2, None], 6, axis=1)), generator.synthesis(w[:2])
    )
    z = generator.sample_z(2, random_state=1)
    moved = generator.w_avg + 0.5 * (generator.mapping(z) - generator.w_avg)
    np.testing.assert_allclose(generator.mapping(z, truncation_psi=0.5), moved, rtol=1e-5)
    assert np.abs(generator.synthesis(w[:2], noise="none") - generator.synthesis(w[:2])).max() > 0.1


def test_files_pickles_and_copies(generator, path, w, tmp_path):
    images = generator.synthesis(w[:2])
    own = tmp_path / "own.safetensors"
    generator.save(own)
    conversion = checkpoints.convert(path, tmp_path / "converted.safetensors")
    info = checkpoints.inspect(conversion.generator.file)
    assert info.format == "skstylefeat" and info.problems == ()
    assert info.generator.spaces == {"z": (5,), "w": (7,), "w+": (6, 7), "s": (60,)}
    assert info.generator.config["blur_filter"] == (1.0, 2.0, 1.0)
    embedded = pickle.loads(pickle.dumps(generator.embedded()))
    for other in (
        load_generator(own),
        load_generator(conversion.generator.file),
        pickle.loads(pickle.dumps(generator)),
        embedded,
        copy.deepcopy(generator),
    ):
        np.testing.assert_array_equal(other.synthesis(w[:2]), images)
    with pytest.raises(ValueError, match="a network without conv_clamp"):
        load_generator(own, assume={"conv_clamp": 256})


def test_annotation_from_its_feature_maps(generator, w):
    direction = np.linalg.svd(w - w.mean(axis=0), full_matrices=False)[2][0]
    side = (w - w.mean(axis=0)) @ direction
    names = np.where(side > np.median(side), "high", "low")
    maps = FeatureMapExtractor(generator, layers=["b8", 16]).fit_transform(w)
    pipeline = make_pipeline(
        ChannelMISelector(3, random_state=0),
        MaxPoolReducer(),
        ClusterAnnotator(n_clusters=6, random_state=0),
    ).fit(maps, names)
    assert [layer.name for layer in maps.layers] == NAMES[2:]
    assert pipeline.score(maps, names) > 0.7


def test_distances_and_directions(generator, w, tmp_path):
    """InterFaceGAN's boundaries are unit normals of shape (1, 512) in W or Z of this family."""
    normal = np.random.RandomState(3).normal(size=(1, 7)).astype(np.float32)
    normal /= np.linalg.norm(normal)
    file = tmp_path / "boundary.npy"
    np.save(file, normal)
    found = load_direction(file)
    np.testing.assert_array_equal(found.directions, normal)
    y = 3 + 2 * (w @ normal[0])
    for direction in (str(file), found.directions[0]):
        codes = np.repeat(w[:, None], 6, axis=1)
        model = make_pipeline(HyperplaneDistance(direction), LatentRegressor()).fit(codes, y)
        assert model.score(codes, y) > 0.99

    moved = edit(w[:2], normal[0], np.array([1.0]))
    assert np.abs(generator.synthesis(moved[:, 0]) - generator.synthesis(w[:2])).max() > 0
    sefa = SeFa(generator, layers=["b8.conv0", "b8.conv1"]).fit()
    assert sefa.directions_.shape == (7, 7) and sefa.w_indices_.tolist() == [2, 3]
    for space in ("w+", "s"):
        found = layer_importance(generator, normal[0], space=space, n_pairs=4, random_state=0)
        assert found.weights.shape == (6,) and found.weights.sum() == pytest.approx(1.0)
    colors = channel_effects(
        generator, lambda images: images.mean(axis=(1, 2)), n_samples=2, random_state=0
    )
    np.testing.assert_allclose(np.linalg.norm(colors, axis=1), np.ones(60), rtol=1e-5)


def test_inversion(generator, w):
    """The optimization finds the generator's own images, and an encoder learns from them."""
    images = made_images(generator, w[:4])
    optimized = StyleGANInverter(generator, method="optimize", n_steps=30, space="w").fit(images)
    errors = optimized.reconstruction_errors(images)
    start = np.square(made_images(generator, generator.w_avg[None]) - images).mean(axis=(1, 2, 3))
    assert (errors**2).mean() < 0.3 * start.mean()
    trained = StyleGANInverter(generator, "train", n_train_steps=2, random_state=0).fit(images)
    assert trained.transform(images).shape == (4, 6 * 7)
    features = StyleGANInverter(
        generator, trained.encoder_, output="features", layers=["b8"]
    ).fit_transform(images)
    assert [layer.name for layer in features.layers] == ["b8.conv0", "b8.conv1"]
