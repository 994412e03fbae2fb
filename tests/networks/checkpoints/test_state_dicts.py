"""State dicts inside other dictionaries and behind prefixes, and weights that no network has."""

import pytest
import torch
from safetensors.torch import save_file

from skstylefeat.exceptions import CheckpointError
from skstylefeat.networks.checkpoints import _read as checkpoints
from tests.support.checkpoint_writers import psp_state, rosinality_state
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


ENCODER = psp_state("Encoder4Editing", n_ws=6, w_dim=7)
RESNET = psp_state("ResNetBackboneEncoder", n_ws=6, w_dim=7)
OPTIONS = {
    "encoder_type": "Encoder4Editing",
    "dataset_type": "ffhq_encode",
    "start_from_latent_avg": True,
}
ROWS = torch.arange(42.0).reshape(6, 7)
BOTH = under("encoder.", ENCODER) | under("decoder.", ROSINALITY)
AROUND = {"latent_avg": ROWS, "opts": OPTIONS}
ENCODERS = {
    "pSp": {"state_dict": BOTH} | AROUND,
    "DataParallel": {"state_dict": under("module.", BOTH)} | AROUND,
    "mean next to the tensors": {
        "state_dict": under("module.", BOTH | {"latent_avg": ROWS}),
        "opts": OPTIONS,
    },
    "inside model": {"model": {"state_dict": BOTH} | AROUND, "step": 3},
    "average of a training": {
        "net": {key: value + 1 for key, value in BOTH.items()},
        "params_ema": BOTH,
    }
    | AROUND,
    "dictionaries of its own": {"encoder": ENCODER, "decoder": ROSINALITY} | AROUND,
    "encoder alone": {"net": ENCODER} | AROUND,
    "bare": ENCODER | AROUND,
    "next to a discriminator": {
        "state_dict": BOTH,
        "discriminator_state_dict": {"conv.0.weight": torch.zeros(3)},
    }
    | AROUND,
    "next to a network for faces": {
        "state_dict": under("net.", BOTH)
        | under("id_loss.", {k: v for k, v in ENCODER.items() if not k.startswith("styles")})
    }
    | AROUND,
}


@pytest.mark.parametrize("name", ENCODERS)
def test_the_encoder_is_found(tmp_path, name):
    path, plain = tmp_path / "encoder.pt", tmp_path / "plain.pt"
    torch.save(ENCODERS[name], path)
    torch.save(ENCODERS["pSp"], plain)
    module, card = checkpoints.read_encoder(path)
    expected, _ = checkpoints.read_encoder(plain)
    assert torch.equal(module.latent_avg, ROWS)
    for key, value in expected.state_dict().items():
        assert torch.equal(module.state_dict()[key], value), key
    assert card["encoder_type"] == "Encoder4Editing"
    if name not in ("encoder alone", "bare"):
        assert checkpoints.read_generator(path)[0].resolution == 16


def test_the_decoder_of_the_encoder_is_taken_before_others(tmp_path):
    """Another generator in the file, even an average, is not the encoder's."""
    path = tmp_path / "encoder.pt"
    other = {key: value + 1 for key, value in ROSINALITY.items() if not key.endswith("kernel")}
    torch.save({"state_dict": BOTH, "g_ema": other} | AROUND, path)
    _, state, _ = checkpoints.read_generator(path)
    assert torch.equal(state["mapping.fc0.weight"], NVIDIA["mapping.fc0.weight"])


def test_encoders_with_a_decoder_in_nvidias_names(tmp_path):
    path = tmp_path / "encoder.pt"
    both = under("encoder.", ENCODER) | under("decoder.", NVIDIA)
    torch.save({"state_dict": both} | AROUND, path)
    assert checkpoints.read_encoder(path)[0].n_ws == 6
    assert checkpoints.read_generator(path)[0] == MODULE.config


@pytest.mark.parametrize(
    ("data", "words"),
    [
        ({"a": ENCODER, "b": RESNET}, ["2 encoders", "'a'", "'b'"]),
        ({"x": under("a.", ENCODER) | under("b.", ENCODER)}, ["prefix 'a.'", "prefix 'b.'"]),
        (
            {"x": {k: v for k, v in ENCODER.items() if not k.startswith("styles")}},
            ["none of the known formats", "'x'"],
        ),
    ],
)
def test_ambiguous_and_headless_encoders_are_refused(tmp_path, data, words):
    path = tmp_path / "encoder.pt"
    torch.save(data, path)
    with pytest.raises(CheckpointError, match=r"encoder\.pt") as caught:
        checkpoints.read_encoder(path)
    for word in words:
        assert word in str(caught.value)


FILTERS = {
    "rosinality, an up-sampling layer": (ROSINALITY, "convs.2.conv.blur.kernel"),
    "rosinality, an image": (ROSINALITY, "to_rgbs.0.upsample.kernel"),
    "NVIDIA, a layer": (NVIDIA, "synthesis.b16.conv0.resample_filter"),
    "NVIDIA, an image": (NVIDIA, "synthesis.b8.resample_filter"),
}


