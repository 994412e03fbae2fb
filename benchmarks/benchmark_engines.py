"""Time of encoders by torch and by OpenVINO, in the same run.

    python benchmarks/benchmark_engines.py                      # an e4e of the usual size
    python benchmarks/benchmark_engines.py --encoder FILE

Without a file, an e4e of 267 million random weights is written to a temporary folder (1 GB), and as
much again is taken by its conversion. The engines take turns, and each time is the median over the
rounds. Ratios are those of torch's time in the same run: other work on the machine slows all.
"""

import argparse
import os
import sys
import tempfile
import time
from pathlib import Path

import numpy as np
import torch

sys.path.insert(0, str(Path(__file__).parents[1]))
from skstylefeat import load_encoder
from tests.support import checkpoint_writers as writers
from tests.support.networks import tiny_generator


def write_e4e(path):
    """Write an e4e of the size of its authors', with random weights."""
    state = writers.psp_state(
        "Encoder4Editing", n_ws=18, w_dim=512, widths=(64, 128, 256, 512), n_units=(3, 4, 14, 3)
    )
    average = torch.zeros(18, 512)
    writers.write_psp(path, state, latent_avg=average, encoder_type="Encoder4Editing")


def measured(encoders, n_images, n_rounds):
    """Return the seconds per call by engine, the engines taking turns, and the codes."""
    times, codes = {name: [] for name in encoders}, {}
    height, width = next(iter(encoders.values())).input_size
    rng = np.random.default_rng(0)
    images = rng.random((n_images, height, width, 3), dtype=np.float32)
    generator = tiny_generator(64) if next(iter(encoders.values())).needs_generator else None
    for step in range(n_rounds + 1):
        for name, encoder in encoders.items():
            start = time.perf_counter()
            codes[name] = encoder.encode(images, generator=generator)
            if step:  # the first call prepares memory
                times[name].append(time.perf_counter() - start)
    return {name: float(np.median(seconds)) for name, seconds in times.items()}, codes


def main():
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--encoder", type=Path, help="file (default: a random e4e)")
    parser.add_argument("--batches", default="1,4", help="sizes of the batches")
    parser.add_argument("--rounds", type=int, default=3)
    parser.add_argument("--threads", type=int, default=os.cpu_count())
    arguments = parser.parse_args()
    torch.set_num_threads(arguments.threads)

    with tempfile.TemporaryDirectory() as folder:
        os.environ.setdefault("SKSTYLEFEAT_CACHE", folder)
        path = arguments.encoder or Path(folder) / "e4e.pt"
        if arguments.encoder is None:
            write_e4e(path)
        start = time.perf_counter()
        encoders = {"torch float32": load_encoder(path)}
        print(f"read by torch: {time.perf_counter() - start:.1f} s")
        for title in ("converted and compiled", "bfloat16, compiled from the kept file"):
            precision = "bfloat16" if "bfloat16" in title else "float32"
            start = time.perf_counter()
            try:
                encoder = encoders["torch float32"].with_engine("openvino", precision)
            except ValueError as error:  # a processor without bfloat16
                print(error)
                continue
            encoders[f"OpenVINO {precision}"] = encoder
            print(f"{title}: {time.perf_counter() - start:.1f} s")

        rows = []
        for n_images in map(int, arguments.batches.split(",")):
            seconds, codes = measured(encoders, n_images, arguments.rounds)
            expected = codes["torch float32"]
            for name, value in seconds.items():
                error = np.sqrt(np.mean((codes[name] - expected) ** 2) / np.mean(expected**2))
                ratio = seconds["torch float32"] / value
                rows.append([name, n_images, f"{value:.2f}", f"{ratio:.2f}", f"{error:.1e}"])
    heads = ["engine", "images", "seconds", "times torch", "rms of codes"]
    widths = [max(len(str(row[i])) for row in [heads, *rows]) for i in range(len(heads))]
    for row in [heads, *rows]:
        print("  ".join(str(cell).rjust(w) for cell, w in zip(row, widths, strict=True)))


if __name__ == "__main__":
    main()
