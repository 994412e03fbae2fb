"""Readers of few labels on every data set, with a generator and without: what `fit` chooses from.

Rendered faces, photos of faces (CelebA, UTKFace) and of clothes are inverted by their generators,
few labels are drawn at random, and other images are scored. The recipe of ``fit``, each of its
candidates and readers of histograms of gradients, which need no generator, get the same labels::

    python benchmarks/benchmark_readers.py --data FOLDER --faces GENERATOR ENCODER \
        --clothes GENERATOR ENCODER --split test --cache runs/readers

FOLDER holds the archives and tables of `benchmarks/photos`, and clothing64.zip and clothing64.csv.
Data sets without networks are left out. Of two classes, 4 images each are labeled and the rest of
the budget is drawn at random, so that 13 and 38 labels are those of the photos' table with 5 and
30; of more classes and of numbers, all are random. Everything was chosen with ``--split
validation``, whose photos and rendered faces are others than those of ``test``.
"""

import argparse
import sys
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from tqdm.auto import tqdm

from skstylefeat.datasets import make_faces
from skstylefeat.experiments import (
    Score,
    Table,
    photo_features,
    recipe_predictions,
    save_scores,
    summarize,
    tabulate,
)

sys.path.append(str(Path(__file__).parent / "photos"))
from crops import read_halves
from other_domains import clothing

BUDGETS = (13, 24, 38, 100)
N_PER_CLASS = 4
#: Rendered faces by split; the bundled networks have seen neither.
SEEDS = {"validation": (0, 1, 2, 3, 4), "test": (40, 41, 42, 43)}
N_RENDERED, N_RENDERED_OTHERS = 240, 200
CELEBA = {"Male": "gender", "Smiling": "smiling", "Eyeglasses": "glasses", "Young": "young"}
BASELINE = "commonest class or mean"
CLOTHES_SIDE = 32


@dataclass(frozen=True)
class Domain:
    """Rows to label from, rows to score, and the targets of both.

    Attributes
    ----------
    pool, others : ndarray of shape (n, n_features)
    blocks : dict of str to (start, stop)
    targets : dict of str to (ndarray, ndarray)
        Classes, or numbers in float64, of both.
    """

    pool: np.ndarray
    others: np.ndarray
    blocks: dict
    targets: dict


def features(images, name, cache, networks=()):
    """Return rows of images and their blocks, kept in a file."""
    path = None if cache is None else cache / f"{name}.npz"
    if path is not None and path.exists():
        kept = np.load(path)
        names = [key for key in kept.files if key != "rows"]
        return kept["rows"], {key: tuple(kept[key].tolist()) for key in names}
    rows, _, blocks = photo_features(images, *networks)
    if path is not None:
        path.parent.mkdir(parents=True, exist_ok=True)
        np.savez(path, rows=rows, **blocks)
    return rows, blocks


def rendered(seed, args):
    """Return rendered faces by the bundled networks."""
    counts = (args.rendered, N_RENDERED), (args.rendered_others, N_RENDERED_OTHERS)
    halves = [make_faces(n, random_state=10 * seed + k) for k, (n, _) in enumerate(counts)]
    images = np.concatenate([half.images for half in halves])
    rows, blocks = features(images, f"rendered-{seed}-{len(images)}", args.cache)

    targets = []
    for half in halves:
        columns = half.attributes
        age = np.asarray(columns["age"], dtype=np.float64)
        targets.append(
            {
                "rendered glasses": np.asarray(columns["glasses"]) != "none",
                "rendered beard": np.asarray(columns["facial_hair"]) == "beard",
                "rendered age group": age < 40,
                "rendered age": age,
                "rendered yaw": np.asarray(columns["yaw"], dtype=np.float64),
            }
        )
    n = args.rendered
    return Domain(rows[:n], rows[n:], blocks, paired(*targets))


def faces(name, args):
    """Return photos of faces."""
    sizes = args.split, args.pool, args.others
    halves = read_halves(name, *sizes, folder=args.data, cache=args.cache)
    parts = [
        features(images, f"{name}-{part}-{len(images)}", args.cache, args.faces)
        for part, (images, _) in zip(("train", args.split), halves, strict=True)
    ]
    frames = [frame for _, frame in halves]
    if name == "utkface":
        targets = [{"age, UTKFace": frame["age"].to_numpy(np.float64)} for frame in frames]
    else:
        targets = [{title: x[key].to_numpy() for key, title in CELEBA.items()} for x in frames]
    return Domain(parts[0][0], parts[1][0], parts[0][1], paired(*targets))


def clothes(args):
    """Return photos of clothes in ten classes, by the splits of their authors."""
    files = args.data / "clothing64.zip", args.data / "clothing64.csv"
    photos = clothing(*files, CLOTHES_SIDE)
    halves = []
    for split, limit in (("train", args.pool), (args.split, args.others)):
        rows = np.random.default_rng(0).permutation(np.flatnonzero(photos.split == split))[:limit]
        label = f"clothes-{split}-{len(rows)}"
        described = features(photos.images[rows], label, args.cache, args.clothes)
        halves.append((described, photos.classes[rows]))
    ((pool, blocks), y_pool), ((others, _), y) = halves
    return Domain(pool, others, blocks, {"clothes": (y_pool, y)})


def paired(one, other):
    """Return the targets of both halves by name."""
    return {name: (values, other[name]) for name, values in one.items()}


