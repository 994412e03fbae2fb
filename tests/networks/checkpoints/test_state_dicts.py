"""State dicts inside other dictionaries and behind prefixes, and weights that no network has."""

import pytest
import torch
from safetensors.torch import save_file

from skstylefeat.exceptions import CheckpointError
from skstylefeat.networks.checkpoints import _read as checkpoints
from tests.support.checkpoint_writers import rosinality_state
from tests.support.networks import tiny_module

MODULE = tiny_module(16, channels=(6, 8, 4), z_dim=7)
NVIDIA = dict(MODULE.state_dict())
ROSINALITY = rosinality_state(MODULE)
AVERAGE = MODULE.mapping.w_avg
OTHER = {key: value + 1 for key, value in NVIDIA.items()}
KEY = "synthesis.b8.conv0.weight"


def under(prefix, state):
    return {prefix + key: value for key, value in state.items()}


NESTED = {
    "bare": NVIDIA,
    "state_dict": {"state_dict": NVIDIA, "step": 97000},
    "model": {"model": NVIDIA},
    "average next to last weights and discriminator": {
        "state_dict": under("G_ema.", NVIDIA)
        | under("G.", OTHER)
        | {"D.b8.conv0.weight": torch.zeros(3)}
    },
    "DataParallel": {"g_ema": under("module.", NVIDIA)},
    "two prefixes": {"state_dict": under("model.g_ema.", NVIDIA) | under("model.g.", OTHER)},
    "generator prefix": {"g_ema": under("generator.", ROSINALITY), "latent_avg": AVERAGE},
    "average inside": {"params_ema": ROSINALITY | {"latent_avg": AVERAGE}, "params": ROSINALITY},
    "no average": {"g": ROSINALITY, "d": {}, "latent_avg": AVERAGE},
    "two levels": {"checkpoint": {"model": NVIDIA}},
    "the same twice": dict.fromkeys(("a", "b"), NVIDIA),
}


@pytest.mark.parametrize("name", NESTED)
def test_the_state_dict_is_found(tmp_path, name):
    path = tmp_path / "network.pt"
    torch.save(NESTED[name], path)
    config, state, card = checkpoints.read_generator(path)
    assert config == MODULE.config
    for key, value in NVIDIA.items():
        assert torch.equal(state[key], value), key
    assert card["format"]


@pytest.mark.parametrize(
    ("data", "words"),
    [
        ({"first": NVIDIA, "second": OTHER}, ["2 generators", "'first'", "'second'"]),
        ({"g_ema": NVIDIA, "ema": ROSINALITY}, ["2 generators", "'g_ema'", "'ema'"]),
        ({"x": under("a.", NVIDIA) | under("b.", OTHER)}, ["prefix 'a.'", "prefix 'b.'"]),
        ({"state_dict": {"conv1.weight": torch.zeros(4)}}, ["'state_dict'", "'conv1.weight'"]),
        ({"g": under("not-a-prefix", NVIDIA)}, ["none of the known formats", "'g'"]),
    ],
)
def test_ambiguous_and_unknown_state_dicts_are_refused(tmp_path, data, words):
    path = tmp_path / "network.pt"
    torch.save(data, path)
    with pytest.raises(CheckpointError, match=r"network\.pt") as caught:
        checkpoints.read_generator(path)
    for word in words:
        assert word in str(caught.value)


def test_a_dictionary_in_itself_is_refused(tmp_path):
    data = {"a": torch.zeros(1)}
    data["itself"] = data
    path = tmp_path / "network.pt"
    torch.save(data, path)
    with pytest.raises(CheckpointError, match="'itself'"):
        checkpoints.read_generator(path)


def test_filters_of_nvidias_names_in_safetensors(tmp_path):
    taps = torch.tensor([1.0, 3, 3, 1]) / 8
    data = {key: value.contiguous() for key, value in NVIDIA.items()}
    data["synthesis.b8.conv0.resample_filter"] = torch.outer(taps, taps)
    path = tmp_path / "network.safetensors"
    save_file(data, path)
    config, state, _ = checkpoints.read_generator(path)
    assert config == MODULE.config and state.keys() == NVIDIA.keys()


FILTERS = {
    "rosinality, an up-sampling layer": (ROSINALITY, "convs.2.conv.blur.kernel"),
    "rosinality, an image": (ROSINALITY, "to_rgbs.0.upsample.kernel"),
    "NVIDIA, a layer": (NVIDIA, "synthesis.b16.conv0.resample_filter"),
    "NVIDIA, an image": (NVIDIA, "synthesis.b8.resample_filter"),
}


