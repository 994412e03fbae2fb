"""Networks and inputs of the comparison with NVIDIA's StyleGAN3 code."""

import numpy as np
import torch

from tests.support.alias_free import RADIAL, alias_free_config, draw_state
from tests.support.checkpoint_writers import psp_state

#: The networks have four channels in all layers. The clamp of 0.5 is reached.
CASES = {
    "T32": {"resolution": 32},
    "T64, classes, clamp": {"resolution": 64, "c_dim": 3, "conv_clamp": 0.5},
    "T128, no clamp": {"resolution": 128, "conv_clamp": None},
    "T256, classes": {"resolution": 256, "c_dim": 2},
    "R32, classes, no clamp": {"resolution": 32, "c_dim": 3, "conv_clamp": None, **RADIAL},
    "R64, clamp": {"resolution": 64, "conv_clamp": 0.5, **RADIAL},
    "R128, classes": {"resolution": 128, "c_dim": 2, "output_scale": 0.5, **RADIAL},
    "R256": {"resolution": 256, **RADIAL},
}


def case_config(case):
    """Return the architecture of a case."""
    return alias_free_config(**({"channels": [4] * 14} | CASES[case]))


def case_inputs(config):
    """Return inputs z, classes and W+ codes of one image."""
    rng = np.random.default_rng(1)
    z, ws = (
        torch.from_numpy(rng.standard_normal((1, *shape)).astype(np.float32))
        for shape in ((config.z_dim,), (config.n_ws, config.w_dim))
    )
    return z, [config.c_dim - 1] if config.c_dim else None, ws


def thin(maps, side):
    """Return every k-th row and column of two channels (of images: all), at most `side`."""
    step = max(maps.shape[-1] // side, 1)
    return maps[:, : 2 if maps.shape[1] > 3 else 3, ::step, ::step]


ENCODER_TYPES = ("BackboneEncoder", "ProgressiveBackboneEncoder")


def restyle_weights(encoder_type):
    """Return the decoder's architecture and the state dict of a ReStyle file for StyleGAN3."""
    config = alias_free_config(32, channels=[4] * 14, **RADIAL)
    encoder = psp_state(encoder_type, n_ws=16, w_dim=config.w_dim, in_channels=6)
    state = {f"encoder.{name}": value for name, value in encoder.items()}
    # Small steps, so that rounds do not amplify the rounding.
    for name in state:
        if ".linear." in name:
            state[name] = state[name] * 0.1
    return config, state | {f"decoder.{name}": x for name, x in draw_state(config).items()}


def restyle_images():
    """Return two images (n, 3, 256, 256) in [-1, 1]."""
    rng = np.random.default_rng(2)
    small = rng.uniform(-1, 1, (2, 3, 8, 8)).astype(np.float32)
    return torch.nn.functional.interpolate(torch.from_numpy(small), 256, mode="bicubic").clamp(
        -1, 1
    )
