"""Peak memory and batch independence of lazy feature maps, pooled over many images.

Each size runs in a separate process, whose peak memory the operating system reports::

    python benchmarks/benchmark_feature_maps.py --sizes 100 5000
"""

import argparse
import json
import resource
import subprocess
import sys

import numpy as np

from skstylefeat import FeatureMaps, load_generator


def random_latents(generator, n):
    """Return n W+ rows with a different code in each layer."""
    z = generator.sample_z(n * generator.n_ws, random_state=0)
    return generator.mapping(z).reshape(n, -1)


def measure(name, n):
    """Pool all layers of n images; print the peak memory in MB and the number of columns."""
    generator = load_generator(name)
    pooled = FeatureMaps.from_latents(random_latents(generator, n), name).pool()
    peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024
    print(json.dumps({"images": n, "columns": pooled.shape[1], "peak_mb": round(peak)}))


def largest_difference(name, n):
    """Return the largest difference between batches of 1 and 64, in units of the column's sd."""
    generator = load_generator(name)
    latents = random_latents(generator, n)
    one, many = (FeatureMaps.from_latents(latents, name, batch_size=b).pool() for b in (1, 64))
    return float((np.abs(one - many) / many.std(axis=0)).max())


def main():
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--generator", default="faces64")
    parser.add_argument("--sizes", type=int, nargs="+", default=[100, 5000])
    parser.add_argument("--only", type=int, help=argparse.SUPPRESS)
    args = parser.parse_args()
    if args.only:
        measure(args.generator, args.only)
        return
    for n in args.sizes:
        command = [sys.executable, __file__, "--generator", args.generator, "--only", str(n)]
        print(subprocess.run(command, check=True, capture_output=True, text=True).stdout.strip())
    difference = largest_difference(args.generator, 128)
    print(f"batches of 1 and of 64 differ by at most {difference:.1e} of a column's sd")


if __name__ == "__main__":
    main()
