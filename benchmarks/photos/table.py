"""Table of the photos: few labels, compared with the same labels without a generator.

Gender, smiling, glasses and youth on CelebA, gender and age on UTKFace, from 2 to 1,000 labels::

    python benchmarks/photos/table.py --data FOLDER --generator FILE --encoder FILE

FOLDER holds celeba64.zip, celeba64.csv, utkface96.zip and utkface96.csv. ``--encoder train`` trains
an encoder on the pool first; ``train_encoder.py`` makes a better one. Choices were made with
``--split validation``; the default is the test split, on which no choice was made. The experiments
are those of ``python -m skstylefeat``, and in addition photo and mirror image are averaged: their
codes, and for the competitor their pixels.
"""

import argparse
import os
import platform
import time
import warnings
from dataclasses import dataclass
from importlib.metadata import version
from pathlib import Path

import numpy as np
import pandas as pd
from crops import load_photos
from joblib import Parallel, delayed
from sklearn.cluster import KMeans
from sklearn.decomposition import PCA
from sklearn.linear_model import LogisticRegression
from sklearn.preprocessing import StandardScaler
from tqdm.auto import tqdm

from skstylefeat import (
    ClusterAnnotator,
    HyperplaneDistance,
    PseudoLabelClassifier,
    StyleGANInverter,
)
from skstylefeat.experiments import N_COMPONENTS as PIXEL_COMPONENTS
from skstylefeat.experiments import (
    ImageSet,
    Score,
    Table,
    annotate,
    logistic_predictions,
    pixel_plane_distances,
    plane_distances,
    predict_all,
    psnr_of_latents,
    regression_experiment,
    represent,
    save_scores,
    select_channels,
    summarize,
    tabulate,
    thirds,
)
from skstylefeat.latents import w_plus_to_s

CLASSES = {
    "celeba": {
        "Male": "gender",
        "Smiling": "smiling",
        "Eyeglasses": "glasses",
        "Young": "young",
    },
    "utkface": {"gender": "gender (UTKFace)"},
}
BUDGETS = (2, 5, 10, 20, 30, 100, 1_000)
# Chosen on the validation split: for standardized columns 1 is as good up to 30 labels and a point
# worse from 100 on, 0.01 never predicts a rare class.
INVERSE_PENALTY = 0.1
N_COMPONENTS = 50
# One start per draw: only the mean over the draws is reported, and 333 clusters take long.
CLUSTERER = KMeans(n_init=1)
METHODS = {
    "majority": "majority",
    "pca": "PCA + logistic",
    "pca mirror": "PCA and mirror",
    "latents": "W+ + logistic",
    "mirror": "W+ and mirror",
    "styles": "S + logistic",
    "styles mirror": "S and mirror",
    "annotation": "clusters' names",
    "classifier": "pseudo labels",
    "codes": "codes' pseudo labels",
}
PLANES = {
    "mean": "mean label",
    "pca": "PCA distance",
    "pca mirror": "PCA and mirror",
    "plane": "W+ plane",
    "weighted": "weighted distance",
    "mirror": "W+ and mirror plane",
}
CLASS_NOTE = (
    "in %, mean ± sd over {draws} draws of all labels. In addition to the budget of the row, 4 "
    "labeled images per class choose the channels: every method except the majority gets these 8 "
    "labels and those of the budget. Clusters' names are scored on the pool's images that were not "
    "labeled, the rest on the held-out images. The last column uses the labels of the budget only: "
    "no channels are chosen, and the clusters are those of the codes of photo and mirror image."
)
AGE_NOTE = (
    "Years, mean ± sd over {draws} draws of the calibration labels. All planes are learned from "
    "the coarse labels (youngest, middle or oldest third) of the whole pool, and the distances are "
    "calibrated at the same points."
)


