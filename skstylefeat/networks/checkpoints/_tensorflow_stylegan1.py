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
"""

import re

from skstylefeat.exceptions import CheckpointError
from skstylefeat.networks.checkpoints._assumptions import ACTIVATION, FUSED_SCALE
from skstylefeat.networks.checkpoints._nvidia import set_learning_rate
from skstylefeat.networks.checkpoints._stylegan1_state import (
    add_stylegan1_noise,
    check_level,
    rescale_stylegan1,
    stylegan1_config,
)
from skstylefeat.networks.checkpoints._tensors import load_tensors
from skstylefeat.networks.stylegan2._network import MAPPING_LR_MULTIPLIER

LAYER = re.compile(r"synthesis/([1-9]\d{0,4})x\1/(Const|Conv|Conv0_up|Conv1)/(.+)")
NOISE = re.compile(r"synthesis/noise(0|[1-9]\d?)")
DENSE = re.compile(r"mapping/Dense(0|[1-9]\d?)/(weight|bias)")
TO_RGB = re.compile(r"synthesis/ToRGB_lod(0|[1-9]\d?)/(weight|bias)")
LEVELS_OF_DETAIL = ("lod", "synthesis/lod")  # the first one sets the second one
LAYER_NAMES = {"Const": "const", "Conv": "conv1", "Conv0_up": "conv0", "Conv1": "conv1"}
TENSORS = {
    "const": "weight",
    "weight": "weight",
    "bias": "bias",
    "StyleMod/weight": "affine.weight",
    "StyleMod/bias": "affine.bias",
    "Noise/weight": "noise_strength",
}
ABSENT = {"Const": "weight"}  # other layers have no "const"
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
#: Settings that change the arithmetic and are taken over, with the code's defaults.
TAKEN = {
    "fused_scale": FUSED_SCALE,
    "blur_filter": (1, 2, 1),
    "use_wscale": True,
    "use_noise": True,
    "mapping_lrmul": MAPPING_LR_MULTIPLIER,
}
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
    """Read a generator.

    Parameters
    ----------
    network : TensorFlowNetwork
        The generator.
    settings : Settings
        Given values of what the file lacks.
    source : str
        Name of the file, for messages.

    Returns
    -------
    state : dict of str to Tensor
        float32 tensors by the names of `StyleGAN1Generator`.
    known : dict
        Entries of the architecture that do not follow from the shapes of the tensors.

    Raises
    ------
    CheckpointError
        If settings or tensors have no counterpart here, or contradict each other.
    """
    stated = _stated_settings(network, source)
    names = _names(network.variables, source)
    tensors = load_tensors({key: network.variables[key] for key in names}, source)
    state = {name: _rearrange(name, tensors[key]) for key, name in names.items()}
    level = next((name for name in LEVELS_OF_DETAIL if name in network.variables), None)
    if level is not None:
        check_level(network.variables[level], source)

    taken = TAKEN | {name: stated[name] for name in TAKEN.keys() & stated.keys()}
    settings.stated("activation", ACTIVATION, source)
    fused_scale = settings.stated("fused_scale", taken["fused_scale"], source)
    layers = {key.rpartition(".")[0] for key in state if key.startswith("mapping.fc")}
    multipliers = dict.fromkeys(layers, taken["mapping_lrmul"])
    set_learning_rate(state, multipliers, settings, source)
    rescale_stylegan1(state, fused_scale=fused_scale, equalized=taken["use_wscale"])
    if not taken["use_noise"]:
        add_stylegan1_noise(state, source)

    blur = taken["blur_filter"]
    known = {"blur_filter": tuple(blur) if blur else (0.0, 1.0, 0.0)}  # None is no filter
    config = stylegan1_config(state, source, **known)
    for name, ours in SIZES.items():
        if stated.get(name, getattr(config, ours)) != getattr(config, ours):
            raise CheckpointError(
                f"{source} states {name}={_shown(stated[name])}, but its tensors have "
                f"{getattr(config, ours)}. It is damaged."
            )
    return state, known


def _stated_settings(network, source):
    """Return the settings of the network and its parts, after a check of names and values."""
    stated = {}
    for part in ("mapping", "synthesis"):
        # The code passes the settings of the whole to its parts, where they come first.
        kwargs = network.component_kwargs.get(part, {}) | network.static_kwargs
        for name, value in kwargs.items():
            if stated.setdefault(name, value) != value:
                raise CheckpointError(
                    f"{source}: {name[:80]!r} differs between the mapping and the synthesis "
                    "network, which is not supported."
                )

    known = FIXED.keys() | TAKEN.keys() | SIZES.keys() | IGNORED
    unknown = sorted(stated.keys() - known)
    if unknown:
        raise CheckpointError(
            f"{source} states settings that NVIDIA's StyleGAN code does not have: "
            f"{[name[:80] for name in unknown[:5]]}. It comes from a variant of the code, whose "
            "arithmetic is unknown."
        )
    for name, value in FIXED.items():
        given = stated.get(name, value)
        if type(given) not in (bool, int, str) or given != value:
            raise CheckpointError(
                f"{source} states {name}={str(given)[:80]!r}; only {name}={value!r} is supported."
            )
    _check_taken(stated, source)
    return stated


def _check_taken(stated, source):
    """Refuse values that no network has, of settings that are taken over."""

    def is_filter(value):
        is_list = isinstance(value, list | tuple) and len(value) == 3
        return not value or (is_list and all(type(tap) in (int, float) for tap in value))

    def is_flag(value):
        return type(value) in (bool, int) and value in (0, 1)

    tests = {
        "fused_scale": lambda value: value == FUSED_SCALE or is_flag(value),
        "blur_filter": is_filter,
        "use_wscale": is_flag,
        "use_noise": is_flag,
        "mapping_lrmul": lambda value: type(value) in (int, float) and 0 < value < 1e6,
    }
    for name, is_valid in tests.items():
        if name in stated and not is_valid(stated[name]):
            raise CheckpointError(
                f"{source} states {name}={str(stated[name])[:80]}, which is not supported."
            )


def _names(variables, source):
    """Return our names of the variables; the images that progressive growing used have none."""
    top = max((int(m[1]) for m in map(LAYER.fullmatch, variables) if m), default=0)
    names, unknown = {}, []
    for key in sorted(variables.keys() - set(LEVELS_OF_DETAIL)):
        dense, layer = DENSE.fullmatch(key), LAYER.fullmatch(key)
        noise, image = NOISE.fullmatch(key), TO_RGB.fullmatch(key)
        if image and int(image[1]):
            continue
        if dense:
            names[key] = f"mapping.fc{int(dense[1])}.{dense[2]}"
        elif layer and layer[3] in TENSORS and layer[3] != ABSENT.get(layer[2], "const"):
            names[key] = f"synthesis.b{layer[1]}.{LAYER_NAMES[layer[2]]}.{TENSORS[layer[3]]}"
        elif noise:
            block, second = divmod(int(noise[1]), 2)
            name = "conv1" if second else "conv0" if block else "const"
            names[key] = f"synthesis.b{4 << block}.{name}.noise_const"
        elif image:
            names[key] = f"synthesis.b{top}.torgb.{image[2]}"
        elif key in ("dlatent_avg", "mapping/LabelConcat/weight"):
            names[key] = "mapping.w_avg" if key == "dlatent_avg" else "mapping.embed.weight"
        else:
            unknown.append(key)
    if unknown:
        raise CheckpointError(
            f"{source}: a StyleGAN generator of NVIDIA's code does not have the variables "
            f"{[key[:80] for key in unknown[:5]]}. It comes from a variant with other layers, or "
            "the file is damaged."
        )
    return names


def _rearrange(name, value):
    """Bring the axes of a variable into torch's order."""
    if name.endswith((".conv0.weight", ".conv1.weight", ".torgb.weight")):
        return value.permute(3, 2, 0, 1)
    if name.endswith((".const.weight", ".noise_const")):
        return value.reshape(value.shape[-3:] if name.endswith("weight") else value.shape[-2:])
    return value.T if value.ndim == 2 else value

