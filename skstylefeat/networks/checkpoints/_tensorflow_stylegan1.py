"""StyleGAN1 generators of NVIDIA's TensorFlow repository, by our names.

==================================  ==========================================
TensorFlow                          ours
==================================  ==========================================
``mapping/Dense{i}``                ``mapping.fc{i}``, transposed
``mapping/LabelConcat/weight``      ``mapping.embed.weight``, transposed
``dlatent_avg``                     ``mapping.w_avg``
``synthesis/4x4/Const``, ``Conv``   ``synthesis.b4.const``, ``b4.conv1``
``synthesis/{r}x{r}/Conv0_up``      ``synthesis.b{r}.conv0``
``synthesis/{r}x{r}/Conv1``         ``synthesis.b{r}.conv1``
``synthesis/noise{j}``              ``noise_const`` of the j-th layer
``synthesis/ToRGB_lod0``            ``synthesis.b{resolution}.torgb``
==================================  ==========================================

Kernels have the axes (height, width, in, out) there and (out, in, height, width) here.
"""

import re

from skstylefeat.exceptions import CheckpointError
from skstylefeat.networks.checkpoints._assumptions import ACTIVATION, FUSED_SCALE
from skstylefeat.networks.checkpoints._stylegan1_state import (
    add_stylegan1_noise,
    check_level,
    rescale_stylegan1,
    stylegan1_config,
)
from skstylefeat.networks.checkpoints._tensorflow_settings import (
    apply_lr_multiplier,
    check_functions,
    effective_settings,
    is_number,
    one_of,
    refusal,
)
from skstylefeat.networks.checkpoints._tensors import load_tensors

FUNCTIONS = {"": {"G_style"}, "mapping": {"G_mapping"}, "synthesis": {"G_synthesis"}}
LAYER = re.compile(r"synthesis/([1-9]\d{0,4})x\1/(Const|Conv|Conv0_up|Conv1)/(.+)")
NOISE = re.compile(r"synthesis/noise(0|[1-9]\d?)")
DENSE = re.compile(r"mapping/Dense(0|[1-9]\d?)/(weight|bias)")
TO_RGB = re.compile(r"synthesis/ToRGB_lod0/(weight|bias)")
LOWER_RGB = re.compile(r"synthesis/ToRGB_lod[1-9]\d?/(weight|bias)")
LEVELS_OF_DETAIL = ("lod", "synthesis/lod")  # the first one sets the second one
FIRST_LAYERS = {"Const": "const", "Conv": "conv1"}
LAYERS = {"Conv0_up": "conv0", "Conv1": "conv1"}
TENSORS = {
    "const": "weight",
    "weight": "weight",
    "bias": "bias",
    "StyleMod/weight": "affine.weight",
    "StyleMod/bias": "affine.bias",
    "Noise/weight": "noise_strength",
}
#: Settings with one supported value, which is also the code's default.
FIXED = {
    "use_styles": True,
    "const_input_layer": True,
    "use_pixel_norm": False,
    "use_instance_norm": True,
    "normalize_latents": True,
    "nonlinearity": ACTIVATION,
    "mapping_nonlinearity": ACTIVATION,
}
#: Settings that change the arithmetic and are read.
READ = {"fused_scale", "blur_filter", "use_wscale", "use_noise", "mapping_lrmul"}
#: Sizes, which the shapes of the tensors show, too, by their names in our architecture.
SIZES = {
    "resolution": "resolution",
    "num_channels": "img_channels",
    "label_size": "c_dim",
    "latent_size": "z_dim",
    "dlatent_size": "w_dim",
    "mapping_layers": "n_mapping",
}
#: Settings of the training, of the order of operations, or of truncation, which is left to callers.
IGNORED = {
    *("truncation_psi", "truncation_cutoff", "truncation_psi_val", "truncation_cutoff_val"),
    *("dlatent_avg_beta", "style_mixing_prob", "is_training", "is_validation"),
    *("is_template_graph", "force_clean_graph", "randomize_noise", "structure", "dtype"),
    *("dlatent_broadcast", "mapping_fmaps", "fmap_base", "fmap_decay", "fmap_max"),
}


