"""Write ``tensorflow_stylegan2.npz``: numbers of NVIDIA's converter, to compare ours with.

``python tests/data/make_tensorflow_stylegan2.py --upstream FOLDER`` needs a copy of
github.com/NVlabs/stylegan2-ada-pytorch, whose ``legacy.py`` converts TensorFlow's pickles.
"""

import sys
import tempfile
from pathlib import Path

import torch

sys.path.insert(0, str(Path(__file__).parents[2]))

from tests.support.tensorflow_cases import DATA, REFERENCES, reference_inputs, write_reference
from tests.support.upstream_code import leave_out_packages, read_arguments, save


def run(network, architecture, z, ws, classes):
    """Return the numbers of one case by name."""
    maps = {}

    def keep(module, key, part=lambda output: output):
        module.register_forward_hook(lambda *x: maps.__setitem__(key, part(x[2]).clone()))

    for resolution in network.synthesis.block_resolutions:
        block = getattr(network.synthesis, f"b{resolution}")
        # In blocks with a skip path, the map of this package is the sum with it.
        is_sum = architecture == "resnet" and resolution > 4
        for name, layer in block.named_children():
            if name in ("conv0", "conv1", "torgb"):
                keep(layer.affine, f"b{resolution}.{name} style")
            if name == "conv0" or (name == "conv1" and not is_sum):
                keep(layer, f"b{resolution}.{name}")
        if is_sum:
            keep(block, f"b{resolution}.conv1", lambda output: output[0])

    arrays = {
        "w": network.mapping(z, classes)[:, 0],
        "truncated": network.mapping(z, classes, truncation_psi=0.6)[:, 0],
        "image": network.synthesis(ws, noise_mode="const", force_fp32=True),
    }
    return arrays | maps


def main():
    """Write the file."""
    arguments = read_arguments(__doc__, DATA)
    sys.path.insert(0, str(arguments.upstream))
    leave_out_packages()
    import legacy

    arrays = {}
    for name, (_, architecture, n_classes, _) in REFERENCES.items():
        with tempfile.TemporaryDirectory() as folder, torch.inference_mode():
            write_reference(Path(folder, "network.pkl"), name)
            with open(Path(folder, "network.pkl"), "rb") as file:
                network = legacy.convert_tf_generator(legacy._LegacyUnpickler(file).load()[2])
            found = run(network, architecture, *reference_inputs(n_classes))
        arrays |= {f"{name}/{key}": x for key, x in found.items()}
    save(arguments.out, arrays)


if __name__ == "__main__":
    main()
