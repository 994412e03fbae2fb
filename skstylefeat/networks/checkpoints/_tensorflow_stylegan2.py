"""StyleGAN2 generators of TensorFlow: from their settings and variables to our tensors.

==============================================  ==================================================
TensorFlow                                      ours (NVIDIA's PyTorch)
==============================================  ==================================================
``mapping/Dense{i}/weight``, ``bias``           ``mapping.fc{i}``, weights transposed
``mapping/LabelEmbed/weight``, ``bias``         ``mapping.embed``, likewise
``dlatent_avg``                                 ``mapping.w_avg``
``synthesis/4x4/Const/const``                   ``synthesis.b4.const``, without the leading axis
``synthesis/4x4/Conv``                          ``synthesis.b4.conv1``
``synthesis/{r}x{r}/Conv0_up``                  ``synthesis.b{r}.conv0``, weights flipped
``synthesis/{r}x{r}/Conv1``                     ``synthesis.b{r}.conv1``
``synthesis/{r}x{r}/ToRGB``                     ``synthesis.b{r}.torgb``
``synthesis/{r}x{r}/Skip``                      ``synthesis.b{r}.skip``, weights flipped
``.../mod_weight``, ``.../mod_bias``            ``.affine``: transposed, and 1 added to the bias
``synthesis/noise{k}``                          ``noise_const`` of the k-th convolution
==============================================  ==================================================

Kernels have the axes (height, width, in, out) there and (out, in, height, width) here.
"""

import re

import torch

from skstylefeat.exceptions import CheckpointError
from skstylefeat.networks.checkpoints._assumptions import ACTIVATION
from skstylefeat.networks.checkpoints._noise_maps import add_silent_noise
from skstylefeat.networks.checkpoints._tensorflow_settings import (
    apply_lr_multiplier,
    check_functions,
    effective_settings,
    is_number,
    one_of,
    refusal,
)
from skstylefeat.networks.checkpoints._tensors import load_tensors
from skstylefeat.networks.stylegan2._generator_config import ARCHITECTURES

MIN_VERSION = 4
LOD = "lod"
GROWN = "G_synthesis_stylegan_revised"  # of StyleGAN2's configurations B to D
#: Functions that build the parts of a generator; others may compute anything.
FUNCTIONS = {
    "": {"G_main"},
    "mapping": {"G_mapping"},
    "synthesis": {"G_synthesis_stylegan2", "G_synthesis", GROWN},
}
#: Settings with a single supported value.
FIXED = {"nonlinearity": ACTIVATION, "mapping_nonlinearity": ACTIVATION, "normalize_latents": True}
#: Settings that are read.
READ = {"architecture", "conv_clamp", "mapping_lrmul", "resample_kernel", "use_noise"}
#: Sizes, which the shapes of the variables show.
SIZES = {
    *("latent_size", "dlatent_size", "label_size", "resolution", "num_channels", "mapping_layers"),
    *("mapping_fmaps", "label_fmaps", "fmap_base", "fmap_decay", "fmap_min", "fmap_max"),
    *("fmap_const", "resolution_w", "resolution_h"),  # the latter of forks
}
#: Settings of the training, of the precision, of the speed, and of a call of the network.
IGNORED = {
    *("truncation_psi", "truncation_cutoff", "truncation_psi_val", "truncation_cutoff_val"),
    *("dlatent_avg_beta", "w_avg_beta", "style_mixing_prob", "structure", "randomize_noise"),
    *("is_training", "is_validation", "is_template_graph", "force_clean_graph"),
    *("return_dlatents", "dlatent_broadcast", "dtype", "num_fp16_res", "fused_modconv", "impl"),
    *("mapping_func", "synthesis_func"),  # see FUNCTIONS
}
CONV_NAMES = {
    "weight": "weight",
    "bias": "bias",
    "mod_weight": "affine.weight",
    "mod_bias": "affine.bias",
    "noise_strength": "noise_strength",
}
LAYERS = {"Conv": "conv1", "Conv0_up": "conv0", "Conv1": "conv1", "ToRGB": "torgb", "Skip": "skip"}
FLIPPED = {"conv0.weight", "skip.weight"}
LAYER = re.compile(r"synthesis/(\d{1,5})x\1/(Conv|Conv0_up|Conv1|ToRGB|Skip)/(\w+)")
DENSE = re.compile(r"mapping/(?:Dense(\d{1,2})|LabelEmbed)/(weight|bias)")
NOISE = re.compile(r"synthesis/noise(\d{1,2})")
GROWN_RGB = re.compile(r"synthesis/ToRGB_lod(\d{1,2})/(\w+)")


