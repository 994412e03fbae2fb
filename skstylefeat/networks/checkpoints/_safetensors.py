"""Our own weights files: safetensors with the architecture and a model card as metadata."""

import json
import os
from dataclasses import fields

from safetensors import safe_open
from safetensors.torch import save_file

from skstylefeat.networks.checkpoints._architecture_check import check_fit
from skstylefeat.networks.encoders._native import EncoderConfig, EncoderNetwork
from skstylefeat.networks.encoders._psp import PSPConfig
from skstylefeat.networks.stylegan2._network import GeneratorConfig, StyleGAN2Generator

KINDS = {
    "skstylefeat.generator": (GeneratorConfig, StyleGAN2Generator),
    "skstylefeat.encoder": (EncoderConfig, EncoderNetwork),
    # Kept as the tensors of the original file, since the network is built from those.
    "skstylefeat.psp_encoder": (PSPConfig, None),
}
CARD_PREFIX = "card."


def save_network(module, path, card=None):
    """Write a generator or a native encoder as safetensors.

    Parameters
    ----------
    module : StyleGAN2Generator or EncoderNetwork
        The network.
    path : path-like
        File to write.
    card : dict of str to str, default=None
        Model card: what the network was trained on, its quality, limits and license.
    """
    save_tensors(module.config, module.state_dict(), path, card)


def save_tensors(config, state, path, card=None):
    """Write the tensors of an architecture as safetensors; see `save_network`.

    Parameters
    ----------
    config : GeneratorConfig, EncoderConfig or PSPConfig
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
    save_file(tensors, path, metadata=metadata)
    os.chmod(path, 0o644)  # safetensors leaves the file to its owner alone


def read_network_file(path):
    """Read a file that `save_network` wrote, or a safetensors generator in NVIDIA's names.

    Parameters
    ----------
    path : path-like
        The file.

    Returns
    -------
    config : GeneratorConfig, EncoderConfig or PSPConfig
        The architecture.
    state : dict of str to Tensor
        The parameters.
    card : dict of str to str
        The model card.
    """
    with safe_open(path, framework="pt") as file:
        metadata = file.metadata() or {}
        state = {key: file.get_tensor(key) for key in file.keys()}  # noqa: SIM118
    kind = metadata.get("format", "")
    if kind not in KINDS:
        return config_from_state(state, path), state, dict(metadata)
    config_class, _ = KINDS[kind]
    values = json.loads(metadata["config"])
    unknown = sorted(set(values) - {field.name for field in fields(config_class)})
    if unknown:
        raise ValueError(
            f"{path}: the architecture has unknown entries {unknown}; it was written by a newer "
            "version of skstylefeat. Upgrade the package."
        )
    card = {
        k.removeprefix(CARD_PREFIX): v for k, v in metadata.items() if k.startswith(CARD_PREFIX)
    }
    return config_class(**values), state, card


def config_from_state(state, path, **known):
    """Read the architecture off the shapes of tensors with NVIDIA's names.

    What shapes do not tell (conv_clamp, the resampling filter) is StyleGAN2's default, or what
    the caller knows.
    """
    try:
        w_dim = state["mapping.w_avg"].shape[-1]
        resolutions = sorted(
            {int(key.split(".")[1][1:]) for key in state if key.startswith("synthesis.b")}
        )
        channels = [state[f"synthesis.b{r}.conv1.weight"].shape[0] for r in resolutions]
        n_mapping = sum(key.startswith("mapping.fc") and key.endswith(".weight") for key in state)
        c_dim = state["mapping.embed.weight"].shape[1] if "mapping.embed.weight" in state else 0
        z_dim = state["mapping.fc0.weight"].shape[1] - (w_dim if c_dim else 0)
        if any(key.endswith(".skip.weight") for key in state):
            architecture = "resnet"
        elif "synthesis.b4.torgb.weight" in state:
            architecture = "skip"
        else:
            architecture = "orig"
        img_channels = state[f"synthesis.b{resolutions[-1]}.torgb.weight"].shape[0]
    except (KeyError, IndexError, ValueError) as error:
        raise ValueError(
            f"{path} holds no StyleGAN2 generator: expected tensors such as "
            f"'mapping.w_avg' and 'synthesis.b4.conv1.weight', found {sorted(state)[:5]} "
            f"and {max(len(state) - 5, 0)} more (missing: {error})."
        ) from error
    values = {
        "resolution": resolutions[-1],
        "channels": channels,
        "z_dim": z_dim,
        "w_dim": w_dim,
        "n_mapping": n_mapping,
        "c_dim": c_dim,
        "img_channels": img_channels,
        "architecture": architecture,
    }
    return GeneratorConfig(**(values | known))


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
