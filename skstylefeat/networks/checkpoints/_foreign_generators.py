"""Generators of files that other projects wrote: one reader for each family."""

import torch

from skstylefeat._inert._budget import CONTENT_ERRORS
from skstylefeat._inert._constructors import PersistentObject
from skstylefeat.exceptions import CheckpointError
from skstylefeat.networks.checkpoints._alias_free import (
    LAYER_NAME,
    check_geometry,
    read_alias_free_state,
)
from skstylefeat.networks.checkpoints._architecture_check import check_fit, estimate_w_avg
from skstylefeat.networks.checkpoints._genforce import read_genforce_state
from skstylefeat.networks.checkpoints._nvidia import (
    is_alias_free,
    read_alias_free_network,
    read_network,
    read_state_dict,
    set_learning_rate,
)
from skstylefeat.networks.checkpoints._rosinality import read_rosinality_state
from skstylefeat.networks.checkpoints._safetensors import config_from_state
from skstylefeat.networks.checkpoints._state_dicts import (
    ALIAS_FREE_KEYS,
    GENFORCE1_KEYS,
    GENFORCE2_KEYS,
    ROSINALITY_KEYS,
)
from skstylefeat.networks.checkpoints._stylegan1_state import stylegan1_config
from skstylefeat.networks.checkpoints._tensorflow import (
    STYLEGAN1,
    STYLEGAN2,
    TensorFlowNetwork,
    other_network,
)
from skstylefeat.networks.checkpoints._tensorflow_stylegan1 import read_tensorflow_stylegan1
from skstylefeat.networks.checkpoints._tensorflow_stylegan2 import read_tensorflow_stylegan2
from skstylefeat.networks.stylegan3._alias_free_config import StyleGAN3Config


def load_foreign_generator(found, settings, source):
    """Return the config and the tensors of the generator in a `Recognized` file.

    Parameters
    ----------
    found : Recognized
        A file that another project wrote.
    settings : Settings
        Given values of what the file lacks; keeps those that are assumed.
    source : str
        Name of the file, for messages.

    Returns
    -------
    config : GeneratorConfig, StyleGAN1Config or StyleGAN3Config
    state : dict of str to Tensor

    Raises
    ------
    CheckpointError
        If the file is damaged, or its generator has no counterpart here.
    """
    try:
        make_config, state, known = _read_family(found, settings, source)
        attributes = known.pop("attributes", {})
        has_average = "mapping.w_avg" in state
        if not has_average:
            # The last layer of the mapping network has W's width; the mean follows below.
            last = max((key for key in state if key.startswith("mapping.fc")), default=None)
            if last is None:
                raise CheckpointError(
                    f"{source} holds a generator without a mapping network ('mapping.fc0.weight')."
                )
            state["mapping.w_avg"] = torch.zeros(state[last].shape[0])

        config = make_config(state, source, **known)
        check_fit(config, state, source)
        if isinstance(config, StyleGAN3Config):
            check_geometry(config, state, attributes, source)
        if not has_average:
            state["mapping.w_avg"] = estimate_w_avg(config, state)
            settings.added.append("mean of W, estimated from draws of a fixed seed")
    except CheckpointError:
        raise
    except CONTENT_ERRORS as error:
        raise CheckpointError(f"{source} is damaged or incomplete: {error}") from error
    return config, state


def _read_family(found, settings, source):
    """Return the function that makes the config, the tensors, and what they do not show."""
    network, is_decoder = found.generator, found.encoder is not None

    # Pickles state their settings.
    if isinstance(network, TensorFlowNetwork):
        if network.family == STYLEGAN1:
            return stylegan1_config, *read_tensorflow_stylegan1(network, settings, source)
        if network.family == STYLEGAN2:
            return config_from_state, *read_tensorflow_stylegan2(network, settings, source)
        raise other_network(network, source)
    if isinstance(network, PersistentObject) and is_alias_free(network):
        state, known, attributes = read_alias_free_network(network, settings, source)
        return config_from_state, state, known | {"attributes": attributes}
    if isinstance(network, PersistentObject):
        return config_from_state, *read_network(network, settings, source)

    # State dicts do not; a family's keys tell whose names they have.
    if network.keys == ALIAS_FREE_KEYS:
        state, known = read_alias_free_state(
            network.tensors, {}, settings, source, is_implied=is_decoder
        )
        set_learning_rate(state, {}, settings, source, is_implied=is_decoder)
        return config_from_state, state, known
    if network.keys == GENFORCE1_KEYS:
        return stylegan1_config, *read_genforce_state(network, settings, source)
    if network.keys == GENFORCE2_KEYS:
        return config_from_state, *read_genforce_state(network, settings, source)
    if network.keys == ROSINALITY_KEYS:
        average = network.latent_avg
        state, known = read_rosinality_state(network.tensors, average, settings, source)
        return config_from_state, state, known
    return config_from_state, *read_state_dict(network.tensors, settings, source)


def n_ws_of(generator):
    """Return the number of W vectors of a generator, by the names of its layers."""
    names = generator.tensors
    if generator.keys == ALIAS_FREE_KEYS:
        return 1 + sum(LAYER_NAME.fullmatch(key) is not None for key in names)
    if generator.keys == ROSINALITY_KEYS:
        return 2 + sum(key.startswith("convs.") and key.endswith(".conv.weight") for key in names)
    if generator.keys in (GENFORCE1_KEYS, GENFORCE2_KEYS):
        n_layers = sum(key.endswith(".style.weight") and ".layer" in key for key in names)
        return n_layers + (generator.keys == GENFORCE2_KEYS)
    return 2 * sum(key.startswith("synthesis.b") and key.endswith(".conv1.weight") for key in names)
