"""Recognition of a weights file by its content, and reading of its networks.

=================================  ==============================================================
Layout                             What is read
=================================  ==============================================================
NVIDIA, pickle or PTI's torch zip  ``G_ema`` (or the module) of StyleGAN2 and StyleGAN3 networks
NVIDIA, pickle of TensorFlow       ``Gs``, StyleGAN1 and StyleGAN2
state dict in NVIDIA's names       from a torch file or safetensors, also nested or prefixed
rosinality ``.pt``                 ``g_ema`` with ``latent_avg``, also nested or prefixed
GenForce ``.pth``                  ``generator_smooth``, StyleGAN1 or StyleGAN2, likewise
pSp family ``.pt``                 ``decoder.*`` as generator, ``encoder.*`` as encoder, likewise
ours                               safetensors with the architecture as metadata
=================================  ==============================================================

Nothing of a file is executed; see `skstylefeat._inert`.
"""

from dataclasses import dataclass

import torch

from skstylefeat._inert._budget import CONTENT_ERRORS
from skstylefeat._inert._constructors import PersistentObject
from skstylefeat._utils._channels import ALPHA_NOTE, n_seen_channels
from skstylefeat.exceptions import CheckpointError
from skstylefeat.networks.checkpoints._alias_free import (
    LAYER_NAME,
    check_geometry,
    read_alias_free_state,
)
from skstylefeat.networks.checkpoints._architecture_check import check_fit, estimate_w_avg
from skstylefeat.networks.checkpoints._assumptions import (
    ENCODER_SETTINGS,
    GENERATOR_SETTINGS,
    Settings,
)
from skstylefeat.networks.checkpoints._genforce import read_genforce_state
from skstylefeat.networks.checkpoints._nvidia import (
    is_alias_free,
    read_alias_free_network,
    read_network,
    read_state_dict,
    set_learning_rate,
)
from skstylefeat.networks.checkpoints._other_families import describe_part, open_known_family
from skstylefeat.networks.checkpoints._rosinality import read_rosinality_state
from skstylefeat.networks.checkpoints._safetensors import (
    GENERATOR_CONFIGS,
    build_network,
    config_from_state,
    is_own_format,
    read_own_file,
)
from skstylefeat.networks.checkpoints._state_dicts import (
    ALIAS_FREE_KEYS,
    GENFORCE1_KEYS,
    GENFORCE2_KEYS,
    LATENT_AVG,
    NVIDIA_KEYS,
    ROSINALITY_KEYS,
    find_state_dicts,
)
from skstylefeat.networks.checkpoints._stylegan1_state import stylegan1_config
from skstylefeat.networks.checkpoints._tensorflow import (
    STYLEGAN1,
    STYLEGAN2,
    TensorFlowNetwork,
    find_tensorflow_network,
    other_network,
)
from skstylefeat.networks.checkpoints._tensorflow_stylegan1 import read_tensorflow_stylegan1
from skstylefeat.networks.checkpoints._tensorflow_stylegan2 import read_tensorflow_stylegan2
from skstylefeat.networks.checkpoints._tensors import load_tensors
from skstylefeat.networks.encoders._psp import (
    BODY_INPUT_SIZE,
    SIZE_OPTIONS,
    PSPConfig,
    build_psp_encoder,
)
from skstylefeat.networks.stylegan3._alias_free_config import StyleGAN3Config

NVIDIA = "NVIDIA StyleGAN2 (stylegan2-ada-pytorch, stylegan3, PTI)"
NVIDIA_STATE = "StyleGAN2 state dict in NVIDIA's names"
ALIAS_FREE = "NVIDIA StyleGAN3 (stylegan3)"
ALIAS_FREE_STATE = "StyleGAN3 state dict in NVIDIA's names"
ROSINALITY = "rosinality stylegan2-pytorch"
PSP = "pSp family (pSp, e4e, ReStyle)"
OURS = "skstylefeat"
STATE_DICTS = {
    NVIDIA_KEYS: NVIDIA_STATE,
    ALIAS_FREE_KEYS: ALIAS_FREE_STATE,
    ROSINALITY_KEYS: ROSINALITY,
    GENFORCE1_KEYS: "GenForce StyleGAN",
    GENFORCE2_KEYS: "GenForce StyleGAN2",
}


