"""The generator against a plain re-computation of StyleGAN2's formulas, and its facade."""

import os
import pickle

import numpy as np
import pytest
import torch
from torch.nn import functional as F

from skstylefeat import load_generator
from skstylefeat.networks import Generator
from skstylefeat.networks.checkpoints._safetensors import save_network
from skstylefeat.networks.optimization._latent_space import w_statistics
from skstylefeat.networks.stylegan2 import _row_bands
from tests.support.networks import tiny_generator, tiny_module


def reference_synthesis(module, ws, noise_mode):
    """Synthesize as the papers write it: modulated weights, grouped by image, then the filter."""
    config, maps, rgb = module.config, {}, None
    fir = torch.tensor(config.resample_filter)
    fir = (torch.outer(fir, fir) / fir.sum() ** 2).flip(0, 1)  # torch correlates

    def filtered(x, gain):
        channels = x.shape[1]
        return F.conv2d(x, (fir * gain).expand(channels, 1, 4, 4), padding=1, groups=channels)

    def upsampled(image):
        n, c, h, w = image.shape
        zeros = torch.zeros(n, c, 2 * h, 2 * w)
        zeros[:, :, ::2, ::2] = image
        padded = F.pad(zeros, (2, 1, 2, 1))
        return F.conv2d(padded, (fir * 4).expand(c, 1, 4, 4), groups=c)

    def layer(conv, x, w, up, gain=1.0):
        styles = w @ conv.affine.weight.T / w.shape[1] ** 0.5 + conv.affine.bias
        out = []
        for image, style in zip(x, styles, strict=True):
            weight = conv.weight * style[None, :, None, None]
            weight = weight / (weight.square().sum(dim=(1, 2, 3), keepdim=True) + 1e-8).sqrt()
            if up:
                y = filtered(F.conv_transpose2d(image[None], weight.transpose(0, 1), stride=2), 4)
            else:
                y = F.conv2d(image[None], weight, padding=1)
            if noise_mode == "const":
                y = y + conv.noise_const * conv.noise_strength
            y = F.leaky_relu(y + conv.bias[None, :, None, None], 0.2) * 2**0.5
            if config.conv_clamp is not None:
                y = y.clamp(-config.conv_clamp, config.conv_clamp)
            out.append(y[0] * gain)
        return torch.stack(out)

    index = 0
    x = None
    for resolution in config.block_resolutions:
        block = getattr(module.synthesis, f"b{resolution}")
        if resolution == 4:
            x = block.const.expand(len(ws), -1, -1, -1)
        else:
            if config.architecture == "resnet":
                skip = block.skip.weight / x.shape[1] ** 0.5
                residual = upsampled(F.conv2d(x, skip)) * 0.5**0.5
            x = layer(block.conv0, x, ws[:, index], True)
            maps[f"b{resolution}.conv0"] = x
            index += 1
        if config.architecture == "resnet" and resolution > 4:
            x = residual + layer(block.conv1, x, ws[:, index], False, 0.5**0.5)
        else:
            x = layer(block.conv1, x, ws[:, index], False)
        maps[f"b{resolution}.conv1"] = x
        index += 1
        if config.architecture != "skip" and resolution < config.resolution:
            continue
        torgb = block.torgb
        style = ws[:, index] @ torgb.affine.weight.T / ws.shape[2] ** 0.5 + torgb.affine.bias
        style = style / x.shape[1] ** 0.5
        y = torch.stack(
            [
                F.conv2d(a[None], torgb.weight * s[None, :, None, None], torgb.bias)[0]
                for a, s in zip(x, style, strict=True)
            ]
        )
        if config.conv_clamp is not None:
            y = y.clamp(-config.conv_clamp, config.conv_clamp)
        rgb = y if rgb is None else upsampled(rgb) + y
    return rgb, maps


@pytest.mark.parametrize("noise", ["const", "none"])
@pytest.mark.parametrize(
    "overrides",
    [
        {"resolution": 4},
        {"resolution": 16},
        {"resolution": 32, "w_dim": 40, "n_mapping": 3, "channels": [12, 9, 8, 5]},
        {"resolution": 16, "conv_clamp": 0.8},
        {"resolution": 8, "resample_filter": [1, 2, 2, 1], "img_channels": 1},
        {"resolution": 8, "resample_filter": [1, 2, 3, 4]},
        {"resolution": 16, "architecture": "orig"},
        {"resolution": 32, "architecture": "resnet", "channels": [12, 9, 8, 5]},
        {"resolution": 16, "architecture": "resnet", "conv_clamp": 0.8},
    ],
    ids=str,
)
def test_synthesis_follows_the_paper(overrides, noise):
    generator = tiny_generator(**overrides)
    rng = np.random.default_rng(0)
    ws = rng.standard_normal((3, generator.n_ws, generator.w_dim)).astype(np.float32)
    image, maps = reference_synthesis(generator.module, torch.from_numpy(ws), noise)
    features = generator.features(ws, noise=noise)
    assert list(features) == list(maps) == [layer.name for layer in generator.layers]
    for name, expected in maps.items():
        scale = expected.abs().max().item()
        np.testing.assert_allclose(features[name], expected.numpy(), atol=1e-5 * scale, rtol=0)
    scale = image.abs().max().item()
    np.testing.assert_allclose(
        generator.synthesis(ws, noise=noise), image.numpy(), atol=1e-5 * scale, rtol=0
    )


