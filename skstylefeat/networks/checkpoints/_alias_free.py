"""StyleGAN3 generators of NVIDIA's repository: from pickled modules or state dicts to tensors.

A layer's sizes, factors and padding follow from a few options. A pickle states both, so that one
is checked against the other. A bare state dict states neither: its filters tell whether the usual
options are its own.
"""

import re

import torch

from skstylefeat.exceptions import CheckpointError
from skstylefeat.networks.checkpoints._tensors import load_tensors
from skstylefeat.networks.stylegan3._alias_free_config import StyleGAN3Config
from skstylefeat.networks.stylegan3._resampling import design_filter

SYNTHESIS = "synthesis"
TRANSFORM = "synthesis.input.transform"
USUAL_CLAMP = 256.0
USUAL_SCALE = 0.25
LAYER_NAME = re.compile(r"synthesis\.(L([0-9]{1,3})_([0-9]{1,5})_([0-9]{1,5}))\.weight")
MAX_FILTER_ERROR = 1e-3  # of the same design by other versions, or stored in half precision
#: Options of the synthesis network that neither its attributes nor its tensors show.
HIDDEN_OPTIONS = ("first_stopband", "last_stopband_rel")
#: Attributes of the synthesis network, and their names here.
OPTIONS = {
    "output_scale": "output_scale",
    "num_critical": "n_critical",
    "margin_size": "margin_size",
}


def stated_options(attributes, source):
    """Return the options that a pickled generator states.

    Parameters
    ----------
    attributes : dict of str to PersistentObject
        Its modules by dotted name.
    source : str
        Name of the file, for messages.

    Returns
    -------
    options : dict
        Entries of `StyleGAN3Config`.

    Raises
    ------
    CheckpointError
        If an option is no number.
    """
    synthesis = attributes[SYNTHESIS].state if SYNTHESIS in attributes else {}
    first_layer = _layer_states(attributes).get(0, {})
    given = synthesis.get("_init_kwargs")
    given = given if isinstance(given, dict) else {}
    found = {ours: synthesis[name] for name, ours in OPTIONS.items() if name in synthesis}
    found |= {name: given[name] for name in HIDDEN_OPTIONS if name in given}
    if "in_cutoff" in first_layer:
        found["first_cutoff"] = first_layer["in_cutoff"]
    for name, value in found.items():
        if isinstance(value, bool) or not isinstance(value, int | float):
            raise CheckpointError(f"{source}: its option {name!r} is no number.")
    return found


def read_alias_free_state(tensors, options, settings, source, *, is_implied=False):
    """Read a state dict of StyleGAN3; what is not listed is as of `_nvidia.read_network`.

    Parameters
    ----------
    tensors : dict of str to StoredArray
        The tensors, in NVIDIA's names.
    options : dict
        Options that the file states, such as "conv_clamp".
    is_implied : bool, default=False
        Whether the tool that wrote the file knows no other than the usual options.
    """
    known = dict(options)
    for name, usual in (("conv_clamp", USUAL_CLAMP), ("output_scale", USUAL_SCALE)):
        if name in options:
            known[name] = settings.stated(name, options[name], source)
        elif is_implied:
            known[name] = settings.implied(name, usual)
        else:
            known[name] = settings.lacking(name, usual)

    # stylegan3-editing sets a transform for each image of a batch, and drops it when it loads.
    stored = tensors.get(TRANSFORM)
    if stored is None or is_implied or len(stored.shape) == 3:
        tensors = {key: value for key, value in tensors.items() if key != TRANSFORM}
        settings.added.append("transform of the input, the identity")
    state = load_tensors(tensors, source)
    state.setdefault(TRANSFORM, torch.eye(3))
    for name, value in state.items():
        if name.endswith(".magnitude_ema") and not (value > 0).all():
            raise CheckpointError(f"{source} is damaged: {name[:80]!r} is not positive.")
    return state, known


