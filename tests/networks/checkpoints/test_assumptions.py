"""Settings that a file lacks: assumed aloud, given by the user, kept, and never contradicted."""

import pickle
import warnings

import numpy as np
import pytest
import torch

from skstylefeat import StyleGANInverter, load_encoder, load_generator
from skstylefeat.__main__ import main
from skstylefeat.exceptions import CheckpointError
from skstylefeat.networks.checkpoints import convert, inspect
from skstylefeat.networks.checkpoints._safetensors import save_network
from tests.support import checkpoint_writers as writers
from tests.support.networks import tiny_encoder, tiny_generator, tiny_module

FILTER = (1.0, 2.0, 4.0, 1.0)
DEFAULTS = {
    "activation": "lrelu",
    "conv_clamp": None,
    "lr_multiplier": 0.01,
    "resample_filter": (1, 3, 3, 1),
}


@pytest.fixture
def bare(tmp_path):
    """Provide a state dict in NVIDIA's names without filters, and its tensors."""
    state = dict(tiny_module(16, channels=(6, 8, 4)).state_dict())
    path = tmp_path / "bare.pt"
    torch.save(state, path)
    return path, state


def by_hand(state, factor=1.0, **config):
    """Build the network of tensors, those of the mapping network times a factor."""
    module = tiny_module(16, channels=(6, 8, 4), **config)
    layers = {k: x * factor if k.startswith("mapping.fc") else x for k, x in state.items()}
    module.load_state_dict(layers)
    return module


def images_of(generator):
    return generator.synthesis(generator.mapping(generator.sample_z(3, random_state=0)))


def images_by_hand(module, generator):
    with torch.inference_mode():
        w = module.mapping(torch.from_numpy(generator.sample_z(3, random_state=0)))
        return module.synthesis(w[:, None].expand(-1, module.config.n_ws, -1)).numpy()


def test_what_a_state_dict_lacks_is_assumed_with_a_warning(bare):
    path, state = bare
    with pytest.warns(UserWarning, match=r"bare\.pt lacks settings") as caught:
        generator = load_generator(path)
    assert caught[0].filename == __file__
    for name, value in DEFAULTS.items():
        assert f"{name}=" in str(caught[0].message), value
    np.testing.assert_allclose(
        images_of(generator), images_by_hand(by_hand(state), generator), atol=1e-5
    )
    given = load_generator(path, assume=DEFAULTS)  # no warning
    np.testing.assert_array_equal(images_of(given), images_of(generator))


SETTINGS = {
    "clamp": ({"conv_clamp": 0.5}, {"conv_clamp": 0.5}, 1),
    "multiplier": ({"lr_multiplier": 0.03}, {}, 3),
    "filter": ({"resample_filter": list(FILTER)}, {"resample_filter": FILTER}, 1),
}


@pytest.mark.parametrize("name", SETTINGS)
def test_given_settings_are_those_of_the_network(bare, name):
    path, state = bare
    assume, config, factor = SETTINGS[name]
    generator = load_generator(path, assume=DEFAULTS | assume)
    images = images_of(generator)
    expected = images_by_hand(by_hand(state, factor, **config), generator)
    np.testing.assert_allclose(images, expected, atol=1e-5)
    default = load_generator(path, assume=DEFAULTS)
    assert np.abs(images_of(default) - images).max() > 1e-2
    assert generator.weights_hash() != default.weights_hash()  # the keys of caches differ
    assert generator.sha256 == default.sha256


def test_pickles_and_inverters_keep_given_settings(bare):
    path, _ = bare
    assume = DEFAULTS | {"conv_clamp": 0.5}
    generator = load_generator(path, assume=assume)
    for network in (generator, generator.embedded()):
        copy = pickle.loads(pickle.dumps(network))
        np.testing.assert_array_equal(images_of(copy), images_of(generator))
        assert copy.weights_hash() == generator.weights_hash()
    pixels = np.zeros((2, 16, 16, 3), np.uint8)
    inverter = StyleGANInverter(generator, tiny_encoder(generator), device="cpu").fit(pixels)
    codes = np.full((2, generator.n_ws * generator.w_dim), 0.5, np.float32)
    again = pickle.loads(pickle.dumps(inverter))
    np.testing.assert_array_equal(again.inverse_transform(codes), inverter.inverse_transform(codes))
    assert again.generator_.module.config.conv_clamp == 0.5


def test_pickles_of_assumed_settings_do_not_warn_again(bare):
    with pytest.warns(UserWarning, match="assumed"):
        generator = load_generator(bare[0])
    copy = pickle.loads(pickle.dumps(generator))
    np.testing.assert_array_equal(images_of(copy), images_of(generator))


