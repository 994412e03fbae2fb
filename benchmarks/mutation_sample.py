"""Sample one-line mutations of the core and count those that no test notices.

Each mutation changes one operator, comparison or number in a copy of the repository; then the tests
of its package run until the first failure. A mutation that survives is printed with its line: it is
either equivalent to the original, or a gap in the tests::

    python benchmarks/mutation_sample.py --n 40 --seed 0
"""

import argparse
import ast
import random
import shutil
import subprocess
import sys
import tempfile
import time
from pathlib import Path

ROOT = Path(__file__).resolve().parents[1]

#: Folders of the core, relative to the package, and the tests that look at them.
CORE = {
    "annotation": ["tests/annotation"],
    "directions": ["tests/directions"],
    "features": ["tests/features"],
    "latents": ["tests/latents"],
    "metrics": ["tests/metrics", "tests/features/test_selector.py"],
    "networks/optimization": ["tests/networks", "tests/inversion/test_inverter.py"],
    "networks/stylegan2": ["tests/networks"],
    "regression": ["tests/regression"],
}
SWAPS = {
    ast.Add: ast.Sub,
    ast.Sub: ast.Add,
    ast.Mult: ast.Div,
    ast.Div: ast.Mult,
    ast.FloorDiv: ast.Mult,
    ast.Lt: ast.LtE,
    ast.LtE: ast.Lt,
    ast.Gt: ast.GtE,
    ast.GtE: ast.Gt,
    ast.Eq: ast.NotEq,
    ast.NotEq: ast.Eq,
    ast.And: ast.Or,
    ast.Or: ast.And,
}
CALLS = {"min": "max", "max": "min", "any": "all", "all": "any", "sqrt": "square"}


def places(tree):
    """Yield (node, change) for all that can be mutated inside functions."""
    inside = [
        n
        for f in ast.walk(tree)
        if isinstance(f, ast.FunctionDef)
        for s in f.body
        for n in ast.walk(s)
    ]
    for node in inside:
        if isinstance(node, ast.BinOp | ast.BoolOp) and type(node.op) in SWAPS:
            yield node, "op"
        elif isinstance(node, ast.Compare) and type(node.ops[0]) in SWAPS:
            yield node, "ops"
        elif isinstance(node, ast.Constant) and type(node.value) in (int, float):
            yield node, "value"
        elif isinstance(node, ast.Attribute) and node.attr in CALLS:
            yield node, "attr"


def mutate(node, change):
    """Change `node` in place."""
    if change == "op":
        node.op = SWAPS[type(node.op)]()
    elif change == "ops":
        node.ops[0] = SWAPS[type(node.ops[0])]()
    elif change == "value":
        node.value = node.value + 1 if isinstance(node.value, int) else node.value * 1.5
    else:
        node.attr = CALLS[node.attr]


def sample(n, seed):
    """Return `n` random mutations as (path, index of the place, folder)."""
    found = []
    for folder in CORE:
        for path in sorted((ROOT / "skstylefeat" / folder).glob("*.py")):
            count = sum(1 for _ in places(ast.parse(path.read_text())))
            found += [(path.relative_to(ROOT), i, folder) for i in range(count)]
    return random.Random(seed).sample(found, n)


def survives(copy, path, index, folder):
    """Run the tests on one mutation; return (line, before, after), or None if a test failed."""
    source = (copy / path).read_text()
    tree = ast.parse(source)
    node, change = list(places(tree))[index]
    before = ast.unparse(node)
    mutate(node, change)
    (copy / path).write_text(ast.unparse(tree))
    tests = [x for x in CORE[folder] if (copy / x).exists()]
    command = [sys.executable, "-m", "pytest", "-q", "-x", "-p", "no:cacheprovider", *tests]
    try:
        done = subprocess.run(command, cwd=copy, capture_output=True, text=True, timeout=900)
        failed = done.returncode != 0
    except subprocess.TimeoutExpired:
        failed = True
    finally:
        (copy / path).write_text(source)
    return None if failed else (node.lineno, before, ast.unparse(node))


def main():
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--n", type=int, default=40)
    parser.add_argument("--seed", type=int, default=0)
    args = parser.parse_args()
    n_survivors = 0
    with tempfile.TemporaryDirectory() as folder:
        copy = Path(folder) / "repository"
        ignored = shutil.ignore_patterns(".git", ".venv*", "runs", "docs", "*.egg-info")
        shutil.copytree(ROOT, copy, ignore=ignored)
        for number, (path, index, package) in enumerate(sample(args.n, args.seed), 1):
            start = time.monotonic()
            left = survives(copy, path, index, package)
            n_survivors += left is not None
            text = "caught" if left is None else f"SURVIVES line {left[0]}: {left[1]} -> {left[2]}"
            seconds = time.monotonic() - start
            print(f"{number:3d} {path} #{index}: {text} ({seconds:.0f} s)", flush=True)
    print(f"{n_survivors} of {args.n} mutations survive (seed {args.seed})")


if __name__ == "__main__":
    main()
