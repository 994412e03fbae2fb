"""Small StyleGAN3 generators with weights drawn from a seed, and files in NVIDIA's layout."""

import pickle
from collections import OrderedDict

import numpy as np
import torch

from skstylefeat.networks import Generator
from skstylefeat.networks.stylegan3 import StyleGAN3Config, StyleGAN3Generator
from tests.support.checkpoint_writers import EasyDict, PersistentStub, foreign_names

RADIAL = {"conv_kernel": 1, "use_radial_filters": True}  # config-R


def alias_free_config(resolution=16, **overrides):
    """Return the architecture of a network with few channels; its number of layers is odd."""
    values = {"channels": [5] * 4 + [4] * 9 + [3], "z_dim": 6, "w_dim": 7}
    return StyleGAN3Config(resolution, **(values | overrides))


def draw_state(config, seed=0):
    """Return weights by name, drawn from a seed; the filters are those of the design."""
    rng = np.random.default_rng(seed)
    state = StyleGAN3Generator(config).state_dict()
    for name in sorted(state):
        shape, last = tuple(state[name].shape), name.rpartition(".")[2]
        if last.endswith("_filter"):
            continue
        if last == "magnitude_ema":
            value = rng.uniform(0.5, 1.5, shape)
        elif last == "freqs":
            angle, radius = rng.uniform(0, 2 * np.pi, shape[0]), rng.uniform(0, 2, shape[0])
            value = np.stack([np.cos(angle), np.sin(angle)], axis=1) * radius[:, None]
        elif last == "transform":
            value = np.eye(3)
            value[:2] += rng.normal(0, 0.1, (2, 3))
        elif last == "phases":
            value = rng.uniform(-0.5, 0.5, shape)
        else:
            # Weights of the mapping network are stored 100 times as large.
            scale = 100 if name.startswith("mapping.fc") else 1
            value = rng.standard_normal(shape) * (0.2 if last == "bias" else 1.0) * scale
            if name.endswith("affine.bias"):
                value += np.eye(1, *shape)[0] if name.startswith("synthesis.input") else 1.0
        state[name] = torch.from_numpy(np.asarray(value, dtype=np.float32))
    return state


def alias_free_module(resolution=16, *, seed=0, **overrides):
    """Return a frozen `StyleGAN3Generator` with weights of `draw_state`."""
    config = alias_free_config(resolution, **overrides)
    module = StyleGAN3Generator(config)
    module.load_state_dict(draw_state(config, seed))
    return module.requires_grad_(False).eval()


def alias_free_generator(resolution=16, **overrides):
    """Return the facade of `alias_free_module`, without a file behind it."""
    return Generator(alias_free_module(resolution, **overrides), name="alias-free")


def stub_network(module):
    """Return the pickled form of a `StyleGAN3Generator`, as a tree of stubs."""
    config = module.config
    cutoffs, _, rates = config.frequencies
    defaults = StyleGAN3Config(config.resolution, config.channels)
    options = {
        name: getattr(config, name)
        for name in ("first_stopband", "last_stopband_rel")
        if getattr(config, name) != getattr(defaults, name)
    }
    nodes = {
        "": PersistentStub("Generator", z_dim=config.z_dim, img_resolution=config.resolution),
        "mapping": PersistentStub("MappingNetwork", num_ws=config.n_ws),
        "synthesis": PersistentStub(
            "SynthesisNetwork",
            num_layers=len(config.channels),
            num_critical=config.n_critical,
            margin_size=config.margin_size,
            output_scale=config.output_scale,
            layer_names=list(config.layer_names),
            _init_kwargs=EasyDict(options),
        ),
        "synthesis.input": PersistentStub(
            "SynthesisInput",
            bandwidth=np.float64(cutoffs[0]),
            sampling_rate=np.float64(rates[0]),
            size=np.array([config.input_size] * 2),
        ),
    }
    *names, last = config.layer_names
    for i, (name, layer) in enumerate(zip(names, config.layer_geometry, strict=True)):
        nodes[f"synthesis.{name}"] = PersistentStub(
            "SynthesisLayer",
            is_torgb=False,
            in_cutoff=np.float64(cutoffs[max(i - 1, 0)]),
            up_factor=layer.up.factor,
            down_factor=layer.down.factor,
            padding=[*layer.padding, *layer.padding],
            conv_kernel=config.conv_kernel,
            conv_clamp=config.conv_clamp,
        )
    nodes[f"synthesis.{last}"] = PersistentStub(
        "SynthesisLayer", is_torgb=True, conv_clamp=config.conv_clamp
    )
    for key, value in module.state_dict().items():
        path, _, name = key.rpartition(".")
        if path not in nodes:
            is_mapping = path.startswith("mapping.fc")
            nodes[path] = PersistentStub(
                "FullyConnectedLayer",
                activation="lrelu" if is_mapping else "linear",
                bias_gain=0.01 if is_mapping else 1,
            )
        is_weight = name in ("weight", "bias")
        group = nodes[path].attributes["_parameters" if is_weight else "_buffers"]
        group[name] = torch.nn.Parameter(value.clone()) if is_weight else value.clone()
    for path, node in nodes.items():
        if path:
            parent, _, name = path.rpartition(".")
            nodes[parent].attributes["_modules"][name] = node
    return nodes[""]


def write_alias_free(path, module, *, edit=None):
    """Write a pickle as stylegan3's training does; `edit` may change the stubs by dotted name."""
    with foreign_names():
        root = stub_network(module)
        if edit is not None:
            edit({name: node.attributes for name, node in _nodes("", root)})
        data = {"training_set_kwargs": EasyDict(), "G": None, "D": None, "G_ema": root}
        path.write_bytes(pickle.dumps(data))


def write_alias_free_module(path, module):
    """Write a whole network with torch.save."""
    with foreign_names():
        torch.save(stub_network(module), path)


def write_alias_free_state(path, module, *, prefix="", changes=None):
    """Write a state dict in NVIDIA's names; `changes` replaces tensors, None removes them."""
    state = OrderedDict(module.state_dict())
    for name, value in (changes or {}).items():
        state[name] = value
    torch.save({prefix + name: x for name, x in state.items() if x is not None}, path)


def _nodes(path, node):
    yield path, node
    for name, child in node.attributes["_modules"].items():
        yield from _nodes(f"{path}.{name}".lstrip("."), child)
