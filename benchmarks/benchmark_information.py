"""Mutual information of all channels and pairs, compared with numpy and scikit-learn pair by pair.

Paper A selects channels from 8 images of 2 classes, so there are 28 pairs of maps for each of the
5,568 channels of a 1024 px StyleGAN2. The reference is ``numpy.histogram2d`` and
``sklearn.metrics.mutual_info_score`` for each pair. It is timed on a sample of the pairs of each
layer, spread over the channels, and extrapolated. The second reference is what NumPy does in ten
lines (`ten_lines`): bins once per map, one ``bincount`` per channel and pair; all channels are
timed, also in as many processes of joblib as ours has threads. All run in turns, and must agree on
the sample.

The bound is what NumPy and SciPy need at least on this machine, measured in the same run: the
maps are read for their limits and for their bins, joint codes of m images are counted in as few
passes as could serve all pairs, by the faster one of ``numpy.bincount`` and a sparse matrix, for
the best m, and n log n is looked up for the cells of all pairs. Checks, exact edges and the sums
that make a pair's table are left out. The share is the bound over our time, on one thread.

Times are medians over the repeats, with their range; the reference is sampled once.

    python benchmarks/benchmark_information.py                      # every layer up to 1024 px
    python benchmarks/benchmark_information.py --resolution 64      # a small generator
    python benchmarks/benchmark_information.py --layers b4.conv1 b1024.conv1
    python benchmarks/benchmark_information.py --layers b16.conv1 b64.conv1 b256.conv1 \\
        --channels 32 --n-jobs 1 --processor-time
"""

import argparse
import itertools
import sys
import time
import tracemalloc
from math import comb
from pathlib import Path

import numpy as np
from joblib import Parallel, delayed
from scipy.sparse import coo_array
from sklearn.metrics import mutual_info_score

sys.path.insert(0, str(Path(__file__).resolve().parent))

from timing import add_clock, measure

from skstylefeat.metrics import default_n_bins, pairwise_mutual_information


