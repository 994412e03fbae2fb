"""Choice of the ResNet-18's learning rate, on validation photos.

::

    python benchmarks/paper_a/learning_rate.py --data FOLDER

Labels are drawn from training photos, 4 per class and `--labels` more, and 2,000 validation photos
are scored. The best mean over targets and numbers of labels is `LEARNING_RATE` in `resnet.py`.
"""

import argparse
import sys
from pathlib import Path

import numpy as np
from resnet import resnet_predictions, standardized, train_resnet
from sklearn.metrics import balanced_accuracy_score

sys.path.insert(0, str(Path(__file__).resolve().parents[1] / "photos"))
from crops import read_halves

TARGETS = ("Male", "Smiling")
RATES = (5e-4, 2e-3, 8e-3, 2e-2)
N_POOL, N_SCORED = 1_200, 2_000


def labeled_rows(y, n_more, seed):
    """Return the rows of 4 labels per class and of `n_more` others."""
    rng = np.random.default_rng(seed)
    first = [rng.choice(np.flatnonzero(y == label), 4, replace=False) for label in np.unique(y)]
    first = np.concatenate(first)
    others = np.setdiff1d(np.arange(len(y)), first)
    return np.concatenate([first, rng.choice(others, n_more, replace=False)])


def main():
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--data", required=True, help="folder of zip and csv files")
    parser.add_argument("--cache", type=Path, help="folder for decoded crops")
    parser.add_argument("--labels", type=int, nargs="+", default=(30, 300))
    parser.add_argument("--draws", type=int, default=2)
    args = parser.parse_args()
    (pool, labels), (scored, truth) = read_halves(
        "celeba", "validation", N_POOL, N_SCORED, folder=args.data, cache=args.cache
    )
    pool, scored = standardized(pool), standardized(scored)
    print(f"rate, then balanced accuracy in % by target and labels: {TARGETS} x {args.labels}")
    for rate in RATES:
        means = []
        for target in TARGETS:
            y, y_scored = (frame[target].to_numpy() for frame in (labels, truth))
            for n_more in args.labels:
                scores = []
                for draw in range(args.draws):
                    rows = labeled_rows(y, n_more, draw)
                    codes = (y[rows] > 0).astype(np.int64)
                    model = train_resnet(pool[rows], codes, 2, draw, rate)
                    guess = resnet_predictions(model, scored)
                    scores.append(balanced_accuracy_score(y_scored > 0, guess))
                means.append(100 * np.mean(scores))
        cells = "  ".join(f"{mean:.1f}" for mean in means)
        print(f"{rate:g}: {cells}; mean {np.mean(means):.1f}", flush=True)


if __name__ == "__main__":
    main()
