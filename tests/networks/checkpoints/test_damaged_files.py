"""Damaged files: an error for each, however they came to be wrong, or sound tensors."""

import json
import pickletools

import pytest
import torch
from safetensors.torch import save_file

from skstylefeat.exceptions import CheckpointError
from skstylefeat.networks.checkpoints import _read as checkpoints
from skstylefeat.networks.checkpoints._safetensors import build_network, save_network
from skstylefeat.networks.encoders._native import EncoderConfig, EncoderNetwork
from tests.support import checkpoint_writers as writers
from tests.support import tensorflow_writers
from tests.support.hostile_files import read_as_network, spoil
from tests.support.networks import tiny_module

FORMATS = {
    "nvidia": writers.write_nvidia,
    "PTI": writers.write_pti,
    "TensorFlow": tensorflow_writers.write_stylegan2,
    "rosinality": writers.write_rosinality,
    "rosinality, old torch": lambda path, m: writers.write_rosinality(path, m, legacy=True),
    "ours": lambda path, m: save_network(m, path),
}


def check_refused(path):
    """No reader takes the file, and each error names it; the corpus has the limits."""
    for reader, answer in read_as_network(path).items():
        assert isinstance(answer, dict), reader
        assert str(path) in answer["message"], reader


@pytest.fixture(scope="module")
def sound_files(tmp_path_factory):
    """Return the bytes of one sound file of each format."""
    folder = tmp_path_factory.mktemp("sound")
    contents = {}
    for number, (name, write) in enumerate(FORMATS.items()):
        path = folder / str(number)
        write(path, tiny_module(8, channels=(3, 2), z_dim=7))
        checkpoints.read_generator(path)
        contents[name] = path.read_bytes()
    return contents


@pytest.mark.parametrize("seed", range(12))
@pytest.mark.parametrize("name", FORMATS)
def test_flipped_bits_give_an_error_or_sound_tensors(tmp_path, sound_files, name, seed):
    """A flip in a weight of a pickle cannot be told from a weight; all else must be an error."""
    rng = torch.Generator().manual_seed(seed)
    data = bytearray(sound_files[name])
    for position in torch.randint(len(data), (1 + 20 * (seed % 3),), generator=rng).tolist():
        data[position] ^= 1 << (position % 8)
    path = tmp_path / "file.pt"
    path.write_bytes(data)
    try:
        config, state, _ = checkpoints.read_generator(path)
    except CheckpointError as error:
        assert str(path) in str(error)
    else:
        build_network(config, state, str(path))
        assert all(torch.isfinite(value).all() for value in state.values())


def test_flipped_weights_of_a_torch_file_are_noticed(tmp_path, sound_files):
    data = bytearray(sound_files["rosinality"])
    weights = tiny_module(8, channels=(3, 2), z_dim=7).state_dict()["mapping.fc0.weight"]
    start = bytes(data).index(weights.numpy().tobytes())
    data[start + 5] ^= 1
    path = tmp_path / "file.pt"
    path.write_bytes(data)
    with pytest.raises(CheckpointError, match="checksum"):
        checkpoints.read_generator(path)


