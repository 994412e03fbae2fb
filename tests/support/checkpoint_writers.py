"""Write files in the layouts of other people's networks, without any of their code.

A pickle names functions and classes by module and name. Stand-ins are registered under those
names while a file is written, so that it carries the right names and nothing else.
"""

import argparse
import io
import pickle
import sys
import types
from collections import OrderedDict
from contextlib import contextmanager

import numpy as np
import torch

# A loader that ran the source text of a pickled network would raise this.
MODULE_SOURCE = "raise SystemExit('the source text of a checkpoint was executed')"
FILTER_TAPS = (1.0, 3.0, 3.0, 1.0)


class PersistentStub:
    """Pickles like an object of a class that NVIDIA's repositories made persistent."""

    def __init__(self, class_name, **attributes):
        self.class_name = class_name
        self.attributes = {
            "training": False,
            "_parameters": OrderedDict(),
            "_buffers": OrderedDict(),
            "_non_persistent_buffers_set": set(),
            "_backward_hooks": OrderedDict(),
            "_modules": OrderedDict(),
            "_init_args": (),
            "_init_kwargs": EasyDict(),
            **attributes,
        }

    def __reduce__(self):
        meta = {
            "type": "class",
            "version": 6,
            "module_src": MODULE_SOURCE,
            "class_name": self.class_name,
            "state": self.attributes,
        }
        return _reconstruct_persistent_obj, (meta,)


def _reconstruct_persistent_obj(meta):
    raise NotImplementedError("only its name is written")


class EasyDict(dict):
    """Stands for the dictionary class of NVIDIA's repositories."""


class TensorFlowNetwork:
    """Stands for the networks in TensorFlow pickles, whose attributes are the pickled state."""

    def __init__(self, **state):
        self.__dict__.update(state)


FAKES = {
    "torch_utils.persistence": {"_reconstruct_persistent_obj": _reconstruct_persistent_obj},
    "dnnlib.util": {"EasyDict": EasyDict},
    "dnnlib.tflib.network": {"Network": TensorFlowNetwork},
}


@contextmanager
def foreign_names(carrier=""):
    """Let the stand-ins pickle under the names of the foreign classes.

    With `carrier`, they are those of a package that carries the code: "slideflow.gan.".
    """
    names_before = {}
    try:
        for module_name, members in FAKES.items():
            module_name = carrier + module_name
            parts = module_name.split(".")
            for n in range(1, len(parts) + 1):
                name = ".".join(parts[:n])
                sys.modules.setdefault(name, types.ModuleType(name))
            for name, member in members.items():
                setattr(sys.modules[module_name], name, member)
                names_before[member] = member.__module__, member.__qualname__
                member.__module__, member.__qualname__ = module_name, name
        yield
    finally:
        for member, (module, name) in names_before.items():
            member.__module__, member.__qualname__ = module, name
        roots = {(carrier + name).partition(".")[0] for name in FAKES}
        for name in [n for n in sys.modules if n.partition(".")[0] in roots]:
            del sys.modules[name]


def nvidia_network(module, *, with_noise=True, fp16=False):
    """Return the pickled form of a `StyleGAN2Generator`, as a tree of stubs."""
    config = module.config
    state = module.state_dict()
    taps = torch.tensor(config.resample_filter)
    kernel = torch.outer(taps, taps) / taps.sum() ** 2
    root = PersistentStub(
        "Generator",
        z_dim=config.z_dim,
        c_dim=config.c_dim,
        w_dim=config.w_dim,
        img_resolution=config.resolution,
        img_channels=config.img_channels,
    )
    nodes = {"": root}
    for key, value in state.items():
        path, _, name = key.rpartition(".")
        if not with_noise and name.startswith("noise_"):
            continue
        node = _node(nodes, path, config)
        if name in ("w_avg", "noise_const"):
            node.attributes["_buffers"][name] = value.clone()
        else:
            is_conv = fp16 and value.ndim == 4
            value = value.contiguous(memory_format=torch.channels_last) if is_conv else value
            node.attributes["_parameters"][name] = torch.nn.Parameter(value.clone())
    for path, node in nodes.items():
        if node.class_name == "SynthesisLayer":
            is_up = path.endswith("conv0")
            default = torch.tensor(FILTER_TAPS)
            plain = torch.outer(default, default) / default.sum() ** 2
            node.attributes["_buffers"]["resample_filter"] = kernel if is_up else plain
    return root