def read_tensorflow_stylegan2(network, settings, source):
    """Read a `TensorFlowNetwork`; the rest is as of `_nvidia.read_network`."""
    if network.version < MIN_VERSION:
        raise CheckpointError(
            f"{source} holds StyleGAN2's layers in layout version {network.version}, which its "
            f"trainings never wrote: expected {MIN_VERSION} or later."
        )
    check_functions(network, FUNCTIONS, source)
    kwargs = effective_settings(network, READ | SIZES | IGNORED, FIXED, source)
    is_grown = network.functions.get("synthesis") == GROWN
    known = {
        "architecture": "orig"
        if is_grown
        else one_of(kwargs, "architecture", ARCHITECTURES, "skip", source),
        "conv_clamp": _conv_clamp(kwargs, source),
        "resample_filter": _filter(kwargs, source),
    }
    settings.stated("activation", ACTIVATION, source)
    for name in ("conv_clamp", "resample_filter"):
        settings.stated(name, known[name], source)

    variables = dict(network.variables)
    if is_grown:
        variables = _last_image_layer(variables, source)
    variables.pop(LOD, None)
    has_noise = one_of(kwargs, "use_noise", (True, False), True, source)
    if not has_noise:
        variables = {k: v for k, v in variables.items() if not _is_noise(k)}
    state = _convert(variables, source)
    if not has_noise:
        add_silent_noise(state, source)
    _check_sizes(kwargs, state, source)

    apply_lr_multiplier(kwargs, state, settings, source)
    return state, known


def _conv_clamp(kwargs, source):
    clamp = kwargs.get("conv_clamp")
    if clamp is not None and (not is_number(clamp) or clamp <= 0):
        raise refusal(source, "conv_clamp", clamp, "a positive number or None")
    return clamp


def _filter(kwargs, source):
    """Return the taps of the low-pass filter, four with zeros where there are fewer.

    TensorFlow's None is a box of two taps. NVIDIA's converter passes None on to PyTorch, where it
    means no filter at all.
    """
    taps = kwargs.get("resample_kernel", (1, 3, 3, 1))
    taps = (1, 1) if taps is None else taps
    is_plain = isinstance(taps, list | tuple) and 1 <= len(taps) <= 4
    if not is_plain or not all(map(is_number, taps)) or not sum(taps):
        raise refusal(source, "resample_kernel", taps, "None or one to four numbers")
    before = (5 - len(taps)) // 2  # the padding of the up-sampling follows the number of taps
    after = 4 - len(taps) - before
    return (0.0,) * before + tuple(map(float, taps)) + (0.0,) * after


def _last_image_layer(variables, source):
    """Keep the image layer of the highest resolution, the only one after progressive growing."""
    lods = {key: value for key, value in variables.items() if key in (LOD, f"synthesis/{LOD}")}
    if any(load_tensors({key: x}, source)[key].ne(0).any() for key, x in lods.items()):
        raise CheckpointError(
            f"{source}: its training had not reached the full resolution (lod is not 0), and such "
            "a mixture of resolutions is not supported. Take a later snapshot."
        )
    sides = [int(match[1]) for match in map(LAYER.fullmatch, variables) if match]
    side = max(sides, default=4)
    kept = {}
    for key, value in variables.items():
        match = GROWN_RGB.fullmatch(key)
        if match and match[1] == "0":
            kept[f"synthesis/{side}x{side}/ToRGB/{match[2]}"] = value
        elif not match and key not in lods:
            kept[key] = value
    return kept


def _is_noise(key):
    return NOISE.fullmatch(key) is not None or key.endswith("/noise_strength")