@pytest.mark.parametrize("name", ["nvidia", "TensorFlow"])
def test_instructions_cut_at_every_place(tmp_path, sound_files, name):
    """End the pickle after each of its instructions."""
    data = sound_files[name]
    positions = [position for _, _, position in pickletools.genops(data)][1:-1]
    path = tmp_path / "file.pt"
    for position in positions[:: max(1, len(positions) // 150)]:
        path.write_bytes(data[:position])
        with pytest.raises(CheckpointError):
            checkpoints.read_generator(path)
        path.write_bytes(data[:position] + b".")
        with pytest.raises(CheckpointError):
            checkpoints.read_generator(path)


@pytest.mark.parametrize(
    "how", ["missing", "extra", "empty", "one number more", "another dimension", "not finite"]
)
@pytest.mark.parametrize("names", ["nvidia", "rosinality", "ours"])
def test_wrong_tensors_are_refused(tmp_path, names, how):
    module = tiny_module(8, channels=(3, 2), z_dim=7)
    state = writers.rosinality_state(module) if names == "rosinality" else module.state_dict()
    path = tmp_path / "file.pt"
    keys = [key for key in state if not key.endswith(("kernel", "w_avg"))]
    refused = 0
    for key in keys[:: max(1, len(keys) // 12)]:
        spoiled = spoil(state, how, key)
        if names == "ours":
            config = {
                "format": "skstylefeat.generator",
                "config": json.dumps(module.config.to_dict()),
            }
            tensors = {k: v.contiguous().clone() for k, v in spoiled.items()}
            save_file(tensors, path, metadata=config)
        else:
            torch.save({"g_ema": spoiled, "latent_avg": module.mapping.w_avg}, path)
        is_noise = "noise" in key and how == "missing" and names == "rosinality"
        if is_noise and key.startswith("noises"):
            checkpoints.read_generator(path)  # drawn anew
        elif names == "rosinality" and how == "another dimension" and value_is_flat(key):
            pass  # axes of one element, which the format itself has in some versions
        else:
            check_refused(path)
            refused += 1
    assert refused >= 4


def value_is_flat(key):
    return key.startswith(("noises", "to_rgb", "input")) or "noise.weight" in key


def in_one_piece(module):
    """Return a module's tensors as safetensors takes them, without its order in memory."""
    return {name: x.contiguous() for name, x in module.state_dict().items()}


@pytest.mark.parametrize(
    "change",
    [
        {"resolution": 1 << 40},
        {"resolution": 12},
        {"resolution": -8},
        {"resolution": "8"},
        {"resolution": None},
        {"resolution": 1e400},
        {"channels": [1 << 40, 2]},
        {"channels": [-1, 2]},
        {"channels": [3, 2, 1]},
        {"channels": 5},
        {"channels": "3x"},
        {"channels": [1 << 15, 1 << 15]},
        {"w_dim": 1 << 31},
        {"w_dim": 0},
        {"w_dim": [7]},
        {"z_dim": 1 << 62},
        {"n_mapping": 1 << 30},
        {"n_mapping": -1},
        {"n_mapping": 2.5},
        {"c_dim": 1 << 40},
        {"img_channels": 1 << 33},
        {"architecture": "x"},
        {"architecture": ["skip"]},
        {"conv_clamp": "x"},
        {"conv_clamp": -1},
        {"conv_clamp": float("nan")},
        {"resample_filter": [1, 3, 3]},
        {"resample_filter": ["a", "b", "c", "d"]},
        {"resample_filter": [float("inf")] * 4},
        {"unknown": 1},
    ],
)
def test_absurd_architectures_are_refused(tmp_path, change):
    module = tiny_module(8, channels=(3, 2), z_dim=7)
    config = module.config.to_dict() | change
    metadata = {"format": "skstylefeat.generator", "config": json.dumps(config)}
    path = tmp_path / "file.safetensors"
    save_file(in_one_piece(module), path, metadata=metadata)
    check_refused(path)


@pytest.mark.parametrize(
    "text",
    ["", "{", "[]", "5", "null", '"x"', "{}", "[" * 100_000, '{"resolution": ' + "9" * 5000 + "}"],
)
def test_absurd_metadata_is_refused(tmp_path, text):
    path = tmp_path / "file.safetensors"
    for kind in ("generator", "encoder"):
        metadata = {"format": f"skstylefeat.{kind}", "config": text}
        save_file(in_one_piece(tiny_module(8)), path, metadata=metadata)
        check_refused(path)


@pytest.mark.parametrize(
    "change",
    [
        {"widths": [1 << 20, 1 << 20]},
        {"widths": [1 << 15, 1 << 15]},
        {"resolution": 1 << 30},
        {"n_ws": 1 << 40},
        {"w_dim": 1 << 16},
        {"hidden": 1 << 16},
        {"hidden": "x"},
    ],
)
def test_absurd_encoders_are_refused(tmp_path, change):
    network = EncoderNetwork(EncoderConfig.for_generator(tiny_module(8)))
    config = network.config.to_dict() | change
    metadata = {"format": "skstylefeat.encoder", "config": json.dumps(config)}
    path = tmp_path / "file.safetensors"
    save_file(network.state_dict(), path, metadata=metadata)
    check_refused(path)
