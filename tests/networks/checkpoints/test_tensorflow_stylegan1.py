"""StyleGAN1 in TensorFlow pickles: arrays of a public port, settings, and refusals."""

import numpy as np
import pytest
import torch

from skstylefeat import load_generator
from skstylefeat.exceptions import CheckpointError
from skstylefeat.networks import checkpoints
from skstylefeat.networks.checkpoints._read import read_generator
from tests.support import genforce_writers as writers
from tests.support.genforce_cases import CASES, REFERENCE, sample
from tests.support.stored_arrays import relative_difference
from tests.support.tensorflow_writers import dump

STATE = writers.genforce_stylegan1()
CODES = np.random.RandomState(0).normal(size=(2, 6, 7)).astype(np.float32)


def load(path, state=STATE, **settings):
    writers.write_tensorflow_stylegan1(path, state, **settings)
    return load_generator(path)


@pytest.mark.parametrize("name", [name for name in CASES if name.startswith("stylegan1")])
def test_networks_equal_a_public_port(tmp_path, name):
    """The reference arrays are those of `test_genforce`, whose converter names the variables."""
    write, values, settings = CASES[name]
    path = tmp_path / "network.pkl"
    generator = load(path, write(**values), **(settings or {}))
    rng = np.random.RandomState(100)
    z = rng.normal(size=(2, 5)).astype(np.float32)
    codes = rng.normal(size=(2, generator.n_ws, 7)).astype(np.float32)
    classes = [0, generator.c_dim - 1] if generator.c_dim else None
    w = generator.mapping(z, c=classes, truncation_psi=0.6)
    with np.load(REFERENCE) as arrays:
        for key, images in (("truncated", w), ("image", codes)):
            ours = sample(generator.synthesis(images))
            assert relative_difference(ours, arrays[f"{name}|{key}"]) < 1e-5
    info = checkpoints.inspect(path)
    assert info.problems == () and info.format == "NVIDIA StyleGAN (TensorFlow)"


def scaled(state):
    """Return the weights as `use_wscale=False` has them."""
    out = dict(state)
    for key, value in state.items():
        if key.endswith(".weight") and value.ndim > 1:
            gain = 1.0 if "style" in key or "output" in key else 2**0.5
            out[key] = value * (gain / value[0].numel() ** 0.5)
    return out


def without(*parts):
    return {k: v for k, v in STATE.items() if not any(part in k for part in parts)}


def test_settings_are_taken_over(tmp_path):
    plain = load(tmp_path / "plain.pkl")
    z, images = plain.sample_z(3, random_state=0), plain.synthesis(CODES)
    mapped = plain.mapping(z)

    # The learning rate in the weights, or not.
    other = load(tmp_path / "scaled.pkl", scaled(STATE), use_wscale=False)
    assert relative_difference(other.synthesis(CODES), images) < 1e-5
    assert relative_difference(other.mapping(z), mapped) < 1e-5
    half = {k: v / 2 if k.startswith("mapping.dense") else v for k, v in STATE.items()}
    other = load(tmp_path / "multiplier.pkl", half, mapping_lrmul=0.02)
    assert relative_difference(other.mapping(z), mapped) < 1e-5

    # No noise, and other names of the same structure.
    other = load(tmp_path / "quiet.pkl", without("apply_noise"), use_noise=False)
    assert np.array_equal(other.synthesis(CODES), plain.synthesis(CODES, noise="none"))
    other = load(tmp_path / "fixed.pkl", structure="fixed", dtype="float16", truncation_psi=0.7)
    assert np.array_equal(other.synthesis(CODES), images)

    # Fused layers apply their weights in the opposite order.
    flipped = {
        k: v.flip(2, 3) if k in ("synthesis.layer2.weight", "synthesis.layer4.weight") else v
        for k, v in STATE.items()
    }
    other = load(tmp_path / "fused.pkl", flipped, fused_scale=True)
    assert relative_difference(other.synthesis(CODES), images) < 1e-6
    assert relative_difference(load(tmp_path / "f.pkl", flipped).synthesis(CODES), images) > 0.01


@pytest.mark.parametrize("taps", [[1, 3, 2], [1, 1, 1], None], ids=["skewed", "box", "none"])
def test_the_blur_is_the_one_that_is_stated(tmp_path, taps):
    generator = load(tmp_path / "network.pkl", blur_filter=taps)
    layer = generator.module.synthesis.b8.conv0
    x = torch.arange(6 * 64.0).reshape(1, 6, 8, 8) % 7
    with torch.no_grad():
        layer.weight.zero_()
        layer.weight[0, 0, 1, 1] = 1.0  # then only the blur remains in the first channel
        y = layer._upsample(x)
    repeated = x[0, 0].repeat_interleave(2, 0).repeat_interleave(2, 1).numpy()
    row = np.asarray([0, 1, 0] if taps is None else taps, dtype=float)
    row /= row.sum()
    padded = np.pad(repeated, 1)
    expected = sum(
        row[i] * row[j] * padded[i : i + 16, j : j + 16] for i in range(3) for j in range(3)
    )
    np.testing.assert_allclose(y[0, 0].numpy(), expected, rtol=1e-5)


def test_a_snapshot_of_progressive_growing_is_refused(tmp_path):
    network = writers.tensorflow_stylegan1(STATE)
    network.variables = [
        (name, np.float32(1.5) if name == "lod" else value) for name, value in network.variables
    ]
    dump(tmp_path / "network.pkl", network)
    with pytest.raises(CheckpointError, match=r"network\.pkl is a snapshot of progressive growing"):
        read_generator(tmp_path / "network.pkl")