@pytest.mark.parametrize("band_elements", [1, 300, 1500])
@pytest.mark.parametrize("clamp", [None, 0.8])
def test_bands_of_rows_equal_whole_maps(monkeypatch, band_elements, clamp):
    generator = tiny_generator(32, channels=[12, 9, 8, 5], conv_clamp=clamp)
    ws = np.random.default_rng(0).standard_normal((2, generator.n_ws, generator.w_dim))
    image, maps = reference_synthesis(generator.module, torch.from_numpy(ws).float(), "const")
    monkeypatch.setattr(_row_bands, "BAND_ELEMENTS", band_elements)
    found = generator.features(ws) | {"image": generator.synthesis(ws)}
    for name, expected in (maps | {"image": image}).items():
        scale = expected.abs().max().item()
        np.testing.assert_allclose(found[name], expected.numpy(), atol=1e-5 * scale, rtol=0)


def test_random_noise_is_that_of_the_maps_as_a_whole(monkeypatch):
    module = tiny_module(32)
    ws = torch.randn(2, module.config.n_ws, 7)
    torch.manual_seed(3)
    whole = module.synthesis(ws.requires_grad_(True), noise_mode="random").detach()
    monkeypatch.setattr(_row_bands, "BAND_ELEMENTS", 500)
    torch.manual_seed(3)
    with torch.inference_mode():
        torch.testing.assert_close(module.synthesis(ws, "random"), whole, rtol=1e-4, atol=1e-5)


def test_hooks_of_layers_see_whole_maps_during_an_image():
    generator = tiny_generator(32)
    ws = np.zeros((2, 7), np.float32)
    expected, image = generator.features(ws), generator.synthesis(ws)
    seen = {}
    for name in expected:
        layer = generator.module.synthesis.get_submodule(name)
        layer.register_forward_hook(lambda *parts, name=name: seen.update({name: parts[-1]}))
    np.testing.assert_allclose(generator.synthesis(ws), image, atol=1e-5)
    for name, maps in expected.items():
        np.testing.assert_array_equal(seen[name].numpy(), maps)


def test_mapping_follows_the_paper():
    generator = tiny_generator()
    z = generator.sample_z(4, random_state=0)
    x = z / np.sqrt((z**2).mean(axis=1, keepdims=True) + 1e-8)
    for i in range(2):
        layer = getattr(generator.module.mapping, f"fc{i}")
        weight, bias = layer.weight.numpy(), layer.bias.numpy()
        x = x @ weight.T * 0.01 / np.sqrt(x.shape[1]) + bias * 0.01
        x = np.where(x > 0, x, 0.2 * x) * np.sqrt(2)
    np.testing.assert_allclose(generator.mapping(z), x, rtol=1e-4, atol=1e-6)
    half = generator.w_avg + 0.5 * (x - generator.w_avg)
    np.testing.assert_allclose(generator.mapping(z, truncation_psi=0.5), half, rtol=1e-4, atol=1e-5)
    for psi in (1e300, np.nan, "half"):
        with pytest.raises(ValueError, match="is not a number from -10 to 10"):
            generator.mapping(z, truncation_psi=psi)


@pytest.mark.parametrize("architecture", ["skip", "orig", "resnet"])
def test_architectures_train_and_freeze_to_the_same_image(architecture):
    module = tiny_module(16, architecture=architecture)
    ws = torch.randn(2, module.config.n_ws, 7)
    frozen = module.synthesis(ws)
    module.requires_grad_(True)
    trained = module.synthesis(ws)
    torch.testing.assert_close(frozen, trained.detach(), rtol=1e-5, atol=1e-5)
    trained.square().sum().backward()
    missing = [n for n, p in module.synthesis.named_parameters() if p.grad is None]
    assert not missing


def test_forward_stops_after_the_last_layer():
    generator = tiny_generator(32)
    ran = []
    for name, _, layer in generator.module.synthesis.modulated():
        layer.register_forward_hook(lambda *_, name=name: ran.append(name))
    generator.features(np.zeros((1, 7)), layers=["b4.conv1", "b8.conv0"])
    assert ran == ["b4.conv1", "b8.conv0"]


def test_all_shapes_of_latents_give_the_same_image():
    generator = tiny_generator()
    w = generator.mapping(generator.sample_z(2, random_state=0))
    w_plus = np.repeat(w[:, None], generator.n_ws, axis=1)
    image = generator.synthesis(w)
    np.testing.assert_array_equal(image, generator.synthesis(w_plus))
    np.testing.assert_array_equal(image, generator.synthesis(w_plus.reshape(2, -1)))
    np.testing.assert_allclose(
        image, generator.synthesis_from_styles(generator.styles(w)), rtol=1e-6, atol=1e-6
    )
    frozen = w_plus.copy()
    frozen.flags.writeable = False
    np.testing.assert_array_equal(image, generator.synthesis(frozen))


