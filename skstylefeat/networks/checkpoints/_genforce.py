"""Generators of GenForce's repository, StyleGAN1 and StyleGAN2, by our names.

==================================  ======================================================
GenForce                            ours
==================================  ======================================================
``mapping.dense{i}``                ``mapping.fc{i}``
``mapping.label_weight``            ``mapping.embed`` (StyleGAN1), transposed
``truncation.w_avg``                ``mapping.w_avg``
``synthesis.early_layer.const``     ``synthesis.b4.const`` (StyleGAN2)
``synthesis.layer{j}``              StyleGAN1: ``b4.const``, ``b4.conv1``, ``b8.conv0``, ...;
                                    StyleGAN2: ``b4.conv1``, ``b8.conv0``, ``b8.conv1``, ...
``synthesis.output{k}``             ``synthesis.b{4*2^k}.torgb``; of StyleGAN1 the last one
``*.kernel``                        the resampling filter
==================================  ======================================================

Up-sampling convolutions of StyleGAN2 are flipped in both spatial axes, and its styles are stored
without the 1 that is added to them; for StyleGAN1 see `_stylegan1_state`.
"""

import re

import torch

from skstylefeat._inert._arrays import StoredArray
from skstylefeat.exceptions import CheckpointError
from skstylefeat.networks.checkpoints._assumptions import ACTIVATION, FUSED_SCALE
from skstylefeat.networks.checkpoints._nvidia import (
    UPSAMPLING_GAIN,
    set_learning_rate,
    shared_filter,
)
from skstylefeat.networks.checkpoints._state_dicts import GENFORCE1_KEYS
from skstylefeat.networks.checkpoints._stylegan1_state import check_level, rescale_stylegan1
from skstylefeat.networks.checkpoints._tensors import load_tensors

LAYER = re.compile(r"synthesis\.(layer|output)(0|[1-9]\d?)\.(.+)")
DENSE = re.compile(r"mapping\.dense(0|[1-9]\d?)\.(weight|bias)")
LEVEL_OF_DETAIL = "synthesis.lod"
TENSORS1 = {
    "const": "weight",
    "weight": "weight",
    "bias": "bias",
    "style.weight": "affine.weight",
    "style.bias": "affine.bias",
    "apply_noise.weight": "noise_strength",
    "apply_noise.noise": "noise_const",
}
TENSORS2 = {
    "weight": "weight",
    "bias": "bias",
    "style.weight": "affine.weight",
    "style.bias": "affine.bias",
    "noise_strength": "noise_strength",
    "noise": "noise_const",
}


def read_genforce_state(found, settings, source):
    """Read the `FoundStateDict` of either family; the rest is as of `_nvidia.read_network`."""
    is_first = found.keys == GENFORCE1_KEYS
    filters = {key: value for key, value in found.tensors.items() if key.endswith(".kernel")}
    keys = sorted(found.tensors.keys() - filters.keys() - {LEVEL_OF_DETAIL})
    names = _names(keys, is_first, source)
    tensors = load_tensors({key: found.tensors[key] for key in names}, source)
    state = {name: _reshape(name, tensors[key]) for key, name in names.items()}

    # The code of the family has these values, and files do not state them.
    settings.implied("activation", ACTIVATION)
    set_learning_rate(state, {}, settings, source, is_implied=True)
    if is_first:
        if LEVEL_OF_DETAIL in found.tensors:
            check_level(found.tensors[LEVEL_OF_DETAIL], source)
        known = {"blur_filter": _blur_taps(load_tensors(filters, source), source)}
        rescale_stylegan1(state, fused_scale=settings.implied("fused_scale", FUSED_SCALE))
        return state, known

    known = {"conv_clamp": settings.implied("conv_clamp", None)}
    kernels = {key: _last_axes(x) for key, x in filters.items()}
    known |= shared_filter(kernels, settings, source, gain=UPSAMPLING_GAIN)
    for name, value in state.items():
        if name.endswith(".conv0.weight"):
            state[name] = value.flip(-2, -1)
        elif name.endswith(".affine.bias"):
            state[name] = value + 1.0
    return state, known


