"""Recognize what a weights file is, by its content, and read it.

=================================  ==============================================================
Layout                             What is read
=================================  ==============================================================
NVIDIA, pickle or PTI's torch zip  ``G_ema`` (or the whole module) of StyleGAN2 networks
NVIDIA's names in a torch file     the state dict, bare or under ``G_ema`` or ``g_ema``
rosinality ``.pt``                 ``g_ema`` with ``latent_avg``
pSp family ``.pt``                 ``decoder.*`` as generator, ``encoder.*`` as encoder
ours                               safetensors with the architecture as metadata
=================================  ==============================================================

Nothing of a file is executed; see `skstylefeat.networks.checkpoints._unpickler`.
"""

from dataclasses import dataclass, field

import torch
from safetensors import SafetensorError, safe_open

from skstylefeat.networks.checkpoints._architecture_check import (
    MISFITS,
    check_config,
    check_fit,
    estimate_w_avg,
)
from skstylefeat.networks.checkpoints._nvidia import read_network, read_state_dict
from skstylefeat.networks.checkpoints._records import PersistentObject, StoredTensor, load_tensors
from skstylefeat.networks.checkpoints._rosinality import is_rosinality, read_state
from skstylefeat.networks.checkpoints._safetensors import (
    build_network,
    config_from_state,
    read_network_file,
)
from skstylefeat.networks.checkpoints._torch_files import open_file
from skstylefeat.networks.checkpoints._unpickler import CheckpointError
from skstylefeat.networks.encoders._psp import PSPConfig, build_psp_encoder
from skstylefeat.networks.stylegan2._network import GeneratorConfig

MAX_SAFETENSORS_HEADER = 1 << 24

NVIDIA = "NVIDIA StyleGAN2 (stylegan2-ada-pytorch, stylegan3, PTI)"
NVIDIA_STATE = "StyleGAN2 state dict in NVIDIA's names"
ROSINALITY = "rosinality stylegan2-pytorch"
PSP = "pSp family (pSp, e4e, ReStyle)"
OURS = "skstylefeat"


@dataclass(frozen=True)
class Recognized:
    """What a file is.

    Parameters
    ----------
    layout : str
        The container: "pickle", "torch", "torch (before 1.6)" or "safetensors".
    kind : str
        Whose format it is.
    generator : object
        What holds the generator: a `PersistentObject`, or a state dict; None if there is none.
    encoder : dict or None
        State dict of an encoder.
    latent_avg : StoredTensor or None
        Mean of W.
    options : dict
        The options that a pSp-family file was trained with.
    """

    layout: str
    kind: str
    generator: object = None
    encoder: dict | None = None
    latent_avg: StoredTensor | None = None
    options: dict = field(default_factory=dict)


