"""Tiny networks with random weights, for tests that need a generator of some size."""

import numpy as np
import torch
from PIL import Image

from skstylefeat.networks import Encoder, Generator
from skstylefeat.networks.checkpoints._safetensors import save_network
from skstylefeat.networks.encoders._native import EncoderConfig, EncoderNetwork
from skstylefeat.networks.optimization._latent_space import w_statistics
from skstylefeat.networks.stylegan2._generator_config import GeneratorConfig
from skstylefeat.networks.stylegan2._network import StyleGAN2Generator


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


def numbered_module(config, seed=0):
    """Return a `StyleGAN2Generator` whose tensors NumPy draws by name, the same in all versions."""
    module = StyleGAN2Generator(config)
    rng = np.random.RandomState(seed)
    state = {}
    for name, value in sorted(module.state_dict().items()):
        drawn = rng.standard_normal(tuple(value.shape)).astype(np.float32)
        scale = 100.0 if name.startswith("mapping.fc") and name.endswith("weight") else 1.0
        is_shift = name.endswith(("bias", "noise_strength", "w_avg"))
        state[name] = torch.tensor(drawn * (0.1 if is_shift else scale))
        if name.endswith("affine.bias"):
            state[name] += 1
    module.load_state_dict(state)
    return module.requires_grad_(False).eval()


def numbered_codes(config, n=2, seed=1):
    """Return W+ codes (n, n_ws, w_dim) that belong to a `numbered_module`."""
    rng = np.random.RandomState(seed)
    return rng.standard_normal((n, config.n_ws, config.w_dim)).astype(np.float32)


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


def made_images(generator, codes):
    """Return a generator's images of codes, (n, H, W, 3), float32 in [0, 1]."""
    images = generator.synthesis(codes).transpose(0, 2, 3, 1)
    return np.ascontiguousarray(((images + 1) / 2).clip(0, 1))


def write_own_images(generator, files):
    """Write one of the generator's own images to each of some files, as 8-bit pictures."""
    codes = generator.mapping(generator.sample_z(len(files), random_state=0))
    made = np.rint(made_images(generator, codes) * 255).astype(np.uint8)
    for file, image in zip(files, made, strict=True):
        Image.fromarray(image).save(file)


def write_job(folder, n_images):
    """Write network files and a folder of the generator's own images; return the three paths."""
    pair = write_pair(folder)
    (folder / "images").mkdir()
    write_own_images(tiny_generator(), [folder / "images" / f"{i:02}.png" for i in range(n_images)])
    return *pair, str(folder / "images")
