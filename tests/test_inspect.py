"""The commands that say what a file is and convert it."""

import hashlib
import pickle

import pytest
import torch

from skstylefeat import _inspect, load_generator
from skstylefeat.networks._unpickling import CheckpointError
from skstylefeat.networks.encoders import EncoderConfig, EncoderNetwork
from skstylefeat.networks.safetensors_io import save_network
from tests import checkpoint_writers as writers
from tests.networks import tiny_module


@pytest.fixture
def network(tmp_path):
    path = tmp_path / "network.pkl"
    writers.write_nvidia(path, tiny_module(16, channels=(3, 4, 5)))
    return path


def test_report_of_a_generator(network):
    report = _inspect.inspect(network)
    assert report["sha256"] == hashlib.sha256(network.read_bytes()).hexdigest()
    assert report["size"] == network.stat().st_size
    assert report["layout"] == "pickle"
    assert report["format"].startswith("NVIDIA")
    assert report["refused"] == report["problems"] == []
    generator = report["generator"]
    assert (generator["resolution"], generator["channels"]) == (16, (3, 4, 5))
    assert generator["spaces"] == {"z": "(5,)", "w": "(7,)", "w+": "(6, 7)", "s": "(31,)"}
    assert "encoder" not in report


def test_report_of_encoders(tmp_path):
    module = tiny_module(8)
    ours, theirs = tmp_path / "ours.safetensors", tmp_path / "e4e.pt"
    save_network(EncoderNetwork(EncoderConfig.for_generator(module)), ours)
    state = writers.psp_state("Encoder4Editing", n_ws=4, w_dim=7)
    writers.write_psp(theirs, state, module, encoder_type="Encoder4Editing")
    report = _inspect.inspect(ours)
    assert (report["encoder"]["n_ws"], report["encoder"]["w_dim"]) == (4, 7)
    assert report["problems"] == []
    assert "generator" not in report
    report = _inspect.inspect(theirs)
    assert report["encoder"]["input_size"] == (256, 256)
    assert report["generator"]["resolution"] == 8
    assert report["problems"] == []


def test_report_lists_all_that_is_refused(tmp_path):
    path = tmp_path / "bad.pkl"
    calls = b"cos\nsystem\n(X\x01\x00\x00\x00xtR", b"cbuiltins\neval\n(X\x01\x00\x00\x00xtR"
    path.write_bytes(b"\x80\x02](" + b"".join(calls) + b"e.")
    report = _inspect.inspect(path)
    assert report["refused"] == ["builtins.eval", "os.system"]
    assert "os.system" in report["problems"][0]
    text = _inspect.inspect_file(path)
    assert "refused: the file asks for" in text
    assert "builtins.eval" in text


def test_report_of_a_file_that_is_no_network(tmp_path):
    path = tmp_path / "page.pt"
    path.write_text("<!DOCTYPE html>")
    report = _inspect.inspect(path)
    assert report["layout"] is report["format"] is None
    assert "web page" in report["problems"][0]
    with pytest.raises(FileNotFoundError):
        _inspect.inspect(tmp_path / "missing.pt")


def test_report_names_what_is_damaged(tmp_path):
    module = tiny_module(8)
    state = writers.rosinality_state(module)
    del state["conv1.conv.weight"]
    path = tmp_path / "network.pt"
    torch.save({"g_ema": state, "latent_avg": module.mapping.w_avg}, path)
    report = _inspect.inspect(path)
    assert "generator" not in report
    assert "b4.conv1" in report["problems"][0]


def test_report_as_text(network):
    text = _inspect.inspect_file(network)
    assert str(network) in text
    assert "resolution         16" in text
    assert "nothing refused" in text


def test_convert_writes_the_same_network(network, tmp_path):
    out = tmp_path / "out.safetensors"
    text = _inspect.convert_file(network, out)
    assert hashlib.sha256(out.read_bytes()).hexdigest() in text
    ours, theirs = load_generator(out), load_generator(network)
    latents = theirs.mapping(theirs.sample_z(2, random_state=0))
    assert (ours.synthesis(latents) == theirs.synthesis(latents)).all()
    assert ours.card["converted_from"] == "network.pkl"
    assert ours.card["source_sha256"] == theirs.sha256
    assert ours.card["format"].startswith("NVIDIA")
    assert [path.name for path in tmp_path.glob("*.partial")] == []


def test_convert_overwrites_nothing(network, tmp_path):
    out = tmp_path / "out.safetensors"
    out.write_text("mine")
    with pytest.raises(FileExistsError, match="exists"):
        _inspect.convert(network, out)
    assert out.read_text() == "mine"
    with pytest.raises(ValueError, match=r"\.safetensors"):
        _inspect.convert(network, tmp_path / "out.pt")


def test_convert_leaves_nothing_when_the_source_is_refused(tmp_path):
    path = tmp_path / "bad.pkl"
    path.write_bytes(pickle.dumps(print))
    with pytest.raises(CheckpointError, match="print"):
        _inspect.convert(path, tmp_path / "out.safetensors")
    assert list(tmp_path.iterdir()) == [path]
