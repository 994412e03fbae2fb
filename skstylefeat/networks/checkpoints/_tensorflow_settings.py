"""Settings of networks in TensorFlow pickles: which are known, and checks of their values."""

import math

from skstylefeat.exceptions import CheckpointError
from skstylefeat.networks.checkpoints._nvidia import set_learning_rate
from skstylefeat.networks.stylegan2._network import MAPPING_LR_MULTIPLIER


def check_functions(network, functions, source):
    """Refuse a network that other functions built, since they may compute anything.

    Parameters
    ----------
    network : TensorFlowNetwork
        The network.
    functions : dict of str to set of str
        Names of the known functions of the whole network ("") and of every part.
    source : str
        Name of the file, for messages.
    """
    for part, name in network.functions.items():
        known = sorted(functions.get(part, ()))
        if name.rpartition(".")[2] not in known:
            what = f"the part {part[:40]!r}" if part else "the network"
            raise CheckpointError(
                f"{source}: {what} was built by the function {name[:80]!r}, expected one of "
                f"{known}. It comes from a variant of {network.family}, whose arithmetic is "
                "unknown here."
            )
    parts = network.component_kwargs.keys()
    if parts != functions.keys() - {""}:
        raise CheckpointError(
            f"{source}: its generator ({network.place}) consists of {sorted(parts)[:4]}, expected "
            "a mapping and a synthesis network."
        )


def effective_settings(network, known, fixed, source):
    """Return the settings by name; those of the whole network overrule those of its parts.

    Parameters
    ----------
    network : TensorFlowNetwork
        The network.
    known : set of str
        Names of the settings that the family has, besides the fixed ones.
    fixed : dict
        Settings with a single known value, which is their default.
    source : str
        Name of the file, for messages.

    Returns
    -------
    dict
    """
    kwargs = {}
    for part in network.component_kwargs.values():
        kwargs |= part
    kwargs |= network.static_kwargs
    unknown = sorted(kwargs.keys() - known - fixed.keys())
    if unknown:
        listed = ", ".join(f"{name[:40]}={shown(kwargs[name])}" for name in unknown[:4])
        raise CheckpointError(
            f"{source}: its generator has settings that {network.family} does not have ({listed}). "
            "It comes from a variant, whose arithmetic is unknown here."
        )
    for name, value in fixed.items():
        one_of(kwargs, name, (value,), value, source)
    return kwargs


def apply_lr_multiplier(kwargs, state, settings, source):
    """Fold the learning-rate multiplier of a mapping network into its weights."""
    multiplier = kwargs.get("mapping_lrmul", MAPPING_LR_MULTIPLIER)
    if not is_number(multiplier) or multiplier <= 0:
        raise refusal(source, "mapping_lrmul", multiplier, "a positive number")
    layers = {key.rpartition(".")[0] for key in state if key.startswith("mapping.fc")}
    set_learning_rate(state, dict.fromkeys(layers, multiplier), settings, source)


def one_of(kwargs, name, values, default, source):
    """Return a setting that must be one of some values, of the same type."""
    value = kwargs.get(name, default)
    if not any(type(value) is type(allowed) and value == allowed for allowed in values):
        raise refusal(source, name, value, " or ".join(repr(allowed) for allowed in values))
    return value


def is_number(value):
    """Return whether a value is a finite number of a size that settings have."""
    return type(value) in (int, float) and math.isfinite(value) and abs(value) < 1e9


def refusal(source, name, value, expected):
    """Return the error for the value of a setting."""
    return CheckpointError(
        f"{source}: its generator has {name}={shown(value)}, expected {expected}."
    )


def shown(value):
    """Return a value for messages, in bounded length."""
    if value is None or isinstance(value, bool | float | str):
        return repr(value)[:40]
    if isinstance(value, int):
        return str(value) if abs(value) < 1 << 64 else "a huge number"
    if isinstance(value, list | tuple):
        return f"{len(value)} values"
    return f"a value of type {type(value).__name__}"
