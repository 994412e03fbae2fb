"""Hostile files of StyleGAN1 and of GenForce, in a process with limits.

Cut and changed files, tensors that do not fit, and small files of networks that would be large:
each gives an error that names it, soon, in little memory.
"""

import json
import sys

import numpy as np
import pytest
import torch
from safetensors.torch import save_file

from skstylefeat.networks.checkpoints._read import read_generator
from tests.support import genforce_writers as writers
from tests.support.hostile_files import SPOILERS, spoil
from tests.support.limited_process import read_files

pytestmark = pytest.mark.skipif(sys.platform != "linux", reason="limits of Linux")

READERS = ("generator", "encoder", "perceptual", "convert", "inspect")
MAX_SECONDS, MAX_BYTES = 20, 256 << 20
SMALL = {"resolution": 8, "channels": (3, 2), "n_mapping": 2}
STATES = {
    "first": writers.genforce_stylegan1(**SMALL, hidden=4),
    "second": writers.genforce_stylegan2(**SMALL),
}
ABSURD = [
    {"resolution": 1 << 40},
    {"channels": [1 << 40, 2]},
    {"channels": [1 << 15, 1 << 15]},
    {"mapping_width": 1 << 31},
    {"z_dim": 1 << 62},
    {"n_mapping": 1 << 30},
    {"n_mapping": 0},
    {"c_dim": 1 << 40},
    {"blur_filter": [float("nan"), 1, 1]},
    {"blur_filter": [1] * 1000},
    {"blur_filter": 3},
]


def _sound(folder):
    for name, state in STATES.items():
        torch.save({"generator_smooth": state}, folder / f"sound-{name}.pth")
    writers.write_tensorflow_stylegan1(folder / "sound-tensorflow.pkl", STATES["first"])
    return sorted(folder.glob("sound-*"))


def _damaged(folder, sound):
    for file in sound:
        data = file.read_bytes()
        for fraction in (0.1, 0.9, 0.999):
            cut = data[: int(len(data) * fraction)]
            (folder / f"cut-{fraction}-{file.name}").write_bytes(cut)
        for seed in range(4):
            changed = bytearray(data)
            for place in np.random.RandomState(seed).randint(len(data), size=1 + 10 * (seed % 3)):
                changed[place] ^= 1 << (place % 8)
            (folder / f"flip-{seed}-{file.name}").write_bytes(changed)


def _wrong(folder, sound):
    for name, state in STATES.items():
        for how in ("missing", "extra", *SPOILERS):
            for number, key in enumerate(list(state)[3::14]):
                spoiled = {k: v.clone() for k, v in spoil(state, how, key).items()}
                torch.save(spoiled, folder / f"wrong-{name}-{how}-{number}.pth")
    config, tensors, _ = read_generator(sound[0])
    for number, change in enumerate(ABSURD):
        metadata = {
            "format": "skstylefeat.stylegan1_generator",
            "config": json.dumps(config.to_dict() | change),
        }
        tensors = {key: value.contiguous() for key, value in tensors.items()}
        save_file(tensors, folder / f"wrong-config-{number}.safetensors", metadata=metadata)


def _bombs(folder):
    """Write small files of networks that would be large."""
    state = STATES["first"]
    tall = {f"synthesis.layer{n}.bias": torch.ones(1) for n in range(20, 26)}
    torch.save(state | tall, folder / "wrong-tall.pth")
    quiet = {key: value for key, value in state.items() if "apply_noise" not in key}
    writers.write_tensorflow_stylegan1(
        folder / "wrong-tall.pkl", quiet | tall, use_noise=False, resolution=16384
    )
    for name, state in STATES.items():
        less = {key: value for key, value in state.items() if key != "truncation.w_avg"}
        wide = {
            "mapping.dense0.weight": torch.zeros(60_000, 5),
            "mapping.dense0.bias": torch.zeros(60_000),
            "mapping.dense1.weight": torch.zeros(7, 60_000),
        }
        torch.save(less | wide, folder / f"wrong-wide-{name}.pth")
        expanded = torch.zeros(1).expand(1 << 14, 1 << 14)
        torch.save(state | {"mapping.dense1.weight": expanded}, folder / f"wrong-same-{name}.pth")


@pytest.fixture(scope="module")
def outcomes(tmp_path_factory):
    """Provide the outcome of reading every file, by its name without the folder."""
    folder = tmp_path_factory.mktemp("corpus")
    sound = _sound(folder)
    _damaged(folder, sound)
    _wrong(folder, sound)
    _bombs(folder)
    files = [file for file in sorted(folder.iterdir()) if file not in sound]
    found = read_files(
        "tests.support.hostile_files:read_as_network",
        files,
        memory=1 << 30,
        seconds=MAX_SECONDS,
        warm_up=sound,
    )
    return dict(zip((file.name for file in files), found, strict=True))


def test_no_file_kills_blocks_or_takes_much_memory(outcomes):
    assert len(outcomes) > 70
    assert not [(name, one) for name, one in outcomes.items() if one.kind != "read" or one.ran]
    assert not {name: one.memory for name, one in outcomes.items() if one.memory > MAX_BYTES}


def test_every_reader_names_the_file(outcomes):
    for name, outcome in outcomes.items():
        for reader in READERS:
            answer = outcome.value[reader]
            if answer in ("read", "not tried"):  # a changed weight cannot be told from a weight
                assert name.startswith("flip"), (name, reader)
            else:
                assert name in answer["message"], (name, reader, answer)
                assert answer["length"] < 2000, (name, reader)
