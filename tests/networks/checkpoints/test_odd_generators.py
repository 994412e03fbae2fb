"""Generators that are no RGB squares with usual filters, against the public code's images."""

import json
import pickle

import numpy as np
import pytest
import torch
from safetensors import safe_open
from safetensors.torch import save_file

from skstylefeat import load_generator
from skstylefeat.exceptions import CheckpointError
from skstylefeat.networks import Generator
from skstylefeat.networks.checkpoints import _read as checkpoints
from skstylefeat.networks.checkpoints import convert, inspect
from skstylefeat.networks.checkpoints._architecture_check import check_config
from skstylefeat.networks.stylegan2 import GeneratorConfig, _row_bands
from tests.support.checkpoint_writers import (
    rosinality_state,
    write_nvidia,
    write_pti,
    write_rosinality,
)
from tests.support.networks import numbered_codes, numbered_module, tiny_module
from tests.support.odd_generators import CONFIGS, IMAGES, NUMBERS

ARRAYS = np.load(IMAGES)
ROSINALITY = [name for name, (code, _) in CONFIGS.items() if "rosinality" in code]
NVIDIA = [name for name in CONFIGS if name not in ROSINALITY]
HUMAN = CONFIGS["rectangular skip"][1]


def nvidia_state(module):
    """Return a state dict in NVIDIA's names, with the filters of all layers and blocks."""
    config = module.config
    state = dict(module.state_dict())
    usual = torch.tensor([1.0, 3.0, 3.0, 1.0])
    for block in config.block_resolutions:
        for layer in ("conv0.", "conv1.", "skip.", ""):
            name = f"synthesis.b{block}.{layer}"
            if layer and f"{name}weight" not in state:
                continue
            # Layers that do not up-sample keep the default filter.
            taps = usual if layer == "conv1." else torch.tensor(config.resample_filter)
            state[f"{name}resample_filter"] = torch.outer(taps, taps) / taps.sum() ** 2
    return state


def write_state(path, module):
    state = {key: value.contiguous() for key, value in nvidia_state(module).items()}
    if path.suffix == ".safetensors":
        save_file(state, path)
    else:
        torch.save(state, path)


WRITERS = {
    "pickle": ("network.pkl", write_nvidia),
    "PTI": ("network.pt", write_pti),
    "state dict": ("network.pt", write_state),
    "safetensors": ("network.safetensors", write_state),
}


def check_images(name, generator):
    """Compare the images of a loaded generator with those of the public code."""
    codes, expected = numbered_codes(CONFIGS[name][1]), ARRAYS[name]
    np.testing.assert_allclose(generator.synthesis(codes), expected, atol=1e-5)
    # With gradients, maps and not weights are scaled, and no layer runs over bands.
    with torch.enable_grad():
        images = generator.module.synthesis(torch.from_numpy(codes))
    np.testing.assert_allclose(images.detach(), expected, atol=1e-5)


@pytest.mark.parametrize("writer", WRITERS)
@pytest.mark.parametrize("name", NVIDIA)
def test_files_in_nvidias_names(tmp_path, name, writer):
    config = CONFIGS[name][1]
    file, write = WRITERS[writer]
    write(tmp_path / file, numbered_module(config))
    is_state_dict = write is write_state
    assume = {"conv_clamp": config.conv_clamp, "lr_multiplier": 0.01, "activation": "lrelu"}
    generator = load_generator(tmp_path / file, assume=assume if is_state_dict else None)

    assert generator.module.config == config
    assert generator.image_size == ARRAYS[name].shape[2:]
    check_images(name, generator)


@pytest.mark.parametrize("name", ROSINALITY)
def test_files_in_rosinalitys_names(tmp_path, name):
    path = tmp_path / "network.pt"
    write_rosinality(path, numbered_module(CONFIGS[name][1]))
    generator = load_generator(path)
    assert generator.module.config == CONFIGS[name][1]
    check_images(name, generator)


def test_sizes_of_a_rectangular_generator(tmp_path):
    write_nvidia(tmp_path / "network.pkl", numbered_module(HUMAN))
    generator = load_generator(tmp_path / "network.pkl")
    assert generator.image_size == (32, 16) and generator.n_ws == 8
    sizes = [(layer.name, layer.height, layer.width) for layer in generator.layers]
    assert sizes[0] == ("b4.conv1", 4, 2) and sizes[-1] == ("b32.conv1", 32, 16)
    maps = generator.features(numbered_codes(HUMAN))
    assert [(name, *maps[name].shape[2:]) for name in maps] == sizes
    assert "image_size=(32, 16)" in repr(generator)


@pytest.mark.parametrize("size", [(4, 2), (3, 5), (1, 1)])
def test_bands_of_rows_change_nothing(monkeypatch, size):
    config = GeneratorConfig(16, const_size=size, **(NUMBERS | {"channels": (6, 6, 6)}))
    module = numbered_module(config)
    codes = torch.from_numpy(numbered_codes(config))
    with torch.enable_grad():
        expected = module.synthesis(codes).detach()
    assert expected.shape[2:] == (4 * size[0], 4 * size[1])
    monkeypatch.setattr(_row_bands, "BAND_ELEMENTS", 6 * expected.shape[3] * 3)  # three rows
    with torch.no_grad():
        torch.testing.assert_close(module.synthesis(codes), expected, rtol=0, atol=1e-5)


