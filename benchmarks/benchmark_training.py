"""Trainings by number format: images per second of a generator's, quality of an encoder's.

Generators are trained on noise with the default recipe, their critic seeing transformed images with
probability 0.2. Calls of both formats take turns, and the best of some is printed: what else runs
on the machine slows a training by more than its share::

    python benchmarks/benchmark_training.py --sizes 32 64 128 --repeats 3

With ``--encoder-steps`` encoders of a generator are trained on rendered faces instead, in both
formats from several seeds, and reconstruct other faces::

    python benchmarks/benchmark_training.py --encoder-steps 150 --seeds 3
"""

import argparse
import os

import numpy as np
import torch

from skstylefeat.datasets import make_faces
from skstylefeat.networks import EncoderRecipe, GeneratorRecipe, load_generator, train_encoder
from skstylefeat.networks.training import images_per_second

FORMATS = ("float32", "bfloat16")
GOALS = (200_000, 1_000_000)  # images of a first impression, and of a usable generator


def compare_encoders(args):
    """Print the PSNR of other faces by format and seed."""
    generator = load_generator(args.generator)
    images = make_faces(args.faces, image_size=generator.resolution, random_state=1).images
    others = make_faces(args.others, image_size=generator.resolution, random_state=2).images
    found = {name: [] for name in FORMATS}
    for seed in range(args.seeds):
        for name in FORMATS:
            recipe = EncoderRecipe(
                n_steps=args.encoder_steps, batch_size=args.batch_size, precision=name
            )
            reports = []
            train_encoder(
                generator,
                images,
                recipe=recipe,
                validation_images=others,
                random_state=seed,
                callback=reports.append,
            )
            found[name].append(reports[-1].validation_psnr)
            print(f"seed {seed}, {name}: {found[name][-1]:.2f} dB", flush=True)
    for name, values in found.items():
        print(f"{name}: {np.mean(values):.2f} dB, standard deviation {np.std(values, ddof=1):.2f}")
    change = np.subtract(found["bfloat16"], found["float32"])
    print(f"bfloat16 over float32: {np.mean(change):+.2f} dB")


def main(argv=None):
    """Run the benchmark and print one line per size, or per encoder."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--sizes", nargs="+", type=int, default=[32, 64, 128])
    parser.add_argument("--repeats", type=int, default=3)
    parser.add_argument("--batch-size", type=int, default=32)
    parser.add_argument("--threads", type=int, default=torch.get_num_threads())
    parser.add_argument("--device", default="cpu")
    parser.add_argument("--encoder-steps", type=int, help="train encoders, of so many steps")
    parser.add_argument("--generator", default="faces64", help="of the encoders")
    parser.add_argument("--seeds", type=int, default=3)
    parser.add_argument("--faces", type=int, default=500, help="rendered faces to train on")
    parser.add_argument("--others", type=int, default=100, help="rendered faces to reconstruct")
    args = parser.parse_args(argv)
    torch.set_num_threads(args.threads)
    load = f"load {os.getloadavg()[0]:.1f}" if hasattr(os, "getloadavg") else "load unknown"
    print(f"torch {torch.__version__}, {args.threads} threads, {args.device}, {load}")
    if args.encoder_steps:
        compare_encoders(args)
        return

    recipe = GeneratorRecipe(batch_size=args.batch_size)
    for size in args.sizes:
        rates = {name: [] for name in FORMATS}
        for _ in range(args.repeats):
            for name in FORMATS:
                rate = images_per_second(size, recipe, device=args.device, precision=name)
                rates[name].append(rate)
        best = {name: max(values) for name, values in rates.items()}
        fastest = max(best.values())
        hours = ", ".join(f"{goal:,} in {goal / fastest / 3600:.1f} h" for goal in GOALS)
        print(
            f"{size:>4} px: float32 {best['float32']:.1f}, bfloat16 {best['bfloat16']:.1f} images "
            f"per second (x{best['bfloat16'] / best['float32']:.2f}); {hours}",
            flush=True,
        )


if __name__ == "__main__":
    main()
