"""GenForce's StyleGAN1 and StyleGAN2: arrays of upstream's code, search, and refusals.

The reference arrays come from GenForce's generators (commit 197feee) with the weights of
`genforce_writers`, without random noise. Every third pixel of 16 px, and every ninth of larger
maps, is stored.
"""

import numpy as np
import pytest
import torch

from skstylefeat import load_generator
from skstylefeat.exceptions import CheckpointError
from skstylefeat.networks import checkpoints
from skstylefeat.networks.checkpoints._read import read_encoder, read_generator
from tests.support.checkpoint_writers import psp_state
from tests.support.genforce_cases import CASES, REFERENCE, sample
from tests.support.genforce_writers import genforce_stylegan1, genforce_stylegan2
from tests.support.stored_arrays import relative_difference, stored


@pytest.mark.parametrize("name", CASES)
def test_w_maps_and_images_are_those_of_genforce(tmp_path, name):
    write, values, assume = CASES[name]
    path = tmp_path / "network.pth"
    torch.save({"generator_smooth": write(**values)}, path)
    generator = load_generator(path, assume=assume)
    rng = np.random.RandomState(100)
    z = rng.normal(size=(2, 5)).astype(np.float32)
    codes = rng.normal(size=(2, generator.n_ws, 7)).astype(np.float32)
    classes = [0, generator.c_dim - 1] if generator.c_dim else None

    ours = {
        "w": generator.mapping(z, c=classes),
        "truncated": generator.synthesis(generator.mapping(z, c=classes, truncation_psi=0.6)),
        "image": generator.synthesis(codes),
        "quiet": generator.synthesis(codes, noise="none"),
    }
    maps = generator.features(codes[:1])
    assert list(maps) == [layer.name for layer in generator.layers]
    ours |= {f"map{i}": x for i, x in enumerate(maps.values())}
    theirs = stored(REFERENCE, f"{name}|")
    assert ours.keys() == theirs.keys()
    for key, value in ours.items():
        value = value if key == "w" else sample(value)
        assert relative_difference(value, theirs[key]) < 1e-5, key
    through_s = generator.synthesis_from_styles(generator.styles(codes))
    assert relative_difference(through_s, ours["image"]) < 1e-6


STATES = {"stylegan1": genforce_stylegan1(), "stylegan2": genforce_stylegan2()}
OTHERS = {k: {name: x + 1 for name, x in state.items()} for k, state in STATES.items()}


def load(path, data, assume=None):
    torch.save(data, path)
    return load_generator(path, assume=assume)


@pytest.mark.parametrize("family", STATES)
def test_the_average_is_found(tmp_path, family):
    state, other = STATES[family], OTHERS[family]
    plain = load(tmp_path / "plain.pth", {"generator_smooth": state})
    w = plain.mapping(plain.sample_z(3, random_state=0))
    layouts = {
        "weights": {"generator": other, "discriminator": {}, "generator_smooth": state},
        "run": {
            "models": {"generator": other, "generator_smooth": state},
            "running_metadata": {"iter": 3, "seen_img": 96},
            "optimizers": {"generator": {"state": {}, "param_groups": [{"lr": 0.1}]}},
        },
        "one": {"generator": state},
        "bare": state,
        "prefixed": {"models": {f"module.{key}": value for key, value in state.items()}},
    }
    for name, data in layouts.items():
        path = tmp_path / f"{name}.pth"
        generator = load(path, data)
        assert np.array_equal(generator.synthesis(w), plain.synthesis(w)), name
        assert generator.card["format"].startswith("GenForce")
        info = checkpoints.inspect(path)
        assert info.problems == () and info.generator.n_ws == generator.n_ws
        assert info.generator.spaces["s"] == generator.styles(w[:1]).shape[1:]


def test_a_mean_that_is_lacking_is_estimated(tmp_path):
    for family, state in STATES.items():
        less = {key: value for key, value in state.items() if key != "truncation.w_avg"}
        generator = load(tmp_path / f"{family}.pth", less)
        w = generator.mapping(generator.sample_z(10_000, random_state=1))
        np.testing.assert_allclose(generator.w_avg, w.mean(axis=0), atol=0.1 * w.std())
        assert "mean of W" in generator.card["added"]


def test_the_multiplier_of_the_mapping_network_can_be_given(tmp_path):
    for family, state in STATES.items():
        plain = load(tmp_path / f"{family}.pth", state)
        half = {k: v / 2 if k.startswith("mapping.dense") else v for k, v in state.items()}
        other = load(tmp_path / f"{family}-2.pth", half, {"lr_multiplier": 0.02})
        z = plain.sample_z(3, random_state=0)
        np.testing.assert_allclose(other.mapping(z), plain.mapping(z), rtol=1e-5)


def test_settings_of_the_other_family_are_refused(tmp_path):
    with pytest.raises(CheckpointError, match=r"first\.pth.* without conv_clamp"):
        load(tmp_path / "first.pth", STATES["stylegan1"], {"conv_clamp": 256})
    with pytest.raises(CheckpointError, match=r"second\.pth.* without fused_scale"):
        load(tmp_path / "second.pth", STATES["stylegan2"], {"fused_scale": False})
    with pytest.raises(ValueError, match=r"fused_scale.* expected True, False or 'auto'"):
        load(tmp_path / "third.pth", STATES["stylegan1"], {"fused_scale": 1})


def without(*parts):
    return lambda s: {k: v for k, v in s.items() if not any(part in k for part in parts)}


