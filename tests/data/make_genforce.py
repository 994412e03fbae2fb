"""Write ``genforce.npz``: numbers of GenForce's generators, to compare ours with.

``python tests/data/make_genforce.py --upstream FOLDER`` needs a copy of
github.com/genforce/genforce.
"""

import sys
import types
from pathlib import Path

import numpy as np
import torch

sys.path.insert(0, str(Path(__file__).parents[2]))

from tests.support.genforce_cases import CASES, REFERENCE, sample
from tests.support.genforce_writers import genforce_stylegan1
from tests.support.upstream_code import read_arguments, save


def upstream_generator(write, values, assumed):
    """Return GenForce's network for a case, without weights."""
    from models.stylegan2_generator import StyleGAN2Generator
    from models.stylegan_generator import StyleGANGenerator

    is_first = write is genforce_stylegan1
    channels, architecture = values["channels"], values.get("architecture")
    return (StyleGANGenerator if is_first else StyleGAN2Generator)(
        values.get("resolution", 16),
        z_space_dim=5,
        w_space_dim=7,
        label_size=values.get("label_size", 0),
        mapping_layers=3,
        mapping_fmaps=6 if is_first else 7,
        image_channels=values.get("img_channels", 3),
        # Channels are the base divided by the side, and at most the maximum.
        fmaps_base=channels[-1] * values.get("resolution", 16),
        fmaps_max=channels[0],
        **({"architecture": "origin"} if architecture == "orig" else {}),
        **(assumed or {}),
    ).eval()


def run(network, state, n_classes):
    """Return the numbers of one case by name."""
    maps = {}
    for name, layer in network.synthesis.named_children():
        if name.startswith("layer"):
            key = name.replace("layer", "map")
            layer.register_forward_hook(lambda *x, key=key: maps.__setitem__(key, x[2][0][:1]))
    rng = np.random.RandomState(100)
    z, codes = (
        torch.from_numpy(rng.normal(size=shape).astype(np.float32))
        for shape in ((2, 5), (2, network.num_layers, 7))
    )
    classes = torch.eye(n_classes)[[0, n_classes - 1]] if n_classes else None

    network.load_state_dict(state)
    arrays = {"image": network.synthesis(codes)["image"], **maps}
    arrays["truncated"] = network(z, classes, trunc_psi=0.6, trunc_layers=100)["image"]
    strengths = ("noise_strength", "apply_noise.weight")
    quiet = {key: value * (not key.endswith(strengths)) for key, value in state.items()}
    network.load_state_dict(quiet)
    arrays["quiet"] = network.synthesis(codes)["image"]
    return {key: sample(x) for key, x in arrays.items()} | {"w": network.mapping(z, classes)["w"]}


def main():
    """Write the file."""
    arguments = read_arguments(__doc__, REFERENCE)
    # The folder of models, without its __init__, which imports what only trainings need.
    sys.modules["models"] = types.ModuleType("models")
    sys.modules["models"].__path__ = [str(arguments.upstream / "models")]
    arrays = {}
    for name, (write, values, assumed) in CASES.items():
        network = upstream_generator(write, values, assumed)
        with torch.inference_mode():
            found = run(network, write(**values), values.get("label_size", 0))
        arrays |= {f"{name}|{key}": x for key, x in found.items()}
    save(arguments.out, arrays)


if __name__ == "__main__":
    main()
