"""Description and conversion of weights files."""

import hashlib
import json
import pickle

import numpy as np
import pytest
import torch
from safetensors import safe_open
from safetensors.torch import save_file

from skstylefeat import load_encoder, load_generator
from skstylefeat.exceptions import CheckpointError
from skstylefeat.networks.checkpoints import _read as checkpoints
from skstylefeat.networks.checkpoints import convert, inspect
from skstylefeat.networks.checkpoints._safetensors import save_network
from skstylefeat.networks.encoders._native import EncoderConfig, EncoderNetwork
from tests.networks.checkpoints.test_checkpoints import WRITERS
from tests.support import checkpoint_writers as writers
from tests.support.networks import tiny_module


@pytest.fixture
def network(tmp_path):
    path = tmp_path / "network.pkl"
    writers.write_nvidia(path, tiny_module(16, channels=(3, 4, 5)))
    return path


def test_report_of_a_generator(network):
    report = inspect(network)
    assert report.sha256 == hashlib.sha256(network.read_bytes()).hexdigest()
    assert report.size == network.stat().st_size
    assert report.container == "pickle"
    assert report.format.startswith("NVIDIA")
    assert report.refused == report.problems == ()
    generator = report.generator
    assert (generator.config["resolution"], generator.config["channels"]) == (16, (3, 4, 5))
    assert generator.spaces == {"z": (5,), "w": (7,), "w+": (6, 7), "s": (31,)}
    assert report.encoder is None


def test_report_of_encoders(tmp_path):
    module = tiny_module(8, z_dim=7)
    ours, theirs = tmp_path / "ours.safetensors", tmp_path / "e4e.pt"
    save_network(EncoderNetwork(EncoderConfig.for_generator(module)), ours)
    state = writers.psp_state("Encoder4Editing", n_ws=4, w_dim=7)
    writers.write_psp(theirs, state, module, encoder_type="Encoder4Editing")
    report = inspect(ours)
    assert (report.encoder.n_ws, report.encoder.w_dim) == (4, 7)
    assert report.problems == ()
    assert report.generator is None
    report = inspect(theirs)
    assert report.encoder.input_size == (256, 256)
    assert report.generator.config["resolution"] == 8
    assert report.problems == ()


def test_report_lists_all_that_is_refused(tmp_path):
    path = tmp_path / "bad.pkl"
    calls = b"cos\nsystem\n(X\x01\x00\x00\x00xtR", b"cbuiltins\neval\n(X\x01\x00\x00\x00xtR"
    path.write_bytes(b"\x80\x02](" + b"".join(calls) + b"e.")
    report = inspect(path)
    assert report.refused == ("builtins.eval", "os.system")
    assert "os.system" in report.problems[0]
    text = str(inspect(path))
    assert "refused: the file asks for" in text
    assert "builtins.eval" in text


def test_report_names_a_damaged_instruction_next_to_a_good_network(tmp_path):
    """What loading refuses as damaged, the report does not pass over."""
    path = tmp_path / "network.pkl"
    writers.write_nvidia(path, tiny_module(8))
    good = inspect(path)
    body = path.read_bytes()
    # A list that is called like a function, and dropped again, before the end.
    path.write_bytes(body[:-1] + b"])R0.")
    with pytest.raises(CheckpointError, match="not a function") as caught:
        load_generator(path)
    report = inspect(path)
    assert report.problems == (str(caught.value),) and report.generator is None
    assert good.problems == () and good.generator is not None


def test_report_of_a_file_that_is_no_network(tmp_path):
    path = tmp_path / "page.pt"
    path.write_text("<!DOCTYPE html>")
    report = inspect(path)
    assert report.container is report.format is None
    assert "web page" in report.problems[0]
    with pytest.raises(FileNotFoundError):
        inspect(tmp_path / "missing.pt")


def test_report_names_what_is_damaged(tmp_path):
    module = tiny_module(8, z_dim=7)
    state = writers.rosinality_state(module)
    del state["conv1.conv.weight"]
    path = tmp_path / "network.pt"
    torch.save({"g_ema": state, "latent_avg": module.mapping.w_avg}, path)
    report = inspect(path)
    assert report.generator is None
    assert "b4.conv1" in report.problems[0]


def test_report_as_text(network):
    text = str(inspect(network))
    assert str(network) in text
    assert "resolution         16" in text
    assert "nothing refused" in text


def test_convert_writes_the_same_network(network, tmp_path):
    out = tmp_path / "out.safetensors"
    text = str(convert(network, out))
    assert hashlib.sha256(out.read_bytes()).hexdigest() in text
    ours, theirs = load_generator(out), load_generator(network)
    latents = theirs.mapping(theirs.sample_z(2, random_state=0))
    assert (ours.synthesis(latents) == theirs.synthesis(latents)).all()
    assert ours.card["converted_from"] == "network.pkl"
    assert ours.card["source_sha256"] == theirs.sha256
    assert ours.card["format"].startswith("NVIDIA")
    assert [path.name for path in tmp_path.glob("*.part*")] == []


