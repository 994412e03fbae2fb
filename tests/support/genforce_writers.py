"""Random StyleGAN1 and StyleGAN2 generators in the layouts of GenForce's files.

Weights are drawn by NumPy, in the order of the names below, so that a seed gives the same network
to upstream's code and to ours.
"""

from collections import OrderedDict

import numpy as np
import torch

BLUR = np.outer([1, 2, 1], [1, 2, 1]).astype(np.float32) / 16
KERNEL = np.outer([1, 3, 3, 1], [1, 3, 3, 1]).astype(np.float32) / 16  # gain 4


def _mapping(draw, z_dim, w_dim, hidden, n_mapping, label_size):
    width = z_dim
    if label_size:
        draw("mapping.label_weight", label_size, z_dim)
        width *= 2
    for i in range(n_mapping):
        out = w_dim if i == n_mapping - 1 else hidden
        draw(f"mapping.dense{i}.weight", out, width, scale=100)
        draw(f"mapping.dense{i}.bias", out, scale=10)
        width = out
    draw("truncation.w_avg", w_dim, scale=0.1)


def _drawer(state, seed):
    rng = np.random.RandomState(seed)

    def draw(name, *shape, scale=1.0):
        values = np.asarray(scale * rng.standard_normal(shape), dtype=np.float32)
        state[name] = torch.from_numpy(values)

    return draw


def genforce_stylegan1(
    resolution=16,
    channels=(6, 5, 4),
    *,
    z_dim=5,
    w_dim=7,
    hidden=6,
    n_mapping=3,
    label_size=0,
    img_channels=3,
    seed=0,
):
    """Return the state dict of a StyleGAN1 generator."""
    state = OrderedDict()
    draw = _drawer(state, seed)
    _mapping(draw, z_dim, w_dim, hidden, n_mapping, label_size)
    state["synthesis.lod"] = torch.zeros(())
    below = None
    for block, width in enumerate(channels):
        side = 4 << block
        for j in (2 * block, 2 * block + 1):
            layer = f"synthesis.layer{j}"
            if j == 0:
                draw(f"{layer}.const", 1, width, 4, 4)
            else:
                draw(f"{layer}.weight", width, width if j % 2 else below, 3, 3)
            draw(f"{layer}.bias", width, scale=0.3)
            draw(f"{layer}.apply_noise.noise", 1, 1, side, side)
            draw(f"{layer}.apply_noise.weight", width, scale=0.3)
            draw(f"{layer}.style.weight", 2 * width, w_dim)
            draw(f"{layer}.style.bias", 2 * width, scale=0.3)
            if j and j % 2 == 0:
                state[f"{layer}.blur.kernel"] = torch.from_numpy(np.tile(BLUR, (width, 1, 1, 1)))
        draw(f"synthesis.output{block}.weight", img_channels, width, 1, 1)
        draw(f"synthesis.output{block}.bias", img_channels, scale=0.3)
        below = width
    assert 4 << (len(channels) - 1) == resolution
    return state


def genforce_stylegan2(
    resolution=16,
    channels=(6, 5, 4),
    *,
    z_dim=5,
    w_dim=7,
    hidden=7,
    n_mapping=3,
    label_size=0,
    img_channels=3,
    architecture="skip",
    seed=0,
):
    """Return the state dict of a StyleGAN2 generator."""
    state = OrderedDict()
    draw = _drawer(state, seed)
    _mapping(draw, z_dim, w_dim, hidden, n_mapping, label_size)
    draw("synthesis.early_layer.const", 1, channels[0], 4, 4)

    def layer(name, n_in, n_out, side, size=3):
        draw(f"{name}.weight", n_out, n_in, size, size)
        draw(f"{name}.bias", n_out, scale=0.3)
        if size == 3:
            draw(f"{name}.noise_strength", scale=0.3)
            draw(f"{name}.noise", 1, 1, side, side)
        draw(f"{name}.style.weight", n_in, w_dim)
        draw(f"{name}.style.bias", n_in, scale=0.3)

    below, kernel = None, torch.from_numpy(KERNEL)[None, None]
    for block, width in enumerate(channels):
        side = 4 << block
        if block:
            layer(f"synthesis.layer{2 * block - 1}", below, width, side)
            state[f"synthesis.layer{2 * block - 1}.filter.kernel"] = kernel
        layer(f"synthesis.layer{2 * block}", width, width, side)
        if architecture == "skip" or side == resolution:
            layer(f"synthesis.output{block}", width, img_channels, side, size=1)
        below = width
    if architecture == "skip":
        state["synthesis.upsample.kernel"] = kernel
    assert side == resolution
    return state