def test_inspect_lists_and_convert_keeps_settings(bare, tmp_path, capsys):
    path, _ = bare
    assert "conv_clamp=None" in inspect(path).generator.card["assumed"]
    assert "lr_multiplier=0.01" in str(inspect(path))
    with pytest.warns(UserWarning, match="conv_clamp=None") as caught:
        convert(path, tmp_path / "assumed.safetensors", assume={"lr_multiplier": 0.02})
    assert caught[0].filename == __file__
    card = load_generator(tmp_path / "assumed.safetensors").card
    assert "lr_multiplier" not in card["assumed"] and "activation='lrelu'" in card["assumed"]
    assert card["given"] == "lr_multiplier=0.02"

    given = ["conv_clamp=0.5", "lr_multiplier=0.02", "activation=lrelu", "resample_filter=1,3,3,1"]
    out = tmp_path / "given.safetensors"
    options = [word for text in given for word in ("--assume", text)]
    assert main(["convert", str(path), str(out), *options]) == 0
    assume = DEFAULTS | {"conv_clamp": 0.5, "lr_multiplier": 0.02}
    np.testing.assert_array_equal(
        images_of(load_generator(out)), images_of(load_generator(path, assume=assume))
    )
    assert main(["convert", str(path), str(tmp_path / "x.safetensors"), "--assume", "a=1"]) == 2
    assert "'a', which is no setting" in capsys.readouterr().err
    with pytest.raises(SystemExit):
        main(["convert", str(path), str(out), "--assume", "conv_clamp"])


@pytest.mark.parametrize(
    ("assume", "match"),
    [
        ({"clamp": 1}, r"'clamp'.*expected \['activation'"),
        ({"conv_clamp": -1}, r"assume\['conv_clamp'\] is -1, expected positive or None"),
        ({"conv_clamp": True}, "conv_clamp"),
        ({"conv_clamp": float("nan")}, "conv_clamp"),
        ({"lr_multiplier": 0}, "lr_multiplier"),
        ({"lr_multiplier": "0.01"}, "lr_multiplier"),
        ({"activation": "relu"}, "'lrelu'"),
        ({"resample_filter": 3}, "four numbers"),
        ({"resample_filter": [1, 3, 3]}, "four numbers"),
        ({"encoder_type": "Encoder4Editing"}, "encoder_type"),
    ],
)
def test_impossible_settings_are_refused(bare, assume, match):
    with pytest.raises(ValueError, match=match):
        load_generator(bare[0], assume=assume)


def test_settings_are_a_dictionary(bare):
    with pytest.raises(TypeError, match="assume must be a dict"):
        load_generator(bare[0], assume=["conv_clamp"])


def test_what_a_file_states_cannot_be_changed(tmp_path):
    module = tiny_module(8, conv_clamp=0.5)
    pickled, own = tmp_path / "network.pkl", tmp_path / "own.safetensors"
    writers.write_nvidia(pickled, module)
    save_network(module, own)
    for path in (pickled, own):
        generator = load_generator(path, assume={"conv_clamp": 0.5})
        with pytest.raises(CheckpointError, match=r"states conv_clamp=0\.5, but assume has 256"):
            load_generator(path, assume={"conv_clamp": 256})
    with pytest.raises(CheckpointError, match=r"states lr_multiplier=0\.01"):
        load_generator(pickled, assume={"lr_multiplier": 0.02})
    with pytest.raises(ValueError, match="no effect on the loaded network"):
        load_generator(generator, assume={"conv_clamp": 256})


def test_pickles_that_lack_attributes_say_so(tmp_path, monkeypatch):
    real = writers._attributes
    monkeypatch.setattr(
        writers,
        "_attributes",
        lambda *args: {k: v for k, v in real(*args).items() if k in ("architecture", "bias_gain")},
    )
    path = tmp_path / "network.pkl"
    writers.write_nvidia(path, tiny_module(8))
    with pytest.warns(UserWarning, match=r"assumed: activation='lrelu', conv_clamp=None\."):
        load_generator(path)


def test_rosinalitys_files_need_no_assumptions_but_take_another_multiplier(tmp_path):
    module = tiny_module(16, channels=(6, 8, 4), z_dim=7)
    path = tmp_path / "network.pt"
    writers.write_rosinality(path, module)
    generator = load_generator(path)
    assert "assumed" not in generator.card and "added" not in generator.card
    faster = load_generator(path, assume={"lr_multiplier": 0.02})
    torch.testing.assert_close(
        faster.module.mapping.fc0.weight, 2 * generator.module.mapping.fc0.weight
    )
    assert faster.card["given"] == "lr_multiplier=0.02"