def layer_shapes(resolution):
    """Return (name, channels, side) of the feature maps of a config-F StyleGAN2."""
    layers = []
    side = 4
    while side <= resolution:
        channels = min(512, 32768 // side)
        if side > 4:
            layers.append((f"b{side}.conv0", channels, side))
        layers.append((f"b{side}.conv1", channels, side))
        side *= 2
    return layers


def make_maps(rng, n_images, channels, side):
    """Draw maps after a leaky rectifier: a pattern shared by all images, plus one per image."""
    maps = rng.standard_normal(size=(n_images, channels, side, side), dtype=np.float32)
    maps += rng.standard_normal(size=(channels, side, side), dtype=np.float32)
    np.maximum(maps, 0.2 * maps, out=maps)
    return maps


def reference(maps, channel, i, j, n_bins):
    """Return the information of one pair by numpy and scikit-learn, and the time it took."""
    low, high = float(maps[:, channel].min()), float(maps[:, channel].max())
    a, b = maps[i, channel].ravel(), maps[j, channel].ravel()
    start = time.perf_counter()
    counts = np.histogram2d(a, b, bins=n_bins, range=[[low, high], [low, high]])[0]
    information = mutual_info_score(None, None, contingency=counts)
    return information, time.perf_counter() - start


def ten_lines(maps, n_bins):
    """Return the information (channels, n, n) of all pairs: bins once, one count per pair."""
    n, channels = maps.shape[:2]
    flat = maps.reshape(n, channels, -1).astype(np.float64)
    low, high = flat.min(axis=(0, 2)), flat.max(axis=(0, 2))
    scaled = (flat - low[:, None]) * (n_bins / np.maximum(high - low, 1e-300))[:, None]
    bins = np.minimum(scaled.astype(np.intp), n_bins - 1)
    information = np.zeros((channels, n, n))
    for c in range(channels):
        for i, j in itertools.combinations(range(n), 2):
            pairs = bins[i, c] * n_bins + bins[j, c]
            joint = np.bincount(pairs, minlength=n_bins**2).reshape(n_bins, n_bins) / len(pairs)
            outer = joint.sum(axis=1)[:, None] * joint.sum(axis=0)
            filled = joint > 0
            information[c, i, j] = np.sum(joint[filled] * np.log(joint[filled] / outer[filled]))
    return information


def in_processes(maps, n_bins, n_jobs):
    """Return what `ten_lines` does, by joblib's processes over the channels."""
    parts = np.array_split(np.arange(maps.shape[1]), n_jobs)
    found = Parallel(n_jobs=n_jobs)(
        delayed(ten_lines)(maps[:, part[0] : part[-1] + 1], n_bins) for part in parts
    )
    return np.concatenate(found)


def count_pass(bins, n_bins):
    """Count the joint codes of bins (m, channels, P) once, in the faster one of two ways."""
    m, channels, n_pixels = bins.shape
    rows = np.arange(channels, dtype=np.int32)[:, None]
    for image in range(m - 1):
        rows = rows * n_bins + bins[image]
    n_cells = channels * n_bins**m
    ones = np.ones(channels * n_pixels, dtype=np.int32)

    def sparse():
        pairs = rows.ravel(), bins[m - 1].ravel()
        return coo_array((ones, pairs), shape=(n_cells // n_bins, n_bins)).toarray()

    return sparse, lambda: np.bincount((rows * n_bins + bins[m - 1]).ravel(), minlength=n_cells)


def bound(maps, n_bins, clock):
    """Return the least time of reading, binning and counting the maps; see above."""

    def timed(function):
        start = clock()
        result = function()
        return clock() - start, result

    n, channels = maps.shape[:2]
    flat = maps.reshape(n, channels, -1)
    seconds, low = timed(lambda: flat.min(axis=(0, 2)))
    more, high = timed(lambda: flat.max(axis=(0, 2)))
    seconds += more
    scale = np.float32(n_bins - 0.01) / np.maximum(high - low, np.float32(1e-30))
    sizes = [m for m in range(2, n + 1) if m == 2 or n_bins**m <= 2 * flat.shape[2]]
    counting = dict.fromkeys(sizes, 0.0)

    step = max(1, (1 << 17) // flat.shape[2])
    for start in range(0, channels, step):
        chosen = slice(start, start + step)
        offset, factor = low[chosen, None], scale[chosen, None]
        more, bins = timed(lambda: ((flat[:, chosen] - offset) * factor).astype(np.int32))  # noqa: B023
        seconds += more
        for m in sizes:
            n_passes = -(-comb(n, 2) // comb(m, 2))
            prepared = clock()
            ways = count_pass(bins[:m], n_bins)
            prepared = clock() - prepared
            counting[m] += n_passes * (prepared + min(timed(count)[0] for count in ways))

    table = np.arange(flat.shape[2] + 1, dtype=np.float64)
    counts = np.zeros((min(step, channels), comb(n, 2), n_bins**2), dtype=np.int32)
    looked_up, _ = timed(lambda: table.take(counts).sum(axis=2))
    return seconds + min(counting.values()) + looked_up * channels / len(counts)


def spread(seconds):
    """Return the median and the range of times as text."""
    low, middle, high = np.quantile(seconds, (0, 0.5, 1))
    return f"{middle:.3f} [{low:.3f}, {high:.3f}]"


def main():
    parser = argparse.ArgumentParser(description=__doc__.split("\n")[0])
    parser.add_argument("--resolution", type=int, default=1024, help="largest layer (default 1024)")
    parser.add_argument("--layers", nargs="*", help="only these layers")
    parser.add_argument("--images", type=int, default=8, help="images (default 8)")
    parser.add_argument("--sample", type=int, default=12, help="reference pairs timed per layer")
    parser.add_argument("--n-jobs", type=int, default=2, help="threads (default 2)")
    parser.add_argument("--channels", type=int, help="largest number of channels of a layer")
    parser.add_argument("--repeats", type=int, default=3)
    add_clock(parser)
    args = parser.parse_args()
    clock = args.clock

    rng = np.random.default_rng(0)
    pairs = list(itertools.combinations(range(args.images), 2))
    print(
        f"{'layer':12s} channels bins {'ours (s)':>22s} {'reference (s)':>13s} {'ratio':>7s} "
        f"{'ten lines (s)':>22s} {'ratio':>6s} {'by joblib (s)':>22s} {'ratio':>6s} "
        f"{'bound (s)':>9s} {'share':>6s}  largest difference"
    )
    totals = {name: np.zeros(args.repeats) for name in ("ours", "lines", "processes")}
    total_reference = 0.0
    layers = [
        layer
        for layer in layer_shapes(args.resolution)
        if not args.layers or layer[0] in args.layers
    ]
    if not layers:
        parser.error(f"no layer of {args.layers} at {args.resolution} px")
    for name, channels, side in layers:
        channels = min(channels, args.channels or channels)
        maps = make_maps(rng, args.images, channels, side)
        n_bins = default_n_bins(side * side)
        sample = []
        for draw in range(args.sample):
            pair = pairs[rng.integers(len(pairs))]
            channel = draw * channels // args.sample
            sample.append((channel, *pair, *reference(maps, channel, *pair, n_bins)))
        seconds = [row[-1] for row in sample]
        reference_seconds = float(np.mean(seconds)) * len(pairs) * channels
        found = {}

        def ours():
            found["ours"] = pairwise_mutual_information(maps, n_bins, n_jobs=args.n_jobs)  # noqa: B023

        def lines():
            found["lines"] = ten_lines(maps, n_bins)  # noqa: B023

        def processes():
            found["processes"] = in_processes(maps, n_bins, args.n_jobs)  # noqa: B023

        functions = {"ours": ours, "lines": lines, "processes": processes}
        times = measure(functions, args.repeats, clock)
        least = np.median([bound(maps, n_bins, clock) for _ in range(args.repeats)])
        difference = max(
            abs(values[c, i, j] - value)
            for values in found.values()
            for c, i, j, value, _ in sample
        )
        middle = {label: np.median(x) for label, x in times.items()}
        print(
            f"{name:12s} {channels:8d} {n_bins:4d} {spread(times['ours']):>22s} "
            f"{reference_seconds:13.1f} {reference_seconds / middle['ours']:6.0f}x "
            f"{spread(times['lines']):>22s} {middle['lines'] / middle['ours']:5.1f}x "
            f"{spread(times['processes']):>22s} {middle['processes'] / middle['ours']:5.1f}x "
            f"{least:9.4f} {least / middle['ours']:6.0%}  {difference:.1e}",
            flush=True,
        )
        for label, x in times.items():
            totals[label] += x
        total_reference += reference_seconds
    middle = {label: np.median(x) for label, x in totals.items()}
    print(
        f"{'all':12s} {'':13s} {spread(totals['ours']):>22s} {total_reference:13.1f} "
        f"{total_reference / middle['ours']:6.0f}x {spread(totals['lines']):>22s} "
        f"{middle['lines'] / middle['ours']:5.1f}x {spread(totals['processes']):>22s} "
        f"{middle['processes'] / middle['ours']:5.1f}x"
    )
    print(f"(reference extrapolated from {args.sample} of {len(pairs)} pairs x channels per layer)")

    del maps
    name, channels, side = max(layers, key=lambda layer: layer[1] * layer[2] ** 2)
    maps = make_maps(rng, args.images, channels, side)
    tracemalloc.start()
    pairwise_mutual_information(maps, n_jobs=args.n_jobs)
    extra = tracemalloc.get_traced_memory()[1]
    tracemalloc.stop()
    print(
        f"memory at {name}: maps {maps.nbytes / 2**20:.0f} MiB and {extra / 2**20:.0f} MiB in "
        f"addition, {1 + extra / maps.nbytes:.2f} times the maps"
    )


if __name__ == "__main__":
    main()
