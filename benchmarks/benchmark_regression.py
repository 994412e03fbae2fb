"""Times of importance, distances, SeFa and labeled directions, each compared with an alternative.

    python benchmarks/benchmark_regression.py                   # about two minutes, 4 GB of disk
    python benchmarks/benchmark_regression.py --only importance sefa --repeats 1
    python benchmarks/benchmark_regression.py --only points --large LARGE/train_regression_model.py

- importance: one direction. Alternative: one pair at a time through a generator whose weights
  require gradients and whose target has a graph, as in the published code, on the same pairs; the
  weights must agree. Goal: 4 times as fast.
- distances: 100,000 memory-mapped W+ codes of 18 x 512 through `HyperplaneDistance`. Alternative:
  numpy's fastest single pass over them. Goal: 0.8 of its speed.
- sefa: all directions of 512. Alternatives: ``numpy.linalg.eig`` and a sort, in float64, and in
  float32 with normalized weights, as the authors' function does it. The bound is what any solver
  needs here: the product in float32 and LAPACK's symmetric solver.
- direction: planes from 20,000 labeled codes of 512. Goal: 2 seconds.
- points: `select_calibration_points` from 1,000 and 50,000 distances, in processor time.
  Alternative: LARGE's sampler, from the file that ``--large`` names, alone and after the two calls
  of ``numpy.quantile`` that cut off the tails in its script. It may return too few points. It
  draws from a state that exists, so ours gets one, too. The bound sorts and permutes.

Alternatives take turns in one process; the median and the range of the repeats are reported, and
the ratio of each median to ours. A large matrix product is the limit of layer importance.
"""

import argparse
import ast
import contextlib
import copy
import itertools
import os
import sys
import tempfile
import time
from pathlib import Path

import numpy as np

sys.path.insert(0, str(Path(__file__).resolve().parent))

from timing import measure, operations, row_text, with_limit

from skstylefeat import (
    HyperplaneDistance,
    layer_importance,
    load_generator,
    select_calibration_points,
)
from skstylefeat.directions import DiscriminantDirection, LinearSVMDirection, SeFa
from skstylefeat.latents import broadcast_direction

TASKS = ("importance", "distances", "sefa", "direction", "points")
N_LAYERS, W_DIM = 18, 512
BLOCK = 2_000
STEPS, N_SCALE_SAMPLES = (1.0, 3.0), 2_000  # as in `layer_importance`


def sample_pairs(generator, normal, n_pairs):
    """Draw start codes, the same codes edited, and unrelated codes, as `layer_importance` does."""
    random_state = np.random.RandomState(0)

    def sample(n):
        return generator.mapping(generator.sample_z(n, random_state))

    units = normal / np.linalg.norm(normal, axis=1, keepdims=True)
    scale = float(np.std(sample(N_SCALE_SAMPLES) @ units.T, axis=0).mean())
    start, other = (np.repeat(sample(n_pairs)[:, None], generator.n_ws, axis=1) for _ in range(2))
    sign = random_state.choice(np.array([-1, 1], dtype=np.float32), size=(n_pairs, 1, 1))
    lengths = scale * random_state.uniform(*STEPS, size=(n_pairs, 1, 1))
    return start, start + sign * lengths.astype(np.float32) * normal, other


def pair_by_pair(generator, direction, n_pairs):
    """Return the layers' weights by the straightforward computation."""
    import copy

    import torch

    module = copy.deepcopy(generator.module).requires_grad_(True)
    normal, _ = broadcast_direction(direction, generator.n_ws, generator.w_dim)
    normal = (normal / np.linalg.norm(normal, axis=1).max()).astype(np.float32)
    start, end, other = sample_pairs(generator, normal, n_pairs)
    sums = np.zeros((2, generator.n_ws, generator.w_dim))
    for pair in range(n_pairs):
        for kind, target in enumerate((end, other)):
            ws = torch.tensor(start[pair : pair + 1]).requires_grad_()
            goal = module.synthesis(torch.tensor(target[pair : pair + 1]))
            loss = (module.synthesis(ws) - goal).square().sum()
            loss.backward()
            sums[kind] += ws.grad[0].abs().numpy()
            module.zero_grad()
    ratios = (sums[0] / sums[1]).mean(axis=1)
    return ratios / ratios.sum()


