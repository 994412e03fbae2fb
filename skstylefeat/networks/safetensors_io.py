"""Our own weights file: safetensors with the architecture and a model card as metadata."""

import json
from dataclasses import fields

import torch
from safetensors import safe_open
from safetensors.torch import save_file

from skstylefeat.networks.stylegan2 import GeneratorConfig, StyleGAN2Generator

GENERATOR_FORMAT = "skstylefeat.generator"


def save_generator(module, path, card=None):
    """Write a generator as safetensors.

    Parameters
    ----------
    module : StyleGAN2Generator
        The network.
    path : path-like
        File to write.
    card : dict of str to str, default=None
        Model card: what the network was trained on, its quality, limits and licence.
    """
    metadata = {"format": GENERATOR_FORMAT, "config": json.dumps(module.config.to_dict())}
    metadata |= {f"card.{key}": str(value) for key, value in (card or {}).items()}
    tensors = {key: value.float().contiguous() for key, value in module.state_dict().items()}
    save_file(tensors, path, metadata=metadata)


def read_generator_file(path):
    """Read a generator that `save_generator` wrote, or a safetensors file in NVIDIA's names.

    Parameters
    ----------
    path : path-like
        The file.

    Returns
    -------
    config : GeneratorConfig
        The architecture.
    state : dict of str to Tensor
        The parameters, by NVIDIA's names.
    card : dict of str to str
        The model card.
    """
    with safe_open(path, framework="pt") as file:
        metadata = file.metadata() or {}
        state = {key: file.get_tensor(key) for key in file.keys()}  # noqa: SIM118
    if metadata.get("format") == GENERATOR_FORMAT:
        known = {field.name for field in fields(GeneratorConfig)}
        values = json.loads(metadata["config"])
        unknown = sorted(set(values) - known)
        if unknown:
            raise ValueError(
                f"{path}: the architecture has unknown entries {unknown}; it was written by a "
                "newer version of skstylefeat. Upgrade the package."
            )
        config = GeneratorConfig(**values)
        card = {k.removeprefix("card."): v for k, v in metadata.items() if k.startswith("card.")}
    else:
        config = config_from_state(state, path)
        card = dict(metadata)
    return config, state, card


def config_from_state(state, path, **known):
    """Read the architecture off the shapes of tensors with NVIDIA's names.

    What shapes do not tell (conv_clamp, the resampling filter) is StyleGAN2's default, or what
    the caller knows.
    """
    try:
        w_dim = state["mapping.w_avg"].shape[-1]
        resolutions = sorted(
            int(key.split(".")[1][1:])
            for key in state
            if key.startswith("synthesis.b") and key.endswith(".conv1.weight")
        )
        channels = [state[f"synthesis.b{r}.conv1.weight"].shape[0] for r in resolutions]
        n_mapping = sum(
            key.startswith("mapping.fc") and key.endswith(".weight") for key in state
        )
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


def build_generator(config, state, source):
    """Return a frozen float32 generator with `state` loaded, or say what does not fit."""
    module = StyleGAN2Generator(config)
    expected = module.state_dict()
    missing = sorted(set(expected) - set(state))
    extra = sorted(set(state) - set(expected))
    wrong = sorted(
        f"{key} has shape {tuple(state[key].shape)}, expected {tuple(expected[key].shape)}"
        for key in set(expected) & set(state)
        if state[key].shape != expected[key].shape
    )
    if missing or extra or wrong:
        raise ValueError(
            f"{source} does not fit the architecture {config}: "
            f"missing {missing[:5]}, unexpected {extra[:5]}, wrong shapes {wrong[:5]}. "
            "The file is damaged, or it holds another kind of network."
        )
    module.load_state_dict({key: value.to(torch.float32) for key, value in state.items()})
    return module.requires_grad_(False).eval()
