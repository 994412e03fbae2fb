"""Generators in the names of rosinality's stylegan2-pytorch, also the decoders of pSp and e4e.

=====================================  =========================================
rosinality                             ours (NVIDIA's)
=====================================  =========================================
``style.{i+1}``                        ``mapping.fc{i}``
``input.input``                        ``synthesis.b4.const``
``conv1``, ``to_rgb1``                 ``synthesis.b4.conv1``, ``.torgb``
``convs.{2k}``, ``convs.{2k+1}``       ``synthesis.b{8*2^k}.conv0``, ``.conv1``
``to_rgbs.{k}``                        ``synthesis.b{8*2^k}.torgb``
``noises.noise_{j}``                   ``noise_const`` of the j-th convolution
``*.kernel``                           the resampling filter
=====================================  =========================================

No tensor is flipped or rescaled. rosinality divides the weights by the square root of their
fan-in before they are demodulated, which cancels except for the demodulation's epsilon of 1e-8.
"""

from skstylefeat.exceptions import CheckpointError
from skstylefeat.networks.checkpoints._assumptions import ACTIVATION
from skstylefeat.networks.checkpoints._noise_maps import draw_missing_noise
from skstylefeat.networks.checkpoints._nvidia import (
    UPSAMPLING_GAIN,
    set_learning_rate,
    shared_filter,
)
from skstylefeat.networks.checkpoints._tensors import load_tensors

CONV_NAMES = {
    "conv.weight": "weight",
    "conv.modulation.weight": "affine.weight",
    "conv.modulation.bias": "affine.bias",
    "noise.weight": "noise_strength",
    "activate.bias": "bias",
}
RGB_NAMES = {
    "conv.weight": "weight",
    "conv.modulation.weight": "affine.weight",
    "conv.modulation.bias": "affine.bias",
    "bias": "bias",
}


def _layer_names(key):
    """Return our name of a tensor, or None for tensors without counterpart."""
    head, _, rest = key.partition(".")
    if key == "input.input":
        return "synthesis.b4.const"
    if head == "conv1":
        return _join("synthesis.b4.conv1", CONV_NAMES.get(rest))
    if head == "to_rgb1":
        return _join("synthesis.b4.torgb", RGB_NAMES.get(rest))
    if head == "style":
        index, _, name = rest.partition(".")
        return f"mapping.fc{_number(index) - 1}.{name}"
    if head == "convs":
        index, _, name = rest.partition(".")
        block, second = divmod(_number(index), 2)
        return _join(f"synthesis.b{8 << block}.conv{second}", CONV_NAMES.get(name))
    if head == "to_rgbs":
        index, _, name = rest.partition(".")
        return _join(f"synthesis.b{8 << _number(index)}.torgb", RGB_NAMES.get(name))
    if head == "noises":
        index = _number(rest.removeprefix("noise_"))
        block, second = divmod(index - 1, 2) if index else (-1, 1)
        return f"synthesis.b{8 << block if index else 4}.conv{second}.noise_const"
    return None


def _join(prefix, name):
    return None if name is None else f"{prefix}.{name}"


def _number(text):
    number = int(text) if text.isascii() and text.isdigit() and len(text) < 3 else -1
    if not 0 <= number < 64:
        raise ValueError(f"layer number {text[:20]!r}")
    return number


def _reshape(name, value):
    """Drop the singleton axes of rosinality's tensors."""
    if name.endswith("noise_strength"):
        return value.reshape(())
    if name.endswith("torgb.bias"):
        return value.reshape(-1)
    if name.endswith("noise_const"):
        return value.reshape(value.shape[-2:])
    if value.ndim == 5 or name.endswith(".const"):
        return value.squeeze(0)
    return value


def read_rosinality_state(stored, latent_avg, settings, source):
    """Read a generator; what is not listed is as of `_nvidia.read_network`.

    Parameters
    ----------
    stored : dict of str to StoredArray
        The state dict.
    latent_avg : StoredArray or None
        Mean of W, of shape (w_dim,) or (n_ws, w_dim). Rows that differ are means of encoded
        images and not of W, and are not used: the result then lacks `mapping.w_avg`.
    """
    kernels = {key: value for key, value in stored.items() if key.endswith(".kernel")}
    names, unknown = {}, []
    for key in stored.keys() - kernels.keys():
        try:
            name = _layer_names(key)
        except ValueError:
            name = None
        if name is None:
            unknown.append(key)
        else:
            names[key] = name

    if unknown:
        raise CheckpointError(
            f"{source}: a generator of stylegan2-pytorch does not have "
            f"{[key[:80] for key in sorted(unknown)[:5]]}. It comes from a variant with other "
            "layers, or the file is damaged."
        )

    tensors = load_tensors({key: stored[key] for key in names}, source)
    try:
        state = {name: _reshape(name, tensors[key]) for key, name in names.items()}
    except (RuntimeError, IndexError) as error:
        raise CheckpointError(f"{source} is damaged: {error}") from error

    # The family's code knows no clamp and no other activation, and never changes the multiplier.
    known = {"conv_clamp": settings.implied("conv_clamp", None)}
    settings.implied("activation", ACTIVATION)
    known |= shared_filter(kernels, settings, source, gain=UPSAMPLING_GAIN)
    _check_widths(state, source)
    set_learning_rate(state, {}, settings, source, is_implied=True)
    if draw_missing_noise(state, source):
        settings.added.append("noise maps, drawn with a fixed seed")
    if latent_avg is not None:
        average = load_tensors({"latent_avg": latent_avg}, source)["latent_avg"]
        rows = average.reshape(-1, average.shape[-1])
        if (rows == rows[:1]).all():
            state["mapping.w_avg"] = rows[0]
    return state, known


def _check_widths(state, source):
    """Refuse a mapping network whose input is not as wide as W, such as a conditional one."""
    for name, weight in state.items():
        if name.startswith("mapping.") and name.endswith(".weight") and len(set(weight.shape)) > 1:
            raise CheckpointError(
                f"{source}: the layer {name!r} of the mapping network has weights of shape "
                f"{tuple(weight.shape)}, but z and w have one width in stylegan2-pytorch. It comes "
                "from a variant, such as a conditional network."
            )
