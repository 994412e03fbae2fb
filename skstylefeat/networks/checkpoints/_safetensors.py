"""Our own weights files: safetensors with the architecture and a model card as metadata."""

import json
from collections.abc import Mapping
from dataclasses import fields
from pathlib import Path
from typing import Any

from safetensors.torch import save
from torch import nn

from skstylefeat._inert._budget import CONTENT_ERRORS
from skstylefeat._utils._files import replace_file
from skstylefeat._utils._typing import StrPath
from skstylefeat.exceptions import CheckpointError
from skstylefeat.networks.checkpoints._alias_free import alias_free_shape
from skstylefeat.networks.checkpoints._architecture_check import check_config, check_fit
from skstylefeat.networks.checkpoints._state_dicts import ALIAS_FREE_KEYS
from skstylefeat.networks.checkpoints._tensors import load_tensors
from skstylefeat.networks.encoders._native import EncoderConfig, EncoderNetwork
from skstylefeat.networks.encoders._psp import PSPConfig
from skstylefeat.networks.stylegan1._adain_network import StyleGAN1Generator
from skstylefeat.networks.stylegan1._stylegan1_config import StyleGAN1Config
from skstylefeat.networks.stylegan2._generator_config import GeneratorConfig
from skstylefeat.networks.stylegan2._network import StyleGAN2Generator
from skstylefeat.networks.stylegan3._alias_free_config import StyleGAN3Config
from skstylefeat.networks.stylegan3._alias_free_network import StyleGAN3Generator

KINDS = {
    "skstylefeat.generator": (GeneratorConfig, StyleGAN2Generator),
    "skstylefeat.stylegan1_generator": (StyleGAN1Config, StyleGAN1Generator),
    "skstylefeat.stylegan3_generator": (StyleGAN3Config, StyleGAN3Generator),
    "skstylefeat.encoder": (EncoderConfig, EncoderNetwork),
    # Kept as the tensors of the original file, since the network is built from those.
    "skstylefeat.psp_encoder": (PSPConfig, None),
}
GENERATOR_CONFIGS = tuple(cls for kind, (cls, _) in KINDS.items() if kind.endswith("generator"))
KIND_PREFIX = "skstylefeat."
CARD_PREFIX = "card."


def save_network(
    module: nn.Module,
    path: StrPath,
    card: Mapping[str, Any] | None = None,
) -> None:
    """Write a generator or a native encoder as safetensors.

    Parameters
    ----------
    module : torch.nn.Module
        The network.
    path : path-like
        File to write.
    card : dict of str to str, default=None
        Model card: training data, quality, limits and license of the network.
    """
    save_tensors(module.config, module.state_dict(), path, card)


def save_tensors(config, state, path, card=None):
    """Write the tensors of an architecture as safetensors; see `save_network`.

    Parameters
    ----------
    config : dataclass
        The architecture.
    state : dict of str to Tensor
        Its tensors.
    path : path-like
        File to write.
    card : dict of str to str, default=None
        Model card.
    """
    kind = next(kind for kind, (cls, _) in KINDS.items() if type(config) is cls)
    metadata = {"format": kind, "config": json.dumps(config.to_dict())}
    metadata |= {CARD_PREFIX + key: str(value) for key, value in (card or {}).items()}
    tensors = {key: value.contiguous() for key, value in state.items()}
    data = save(tensors, metadata=metadata)
    replace_file(Path(path), lambda file: file.write(data))


def is_own_format(contents):
    """Return whether the `Contents` of a file are those of `save_network`."""
    return contents.metadata.get("format", "").startswith(KIND_PREFIX)