@pytest.mark.parametrize("name", FILTERS)
def test_every_filter_is_compared(tmp_path, name):
    state, key = FILTERS[name]
    usual, other = torch.tensor([1.0, 3, 3, 1]), torch.tensor([1.0, 2, 2, 1])
    path = tmp_path / "network.pt"
    plain = {"synthesis.b8.conv0.resample_filter": torch.outer(usual, usual)}
    plain = plain if state is NVIDIA else {}
    torch.save(state | plain | {key: torch.outer(usual, usual)}, path)
    assert checkpoints.read_generator(path)[0].resample_filter == (1.0, 3.0, 3.0, 1.0)
    torch.save(state | plain | {key: torch.outer(other, other)}, path)
    with pytest.raises(CheckpointError, match=r"network\.pt.* differs from the filters"):
        checkpoints.read_generator(path)


def test_a_mapping_network_of_another_width_is_refused(tmp_path):
    """As that of a conditional network in rosinality's names, whose input has the class, too."""
    path = tmp_path / "network.pt"
    wide = torch.cat([ROSINALITY["style.1.weight"]] * 2, dim=1)
    torch.save({"g_ema": ROSINALITY | {"style.1.weight": wide}}, path)
    with pytest.raises(CheckpointError, match=r"shape \(7, 14\), but z and w have one width"):
        checkpoints.read_generator(path)


ODD = {
    "complex": lambda x: x.to(torch.complex64) * (1 + 1j),
    "int8": lambda x: (x * 40).to(torch.int8),
    "int64": lambda x: x.to(torch.int64),
    "bool": lambda x: x > 0,
    "3e38": lambda x: torch.full_like(x, 3e38),
    "-2e9": lambda x: torch.where(torch.arange(x.numel()).reshape(x.shape) == 3, -2e9, x),
    "beyond float32": lambda x: torch.full(x.shape, 1e200, dtype=torch.float64),
    "NaN": lambda x: torch.where(torch.arange(x.numel()).reshape(x.shape) == 3, torch.nan, x),
    "-inf": lambda x: torch.where(torch.arange(x.numel()).reshape(x.shape) == 3, -torch.inf, x),
}


@pytest.mark.parametrize("suffix", [".pt", ".safetensors"])
@pytest.mark.parametrize("name", ODD)
def test_weights_of_odd_types_and_sizes_are_refused(tmp_path, name, suffix):
    path = tmp_path / f"network{suffix}"
    data = {key: value.contiguous() for key, value in NVIDIA.items()}
    data[KEY] = ODD[name](data[KEY]).contiguous()
    save_file(data, path) if suffix == ".safetensors" else torch.save({"g_ema": data}, path)
    with pytest.raises(CheckpointError, match=rf"network\{suffix}.*{KEY}"):
        checkpoints.read_generator(path)


@pytest.mark.parametrize("side", [9999, 4096])
@pytest.mark.parametrize("names", ["nvidia", "rosinality"])
def test_noise_of_absurd_layers_is_not_made(tmp_path, names, side):
    one = torch.zeros(1)
    if names == "nvidia":
        data = {"synthesis.b4.conv1.weight": one, f"synthesis.b{side}.conv0.weight": one}
    else:
        data = ROSINALITY | {f"convs.{2 * k}.noise.weight": one for k in range(10, 14)}
    path = tmp_path / "network.pt"
    torch.save({"g_ema": data}, path)
    with pytest.raises(CheckpointError, match=r"network\.pt.*(noise maps|does not have)"):
        checkpoints.read_generator(path)


@pytest.mark.parametrize("change", ["z", "c"])
def test_the_mean_of_a_wide_mapping_network_is_not_estimated(tmp_path, change):
    state = {key: value for key, value in NVIDIA.items() if key != "mapping.w_avg"}
    if change == "z":
        state["mapping.fc0.weight"] = torch.zeros(7, 60_000)
    else:
        state["mapping.fc0.weight"] = torch.zeros(7, 14)
        state["mapping.embed.weight"] = torch.zeros(7, 60_000)
        state["mapping.embed.bias"] = torch.zeros(7)
    path = tmp_path / "network.pt"
    torch.save(state, path)
    with pytest.raises(CheckpointError, match=r"network\.pt.*lacks the mean of W.*60000"):
        checkpoints.read_generator(path)