def _node(nodes, path, config):
    if path not in nodes:
        parent_path, _, name = path.rpartition(".")
        parent = _node(nodes, parent_path, config)
        nodes[path] = PersistentStub(_class_name(path), **_attributes(path, config))
        parent.attributes["_modules"][name] = nodes[path]
    return nodes[path]


def _class_name(path):
    last = path.rpartition(".")[2]
    names = {
        "mapping": "MappingNetwork",
        "synthesis": "SynthesisNetwork",
        "affine": "FullyConnectedLayer",
        "embed": "FullyConnectedLayer",
        "torgb": "ToRGBLayer",
        "skip": "Conv2dLayer",
        "conv0": "SynthesisLayer",
        "conv1": "SynthesisLayer",
    }
    if last.startswith("fc"):
        return "FullyConnectedLayer"
    return names.get(last, "SynthesisBlock")


def _attributes(path, config):
    class_name = _class_name(path)
    if class_name == "SynthesisBlock":
        return {"architecture": config.architecture, "use_fp16": True}
    if class_name == "SynthesisLayer":
        clamp = config.conv_clamp
        return {"conv_clamp": clamp, "activation": "lrelu", "act_gain": np.float64(2) ** 0.5}
    if path.startswith("mapping.fc"):
        return {"activation": "lrelu", "bias_gain": 0.01, "weight_gain": np.float64(0.1)}
    if class_name == "FullyConnectedLayer":
        return {"activation": "linear", "bias_gain": 1, "weight_gain": np.float64(0.1)}
    return {}


def write_nvidia(path, module, *, carrier="", **options):
    """Write a pickle as stylegan2-ada-pytorch's training does."""
    with foreign_names(carrier):
        network = nvidia_network(module, **options)
        discriminator = PersistentStub("Discriminator", resolution=np.int64(8))
        data = {
            "training_set_kwargs": EasyDict(class_name="training.dataset.ImageFolderDataset"),
            "G": discriminator,
            "D": discriminator,
            "G_ema": network,
            "augment_pipe": None,
        }
        path.write_bytes(pickle.dumps(data))


def write_pti(path, module, *, legacy=False):
    """Write a whole network with torch.save, as PTI does."""
    with foreign_names():
        torch.save(nvidia_network(module), path, _use_new_zipfile_serialization=not legacy)


