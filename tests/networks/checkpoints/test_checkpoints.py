"""Files of other people's networks give the same generators and encoders as our own."""

import argparse

import numpy as np
import pytest
import torch
from safetensors.torch import save_model
from torch.nn import functional as F

from skstylefeat import load_encoder, load_generator
from skstylefeat._inert._contents import open_file
from skstylefeat.exceptions import CheckpointError
from skstylefeat.networks.checkpoints import _read as checkpoints
from skstylefeat.networks.checkpoints._safetensors import build_network, save_network
from skstylefeat.networks.encoders._native import EncoderConfig, EncoderNetwork
from tests.support import checkpoint_writers as writers
from tests.support import tensorflow_writers
from tests.support.networks import tiny_module

WRITERS = {
    "nvidia": writers.write_nvidia,
    "nvidia, channels last": lambda path, m: writers.write_nvidia(path, m, fp16=True),
    "nvidia, inside slideflow": lambda path, m: writers.write_nvidia(
        path, m, carrier="slideflow.gan.stylegan3.stylegan3."
    ),
    "PTI": writers.write_pti,
    "PTI, old torch": lambda path, m: writers.write_pti(path, m, legacy=True),
    "state dict": lambda path, m: torch.save({"G_ema": m.state_dict()}, path),
    "bare state dict": lambda path, m: torch.save(m.state_dict(), path),
    "DataParallel": lambda path, m: torch.save(
        {f"module.{k}": v for k, v in m.state_dict().items()}, path
    ),
    "rosinality": writers.write_rosinality,
    "rosinality, old torch": lambda path, m: writers.write_rosinality(path, m, legacy=True),
    "rosinality, training": lambda path, m: writers.write_rosinality(path, m, training=True),
    "TensorFlow, StyleGAN2": tensorflow_writers.write_stylegan2,
    "TensorFlow, ADA": lambda path, m: tensorflow_writers.write_stylegan2(path, m, version=5),
    "TensorFlow, Python 2": lambda path, m: tensorflow_writers.write_stylegan2(
        path, m, python2=True
    ),
    "pSp": lambda path, m: writers.write_psp(
        path,
        {"input_layer.0.weight": torch.zeros(1)},
        m,
        latent_avg=m.mapping.w_avg.repeat(m.config.n_ws, 1),
        encoder_type="Encoder4Editing",
    ),
    "safetensors' own": lambda path, m: save_model(m, path, metadata={"format": "pt"}),
    "ours": lambda path, m: save_network(m, path),
}


def read_module(path):
    config, state, _ = checkpoints.read_generator(path)
    return build_network(config, state, path)


def codes(module, n=2):
    torch.manual_seed(5)
    return torch.randn(n, module.config.n_ws, module.config.w_dim)


def run(module, ws):
    with torch.inference_mode():
        styles = module.synthesis.styles(ws)
        return {
            **dict(module.synthesis.steps(styles)),
            "image": module.synthesis.from_styles(styles),
        }


@pytest.mark.parametrize("suffix", [".pkl", ".pt", ".bin"])
@pytest.mark.parametrize("name", WRITERS)
def test_every_format_gives_the_same_network(tmp_path, name, suffix):
    module = tiny_module(16, channels=(6, 8, 4), z_dim=7)
    path = tmp_path / f"network{suffix}"
    WRITERS[name](path, module)
    config, state, card = checkpoints.read_generator(path)
    assert config == module.config
    expected = module.state_dict()
    assert state.keys() == expected.keys()
    for key, value in expected.items():
        assert torch.equal(state[key], value), key
    if name != "ours":
        assert card["format"]


@pytest.mark.parametrize("architecture", ["skip", "orig", "resnet"])
@pytest.mark.parametrize("clamp", [None, 0.5])
def test_nvidia_architectures(tmp_path, architecture, clamp):
    module = tiny_module(
        32,
        channels=(6, 8, 4, 5),
        w_dim=40,
        n_mapping=3,
        img_channels=1,
        architecture=architecture,
        conv_clamp=clamp,
        resample_filter=(1.0, 2.0, 4.0, 1.0),
    )
    path = tmp_path / "network.pkl"
    writers.write_nvidia(path, module)
    read = read_module(path)
    # The filter is stored normalized: its taps come back up to a factor.
    assert read.config.resample_filter == (0.25, 0.5, 1.0, 0.25)
    assert read.config.architecture == architecture
    assert read.config.conv_clamp == clamp
    ws = codes(module)
    for name, maps in run(module, ws).items():
        torch.testing.assert_close(run(read, ws)[name], maps, rtol=0, atol=1e-5)