@dataclass(frozen=True)
class Recognized:
    """The networks of a file, not yet loaded.

    Parameters
    ----------
    layout : str
        The container: "pickle", "torch", "torch (before 1.6)" or "safetensors".
    kind : str
        Name of the format.
    generator : object
        The generator: a `PersistentObject`, a `TensorFlowNetwork` or a `FoundStateDict`; None if
        there is none.
    encoder : FoundStateDict or None
        The encoder.
    contents : Contents or None
        Content of a file in our own format.
    """

    layout: str
    kind: str
    generator: object = None
    encoder: object = None
    contents: object = None


def recognize(path, refused=None):
    """Open a file and find the networks in it.

    Parameters
    ----------
    path : path-like
        The file.
    refused : set, default=None
        Collects the names of globals outside the allow-list; by default the first one raises.

    Returns
    -------
    Recognized

    Raises
    ------
    CheckpointError
        If it is damaged, or not one of the known formats.
    UnsafeCheckpointError
        If it asks for a function or class that weights do not need.
    """
    contents = open_known_family(path, refused)
    layout, tree = contents.layout, contents.tree
    if is_own_format(contents):
        part = "encoder" if contents.metadata["format"].endswith("encoder") else "generator"
        return Recognized(layout, OURS, contents=contents, **{part: {}})
    if isinstance(tree, PersistentObject):
        return Recognized(layout, _nvidia_kind(tree), generator=tree)
    network = find_tensorflow_network(tree, contents.budget)
    if network is not None:
        return Recognized(layout, network.kind, generator=network)
    if not isinstance(tree, dict):
        raise CheckpointError(
            f"{path} holds an object of type {type(tree).__name__}, expected a dictionary of "
            "tensors or a network."
        )

    network = next((tree[key] for key in ("G_ema", "g_ema") if key in tree), None)
    if isinstance(network, PersistentObject):
        return Recognized(layout, _nvidia_kind(network), generator=network)
    generator, encoder = find_state_dicts(tree, str(path))
    kind = PSP if encoder is not None else STATE_DICTS[generator.keys]
    return Recognized(layout, describe_part(kind, tree), generator=generator, encoder=encoder)


def _nvidia_kind(network):
    return ALIAS_FREE if is_alias_free(network) else NVIDIA


def read_generator(path, settings=None):
    """Read the generator of a file of any known format.

    Parameters
    ----------
    path : path-like
        The file.
    settings : Settings, default=None
        Given values of what the file lacks; keeps those that are assumed.

    Returns
    -------
    config : GeneratorConfig or StyleGAN3Config
        The architecture.
    state : dict of str to Tensor
        float32 parameters by the names of the network of that architecture; they may be views of
        the mapped file.
    card : dict of str to str
        Model card; for foreign formats the entry "format" says which one it was.

    Raises
    ------
    CheckpointError
        If the file is damaged or unknown, or its generator has no counterpart here.
    UnsafeCheckpointError
        If it asks for a function or class that weights do not need.
    """
    return load_found_generator(recognize(path), str(path), settings)


def load_found_generator(found, source, settings=None):
    """Return the (config, state, card) of a `Recognized` file; see `read_generator`."""
    settings = settings or Settings(GENERATOR_SETTINGS)
    if found.contents is not None:
        config, state, card = read_own_file(found.contents)
        if not isinstance(config, GENERATOR_CONFIGS):
            raise CheckpointError(
                f"{source} holds an encoder, expected a generator: read it with load_encoder."
            )
        check_fit(config, state, source)
        for name in ("conv_clamp", "output_scale", "resample_filter"):
            if hasattr(config, name):
                settings.stated(name, getattr(config, name), source)
        settings.finish(source)
        return config, state, card | _channel_note(config)
    if found.generator is None:
        raise CheckpointError(
            f"{source} holds an encoder without its generator ('decoder.*'): read it with "
            "load_encoder."
        )
    config, state = _load_foreign_generator(found, settings, source)
    card = {"format": found.kind}
    if isinstance(found.generator, TensorFlowNetwork):
        card["network"] = found.generator.place
    return config, state, card | settings.finish(source) | _channel_note(config)