def test_our_own_files_keep_the_shape(tmp_path):
    module = numbered_module(HUMAN)
    Generator(module).save(tmp_path / "tall.safetensors")
    generator = load_generator(tmp_path / "tall.safetensors")
    assert generator.module.config == HUMAN
    copy = pickle.loads(pickle.dumps(generator.embedded()))
    assert copy.module.config == HUMAN
    codes = numbered_codes(HUMAN)
    np.testing.assert_array_equal(copy.synthesis(codes), generator.synthesis(codes))

    write_rosinality(tmp_path / "tall.pt", module)
    conversion = convert(tmp_path / "tall.pt", tmp_path / "converted.safetensors")
    assert conversion.generator.config["const_size"] == (4, 2)
    assert load_generator(tmp_path / "converted.safetensors").image_size == (32, 16)
    assert inspect(tmp_path / "tall.pt").generator.config["const_size"] == (4, 2)


def test_files_of_squares_are_as_before(tmp_path):
    Generator(tiny_module()).save(tmp_path / "square.safetensors")
    with safe_open(tmp_path / "square.safetensors", "pt") as file:
        assert "const_size" not in json.loads(file.metadata()["config"])
    assert load_generator(tmp_path / "square.safetensors").image_size == (8, 8)


def test_noise_that_a_rectangular_file_lacks(tmp_path):
    state = rosinality_state(numbered_module(HUMAN))
    bare = {key: value for key, value in state.items() if not key.startswith("noises.")}
    torch.save({"g_ema": bare}, tmp_path / "network.pt")
    generator = load_generator(tmp_path / "network.pt")
    assert generator.module.synthesis.b32.conv1.noise_const.shape == (32, 16)
    assert "noise maps" in generator.card["added"]

    silent = {
        key: v for key, v in nvidia_state(numbered_module(HUMAN)).items() if "noise" not in key
    }
    torch.save(silent, tmp_path / "silent.pt")
    assume = {"conv_clamp": None, "lr_multiplier": 0.01, "activation": "lrelu"}
    generator = load_generator(tmp_path / "silent.pt", assume=assume)
    assert generator.module.synthesis.b8.conv0.noise_const.shape == (8, 4)


CONST = "synthesis.b4.const"
SHAPES = {
    "no pixel": (6, 0, 4),
    "one axis": (6, 4),
    "four axes": (6, 4, 2, 1),
    "above all known": (6, 65, 4),
    "unlike the noise": (6, 4, 3),
    "turned": (6, 2, 4),
    "other channels": (5, 4, 2),
}


@pytest.mark.parametrize("family", ["NVIDIA", "rosinality"])
@pytest.mark.parametrize("name", SHAPES)
def test_constants_of_odd_shapes_are_refused(tmp_path, name, family):
    module = numbered_module(HUMAN)
    if family == "NVIDIA":
        data = nvidia_state(module) | {CONST: torch.zeros(SHAPES[name])}
    else:
        shape = (1, *SHAPES[name])
        data = {"g_ema": rosinality_state(module) | {"input.input": torch.zeros(shape)}}
    path = tmp_path / "network.pt"
    torch.save(data, path)
    with pytest.raises(CheckpointError, match=r"network\.pt"):
        checkpoints.read_generator(path)


@pytest.mark.parametrize(
    "size", [[4], "42", [4.0, 2], [-4, 2], [True, 2], [4, 1 << 40], [64, 64], None, {"h": 4}]
)
def test_our_files_with_odd_sizes_are_refused(tmp_path, size):
    module = numbered_module(HUMAN)
    config = HUMAN.to_dict() | {"const_size": size, "resolution": 1024}
    metadata = {"format": "skstylefeat.generator", "config": json.dumps(config)}
    tensors = {key: value.contiguous() for key, value in module.state_dict().items()}
    save_file(tensors, tmp_path / "network.safetensors", metadata)
    with pytest.raises(CheckpointError, match=r"network\.safetensors"):
        load_generator(tmp_path / "network.safetensors")


def test_images_above_all_limits_are_refused():
    config = GeneratorConfig(1024, (1,) * 9, const_size=(64, 4))
    with pytest.raises(CheckpointError, match="16384 x 1024 pixels, expected at most 8192"):
        check_config(config)


@pytest.mark.parametrize(
    ("n_channels", "note"),
    [(1, None), (3, None), (4, "alpha is left out"), (2, "2 channels")],
)
def test_the_card_names_channels_that_are_no_picture(tmp_path, n_channels, note):
    module = tiny_module(8, img_channels=n_channels)
    write_nvidia(tmp_path / "network.pkl", module)
    card = inspect(tmp_path / "network.pkl").generator.card
    assert (note is None and "images" not in card) or note in card["images"]
    assert note is None or note in str(inspect(tmp_path / "network.pkl"))