SETTINGS = {
    "relu": ({"nonlinearity": "relu"}, "nonlinearity='relu', expected 'lrelu'"),
    "mapping relu": ({"mapping_nonlinearity": "relu"}, "mapping_nonlinearity='relu'"),
    "pixel norm": ({"use_pixel_norm": True}, "use_pixel_norm=True, expected False"),
    "no instance norm": ({"use_instance_norm": False}, "use_instance_norm=False"),
    "no styles": ({"use_styles": False}, "use_styles=False"),
    "dense input": ({"const_input_layer": False}, "const_input_layer=False"),
    "raw latents": ({"normalize_latents": False}, "normalize_latents=False"),
    "fused": ({"fused_scale": "yes"}, "fused_scale='yes', expected True or False or 'auto'"),
    "blur of two": ({"blur_filter": [1, 1]}, "blur_filter=2 values, expected None or three"),
    "blur of texts": ({"blur_filter": "121"}, "blur_filter='121'"),
    "blur of zero": ({"blur_filter": [1, 0, -1]}, "blur_filter=3 values"),
    "multiplier": ({"mapping_lrmul": 0}, "mapping_lrmul=0, expected a positive number"),
    "scale": ({"use_wscale": None}, "use_wscale=None"),
    "resolution": ({"resolution": 32}, "resolution=32, expected 16 by the shapes"),
    "classes": ({"label_size": 3}, "label_size=3, expected 0"),
    "depth": ({"mapping_layers": 8}, "mapping_layers=8, expected 3"),
    "unknown": ({"attention": [64]}, r"does not have \(attention=1 values\)"),
    "function": (
        {"functions": ("G_style", "G_mapping", "G_attention")},
        "'synthesis' was built by the function 'G_attention'",
    ),
}


@pytest.mark.parametrize("name", SETTINGS)
def test_settings_without_counterpart_are_named(tmp_path, name):
    settings, words = SETTINGS[name]
    writers.write_tensorflow_stylegan1(tmp_path / "network.pkl", STATE, **settings)
    with pytest.raises(CheckpointError, match=rf"network\.pkl.*{words}"):
        read_generator(tmp_path / "network.pkl")


VARIABLES = {
    "a layer is lacking": (without("layer3"), "incomplete|does not fit"),
    "a layer too many": (
        STATE | {"synthesis.layer7.weight": torch.ones(4, 4, 3, 3)},
        "resolution=16, expected 32 by the shapes",
    ),
    "an unknown tensor": (
        STATE | {"synthesis.layer2.gate": torch.ones(3)},
        r"does not have the variables \['synthesis/8x8/Conv0_up/gate'\]",
    ),
    "two axes": (STATE | {"synthesis.layer3.weight": torch.ones(6, 5, 1, 1)}, "does not fit"),
    "another width": (
        STATE | {"synthesis.layer1.style.weight": torch.ones(12, 9)},
        r"does not fit.*affine\.weight \(12, 9\)",
    ),
    "not finite": (STATE | {"synthesis.layer1.bias": torch.full((6,), torch.nan)}, "not finite"),
    "another embedding": (
        STATE | {"mapping.label_weight": torch.ones(4, 5)},
        "does not fit|expected",
    ),
}


@pytest.mark.parametrize("name", VARIABLES)
def test_variables_that_do_not_fit_are_refused(tmp_path, name):
    state, words = VARIABLES[name]
    writers.write_tensorflow_stylegan1(tmp_path / "network.pkl", state)
    with pytest.raises(CheckpointError, match=rf"network\.pkl.*({words})"):
        read_generator(tmp_path / "network.pkl")


STRANGE = {
    "4x4/Conv1/weight": r"\['synthesis/4x4/Conv1/weight'\]",
    "8x8/Conv/weight": r"\['synthesis/8x8/Conv/weight'\]",
    "8x8/Const/const": r"\['synthesis/8x8/Const/const'\]",
    "4x4/Const/weight": r"\['synthesis/4x4/Const/weight'\]",
    "08x08/Conv1/weight": r"\['synthesis/08x08/Conv1/weight'\]",
    "noise01": r"\['synthesis/noise01'\]",
    "8x8/Conv1/weight": "is damaged or incomplete",  # two axes
}


@pytest.mark.parametrize("name", STRANGE)
def test_variables_under_strange_names_or_with_other_axes_are_refused(tmp_path, monkeypatch, name):
    variables = writers.stylegan1_variables(STATE)
    broken = variables | {f"synthesis/{name}": np.ones((3, 3), "f4")}
    monkeypatch.setattr(writers, "stylegan1_variables", lambda state: broken)
    writers.write_tensorflow_stylegan1(tmp_path / "network.pkl", STATE)
    with pytest.raises(CheckpointError, match=rf"network\.pkl.*{STRANGE[name]}"):
        read_generator(tmp_path / "network.pkl")


def test_classes_of_a_conditional_generator(tmp_path):
    state = writers.genforce_stylegan1(label_size=4, seed=2)
    generator = load(tmp_path / "network.pkl", state)
    z = generator.sample_z(2, random_state=0)
    assert generator.c_dim == 4
    first, second = (generator.mapping(z, c=c) for c in (0, 3))
    assert np.abs(first - second).max() > 0.1 * first.std()
