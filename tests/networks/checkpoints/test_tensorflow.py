"""Pickles of TensorFlow: the same networks as NVIDIA's own converter makes, and refusals."""

import pickle

import numpy as np
import pytest
import torch

from skstylefeat import load_encoder, load_generator
from skstylefeat.exceptions import CheckpointError, UnsafeCheckpointError
from skstylefeat.networks.checkpoints import _read as checkpoints
from skstylefeat.networks.checkpoints import convert, inspect
from skstylefeat.networks.checkpoints._safetensors import build_network
from tests.support import tensorflow_writers as writers
from tests.support.checkpoint_writers import TensorFlowNetwork
from tests.support.hostile_tensorflow import HOSTILE
from tests.support.networks import tiny_module
from tests.support.stored_arrays import relative_difference, stored
from tests.support.tensorflow_cases import (
    DATA,
    REFERENCES,
    reference_inputs,
    write_reference,
)


@pytest.mark.parametrize("name", REFERENCES)
def test_networks_equal_those_of_the_official_converter(tmp_path, name):
    """The reference arrays are runs of `legacy.py` of stylegan2-ada-pytorch, in float32."""
    path = tmp_path / "network.pkl"
    write_reference(path, name)
    config, state, _ = checkpoints.read_generator(path)
    network = build_network(config, state, path).double()
    z, ws, c = (
        x if x is None else x.double()  # for the errors of the reference arrays alone
        for x in reference_inputs(config.c_dim)
    )
    with torch.inference_mode():
        results = {"w": network.mapping(z, c), "truncated": network.mapping(z, c, 0.6)}
        styles = network.synthesis.styles(ws)
        results |= {f"{layer} style": style for layer, style in styles.items()}
        results |= dict(network.synthesis.steps(styles))
        results["image"] = network.synthesis.from_styles(styles)
    expected = stored(DATA, f"{name}/")
    assert expected.keys() == results.keys()
    for key, reference in expected.items():
        assert relative_difference(results[key], reference) < 1e-6, key


@pytest.fixture
def module():
    return tiny_module(8, channels=(3, 2))


@pytest.fixture
def path(tmp_path):
    return tmp_path / "network.pkl"


def check_read(path, module, **changes):
    """Check that the generator of a file has the tensors of a module; return its card."""
    config, state, card = checkpoints.read_generator(path)
    assert config == module.config
    for key, value in (module.state_dict() | changes).items():
        assert torch.equal(state[key], value), key
    return card


@pytest.mark.parametrize("python2", [False, True])
@pytest.mark.parametrize("version", [4, 5])
def test_files_ask_for_what_those_of_nvidia_ask_for(path, module, version, python2):
    writers.write_stylegan2(path, module, version, python2=python2)
    globals_ = set()

    class Reader(pickle.Unpickler):
        def find_class(self, module, name):
            globals_.add(f"{module}.{name}")
            is_network = module.startswith("dnnlib.")
            return TensorFlowNetwork if is_network else super().find_class(module, name)

    with open(path, "rb") as file:
        networks = Reader(file, encoding="latin-1").load()
    assert [network.name for network in networks] == ["G", "D", "Gs"]
    assert globals_ == {
        "dnnlib.tflib.network.Network",
        "numpy.core.multiarray._reconstruct",
        "numpy.core.multiarray.scalar",
        "numpy.ndarray",
        "numpy.dtype",
    }


def test_commands_and_loaders_read_a_file(path, tmp_path, module):
    writers.write_stylegan2(path, module, version=5)
    info = inspect(path)
    assert info.container, info.format == ("pickle", "NVIDIA StyleGAN2-ADA (TensorFlow)")
    assert info.problems == info.refused == ()
    assert info.generator.config["resolution"] == 8
    assert info.generator.card["network"] == "Gs (item 3 of 3): the moving average"
    conversion = convert(path, tmp_path / "network.safetensors")
    direct, converted = load_generator(path), load_generator(conversion.generator.file)
    z = direct.sample_z(2, random_state=0)
    ws = direct.mapping(z)
    np.testing.assert_array_equal(ws, converted.mapping(z))
    np.testing.assert_array_equal(direct.synthesis(ws), converted.synthesis(ws))
    assert converted.card["network"] == info.generator.card["network"]
    with pytest.raises(CheckpointError, match="without an encoder"):
        load_encoder(path)


