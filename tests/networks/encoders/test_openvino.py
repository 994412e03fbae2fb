"""Encoders by OpenVINO: the codes of torch, one conversion, pickles, and what is missing."""

import json
import os
import pickle
import subprocess
import sys
import threading

import numpy as np
import pytest
import torch

from skstylefeat import StyleGANInverter, load_encoder
from skstylefeat.networks.encoders import _openvino
from tests.support import checkpoint_writers as writers
from tests.support.networks import made_images, tiny_encoder, tiny_generator, write_pair

N_WS, W_DIM = 6, 8


@pytest.fixture(autouse=True)
def cache(tmp_path, monkeypatch):
    monkeypatch.setenv("SKSTYLEFEAT_CACHE", str(tmp_path / "cache"))
    return tmp_path / "cache" / "openvino"


@pytest.fixture
def conversions(monkeypatch):
    """Count the conversions."""
    made = []
    convert = _openvino._convert

    def counted(*arguments):
        made.append(arguments[3])
        return convert(*arguments)

    monkeypatch.setattr(_openvino, "_convert", counted)
    return made


def write_encoder(path, encoder_type, in_channels=3):
    state = writers.psp_state(encoder_type, n_ws=N_WS, w_dim=W_DIM, in_channels=in_channels)
    average = torch.zeros(N_WS, W_DIM)
    writers.write_psp(path, state, latent_avg=average, encoder_type=encoder_type)
    return path


def images(n, side=256, seed=0):
    rng = np.random.default_rng(seed)
    return rng.random((n, side, side, 3), dtype=np.float32)


@pytest.mark.parametrize("encoder_type", ["Encoder4Editing", "GradualStyleEncoder"])
def test_codes_are_those_of_torch_for_any_batch(tmp_path, encoder_type, conversions):
    path = write_encoder(tmp_path / "encoder.pt", encoder_type)
    plain = load_encoder(path)
    encoder = load_encoder(path, engine="openvino")
    assert (encoder.engine, plain.engine) == ("openvino", "torch")
    expected = plain.encode(images(3))
    codes = encoder.encode(images(3))
    np.testing.assert_allclose(codes, expected, rtol=0, atol=1e-4 * np.abs(expected).max())
    for row in range(3):
        np.testing.assert_allclose(encoder.encode(images(3)[row : row + 1]), codes[row : row + 1])
    assert len(conversions) == 1
    assert encoder.weights_hash() != plain.weights_hash()
    # Compiled once per process, kept by default, and a plain one again.
    assert load_encoder(path, engine="openvino")._compiled is encoder._compiled
    assert load_encoder(encoder).engine == "openvino"
    assert encoder.to("auto") is encoder
    np.testing.assert_array_equal(encoder.with_engine("torch").encode(images(3)), expected)


def test_restyle_and_own_encoders(tmp_path):
    generator = tiny_generator(16, channels=(6, 8, 4), z_dim=W_DIM, w_dim=W_DIM)
    path = write_encoder(tmp_path / "restyle.pt", "ProgressiveBackboneEncoder", 6)
    # One round's codes, because those of a random encoder grow with the rounds.
    plain, other = load_encoder(path), load_encoder(path, engine="openvino")
    assert other.needs_generator
    synthesis = generator.module.synthesis
    x = torch.from_numpy(images(2).transpose(0, 3, 1, 2) * 2 - 1)
    with torch.inference_mode():
        expected = plain.module(x, synthesis=synthesis, n_rounds=1)
        codes = other._compiled(x, synthesis=synthesis, n_rounds=1)
    assert (codes - expected).abs().max() < 1e-4 * expected.abs().max()
    assert other.encode(images(1), generator=generator).shape == (1, N_WS, W_DIM)

    own = tiny_encoder(generator)
    pixels = made_images(generator, np.zeros((3, W_DIM), np.float32))
    expected = own.encode(pixels)
    codes = own.with_engine("openvino").encode(pixels)
    np.testing.assert_allclose(codes, expected, rtol=0, atol=1e-4 * np.abs(expected).max())


def test_bfloat16_rounds_codes(tmp_path, conversions):
    path = write_encoder(tmp_path / "encoder.pt", "GradualStyleEncoder")
    expected = load_encoder(path).encode(images(2))
    try:
        encoder = load_encoder(path, engine="openvino", precision="bfloat16")
    except ValueError as error:  # a processor without it
        assert "bfloat16' is not supported by this processor" in str(error)
        return
    codes = encoder.encode(images(2))
    error = np.sqrt(np.mean((codes - expected) ** 2) / np.mean(expected**2))
    assert 1e-4 < error < 0.1
    assert codes.dtype == np.float32
    load_encoder(path, engine="openvino")
    assert len(conversions) == 1  # both precisions share the file


def test_pickles_keep_the_engine_and_fall_back_to_torch(tmp_path, monkeypatch, conversions):
    pair = write_pair(tmp_path / "pair")
    inverter = StyleGANInverter(*pair, engine="openvino").fit(images(2, 8))
    assert inverter.encoder_.engine == "openvino"
    codes = inverter.transform(images(2, 8))
    pickled = pickle.dumps(inverter)
    again = pickle.loads(pickled)
    assert (again.encoder_.engine, again.encoder_.precision) == ("openvino", "float32")
    np.testing.assert_array_equal(again.transform(images(2, 8)), codes)
    embedded = pickle.loads(pickle.dumps(inverter.encoder_.embedded()))
    assert embedded.engine == "openvino" and embedded.reference is None
    assert len(conversions) == 1

    monkeypatch.setattr(_openvino.importlib.util, "find_spec", lambda name: None)
    with pytest.warns(UserWarning, match="engine='openvino', which is not installed here: torch"):
        plain = pickle.loads(pickled)
    assert plain.encoder_.engine == "torch"
    np.testing.assert_allclose(plain.transform(images(2, 8)), codes, rtol=0, atol=1e-4)


