"""Copy of the small StyleGAN3 for the gallery: rounded weights in a zip archive.

Weights are rounded to 8 bits per tensor, stored as float16 and compressed, a quarter of the float32
file. The script prints how far the images move::

    python benchmarks/weights/pack_for_gallery.py runs/stylegan3/generator.safetensors
"""

import argparse
import tempfile
import zipfile
from pathlib import Path

import numpy as np
import torch

from skstylefeat import load_generator
from skstylefeat.networks.checkpoints import save_network

ROOT = Path(__file__).parents[2]
OUT = ROOT / "docs" / "gallery_source" / "data" / "faces32-stylegan3.zip"
N_BITS = 8
SMALL = 4_000  # tensors of fewer values are not rounded


def rounded(tensor):
    """Return a tensor of at most 2**N_BITS different values, multiples of a power of two."""
    step = 2.0 ** torch.ceil(torch.log2(tensor.abs().amax() / 2 ** (N_BITS - 1)))
    return torch.round(tensor / step) * step


def main():
    """Write the archive."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("generator")
    parser.add_argument("--out", type=Path, default=OUT)
    args = parser.parse_args()

    generator = load_generator(args.generator)
    latents = generator.mapping(generator.sample_z(32, random_state=0))
    before = generator.synthesis(latents)
    with torch.no_grad():
        for tensor in generator.module.state_dict().values():
            if tensor.numel() >= SMALL:
                tensor.copy_(rounded(tensor))
    error = np.square(generator.synthesis(latents) - before).mean()

    name = args.out.stem
    card = {**generator.card, "name": name, "rounded": f"to {N_BITS} bits per tensor"}
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / f"{name}.safetensors"
        module = generator.module.half()
        save_network(module, path, card)
        with zipfile.ZipFile(args.out, "w", zipfile.ZIP_DEFLATED, compresslevel=9) as archive:
            info = zipfile.ZipInfo(path.name)  # of 1980, so that equal weights give equal archives
            archive.writestr(info, path.read_bytes(), zipfile.ZIP_DEFLATED, compresslevel=9)
    print(f"{args.out}: {args.out.stat().st_size / 1e6:.2f} MB, {10 * np.log10(4 / error):.1f} dB")


if __name__ == "__main__":
    main()