def read_tensorflow_stylegan1(network, settings, source):
    """Read a `TensorFlowNetwork`; the rest is as of `_nvidia.read_network`."""
    check_functions(network, FUNCTIONS, source)
    kwargs = effective_settings(network, READ | SIZES.keys() | IGNORED, FIXED, source)
    settings.stated("activation", ACTIVATION, source)
    fused_scale = one_of(kwargs, "fused_scale", (True, False, "auto"), FUSED_SCALE, source)
    settings.stated("fused_scale", fused_scale, source)

    names = _names(network.variables, source)
    tensors = load_tensors({key: network.variables[key] for key in names}, source)
    state = {name: _rearrange(name, tensors[key]) for key, name in names.items()}
    level = next((name for name in LEVELS_OF_DETAIL if name in network.variables), None)
    if level is not None:
        check_level(network.variables[level], source)

    apply_lr_multiplier(kwargs, state, settings, source)
    equalized = one_of(kwargs, "use_wscale", (True, False), True, source)
    rescale_stylegan1(state, fused_scale=fused_scale, equalized=equalized)
    if not one_of(kwargs, "use_noise", (True, False), True, source):
        add_stylegan1_noise(state, source)

    known = {"blur_filter": _blur_filter(kwargs, source)}
    config = stylegan1_config(state, source, **known)
    for name, ours in SIZES.items():
        size = getattr(config, ours)
        stated = kwargs.get(name, size)
        if type(stated) is not int or stated != size:
            raise refusal(source, name, stated, f"{size} by the shapes of its variables")
    return state, known


def _blur_filter(kwargs, source):
    """Return the three taps of the blur, which leave maps as they are where it is None."""
    taps = kwargs.get("blur_filter", (1, 2, 1))
    if taps is None:
        return 0.0, 1.0, 0.0
    is_plain = isinstance(taps, list | tuple) and len(taps) == 3
    if not is_plain or not all(map(is_number, taps)) or not sum(taps):
        raise refusal(source, "blur_filter", taps, "None or three numbers")
    return tuple(map(float, taps))


def _names(variables, source):
    """Return our names of the variables; the images that progressive growing used have none."""
    top = max((int(m[1]) for m in map(LAYER.fullmatch, variables) if m), default=0)
    unused = {key for key in variables if LOWER_RGB.fullmatch(key)}
    keys = sorted(variables.keys() - unused - set(LEVELS_OF_DETAIL))
    names = {key: _our_name(key, top) for key in keys}
    unknown = [key for key, name in names.items() if name is None]
    if unknown:
        raise CheckpointError(
            f"{source}: a StyleGAN generator of NVIDIA's code does not have the variables "
            f"{[key[:80] for key in unknown[:5]]}. It comes from a variant with other layers, or "
            "the file is damaged."
        )
    return names


def _our_name(key, top):
    """Return our name of a variable, or None for those without counterpart."""
    if key == "dlatent_avg":
        return "mapping.w_avg"
    if key == "mapping/LabelConcat/weight":
        return "mapping.embed.weight"
    if match := DENSE.fullmatch(key):
        return f"mapping.fc{match[1]}.{match[2]}"
    if match := NOISE.fullmatch(key):
        block, second = divmod(int(match[1]), 2)
        layer = "conv1" if second else "conv0" if block else "const"
        return f"synthesis.b{4 << block}.{layer}.noise_const"
    if match := TO_RGB.fullmatch(key):
        return f"synthesis.b{top}.torgb.{match[1]}"

    match = LAYER.fullmatch(key)
    if match is None:
        return None
    layer = (FIRST_LAYERS if match[1] == "4" else LAYERS).get(match[2])
    tensor = TENSORS.get(match[3])
    # The first layer has a constant instead of weights.
    if not layer or not tensor or match[3] == ("weight" if layer == "const" else "const"):
        return None
    return f"synthesis.b{match[1]}.{layer}.{tensor}"


def _rearrange(name, value):
    """Bring the axes of a variable into torch's order."""
    if name.endswith((".conv0.weight", ".conv1.weight", ".torgb.weight")):
        return value.permute(3, 2, 0, 1)
    if name.endswith((".const.weight", ".noise_const")):
        return value.reshape(value.shape[-3:] if name.endswith("weight") else value.shape[-2:])
    return value.T if value.ndim == 2 else value
