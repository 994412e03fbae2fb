"""PSNR of inversion by the encoder, by optimization and by both, on held-out images.

    python benchmarks/benchmark_inversion.py --images 32

Prints the PSNR of every method, mean and standard deviation over the images, and its gain over
the encoder, all in one run, on rendered faces used neither for training nor for tuning.
"""

import argparse
import os
import time

import numpy as np

from skstylefeat import StyleGANInverter, load_generator
from skstylefeat.datasets import make_faces


def psnr(inverter, images):
    """Return the PSNR (n,) in dB of the reconstructions."""
    made = inverter.inverse_transform(inverter.transform(images))
    return -10 * np.log10(np.square(made - images).mean(axis=(1, 2, 3)))


def main():
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--generator", default="faces64", help="name or file")
    parser.add_argument("--encoder", default="auto", help="file; by default the generator's own")
    parser.add_argument("--images", type=int, default=8, help="number of rendered faces")
    parser.add_argument("--seed", type=int, default=101, help="seed of the faces")
    parser.add_argument("--optimize-steps", type=int, nargs="*", default=[60, 200])
    parser.add_argument("--hybrid-steps", type=int, nargs="*", default=[20, 60])
    parser.add_argument("--space", choices=["w+", "w"], default="w+")
    args = parser.parse_args()

    side = load_generator(args.generator).resolution
    faces = make_faces(args.images, image_size=side, random_state=args.seed)
    images = faces.images.astype(np.float32) / 255
    methods = [("encoder", None)]
    methods += [("hybrid", n) for n in args.hybrid_steps]
    methods += [("optimize", n) for n in args.optimize_steps]
    print(f"{args.images} faces, seed {args.seed}, {os.cpu_count()} cores; PSNR in dB")
    print(
        f"{'method':<10} {'steps':>5} {'mean':>7} {'sd':>6} {'gain':>7} {'least':>7} {'s/image':>8}"
    )
    reference = None
    for method, n_steps in methods:
        inverter = StyleGANInverter(
            args.generator, args.encoder, method=method, n_steps=n_steps, space=args.space
        ).fit(images)
        start = time.perf_counter()
        values = psnr(inverter, images)
        seconds = (time.perf_counter() - start) / len(images)
        reference = values if reference is None else reference
        gains = values - reference
        print(
            f"{method:<10} {n_steps or '':>5} {values.mean():7.2f} {values.std(ddof=1):6.2f} "
            f"{gains.mean():+7.2f} {gains.min():+7.2f} {seconds:8.2f}",
            flush=True,
        )


if __name__ == "__main__":
    main()
