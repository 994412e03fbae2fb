"""What rounding an encoder to bfloat16 does to predictions of photos.

Photos and mirror images are encoded in float32 and by OpenVINO in bfloat16. From the same few
labels of the training split, a logistic regression on S codes predicts gender, smiling, glasses
and youth of held-out photos of CelebA, and a ridge regression the age on UTKFace::

    python benchmarks/photos/precision.py GENERATOR.safetensors ENCODER.safetensors

Scores are balanced accuracies in % and errors in years, mean ± standard error over the draws. The
differences are those of the same draws. No choice depends on them.
"""

import argparse
from functools import partial
from pathlib import Path

import numpy as np
from crops import read_halves
from judge_generator import read_few
from readouts import encode
from sklearn.linear_model import RidgeCV
from sklearn.metrics import mean_absolute_error
from table import CLASSES, RIDGE, scaled_by_pool

from skstylefeat import load_encoder, load_generator
from skstylefeat.experiments import N_PER_CLASS
from skstylefeat.latents import w_plus_to_s

PRECISIONS = {"exact": "float32", "rounded": "bfloat16"}
BUDGETS = (5, 30)
N_VALUES = (20, 1_000)  # labels of the age


def codes_of(encoder, images):
    """Return the mean of the codes of photos (n, H, W, 3), uint8, and of their mirror images."""
    return (encode(encoder, images) + encode(encoder, images[:, :, ::-1])) / 2


def age_error(rows, y, n_labels, n_pool, draw):
    """Return the mean absolute error of the age from random labels of the pool."""
    known = np.random.default_rng((draw, n_labels)).permutation(n_pool)[:n_labels]
    model = RidgeCV(RIDGE).fit(rows[known], y[known])
    return mean_absolute_error(y[n_pool:], model.predict(rows[n_pool:]))


def comparison(rows, score, n_draws):
    """Return the text of both precisions' scores and of their difference, draw by draw.

    Parameters
    ----------
    rows : dict of str to ndarray of shape (n, d)
        Rows of each precision.
    score : callable
        A function of rows, with the keyword `draw`.
    n_draws : int
    """
    scores = {
        name: np.array([score(x, draw=i) for i in range(n_draws)]) for name, x in rows.items()
    }
    scores["difference"] = scores["rounded"] - scores["exact"]
    cells = [
        f"{name} {x.mean():.2f} ± {x.std(ddof=1) / np.sqrt(n_draws):.2f}"
        for name, x in scores.items()
    ]
    return ",  ".join(cells)


def main():
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("generator", type=Path)
    parser.add_argument("encoder", type=Path)
    parser.add_argument("--data", type=Path, default=None, help="folder of the archives")
    parser.add_argument("--cache", type=Path, default=None, help="folder for decoded crops")
    parser.add_argument("--split", choices=("test", "validation"), default="test")
    parser.add_argument("--pool", type=int, default=1_200, help="images to label from")
    parser.add_argument("--held-out", type=int, default=2_000, help="images to score on")
    parser.add_argument("--draws", type=int, default=20)
    args = parser.parse_args()

    generator = load_generator(args.generator)
    plain = load_encoder(args.encoder)
    print(f"generator SHA-256 {generator.sha256}\nencoder SHA-256 {plain.sha256}")
    encoders = {name: plain.with_engine("openvino", x) for name, x in PRECISIONS.items()}
    for data, columns in {**CLASSES, "utkface": {**CLASSES["utkface"], "age": "age"}}.items():
        halves = read_halves(
            data, args.split, args.pool, args.held_out, folder=args.data, cache=args.cache
        )
        n_pool = len(halves[0][0])
        codes = {
            name: np.concatenate([codes_of(encoder, x) for x, _ in halves])
            for name, encoder in encoders.items()
        }
        centered = codes["exact"] - codes["exact"].mean(axis=0)
        error = np.sqrt(np.mean((codes["rounded"] - codes["exact"]) ** 2) / np.mean(centered**2))
        print(f"{data}: bfloat16 changes codes by {error:.2%} of their deviation (rms)", flush=True)

        rows = {}
        for name, found in codes.items():
            styles = w_plus_to_s(found, generator)
            rows[name] = np.concatenate(scaled_by_pool([styles[:n_pool], styles[n_pool:]]))
        for column, target in columns.items():
            y = np.concatenate([frame[column].to_numpy() for _, frame in halves])
            score, budgets, first, unit = read_few, BUDGETS, 2 * N_PER_CLASS, "%"
            if column == "age":
                score, budgets, first, unit = age_error, N_VALUES, 0, "years"
                mean = mean_absolute_error(y[n_pool:], np.full(len(y) - n_pool, y[:n_pool].mean()))
                print(f"age, years: the mean of the pool errs by {mean:.2f}")
            for budget in budgets:
                one_draw = partial(score, y=y, n_labels=budget, n_pool=n_pool)
                text = comparison(rows, one_draw, args.draws)
                print(f"{target}, {first + budget} labels, {unit}: {text}", flush=True)


if __name__ == "__main__":
    main()