def time_importance(args):
    """Compare the weights, then the times."""
    generator = load_generator(args.generator)
    direction = np.random.RandomState(0).normal(size=generator.w_dim)
    found = {}

    def ours():
        found["ours"] = layer_importance(
            generator, direction, n_pairs=args.pairs, random_state=0
        ).weights

    def alternative():
        found["alternative"] = pair_by_pair(generator, direction, args.pairs)

    calls = {"ours": ours, "one pair at a time": alternative}
    times = measure(with_limit(calls), args.repeats)
    np.testing.assert_allclose(found["ours"], found["alternative"], rtol=1e-3)
    text = row_text(times, "ours", {label: operations(call) for label, call in calls.items()})
    print(f"importance, {args.pairs} pairs at {generator.resolution} px: {text}", flush=True)


def write_codes(path, n_codes):
    """Write random W+ codes block by block and map them."""
    rng = np.random.default_rng(0)
    block = rng.standard_normal((BLOCK, N_LAYERS * W_DIM), dtype=np.float32)
    codes = np.lib.format.open_memmap(path, "w+", np.float32, (n_codes, block.shape[1]))
    for start in range(0, n_codes, BLOCK):
        stop = min(start + BLOCK, n_codes)
        codes[start:stop] = block[: stop - start]
    codes.flush()
    return np.load(path, mmap_mode="r")


def time_distances(args):
    """Compare with reading by a sum and by copies into one buffer; the faster one counts."""
    with tempfile.TemporaryDirectory() as folder:
        codes = write_codes(Path(folder) / "codes.npy", args.codes)
        rng = np.random.default_rng(0)
        model = HyperplaneDistance(rng.standard_normal(W_DIM), w_dim=W_DIM, random_state=0).fit(
            codes[:10]
        )
        buffer = np.empty((BLOCK, codes.shape[1]), dtype=np.float32)

        def copy():
            for start in range(0, len(codes), BLOCK):
                rows = codes[start : start + BLOCK]
                np.copyto(buffer[: len(rows)], rows)

        functions = {"distances": lambda: model.transform(codes), "sum": codes.sum, "copy": copy}
        times = measure(functions, args.repeats)
        size = codes.nbytes / 1e9
    reading = min(np.median(times[name]) for name in ("sum", "copy"))
    print(
        f"distances of {args.codes} codes, {size:.1f} GB: {row_text(times, 'distances')}; share of "
        f"the speed of reading {reading / np.median(times['distances']):.2f}",
        flush=True,
    )


def time_sefa(args):
    """Compare all directions of a wide generator with the general eigenproblem."""
    from skstylefeat.networks import Generator
    from skstylefeat.networks.stylegan2 import GeneratorConfig, StyleGAN2Generator

    config = GeneratorConfig(64, [512] * 5, z_dim=W_DIM, w_dim=W_DIM, n_mapping=2)
    generator = Generator(StyleGAN2Generator(config).requires_grad_(False).eval(), name="wide")
    affines = [m.affine for _, _, m in generator.module.synthesis.modulated()]
    rows = np.concatenate([a.weight.numpy() * a.weight_gain for a in affines])
    found = {}

    def ours():
        found["ours"] = SeFa(generator, normalize=False).fit().eigenvalues_

    def general():
        values, _ = np.linalg.eig(rows.T.astype(np.float64) @ rows)
        found["general"] = np.sort(values.real)[::-1]

    def authors():
        weights = rows.T / np.linalg.norm(rows.T, axis=0, keepdims=True)
        values, vectors = np.linalg.eig(weights.dot(weights.T))
        found["authors"] = vectors.T, values

    functions = {"ours": ours, "general solver": general, "its authors' function": authors}
    functions["bound"] = lambda: np.linalg.eigh(rows.T @ rows)
    times = measure(functions, args.repeats)
    np.testing.assert_allclose(found["ours"], found["general"], rtol=1e-4, atol=1e-4)
    print(f"SeFa, {len(rows)} x {W_DIM} affine weights: {row_text(times, 'ours')}", flush=True)


