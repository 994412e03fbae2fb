"""Write ``odd_generators.npz``: images of the authors' code, to compare ours with.

``python tests/data/make_odd_generators.py --nvidia FOLDER --human FOLDER --rosinality FOLDER``
needs copies of github.com/NVlabs/stylegan2-ada-pytorch, stylegan-human/StyleGAN-Human and
rosinality/stylegan2-pytorch. Their slow reference operations run on the CPU.
"""

import importlib
import sys
from pathlib import Path

import torch
from torch.utils import cpp_extension

sys.path.insert(0, str(Path(__file__).parents[2]))

from tests.support.checkpoint_writers import rosinality_state
from tests.support.networks import numbered_codes, numbered_module
from tests.support.odd_generators import CONFIGS, IMAGES
from tests.support.upstream_code import (
    forget,
    leave_out_packages,
    load_narrow,
    read_arguments,
    save,
)

#: Folders of StyleGAN-Human that hold its variants of the other two repositories' networks.
HUMAN_NVIDIA = "training_scripts/sg2"
HUMAN_ROSINALITY = "pti/pti_models/e4e"


def nvidia_images(config, codes, *, is_human):
    """Return the images of NVIDIA's generator, or of StyleGAN-Human's variant."""
    networks = importlib.import_module("training.networks")
    network = networks.Generator(
        config.z_dim,
        config.c_dim,
        config.w_dim,
        config.resolution,
        img_channels=config.img_channels,
        mapping_kwargs={"num_layers": config.n_mapping},
        synthesis_kwargs={
            "channel_base": config.channels[0] * config.resolution,
            "channel_max": config.channels[0],
            "architecture": config.architecture,
            "conv_clamp": config.conv_clamp,
            "resample_filter": list(config.resample_filter),
        },
        **({"square": False} if is_human else {}),
    )
    missing = network.load_state_dict(numbered_module(config).state_dict(), strict=False)
    assert not missing.unexpected_keys, missing
    assert all(key.endswith("resample_filter") for key in missing.missing_keys), missing
    return network.eval().synthesis(codes, noise_mode="const", force_fp32=True)


def rosinality_images(config, codes, *, is_human):
    """Return the images of rosinality's generator, or of StyleGAN-Human's variant."""
    model = importlib.import_module("stylegan2.model" if is_human else "model")
    network = model.Generator(
        config.resolution,
        config.w_dim,
        config.n_mapping,
        blur_kernel=list(config.resample_filter),
    )
    load_narrow(network, rosinality_state(numbered_module(config)))
    return network.eval()([codes], input_is_latent=True, randomize_noise=False)[0]


def main():
    """Write the file."""
    arguments = read_arguments(__doc__, IMAGES, ("nvidia", "human", "rosinality"))
    leave_out_packages()
    cpp_extension.load = lambda *args, **options: None
    torch.Tensor.cuda = lambda self, *args, **options: self  # StyleGAN-Human's variant asks for it
    arrays = {}
    for name, (code, config) in CONFIGS.items():
        is_human, is_rosinality = "human" in code, "rosinality" in code
        folders = [arguments.rosinality if is_rosinality else arguments.nvidia]
        if is_human:
            inside = HUMAN_ROSINALITY if is_rosinality else HUMAN_NVIDIA
            folders = [arguments.human / inside, arguments.human]
        sys.path[:0] = map(str, folders)
        images = rosinality_images if is_rosinality else nvidia_images
        with torch.inference_mode():
            codes = torch.from_numpy(numbered_codes(config))
            arrays[name] = images(config, codes, is_human=is_human)
        del sys.path[: len(folders)]
        forget("training", "torch_utils", "dnnlib", "model", "op", "stylegan2")
    save(arguments.out, arrays)


if __name__ == "__main__":
    main()