@pytest.mark.parametrize("channels", [(2, 3), (30, 2)])  # small maps, and small weights
def test_upsampling_layer_is_zero_insertion_convolution_and_filter(channels):
    module = tiny_module(8, channels=channels, resample_filter=(1.0, 2.0, 4.0, 1.0))
    layer = module.synthesis.b8.conv0
    x, style = torch.randn(2, channels[0], 4, 4), torch.rand(2, channels[0]) + 0.5
    weight = layer.weight * style[:, None, :, None, None]
    weight = weight / (weight.square().sum(dim=(2, 3, 4), keepdim=True) + 1e-8).sqrt()
    zeros = torch.zeros(2, channels[0], 11, 11)
    zeros[:, :, 2:10:2, 2:10:2] = x
    taps = torch.tensor([1.0, 2.0, 4.0, 1.0]) / 4
    kernel = torch.outer(taps, taps).flip(0, 1).expand(channels[1], 1, 4, 4)
    rows = [F.conv2d(z[None], w.flip(2, 3), None) for z, w in zip(zeros, weight, strict=True)]
    y = F.conv2d(torch.cat(rows), kernel, padding=1, groups=channels[1])
    y = y + layer.noise_const * layer.noise_strength + layer.bias[:, None, None]
    expected = F.leaky_relu(y, 0.2) * 2**0.5
    with torch.no_grad():
        torch.testing.assert_close(layer(x, style, "const"), expected, rtol=1e-5, atol=1e-5)
    torch.testing.assert_close(layer(x, style, "const"), expected, rtol=1e-5, atol=1e-5)


def test_conditional_generator_takes_the_class(tmp_path):
    module = tiny_module(8, c_dim=4)
    path = tmp_path / "network.pkl"
    writers.write_nvidia(path, module)
    generator = load_generator(path)
    z = generator.sample_z(2, random_state=0)
    one, other = generator.mapping(z, c=1), generator.mapping(z, c=[1, 3])
    np.testing.assert_array_equal(one[0], other[0])
    assert np.abs(one[1] - other[1]).max() > 1e-3
    with pytest.raises(ValueError, match="conditional"):
        generator.mapping(z)


def test_network_without_noise_gets_noise_of_strength_zero(tmp_path):
    module = tiny_module(8)
    path = tmp_path / "network.pkl"
    writers.write_nvidia(path, module, with_noise=False)
    read = read_module(path)
    with torch.no_grad():
        for name, parameter in module.named_parameters():
            if name.endswith("noise_strength"):
                parameter.zero_()
    ws = codes(module)
    torch.testing.assert_close(run(read, ws)["image"], run(module, ws)["image"])


def test_other_learning_rate_of_the_mapping_network_is_folded(tmp_path, monkeypatch):
    module = tiny_module(8)
    real = writers._attributes

    def doubled(path, config):
        values = real(path, config)
        return values | {"bias_gain": 0.02} if path.startswith("mapping.fc") else values

    monkeypatch.setattr(writers, "_attributes", doubled)
    path = tmp_path / "network.pkl"
    writers.write_nvidia(path, module)
    read = read_module(path)
    torch.testing.assert_close(read.mapping.fc0.weight, 2 * module.mapping.fc0.weight)
    torch.testing.assert_close(read.mapping.fc1.bias, 2 * module.mapping.fc1.bias)


def test_missing_mean_is_estimated_the_same_every_time(tmp_path):
    module = tiny_module(8, z_dim=7)
    path = tmp_path / "network.pt"
    writers.write_rosinality(path, module, latent_avg=False)
    first, second = read_module(path), read_module(path)
    assert torch.equal(first.mapping.w_avg, second.mapping.w_avg)
    torch.manual_seed(11)
    with torch.inference_mode():
        sample = module.mapping(torch.randn(20_000, module.config.z_dim))
    error = (first.mapping.w_avg - sample.mean(dim=0)).abs() / sample.std(dim=0)
    assert error.max() < 0.05


def test_missing_noise_maps_are_drawn_the_same_every_time(tmp_path):
    module = tiny_module(8, z_dim=7)
    state = writers.rosinality_state(module)
    state = {key: value for key, value in state.items() if not key.startswith("noises.")}
    path = tmp_path / "network.pt"
    torch.save({"g_ema": state, "latent_avg": module.mapping.w_avg}, path)
    first, second = read_module(path), read_module(path)
    noise = first.synthesis.b8.conv0.noise_const
    assert torch.equal(noise, second.synthesis.b8.conv0.noise_const)
    assert noise.std() > 0.5


@pytest.mark.parametrize("dtype", [torch.float16, torch.float64, torch.bfloat16])
def test_other_precisions_become_float32(tmp_path, dtype):
    module = tiny_module(8)
    path = tmp_path / "network.pt"
    torch.save({key: value.to(dtype) for key, value in module.state_dict().items()}, path)
    _, state, _ = checkpoints.read_generator(path)
    for key, value in module.state_dict().items():
        assert state[key].dtype == torch.float32
        assert torch.equal(state[key], value.to(dtype).float()), key


