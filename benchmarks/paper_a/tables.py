"""Tables 1 to 7 and the numbers of figures 6, 7 and 8.

::

    python benchmarks/paper_a/tables.py --jobs 2
    python benchmarks/paper_a/tables.py --photos celeba --data FOLDER --generator G --encoder E \\
        --pool 1200 --test 1000 --jobs 2

Each part writes ``runs/paper_a/NAME/PART.json``; ``--only`` runs some of them. `page.py` creates
``docs/results/paper_a.md`` from these files.
"""

import argparse
import json
import os
import platform
import time
from importlib.metadata import version

import numpy as np
from data import add_data_arguments, runs_folder
from evaluate import Draw
from joblib import Parallel, delayed
from resnet import resnet_scores
from sources import add_source_arguments, make_bench

from skstylefeat.experiments import summarize

PARTS = {
    "clustering": Draw.clustering,
    "shots": Draw.shots,
    "budgets": Draw.budgets,
    "regressions": Draw.regressions,
    "grid": Draw.grid,
    "resnet": resnet_scores,
}


def write_part(path, scores, facts):
    """Write means and standard deviations over the draws, with the facts of the run."""
    rows = [
        dict(zip(("target", "method", "metric", "n"), key, strict=True)) | value._asdict()
        for key, value in summarize(scores).items()
    ]
    path.write_text(json.dumps({"facts": facts, "scores": rows}, indent=1) + "\n")


def run_facts(args, seconds):
    """Return date, duration, processes and software of a part."""
    libraries = ", ".join(f"{name} {version(name)}" for name in ("torch", "scikit-learn", "numpy"))
    return {
        "date": time.strftime("%Y-%m-%d", time.gmtime()),
        "seconds": round(seconds),
        "jobs": f"{args.jobs} of {os.cpu_count()} processor cores",
        "software": f"Python {platform.python_version()}, {libraries}",
    }


def main():
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    add_data_arguments(parser)
    add_source_arguments(parser)
    parser.add_argument("--draws", type=int, default=20)
    parser.add_argument("--network-draws", type=int, default=20, help="draws of the ResNet-18")
    parser.add_argument("--only", nargs="+", choices=tuple(PARTS), default=tuple(PARTS))
    parser.add_argument("--jobs", type=int, default=1, help="processes")
    args = parser.parse_args()
    folder = runs_folder(args)
    bench = make_bench(args)
    shares = {
        target.name: float(
            np.unique(target.y_test, return_counts=True)[1].max() / len(bench.collection.test)
        )
        for target in bench.collection.targets
    }
    for part in args.only:
        start = time.monotonic()
        n_draws = min(args.draws, args.network_draws) if part == "resnet" else args.draws
        draws = [
            Draw(bench, target, number, args.random_state)
            for target in bench.collection.targets
            for number in range(n_draws)
        ]
        scores = Parallel(n_jobs=args.jobs)(delayed(PARTS[part])(draw) for draw in draws)
        facts = bench.facts | run_facts(args, time.monotonic() - start) | {"majority": shares}
        write_part(folder / f"{part}.json", [s for drawn in scores for s in drawn], facts)
        print(f"{part}: {facts['seconds']} s, {folder / part}.json", flush=True)


if __name__ == "__main__":
    main()
