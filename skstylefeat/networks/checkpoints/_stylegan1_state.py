"""Tensors of StyleGAN1 generators: from the scales of the original code to those of ours.

Readers rename tensors first (`mapping.fc0.weight`, `synthesis.b8.conv0.affine.weight`, ...). What
follows is the same for all of them:

* The equalized learning rate of convolutions goes into their weights.
* Up-sampling layers with `fused_scale` are transposed convolutions, which apply their weights in
  the opposite order: those weights are flipped in both spatial axes.
* Factors of AdaIN are stored without the 1 that is added to them.
"""

import math
import re

import torch

from skstylefeat.exceptions import CheckpointError
from skstylefeat.networks.checkpoints._assumptions import FUSED_SCALE
from skstylefeat.networks.checkpoints._noise_maps import draw_missing_noise
from skstylefeat.networks.checkpoints._tensors import load_tensors
from skstylefeat.networks.stylegan1._stylegan1_config import StyleGAN1Config

FUSED_FROM = 128  # pixels
CONV_GAIN = 2.0**0.5
CONV_WEIGHT = re.compile(r"synthesis\.b(\d+)\.(conv[01]|torgb)\.weight")
DENSE_WEIGHT = re.compile(r"(mapping\.fc\d+|synthesis\.b\d+\.\w+\.affine)\.weight")
STYLE_BIAS = re.compile(r"synthesis\.b\d+\.(const|conv[01])\.affine\.bias")


def rescale_stylegan1(state, *, fused_scale, equalized=True):
    """Bring the tensors of a generator from the original scales to those of `StyleGAN1Generator`.

    Parameters
    ----------
    state : dict of str to Tensor
        Tensors by the names of `StyleGAN1Generator`, which are replaced.
    fused_scale : {True, False, "auto"}
        Which up-sampling layers are transposed convolutions: all, none, or from 128 pixels.
    equalized : bool, default=True
        Whether the weights lack the equalized learning rate.
    """
    for name, value in state.items():
        conv = CONV_WEIGHT.fullmatch(name)
        if conv and value.ndim == 4:
            resolution, layer = int(conv[1]), conv[2]
            is_fused = resolution >= FUSED_FROM if fused_scale == FUSED_SCALE else fused_scale
            if equalized:
                gain = 1.0 if layer == "torgb" else CONV_GAIN
                value = value * (gain / math.sqrt(value[0].numel()))
            state[name] = value.flip(2, 3) if layer == "conv0" and is_fused else value
        elif STYLE_BIAS.fullmatch(name) and value.ndim == 1:
            state[name] = value.clone()
            state[name][: len(value) // 2] += 1.0
        elif not equalized and DENSE_WEIGHT.fullmatch(name) and value.ndim == 2:
            gain = CONV_GAIN if name.startswith("mapping.") else 1.0
            state[name] = value * (math.sqrt(value.shape[1]) / gain)


def add_stylegan1_noise(state, source):
    """Give all layers of a generator that was built without noise a noise of strength 0."""
    for name, bias in list(state.items()):
        layer, _, tensor = name.rpartition(".")
        if tensor == "bias" and layer.endswith((".const", ".conv0", ".conv1")):
            state.setdefault(f"{layer}.noise_strength", torch.zeros(bias.shape))
    draw_missing_noise(state, source)


def check_level(stored, source):
    """Refuse a snapshot from the middle of progressive growing.

    Parameters
    ----------
    stored : StoredArray
        The level of detail, 0 in a network that has grown to its full resolution.
    source : str
        Name of the file, for messages.
    """
    level = load_tensors({"lod": stored}, source)["lod"]
    if level.numel() != 1 or level.item() != 0:
        raise CheckpointError(
            f"{source} is a snapshot of progressive growing: its level of detail (lod) is not 0, "
            "so its last layers are not trained. Use a later snapshot."
        )


def stylegan1_config(state, source, **known):
    """Return the architecture that the shapes of a StyleGAN1 generator's tensors imply.

    Parameters
    ----------
    state : dict of str to Tensor
        Tensors by the names of `StyleGAN1Generator`.
    source : str
        Name of the file, for messages.
    **known
        Entries that shapes do not show.

    Returns
    -------
    StyleGAN1Config
    """
    try:
        resolutions = sorted(
            {int(key.split(".")[1][1:]) for key in state if key.startswith("synthesis.b")}
        )
        n_mapping = sum(key.startswith("mapping.fc") and key.endswith(".weight") for key in state)
        embedding = state.get("mapping.embed.weight")
        first = state["mapping.fc0.weight"]
        values = {
            "resolution": resolutions[-1],
            "channels": [state[f"synthesis.b{r}.conv1.weight"].shape[0] for r in resolutions],
            "z_dim": first.shape[1] if embedding is None else embedding.shape[0],
            "w_dim": state["mapping.w_avg"].shape[-1],
            "n_mapping": n_mapping,
            "mapping_width": first.shape[0],
            "c_dim": 0 if embedding is None else embedding.shape[1],
            "img_channels": state[f"synthesis.b{resolutions[-1]}.torgb.weight"].shape[0],
        }
    except (KeyError, IndexError, ValueError) as error:
        raise CheckpointError(
            f"{source} holds an incomplete StyleGAN1 generator (missing: {error})."
        ) from error
    return StyleGAN1Config(**(values | known))