@pytest.mark.parametrize("name", FILTERS)
def test_every_filter_is_compared(tmp_path, name):
    state, key = FILTERS[name]
    gain = 1 if state is NVIDIA else 4
    usual, other = (
        gain * torch.outer(taps, taps) / taps.sum() ** 2
        for taps in (torch.tensor([1.0, 3, 3, 1]), torch.tensor([1.0, 2, 2, 1]))
    )
    path = tmp_path / "network.pt"
    plain = {"synthesis.b8.conv0.resample_filter": usual}
    plain = plain if state is NVIDIA else {}
    torch.save(state | plain | {key: usual}, path)
    assert checkpoints.read_generator(path)[0].resample_filter == (1.0, 3.0, 3.0, 1.0)
    torch.save(state | plain | {key: other}, path)
    with pytest.raises(CheckpointError, match=r"network\.pt.* differs from the filters"):
        checkpoints.read_generator(path)
    torch.save(state | plain | {key: 2 * usual}, path)
    with pytest.raises(CheckpointError, match=f"{key}' has values of sum {2 * gain}, expected"):
        checkpoints.read_generator(path)
    torch.save(state | plain | {key: torch.ones(6, 6) / 36}, path)
    with pytest.raises(CheckpointError, match=f"{key}' of shape .6, 6. is not a separable one"):
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


def _conditional(state, c_dim=3):
    """Return the tensors of a network whose mapping takes a class, too."""
    module = tiny_module(16, channels=(6, 8, 4), z_dim=7, c_dim=c_dim)
    return {k: v for k, v in module.state_dict().items() if k.startswith("mapping")} | {
        k: v for k, v in state.items() if not k.startswith("mapping")
    }


def test_a_conditional_network_loads_as_one(tmp_path):
    path = tmp_path / "network.pt"
    torch.save(_conditional(NVIDIA), path)
    config, _, _ = checkpoints.read_generator(path)
    assert (config.c_dim, config.z_dim) == (3, 7)


CONFUSED = {
    "embedding left out": lambda s: {k: v for k, v in s.items() if "embed" not in k},
    "embedding of another width": lambda s: s | {"mapping.embed.weight": torch.zeros(9, 3)},
    "embedding without bias": lambda s: {k: v for k, v in s.items() if k != "mapping.embed.bias"},
    "embedding without its input": lambda s: (
        s | {"mapping.fc0.weight": NVIDIA["mapping.fc0.weight"]}
    ),
    "mean of another width": lambda s: s | {"mapping.w_avg": torch.zeros(6)},
    "a second layer that is wider": lambda s: s | {"mapping.fc1.weight": torch.zeros(7, 14)},
}


@pytest.mark.parametrize("name", CONFUSED)
def test_conditional_networks_are_not_confused_with_others(tmp_path, name):
    path = tmp_path / "network.pt"
    torch.save(CONFUSED[name](_conditional(NVIDIA)), path)
    if name == "embedding left out":  # then z is as wide as z and the embedding together
        config, _, _ = checkpoints.read_generator(path)
        assert (config.c_dim, config.z_dim) == (0, 14)
        return
    with pytest.raises(CheckpointError, match=r"network\.pt"):
        checkpoints.read_generator(path)


SOUND = {
    "float16 below its normal numbers": lambda x: torch.full_like(x, 6e-8).half(),
    "transposed in memory": lambda x: x.transpose(0, 1).contiguous().transpose(0, 1),
    "float64": lambda x: x.double(),
    "a view of a larger storage": lambda x: torch.cat([x, x])[: len(x)],
}


@pytest.mark.parametrize("name", SOUND)
def test_unusual_tensors_of_sound_values_are_read(tmp_path, name):
    path = tmp_path / "network.pt"
    value = SOUND[name](NVIDIA[KEY])
    torch.save(NVIDIA | {KEY: value}, path)
    assert torch.equal(checkpoints.read_generator(path)[1][KEY], value.float())


def test_tensors_of_one_storage_are_read(tmp_path):
    storage = torch.arange(100.0)
    shared = {"mapping.w_avg": storage[3:10], "synthesis.b4.conv1.bias": storage[5:11]}
    path = tmp_path / "network.pt"
    torch.save(NVIDIA | shared, path)
    _, state, _ = checkpoints.read_generator(path)
    for key, value in shared.items():
        assert torch.equal(state[key], value)


def test_misfits_are_named_and_counted(tmp_path):
    path = tmp_path / "network.pt"
    torch.save({k: v for k, v in NVIDIA.items() if ".affine." not in k}, path)
    with pytest.raises(CheckpointError, match=r"it lacks \['synthesis.*and \d+ more") as caught:
        checkpoints.read_generator(path)
    assert len(str(caught.value)) < 1000


@pytest.mark.parametrize(
    "change",
    [
        lambda header: header.replace(b'"other"', b'"first"'),
        lambda header: header.replace(b'"data_offsets":[4,8]', b'"data_offsets":[0,4]'),
        lambda header: header.replace(b'"data_offsets":[4,8]', b'"data_offsets":[5,9]'),
        lambda header: header.replace(b'"data_offsets":[4,8]', b'"data_offsets":[4,9]'),
        lambda header: header.replace(b'"shape":[1]', b'"shape":[2]'),
        lambda header: header.replace(b'"F32"', b'"F99"'),
        lambda header: b" " * (17 << 20) + header,
    ],
    ids=["duplicate", "overlap", "gap", "too long", "shape", "type", "header of 17 MB"],
)
def test_damaged_headers_of_safetensors_are_refused(tmp_path, change):
    path = tmp_path / "network.safetensors"
    save_file({"first": torch.zeros(1), "other": torch.ones(1)}, path)
    data = path.read_bytes()
    length = int.from_bytes(data[:8], "little")
    header = change(data[8 : 8 + length])
    assert header != data[8 : 8 + length]
    path.write_bytes(len(header).to_bytes(8, "little") + header + data[8 + length :])
    with pytest.raises(CheckpointError, match=r"network\.safetensors"):
        checkpoints.read_generator(path)