def _halves(module):
    return {k: v * np.float32(0.5) for k, v in writers.stylegan2_variables(module).items()}


@pytest.mark.parametrize("name", ["G", "Gs"])
@pytest.mark.parametrize(
    ("arrange", "remark"),
    [
        (lambda g, d, gs: (g, d, gs), "item 3 of 3"),
        (lambda g, d, gs: [g, d, gs], "item 3 of 3"),
        (lambda g, d, gs: {"G": g, "D": d, "Gs": gs}, "entry 'Gs'"),
        (lambda g, d, gs: {"G": g, "D": d, "G_ema": gs, "step": 3}, "entry 'G_ema'"),
        (lambda g, d, gs: {"D_ema": d, "G_ema": gs, "G": g}, "entry 'G_ema'"),
    ],
    ids=["tuple", "list", "dictionary", "dictionary with others", "average of both"],
)
def test_the_moving_average_is_taken(path, module, arrange, remark, name):
    networks = (
        writers.stylegan2_network(module, name="G", variables=_halves(module)),
        writers.discriminator(),
        writers.stylegan2_network(module, name=name),
    )
    writers.dump(path, arrange(*networks))
    card = check_read(path, module)
    assert remark in card["network"]
    assert "the moving average" in card["network"]


def test_names_come_before_places(path, module):
    average = writers.stylegan2_network(module, name="Gs")
    other = writers.stylegan2_network(module, name="G", variables=_halves(module))
    writers.dump(path, (average, other, writers.discriminator(), other))
    assert "item 1 of 4" in check_read(path, module)["network"]


def test_a_generator_alone_is_read_and_said_to_be_no_average(path, module):
    network = writers.stylegan2_network(module, name="G")
    for tree in (network, (network,), (network, writers.discriminator()), {"G": network}):
        writers.dump(path, tree)
        assert (
            "the only generator, not said to be an average" in check_read(path, module)["network"]
        )
    writers.dump(path, writers.stylegan2_network(module))
    assert check_read(path, module)["network"] == "Gs (the whole file): the moving average"


def test_several_generators_without_names_are_refused(path, module):
    network = writers.stylegan2_network(module, name="G")
    for tree in ((network, network), {"a": network, "b": network}, (network,) * 4):
        writers.dump(path, tree)
        with pytest.raises(CheckpointError, match="which one is the moving average"):
            checkpoints.read_generator(path)


def test_files_lack_no_settings_and_keep_theirs(path, module):
    writers.write_stylegan2(path, module, version=5)
    stated = {"activation": "lrelu", "conv_clamp": None, "lr_multiplier": 0.01}
    assert load_generator(path, assume=stated).card["given"]
    with pytest.raises(CheckpointError, match=r"states conv_clamp=None, but assume has 256"):
        load_generator(path, assume={"conv_clamp": 256})


def test_missing_mean_of_w_is_estimated_and_reported(path, module):
    variables = writers.stylegan2_variables(module)
    del variables["dlatent_avg"]
    writers.dump(path, writers.stylegan2_network(module, variables=variables))
    _, state, card = checkpoints.read_generator(path)
    assert "mean of W" in card["added"]
    assert not torch.equal(state["mapping.w_avg"], module.mapping.w_avg)


def test_other_learning_rate_of_the_mapping_network_is_folded(path, module):
    writers.write_stylegan2(path, module, mapping_lrmul=0.02)
    check_read(
        path,
        module,
        **{
            f"mapping.fc{i}.{name}": 2 * module.state_dict()[f"mapping.fc{i}.{name}"]
            for i in range(module.config.n_mapping)
            for name in ("weight", "bias")
        },
    )


def test_no_filter_is_the_box_of_tensorflow(path, module):
    """NVIDIA's converter takes None for no filter; TensorFlow's code for two equal taps."""
    writers.write_stylegan2(path, module, resample_kernel=None)
    assert checkpoints.read_generator(path)[0].resample_filter == (0, 1, 1, 0)


