"""Reading of the networks of a weights file, in our own format or another project's."""

from skstylefeat._utils._channels import ALPHA_NOTE, n_seen_channels
from skstylefeat.exceptions import CheckpointError
from skstylefeat.networks.checkpoints._architecture_check import check_fit
from skstylefeat.networks.checkpoints._assumptions import (
    ENCODER_SETTINGS,
    GENERATOR_SETTINGS,
    Settings,
)
from skstylefeat.networks.checkpoints._foreign_generators import load_foreign_generator, n_ws_of
from skstylefeat.networks.checkpoints._recognition import recognize
from skstylefeat.networks.checkpoints._safetensors import (
    GENERATOR_CONFIGS,
    build_network,
    read_own_file,
)
from skstylefeat.networks.checkpoints._state_dicts import ALIAS_FREE_KEYS, LATENT_AVG
from skstylefeat.networks.checkpoints._tensorflow import TensorFlowNetwork, other_network
from skstylefeat.networks.checkpoints._tensors import load_tensors
from skstylefeat.networks.encoders._psp import (
    BODY_INPUT_SIZE,
    SIZE_OPTIONS,
    PSPConfig,
    build_psp_encoder,
)


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
    config, state = load_foreign_generator(found, settings, source)
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


def read_encoder(path, settings=None):
    """Read the encoder of a file of any known format; parameters and errors as of `read_generator`.

    Returns
    -------
    module : torch.nn.Module
        Images (n, C, H, W) in [-1, 1] to absolute codes (n, n_ws, w_dim): the mean code is
        added. Frozen, in float32.
    card : dict of str to str
        Model card.
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
            tensors = load_foreign_generator(found, generator_settings, source)[1]
            settings.added.append("mean code, taken from the generator in the file")
            return tensors["mapping.w_avg"]
        return None

    n_ws = size = None
    options = found.encoder.options
    if found.generator is not None:
        n_ws, size = n_ws_of(found.generator), _encoder_size(found.generator, source)
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