def test_tensors_that_are_added_are_listed(tmp_path):
    module = tiny_module(8, z_dim=7)
    path = tmp_path / "network.pt"
    state = writers.rosinality_state(module)
    torch.save({"g_ema": {k: v for k, v in state.items() if not k.startswith("noises")}}, path)
    added = inspect(path).generator.card["added"]
    assert "noise maps, drawn" in added and "mean of W, estimated" in added


@pytest.fixture
def encoder_state():
    return {
        f"encoder.{key}": value
        for key, value in writers.psp_state("Encoder4Editing", n_ws=4, w_dim=7).items()
    } | {"latent_avg": torch.arange(28.0).reshape(4, 7)}


@pytest.fixture
def pixels():
    return np.random.default_rng(0).random((2, 256, 256, 3), dtype=np.float32)


def test_options_that_an_encoder_lacks(tmp_path, encoder_state, pixels):
    path, complete = tmp_path / "bare.pt", tmp_path / "complete.pt"
    torch.save({"state_dict": encoder_state}, path)
    options = {"encoder_type": "Encoder4Editing", "dataset_type": "ffhq_encode"}
    for start in (True, False):
        opts = options | {"start_from_latent_avg": start}
        torch.save({"state_dict": encoder_state, "opts": opts}, complete)
        assume = {
            "encoder_type": "Encoder4Editing",
            "start_from_latent_avg": start,
            "input_size": (256, 256),
        }
        expected = load_encoder(complete).encode(pixels)
        given = load_encoder(path, assume=assume)
        np.testing.assert_array_equal(given.encode(pixels), expected)
        copy = pickle.loads(pickle.dumps(given))
        np.testing.assert_array_equal(copy.encode(pixels), expected)

    with pytest.raises(CheckpointError, match=r"bare\.pt.*'encoder_type' is missing.*assume="):
        load_encoder(path)
    with pytest.warns(UserWarning, match=r"input_size=\(256, 256\), start_from_latent_avg=True"):
        load_encoder(path, assume={"encoder_type": "Encoder4Editing"})
    with pytest.raises(CheckpointError, match=r"states encoder_type='Encoder4Editing'"):
        load_encoder(complete, assume={"encoder_type": "GradualStyleEncoder"})
    cars = load_encoder(path, assume=assume | {"input_size": [192, 256]})
    assert cars.input_size == (192, 256)


def test_settings_without_use_are_refused(tmp_path):
    native = tmp_path / "native.safetensors"
    tiny_encoder(tiny_generator()).save(native)
    with pytest.raises(CheckpointError, match="without encoder_type"):
        load_encoder(native, assume={"encoder_type": "Encoder4Editing"})
    # ReStyle starts from the mean code whatever its options say.
    path = tmp_path / "restyle.pt"
    state = writers.psp_state("BackboneEncoder", n_ws=4, w_dim=7, in_channels=6)
    average = torch.ones(4, 7)
    options = {"encoder_type": "BackboneEncoder", "start_from_latent_avg": False, "input_nc": 6}
    writers.write_psp(path, state, latent_avg=average, **options)
    assert (load_encoder(path).module.latent_avg == 1).all()
    with pytest.raises(CheckpointError, match="without start_from_latent_avg"):
        load_encoder(path, assume={"start_from_latent_avg": True})


def test_types_that_the_tensors_imply(tmp_path, pixels):
    for encoder_type in ("SingleStyleCodeEncoder", "BackboneEncoderUsingLastLayerIntoWPlus"):
        state = writers.psp_state(encoder_type, n_ws=4, w_dim=7)
        known, bare = tmp_path / "known.pt", tmp_path / "bare.pt"
        options = {"dataset_type": "ffhq_encode", "start_from_latent_avg": True}
        average = torch.arange(7.0)
        writers.write_psp(
            known, state, latent_avg=average, encoder_type=encoder_type, output_size=8, **options
        )
        torch.save({"net": state, "latent_avg": average, "opts": options}, bare)
        assume = {"output_size": 8}
        np.testing.assert_array_equal(
            load_encoder(bare, assume=assume).encode(pixels), load_encoder(known).encode(pixels)
        )
    with pytest.warns(UserWarning, match="output_size=1024"), warnings.catch_warnings():
        warnings.simplefilter("always")
        writers.write_psp(
            known,
            writers.psp_state("SingleStyleCodeEncoder", n_ws=4, w_dim=7),
            latent_avg=average,
            encoder_type="SingleStyleCodeEncoder",
        )
        assert load_encoder(known).n_ws == 18