def rosinality_state(module):
    """Return the state dict of a `StyleGAN2Generator` in rosinality's names and shapes."""
    config = module.config
    state = module.state_dict()
    out = OrderedDict()
    for i in range(config.n_mapping):
        for name in ("weight", "bias"):
            out[f"style.{i + 1}.{name}"] = state[f"mapping.fc{i}.{name}"]
    out["input.input"] = state["synthesis.b4.const"][None]
    noise_index = 0
    taps = torch.tensor(config.resample_filter)
    kernel = torch.outer(taps, taps) / taps.sum() ** 2 * 4
    for level, resolution in enumerate(config.block_resolutions):
        block = f"synthesis.b{resolution}"
        convs = ["conv1"] if level == 0 else ["conv0", "conv1"]
        for conv in convs:
            ours = f"{block}.{conv}"
            theirs = "conv1" if level == 0 else f"convs.{2 * (level - 1) + int(conv[-1])}"
            out[f"{theirs}.conv.weight"] = state[f"{ours}.weight"][None]
            out[f"{theirs}.conv.modulation.weight"] = state[f"{ours}.affine.weight"]
            out[f"{theirs}.conv.modulation.bias"] = state[f"{ours}.affine.bias"]
            out[f"{theirs}.noise.weight"] = state[f"{ours}.noise_strength"].reshape(1)
            out[f"{theirs}.activate.bias"] = state[f"{ours}.bias"]
            out[f"noises.noise_{noise_index}"] = state[f"{ours}.noise_const"][None, None]
            noise_index += 1
            if conv == "conv0":
                out[f"{theirs}.conv.blur.kernel"] = kernel
        ours = f"{block}.torgb"
        theirs = "to_rgb1" if level == 0 else f"to_rgbs.{level - 1}"
        out[f"{theirs}.conv.weight"] = state[f"{ours}.weight"][None]
        out[f"{theirs}.conv.modulation.weight"] = state[f"{ours}.affine.weight"]
        out[f"{theirs}.conv.modulation.bias"] = state[f"{ours}.affine.bias"]
        out[f"{theirs}.bias"] = state[f"{ours}.bias"][None, :, None, None]
        if level:
            out[f"{theirs}.upsample.kernel"] = kernel
    return out


def write_rosinality(path, module, *, latent_avg=True, legacy=False, training=False):
    """Write a file as rosinality's converter does, or as the training does."""
    data = {"g_ema": rosinality_state(module)}
    if latent_avg:
        data["latent_avg"] = module.mapping.w_avg
    if training:
        data |= {
            "g": rosinality_state(module),
            "d": OrderedDict(),
            "g_optim": {"state": {0: {"step": 3}}, "param_groups": [{"lr": 0.002, "params": [0]}]},
            "args": argparse.Namespace(size=module.config.resolution, path="data"),
            "ada_aug_p": 0.1,
        }
    torch.save(data, path, _use_new_zipfile_serialization=not legacy)


