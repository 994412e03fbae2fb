"""Files of StyleGAN3 generators: read exactly, said what is assumed, refused where they differ."""

import json
import pickle
import warnings

import numpy as np
import pytest
import torch
from safetensors.torch import save_file

from skstylefeat import load_generator
from skstylefeat.exceptions import CheckpointError
from skstylefeat.networks import Generator
from skstylefeat.networks.checkpoints import convert, inspect
from skstylefeat.networks.checkpoints._read import read_generator
from skstylefeat.networks.checkpoints._safetensors import build_network
from tests.support.alias_free import (
    RADIAL,
    alias_free_module,
    write_alias_free,
    write_alias_free_module,
    write_alias_free_state,
)

FIRST = "synthesis.L0_36_5"


def same_network(path, module, settings=None):
    """Return whether a file holds the architecture and weights of `module`."""
    config, state, _ = read_generator(path, settings)
    expected = module.state_dict()
    return (
        config == module.config
        and state.keys() == expected.keys()
        and all(torch.equal(state[name], value) for name, value in expected.items())
    )


@pytest.mark.parametrize("radial", [{}, RADIAL], ids=["T", "R"])
@pytest.mark.parametrize("writer", [write_alias_free, write_alias_free_module])
def test_pickles_and_modules(tmp_path, radial, writer):
    module = alias_free_module(64, c_dim=3, conv_clamp=None, output_scale=0.5, **radial)
    path = tmp_path / "network"
    writer(path, module)
    with warnings.catch_warnings():
        warnings.simplefilter("error")  # nothing is assumed
        generator = load_generator(path)
    assert same_network(path, module)
    assert generator.card == {"format": "NVIDIA StyleGAN3 (stylegan3)"}
    z = generator.sample_z(2, random_state=0)
    w = generator.mapping(z, c=[0, 2], truncation_psi=0.5)
    ws = torch.from_numpy(w)[:, None].expand(-1, generator.n_ws, -1)
    np.testing.assert_array_equal(generator.synthesis(w), module.synthesis(ws).numpy())


def test_options_that_are_not_the_usual_ones_come_from_the_pickle(tmp_path):
    module = alias_free_module(
        64,
        channels=[4] * 8,
        n_critical=3,
        first_cutoff=3.0,
        first_stopband=7.0,
        last_stopband_rel=1.5,
        margin_size=6,
        filter_size=4,
    )
    path = tmp_path / "network.pkl"
    write_alias_free(path, module)
    assert same_network(path, module)


@pytest.mark.parametrize("prefix", ["", "module.G_ema."])
def test_state_dicts_say_what_is_assumed(tmp_path, prefix):
    module = alias_free_module(32)
    path = tmp_path / "state.pt"
    write_alias_free_state(path, module, prefix=prefix)
    with pytest.warns(UserWarning, match=r"conv_clamp=256.0, lr_multiplier=0.01, output_scale=0.2"):
        generator = load_generator(path)
    assert same_network(path, module)
    assert generator.card["format"] == "StyleGAN3 state dict in NVIDIA's names"


def test_settings_of_state_dicts_can_be_given(tmp_path):
    module = alias_free_module(32, conv_clamp=None, output_scale=1.0, **RADIAL)
    path = tmp_path / "state.safetensors"
    save_file({name: x.contiguous() for name, x in module.state_dict().items()}, path)
    assume = {"conv_clamp": None, "output_scale": 1.0, "lr_multiplier": 0.02}
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        generator = load_generator(path, assume=assume)
    assert generator.module.config == module.config
    doubled = generator.module.mapping.fc0.weight
    torch.testing.assert_close(doubled, 2 * module.mapping.fc0.weight)
    with pytest.raises(CheckpointError, match="without activation"):
        load_generator(path, assume=assume | {"activation": "lrelu"})


def test_what_a_pickle_states_cannot_be_assumed(tmp_path):
    path = tmp_path / "network.pkl"
    write_alias_free(path, alias_free_module())
    with pytest.raises(CheckpointError, match=r"states output_scale=0\.25"):
        load_generator(path, assume={"output_scale": 1.0})
    load_generator(path, assume={"output_scale": 0.25})