def read_own_file(contents):
    """Read the `Contents` of a file that `save_network` wrote.

    Parameters
    ----------
    contents : Contents
        The file.

    Returns
    -------
    config : dataclass
        The architecture.
    state : dict of str to Tensor
        The parameters.
    card : dict of str to str
        The model card.

    Raises
    ------
    CheckpointError
        If the metadata or the tensors are not those of a network.
    """
    source, metadata = contents.budget.source, contents.metadata
    if metadata.get("format") not in KINDS:
        raise CheckpointError(
            f"{source} has the format {metadata.get('format', '')[:80]!r}, expected one of "
            f"{sorted(KINDS)}. If a newer version of skstylefeat wrote it, upgrade the package."
        )
    config_class, _ = KINDS[metadata["format"]]
    try:
        values = json.loads(metadata["config"])
        unknown = sorted(set(values) - {field.name for field in fields(config_class)})
        if unknown:
            raise ValueError(
                f"the architecture has unknown entries {unknown}; a newer version of skstylefeat "
                "wrote it: upgrade the package"
            )
        config = config_class(**values)
        if config_class is not PSPConfig:
            check_config(config)
    except CONTENT_ERRORS as error:
        raise CheckpointError(f"{source} is damaged or no file of ours: {error}") from error
    card = {
        k.removeprefix(CARD_PREFIX): v for k, v in metadata.items() if k.startswith(CARD_PREFIX)
    }
    return config, load_tensors(contents.tree, source), card


def config_from_state(state, path, **known):
    """Return the architecture that the shapes of tensors with NVIDIA's names imply.

    Shapes do not show conv_clamp and the resampling filter: these are `known` to the caller, or
    the family's defaults.
    """
    is_alias_free = ALIAS_FREE_KEYS[0] in state
    try:
        mapping = _mapping_shape(state)
        if is_alias_free:
            return alias_free_shape(state, mapping, known)
        resolutions = sorted(
            {int(key.split(".")[1][1:]) for key in state if key.startswith("synthesis.b")}
        )
        channels = [state[f"synthesis.b{r}.conv1.weight"].shape[0] for r in resolutions]

        # Only residual blocks have skip layers; "orig" has one toRGB layer, at the end.
        if any(key.endswith(".skip.weight") for key in state):
            architecture = "resnet"
        elif "synthesis.b4.torgb.weight" in state:
            architecture = "skip"
        else:
            architecture = "orig"
        img_channels = state[f"synthesis.b{resolutions[-1]}.torgb.weight"].shape[0]
        const = state["synthesis.b4.const"]
    except (KeyError, IndexError, ValueError) as error:
        family, key = ("StyleGAN3", "L0_36_512") if is_alias_free else ("StyleGAN2", "b4.conv1")
        raise ValueError(
            f"{path} holds no {family} generator: expected tensors such as "
            f"'mapping.w_avg' and 'synthesis.{key}.weight', found {sorted(state)[:5]} "
            f"and {max(len(state) - 5, 0)} more (missing: {error})."
        ) from error
    values = {
        "resolution": resolutions[-1],
        "channels": channels,
        "img_channels": img_channels,
        "architecture": architecture,
        "const_size": tuple(const.shape[1:]),
    }
    return GeneratorConfig(**(mapping | values | known))


def _mapping_shape(state):
    """Return the entries of the architecture that the mapping network shows."""
    w_dim = state["mapping.w_avg"].shape[-1]
    c_dim = state["mapping.embed.weight"].shape[1] if "mapping.embed.weight" in state else 0
    z_dim = state["mapping.fc0.weight"].shape[1] - (w_dim if c_dim else 0)
    if z_dim < 1:
        raise ValueError("the first layer of the mapping network is as wide as the class alone")
    n_mapping = sum(key.startswith("mapping.fc") and key.endswith(".weight") for key in state)
    return {"z_dim": z_dim, "w_dim": w_dim, "n_mapping": n_mapping, "c_dim": c_dim}


def build_network(config, state, source):
    """Return the frozen float32 network of `config` with `state` loaded.

    Raises
    ------
    CheckpointError
        If the tensors are not those of the architecture.
    """
    if isinstance(config, PSPConfig):
        return config.build(state, source)
    check_fit(config, state, source)
    network = next(network for cls, network in KINDS.values() if type(config) is cls)
    module = network(config)
    module.load_state_dict(state)
    return module.requires_grad_(False).eval()