def _names(keys, is_first, source):
    """Return our name of every tensor by its key; the images that StyleGAN1 left out have none."""
    last = max((int(m[2]) for m in map(LAYER.fullmatch, keys) if m and m[1] == "output"), default=0)
    names, unknown = {}, []

    for key in keys:
        dense, layer = DENSE.fullmatch(key), LAYER.fullmatch(key)
        if dense:
            names[key] = f"mapping.fc{int(dense[1])}.{dense[2]}"
        elif layer:
            name = _layer_name(layer[1], int(layer[2]), layer[3], is_first)
            if layer[1] == "output" and is_first and name and int(layer[2]) < last:
                continue
            names[key] = name
        else:
            names[key] = {
                "truncation.w_avg": "mapping.w_avg",
                "mapping.label_weight": "mapping.embed.weight" if is_first else None,
                "synthesis.early_layer.const": None if is_first else "synthesis.b4.const",
            }.get(key)
        if names[key] is None:
            unknown.append(key)

    if unknown:
        raise CheckpointError(
            f"{source}: the {'StyleGAN' if is_first else 'StyleGAN2'} generator of GenForce's code "
            f"with its usual settings does not have {[key[:80] for key in sorted(unknown)[:5]]}. "
            "It comes from a variant with other layers (const_input=False, resnet, or classes for "
            "StyleGAN2), or the file is damaged."
        )
    return names


def _layer_name(kind, number, tensor, is_first):
    """Return our name of a tensor of a layer, or None if the layer does not have it."""
    if kind == "output":
        is_plain = tensor in ("weight", "bias")
        known = is_plain if is_first else is_plain or tensor.startswith("style.")
        name = TENSORS2.get(tensor) if known else None
        return name and f"synthesis.b{4 << number}.torgb.{name}"
    if not is_first:
        name = TENSORS2.get(tensor)
        return name and f"synthesis.b{4 << (number + 1) // 2}.conv{(number + 1) % 2}.{name}"
    if tensor == ("weight" if number == 0 else "const"):  # the first layer has no weights
        return None
    name = TENSORS1.get(tensor)
    layer = "const" if number == 0 else f"conv{number % 2}"
    return name and f"synthesis.b{4 << number // 2}.{layer}.{name}"


def _reshape(name, value):
    """Drop the singleton axes of GenForce's tensors, and transpose the embedding of classes."""
    if name.endswith(".embed.weight") and value.ndim == 2:
        return value.T
    if name.endswith((".noise_const", ".const.weight", ".b4.const")):
        while value.ndim > (2 if name.endswith(".noise_const") else 3) and len(value) == 1:
            value = value[0]
    return value


def _last_axes(stored):
    """Return a stored kernel (1, 1, 4, 4) as one of shape (4, 4)."""
    if stored.shape[:-2] != (1, 1):
        return stored
    return StoredArray(stored.storage, stored.offset, stored.shape[-2:], stored.strides[-2:])


def _blur_taps(kernels, source):
    """Return the three taps of the blur that all layers share.

    Parameters
    ----------
    kernels : dict of str to Tensor
        Kernels by name, equal for all channels, of shape (..., 3, 3).
    source : str
        Name of the file, for messages.

    Returns
    -------
    tuple of float
    """
    if not kernels:
        raise CheckpointError(
            f"{source} lacks the blur of its up-sampling layers (tensors '*.blur.kernel')."
        )
    shared = next(iter(kernels.values())).flatten()[:9].reshape(3, 3).sum(dim=0)
    outer = torch.outer(shared, shared) / shared.sum()
    for name, kernel in kernels.items():
        if kernel.shape[-2:] != (3, 3) or not torch.allclose(kernel, outer.expand_as(kernel)):
            raise CheckpointError(
                f"{source}: {name[:80]!r} is not a separable filter of three taps that all "
                "channels and layers share, which is the only kind supported."
            )
    taps = shared / shared[shared != 0].abs().min()
    whole = taps.round()
    return tuple((whole if torch.allclose(taps, whole) else taps).tolist())
