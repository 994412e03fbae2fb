"""Networks of NVIDIA's PyTorch repositories: from pickled modules to architecture and tensors."""

import re

import torch

from skstylefeat._inert._arrays import StoredArray
from skstylefeat._inert._constructors import PersistentObject
from skstylefeat.exceptions import CheckpointError
from skstylefeat.networks.checkpoints._noise_maps import add_silent_noise
from skstylefeat.networks.checkpoints._tensors import load_tensors
from skstylefeat.networks.stylegan2._network import MAPPING_LR_MULTIPLIER

MAX_MODULE_DEPTH = 16
MAX_MODULES = 20_000
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


def read_network(root, source):
    """Read a generator.

    Parameters
    ----------
    root : PersistentObject
        The network, such as `G_ema`.
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
    classes = {item.class_name for item in attributes.values()}
    if "SynthesisInput" in classes or "synthesis.input.freqs" in tensors:
        raise CheckpointError(
            f"{source} holds an alias-free generator (StyleGAN3-T or -R), whose layers differ from "
            "StyleGAN2's; only StyleGAN2 networks are supported. NVIDIA's stylegan3 release has "
            "StyleGAN2 networks for the same data sets (stylegan2-*.pkl)."
        )
    if "synthesis.b4.conv1.weight" not in tensors:
        raise CheckpointError(
            f"{source} holds a network of class {root.class_name[:80]!r}, expected a StyleGAN2 "
            "generator: it has no tensor 'synthesis.b4.conv1.weight'."
        )
    for name, item in attributes.items():
        _check_layer(name, item, source)
    known = {
        "architecture": _agreed(attributes, "architecture", "SynthesisBlock", "skip", source),
        "conv_clamp": _agreed(attributes, "conv_clamp", "SynthesisLayer", None, source),
    }
    state, filters = read_state_dict(tensors, source)
    _normalize_learning_rate(state, attributes)
    return state, known | filters


def read_state_dict(tensors, source):
    """Read the stored tensors of a generator in NVIDIA's names; returns as of `read_network`."""
    # Only layers and blocks that up-sample use their filter; the others keep the default one.
    filters = {key: value for key, value in tensors.items() if USED_FILTER.fullmatch(key)}
    known = shared_filter(filters, source)
    weights = {k: v for k, v in tensors.items() if not k.endswith(".resample_filter")}
    state = load_tensors(weights, source)
    add_silent_noise(state, source)
    return state, known


def _check_layer(name, item, source):
    is_mapping = name.startswith("mapping.fc")
    is_synthesis = item.class_name == "SynthesisLayer"
    activation = item.state.get("activation", "lrelu")
    if (is_mapping or is_synthesis) and activation != "lrelu":
        raise CheckpointError(
            f"{source}: the layer {name!r} has another activation than StyleGAN2's 'lrelu', which "
            "is the only one supported."
        )


def _agreed(attributes, name, class_name, default, source):
    """Return the value that the attribute `name` has in all modules of a class."""
    values = [
        item.state.get(name, default)
        for item in attributes.values()
        if item.class_name == class_name
    ]
    first = values[0] if values else default
    is_plain = first is None or isinstance(first, str | int | float)
    if not is_plain or any(type(v) is not type(first) or v != first for v in values):
        raise CheckpointError(
            f"{source}: {name} differs from layer to layer or is no plain value, which is not "
            "supported."
        )
    return first


def shared_filter(filters, source):
    """Return the resampling filter that all layers share, as an entry of the architecture.

    Parameters
    ----------
    filters : dict of str to StoredArray
        The kernels by name; they may differ by a factor.
    source : str
        Name of the file, for messages.

    Returns
    -------
    dict
        ``resample_filter``; empty without kernels.

    Raises
    ------
    CheckpointError
        If kernels differ, or are not separable ones of four taps.
    """
    known = {}
    for name, kernel in load_tensors(filters, source).items():
        taps = filter_taps(kernel, source)
        if known.setdefault("resample_filter", taps) != taps:
            raise CheckpointError(
                f"{source}: {name[:80]!r} differs from the filters of other layers, which is not "
                "supported."
            )
    return known


def filter_taps(kernel, source):
    """Return the four taps of which a low-pass kernel of shape (4, 4) or (4,) is made."""
    is_square = tuple(kernel.shape) == (4, 4)
    taps = kernel.sum(dim=1) if is_square else kernel
    outer = torch.outer(taps, taps) / taps.sum() if is_square else None
    if tuple(taps.shape) != (4,) or (is_square and not torch.allclose(outer, kernel, atol=1e-6)):
        raise CheckpointError(
            f"{source}: its resampling filter of shape {tuple(kernel.shape)} is not a separable "
            "one of four taps, which is the only kind supported."
        )
    taps = (taps / taps.abs().max()).tolist()
    # 1/3 is not exact in float32, so the taps of the usual filter are restored.
    rounded = [round(3 * tap) for tap in taps]
    if all(abs(3 * tap - whole) < 1e-5 for tap, whole in zip(taps, rounded, strict=True)):
        taps = rounded
    return tuple(float(tap) for tap in taps)


def _normalize_learning_rate(state, attributes):
    """Fold another learning-rate multiplier of the mapping network into its weights."""
    for name, item in attributes.items():
        gain = item.state.get("bias_gain", MAPPING_LR_MULTIPLIER)
        if name.startswith("mapping.fc") and isinstance(gain, int | float):
            scale = gain / MAPPING_LR_MULTIPLIER
            if abs(scale - 1) > 1e-9:
                state[f"{name}.weight"] = state[f"{name}.weight"] * scale
                state[f"{name}.bias"] = state[f"{name}.bias"] * scale