@pytest.mark.parametrize(
    "settings",
    [
        {"resolution_w": 8, "resolution_h": 8, "randomize_noise": False},
        {"impl": "ref", "truncation_psi": None},
        {"fused_modconv": False, "dtype": "float16", "structure": "fixed", "is_validation": True},
        {"synthesis_func": "G_synthesis_stylegan2", "dlatent_avg_beta": 0.99},
    ],
    ids=["TPU", "DiffAugment", "precision", "functions"],
)
def test_settings_that_change_nothing_are_ignored(path, module, settings):
    writers.write_stylegan2(path, module, **settings)
    check_read(path, module)


def test_defaults_are_those_of_the_functions(path, module):
    left_out = dict.fromkeys(writers.stylegan2_settings(module, 5), ...)
    writers.write_stylegan2(path, module, version=5, **left_out)
    check_read(path, module)


def grown(variables, lod=0.0):
    """Return the variables of StyleGAN2's configurations B to D, with progressive growing."""
    out = {"synthesis/lod": np.float32(lod)[...]}
    for key, value in variables.items():
        out[key.replace("8x8/ToRGB", "ToRGB_lod0")] = value
        if "8x8/ToRGB" in key:
            out[key.replace("8x8/ToRGB", "ToRGB_lod1")] = value[..., :1]
    return out | {"lod": np.float32(lod)[...]}


def test_grown_networks_are_read_at_their_full_resolution(path):
    module = tiny_module(8, channels=(3, 2), architecture="orig")
    variables = writers.stylegan2_variables(module)
    options = {"function": writers.GROWN, "architecture": ...}
    writers.write_stylegan2(path, module, variables=grown(variables), **options)
    check_read(path, module)
    writers.write_stylegan2(path, module, variables=grown(variables, 0.5), **options)
    with pytest.raises(CheckpointError, match=r"full resolution \(lod is not 0\)"):
        checkpoints.read_generator(path)


@pytest.mark.parametrize(
    ("name", "value"),
    [
        ("nonlinearity", "relu"),
        ("mapping_nonlinearity", "elu"),
        ("normalize_latents", False),
        ("normalize_latents", 1),
        ("architecture", "alias-free"),
        ("architecture", "orig"),
        ("architecture", None),
        ("architecture", ["skip"]),
        ("conv_clamp", -1),
        ("conv_clamp", "256"),
        ("conv_clamp", True),
        ("conv_clamp", float("nan")),
        ("mapping_lrmul", 0),
        ("mapping_lrmul", None),
        ("mapping_lrmul", [0.01]),
        ("mapping_lrmul", 10**150),
        ("resample_kernel", [1, 5, 10, 10, 5, 1]),
        ("resample_kernel", [[1, 3], [3, 1]]),
        ("resample_kernel", [1, -1]),
        ("resample_kernel", []),
        ("resample_kernel", "1331"),
        ("use_noise", None),
        ("use_noise", 0),
        ("resolution", 16),
        ("resolution", 10**60),
        ("num_channels", 1),
        ("latent_size", 6),
        ("dlatent_size", 512),
        ("label_size", 3),
        ("mapping_layers", 8),
        ("mapping_layers", 2.0),
        ("resolution_h", 4),
        ("resolution_w", 16),
        ("min_h", 4),
        ("use_attention", False),
        ("mapping_func", "G_mapping_of_mine"),
    ],
)
def test_settings_without_counterpart_are_refused_by_name(path, module, name, value):
    function = value if name == "mapping_func" else "G_mapping"
    network = writers.stylegan2_network(module, **{name: value})
    network.components["mapping"].build_func_name = function
    writers.dump(path, network)
    # The architecture also shows in the variables.
    match = "does not fit" if (name, value) == ("architecture", "orig") else name.split("_func")[0]
    with pytest.raises(CheckpointError, match=match) as caught:
        checkpoints.read_generator(path)
    assert str(path) in str(caught.value)
    assert len(str(caught.value)) < 600


def test_parts_may_lack_what_the_whole_network_says(path, module):
    network = writers.stylegan2_network(module)
    for part in network.components.values():
        for attribute in vars(part).keys() - {"variables"}:
            delattr(part, attribute)
    writers.dump(path, network)
    check_read(path, module)