def test_values_next_to_the_weights_are_read(tmp_path):
    path = tmp_path / "values.pt"
    options = {"a": [1, 2.5, "x", None, True], "b": {"c": (1, 2)}, "d": {1, 2}, "e": 2**70}
    data = {
        "opts": argparse.Namespace(**options),
        "size": torch.Size([2, 3]),
        "scalar": np.float64(0.25),
        "array": np.arange(4.0),
    }
    torch.save(data, path)
    tree = open_file(path).tree
    assert tree["opts"] == options
    assert tree["size"] == (2, 3)
    assert tree["scalar"] == 0.25


def test_other_activation_is_refused(tmp_path, monkeypatch):
    real = writers._attributes
    monkeypatch.setattr(
        writers, "_attributes", lambda path, config: real(path, config) | {"activation": "relu"}
    )
    path = tmp_path / "network.pkl"
    writers.write_nvidia(path, tiny_module(8))
    with pytest.raises(CheckpointError, match="activation"):
        checkpoints.read_generator(path)


@pytest.mark.parametrize(
    ("data", "match"),
    [
        ([1, 2], "list"),
        ({"a": 1}, "'a'"),
        ({}, "none"),
        ({"g_ema": {"x": torch.zeros(2)}}, "g_ema"),
        ({"state_dict": {"encoder.x": torch.zeros(2)}}, r"encoder\.x"),
    ],
)
def test_other_content_is_refused(tmp_path, data, match):
    path = tmp_path / "file.pt"
    torch.save(data, path)
    with pytest.raises(CheckpointError, match=match) as caught:
        checkpoints.read_generator(path)
    assert str(path) in str(caught.value)


def test_an_encoder_alone_is_no_generator(tmp_path):
    path = tmp_path / "file.pt"
    state = writers.psp_state("Encoder4Editing", n_ws=4, w_dim=7)
    writers.write_psp(path, state, encoder_type="Encoder4Editing")
    with pytest.raises(CheckpointError, match=r"file\.pt.*without its generator"):
        checkpoints.read_generator(path)


@pytest.mark.parametrize(
    "content", [b"", b"\x00", b"<!DOCTYPE html>", b"\x89PNG\r\n\x1a\n" + bytes(100), b"x" * 50]
)
def test_other_files_are_refused(tmp_path, content):
    path = tmp_path / "file.pt"
    path.write_bytes(content)
    for read in (checkpoints.read_generator, checkpoints.read_encoder):
        with pytest.raises(CheckpointError, match=r"file\.pt"):
            read(path)


def test_folder_is_refused(tmp_path):
    with pytest.raises(CheckpointError, match="folder"):
        checkpoints.read_generator(tmp_path)


def test_generator_and_encoder_files_are_told_apart(tmp_path):
    module = tiny_module(8, z_dim=7)
    ours, rosinality = tmp_path / "ours.safetensors", tmp_path / "theirs.pt"
    encoder_file = tmp_path / "encoder.safetensors"
    save_network(module, ours)
    writers.write_rosinality(rosinality, module)
    save_network(EncoderNetwork(EncoderConfig.for_generator(module)), encoder_file)
    for path in (ours, rosinality):
        with pytest.raises(CheckpointError, match="load_generator"):
            checkpoints.read_encoder(path)
    with pytest.raises(CheckpointError, match="load_encoder"):
        checkpoints.read_generator(encoder_file)
    encoder, _ = checkpoints.read_encoder(encoder_file)
    assert encoder.n_ws == module.config.n_ws


def test_the_file_is_not_changed_by_writing_to_its_tensors(tmp_path):
    path = tmp_path / "network.pkl"
    writers.write_nvidia(path, tiny_module(8))
    before = path.read_bytes()
    _, state, _ = checkpoints.read_generator(path)
    for value in state.values():
        value.zero_()
    assert path.read_bytes() == before


def test_public_loaders_read_a_pickle_and_the_encoder_made_for_it(tmp_path):
    module = tiny_module(8, z_dim=8, w_dim=8)
    network, encoder_path = tmp_path / "network.pkl", tmp_path / "e4e.pt"
    writers.write_nvidia(network, module)
    n_ws = module.config.n_ws
    state = writers.psp_state("Encoder4Editing", n_ws=n_ws, w_dim=8)
    writers.write_psp(encoder_path, state, module, encoder_type="Encoder4Editing")
    generator, encoder = load_generator(network), load_encoder(encoder_path)
    assert (encoder.n_ws, encoder.w_dim) == (generator.n_ws, generator.w_dim)
    images = np.random.default_rng(0).random((2, 256, 256, 3), dtype=np.float32)
    latents = encoder.encode(images)
    assert generator.synthesis(latents).shape == (2, 3, 8, 8)
    assert generator.features(latents)["b8.conv0"].shape == (2, 6, 8, 8)
