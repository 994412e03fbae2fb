"""Every figure and table of LARGE on one data set, as numbers in a JSON file.

Rendered faces with the bundled networks, about a quarter of an hour on two cores::

    python benchmarks/paper_b/run.py --data rendered --jobs 2

Photos of UTKFace, from a folder with utkface96.zip and utkface96.csv::

    python benchmarks/paper_b/run.py --data FOLDER --generator faces32.safetensors \\
        --encoder faces32-encoder.safetensors --jobs 2

``--only 3 10`` computes some figures and keeps the others from an earlier run. ``page.py`` writes
``docs/results/paper_b.md`` from both files.
"""

import argparse
import json
import os
import platform
import time
from importlib.metadata import version
from pathlib import Path

import torch
from data import load_data
from figures import FIGURES, SHORT, Study, quietly

# Of the attributes of rendered faces, those of the paper.
IN_FULL = ("yaw", "age")


def parse_arguments():
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--data", required=True, metavar="rendered|FOLDER")
    parser.add_argument("--generator", type=Path, default=None, help="for photos")
    parser.add_argument("--encoder", type=Path, default=None, help="for photos")
    parser.add_argument("--split", choices=("test", "validation"), default="test")
    parser.add_argument("--cache", type=Path, default=None, help="folder for decoded crops")
    parser.add_argument("--attributes", nargs="+", default=None)
    parser.add_argument("--only", nargs="+", choices=list(FIGURES), default=list(FIGURES))
    parser.add_argument("--size", type=int, default=1_200, help="images in each of the three sets")
    parser.add_argument("--draws", type=int, default=1_000)
    parser.add_argument("--jobs", type=int, default=1)
    parser.add_argument("--out", type=Path, default=Path("runs/paper_b"))
    args = parser.parse_args()
    if args.data != "rendered" and (args.generator is None or args.encoder is None):
        parser.error("photos need --generator and --encoder")
    return args


def facts(args, data, seconds):
    """Return date, networks, data and software of the run."""
    generator, encoder = data.inverter.generator_, data.inverter.encoder_
    libraries = ", ".join(f"{name} {version(name)}" for name in ("torch", "scikit-learn", "numpy"))
    return {
        "date": time.strftime("%Y-%m-%d", time.gmtime()),
        "generator": f"{generator.name}, SHA-256 {generator.sha256}",
        "encoder": f"{encoder.name}, SHA-256 {encoder.sha256}",
        "PSNR": f"{data.psnr():.2f} dB on the test images",
        "images": f"3 x {len(data.sets['test'])}",
        "draws": args.draws,
        "time": f"{seconds:.0f} s, the last call, with {args.jobs} of {os.cpu_count()} CPU cores",
        "software": f"Python {platform.python_version()}, {libraries}",
    }


def main():
    args = parse_arguments()
    start = time.monotonic()
    torch.set_num_threads(args.jobs)
    data = load_data(args)
    path = args.out / f"{data.name}.json"
    args.out.mkdir(parents=True, exist_ok=True)
    results = json.loads(path.read_text()) if path.exists() else {"attributes": {}}
    print(f"{time.monotonic() - start:.0f} s: images inverted", flush=True)
    for attribute in args.attributes or data.attributes:
        study = Study(data, attribute, args)
        found = results["attributes"].setdefault(attribute, {})
        for name in args.only:
            if attribute not in IN_FULL and name not in SHORT:
                continue
            found[name] = quietly(FIGURES[name], study)
            seconds = time.monotonic() - start
            print(f"{seconds:.0f} s: {attribute}, {name}", flush=True)
            results["facts"] = facts(args, data, seconds)
            path.write_text(json.dumps(results, indent=1))  # a stopped run keeps its results


if __name__ == "__main__":
    main()
