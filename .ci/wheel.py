"""Build the wheel, look at what is in it, and use it where torch is not installed.

Run from the repository by a Python that has the package's test dependencies. The numpy-world
estimators are fitted and saved here and answer there, in an environment of the wheel, NumPy,
SciPy, scikit-learn, Pillow and safetensors.
"""

import os
import shutil
import subprocess
import sys
import tempfile
import venv
import zipfile
from pathlib import Path

import numpy as np

ROOT = Path(__file__).parents[1]
MAX_BYTES = 14_000_000
WEIGHTS = {"faces64.safetensors", "faces64-encoder.safetensors"}
# What may be in a wheel, by suffix; a photo, or a picture of any kind, may not.
SUFFIXES = {
    ".css",
    ".html",
    ".js",
    ".json",
    ".md",
    ".py",
    ".pyi",
    ".rst",
    ".safetensors",
    ".txt",
    ".typed",
}
DEPENDENCIES = ["joblib", "numpy", "pillow", "safetensors", "scikit-learn", "scipy", "tqdm"]


def run(*command):
    """Run a command in the repository; its output is shown if it fails."""
    done = subprocess.run([str(part) for part in command], cwd=ROOT, capture_output=True, text=True)
    if done.returncode:
        raise SystemExit(f"{' '.join(map(str, command))}\n{done.stdout}{done.stderr}")
    return done.stdout


def check_contents(wheel):
    """Raise SystemExit if the wheel lacks what it must have or has what it must not."""
    with zipfile.ZipFile(wheel) as file:
        names = [name for name in file.namelist() if ".dist-info/" not in name]
    outside = [name for name in names if not name.startswith("skstylefeat/")]
    unexpected = [name for name in names if Path(name).suffix not in SUFFIXES]
    missing = {f"skstylefeat/weights/{name}" for name in WEIGHTS} | {"skstylefeat/py.typed"}
    missing |= {f"skstylefeat/weights/{Path(name).stem}.md" for name in WEIGHTS}
    tracked = run("git", "ls-files", "skstylefeat").split() if (ROOT / ".git").exists() else []
    missing = (missing | set(tracked)) - set(names)
    size = wheel.stat().st_size
    for problem in (outside, unexpected, sorted(missing), [size] if size > MAX_BYTES else []):
        if problem:
            raise SystemExit(f"{wheel.name}: outside, unexpected, missing or too large: {problem}")
    print(f"{wheel.name}: {len(names)} files, {size / 1e6:.1f} MB")


def check_without_torch(wheel, folder):
    """Raise SystemExit if estimators saved here answer otherwise where torch is missing."""
    saved, here, there = folder / "saved.pkl", folder / "here.npz", folder / "there.npz"
    run(sys.executable, "-m", "tests.support.answer", here, saved, "--write-numpy-world")
    venv.create(folder / "env", with_pip=True)
    python = folder / "env" / ("Scripts" if os.name == "nt" else "bin") / "python"
    run(python, "-m", "pip", "install", "-q", "-c", ROOT / "constraints.txt", *DEPENDENCIES)
    run(python, "-m", "pip", "install", "-q", "--no-deps", wheel)
    installed = run(python, "-m", "pip", "list", "--format", "freeze").lower()
    if "torch" in installed or "skstylefeat" not in installed:
        raise SystemExit(f"This is no environment with the wheel and without torch:\n{installed}")
    # From the wheel, not from the repository's own folder: only the tests come from there.
    (folder / "tests" / "support").mkdir(parents=True)
    for name in ("__init__.py", "support/__init__.py", "support/answer.py"):
        (folder / "tests" / name).write_text((ROOT / "tests" / name).read_text())
    done = subprocess.run(
        [python, "-m", "tests.support.answer", there, saved],
        cwd=folder,
        capture_output=True,
        text=True,
    )
    if done.returncode:
        raise SystemExit(done.stderr)
    with np.load(here) as expected, np.load(there) as found:
        for name in expected.files:
            np.testing.assert_array_equal(found[name], expected[name], err_msg=name)
    print(f"{len(expected.files)} saved estimators answer the same without torch")


def main():
    """Build and check."""
    # What an earlier build left there would get into this one.
    shutil.rmtree(ROOT / "build", ignore_errors=True)
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        run(sys.executable, "-m", "pip", "wheel", "-q", "--no-deps", "-w", folder, ".")
        (wheel,) = folder.glob("*.whl")
        check_contents(wheel)
        check_without_torch(wheel, folder)


if __name__ == "__main__":
    main()
