"""Hostile files in processes with limits: an error that names the file, soon, in little memory.

Every file is read as a generator, as an encoder and as a perceptual network, and described by
`inspect` and `convert`. The files are calls of dangerous functions in every form, bombs of time and
memory, and cut, changed and misnamed files.
"""

import json
import sys

import pytest
import torch
from safetensors.torch import save_file

from skstylefeat.networks.checkpoints._safetensors import save_network
from tests.support import checkpoint_writers as writers
from tests.support import tensorflow_writers
from tests.support.alias_free import alias_free_module, write_alias_free
from tests.support.hostile_files import SPOILERS, spoil
from tests.support.hostile_pickles import BOMBS, CALLS, GADGETS, PLACES
from tests.support.hostile_tensorflow import HOSTILE
from tests.support.limited_process import read_files
from tests.support.networks import tiny_module

pytestmark = pytest.mark.skipif(sys.platform != "linux", reason="limits of Linux")

READERS = ("generator", "encoder", "perceptual", "convert", "inspect")
MAX_SECONDS, MAX_BYTES = 20, 256 << 20
CANARY = "skstylefeat_test_canary"
FRACTIONS = (0.001, 0.01, 0.1, 0.3, 0.5, 0.7, 0.9, 0.99, 0.9999)


def small_alias_free():
    """Return a StyleGAN3 generator of three layers."""
    return alias_free_module(16, channels=[2, 3, 2], n_critical=1)


FORMATS = {
    "nvidia": writers.write_nvidia,
    "StyleGAN3": lambda path, _: write_alias_free(path, small_alias_free()),
    "PTI": writers.write_pti,
    "TensorFlow": tensorflow_writers.write_stylegan2,
    "rosinality": writers.write_rosinality,
    "old torch": lambda path, m: writers.write_rosinality(path, m, legacy=True),
    "ours": lambda path, m: save_network(m, path),
    "pSp": lambda path, m: writers.write_psp(
        path,
        writers.psp_state("SingleStyleCodeEncoder", n_ws=4, w_dim=7),
        m,
        encoder_type="SingleStyleCodeEncoder",
    ),
}
ABSURD = [
    {"resolution": 1 << 40},
    {"resolution": 1e400},
    {"channels": [1 << 40, 2]},
    {"channels": [1 << 15, 1 << 15]},
    {"w_dim": 1 << 31},
    {"z_dim": 1 << 62},
    {"n_mapping": 1 << 30},
    {"c_dim": 1 << 40},
    {"img_channels": 1 << 33},
    {"conv_clamp": float("nan")},
]


def _calls(folder):
    """Write each gadget in every form, in places that go round, and every form in all places."""
    for gadget in GADGETS:
        for number, call in enumerate(CALLS):
            place = PLACES[(number + len(gadget)) % len(PLACES)]
            data = place(call(gadget, "touch mark"))
            (folder / f"call-{gadget}-{number}.pkl").write_bytes(data)
    for i, place in enumerate(PLACES):
        for j, call in enumerate(CALLS):
            (folder / f"call-{CANARY}.run-{i}-{j}.pt").write_bytes(
                place(call(f"{CANARY}.run", "x"))
            )


def _bombs(folder):
    for number, data in enumerate(BOMBS.values()):
        (folder / f"bomb-{number}.pt").write_bytes(data)
    for number, make in enumerate(HOSTILE.values()):
        tensorflow_writers.dump(folder / f"bomb-tensorflow-{number}.pkl", make())


def _damaged(folder, sound):
    for name, data in sound.items():
        for fraction in FRACTIONS:
            cut = data[: max(1, int(len(data) * fraction))]
            (folder / f"cut-{name}-{fraction}.pt").write_bytes(cut)
        for seed in range(12):
            changed = bytearray(data)
            rng = torch.Generator().manual_seed(seed)
            places = torch.randint(len(data), (1 + 20 * (seed % 3),), generator=rng).tolist()
            for place in places:
                changed[place] ^= 1 << (place % 8)
            (folder / f"flip-{name}-{seed}.pt").write_bytes(changed)


def _wrong(folder, module, kind="", optional=("w_avg",)):
    state = {key: value.contiguous() for key, value in module.state_dict().items()}
    for how in ("missing", "extra", *SPOILERS):
        for number, key in enumerate(list(state)[::5]):
            spoiled = {k: v.clone() for k, v in spoil(state, how, key).items()}
            if how != "missing" or not key.endswith(optional):
                torch.save({"g_ema": spoiled}, folder / f"wrong-{kind}{how}-{number}.pt")
    for number, change in enumerate(ABSURD):
        config = json.dumps(module.config.to_dict() | change)
        metadata = {"format": f"skstylefeat.{kind}generator", "config": config}
        save_file(state, folder / f"wrong-{kind}config-{number}.safetensors", metadata=metadata)