def test_missing_mean_and_transform_are_added_and_said(tmp_path):
    module = alias_free_module()
    path = tmp_path / "state.pt"
    changes = {"mapping.w_avg": None, "synthesis.input.transform": None}
    write_alias_free_state(path, module, changes=changes)
    with pytest.warns(UserWarning, match="lacks settings"):
        generator = load_generator(path)
    torch.testing.assert_close(generator.module.synthesis.input.transform, torch.eye(3))
    mean = generator.mapping(generator.sample_z(5000, random_state=3)).mean(axis=0)
    np.testing.assert_allclose(generator.w_avg, mean, atol=0.1 * np.abs(mean).max())
    assert generator.card["added"] == (
        "transform of the input, the identity, mean of W, estimated from draws of a fixed seed"
    )


def test_transforms_of_single_images_are_left_out(tmp_path):
    path = tmp_path / "state.pt"
    changes = {"synthesis.input.transform": torch.full((4, 3, 3), 0.5)}
    write_alias_free_state(path, alias_free_module(), changes=changes)
    _, state, card = read_generator(path)
    torch.testing.assert_close(state["synthesis.input.transform"], torch.eye(3))
    assert "transform" in card["added"]


@pytest.mark.parametrize("radial", [{}, RADIAL], ids=["T", "R"])
def test_own_files_and_pickles_keep_the_network(tmp_path, radial):
    module = alias_free_module(32, output_scale=0.5, **radial)
    source, out = tmp_path / "network.pkl", tmp_path / "out.safetensors"
    write_alias_free(source, module)
    conversion = convert(source, out)
    assert conversion.generator.config["output_scale"] == 0.5
    assert same_network(out, module)
    generator = load_generator(out)
    saved = tmp_path / "saved.safetensors"
    generator.save(saved)
    assert same_network(saved, module)
    w = generator.mapping(generator.sample_z(1, random_state=0))
    for copy in (generator, generator.embedded()):
        found = pickle.loads(pickle.dumps(copy))
        np.testing.assert_array_equal(found.synthesis(w), generator.synthesis(w))


def test_networks_with_other_settings_have_other_hashes():
    hashes = {
        Generator(alias_free_module(output_scale=scale)).weights_hash() for scale in (0.25, 0.5)
    }
    assert len(hashes) == 2


def test_inspect_describes_codes_and_settings(tmp_path):
    module = alias_free_module(32, **RADIAL)
    path, state = tmp_path / "network.pkl", tmp_path / "state.pt"
    write_alias_free(path, module)
    write_alias_free_state(state, module)
    info = inspect(path)
    assert info.format == "NVIDIA StyleGAN3 (stylegan3)"
    assert info.problems == ()
    assert info.generator.n_ws == 16
    n_styles = 4 + 5 + sum(module.config.channels)
    assert info.generator.spaces == {"z": (6,), "w": (7,), "w+": (16, 7), "s": (n_styles,)}
    trained = sum(x.numel() for x in module.parameters()) + 7  # and the mean of W
    assert info.generator.n_parameters == trained
    assert "output_scale=0.25" in inspect(state).generator.card["assumed"]


def refuse_state(tmp_path, changes, message, **options):
    path = tmp_path / "state.pt"
    write_alias_free_state(path, alias_free_module(**options), changes=changes)
    with pytest.raises(CheckpointError, match=message):
        read_generator(path)


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        ({f"{FIRST}.magnitude_ema": torch.tensor(-1.0)}, "is not positive"),
        ({f"{FIRST}.magnitude_ema": torch.zeros(())}, "is not positive"),
        ({f"{FIRST}.magnitude_ema": torch.ones(2)}, "of another shape"),
        ({f"{FIRST}.magnitude_ema": None}, "it lacks"),
        ({f"{FIRST}.weight": torch.zeros(5, 5, 3, 3, dtype=torch.int64)}, "of type int64"),
        ({f"{FIRST}.weight": torch.zeros(5, 5, 7, 7)}, "conv_kernel must be one of"),
        ({f"{FIRST}.weight": torch.full((5, 5, 3, 3), float("nan"))}, "not finite"),
        ({f"{FIRST}.weight": torch.zeros(())}, "StyleGAN3 generator|damaged"),
        ({f"{FIRST}.up_filter": None}, "StyleGAN3 generator"),
        ({f"{FIRST}.up_filter": torch.tensor(0.5)}, "damaged"),
        ({f"{FIRST}.up_filter": torch.ones(5000)}, "filter_size must lie between"),
        ({f"{FIRST}.up_filter": torch.ones(12) / 12}, "'up_filter' of the layer 'L0_36_5'"),
        ({f"{FIRST}.down_filter": torch.ones(12, 12)}, "of another shape"),
        ({f"{FIRST}.affine.weight": torch.zeros(6, 7)}, "of another shape"),
        ({"synthesis.input.transform": torch.eye(4)}, "of another shape"),
        ({"synthesis.input.freqs": torch.zeros(5, 3)}, "of another shape"),
        ({"synthesis.L5_36_4.weight": None}, "the numbers of its layers"),
        ({"synthesis.L99_36_4.weight": torch.zeros(4, 4, 3, 3)}, "the numbers of its layers"),
        ({"synthesis.L5_37_4.weight": torch.zeros(4, 4, 3, 3)}, "the numbers of its layers"),
        ({"synthesis.b4.const": torch.zeros(4, 4, 4)}, "it has in addition"),
        ({"mapping.fc0.weight": None, "mapping.fc0.bias": None}, "generator"),
        ({"mapping.w_avg": torch.zeros(8)}, "of another shape"),
    ],
)
def test_damaged_state_dicts_are_refused(tmp_path, changes, message):
    refuse_state(tmp_path, changes, message)


