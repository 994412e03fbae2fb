"""ReStyle encoders for StyleGAN3, as stylegan3-editing writes them."""

import warnings
from pathlib import Path, PosixPath, PureWindowsPath

import numpy as np
import pytest
import torch

from skstylefeat import load_encoder, load_generator
from skstylefeat.exceptions import CheckpointError
from skstylefeat.networks.checkpoints import convert, inspect
from tests.support.alias_free_cases import ENCODER_TYPES, restyle_images, restyle_weights

STORED = Path(__file__).parents[2] / "data" / "restyle3.npz"


def write(path, encoder_type, *, drop=(), **options):
    """Write a file as the training of stylegan3-editing does; return the decoder's config."""
    config, state = restyle_weights(encoder_type)
    state["decoder.synthesis.input.transform"] = torch.full((4, 3, 3), 0.5)  # of a batch
    state = {name: x for name, x in state.items() if not name.startswith(tuple(drop))}
    opts = {
        "exp_dir": Path("experiments/one"),
        "stylegan_weights": PureWindowsPath(r"C:\pretrained\sg3.pt"),
        "checkpoint_path": None,
        "encoder_type": encoder_type,
        "dataset_type": "ffhq_encode",
        "input_nc": 6,
        "output_size": 1024,
        "start_from_latent_avg": True,
    }
    average = state.get("decoder.mapping.w_avg", torch.zeros(config.w_dim))
    torch.save({"state_dict": state, "opts": opts | options, "latent_avg": average}, path)
    return config


@pytest.mark.parametrize("encoder_type", ENCODER_TYPES)
def test_codes_are_those_of_stylegan3_editing(tmp_path, encoder_type):
    path = tmp_path / "restyle.pt"
    config = write(path, encoder_type)
    with warnings.catch_warnings():
        warnings.simplefilter("error")  # the tool knows one kind of decoder: nothing is assumed
        generator, encoder = load_generator(path), load_encoder(path)
    assert generator.module.config == config
    assert (encoder.n_ws, encoder.w_dim, encoder.needs_generator) == (16, config.w_dim, True)
    with torch.inference_mode():
        codes = encoder.module(restyle_images(), synthesis=generator.module.synthesis)
    with np.load(STORED) as file:
        expected = file[encoder_type]
    assert np.abs(codes.numpy() - expected).max() < 1e-4 * np.abs(expected).max()


def test_converted_files_give_the_same_codes(tmp_path):
    path, out = tmp_path / "restyle.pt", tmp_path / "out.safetensors"
    write(path, "BackboneEncoder")
    conversion = convert(path, out)
    info = inspect(path)
    assert info.problems == ()
    assert (info.generator.n_ws, info.encoder.n_ws) == (16, 16)
    image = np.full((1, 256, 256, 3), 0.25, dtype=np.float32)
    codes = [
        load_encoder(encoder).encode(image, generator=load_generator(generator))
        for encoder, generator in (
            (path, path),
            (conversion.encoder.file, conversion.generator.file),
        )
    ]
    np.testing.assert_array_equal(*codes)


def test_options_that_contradict_the_tensors_are_refused(tmp_path):
    path = tmp_path / "restyle.pt"
    write(path, "BackboneEncoder", drop=["encoder.styles.15"])
    with pytest.raises(CheckpointError, match="16 by its decoder, 15 by its style heads"):
        load_encoder(path)
    write(path, "BackboneEncoder", input_nc=3)
    with pytest.raises(CheckpointError, match="input_nc"):
        load_encoder(path)


class Trap:
    """Pickles as a path whose parts are no text."""

    def __init__(self, part):
        self.part = part

    def __reduce__(self):
        return PosixPath, (self.part,)


def test_paths_are_text(tmp_path):
    path = tmp_path / "restyle.pt"
    write(path, "BackboneEncoder", exp_dir=Trap({"a": 1}))
    with pytest.raises(CheckpointError, match=r"restyle\.pt"):
        load_encoder(path)