def time_direction(args):
    """Time both labeled directions on halves and on a score."""
    rng = np.random.default_rng(0)
    mixing = rng.standard_normal((64, W_DIM))
    hidden = rng.standard_normal((args.labeled, 64))
    codes = hidden @ mixing + 0.3 * rng.standard_normal((args.labeled, W_DIM))
    codes = codes.astype(np.float32)
    score = hidden[:, :4].sum(axis=1) + rng.standard_normal(args.labeled)
    labels = {"score": score, "halves": score > np.median(score)}
    models = {
        "discriminant": DiscriminantDirection(),
        "SVM": LinearSVMDirection(validation_fraction=0, random_state=0),
        "SVM with validation": LinearSVMDirection(random_state=0),
    }
    for kind, y in labels.items():
        functions = {
            name: lambda model=model, y=y: model.fit(codes, y) for name, model in models.items()
        }
        times = measure(functions, args.repeats)
        shown = row_text(times, "discriminant")
        print(f"direction from {args.labeled} codes of {W_DIM}, {kind}: {shown}", flush=True)


def function_of_file(path, name):
    """Return a function of a script without running the script, which may import much."""
    tree = ast.parse(path.read_text(encoding="utf-8"))
    tree.body = [x for x in tree.body if isinstance(x, ast.FunctionDef) and x.name == name]
    names = {"np": np, "copy": copy}
    exec(compile(tree, str(path), "exec"), names)
    return names[name]


def central_part(distances):
    """Return the central 95 % of the distances as LARGE's script takes them."""
    low, high = (np.quantile(distances, share) for share in (0.025, 0.975))
    return distances[(distances > low) & (distances < high)][:, None]


def points_functions(sampler, distances, n_points):
    """Return functions that select points; each draws from a state that goes on."""
    state = np.random.RandomState(0)
    part = central_part(distances)
    gap = np.ptp(part) / n_points**1.3
    functions = {"ours": lambda: select_calibration_points(distances, n_points, random_state=state)}
    if sampler is not None:
        functions["sampler"] = lambda: sampler(part, n_points, gap)
        functions["sampler and central part"] = lambda: sampler(
            central_part(distances), n_points, gap
        )
    functions["bound"] = lambda: (np.sort(distances), state.permutation(len(part)))
    return functions


def time_points(args):
    """Compare the processor times over many draws."""
    sampler = None if args.large is None else function_of_file(args.large, "sample_min_distance")
    for n, n_points in itertools.product((1_000, 50_000), (2, 5, 20)):
        distances = np.random.RandomState(0).normal(size=n)
        functions = points_functions(sampler, distances, n_points)
        with open(os.devnull, "w") as nowhere, contextlib.redirect_stdout(nowhere):
            times = measure(functions, 100, time.process_time)
        print(f"{n_points} points of {n} distances: {row_text(times, 'ours')}", flush=True)


def main():
    parser = argparse.ArgumentParser(description=__doc__.split("\n")[0])
    parser.add_argument("--only", nargs="+", choices=TASKS, default=TASKS)
    parser.add_argument("--generator", default="faces64")
    parser.add_argument("--pairs", type=int, default=40)
    parser.add_argument("--codes", type=int, default=100_000)
    parser.add_argument("--labeled", type=int, default=20_000)
    parser.add_argument("--large", type=Path, help="LARGE's train_regression_model.py")
    parser.add_argument("--repeats", type=int, default=3)
    args = parser.parse_args()
    for task in args.only:
        globals()[f"time_{task}"](args)


if __name__ == "__main__":
    main()