def psp_state(encoder_type, *, n_ws, w_dim, widths=(4, 5, 6, 8), n_units=2, in_channels=3, seed=0):
    """Return a random state dict of an encoder of the pSp family, with few channels.

    `n_units` is the number of units of every stage, or of each.
    """
    units = [n_units] * len(widths) if isinstance(n_units, int) else n_units
    rng = torch.Generator().manual_seed(seed)

    def draw(*shape, fan_in=1.0, shift=0.0):
        return torch.randn(shape, generator=rng) * (2.0 / fan_in) ** 0.5 + shift

    state = OrderedDict()

    def conv(name, n_in, n_out, size=3, bias=False):
        fan_in = n_in * size**2
        state[f"{name}.weight"] = draw(n_out, n_in, size, size, fan_in=fan_in)
        if bias:
            state[f"{name}.bias"] = draw(n_out, fan_in=8.0)

    def norm(name, n):
        state[f"{name}.weight"] = 0.6 + 0.4 * torch.rand(n, generator=rng)
        state[f"{name}.bias"] = draw(n, fan_in=8.0)
        state[f"{name}.running_mean"] = draw(n, fan_in=8.0)
        state[f"{name}.running_var"] = 0.5 + torch.rand(n, generator=rng)
        state[f"{name}.num_batches_tracked"] = torch.tensor(7)

    def linear(name, n_in, n_out):
        state[f"{name}.weight"] = draw(n_out, n_in, fan_in=2.0)
        state[f"{name}.bias"] = draw(n_out, fan_in=8.0)

    is_resnet = encoder_type.startswith("ResNet")
    if is_resnet:
        conv("conv1", in_channels, widths[0], 7)
        norm("bn1", widths[0])
        state["relu.weight"] = torch.rand(widths[0], generator=rng)
    else:
        conv("input_layer.0", in_channels, widths[0])
        norm("input_layer.1", widths[0])
        state["input_layer.2.weight"] = torch.rand(widths[0], generator=rng)
    n_in, index = widths[0], 0
    for n_out, n in zip(widths, units, strict=True):
        for _ in range(n):
            unit = f"body.{index}"
            if is_resnet:
                conv(f"{unit}.conv1", n_in, n_out)
                norm(f"{unit}.bn1", n_out)
                conv(f"{unit}.conv2", n_out, n_out)
                norm(f"{unit}.bn2", n_out)
            else:
                norm(f"{unit}.res_layer.0", n_in)
                conv(f"{unit}.res_layer.1", n_in, n_out)
                state[f"{unit}.res_layer.2.weight"] = torch.rand(n_out, generator=rng)
                conv(f"{unit}.res_layer.3", n_out, n_out)
                norm(f"{unit}.res_layer.4", n_out)
                squeezed = max(2, n_out // 16)
                conv(f"{unit}.res_layer.5.fc1", n_out, squeezed, 1)
                conv(f"{unit}.res_layer.5.fc2", squeezed, n_out, 1)
            if n_in != n_out:
                shortcut = f"{unit}.downsample" if is_resnet else f"{unit}.shortcut_layer"
                conv(f"{shortcut}.0", n_in, n_out, 1)
                norm(f"{shortcut}.1", n_out)
            n_in, index = n_out, index + 1
    if encoder_type in ("SingleStyleCodeEncoder", "BackboneEncoderUsingLastLayerIntoW", "WEncoder"):
        linear("linear", widths[-1], w_dim)
        return state
    if encoder_type == "BackboneEncoderUsingLastLayerIntoWPlus":
        norm("output_layer_2.0", widths[-1])
        linear("output_layer_2.3", widths[-1] * 49, w_dim)
        linear("linear", w_dim, w_dim * n_ws)
        return state
    has_pyramid = encoder_type in (
        "GradualStyleEncoder",
        "Encoder4Editing",
        "ResNetGradualStyleEncoder",
    )
    if has_pyramid:
        conv("latlayer1", widths[2], widths[3], 1, bias=True)
        conv("latlayer2", widths[1], widths[3], 1, bias=True)
    for head in range(n_ws):
        depth = 4 + (has_pyramid and head >= 3) + (has_pyramid and head >= 7)
        for step in range(depth):
            n_in = w_dim if step else widths[3]
            conv(f"styles.{head}.convs.{2 * step}", n_in, w_dim, bias=True)
        linear(f"styles.{head}.linear", w_dim, w_dim)
    return state


def write_psp(path, encoder_state, module=None, *, latent_avg=None, legacy=False, **options):
    """Write a file of the pSp family: an encoder, a decoder where given, and options.

    Options that all trainings write have usual values by default.
    """
    options = {"dataset_type": "ffhq_encode", "start_from_latent_avg": True} | options
    state = {f"encoder.{key}": value for key, value in encoder_state.items()}
    if module is not None:
        state |= {f"decoder.{key}": value for key, value in rosinality_state(module).items()}
    data = {"state_dict": state, "opts": options}
    if latent_avg is not None:
        data["latent_avg"] = latent_avg
    torch.save(data, path, _use_new_zipfile_serialization=not legacy)


def torch_file(pickled, *, legacy=False):
    """Return the bytes of a torch file whose object is the given pickle."""
    buffer = io.BytesIO()
    torch.save("placeholder", buffer, _use_new_zipfile_serialization=not legacy)
    data = buffer.getvalue()
    placeholder = pickle.dumps("placeholder", protocol=2)
    if legacy:
        assert data.count(placeholder) == 1
        return data.replace(placeholder, pickled)
    import zipfile

    out = io.BytesIO()
    with zipfile.ZipFile(io.BytesIO(data)) as old, zipfile.ZipFile(out, "w") as new:
        for name in old.namelist():
            new.writestr(name, pickled if name.endswith("data.pkl") else old.read(name))
    return out.getvalue()
