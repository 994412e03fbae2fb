"""Load saved estimators and write down what they say: the other process of persistence tests.

``python -m tests.support.answer ANSWERS SAVED [SAVED ...] [--without-torch]`` imports nothing of
the package itself; the files, dicts from names to (estimator, method or attribute, input), bring in
what they need. With ``--write-numpy-world`` the file SAVED is made first.
"""

import argparse
import pickle
import sys
from pathlib import Path

import joblib
import numpy as np


class NoTorch:
    """A finder of modules for which torch does not exist."""

    def find_spec(self, name, path=None, target=None):
        if name.partition(".")[0] == "torch":
            raise ModuleNotFoundError("No module named 'torch'", name="torch")
        return None


def answer(estimator, asked, X=None):
    """Return what a method says to X, or an attribute's value, as an array."""
    asked = getattr(estimator, asked)
    return np.asarray(asked(X) if callable(asked) else asked)


def load(path):
    """Read a pickle or joblib file, or a folder of skops files with the inputs beside them."""
    if path.suffix == ".joblib":
        return joblib.load(path)
    if path.suffix == ".pkl":
        return pickle.loads(path.read_bytes())
    import skops.io

    trusted = (path / "trusted.txt").read_text().split()
    with open(path / "inputs.pkl", "rb") as file:
        questions = pickle.load(file)
    return {
        name: (skops.io.load(path / f"{i}.skops", trusted=trusted), *question)
        for i, (name, question) in enumerate(questions.items())
    }


def main():
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("answers", type=Path)
    parser.add_argument("saved", type=Path, nargs="+")
    parser.add_argument("--without-torch", action="store_true")
    parser.add_argument("--write-numpy-world", action="store_true")
    arguments = parser.parse_args()
    if arguments.write_numpy_world:
        from tests.support.estimators import numpy_world

        with open(arguments.saved[0], "wb") as file:
            pickle.dump({name: tuple(fitted) for name, fitted in numpy_world().items()}, file)
    if arguments.without_torch:
        sys.meta_path.insert(0, NoTorch())
    answers = {
        f"{path.name}: {name}": answer(*saved)
        for path in arguments.saved
        for name, saved in load(path).items()
    }
    if arguments.without_torch and "torch" in sys.modules:
        raise SystemExit("torch was imported")
    np.savez(arguments.answers, **answers)


if __name__ == "__main__":
    main()
