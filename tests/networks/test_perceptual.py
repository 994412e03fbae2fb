"""Perceptual networks: tiny ones in torchvision's layout, modules and TorchScript."""

import pickle
import warnings
from collections import OrderedDict

import numpy as np
import pytest
import torch
from numpy.testing import assert_array_equal
from safetensors.torch import save_file
from torch import nn
from torch.nn import functional as F

from skstylefeat import StyleGANInverter
from skstylefeat.exceptions import CheckpointError, UnsafeCheckpointError
from skstylefeat.networks import load_perceptual
from tests.support.estimators import tiny_images
from tests.support.networks import tiny_encoder, tiny_generator

WIDTHS = (3, "M", 4, 5, "M", 6)


def vgg(*, norm=False, seed=0):
    """Return a tiny network in torchvision's layout: its `features` and its state dict."""
    torch.manual_seed(seed)
    layers, n_in = [], 3
    for width in WIDTHS:
        if width == "M":
            layers.append(nn.MaxPool2d(2, 2))
            continue
        layers.append(nn.Conv2d(n_in, width, 3, padding=1))
        if norm:
            layers.append(nn.BatchNorm2d(width))
            layers[-1].running_mean.normal_()
            layers[-1].running_var.uniform_(0.5, 2)
        layers.append(nn.ReLU())
        n_in = width
    features = nn.Sequential(*layers).eval()
    state = OrderedDict((f"features.{k}", x) for k, x in features.state_dict().items())
    state["classifier.0.weight"] = torch.zeros(2, 2)
    return features, state


def expected_maps(features, images):
    """Return the maps before the poolings and the last one, computed layer by layer."""
    mean = torch.tensor([0.485, 0.456, 0.406])[:, None, None]
    std = torch.tensor([0.229, 0.224, 0.225])[:, None, None]
    x, maps = ((images + 1) / 2 - mean) / std, []
    for layer in features:
        if isinstance(layer, nn.MaxPool2d):
            maps.append(x)
        x = layer(x)
    return [*maps, x]


@pytest.fixture
def images():
    return tiny_images(3)


@pytest.mark.parametrize("norm", [False, True])
@pytest.mark.parametrize("how", ["bare", "nested", "parallel", "legacy", "safetensors"])
def test_state_dicts_are_read(tmp_path, norm, how):
    features, state = vgg(norm=norm)
    path = tmp_path / "vgg.pth"
    if how == "safetensors":
        save_file({k: x.contiguous() for k, x in state.items()}, path)
    else:
        tree = {"nested": {"state_dict": state, "epoch": 3}}.get(how, state)
        if how == "parallel":
            tree = {f"module.{k}": x for k, x in state.items()}
        torch.save(tree, path, _use_new_zipfile_serialization=how != "legacy")
    network = load_perceptual(path)
    x = torch.rand(2, 3, 16, 16) * 2 - 1
    maps = network.maps(x)
    assert [tuple(m.shape[1:]) for m in maps] == [(3, 16, 16), (5, 8, 8), (6, 4, 4)]
    for ours, theirs in zip(maps, expected_maps(features, x), strict=True):
        torch.testing.assert_close(ours, theirs, rtol=1e-4, atol=1e-5)
    assert load_perceptual(path) is network


def test_distances_are_those_of_lpips_without_weights(tmp_path):
    features, state = vgg()
    torch.save(state, tmp_path / "vgg.pth")
    network = load_perceptual(tmp_path / "vgg.pth")
    a, b = torch.rand(2, 2, 3, 16, 16) * 2 - 1

    def unit(x):
        return x / (x.square().sum(dim=1, keepdim=True) + 1e-6).sqrt()

    total = 0.0
    for x, y in zip(expected_maps(features, a), expected_maps(features, b), strict=True):
        total = total + (unit(x) - unit(y)).square().sum(dim=1).mean(dim=(1, 2))
    found = network.distances(network.maps(a), network.maps(b))
    torch.testing.assert_close(found, total / 3, rtol=1e-3, atol=1e-4)
    assert (network.distances(network.maps(a), network.maps(a)) == 0).all()


def test_large_images_are_averaged_and_small_ones_stop_early(tmp_path):
    _, state = vgg()
    torch.save(state, tmp_path / "vgg.pth")
    network = load_perceptual(tmp_path / "vgg.pth")
    assert network.maps(torch.zeros(1, 3, 512, 512))[0].shape[2:] == (256, 256)
    assert len(network.maps(torch.zeros(1, 3, 2, 2))) == 2


class Outputs(nn.Module):
    """Gives one channel mean a pixel, in several forms."""

    def __init__(self, form):
        super().__init__()
        self.form = form
        self.scale = nn.Parameter(torch.ones(()))

    def forward(self, x):
        x = F.avg_pool2d(x, 2) * self.scale
        return {
            "map": x,
            "dict": {"a": x, "b": x[:, :2]},
            "tokens": [x.flatten(2).transpose(1, 2)],
            "vector": x.flatten(1),
            "text": "no map",
            "number": x.mean(),
        }[self.form]


@pytest.mark.parametrize("form", ["map", "dict", "tokens", "vector"])
def test_modules_of_any_output(form):
    module = Outputs(form)
    network = load_perceptual(module)
    x = torch.rand(2, 3, 8, 8)
    maps = network.maps(x)
    assert all(m.ndim == 4 and len(m) == 2 for m in maps)
    assert (network.distances(maps, network.maps(x.flip(0))) > 0).all()
    assert module.scale.requires_grad  # the user's own module stays as it was


