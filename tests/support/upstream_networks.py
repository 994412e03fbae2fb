"""Networks of which `tests/data/upstream` holds arrays that their authors' code computed.

The weights are drawn from seeds, by the writers of the tests. `tests/data/make_upstream.py`
loads them into the authors' code and writes the arrays.
"""

from pathlib import Path

import numpy as np
import torch

from skstylefeat import load_encoder, load_generator
from skstylefeat.networks import Generator
from tests.support import checkpoint_writers as writers
from tests.support.networks import tiny_module
from tests.support.stored_arrays import relative_difference

FOLDER = Path(__file__).parents[1] / "data" / "upstream"

#: `StyleGAN2Generator` modules, by the name of the file of arrays.
GENERATORS = {
    "nvidia-skip": {"z_dim": 6, "conv_clamp": 2.0},
    "nvidia-resnet": {"z_dim": 6, "c_dim": 3, "architecture": "resnet"},
    "nvidia-orig": {"z_dim": 6, "architecture": "orig"},
    "rosinality": {"z_dim": 8},
}
#: Widths and depths of the stages of encoders: those of IR-SE50, with 1/16 of its channels.
STAGES = {"widths": (4, 8, 16, 32), "n_units": (3, 4, 14, 3)}
N_WS, W_DIM = 8, 32
#: Encoders of the pSp family with their channels of input, by the name of the file of arrays.
ENCODERS = {
    "e4e": ("Encoder4Editing", 3),
    "psp": ("GradualStyleEncoder", 3),
    "restyle-psp": ("BackboneEncoder", 6),
    "restyle-e4e": ("ProgressiveBackboneEncoder", 6),
}


def generator_module(name):
    """Return the module of an entry of `GENERATORS`."""
    return tiny_module(16, seed=11, channels=[8, 6, 4], w_dim=8, **GENERATORS[name])


def encoder_state(name):
    """Return the tensors of an entry of `ENCODERS`, without "latent_avg"."""
    encoder_type, in_channels = ENCODERS[name]
    state = writers.psp_state(
        encoder_type, n_ws=N_WS, w_dim=W_DIM, in_channels=in_channels, seed=12, **STAGES
    )
    # Codes of usual sizes, so that ReStyle's rounds do not diverge.
    for key in state:
        if key.startswith("styles.") and ".linear." in key:
            state[key] = state[key] / 300
    return state


def decoder_module():
    """Return the generator of the encoders of `ENCODERS`."""
    return tiny_module(32, seed=13, channels=[8, 6, 4, 4], z_dim=W_DIM, w_dim=W_DIM)


def inputs():
    """Return Gaussian inputs (2, 8) and images (1, 3, 256, 256) in [-1, 1], float32."""
    rng = np.random.default_rng(14)
    coarse = rng.uniform(-1, 1, size=(1, 3, 8, 8)).astype(np.float32)
    images = torch.nn.functional.interpolate(torch.from_numpy(coarse), 256, mode="bilinear")
    return rng.standard_normal((2, 8)).astype(np.float32), images.numpy()


def reference(name):
    """Return the arrays of a file by name."""
    with np.load(FOLDER / f"{name}.npz") as arrays:
        return dict(arrays)


def generator_errors(path, name, **settings):
    """Return the largest errors of a file's generator against a file of arrays, by part.

    Parts are "W", "images", "maps" and "S", those that the arrays have. Errors are in units of
    the largest reference value of the part's array.
    """
    expected = reference(name)
    generator = load_generator(path, **settings)
    z = inputs()[0][:, : generator.z_dim]
    c = np.arange(2) if generator.c_dim else None
    w = expected.pop("w")
    errors = {
        "W": relative_difference(generator.mapping(z, c=c, truncation_psi=0.7), w),
        "images": relative_difference(generator.synthesis(w), expected.pop("image")),
    }
    if "styles" in expected:
        errors["S"] = relative_difference(generator.styles(w), expected.pop("styles"))
    maps = generator.features(w, list(expected))
    errors["maps"] = max(relative_difference(maps[layer], expected[layer]) for layer in expected)
    return errors


def encoder_errors(path, name, **settings):
    """Return the largest error of the codes of a file's encoder against a file of arrays."""
    encoder = load_encoder(path, **settings)
    images = (inputs()[1].transpose(0, 2, 3, 1) + 1) / 2
    generator = Generator(decoder_module()) if encoder.needs_generator else None
    codes = encoder.encode(images, generator=generator)
    return {"codes": relative_difference(codes, reference(name)["codes"])}