def _channel_note(config):
    """Return an entry of the card for a generator whose channels are not all used as a picture."""
    try:
        n_channels = n_seen_channels(config.img_channels)
    except ValueError:
        return {"images": f"{config.img_channels} channels, no pictures: only feature maps"}
    return {"images": ALPHA_NOTE} if n_channels < config.img_channels else {}


def _load_foreign_generator(found, settings, source):
    try:
        make_config, state, known = _read_foreign_generator(found, settings, source)
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


def _read_foreign_generator(found, settings, source):
    """Return the function that makes the config, the tensors, and what they do not show."""
    network, is_decoder = found.generator, found.encoder is not None
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


def read_encoder(path, settings=None):
    """Read the encoder of a file of any known format.

    Parameters
    ----------
    path : path-like
        The file.
    settings : Settings, default=None
        Given values of what the file lacks; keeps those that are assumed.

    Returns
    -------
    module : torch.nn.Module
        Images (n, C, H, W) in [-1, 1] to absolute codes (n, n_ws, w_dim): the mean code is
        added. Frozen, in float32.
    card : dict of str to str
        Model card; for foreign formats the entry "format" says which one it was.

    Raises
    ------
    CheckpointError
        If the file is damaged, unknown, or holds no encoder.
    UnsafeCheckpointError
        If it asks for a function or class that weights do not need.
    """
    module, _, card = load_found_encoder(recognize(path), str(path), settings)
    return module, card


def load_found_encoder(found, source, settings=None):
    """Return the module of the encoder in a `Recognized` file, its tensors, and its card."""
    settings = settings or Settings(ENCODER_SETTINGS)
    config, state, card = _encoder_tensors(found, source)
    if config is not None:
        for name in ("encoder_type", "input_size"):
            if isinstance(config, PSPConfig):
                settings.stated(name, getattr(config, name), source)
        settings.finish(source)
        return build_network(config, state, source), state, card
    module = _build_foreign_encoder(found, state, settings, source)
    card |= {"encoder_type": module.encoder_type}
    return module, state, card | settings.finish(source)


def _encoder_tensors(found, source):
    """Return (config, state, card); the pSp family's files have no config."""
    if found.contents is not None:
        config, state, card = read_own_file(found.contents)
        if isinstance(config, GENERATOR_CONFIGS):
            raise CheckpointError(
                f"{source} holds a generator, expected an encoder: read it with load_generator."
            )
        return config, state, card
    network = found.generator
    if isinstance(network, TensorFlowNetwork) and not network.is_generator:
        raise other_network(network, source)
    if found.encoder is None:
        raise CheckpointError(
            f"{source} holds a generator ({found.kind}) without an encoder ('encoder.*'): read it "
            "with load_generator."
        )
    return None, load_tensors(found.encoder.tensors, source), {"format": found.kind}


def _build_foreign_encoder(found, state, settings, source):
    def latent_avg():
        stored = found.encoder.latent_avg
        if stored is not None:
            return load_tensors({LATENT_AVG: stored}, source)[LATENT_AVG]
        if found.generator is not None:
            generator_settings = Settings(GENERATOR_SETTINGS)
            tensors = _load_foreign_generator(found, generator_settings, source)[1]
            settings.added.append("mean code, taken from the generator in the file")
            return tensors["mapping.w_avg"]
        return None

    n_ws = size = None
    options = found.encoder.options
    if found.generator is not None:
        n_ws, size = _n_ws_of(found.generator), _encoder_size(found.generator, source)
        if found.generator.keys == ALIAS_FREE_KEYS:
            # The size of the images says nothing about the number of layers of such a decoder.
            options = {name: value for name, value in options.items() if name not in SIZE_OPTIONS}
    return build_psp_encoder(state, options, latent_avg, n_ws, source, settings, size=size)


def _encoder_size(generator, source):
    """Return the size of an encoder's input that its decoder implies; None for square images."""
    const = generator.tensors.get("input.input")
    if const is None or len(const.shape) != 4 or const.shape[2] == const.shape[3]:
        return None
    shape = const.shape[2:]
    if shape[0] == 2 * shape[1]:
        return BODY_INPUT_SIZE
    raise CheckpointError(
        f"{source}: its decoder starts at {shape[0]} x {shape[1]} pixels. Encoders are known for "
        "square images and for those of twice their width (StyleGAN-Human); read the generator "
        "with load_generator, and train an encoder for it."
    )


def _n_ws_of(generator):
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