def _strangers(folder):
    contents = {
        "empty": b"",
        "text": b"some words\n" * 100,
        "table": b"file,label\na.png,1\n",
        "page": b"<!DOCTYPE html><html></html>",
        "image": b"\x89PNG\r\n\x1a\n" + bytes(500),
        "photo": b"\xff\xd8\xff\xe0\x00\x10JFIF" + bytes(500),
        "program": b"\x7fELF" + bytes(500),
        "script": b"#!/bin/sh\ntouch mark\n",
        "gzip": b"\x1f\x8b\x08" + bytes(500),
        "hdf5": b"\x89HDF\r\n\x1a\n" + bytes(500),
        "zeros": bytes(1 << 16),
        "ones": b"\xff" * (1 << 16),
    }
    for name, data in contents.items():
        (folder / f"stranger-{name}.pkl").write_bytes(data)
    torch.save(torch.zeros(5, 18, 512), folder / "stranger-latents.pt")
    torch.save({"net": torch.nn.Linear(3, 3).state_dict()}, folder / "stranger-layer.pt")
    (folder / "stranger-folder").mkdir()


@pytest.fixture(scope="module")
def outcomes(tmp_path_factory):
    """Provide the outcome of reading every file, by its name without the folder."""
    folder = tmp_path_factory.mktemp("corpus")
    # The module would leave a mark when it is imported.
    (folder / f"{CANARY}.py").write_text("open('mark', 'w').close()\ndef run(*_): pass\n")
    module = tiny_module(8, channels=(3, 2), z_dim=7)
    sound = {}
    warm_up = []
    for number, (name, write) in enumerate(FORMATS.items()):
        warm_up.append(folder / f"sound-{number}")
        write(warm_up[-1], module)
        sound[name] = warm_up[-1].read_bytes()
    _calls(folder)
    _bombs(folder)
    _damaged(folder, sound)
    _wrong(folder, module)
    _wrong(folder, small_alias_free(), "stylegan3_", ("w_avg", "transform"))
    _strangers(folder)
    files = [file for file in sorted(folder.iterdir()) if "-" in file.name and file not in warm_up]

    sys.path.insert(0, str(folder))
    try:
        found = read_files(
            "tests.support.hostile_files:read_as_network",
            files,
            memory=1 << 30,
            seconds=MAX_SECONDS,
            warm_up=warm_up,
        )
    finally:
        sys.path.remove(str(folder))
    return dict(zip((file.name for file in files), found, strict=True))


def test_the_corpus_is_large(outcomes):
    assert len(outcomes) >= 1000


def test_no_file_kills_blocks_or_runs_anything(outcomes):
    wrong = [(name, one) for name, one in outcomes.items() if one.kind != "read" or one.ran]
    assert not wrong


def test_no_file_takes_much_memory(outcomes):
    assert not {name: one.memory for name, one in outcomes.items() if one.memory > MAX_BYTES}


def test_every_reader_names_the_file(outcomes):
    for name, outcome in outcomes.items():
        for reader in READERS:
            answer = outcome.value[reader]
            if answer in ("read", "not tried"):  # a changed weight cannot be told from a weight
                assert name.startswith(("flip", "cut-pSp", "wrong")), (name, reader)
            else:
                assert name in answer["message"], (name, reader, answer)
                assert answer["length"] < 2000, (name, reader)


def test_calls_are_refused_by_name(outcomes):
    calls = {name: one for name, one in outcomes.items() if name.startswith("call-")}
    assert len(calls) >= len(GADGETS) * len(CALLS)
    for name, outcome in calls.items():
        gadget = name.split("-")[1]
        for reader in READERS:
            answer = outcome.value[reader]
            assert gadget in answer["message"], (name, reader, answer)
            is_raised = reader != "inspect"
            expected = "UnsafeCheckpointError" if is_raised else "CheckpointError"
            assert answer["error"] == expected, (name, reader, answer)


def test_no_wrong_file_is_read_as_a_generator(outcomes):
    for name, outcome in outcomes.items():
        if not name.startswith("flip"):
            assert outcome.value["generator"] != "read", name
        assert outcome.value["convert"] != "read", name