def labeled_rows(y, n_labels, rng):
    """Draw the rows of a pool that get a label."""
    order = rng.permutation(len(y))
    if y.dtype.kind == "f" or len(np.unique(y)) > 2:
        return order[:n_labels]
    first = np.concatenate([order[y[order] == value][:N_PER_CLASS] for value in np.unique(y)])
    return np.concatenate([first, order[~np.isin(order, first)]])[:n_labels]


def score_draw(domain, target, n_labels, draw, choose=True):
    """Return the scores of all readers from one draw of labels; `fit` is one if it may choose."""
    y_pool, y = domain.targets[target]
    rows = labeled_rows(y_pool, n_labels, np.random.default_rng((n_labels, draw)))
    is_number = y.dtype.kind == "f"
    known = np.full(len(y_pool), np.nan if is_number else None, None if is_number else object)
    known[rows] = y_pool[rows]
    found, recipe = recipe_predictions(
        *(domain.pool, known, domain.others, domain.blocks),
        without_generator=("hog",),
        choose=choose,
    )
    if is_number:
        found[BASELINE] = np.full(len(y), y_pool[rows].mean())
    else:
        values, counts = np.unique(y_pool[rows], return_counts=True)
        found[BASELINE] = np.full(len(y), values[counts.argmax()])

    metric = "MAE" if is_number else "balanced accuracy"
    measure = absolute_error if is_number else balanced_accuracy
    scores = [
        Score(target, method, metric, n_labels, draw, measure(y, guess))
        for method, guess in found.items()
    ]
    if not choose:
        return scores
    scores += [
        Score(target, method, "cross-validated loss", n_labels, draw, loss)
        for method, loss in recipe.losses_.items()
    ]
    return [*scores, Score(target, recipe.candidate_, "chosen", n_labels, draw, 1.0)]


def absolute_error(y, guess):
    """Return the mean absolute error."""
    return float(np.abs(y - guess).mean())


def balanced_accuracy(y, guess):
    """Return the mean of the classes' accuracies."""
    return float(np.mean([np.mean(guess[y == value] == value) for value in np.unique(y)]))


def make_tables(scores):
    """Return a table of balanced accuracies and one of errors, with standard errors."""
    summaries = summarize(scores)
    spread = {key: x._replace(sd=x.sd / x.n_draws**0.5) for key, x in summaries.items()}
    draws = max(x.n_draws for x in summaries.values())
    fit_draws = max((x.n_draws for key, x in summaries.items() if key[1] == "fit"), default=0)
    tables = []
    for title, metric, form in (
        ("Balanced accuracy in %", "balanced accuracy", {"scale": 100}),
        ("Mean absolute error", "MAE", {}),
    ):
        methods = {key[1]: key[1] for key in spread if key[2] == metric}
        if methods:
            header, rows = tabulate(spread, metric, methods, **form)
            note = f"Mean ± standard error of {draws} draws of the labels (fit: {fit_draws})."
            tables.append(Table(title, header, rows, note))
    return tables


def parse_arguments():
    """Return the arguments."""
    parser = argparse.ArgumentParser(description=__doc__.partition("\n")[0])
    parser.add_argument("--data", type=Path, default=None, help="folder of the archives")
    pair = {"nargs": 2, "metavar": ("GENERATOR", "ENCODER"), "default": None}
    parser.add_argument("--faces", **pair, help="networks of 32 px photos of faces")
    parser.add_argument("--clothes", **pair, help="networks of 32 px photos of clothes")
    parser.add_argument("--split", choices=tuple(SEEDS), default="test")
    parser.add_argument("--labels", type=int, nargs="+", default=BUDGETS)
    parser.add_argument("--targets", nargs="+", default=None, help="targets, by default all")
    parser.add_argument("--draws", type=int, default=20)
    parser.add_argument("--fit-draws", type=int, default=20, help="draws in which fit chooses")
    parser.add_argument("--pool", type=int, default=1_200, help="photos to label from")
    parser.add_argument("--others", type=int, default=2_000, help="photos to score")
    parser.add_argument("--rendered", type=int, default=N_RENDERED, help="0: no rendered faces")
    parser.add_argument("--rendered-others", type=int, default=N_RENDERED_OTHERS)
    parser.add_argument("--cache", type=Path, default=None, help="folder for the features")
    parser.add_argument("--out", type=Path, default=Path("runs/readers"))
    args = parser.parse_args()
    if args.data is None and (args.faces or args.clothes):
        parser.error("--faces and --clothes need --data, the folder of the archives")
    return args


def main():
    """Print the tables."""
    args = parse_arguments()
    groups = [[faces(name, args)] for name in ("celeba", "utkface") if args.faces]
    groups += [[clothes(args)]] if args.clothes else []
    if args.rendered:
        groups.append([rendered(seed, args) for seed in SEEDS[args.split][: args.draws]])
    cases = [  # draw by draw, so that a stopped run has scores of all targets
        (group, target, n_labels, draw)
        for draw in range(args.draws)
        for n_labels in args.labels
        for group in groups
        for target in group[0].targets
        if args.targets is None or target in args.targets
    ]
    args.out.mkdir(parents=True, exist_ok=True)
    scores = []
    for group, target, n_labels, draw in tqdm(cases, unit="draw"):
        domain = group[draw % len(group)]
        scores += score_draw(domain, target, n_labels, draw, draw < args.fit_draws)
        save_scores(scores, args.out / "scores.csv")  # a stopped run keeps its scores

    for table in make_tables(scores):
        print(table.to_markdown())
    for key, summary in summarize(scores).items():
        if key[2] == "chosen":
            print(f"{key[0]}, {key[3]} labels, chosen: {key[1]} in {summary.n_draws} draws")


if __name__ == "__main__":
    main()
