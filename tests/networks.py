"""Tiny networks with random weights, for tests that need a generator of some size."""

import torch

from skstylefeat.networks import Encoder, Generator
from skstylefeat.networks.encoders import EncoderConfig, EncoderNetwork
from skstylefeat.networks.latent_space import w_statistics
from skstylefeat.networks.safetensors_io import save_network
from skstylefeat.networks.stylegan2 import GeneratorConfig, StyleGAN2Generator


def tiny_module(resolution=8, *, seed=0, **overrides):
    """Return a random `StyleGAN2Generator` whose noise is switched on and whose w_avg is set."""
    values = {
        "channels": [6] * (resolution.bit_length() - 2),
        "z_dim": 5,
        "w_dim": 7,
        "n_mapping": 2,
    }
    torch.manual_seed(seed)
    module = StyleGAN2Generator(GeneratorConfig(resolution, **(values | overrides)))
    with torch.no_grad():
        for name, parameter in module.named_parameters():
            if name.endswith("noise_strength"):
                parameter.fill_(0.1)
            elif name.endswith("bias") and "affine" not in name:
                parameter.normal_(std=0.1)
        module.mapping.w_avg.normal_(std=0.1)
    return module.requires_grad_(False).eval()


def tiny_generator(resolution=8, **overrides):
    """Return the facade of `tiny_module`, without a file behind it."""
    return Generator(tiny_module(resolution, **overrides), name="tiny")


def tiny_encoder(generator, *, seed=1):
    """Return a random encoder that fits a `Generator`."""
    torch.manual_seed(seed)
    network = EncoderNetwork(EncoderConfig.for_generator(generator.module))
    network.set_distribution(*w_statistics(generator.module))
    return Encoder(network.eval(), name="tiny-encoder")


def write_pair(folder, resolution=8):
    """Write generator and encoder files and return their paths as strings."""
    folder.mkdir(exist_ok=True)
    generator = tiny_generator(resolution)
    paths = folder / "tiny.safetensors", folder / "tiny-encoder.safetensors"
    save_network(generator.module, paths[0], card={"data": "none"})
    save_network(tiny_encoder(generator).module, paths[1])
    return tuple(str(path) for path in paths)