@dataclass(frozen=True)
class Half:
    """The pool to label from, or the held-out images.

    Attributes
    ----------
    images : ImageSet
    both : ndarray of shape (n, n_ws * w_dim), float32
        Mean of the codes of an image and of its mirror image, which does not depend on the side
        of the light or of the parting.
    scaled, scaled_styles : ndarray
        These codes and their S codes, standardized by the pool's images, labeled or not.
    components : ndarray of shape (n, 50)
        Principal components of `scaled`.
    pixels : ndarray of shape (n, 100)
        Principal components of the mean of image and mirror image, for the competitors.
    frame : DataFrame
        Labels.
    """

    images: ImageSet
    both: np.ndarray
    scaled: np.ndarray
    scaled_styles: np.ndarray
    components: np.ndarray
    pixels: np.ndarray
    frame: pd.DataFrame


def read_halves(name, args):
    """Return crops and labels of the pool and of the held-out split."""
    photos = load_photos(name, folder=args.data, cache=args.cache)
    halves = []
    for split, limit in (("train", args.pool), (args.split, args.held_out)):
        rows = photos.rows(split)[:limit]
        halves.append((np.asarray(photos.images[rows]), photos.frame.iloc[rows]))
    return halves


def make_inverter(args, crops):
    """Return an inverter; an encoder is trained on the pools of both data sets, without labels."""
    return StyleGANInverter(
        str(args.generator),
        args.encoder,
        n_train_steps=args.train_steps,
        cache_dir=args.cache and args.cache / "codes",
        random_state=args.random_state,
        verbose=1,
    ).fit(crops)


def invert(inverter, halves):
    """Return both `Half` objects."""
    sets = represent(inverter, *(crops for crops, _ in halves))
    both = [
        (images.latents + inverter.transform(crops[:, :, ::-1])) / 2
        for images, (crops, _) in zip(sets, halves, strict=True)
    ]
    scaled = standardized(both)
    scaled_styles = standardized([w_plus_to_s(codes, inverter.generator_) for codes in both])
    components = principal_components(scaled, N_COMPONENTS)
    pixels = [images.images + images.images[:, :, ::-1] for images in sets]
    pixels = principal_components([x.reshape(len(x), -1) / 2 for x in pixels], PIXEL_COMPONENTS)
    frames = [frame for _, frame in halves]
    columns = (sets, both, scaled, scaled_styles, components, pixels, frames)
    return [Half(*half) for half in zip(*columns, strict=True)]


def standardized(halves):
    """Return both halves, standardized by the pool."""
    scaler = StandardScaler().fit(halves[0])
    return [scaler.transform(rows) for rows in halves]


def principal_components(halves, n_components):
    """Return the components of both halves, learned from the pool."""
    n_components = min(n_components, *halves[0].shape)
    pca = PCA(n_components, svd_solver="randomized", random_state=0).fit(halves[0])
    return [pca.transform(rows) for rows in halves]


def class_draw(pool, held_out, column, target, budgets, draw, seed):
    """Return the scores of one draw at all budgets."""
    y_pool, y = (half.frame[column].to_numpy() for half in (pool, held_out))
    rng = np.random.default_rng((seed, draw))
    clusters_seed = int(rng.integers(2**31))
    selection = select_channels(pool.images.maps, y_pool, rng)
    scores = []
    for budget in budgets:
        drawn = annotate(
            pool.images, held_out.images, y_pool, budget, selection, clusters_seed, CLUSTERER
        )
        found = predict_all(drawn, pool.images, held_out.images, y_pool, y, clusters_seed)
        found["codes"] = (y, code_clusters(pool, held_out, y_pool, budget, clusters_seed))
        rows = drawn.labeled_rows
        found["pca mirror"] = (
            y,
            logistic_predictions(pool.pixels[rows], y_pool[rows], held_out.pixels, scale=False),
        )
        for name, train, test in (
            ("mirror", pool.scaled, held_out.scaled),
            ("styles mirror", pool.scaled_styles, held_out.scaled_styles),
        ):
            model = LogisticRegression(C=INVERSE_PENALTY, max_iter=5_000)
            found[name] = (y, model.fit(train[rows], y_pool[rows]).predict(test))
        for method, (truth, names) in found.items():
            values = {
                "accuracy": np.mean(truth == names),
                "balanced accuracy": balanced(truth, names),
            }
            scores += [
                Score(target, method, metric, budget, draw, float(value))
                for metric, value in values.items()
            ]
    return scores