@pytest.mark.filterwarnings("ignore:.*lacks settings of its network")
@pytest.mark.parametrize("name", WRITERS)
def test_conversion_keeps_networks_of_every_family(tmp_path, name):
    module = tiny_module(16, channels=(6, 8, 4), z_dim=7, conv_clamp=None)
    path, out = tmp_path / "network.pt", tmp_path / "out.safetensors"
    WRITERS[name](path, module)
    if name == "pSp":  # whose encoder is none in that file
        torch.save({"state_dict": torch.load(path)["state_dict"]}, path)
    source = path.read_bytes()
    convert(path, out)
    before, after = (checkpoints.read_generator(file) for file in (path, out))
    assert before[0] == after[0]
    for key, value in before[1].items():
        assert torch.equal(after[1][key], value), key
    assert path.read_bytes() == source
    assert sorted(tmp_path.iterdir()) == [path, out]


@pytest.mark.parametrize("options", [{}, {"dataset_type": "cars_encode"}])
@pytest.mark.parametrize("encoder_type", ["Encoder4Editing", "SingleStyleCodeEncoder"])
def test_convert_writes_both_parts_of_the_psp_family(tmp_path, encoder_type, options):
    module = tiny_module(8, z_dim=7)
    state = writers.psp_state(encoder_type, n_ws=4, w_dim=7)
    source, out = tmp_path / "e4e.pt", tmp_path / "out.safetensors"
    writers.write_psp(source, state, module, encoder_type=encoder_type, **options)
    report = convert(source, out)
    second = tmp_path / "out-encoder.safetensors"
    assert [report.generator.file, report.encoder.file] == [str(out), str(second)]
    assert report.encoder.sha256 == hashlib.sha256(second.read_bytes()).hexdigest()
    theirs, ours = load_encoder(source), load_encoder(second)
    assert ours.input_size == theirs.input_size
    images = np.random.default_rng(0).random((2, *ours.input_size, 3), dtype=np.float32)
    assert (ours.encode(images) == theirs.encode(images)).all()
    assert ours.card["encoder_type"] == encoder_type
    assert ours.card["converted_from"] == "e4e.pt"
    assert (load_generator(out).w_avg == load_generator(source).w_avg).all()
    again = convert(second, tmp_path / "again.safetensors")
    assert again.generator is None
    assert (
        load_encoder(tmp_path / "again.safetensors").encode(images) == ours.encode(images)
    ).all()
    assert inspect(second).problems == ()


def test_convert_writes_absolute_codes_and_native_encoders(tmp_path):
    state = writers.psp_state("BackboneEncoder", n_ws=4, w_dim=7)
    source, out = tmp_path / "restyle.pt", tmp_path / "out.safetensors"
    options = {"encoder_type": "BackboneEncoder", "start_from_latent_avg": False}
    writers.write_psp(source, state, **options)
    convert(source, out)
    module = checkpoints.read_encoder(out)[0]
    assert (module.latent_avg == 0).all() and module.latent_avg.shape == (4, 7)
    native = tmp_path / "native.safetensors"
    save_network(EncoderNetwork(EncoderConfig.for_generator(tiny_module(8))), native)
    report = convert(native, tmp_path / "copy.safetensors")
    assert report.encoder.config["resolution"] == 8
    assert load_encoder(tmp_path / "copy.safetensors").n_ws == 4


@pytest.mark.parametrize(
    "change", [{"encoder_type": "Other"}, {"n_ws": 0}, {"input_size": [5, 5]}, {"extra": 1}]
)
def test_damaged_converted_encoders_are_refused(tmp_path, change):
    source, out = tmp_path / "e4e.pt", tmp_path / "out.safetensors"
    state = writers.psp_state("SingleStyleCodeEncoder", n_ws=4, w_dim=7)
    options = {"encoder_type": "SingleStyleCodeEncoder", "stylegan_size": 8}
    writers.write_psp(source, state, latent_avg=torch.zeros(7), **options)
    convert(source, out)
    with safe_open(out, framework="pt") as file:
        metadata = file.metadata()
        tensors = {key: file.get_tensor(key) for key in file.keys()}  # noqa: SIM118
    config = json.dumps(json.loads(metadata["config"]) | change)
    save_file(tensors, out, metadata=metadata | {"config": config})
    with pytest.raises(CheckpointError, match=r"out\.safetensors"):
        load_encoder(out)


def test_convert_overwrites_nothing(network, tmp_path):
    out = tmp_path / "out.safetensors"
    out.write_text("mine")
    with pytest.raises(FileExistsError, match="exists"):
        convert(network, out)
    assert out.read_text() == "mine"
    with pytest.raises(ValueError, match=r"\.safetensors"):
        convert(network, tmp_path / "out.pt")
    with pytest.raises(FileNotFoundError, match=r"The folder .*missing of the output"):
        convert(network, tmp_path / "missing" / "out.safetensors")
    with pytest.raises(FileNotFoundError, match="neither a bundled name"):
        convert(tmp_path, tmp_path / "other.safetensors")


def test_convert_does_not_write_over_its_source(tmp_path):
    path = tmp_path / "network.safetensors"
    save_network(tiny_module(8), path)
    before = path.read_bytes()
    (tmp_path / "link.safetensors").symlink_to(path)
    for out in (path, tmp_path / "link.safetensors"):
        with pytest.raises(FileExistsError):
            convert(path, out)
    assert path.read_bytes() == before


def test_convert_leaves_nothing_when_the_source_is_refused(tmp_path):
    path = tmp_path / "bad.pkl"
    path.write_bytes(pickle.dumps(print))
    with pytest.raises(CheckpointError, match="print"):
        convert(path, tmp_path / "out.safetensors")
    assert list(tmp_path.iterdir()) == [path]