def recognize(path, refused=None):
    """Open a file and tell what it is.

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
    layout, tree = open_file(path, refused)
    if layout == "safetensors":
        kind = _read_header(path).get("format", "")
        part = "encoder" if kind.endswith("encoder") else "generator"
        return Recognized(layout, OURS, **{part: {}})
    if isinstance(tree, PersistentObject):
        return Recognized(layout, NVIDIA, generator=tree)
    if not isinstance(tree, dict):
        raise _unknown(path, f"an object of type {type(tree).__name__}")
    network = next((tree[key] for key in ("G_ema", "g_ema") if key in tree), None)
    if isinstance(network, PersistentObject):
        return Recognized(layout, NVIDIA, generator=network)
    state = tree.get("state_dict")
    if isinstance(state, dict) and any(_is_key(key, ("encoder.", "decoder.")) for key in state):
        return _recognize_psp(layout, tree, _tensors(state))
    tensors = _tensors(network if isinstance(network, dict) else tree)
    if is_rosinality(tensors):
        average = tree.get("latent_avg")
        average = average if isinstance(average, StoredTensor) else None
        tensors.pop("latent_avg", None)
        return Recognized(layout, ROSINALITY, generator=tensors, latent_avg=average)
    if "synthesis.b4.conv1.weight" in tensors:
        return Recognized(layout, NVIDIA_STATE, generator=tensors)
    entries = ", ".join(repr(str(key)[:40]) for key in list(tree)[:6])
    raise _unknown(path, f"a dictionary with the entries {entries or '(none)'}")


def _recognize_psp(layout, tree, tensors):
    parts = {
        part: {
            key.removeprefix(f"{part}."): value
            for key, value in tensors.items()
            if key.startswith(f"{part}.")
        }
        for part in ("encoder", "decoder")
    }
    average = tree.get("latent_avg")
    options = tree.get("opts")
    return Recognized(
        layout,
        PSP,
        generator=parts["decoder"] or None,
        encoder=parts["encoder"] or None,
        latent_avg=average if isinstance(average, StoredTensor) else None,
        options=options if isinstance(options, dict) else {},
    )


def _is_key(key, prefixes):
    return isinstance(key, str) and key.startswith(prefixes)


def _tensors(mapping):
    """Return the tensors of a state dict, without the prefix that DataParallel adds."""
    tensors = {
        key: value
        for key, value in mapping.items()
        if isinstance(key, str) and isinstance(value, StoredTensor)
    }
    if tensors and all(key.startswith("module.") for key in tensors):
        tensors = {key.removeprefix("module."): value for key, value in tensors.items()}
    return tensors


def _unknown(path, what):
    return CheckpointError(
        f"{path} holds {what}, which is none of the known formats: NVIDIA's StyleGAN2 pickles "
        "('G_ema'), rosinality's ('g_ema'), the pSp family's ('state_dict', 'opts'), or our "
        "safetensors. `python -m skstylefeat inspect FILE` shows what a file is."
    )


def read_generator(path):
    """Read the generator of a file of any known format.

    Parameters
    ----------
    path : path-like
        The file.

    Returns
    -------
    config : GeneratorConfig
        The architecture.
    state : dict of str to Tensor
        float32 parameters by the names of `StyleGAN2Generator`; they may be views of the mapped
        file.
    card : dict of str to str
        Model card; for foreign formats the entry "format" says which one it was.

    Raises
    ------
    CheckpointError
        If the file is damaged or unknown, or its generator has no counterpart here.
    UnsafeCheckpointError
        If it asks for a function or class that weights do not need.
    """
    found = recognize(path)
    if found.layout == "safetensors":
        config, state, card = _read_safetensors(path)
        if not isinstance(config, GeneratorConfig):
            raise CheckpointError(
                f"{path} holds an encoder, expected a generator: read it with load_encoder."
            )
        check_fit(config, state, path)
        return config, state, card
    if found.generator is None:
        raise CheckpointError(
            f"{path} holds an encoder without its generator ('decoder.*'): read it with "
            "load_encoder."
        )
    config, state = read_found_generator(found, str(path))
    return config, state, {"format": found.kind}


def read_found_generator(found, source):
    """Return the (GeneratorConfig, state) of a `Recognized` file; see `read_generator`."""
    if isinstance(found.generator, PersistentObject):
        state, known = read_network(found.generator, source)
    elif found.kind == NVIDIA_STATE:
        state, known = read_state_dict(found.generator, source)
    else:
        state, known = read_state(found.generator, found.latent_avg, source)
    try:
        has_average = "mapping.w_avg" in state
        if not has_average:
            # The last layer of the mapping network has W's width; the mean follows below.
            last = max(key for key in state if key.startswith("mapping.fc"))
            state["mapping.w_avg"] = torch.zeros(state[last].shape[0])
        config = config_from_state(state, source, **known)
        check_fit(config, state, source)
    except CheckpointError:
        raise
    except MISFITS as error:
        raise CheckpointError(f"{source} is damaged or incomplete: {error}") from error
    if not has_average:
        state["mapping.w_avg"] = estimate_w_avg(config, state)
    return config, state


def read_encoder(path):
    """Read the encoder of a file of any known format.

    Parameters
    ----------
    path : path-like
        The file.

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
    found = recognize(path)
    config, state, card = read_encoder_parts(found, path)
    if config is not None:
        return build_network(config, state, str(path)), card
    module = _build_foreign(found, state, str(path))
    return module, card | {"encoder_type": module.encoder_type}


def read_encoder_parts(found, path):
    """Return the (config, state, card) of the encoder in a `Recognized` file.

    `config` is None for the pSp family's own files, whose tensors keep their names there.
    """
    source = str(path)
    if found.layout == "safetensors":
        config, state, card = _read_safetensors(path)
        if isinstance(config, GeneratorConfig):
            raise CheckpointError(
                f"{source} holds a generator, expected an encoder: read it with load_generator."
            )
        return config, state, card
    if found.encoder is None:
        raise CheckpointError(
            f"{source} holds a generator ({found.kind}) without an encoder ('encoder.*'): read it "
            "with load_generator."
        )
    return None, load_tensors(found.encoder, source), {"format": found.kind}


def _build_foreign(found, state, source):
    def latent_avg():
        if found.latent_avg is not None:
            return load_tensors({"latent_avg": found.latent_avg}, source)["latent_avg"]
        if found.generator is not None:
            return read_found_generator(found, source)[1]["mapping.w_avg"]
        return None

    n_ws = None
    if found.generator is not None:
        n_ws = 2 + sum(
            _is_key(key, "convs.") and key.endswith(".conv.weight") for key in found.generator
        )
    return build_psp_encoder(state, found.options, latent_avg, n_ws, source)


def _read_header(path):
    """Return the metadata of a safetensors file."""
    with open(path, "rb") as file:
        length = int.from_bytes(file.read(8), "little")
    if length > MAX_SAFETENSORS_HEADER:
        raise CheckpointError(f"{path} is damaged: its header takes {length} bytes.")
    try:
        with safe_open(path, framework="pt") as file:
            return file.metadata() or {}
    except SafetensorError as error:
        raise CheckpointError(f"{path} is damaged or no file of ours: {error}") from error


def _read_safetensors(path):
    """Read our own file, turning whatever is wrong with it into one kind of error."""
    try:
        config, state, card = read_network_file(path)
        state = {key: value.to(torch.float32) for key, value in state.items()}
        if not isinstance(config, PSPConfig):
            check_config(config)
    except MISFITS as error:
        raise CheckpointError(f"{path} is damaged or no file of ours: {error}") from error
    if not all(torch.isfinite(value).all() for value in state.values()):
        raise CheckpointError(f"{path} is damaged: it has values that are not finite.")
    return config, state, card