def test_state_dicts_of_other_frequencies_are_refused(tmp_path):
    refuse_state(tmp_path, {}, "usual cutoff frequencies", first_cutoff=3.0, first_stopband=6.0)


def test_no_mapping_network(tmp_path):
    changes = {name: None for name in alias_free_module().state_dict() if "mapping" in name}
    refuse_state(tmp_path, changes, "without a mapping network")


@pytest.mark.parametrize(
    ("module", "changes", "message"),
    [
        (FIRST, {"padding": [9, 8, 9, 9]}, "it is a variant that is not supported"),
        (FIRST, {"up_factor": 1 << 40}, "it is a variant that is not supported"),
        (FIRST, {"up_factor": "2"}, "it is a variant that is not supported"),
        (FIRST, {"down_factor": None}, "it is a variant that is not supported"),
        (FIRST, {"in_cutoff": 1e308}, "first_cutoff must lie between"),
        (FIRST, {"in_cutoff": float("nan")}, "first_cutoff must lie between"),
        (FIRST, {"in_cutoff": [2.0]}, "is no number"),
        (FIRST, {"conv_clamp": 3.0}, "differs from layer to layer"),
        ("synthesis", {"margin_size": 1 << 30}, "margin_size must lie between"),
        ("synthesis", {"margin_size": 8}, "of StyleGAN3|it lacks"),
        ("synthesis", {"num_critical": 14}, "n_critical must lie between"),
        ("synthesis", {"num_critical": True}, "is no number"),
        ("synthesis", {"output_scale": "0.25"}, "is no number"),
        ("synthesis", {"output_scale": -1.0}, "output_scale is -1.0"),
        ("synthesis", {"_init_kwargs": {"first_stopband": 1e300}}, "first_stopband must lie"),
        ("synthesis.input", {"bandwidth": 4.0}, "its input states bandwidth=4.0"),
        ("synthesis.input", {"sampling_rate": None}, "its input states"),
        ("mapping.fc0", {"activation": "relu"}, "another activation"),
    ],
)
def test_pickles_that_contradict_themselves_are_refused(tmp_path, module, changes, message):
    def edit(attributes):
        attributes[module].update(changes)

    path = tmp_path / "network.pkl"
    write_alias_free(path, alias_free_module(), edit=edit)
    with pytest.raises(CheckpointError, match=message):
        read_generator(path)


@pytest.mark.parametrize(
    "change",
    [
        {"resolution": 1 << 20},
        {"channels": [1 << 15] * 62},
        {"channels": [4] * 1000},
        {"filter_size": 1 << 30},
        {"margin_size": 1e300},
        {"first_cutoff": "2"},
        {"lrelu_upsampling": [2]},
        {"n_mapping": 1 << 30},
        {"brightness": 2},
    ],
    ids=str,
)
def test_absurd_architectures_of_own_files_are_refused(tmp_path, change):
    module = alias_free_module()
    path = tmp_path / "own.safetensors"
    config = module.config.to_dict() | change
    metadata = {"format": "skstylefeat.stylegan3_generator", "config": json.dumps(config)}
    tensors = {name: x.contiguous() for name, x in module.state_dict().items()}
    save_file(tensors, path, metadata)
    with pytest.raises(CheckpointError):
        build_network(*read_generator(path)[:2], str(path))
