"""Time of encoders by torch and by OpenVINO, in the same run.

    python benchmarks/benchmark_engines.py                      # an e4e of the usual size
    python benchmarks/benchmark_engines.py --encoder FILE

Without a file, an e4e of 267 million random weights is written to a temporary folder (1 GB), and as
much again is taken by its conversion. The engines take turns, and each time is the median over the
rounds. Ratios are those of torch's time in the same run: other work on the machine slows all. The
limit is the time that a large float32 matrix product needs here for as many operations as the
network's convolutions and products; bfloat16 may go beyond it.

Other code is timed in turns, too, when given as ``--against LABEL=MODULE:FUNCTION``: a function of
the encoder's file in an importable module, which returns a callable of images (n, 3, H, W) in
[-1, 1] that gives codes (n, n_ws, w_dim).
"""

import argparse
import os
import sys
import tempfile
import time
from functools import partial
from pathlib import Path

import numpy as np
import torch

sys.path.insert(0, str(Path(__file__).resolve().parent))
sys.path.insert(0, str(Path(__file__).resolve().parents[1]))

from benchmark_networks import import_maker, write_e4e
from timing import add_clock, measure, operations, rate_of, with_limit

from skstylefeat import load_encoder
from tests.support.networks import tiny_generator


def engines_of(path, precisions):
    """Return the engines by name, and the encoder by torch, both from a file; print their times.

    Engines are functions of images (n, H, W, 3) in [0, 1].
    """
    start = time.perf_counter()
    plain = load_encoder(path)
    print(f"read by torch: {time.perf_counter() - start:.1f} s")
    encoders = {"torch float32": plain}
    for precision in precisions:
        start = time.perf_counter()
        try:
            encoders[f"OpenVINO {precision}"] = plain.with_engine("openvino", precision)
        except ValueError as error:  # a processor without bfloat16
            print(error)
            continue
        print(f"OpenVINO {precision}, ready after {time.perf_counter() - start:.1f} s")
    generator = tiny_generator(64) if plain.needs_generator else None
    functions = {
        name: partial(encoder.encode, generator=generator) for name, encoder in encoders.items()
    }
    return functions, plain


def competitor(make, path):
    """Return a function of images (n, H, W, 3) from one that takes tensors (n, 3, H, W)."""
    encode = torch.inference_mode()(make(path))
    return lambda images: encode(torch.from_numpy(images).permute(0, 3, 1, 2) * 2 - 1)


def main():
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--encoder", type=Path, help="file (default: a random e4e)")
    parser.add_argument("--batches", type=int, nargs="+", default=[1, 4])
    parser.add_argument(
        "--precisions", nargs="*", default=["float32", "bfloat16"], help="of OpenVINO; may be none"
    )
    parser.add_argument("--rounds", type=int, default=3)
    parser.add_argument("--threads", type=int, default=os.cpu_count())
    parser.add_argument("--against", nargs="*", type=import_maker, default=[])
    add_clock(parser)
    arguments = parser.parse_args()
    torch.set_num_threads(arguments.threads)

    with tempfile.TemporaryDirectory() as folder:
        os.environ.setdefault("SKSTYLEFEAT_CACHE", folder)
        path = arguments.encoder or Path(folder) / "e4e.pt"
        if arguments.encoder is None:
            write_e4e(path, 18)
        functions, encoder = engines_of(path, arguments.precisions)
        height, width = encoder.input_size
        functions |= {label: competitor(make, path) for label, make in arguments.against}

        rows, rates = [], []
        for n_images in arguments.batches:
            rng = np.random.default_rng(0)
            images = rng.random((n_images, height, width, 3), dtype=np.float32)
            calls = {name: partial(function, images) for name, function in functions.items()}
            times = measure(with_limit(calls), arguments.rounds, arguments.clock)
            rates.append(rate_of(times))
            expected = functions["torch float32"](images)
            count = None
            if not encoder.needs_generator:
                count = operations(encoder.module, torch.rand(n_images, 3, height, width))
            for name, function in functions.items():
                seconds, codes = times[name], np.asarray(function(images))
                error = np.sqrt(np.mean((codes - expected) ** 2) / np.mean(expected**2))
                middle = np.median(seconds)
                ratio = np.median(times["torch float32"]) / middle
                span = f"{min(seconds):.2f} to {max(seconds):.2f}"
                limit = f"{count / rates[-1] / middle:.0%}" if count else "-"
                cells = f"{middle:.2f}", span, f"{ratio:.2f}", limit, f"{error:.1e}"
                rows.append([name, n_images, *cells])
    shown = ", ".join(f"{rate / 1e9:.0f}" for rate in rates)
    print(f"matrix products ran at {shown} GFLOP/s")
    heads = ["engine", "images", "seconds", "range", "times torch", "of the limit", "rms of codes"]
    widths = [max(len(str(row[i])) for row in [heads, *rows]) for i in range(len(heads))]
    for row in [heads, *rows]:
        print("  ".join(str(cell).rjust(w) for cell, w in zip(row, widths, strict=True)))


if __name__ == "__main__":
    main()