def test_what_is_missing_or_unknown_is_refused(tmp_path, monkeypatch):
    path = write_encoder(tmp_path / "encoder.pt", "GradualStyleEncoder")
    with pytest.raises(ValueError, match="engine='onnx' should be one of"):
        load_encoder(path, engine="onnx")
    with pytest.raises(ValueError, match="precision='float16' should be one of"):
        load_encoder(path, engine="openvino", precision="float16")
    with pytest.raises(ValueError, match="precision='bfloat16' needs engine='openvino'"):
        load_encoder(path, precision="bfloat16")
    _openvino.import_openvino.cache_clear()
    monkeypatch.setattr(_openvino, "has_openvino", lambda: False)
    with pytest.raises(ImportError, match=r"pip install 'skstylefeat\[openvino\]'"):
        load_encoder(path, engine="openvino")


def test_nothing_is_reported_to_the_makers(tmp_path):
    """Their reporter, where it works, creates folders in the home before it sends."""
    code = (
        "import sys\n"
        "from skstylefeat.networks.encoders._openvino import import_openvino\n"
        "convert_model = import_openvino().convert_model\n"
        "sent = sys.modules['openvino.tools.ovc.telemetry_utils'].tm.__name__\n"
        "print(sent, 'openvino_telemetry' in sys.modules)"
    )
    kept = {name: value for name, value in os.environ.items() if name != "CI"}
    # Without a home for the user's settings, and with a proxy that leads nowhere.
    settings = {"HOME": str(tmp_path), "https_proxy": "http://127.0.0.1:9"}
    run = subprocess.run(
        [sys.executable, "-c", code], env=kept | settings, capture_output=True, text=True
    )
    assert run.stdout.split() == ["openvino.tools.ovc.telemetry_stub", "False"], run.stderr
    assert not list(tmp_path.glob("*ntel*"))


def test_a_conversion_that_computes_something_else_is_refused(tmp_path, monkeypatch, cache):
    right = _openvino._Plain.forward
    monkeypatch.setattr(_openvino._Plain, "forward", lambda self, x: right(self, x) * 1.001)
    with pytest.raises(ValueError, match=r"differ by 1\.0e-03 .*Use engine='torch'"):
        tiny_encoder(tiny_generator()).with_engine("openvino")
    assert [path.suffix for path in cache.iterdir()] == [".lock"]

    def unknown(*arguments, **options):
        raise RuntimeError("no such operation")

    monkeypatch.setattr(_openvino.import_openvino(), "convert_model", unknown)
    with pytest.raises(ValueError, match=r"cannot convert this encoder \(no such operation\)"):
        tiny_encoder(tiny_generator()).with_engine("openvino")


def test_unfinished_and_damaged_files_are_converted_again(conversions, cache):
    generator = tiny_generator()
    tiny_encoder(generator).with_engine("openvino")
    (index,) = cache.glob("*.json")
    weights = cache / json.loads(index.read_text())["weights"]
    weights.write_bytes(weights.read_bytes()[:-4])
    left = cache / f"{index.stem}-dead.bin"
    left.write_bytes(b"of a killed process")
    tiny_encoder(generator).with_engine("openvino")
    assert len(conversions) == 2 and not left.exists()
    index.write_text("{")
    tiny_encoder(generator).with_engine("openvino")
    assert len(conversions) == 3
    assert len(list(cache.glob("*.bin"))) == 1


class RecordedBar:
    """A progress bar that keeps its descriptions."""

    def __init__(self, total, desc, **kwargs):
        self.total, self.n, self.descriptions = total, 0, [desc]

    def __enter__(self):
        return self

    def __exit__(self, *error):
        pass

    def set_description(self, text):
        self.descriptions.append(text)

    def update(self, n=1):
        self.n += n


def test_a_second_process_waits_for_the_first(conversions, cache, monkeypatch):
    from filelock import FileLock

    generator = tiny_generator()
    tiny_encoder(generator).with_engine("openvino")
    (index,) = cache.glob("*.json")
    entry = index.read_bytes()
    index.unlink()
    lock = FileLock(index.with_suffix(".lock"))
    made, bars = [], []

    def progress_bar(**kwargs):
        bars.append(RecordedBar(**kwargs))
        return bars[-1]

    monkeypatch.setattr(_openvino, "progress_bar", progress_bar)
    thread = threading.Thread(
        target=lambda: made.append(tiny_encoder(generator).with_engine("openvino"))
    )
    with lock:
        thread.start()
        for _ in range(600):  # half a minute, on a busy machine
            if bars and len(bars[0].descriptions) > 1:
                break
            thread.join(0.05)
        assert bars[0].descriptions == [
            "converting 'tiny-encoder' for OpenVINO, once",
            "waiting for a process that converts 'tiny-encoder'",
        ]
        index.write_bytes(entry)  # the first process has finished
    thread.join()
    assert made[0].engine == "openvino" and len(conversions) == 1


def test_threads_share_an_encoder():
    encoder = tiny_encoder(tiny_generator()).with_engine("openvino")
    inputs = [images(2, 8, seed) for seed in range(4)]
    expected = [encoder.encode(x) for x in inputs]
    results = [None] * 4

    def work(i):
        for _ in range(5):
            results[i] = encoder.encode(inputs[i])

    threads = [threading.Thread(target=work, args=(i,)) for i in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    for result, codes in zip(results, expected, strict=True):
        np.testing.assert_array_equal(result, codes)