def _convert(variables, source):
    """Return the tensors of all variables by our names."""
    names = {key: _our_name(key) for key in variables}
    unknown = sorted(key for key, name in names.items() if name is None)
    if "mapping/LabelConcat/weight" in unknown:
        raise CheckpointError(
            f"{source} holds a conditional generator in the way of StyleGAN2 before ADA "
            "(LabelConcat), which normalizes z and the class together. Trainings scale the class "
            "differently there, so it is not supported; embedded classes (LabelEmbed) are."
        )
    if unknown:
        raise CheckpointError(
            f"{source}: StyleGAN2 has no variables {[key[:80] for key in unknown[:5]]}: "
            "a variant with other layers, or a damaged file."
        )

    tensors = load_tensors(variables, source)
    state = {}
    for key, name in names.items():
        if name in state:
            raise CheckpointError(f"{source} is damaged: two variables are the tensor {name!r}.")
        value = tensors.pop(key)
        try:
            state[name] = _transform(name, value)
        except (RuntimeError, IndexError) as error:
            raise CheckpointError(
                f"{source} is damaged: the variable {key[:80]!r} has the impossible shape "
                f"{tuple(value.shape)}."
            ) from error
    return state


def _our_name(key):
    """Return our name of a variable, or None for those without counterpart."""
    if key == "dlatent_avg":
        return "mapping.w_avg"
    if key == "synthesis/4x4/Const/const":
        return "synthesis.b4.const"
    if match := DENSE.fullmatch(key):
        layer = "embed" if match[1] is None else f"fc{int(match[1])}"
        return f"mapping.{layer}.{match[2]}"
    if match := NOISE.fullmatch(key):
        block, second = divmod(int(match[1]) - 1, 2) if int(match[1]) else (-1, 1)
        return f"synthesis.b{8 << block if block >= 0 else 4}.conv{second}.noise_const"
    match = LAYER.fullmatch(key)
    if match is None or match[3] not in CONV_NAMES:
        return None
    # The first block has one convolution, which is called "Conv".
    if (match[1] == "4") != (match[2] == "Conv") and match[2] != "ToRGB":
        return None
    return f"synthesis.b{int(match[1])}.{LAYERS[match[2]]}.{CONV_NAMES[match[3]]}"


def _transform(name, value):
    """Return a variable in the shape of our tensor `name`."""
    last = name.rpartition(".")[2]
    if name.endswith("affine.bias"):
        return value + 1
    if last == "const":
        return value.squeeze(0)
    if last == "noise_const":
        return value.reshape(value.shape[-2:])
    if last == "noise_strength":
        return value.reshape(())
    if last != "weight":
        return value
    if name.startswith("mapping.") or name.endswith("affine.weight"):
        return value.permute(1, 0)
    if name.split(".", 2)[2] in FLIPPED:
        value = value.flip(0, 1)
    return value.permute(3, 2, 0, 1)


def _check_sizes(kwargs, state, source):
    """Refuse sizes that contradict the variables."""
    blocks = [int(key.split(".")[1][1:]) for key in state if key.startswith("synthesis.b")]
    layers = {key for key in state if key.startswith("mapping.fc") and key.endswith(".weight")}
    top = max(blocks, default=4)
    try:
        embed = state.get("mapping.embed.weight", torch.zeros(0, 0))
        sizes = {
            "latent_size": state["mapping.fc0.weight"].shape[1] - embed.shape[0],
            "dlatent_size": state["synthesis.b4.conv1.affine.weight"].shape[1],
            "label_size": embed.shape[1],
            **dict.fromkeys(("resolution", "resolution_w", "resolution_h"), top),
            "num_channels": state[f"synthesis.b{top}.torgb.weight"].shape[0],
            "mapping_layers": len(layers),
        }
    except KeyError as error:
        raise CheckpointError(f"{source} is incomplete: its generator lacks {error}.") from error

    for name, size in sizes.items():
        stated = kwargs.get(name, size)
        if type(stated) is not int or stated != size:
            raise refusal(source, name, stated, f"{size} by the shapes of its variables")
    w_dim = sizes["dlatent_size"]
    widths = {"mapping_fmaps": len(state["mapping.fc0.weight"]), "label_fmaps": len(embed) or w_dim}
    for name, width in widths.items():
        if width != w_dim:
            raise refusal(source, name, width, f"the width of w, {w_dim}")