def code_clusters(pool, held_out, y_pool, budget, seed):
    """Predict by clusters of the codes of image and mirror image; no channel is selected."""
    annotator = ClusterAnnotator(
        n_labels=budget, clusterer=CLUSTERER, standardize=False, random_state=seed
    )
    query = annotator.fit(pool.components).query_indices_
    known = np.full(len(y_pool), None, dtype=object)
    known[query] = y_pool[query]
    model = PseudoLabelClassifier(
        annotator, LogisticRegression(C=INVERSE_PENALTY, max_iter=5_000), random_state=seed
    )
    with warnings.catch_warnings():
        # All labels of a draw may be of one class; its score shows what that costs.
        warnings.simplefilter("ignore", UserWarning)
        model.fit(pool.components, known)
    return model.predict(held_out.components)


def balanced(truth, names):
    """Return the mean of the classes' accuracies."""
    return np.mean([np.mean(names[truth == value] == value) for value in np.unique(truth)])


def age_scores(pool, held_out, generator, args):
    """Return the scores of the age by distance, also from a plane in the codes of both images."""
    y_pool, y = (half.frame["age"].to_numpy(np.float64) for half in (pool, held_out))
    labels = thirds(y_pool)
    seed = args.random_state
    distances = plane_distances(pool.images, held_out.images, labels, generator, seed)
    pixels = pixel_plane_distances(pool.pixels, labels, held_out.pixels)
    distances.train["pca mirror"], distances.test["pca mirror"] = pixels
    plane = HyperplaneDistance(generator=generator, random_state=seed).fit(pool.both, labels)
    distances.train["mirror"] = plane.transform(pool.both)[:, 0]
    distances.test["mirror"] = plane.transform(held_out.both)[:, 0]
    return regression_experiment(
        distances,
        y_pool,
        y,
        target="age",
        n_labels=args.labels,
        n_draws=args.draws,
        random_state=seed,
    )


def class_scores(halves, args):
    """Yield the scores of all draws of all classes, one draw of each class after the other."""
    cases = [
        (name, column, target, draw)
        for draw in range(args.draws)
        for name, columns in CLASSES.items()
        for column, target in columns.items()
    ]
    work = Parallel(n_jobs=args.jobs, return_as="generator")(
        delayed(class_draw)(*halves[name], column, target, args.labels, draw, args.random_state)
        for name, column, target, draw in cases
    )
    with tqdm(total=len(cases), desc="classes", unit="draw") as bar:
        for scores in work:
            yield scores
            bar.update()


def make_tables(scores):
    """Return accuracy, balanced accuracy and error as `Table` objects."""
    summaries = summarize(scores)
    draws = max(summary.n_draws for summary in summaries.values())
    tables = []
    for metric, title in (
        ("accuracy", "Accuracy"),
        ("balanced accuracy", "Balanced accuracy, the mean of both classes' accuracies"),
    ):
        header, rows = tabulate(summaries, metric, METHODS, scale=100)
        tables.append(Table(title, header, rows, f"{title} {CLASS_NOTE.format(draws=draws)}"))
    header, rows = tabulate(summaries, "MAE", PLANES, spec=".2f")
    title = "Mean absolute error of the age on UTKFace"
    tables.append(Table(title, header, rows, AGE_NOTE.format(draws=draws)))
    return [table for table in tables if table.rows]


