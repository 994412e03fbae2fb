"""Layer weights S_i of LARGE's eq. (3): given, uniform, from a direction's norms or importance."""

from inspect import signature

import numpy as np

from skstylefeat._utils._validation import SMALLEST, real_array


def layer_weights(rule, planes, generator, *, normalize, importance_params):
    """Return the weights of the layers, (n_directions, n_layers), for a rule.

    The rule is the parameter `layer_weights` of `HyperplaneDistance`: None, "importance", "uniform"
    or an array. If the normals will not be scaled to unit length (`normalize`), they already
    contain their lengths, so that None gives equal weights.
    """
    if rule is None:
        if generator is None or not planes.shared or planes.n_layers != generator.n_ws:
            lengths = planes.norms if normalize else np.ones_like(planes.norms)
            return lengths / lengths.sum(axis=1, keepdims=True)
        rule = "importance"
    if not isinstance(rule, str):
        weights = real_array(rule, "layer_weights")
    elif rule == "uniform":
        weights = np.ones(planes.n_layers)
    else:
        weights = _importance(planes, generator, importance_params)
    return _shares(weights, planes)


def _importance(planes, generator, params):
    if generator is None:
        raise ValueError(
            'layer_weights="importance" needs the generator: pass generator=, or the weights.'
        )
    if planes.n_layers == 1:
        return np.ones(1)
    if planes.n_layers != generator.n_ws:
        raise ValueError(
            'layer_weights="importance" is for W+ codes; for S codes pass the weights of '
            'layer_importance(generator, direction, space="s").'
        )
    # Imported here: importance needs torch, and distances with given weights do not.
    from skstylefeat.regression._importance import cached_layer_importance, layer_importance

    known = list(signature(layer_importance).parameters)[2:]
    unknown = [name for name in params if name not in known]
    if unknown:
        raise ValueError(
            f"importance_params has the unknown keys {unknown}; layer_importance has {known}."
        )

    shape = (generator.n_ws, generator.w_dim)
    return np.stack(
        [
            cached_layer_importance(generator, row.reshape(shape), **params).weights
            for row in planes.normals
        ]
    )


def _shares(weights, planes):
    """Return weights of shape (n_directions, n_layers) that sum to 1."""
    n_directions, n_layers = planes.offsets.shape
    if weights.shape not in ((n_layers,), (n_directions, n_layers)):
        raise ValueError(
            f"layer_weights has shape {weights.shape}; the latents have {n_layers} layers "
            f"({', '.join(planes.layout.names[:3])}, ...)."
        )
    with np.errstate(over="ignore", invalid="ignore"):
        total = weights.sum(axis=-1, keepdims=True)
    usable = np.isfinite(total) & (total > SMALLEST)
    if not usable.all() or (weights < 0).any():
        raise ValueError(
            f"layer_weights must be finite, not negative and not all 0; got {weights}."
        )
    return np.broadcast_to(weights / total, planes.offsets.shape).copy()
