"""Networks of NVIDIA's PyTorch repositories: from pickled modules to architecture and tensors."""

import re

import torch

from skstylefeat._inert._arrays import StoredArray
from skstylefeat._inert._constructors import PersistentObject
from skstylefeat.exceptions import CheckpointError
from skstylefeat.networks.checkpoints._alias_free import read_alias_free_state, stated_options
from skstylefeat.networks.checkpoints._assumptions import ACTIVATION
from skstylefeat.networks.checkpoints._noise_maps import add_silent_noise
from skstylefeat.networks.checkpoints._tensors import load_tensors
from skstylefeat.networks.stylegan2._network import MAPPING_LR_MULTIPLIER

UNKNOWN = object()
MAX_MODULE_DEPTH = 16
MAX_MODULES = 20_000
# Sum of the kernels of files that include the gain of the up-sampling, twice for each axis.
UPSAMPLING_GAIN = 4.0
GAIN_TOLERANCE = 1e-3  # of the sum of a filter's values
USED_FILTER = re.compile(r"synthesis\.b(?!4\.)\d+\.((conv0|skip)\.)?resample_filter")


def flatten(root, source):
    """List the tensors and the attributes of a pickled module and its children.

    Parameters
    ----------
    root : PersistentObject
        The module.
    source : str
        Name of the file, for messages.

    Returns
    -------
    tensors : dict of str to StoredArray
        Parameters and buffers, by dotted name.
    attributes : dict of str to PersistentObject
        Every module, by dotted name ("" for the root).
    """
    tensors = {}
    attributes = {}
    queue = [("", root, 0)]
    while queue:
        prefix, module, depth = queue.pop()
        if not isinstance(module, PersistentObject):
            raise CheckpointError(
                f"{source}: the module {prefix[:80]!r} is not one of NVIDIA's networks."
            )
        if depth > MAX_MODULE_DEPTH or len(attributes) > MAX_MODULES:
            raise CheckpointError(f"{source} is damaged: its modules are nested too deeply.")
        attributes[prefix] = module
        dot = "." if prefix else ""
        for group in ("_parameters", "_buffers"):
            for name, value in _children(module, group, source):
                if isinstance(value, StoredArray):
                    tensors[f"{prefix}{dot}{name}"] = value
        for name, value in _children(module, "_modules", source):
            if value is not None:
                queue.append((f"{prefix}{dot}{name}", value, depth + 1))
    return tensors, attributes


def _children(module, group, source):
    children = module.state.get(group, {})
    if not isinstance(children, dict) or not all(isinstance(name, str) for name in children):
        raise CheckpointError(f"{source} is damaged: {group} of a module is no dictionary.")
    return children.items()


def read_network(root, settings, source):
    """Read a StyleGAN2 generator.

    Parameters
    ----------
    root : PersistentObject
        The network, such as `G_ema`.
    settings : Settings
        Given values of what the file lacks.
    source : str
        Name of the file, for messages.

    Returns
    -------
    state : dict of str to Tensor
        float32 tensors by the names of `StyleGAN2Generator`.
    known : dict
        Entries of the architecture that do not follow from the shapes of the tensors.

    Raises
    ------
    CheckpointError
        If it is no StyleGAN2 generator, or has options without a counterpart here.
    """
    tensors, attributes = flatten(root, source)
    if "synthesis.b4.conv1.weight" not in tensors:
        raise CheckpointError(
            f"{source} holds a network of class {root.class_name[:80]!r}, expected a generator of "
            "StyleGAN2 or StyleGAN3: it has neither a tensor 'synthesis.b4.conv1.weight' nor "
            "'synthesis.input.freqs'."
        )
    for name, item in attributes.items():
        _check_layer(name, item, source)
    stated = _agreed(attributes, ("architecture",), "SynthesisBlock", source)
    stated |= _agreed(attributes, ("conv_clamp", "activation"), "SynthesisLayer", source)
    multipliers = _multipliers(attributes)
    return read_state_dict(tensors, settings, source, stated=stated, multipliers=multipliers)


def _multipliers(attributes):
    """Return the learning-rate multipliers of the mapping network's layers that a file states."""
    return {
        name: item.state["bias_gain"]
        for name, item in attributes.items()
        if name.startswith("mapping.fc") and isinstance(item.state.get("bias_gain"), int | float)
    }


def is_alias_free(root):
    """Return whether a pickled network has the input of StyleGAN3."""
    module = root
    for name in ("synthesis", "input"):
        children = module.state.get("_modules")
        module = children.get(name) if isinstance(children, dict) else None
        if not isinstance(module, PersistentObject):
            return False
    return True


def read_alias_free_network(root, settings, source):
    """Read a StyleGAN3 generator, as `read_network`; the third result is its modules by name."""
    tensors, attributes = flatten(root, source)
    for name, item in attributes.items():
        _check_layer(name, item, source)
    options = stated_options(attributes, source)
    options |= _agreed(attributes, ("conv_clamp",), "SynthesisLayer", source)
    state, known = read_alias_free_state(tensors, options, settings, source)
    set_learning_rate(state, _multipliers(attributes), settings, source)
    return state, known, attributes


