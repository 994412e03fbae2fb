"""All scripts of paper A on one collection of images.

::

    python benchmarks/paper_a/run.py --jobs 2
    python benchmarks/paper_a/run.py --jobs 2 --photos celeba --data FOLDER \\
        --generator GENERATOR --encoder ENCODER

Trains the comparators that are missing, both at once, then runs `tables.py`, `estimators.py`,
`figures.py` and `page.py` with the arguments given here.
"""

import argparse
import os
import subprocess
import sys
import time
from pathlib import Path

from data import add_data_arguments, runs_folder
from names import COMPARATORS
from sources import add_source_arguments

HERE = Path(__file__).resolve().parent
SCRIPTS = ("tables", "estimators", "figures", "page")
OWN = ("minutes", "draws", "jobs", "only")


def command(script, *arguments):
    """Return the command line of a script in this folder."""
    return [sys.executable, str(HERE / f"{script}.py"), *map(str, arguments)]


def train_comparators(args, shared):
    """Train missing networks, each in a separate process."""
    wanted = [name for name in COMPARATORS if name in args.compare]
    missing = [name for name in wanted if not (runs_folder(args) / f"{name}.safetensors").is_file()]
    running = [
        subprocess.Popen(
            command("comparators", *shared, "--only", name, "--minutes", args.minutes),
            env=os.environ | {"OMP_NUM_THREADS": "1"},
        )
        for name in missing
    ]
    codes = [process.wait() for process in running]
    if any(codes):
        raise SystemExit("comparators.py failed.")


def main():
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    add_data_arguments(parser)
    add_source_arguments(parser)
    parser.add_argument("--minutes", type=float, default=30.0, help="training time of a comparator")
    parser.add_argument("--draws", type=int, default=20)
    parser.add_argument("--jobs", type=int, default=1)
    parser.add_argument("--only", nargs="+", choices=SCRIPTS, default=SCRIPTS)
    args = parser.parse_args()
    networks = given_arguments(args, parser, OWN)
    data = given_arguments(args, parser, (*OWN, "compare", "vgg16", "inception"))
    start = time.monotonic()
    train_comparators(args, data)
    print(f"comparators: {time.monotonic() - start:.0f} s", flush=True)
    several = ["--draws", args.draws]
    docs = [] if args.data else ["--docs"]
    more = {
        "tables": [*networks, *several, "--jobs", args.jobs],
        "estimators": [*networks, *several, "--jobs", args.jobs],
        "figures": [*networks, *several, *docs],
        "page": [],
    }
    for script in args.only:
        subprocess.run(command(script, *more[script]), check=True)
        print(f"{script}: after {time.monotonic() - start:.0f} s", flush=True)


def given_arguments(args, parser, left_out):
    """Return the arguments that differ from their defaults, except those in `left_out`."""
    found = []
    for name, value in vars(args).items():
        if name not in left_out and value != parser.get_default(name):
            values = value if isinstance(value, list) else [value]
            found += [f"--{name.replace('_', '-')}", *values]
    return found


if __name__ == "__main__":
    main()