@pytest.mark.parametrize("form", ["text", "number"])
def test_modules_that_give_no_maps(form):
    with pytest.raises(ValueError, match=r"'Outputs' returns .* expected maps"):
        load_perceptual(Outputs(form)).maps(torch.rand(2, 3, 8, 8))


class WithLPIPS(nn.Module):
    """Takes the arguments that NVIDIA's TorchScript network takes."""

    def forward(self, x: torch.Tensor, resize_images: bool = True, return_lpips: bool = False):
        if resize_images or not return_lpips:
            raise ValueError("other arguments")
        return x.flatten(1) / 255.0


def script():
    with warnings.catch_warnings():  # torch announces a successor of TorchScript
        warnings.simplefilter("ignore", DeprecationWarning)
        return torch.jit.script(WithLPIPS())


def test_torchscript_is_refused_as_a_file_and_taken_as_a_module(tmp_path):
    program = script()
    program.save(str(tmp_path / "vgg16.pt"))
    with pytest.raises(CheckpointError, match=r"would run its code.*torch\.jit\.load"):
        load_perceptual(tmp_path / "vgg16.pt")
    network = load_perceptual(program)
    a, b = torch.rand(2, 2, 3, 4, 4) * 2 - 1
    found = network.distances(network.maps(a), network.maps(b))
    expected = ((a - b) / 2).square().sum(dim=(1, 2, 3))  # images in [0, 255], by its own measure
    torch.testing.assert_close(found, expected)
    again = pickle.loads(pickle.dumps(network))
    torch.testing.assert_close(again.distances(again.maps(a), again.maps(b)), expected)
    assert again.weights_hash() == network.weights_hash()


def test_files_without_a_vgg_network(tmp_path):
    path = tmp_path / "other.pth"
    torch.save({"conv1.weight": torch.zeros(2, 3, 3, 3)}, path)
    with pytest.raises(CheckpointError, match=r"other\.pth does not hold a VGG .*'conv1\.weight'"):
        load_perceptual(path)
    _, state = vgg()
    state["features.3.weight"] = torch.zeros(4, 9, 3, 3)
    torch.save(state, path)
    with pytest.raises(CheckpointError, match=r"features\.3 takes 9 channels after 3"):
        load_perceptual(path)
    del state["features.3.weight"]
    torch.save(state, path)
    with pytest.raises(CheckpointError, match=r"features\.5 takes 4 channels after 3"):
        load_perceptual(path)
    path.write_bytes(pickle.dumps({"features.0.weight": print}))
    with pytest.raises(UnsafeCheckpointError, match="print"):
        load_perceptual(path)
    with pytest.raises(TypeError, match=r"expected a path or a torch\.nn\.Module, got int"):
        load_perceptual(16)
    with pytest.raises(FileNotFoundError, match="missing"):
        load_perceptual(tmp_path / "missing.pth")


@pytest.mark.parametrize("method", ["optimize", "hybrid"])
def test_inversion_brings_features_nearer(tmp_path, images, method):
    _, state = vgg()
    path = str(tmp_path / "vgg.pth")
    torch.save(state, path)
    generator = tiny_generator()
    encoder = tiny_encoder(generator)
    network = load_perceptual(path)

    def distance(inverter):
        made = inverter.inverse_transform(inverter.fit_transform(images))
        pixels = [torch.from_numpy(x.transpose(0, 3, 1, 2)) * 2 - 1 for x in (made, images)]
        return network.distances(*map(network.maps, pixels)).mean()

    settings = {"method": method, "n_steps": 40}
    without = StyleGANInverter(generator, encoder, **settings)
    seen = StyleGANInverter(generator, encoder, perceptual=path, **settings)
    assert distance(seen) < distance(without)
    assert StyleGANInverter(generator, encoder, perceptual=path).fit(images).perceptual_ is None


def test_pickles_hold_the_path_or_the_network(tmp_path, images):
    _, state = vgg()
    path = str(tmp_path / "vgg.pth")
    torch.save(state, path)
    settings = {"method": "optimize", "n_steps": 2, "perceptual": path}
    by_path = StyleGANInverter(tiny_generator(), **settings).fit(images)
    stored = StyleGANInverter(tiny_generator(), store_weights=True, **settings).fit(images)
    latents = by_path.transform(images)
    small, large = pickle.dumps(by_path.perceptual_), pickle.dumps(stored)
    assert len(small) < 1_000
    assert_array_equal(pickle.loads(pickle.dumps(by_path)).transform(images), latents)
    torch.save(vgg(seed=1)[1], path)
    with pytest.raises(ValueError, match=r"vgg\.pth has changed: its SHA-256"):
        pickle.loads(small)
    assert_array_equal(pickle.loads(large).transform(images), latents)


def test_cache_tells_networks_apart(tmp_path, images):
    codes = []
    for seed in (None, 0, 1, 0):
        path = None
        if seed is not None:
            path = str(tmp_path / f"vgg{seed}.pth")
            torch.save(vgg(seed=seed)[1], path)
        inverter = StyleGANInverter(
            tiny_generator(),
            method="optimize",
            n_steps=3,
            perceptual=path,
            cache_dir=tmp_path / "c",
        )
        codes.append(inverter.fit_transform(images))
    assert_array_equal(codes[1], codes[3])
    for a, b in ((0, 1), (1, 2), (0, 2)):
        assert not np.allclose(codes[a], codes[b])
    modules = [load_perceptual(Outputs(form)) for form in ("map", "map", "vector")]
    assert modules[0].weights_hash() == modules[1].weights_hash()
