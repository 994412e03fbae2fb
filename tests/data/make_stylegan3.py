"""Write ``stylegan3.npz``: numbers of NVIDIA's own code, to compare the project's with.

``python tests/data/make_stylegan3.py --upstream FOLDER`` needs a copy of
github.com/NVlabs/stylegan3. Its slow reference operations run on the CPU.
"""

import sys
from pathlib import Path

import torch

sys.path.insert(0, str(Path(__file__).parents[2]))

from tests.support.alias_free import draw_state
from tests.support.alias_free_cases import CASES, case_config, case_inputs, thin
from tests.support.upstream_code import leave_out_packages, read_arguments, save

FILE = Path(__file__).with_name("stylegan3.npz")


def upstream_generator(config, state):
    """Return NVIDIA's network with the weights of `state`."""
    from training.networks_stylegan3 import Generator

    largest = max(config.channels)
    network = Generator(
        z_dim=config.z_dim,
        c_dim=config.c_dim,
        w_dim=config.w_dim,
        img_resolution=config.resolution,
        img_channels=config.img_channels,
        mapping_kwargs={"num_layers": config.n_mapping},
        channel_base=1 << 20,
        channel_max=largest,
        conv_kernel=config.conv_kernel,
        use_radial_filters=config.use_radial_filters,
        conv_clamp=config.conv_clamp,
        output_scale=config.output_scale,
    )
    network = network.eval().requires_grad_(False)
    for name, value in network.state_dict().items():
        if name.endswith("_filter"):
            torch.testing.assert_close(state[name], value, rtol=1e-5, atol=1e-7)
    network.load_state_dict(state)
    return network


def run(network, config, z, classes, ws):
    """Return the numbers of one case by name."""
    labels = torch.eye(config.c_dim)[classes] if config.c_dim else None
    maps = {}
    for name in network.synthesis.layer_names[:-1]:
        layer = getattr(network.synthesis, name)
        layer.register_forward_hook(lambda *x, name=name: maps.__setitem__(name, x[2]))
    images = network.synthesis(ws)
    layers = [network.synthesis.input]
    layers += [getattr(network.synthesis, name) for name in network.synthesis.layer_names]
    styles = [layer.affine(ws[:, i]) for i, layer in enumerate(layers)]
    arrays = {
        "w": network.mapping(z, labels, truncation_psi=0.7)[:, 0],
        "image": thin(images, 32),
        "styles": torch.cat(styles, dim=1),
    }
    for name, layer in zip(maps, config.layer_geometry, strict=True):
        inside = slice(layer.margin, layer.out_size - layer.margin)
        arrays[name] = thin(maps[name][:, :, inside, inside], 8)
    return arrays


def main():
    """Write the file."""
    arguments = read_arguments(__doc__, FILE)
    sys.path.insert(0, str(arguments.upstream))
    leave_out_packages()
    arrays = {}
    for case in CASES:
        config = case_config(case)
        network = upstream_generator(config, draw_state(config))
        found = run(network, config, *case_inputs(config))
        arrays |= {f"{case}/{name}": x for name, x in found.items()}
    save(arguments.out, arrays)


if __name__ == "__main__":
    main()