def with_(**tensors):
    return lambda s: s | {key.replace("__", "."): value for key, value in tensors.items()}


def changed(key, change):
    return lambda s: s | {key: change(s[key])}


REFUSED = {
    "first: growing": ("stylegan1", with_(synthesis__lod=torch.tensor(1.5)), "progressive growing"),
    "first: dense input": (
        "stylegan1",
        lambda s: without("layer0.const")(s) | {"synthesis.layer0.weight": torch.ones(6, 7, 4, 4)},
        r"layer0\.weight.*variant",
    ),
    "first: noise per pixel": (
        "stylegan1",
        changed("synthesis.layer2.apply_noise.weight", lambda x: torch.ones(8, 8)),
        r"does not fit a StyleGAN1 generator.*noise_strength",
    ),
    "first: w per layer": (
        "stylegan1",
        changed("truncation.w_avg", lambda x: x.repeat(6)),
        "does not fit a StyleGAN1",
    ),
    "first: another blur in one layer": (
        "stylegan1",
        changed("synthesis.layer4.blur.kernel", lambda x: torch.ones_like(x)),
        r"layer4\.blur\.kernel.*three taps",
    ),
    "first: a blur of five taps": (
        "stylegan1",
        changed("synthesis.layer2.blur.kernel", lambda x: torch.ones(5, 1, 5, 5)),
        r"layer2\.blur\.kernel|blur",
    ),
    "first: no blur": ("stylegan1", without("blur.kernel"), "lacks the blur"),
    "first: no image layer": ("stylegan1", without("output2"), "incomplete StyleGAN1|does not fit"),
    "first: a layer is lacking": ("stylegan1", without("layer3."), "incomplete|does not fit"),
    "first: unknown tensors": ("stylegan1", with_(synthesis__layer2__gate=torch.ones(3)), "gate"),
    "first: an absurd layer": (
        "stylegan1",
        with_(synthesis__layer99__bias=torch.ones(3)),
        "incomplete|impossible|does not fit",
    ),
    "first: an absurd image": (
        "stylegan1",
        with_(synthesis__output99__weight=torch.ones(3, 4, 1, 1)),
        "incomplete|impossible|does not fit",
    ),
    "first: not finite": (
        "stylegan1",
        changed("synthesis.layer3.weight", lambda x: x * torch.inf),
        "not finite",
    ),
    "first: integers": (
        "stylegan1",
        changed("synthesis.layer3.weight", lambda x: x.to(torch.int8)),
        "int8",
    ),
    "first: scalars": (
        "stylegan1",
        lambda s: {k: v if "lod" in k or "kernel" in k else torch.ones(()) for k, v in s.items()},
        "damaged|incomplete",
    ),
    "first: empty": (
        "stylegan1",
        lambda s: {k: torch.ones(0) for k in s},
        "damaged|incomplete|progressive",
    ),
    "second: classes": ("stylegan2", with_(mapping__label_weight=torch.ones(4, 5)), "label_weight"),
    "second: no skip connections": ("stylegan2", without("output0", "output1"), None),
    "second: residual": (
        "stylegan2",
        lambda s: without("layer1.style", "layer1.bias")(s),
        "does not fit a StyleGAN2",
    ),
    "second: another filter": (
        "stylegan2",
        changed("synthesis.layer3.filter.kernel", lambda x: torch.ones_like(x) / 4),
        "differs from the filters",
    ),
    "second: dense input": (
        "stylegan2",
        lambda s: without("early")(s) | {"synthesis.early_layer.weight": torch.ones(6, 7)},
        r"early_layer\.weight",
    ),
    "second: scalars": (
        "stylegan2",
        lambda s: {k: v if "kernel" in k else torch.ones(()) for k, v in s.items()},
        "damaged|holds no",
    ),
}


@pytest.mark.parametrize("name", REFUSED)
def test_variants_and_damage_are_refused(tmp_path, name):
    family, change, words = REFUSED[name]
    path = tmp_path / "network.pth"
    torch.save({"generator_smooth": change(STATES[family])}, path)
    if words is None:  # an image from the last layer alone is the architecture "orig"
        assert read_generator(path)[0].architecture == "orig"
        return
    with pytest.raises(CheckpointError, match=rf"network\.pth.*({words})"):
        read_generator(path)


def test_two_generators_are_not_chosen_between(tmp_path):
    path = tmp_path / "network.pth"
    torch.save({"generator": STATES["stylegan1"], "other": STATES["stylegan2"]}, path)
    with pytest.raises(CheckpointError, match=r"2 generators.*'generator'.*'other'"):
        read_generator(path)


@pytest.mark.parametrize("family", STATES)
def test_an_encoder_next_to_it_must_have_its_layers(tmp_path, family):
    path = tmp_path / "encoder.pt"
    for n_ws in (6, 8):
        encoder = psp_state("Encoder4Editing", n_ws=n_ws, w_dim=7)
        both = {f"encoder.{key}": value for key, value in encoder.items()}
        both |= {f"decoder.{key}": value for key, value in STATES[family].items()}
        options = {"encoder_type": "Encoder4Editing", "start_from_latent_avg": True}
        torch.save({"state_dict": both, "opts": options, "latent_avg": torch.zeros(n_ws, 7)}, path)
        if n_ws == 6:
            assert read_encoder(path)[0].n_ws == read_generator(path)[0].n_ws == 6
            continue
        with pytest.raises(CheckpointError, match=r"encoder\.pt.*8"):
            read_encoder(path)
