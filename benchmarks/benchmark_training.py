"""Images per second of a generator's training, by size and number format.

Trainings on noise with the default recipe, their critic seeing transformed images with probability
0.2. Calls of both formats take turns, and the best of some is printed: what else runs on the
machine slows a training by more than its share::

    python benchmarks/benchmark_training.py --sizes 32 64 128 --repeats 3
"""

import argparse
import os

import torch

from skstylefeat.networks import GeneratorRecipe
from skstylefeat.networks.training import images_per_second

FORMATS = ("float32", "bfloat16")
GOALS = (200_000, 1_000_000)  # images of a first impression, and of a usable generator


def main(argv=None):
    """Run the benchmark and print one line per size."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--sizes", nargs="+", type=int, default=[32, 64, 128])
    parser.add_argument("--repeats", type=int, default=3)
    parser.add_argument("--batch-size", type=int, default=32)
    parser.add_argument("--threads", type=int, default=torch.get_num_threads())
    parser.add_argument("--device", default="cpu")
    args = parser.parse_args(argv)
    torch.set_num_threads(args.threads)
    load = f"load {os.getloadavg()[0]:.1f}" if hasattr(os, "getloadavg") else "load unknown"
    print(f"torch {torch.__version__}, {args.threads} threads, {args.device}, {load}")

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
