"""Tiny files in the layouts of families that have no reader here, without any of their code."""

import pickle
import sys
import types
from collections import OrderedDict
from contextlib import contextmanager
from unittest.mock import patch

import torch

from tests.support.checkpoint_writers import (
    PersistentStub,
    foreign_names,
    nvidia_network,
    rosinality_state,
)
from tests.support.networks import tiny_module

MODULE = tiny_module(8, z_dim=7)


def named(*names):
    """Return a state dict with tensors of these names."""
    return OrderedDict((name, torch.ones(2, 2)) for name in names)


def under(prefix, state):
    """Return a state dict with a prefix."""
    return OrderedDict((prefix + key, value) for key, value in state.items())


@contextmanager
def foreign_class(full_name):
    """Provide an empty class that pickles under the name of a foreign one."""
    module, _, name = full_name.rpartition(".")
    parts = module.split(".")
    packages = [".".join(parts[:n]) for n in range(1, len(parts) + 1)]
    made = {package: types.ModuleType(package) for package in packages}
    cls = type(name, (), {"__module__": module})
    setattr(made[module], name, cls)
    with patch.dict(sys.modules, made):
        yield cls


def _pickled(path, content):
    with foreign_names():
        path.write_bytes(pickle.dumps(content))


def _with_class(path, full_name, make):
    with foreign_class(full_name) as cls:
        _pickled(path, make(cls()))


def _module(class_name, **children):
    return PersistentStub(class_name, _modules=OrderedDict(children))


def write_lucidrains(path):
    blocks = [f"blocks.0.{name}.weight" for name in ("to_style1", "to_noise1", "conv1")]
    parts = [under("G.", named(*blocks)), under("GE.", named(*blocks)), named("D.blocks.0.net.0")]
    mapping = named("S.net.0.weight", "S.net.0.bias", "SE.net.0.weight", "SE.net.0.bias")
    tensors = {name: value for part in (mapping, *parts) for name, value in part.items()}
    torch.save({"GAN": tensors, "version": "1.8.9"}, path)


def write_mmgeneration(path):
    names = (
        "style_mapping.1.linear.weight_orig",
        "style_mapping.1.bias",
        "constant_input.input",
        "conv1.conv.style_modulation.linear.weight_orig",
    )
    state = under("generator.", named(*names)) | under("generator_ema.", named(*names))
    torch.save({"meta": {"mmgen_version": "0.7.1", "iter": 5}, "state_dict": state}, path)


def write_mmgeneration_stylegan3(path):
    state = named("style_mapping.fc0.weight", "synthesis.L0_36_512.weight")
    torch.save({"meta": {}, "state_dict": under("generator_ema.", state)}, path)


def write_gfpgan(path):
    decoder = ("style_mlp.1.weight", "constant_input.weight", "style_conv1.modulated_conv.weight")
    state = under("stylegan_decoder.", named(*decoder)) | named("conv_body_first.weight")
    torch.save({"params_ema": state}, path)


def write_basicsr(path):
    names = ("style_mlp.1.weight", "constant_input.weight", "style_conv1.modulated_conv.weight")
    torch.save({"params_ema": named(*names)}, path)


def write_gpen(path):
    encoder = named("ecd0.0.0.weight", "ecd0.0.1.bias", "final_linear.0.weight")
    torch.save(encoder | under("generator.", rosinality_state(MODULE)), path)


def write_dualstylegan(path):
    residual = named("res.0.conv.0.weight", "res.0.norm.style.weight", "style.1.weight")
    torch.save({"g_ema": residual | under("generator.", rosinality_state(MODULE))}, path)


def write_swagan(path):
    wavelets = named("iwt.ll", "to_rgbs.0.iwt.ll", "to_rgbs.0.dwt.ll")
    torch.save({"g_ema": rosinality_state(MODULE) | wavelets, "latent_avg": torch.ones(7)}, path)


def write_stylegan_xl(path):
    projection = _module("FullyConnectedLayer")
    projection.attributes["_parameters"]["weight"] = torch.nn.Parameter(torch.ones(2, 2))
    mapping = _module("MappingNetwork", embed_proj=projection)
    synthesis = _module("SynthesisNetwork", input=_module("SynthesisInput"))
    _pickled(path, {"G_ema": _module("Generator", mapping=mapping, synthesis=synthesis)})


def write_stylegan_xl_stage(path):
    synthesis = _module("SynthesisNetwork", input=_module("SynthesisInput"))
    _pickled(path, {"G_ema": _module("SuperresGenerator", synthesis=synthesis)})


def write_projected_gan(path):
    network = nvidia_network(MODULE)
    name = "pg_modules.discriminator.ProjectedDiscriminator"
    _with_class(path, name, lambda one: {"G": network, "D": one, "G_ema": network})


def write_eg3d_state(path):
    backbone = under("backbone.", MODULE.state_dict())
    torch.save({"G_ema": backbone | named("decoder.net.0.weight", "decoder.net.2.weight")}, path)


def write_eg3d(path):
    _pickled(path, {"G_ema": _module("TriPlaneGenerator", backbone=nvidia_network(MODULE))})


def write_eg3d_with_renderer(path):
    name = "training.volumetric_rendering.renderer.ImportanceRenderer"
    _with_class(path, name, lambda one: {"G": _module("TriPlaneGenerator", renderer=one)})


def write_r3gan(path):
    def network(one):
        one.Model = None
        return {"G_ema": one}

    _with_class(path, "R3GAN.Networks.Generator", network)


def write_r3gan_state(path):
    names = ("MainLayers.0.Layers.0.Basis", "AggregationLayer.Layer.weight")
    torch.save({"g_ema": under("Model.", named(*names))}, path)


def write_hyperstyle(path):
    state = under("hypernet.", named("conv1.weight", "refinement_blocks.0.convs.0.weight"))
    state |= under("decoder.", rosinality_state(MODULE))
    options = {"encoder_type": "SharedWeightsHyperNetResNet", "output_size": 8}
    torch.save({"state_dict": state, "opts": options, "latent_avg": torch.ones(4, 7)}, path)


def write_styleclip_mapper(path):
    state = under("mapper.course_mapping.mapping.", named("1.weight", "1.bias"))
    state |= under("decoder.", rosinality_state(MODULE))
    torch.save({"state_dict": state, "opts": {"mapper_type": "LevelsMapper"}}, path)


#: Writers by the beginning of the family's name.
REFUSED = {
    "lucidrains": (write_lucidrains,),
    "mmgeneration": (write_mmgeneration, write_mmgeneration_stylegan3),
    "GFPGAN": (write_gfpgan,),
    "BasicSR": (write_basicsr,),
    "GPEN": (write_gpen,),
    "DualStyleGAN": (write_dualstylegan,),
    "SWAGAN": (write_swagan,),
    "StyleGAN-XL": (write_stylegan_xl, write_stylegan_xl_stage),
    "Projected GAN": (write_projected_gan,),
    "EG3D": (write_eg3d_state, write_eg3d, write_eg3d_with_renderer),
    "R3GAN": (write_r3gan, write_r3gan_state),
}
#: Writers of files whose decoder is read, and what is not.
PARTLY_READ = {"hypernetwork": write_hyperstyle, "mapper": write_styleclip_mapper}
