"""Devices that a machine lacks: refused in one sentence before any file is read."""

import numpy as np
import pytest
import torch
from PIL import Image

from skstylefeat import StyleGANInverter, load_encoder, load_generator
from skstylefeat.__main__ import main
from skstylefeat.features import FeatureMapExtractor
from skstylefeat.networks import Encoder, Generator, PerceptualNetwork, load_perceptual
from skstylefeat.networks._base import resolve_device
from tests.support.networks import tiny_encoder, tiny_generator, tiny_module

ABSENT = ["meta", "xla", "hpu", "gpu", "", "cuda:99", "privateuseone", "cuda:x", 3, True, 1.5]
if not torch.cuda.is_available():
    ABSENT += ["cuda", "cuda:7", torch.device("cuda")]
if not torch.backends.mps.is_available():
    ABSENT += ["mps"]


def refused(device):
    return pytest.raises(ValueError, match=r"device=.*Use 'auto' .* or 'cpu'\.$")


@pytest.mark.parametrize("device", ABSENT, ids=repr)
def test_no_network_is_loaded_for_an_absent_device(device, tmp_path):
    missing = tmp_path / "missing.pt"  # so the device is checked before the file is opened
    for load in (load_generator, load_encoder, load_perceptual):
        with refused(device) as caught:
            load(missing, device=device)
        assert len(str(caught.value)) < 300
    module = tiny_module(8)
    for network in (Generator, Encoder, PerceptualNetwork):
        with refused(device):
            network(module, device=device)
    with refused(device):
        load_perceptual(torch.nn.Conv2d(3, 3, 1), device=device)
    generator = tiny_generator()
    for network in (generator, tiny_encoder(generator)):
        with refused(device):
            network.to(device)
        with refused(device):
            type(network).to(network, device)


@pytest.mark.parametrize("device", [device for device in ABSENT if isinstance(device, str)])
def test_no_estimator_is_fitted_for_an_absent_device(device, tmp_path):
    with refused(device):
        StyleGANInverter(tmp_path / "missing.pt", device=device).fit([tmp_path / "missing.png"])
    with refused(device):
        FeatureMapExtractor(tmp_path / "missing.pt", device=device).fit(np.zeros((1, 28)))


@pytest.mark.parametrize("device", [3, None, torch.device("cpu")], ids=repr)
def test_devices_of_estimators_are_names(device):
    for estimator in (StyleGANInverter(device=device), FeatureMapExtractor(device=device)):
        with pytest.raises(ValueError, match="'device' parameter"):
            estimator.fit(np.zeros((1, 28), np.float32))


@pytest.mark.parametrize(
    "parameters",
    [
        {"batch_size": 0},
        {"batch_size": 2.5},
        {"batch_size": "64"},
        {"n_jobs": 0},
        {"n_jobs": 1.5},
        {"n_jobs": "2"},
    ],
    ids=repr,
)
def test_numbers_of_jobs_and_images_are_checked_in_fit(parameters):
    name = next(iter(parameters))
    pixels = np.zeros((2, 64, 64, 3), np.uint8)
    with pytest.raises(ValueError, match=name):
        StyleGANInverter(**parameters).fit(pixels)
    with pytest.raises(ValueError, match=name):
        FeatureMapExtractor(**parameters).fit(np.zeros((1, 1280), np.float32))


def test_the_cpu_and_its_names():
    assert {str(resolve_device(name)) for name in ("cpu", "cpu:0", torch.device("cpu"))} == {"cpu"}


def test_commands_end_with_a_sentence(tmp_path, capsys):
    (tmp_path / "photos").mkdir()
    Image.fromarray(np.zeros((8, 8, 3), np.uint8)).save(tmp_path / "photos" / "a.png")
    commands = [
        ["annotate", str(tmp_path / "photos"), "--classes", "a,b", "--no-page"],
        ["--out", str(tmp_path / "out")],
    ]
    for words in commands:
        assert main([*words, "--device", "meta"]) == 2
        out, err = capsys.readouterr()
        assert "--device meta cannot be used" in err and "Traceback" not in err
        assert "Inverting" not in out