def test_conditional_generator_needs_classes():
    generator = tiny_generator(c_dim=3)
    z = generator.sample_z(2, random_state=0)
    with pytest.raises(ValueError, match="conditional: give c, a class from 0 to 2"):
        generator.mapping(z)
    with pytest.raises(ValueError, match="classes from 0 to 2"):
        generator.mapping(z, c=3)
    assert not np.allclose(generator.mapping(z, c=0), generator.mapping(z, c=[1, 2]))
    with pytest.raises(ValueError, match="has no classes"):
        tiny_generator().mapping(z, c=0)


def test_wrong_input_is_named():
    generator = tiny_generator()
    with pytest.raises(ValueError, match=r"\(2, 9\) do not fit.*\(n, 28\).*'tiny' takes only"):
        generator.synthesis(np.zeros((2, 9)))
    with pytest.raises(ValueError, match=r"no layers \['b99.conv0'\]; it has \['b4.conv1'"):
        generator.features(np.zeros((1, 7)), layers=["b99.conv0"])
    with pytest.raises(ValueError, match="noise must be one of"):
        generator.synthesis(np.zeros((1, 7)), noise="random")
    with pytest.raises(ValueError, match=r"\(n, z_dim\) = \(n, 5\)"):
        generator.mapping(np.zeros((1, 6)))


def test_pickles_hold_a_reference_or_the_weights(tmp_path):
    embedded = tiny_generator()
    w = embedded.mapping(embedded.sample_z(2, random_state=0))
    copy = pickle.loads(pickle.dumps(embedded))
    np.testing.assert_array_equal(copy.synthesis(w), embedded.synthesis(w))

    path = tmp_path / "tiny.safetensors"
    save_network(embedded.module, path, card={"data": "none"})
    loaded = load_generator(path)
    assert loaded.card == {"data": "none"}
    blob = pickle.dumps(loaded)
    assert len(blob) < 1000
    np.testing.assert_array_equal(pickle.loads(blob).synthesis(w), embedded.synthesis(w))

    save_network(tiny_module(seed=5), path)
    with pytest.raises(ValueError, match="has changed: its SHA-256 is"):
        pickle.loads(blob)
    path.unlink()
    with pytest.raises(FileNotFoundError, match="neither a bundled name"):
        pickle.loads(blob)


def test_a_replaced_file_is_noticed_whatever_its_times_say(tmp_path, monkeypatch):
    path = tmp_path / "tiny.safetensors"
    save_network(tiny_module(), path)
    times = path.stat().st_atime_ns, path.stat().st_mtime_ns
    blob = pickle.dumps(load_generator(path))
    save_network(tiny_module(seed=5), path)  # of the same size
    os.utime(path, ns=times)
    with pytest.raises(ValueError, match=r"tiny\.safetensors has changed"):
        pickle.loads(blob)
    for expected in ("0" * 64, load_generator("faces64").sha256):
        with pytest.raises(ValueError, match=r"tiny\.safetensors has changed"):
            load_generator(path, expected_sha256=expected)

    # Replaced between the hash and the reading, its weights would go by the hash of others.
    def replaced(read_from, settings):
        save_network(tiny_module(seed=6), path)
        return None, {}

    monkeypatch.setattr(Generator, "_read", staticmethod(replaced))
    with pytest.raises(ValueError, match=r"tiny\.safetensors has changed"):
        load_generator(path)


def test_weights_are_found_through_the_search_path(tmp_path, monkeypatch):
    save_network(tiny_module(), tmp_path / "mine.safetensors")
    with pytest.raises(FileNotFoundError, match=r"SKSTYLEFEAT_WEIGHTS \(not set\)"):
        load_generator("elsewhere/mine.safetensors")
    monkeypatch.setenv("SKSTYLEFEAT_WEIGHTS", str(tmp_path))
    assert load_generator("elsewhere/mine.safetensors").resolution == 8


def test_error_of_a_damaged_state_names_the_tensors(tmp_path):
    module = tiny_module()
    state = module.state_dict()
    from skstylefeat.networks.checkpoints._safetensors import build_network

    broken = {key: value for key, value in state.items() if key != "synthesis.b4.const"}
    broken["synthesis.b8.conv1.bias"] = torch.zeros(99)
    with pytest.raises(ValueError, match=r"lacks \['synthesis.b4.const'\].*\(99,\) instead of"):
        build_network(module.config, broken, "file.pt")


def test_statistics_of_a_conditional_generator_are_over_its_classes():
    module = tiny_module(8, c_dim=3)
    mean, basis = w_statistics(module)
    z = torch.randn(3000, module.config.z_dim, generator=torch.Generator().manual_seed(1))
    with torch.no_grad():
        w = torch.cat([module.mapping(z, labels.expand(3000, -1)) for labels in torch.eye(3)])
    spread = w.std(dim=0)
    assert ((mean - w.mean(dim=0)).abs() < 0.15 * spread).all()
    assert ((basis.T @ basis).diagonal().sqrt() / spread - 1).abs().max() < 0.15