def read_state_dict(tensors, settings, source, *, stated=None, multipliers=None):
    """Read a state dict of StyleGAN2; what is not listed is as of `read_network`.

    Parameters
    ----------
    tensors : dict of str to StoredArray
        The tensors, in NVIDIA's names.
    stated : dict, default=None
        Settings that the file states.
    multipliers : dict of str to float, default=None
        Learning-rate multipliers of the layers of the mapping network that the file states.
    """
    known = dict(stated or {})
    for name in ("conv_clamp", "activation"):
        if name in known:
            settings.stated(name, known[name], source)
        else:
            known[name] = settings.lacking(name)
    del known["activation"]  # the only one that is supported

    # Only layers and blocks that up-sample use their filter; the others keep the default one.
    filters = {key: value for key, value in tensors.items() if USED_FILTER.fullmatch(key)}
    known |= shared_filter(filters, settings, source)
    weights = {k: v for k, v in tensors.items() if not k.endswith(".resample_filter")}
    state = load_tensors(weights, source)
    add_silent_noise(state, source)
    set_learning_rate(state, multipliers or {}, settings, source)
    return state, known


def _check_layer(name, item, source):
    is_mapping = name.startswith("mapping.fc")
    is_synthesis = item.class_name == "SynthesisLayer"
    activation = item.state.get("activation", ACTIVATION)
    if (is_mapping or is_synthesis) and activation != ACTIVATION:
        raise CheckpointError(
            f"{source}: the layer {name!r} has another activation than StyleGAN2's 'lrelu', which "
            "is the only one supported."
        )


def _agreed(attributes, names, class_name, source):
    """Return the attributes that all modules of a class have, each with one value in all."""
    states = [item.state for item in attributes.values() if item.class_name == class_name]
    found = {}
    for name in names:
        values = [state.get(name, UNKNOWN) for state in states] or [UNKNOWN]
        first = values[0]
        is_plain = first is None or first is UNKNOWN or isinstance(first, str | int | float)
        if not is_plain or any(type(v) is not type(first) or v != first for v in values):
            raise CheckpointError(
                f"{source}: {name} differs from layer to layer or is no plain value, which is not "
                "supported."
            )
        if first is not UNKNOWN:
            found[name] = first
    return found


def shared_filter(filters, settings, source, gain=1.0):
    """Return the resampling filter that all layers share, as an entry of the architecture.

    Parameters
    ----------
    filters : dict of str to StoredArray
        The kernels by name.
    settings : Settings
        Given values of what the file lacks.
    source : str
        Name of the file, for messages.
    gain : float, default=1.0
        Sum of every kernel: 1 in NVIDIA's files, 4 where the gain of the up-sampling is included.

    Returns
    -------
    dict
        ``resample_filter``.

    Raises
    ------
    CheckpointError
        If kernels differ, have another sum, or are not separable ones of four taps.
    """
    if not filters:
        return {"resample_filter": settings.lacking("resample_filter")}
    known = {}
    for name, kernel in load_tensors(filters, source).items():
        taps = _filter_taps(kernel, name, gain, source)
        if known.setdefault("resample_filter", taps) != taps:
            raise CheckpointError(
                f"{source}: {name[:80]!r} differs from the filters of other layers, which is not "
                "supported."
            )
    settings.stated("resample_filter", known["resample_filter"], source)
    return known


def _filter_taps(kernel, name, gain, source):
    """Return the four taps of which a low-pass kernel of shape (4, 4) or (4,) is made."""
    is_square = tuple(kernel.shape) == (4, 4)
    taps = kernel.sum(dim=1) if is_square else kernel
    outer = torch.outer(taps, taps) / taps.sum() if is_square else None
    if tuple(taps.shape) != (4,) or (is_square and not torch.allclose(outer, kernel, atol=1e-6)):
        raise CheckpointError(
            f"{source}: the resampling filter {name[:80]!r} of shape {tuple(kernel.shape)} is not "
            "a separable one of four taps, such as [1, 3, 3, 1], the only kind that is supported."
        )
    if not abs(float(kernel.sum()) - gain) < GAIN_TOLERANCE:
        raise CheckpointError(
            f"{source}: the resampling filter {name[:80]!r} has values of sum "
            f"{float(kernel.sum()):.4g}, expected {gain:g}: its layer would have another gain."
        )
    taps = (taps / taps.abs().max()).tolist()
    # 1/3 is not exact in float32, so the taps of the usual filter are restored.
    rounded = [round(3 * tap) for tap in taps]
    if all(abs(3 * tap - whole) < 1e-5 for tap, whole in zip(taps, rounded, strict=True)):
        taps = rounded
    return tuple(float(tap) for tap in taps)


def set_learning_rate(state, multipliers, settings, source, is_implied=False):
    """Fold other learning-rate multipliers of the mapping network into its weights.

    Parameters
    ----------
    state : dict of str to Tensor
        Tensors by the names of `StyleGAN2Generator`, which are replaced.
    multipliers : dict of str to float
        Multipliers that the file states, by layer.
    settings : Settings
        Given values of what the file lacks.
    source : str
        Name of the file, for messages.
    is_implied : bool, default=False
        Whether the family has the usual multiplier unless the user says otherwise.
    """
    layers = {key.rpartition(".")[0] for key in state if key.startswith("mapping.fc")}
    if layers - multipliers.keys():
        usual = (
            settings.implied("lr_multiplier", MAPPING_LR_MULTIPLIER)
            if is_implied
            else settings.lacking("lr_multiplier")
        )
        multipliers = dict.fromkeys(layers, usual) | multipliers
    else:
        for multiplier in set(multipliers.values()):
            settings.stated("lr_multiplier", multiplier, source)

    for name in layers:
        scale = multipliers[name] / MAPPING_LR_MULTIPLIER
        if abs(scale - 1) > 1e-9:
            for key in (f"{name}.weight", f"{name}.bias"):
                if key in state:
                    state[key] = state[key] * scale