def to_markdown(table):
    """Return a table as Markdown lines, the note below."""
    lines = [table.header, ["---"] * len(table.header), *table.rows]
    body = "\n".join("| " + " | ".join(line) + " |" for line in lines)
    return f"### {table.title}\n\n{body}\n\n{table.note}\n"


def facts(args, inverter, psnrs, seconds):
    """Return date, networks, data and software of the run."""
    generator, encoder = inverter.generator_, inverter.encoder_
    libraries = ", ".join(f"{name} {version(name)}" for name in ("torch", "scikit-learn", "numpy"))
    quality = ", ".join(f"{value:.2f} dB on {name}" for name, value in psnrs.items())
    card = {
        key: encoder.card[key] for key in ("data", "steps", "images_seen") if key in encoder.card
    }
    return {
        "date": time.strftime("%Y-%m-%d", time.gmtime()),
        "generator": f"{generator.name}, SHA-256 {generator.weights_hash()}",
        "encoder": f"{encoder.name}, SHA-256 {encoder.weights_hash()}",
        "encoder's training": ", ".join(f"{key}: {value}" for key, value in card.items()),
        "PSNR": f"{quality} ({args.split} split)",
        "images": f"at most {args.pool} of the training split to label from, at most "
        f"{args.held_out} of the {args.split} split",
        "draws": f"{args.draws}, random_state {args.random_state}",
        "time": f"{seconds:.0f} s with {args.jobs} of {os.cpu_count()} CPU cores",
        "software": f"Python {platform.python_version()}, {libraries}",
    }


def parse_arguments():
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--data", type=Path, required=True, help="folder of zip and csv files")
    parser.add_argument("--generator", type=Path, required=True)
    parser.add_argument("--encoder", required=True, metavar="FILE|train")
    parser.add_argument("--train-steps", type=int, default=1_000)
    parser.add_argument("--split", choices=("test", "validation"), default="test")
    parser.add_argument("--labels", type=int, nargs="+", default=BUDGETS)
    parser.add_argument("--draws", type=int, default=20)
    parser.add_argument("--age-only", action="store_true", help="leave the classes out")
    parser.add_argument("--pool", type=int, default=1_200, help="images to label from")
    parser.add_argument("--held-out", type=int, default=2_000, help="images to score on")
    parser.add_argument("--random-state", type=int, default=0)
    parser.add_argument("--jobs", type=int, default=1, help="processes")
    parser.add_argument("--cache", type=Path, default=None, help="folder for crops and codes")
    parser.add_argument("--out", type=Path, default=Path("runs/photo-table"))
    return parser.parse_args()


def main():
    args = parse_arguments()
    start = time.monotonic()
    args.out.mkdir(parents=True, exist_ok=True)
    names = ["utkface"] if args.age_only else list(CLASSES)
    crops = {name: read_halves(name, args) for name in names}
    inverter = make_inverter(args, np.concatenate([pool[0] for pool, _ in crops.values()]))
    halves = {name: invert(inverter, both) for name, both in crops.items()}
    psnrs = {
        name: psnr_of_latents(inverter, held_out.images.latents, held_out.images.images)
        for name, (_, held_out) in halves.items()
    }
    scores = age_scores(*halves["utkface"], inverter.generator_, args)
    for part in [] if args.age_only else class_scores(halves, args):
        scores += part
        save_scores(scores, args.out / "scores.csv")  # a stopped run keeps its scores
    tables = make_tables(scores)
    lines = facts(args, inverter, psnrs, time.monotonic() - start)
    print("\n\n".join(table.to_text() for table in tables))
    print("\n" + "\n".join(f"{key}: {value}" for key, value in lines.items()))
    pages = [to_markdown(table) for table in tables]
    pages.append("\n".join(f"- {key}: {value}" for key, value in lines.items()))
    (args.out / "tables.md").write_text("\n".join(pages) + "\n", encoding="utf-8")


if __name__ == "__main__":
    main()