def alias_free_shape(state, mapping, known):
    """Return the architecture that tensors and known options imply.

    Parameters
    ----------
    state : dict of str to Tensor
        The tensors.
    mapping : dict
        Entries of the architecture that the mapping network shows.
    known : dict
        Entries that shapes do not show.

    Returns
    -------
    StyleGAN3Config

    Raises
    ------
    KeyError, ValueError
        If the tensors are not those of such a network.
    """
    layers = sorted(
        (int(match[2]), int(match[3]), match[1])
        for match in map(LAYER_NAME.fullmatch, state)
        if match
    )
    if [number for number, *_ in layers] != list(range(len(layers))) or len(layers) < 3:
        raise ValueError(f"the numbers of its layers are {[number for number, *_ in layers][:20]}")
    weights = [state[f"synthesis.{name}.weight"] for *_, name in layers]
    first = f"synthesis.{layers[0][2]}"
    down_ndims = {state[f"synthesis.{name}.down_filter"].ndim for _, _, name in layers[:-1]}
    values = {
        "resolution": layers[-1][1],
        "channels": [len(weight) for weight in weights[:-1]],
        "img_channels": len(weights[-1]),
        "conv_kernel": weights[0].shape[-1],
        "use_radial_filters": 2 in down_ndims,
        "filter_size": len(state[f"{first}.up_filter"]) // known.get("lrelu_upsampling", 2),
    }
    return StyleGAN3Config(**(mapping | values | known))


def check_geometry(config, state, attributes, source):
    """Raise CheckpointError unless the geometry of `config` is that of the file.

    Parameters
    ----------
    config : StyleGAN3Config
        The architecture.
    state : dict of str to Tensor
        Tensors that fit it.
    attributes : dict of str to PersistentObject
        The modules of a pickle; {} for a state dict.
    source : str
        Name of the file, for messages.
    """
    stated = _layer_states(attributes)
    for i, (name, layer) in enumerate(zip(config.layer_names, config.layer_geometry, strict=False)):
        if i in stated:
            expected = {
                "up_factor": layer.up.factor,
                "down_factor": layer.down.factor,
                "padding": [*layer.padding, *layer.padding],
                "conv_kernel": config.conv_kernel,
            }
            found = {key: stated[i].get(key) for key in expected}
            if found == expected:
                continue
            raise CheckpointError(
                f"{source}: the layer {name!r} states {_shown(found)}, but {_shown(expected)} "
                "follows from the options of its network: it is a variant that is not supported."
            )

        # Filters of another design would mean other options, and another padding.
        for key, low_pass in (("up_filter", layer.up), ("down_filter", layer.down)):
            designed = design_filter(low_pass)
            error = (state[f"synthesis.{name}.{key}"] - designed).abs().max() / designed.abs().max()
            if not error <= MAX_FILTER_ERROR:
                raise CheckpointError(
                    f"{source}: {key!r} of the layer {name!r} is not that of StyleGAN3's usual "
                    "cutoff frequencies, and a state dict does not state others. Load the pickle "
                    "of the same network, which does."
                )
    first = attributes.get("synthesis.input")
    if first is not None:
        cutoffs, _, rates = config.frequencies
        expected = {"bandwidth": cutoffs[0], "sampling_rate": rates[0]}
        found = {key: first.state.get(key) for key in expected}
        if found != expected:
            raise CheckpointError(
                f"{source}: its input states {_shown(found)}, but its first layer "
                f"{_shown(expected)}."
            )


def _layer_states(attributes):
    """Return the attributes of the synthesis layers by number, without toRGB."""
    states = {}
    for name, item in attributes.items():
        match = LAYER_NAME.fullmatch(f"{name}.weight")
        if match and not item.state.get("is_torgb"):
            states[int(match[2])] = item.state
    return states


def _shown(values):
    plain = {
        key: value if isinstance(value, int | float | list) else type(value).__name__
        for key, value in values.items()
    }
    return ", ".join(f"{key}={str(value)[:40]}" for key, value in plain.items())