def test_settings_of_the_parts_are_read_where_the_whole_has_none(path, module):
    network = writers.stylegan2_network(module, version=5)
    network.components["synthesis"].static_kwargs |= {"nonlinearity": "relu"}
    writers.dump(path, network)
    with pytest.raises(CheckpointError, match="nonlinearity='relu'"):
        checkpoints.read_generator(path)
    network.static_kwargs |= {"nonlinearity": "lrelu"}  # which TensorFlow hands on to the parts
    writers.dump(path, network)
    check_read(path, module)


@pytest.mark.parametrize(
    ("settings", "shown"),
    [
        ({"c_dim": 3, "label_fmaps": 4}, "label_fmaps=4"),
        ({"n_mapping": 3, "mapping_fmaps": 4}, "mapping_fmaps=4"),
    ],
)
def test_other_widths_of_the_mapping_network_are_refused(path, settings, shown):
    name = next(name for name in settings if name.endswith("fmaps"))
    module = tiny_module(8, **{key: value for key, value in settings.items() if key != name})
    variables = writers.stylegan2_variables(module)
    if name == "label_fmaps":
        variables["mapping/LabelEmbed/weight"] = np.ones((3, 4), "f4")
        variables["mapping/Dense0/weight"] = np.ones((5 + 4, 7), "f4")
    else:
        variables["mapping/Dense0/weight"] = np.ones((5, 4), "f4")
        variables["mapping/Dense1/weight"] = np.ones((4, 7), "f4")
    options = {name: settings[name], "variables": variables}
    writers.write_stylegan2(path, module, version=5, **options)
    with pytest.raises(CheckpointError, match=shown):
        checkpoints.read_generator(path)


@pytest.mark.parametrize(
    ("key", "name", "match"),
    [
        ("mapping", "G_mapping_of_mine", "the part 'mapping' .*'G_mapping_of_mine'"),
        ("synthesis", "training.my.G_spatial", r"'training\.my\.G_spatial'"),
        ("", "G_unlike", "the network was built by the function 'G_unlike'"),
    ],
)
def test_networks_of_other_functions_are_refused(path, module, key, name, match):
    network = writers.stylegan2_network(module)
    (network.components[key] if key else network).build_func_name = name
    writers.dump(path, network)
    with pytest.raises(CheckpointError, match=match):
        checkpoints.read_generator(path)


def test_conditional_networks_of_the_first_release_are_refused(path, module):
    variables = writers.stylegan2_variables(module)
    variables["mapping/LabelConcat/weight"] = np.ones((3, 5), "f4")
    writers.write_stylegan2(path, module, variables=variables)
    with pytest.raises(CheckpointError, match="normalizes z and the class together"):
        checkpoints.read_generator(path)


@pytest.mark.parametrize(
    ("name", "function", "variable", "match"),
    [
        ("D", "D_stylegan2", "8x8/FromRGB/weight", "discriminator.*rates images"),
        ("D", "D_stylegan", "FromRGB_lod0/weight", "discriminator.*rates images"),
        ("G", "G_paper", "ToRGB_lod0/weight", "Progressive GAN.*no mapping network"),
        ("vgg16_zhang_perceptual", "lpips", "conv1/weight", "measures images.*VGG16"),
        ("inception_v3_features", "f", "conv/weight", "measures images"),
        ("E", "encode", "conv1/weight", "network of another kind.*'encode'"),
    ],
)
def test_other_networks_are_refused_by_what_they_are(path, name, function, variable, match):
    variables = {variable: np.ones((1, 1, 3, 2), "f4")}
    writers.dump(path, writers.tensorflow_network(name, function, variables, version=3))
    for read in (load_generator, load_encoder):
        with pytest.raises(CheckpointError, match=match):
            read(path)
    assert inspect(path).format.endswith("(TensorFlow)")


def test_progressive_gan_of_its_own_repository_is_refused_with_advice(path):
    path.write_bytes(b"\x80\x03ctfutil\nNetwork\n)\x81}b.")
    with pytest.raises(UnsafeCheckpointError, match="Progressive GAN"):
        load_generator(path)


@pytest.mark.parametrize("name", HOSTILE)
def test_damaged_networks_are_refused(path, name):
    """The corpus of hostile files reads the same files within limits."""
    writers.dump(path, HOSTILE[name]())
    with pytest.raises(CheckpointError) as caught:
        load_generator(path)
    assert str(path) in str(caught.value)
    assert len(str(caught.value)) < 1500
