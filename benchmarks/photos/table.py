"""Table of the photos: few labels, compared with the same labels without a generator.

Gender, smiling, glasses and youth on CelebA, gender and age on UTKFace, from 2 to 1,000 labels::

    python benchmarks/photos/table.py --data FOLDER --generator FILE --encoder FILE

FOLDER holds celeba64.zip, celeba64.csv, utkface96.zip and utkface96.csv. ``--encoder train`` trains
an encoder on the pool first; ``train_encoder.py`` makes a better one. Choices were made with
``--split validation``; the default is the test split, on which no choice was made. The experiments
are those of ``python -m skstylefeat``, and in addition photo and mirror image are averaged: their
codes, and for the competitors their pixels and descriptors. Competitors without a generator are
those of ``competitors.py`` whose packages are installed, HOG whose labels spread over
the unlabeled photos of the pool, HOG and two frozen networks as ``fit`` reads styles and HOG, and
with ``--resnet-draws`` a ResNet-18 trained from scratch.
"""

import argparse
import os
import platform
import sys
import time
import warnings
from dataclasses import dataclass
from importlib.metadata import version
from pathlib import Path

import numpy as np
import pandas as pd
from competitors import TITLES, available, describe
from crops import evenly_lit, read_halves
from joblib import Parallel, delayed
from sklearn.cluster import KMeans
from sklearn.decomposition import PCA
from sklearn.linear_model import LogisticRegression, RidgeCV
from sklearn.metrics import mean_absolute_error
from sklearn.neighbors import kneighbors_graph
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
    recipe_predictions,
    regression_experiment,
    represent,
    save_scores,
    select_channels,
    summarize,
    tabulate,
    thirds,
)
from skstylefeat.latents import w_plus_to_s

sys.path.append(str(Path(__file__).resolve().parents[1] / "paper_a"))
from resnet import resnet_predictions, standardized, train_resnet

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
# Chosen on the validation split as well, for rows that are standardized by the pool: the inverse
# penalty of HOG and of ONet (of 0.001 to 100), which the other networks share, and the graph over
# the HOG of the pool. The learning rate of ResNet-18 is that of `paper_a`.
PENALTIES = dict.fromkeys(("hog", "dlib", "onet", "vgg16", "transformers"), 100.0)
RIDGE = np.logspace(1, 5, 9)
GRAPH_COMPONENTS, N_NEIGHBORS, SPREAD, GRAPH_PENALTY = 100, 30, 0.9, 0.01
SPREADING = ("hog", "onet", "dlib")  # descriptors over which labels spread
FIRST_READER = "styles and HOG"  # the first reader of ``fit``, which spreads labels as well
# One start per draw: only the mean over the draws is reported, and 333 clusters take long.
CLUSTERER = KMeans(n_init=1)
METHODS = {
    "majority": "majority",
    "pca": "PCA + logistic",
    "pca mirror": "PCA and mirror",
    **TITLES,
    "spreading": "HOG, label spreading",
    "HOG, label spreading": "HOG, as fit reads",
    "onet, label spreading": "ONet, as fit reads",
    "dlib, label spreading": "dlib, as fit reads",
    "resnet": "ResNet-18",
    "latents": "W+ + logistic",
    "mirror": "W+ and mirror",
    "styles": "S + logistic",
    "styles mirror": "S and mirror",
    "union mirror": "S + HOG",
    FIRST_READER: "S + HOG, as fit reads",
    "annotation": "clusters' names",
    "classifier": "pseudo labels",
    "codes": "codes' pseudo labels",
}
PLANES = {
    "mean": "mean label",
    "pca": "PCA distance",
    "pca mirror": "PCA and mirror",
    **TITLES,
    "plane": "W+ plane",
    "weighted": "weighted distance",
    "mirror": "W+ and mirror plane",
    "union": "S + HOG plane",
}
VALUES = {
    "mean": "mean label",
    "pca mirror": "PCA and mirror",
    **TITLES,
    "styles mirror": "S and mirror",
    "union mirror": "S + HOG",
}
BALANCED = "Balanced accuracy, the mean of both classes' accuracies"
CLASS_NOTE = (
    "in %, mean ± {spread} over {draws} draws of all labels. The column of labels counts the "
    "budget; in addition, 4 labeled images per class choose the channels: every method except the "
    "majority gets these 8 labels and those of the budget. Clusters' names are scored on the "
    "pool's images that were not labeled, the rest on the held-out images. The last column uses "
    "the labels of the budget only: no channels are chosen, and the clusters are those of the "
    "codes of photo and mirror image. Columns from the third to ResNet-18 use no generator; all "
    "descriptors are means over photo and mirror image."
)
VALUE_NOTE = (
    "Years, mean ± {spread} over {draws} draws of all labels: no coarse labels are read. Ridge "
    "regression on standardized columns; the penalty is chosen by leaving labels out."
)
AGE_NOTE = (
    "Years, mean ± {spread} over {draws} draws of the calibration labels. All planes are learned "
    "from the coarse labels (youngest, middle or oldest third) of the whole pool, so that each row "
    "reads {pool} labels more than it says. All distances are calibrated at the same points."
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
    descriptors : dict of str to ndarray of shape (n, d)
        Competitors' rows, the mean over photo and mirror image, and "union" of S codes and HOG,
        all standardized by the pool.
    crops : ndarray of shape (n, 32, 32, 3), uint8
    recipe : ndarray of shape (n, n_features)
        Rows that ``fit`` reads, and descriptors over which labels spread, by `blocks`.
    blocks : dict of str to (start, stop)
    """

    images: ImageSet
    both: np.ndarray
    scaled: np.ndarray
    scaled_styles: np.ndarray
    components: np.ndarray
    pixels: np.ndarray
    frame: pd.DataFrame
    descriptors: dict
    crops: np.ndarray
    recipe: np.ndarray
    blocks: dict


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


def invert(inverter, halves, args):
    """Return both `Half` objects."""
    sets = represent(inverter, *(crops for crops, _ in halves))
    both = [
        (images.latents + inverter.transform(crops[:, :, ::-1])) / 2
        for images, (crops, _) in zip(sets, halves, strict=True)
    ]
    scaled = scaled_by_pool(both)
    styles = [w_plus_to_s(codes, inverter.generator_) for codes in both]
    scaled_styles = scaled_by_pool(styles)
    components = principal_components(scaled, N_COMPONENTS)
    pixels = [images.images + images.images[:, :, ::-1] for images in sets]
    pixels = principal_components([x.reshape(len(x), -1) / 2 for x in pixels], PIXEL_COMPONENTS)
    frames = [frame for _, frame in halves]
    crops = [crops for crops, _ in halves]
    found = {name: descriptor_rows(name, crops, args) for name in descriptor_names(args)}
    found["union"] = [
        np.concatenate(x, axis=1) for x in zip(scaled_styles, found["hog"], strict=True)
    ]
    descriptors = [{name: rows[i] for name, rows in found.items()} for i in (0, 1)]
    recipe, blocks = recipe_rows(sets, styles, {x: found[x] for x in SPREADING if x in found})
    columns = (sets, both, scaled, scaled_styles, components, pixels, frames, descriptors, crops)
    columns += (recipe, [blocks, blocks])
    return [Half(*half) for half in zip(*columns, strict=True)]


def recipe_rows(sets, styles, descriptors):
    """Return the rows of both halves that ``fit`` would compute, descriptors, and their blocks."""
    parts = [
        {
            "styles": mean,
            "differences": images.styles - mean,
            "maps": images.pooled,
            **{name: rows[half] for name, rows in descriptors.items()},
        }
        for half, (images, mean) in enumerate(zip(sets, styles, strict=True))
    ]
    stops = np.cumsum([x.shape[1] for x in parts[0].values()]).tolist()
    blocks = dict(zip(parts[0], zip([0, *stops], stops, strict=False), strict=True))
    return [np.concatenate(list(part.values()), axis=1) for part in parts], blocks


def descriptor_names(args):
    """Return the names of the descriptors that can be computed."""
    names = available() if args.competitors is None else args.competitors
    names = list(dict.fromkeys(["hog", *names]))
    return [*names, "transformers"] if args.transformers else names


def descriptor_rows(name, crops, args):
    """Return a descriptor's rows of both halves, standardized by the pool."""
    cache = args.cache and args.cache / "descriptors"
    return scaled_by_pool(
        [describe(name, half, folder=args.transformers, cache=cache) for half in crops]
    )


def scaled_by_pool(halves):
    """Return both halves, standardized by the pool."""
    scaler = StandardScaler().fit(halves[0])
    return [scaler.transform(rows) for rows in halves]


def principal_components(halves, n_components):
    """Return the components of both halves, learned from the pool."""
    n_components = min(n_components, *halves[0].shape)
    pca = PCA(n_components, svd_solver="randomized", random_state=0).fit(halves[0])
    return [pca.transform(rows) for rows in halves]


def class_draw(pool, held_out, column, target, draw, args):
    """Return the scores of one draw at all budgets."""
    seed = args.random_state
    y_pool, y = (half.frame[column].to_numpy() for half in (pool, held_out))
    rng = np.random.default_rng((seed, draw))
    clusters_seed = int(rng.integers(2**31))
    selection = select_channels(pool.images.maps, y_pool, rng)
    scores = []
    for budget in args.labels:
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
        for name, penalty, train, test in readers(pool, held_out):
            model = LogisticRegression(C=penalty, max_iter=5_000)
            found[name] = (y, model.fit(train[rows], y_pool[rows]).predict(test))
        found["spreading"] = (y, spread_by_components(pool, held_out, rows, y_pool))
        spread = readers_of_fit(pool, held_out, rows, y_pool)
        found |= {name: (y, guess) for name, guess in spread.items()}
        if draw < args.resnet_draws and budget in args.resnet_labels:
            found["resnet"] = (y, resnet_names(pool, held_out, rows, y_pool, draw))
        found = {method: found[method] for method in METHODS if method in found}
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


def readers(pool, held_out):
    """Yield name, inverse penalty, and rows of pool and held-out images of each regression."""
    yield "mirror", INVERSE_PENALTY, pool.scaled, held_out.scaled
    yield "styles mirror", INVERSE_PENALTY, pool.scaled_styles, held_out.scaled_styles
    for name, rows in pool.descriptors.items():
        title = "union mirror" if name == "union" else name
        yield title, PENALTIES.get(name, INVERSE_PENALTY), rows, held_out.descriptors[name]


def spread_by_components(pool, held_out, rows, y_pool):
    """Predict by a graph over the HOG of all photos of the pool, few of which are labeled.

    Labels spread along edges between neighbors (Zhou et al. 2004), with equal weight of both
    classes. As many photos as among the labels get the second class, and a logistic regression on
    these names, weighted by their distance from the median, predicts the held-out photos.
    """
    classes, codes = np.unique(y_pool[rows], return_inverse=True)
    hog = pool.descriptors["hog"]
    seeds = np.zeros((len(hog), 2))
    seeds[rows, codes] = 1
    seeds /= seeds.sum(axis=0)
    spread = np.linalg.solve(np.eye(len(hog)) - SPREAD * neighbor_graph(hog), seeds)
    share = spread[:, 1] / spread.sum(axis=1)

    names = (share > np.quantile(share, 1 - codes.mean())).astype(int)
    names[rows] = codes
    weight = np.abs(share - np.median(share))
    weight[rows] = 3 * weight.max()
    model = LogisticRegression(C=GRAPH_PENALTY, max_iter=1_000)
    model.fit(hog, names, sample_weight=weight / weight.mean())
    return classes[model.predict(held_out.descriptors["hog"])]


def neighbor_graph(rows):
    """Return the normalized graph (n, n) of mutual or one-sided neighbors by angle."""
    components = principal_components([rows], GRAPH_COMPONENTS)[0]
    components /= np.linalg.norm(components, axis=1, keepdims=True)
    edges = kneighbors_graph(components, min(N_NEIGHBORS, len(rows) - 1))
    edges = edges.maximum(edges.T).toarray()
    scale = 1 / np.sqrt(edges.sum(axis=1))
    return scale[:, None] * edges * scale


def readers_of_fit(pool, held_out, rows, y_pool):
    """Return the predictions of the readers that spread labels over the photos of the pool.

    They are the first reader of ``fit``, and the same reader of descriptors without a generator.
    """
    known = np.full(len(y_pool), None, dtype=object)
    known[rows] = y_pool[rows]
    found, _ = recipe_predictions(
        *(pool.recipe, known, held_out.recipe, pool.blocks),
        candidates=(FIRST_READER,),
        without_generator=[name for name in SPREADING if name in pool.blocks],
        choose=False,
    )
    return {name: guess.astype(y_pool.dtype) for name, guess in found.items()}


def resnet_names(pool, held_out, rows, y_pool, draw):
    """Predict by a ResNet-18 that was trained from scratch on the labeled photos."""
    classes, codes = np.unique(y_pool[rows], return_inverse=True)
    images = standardized(pool.crops[rows])
    model = train_resnet(images, codes, len(classes), draw)
    return classes[resnet_predictions(model, standardized(held_out.crops))]


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
    for name, rows in pool.descriptors.items():
        found = pixel_plane_distances(rows, labels, held_out.descriptors[name])
        distances.train[name], distances.test[name] = found
    return regression_experiment(
        distances,
        y_pool,
        y,
        target="age",
        n_labels=args.labels,
        n_draws=args.draws,
        random_state=seed,
    )


def value_scores(pool, held_out, args):
    """Return the errors of the age from the labels of the budget alone, without coarse labels."""
    y_pool, y = (half.frame["age"].to_numpy(np.float64) for half in (pool, held_out))
    rows_of = {
        "pca mirror": (pool.pixels, held_out.pixels),
        "styles mirror": (pool.scaled_styles, held_out.scaled_styles),
        **{
            "union mirror" if name == "union" else name: (rows, held_out.descriptors[name])
            for name, rows in pool.descriptors.items()
        },
    }
    scores = []
    for draw in range(args.draws):
        order = np.random.default_rng((args.random_state, draw)).permutation(len(y_pool))
        for budget in args.labels:
            rows = order[:budget]
            found = {"mean": np.full(len(y), y_pool[rows].mean())}
            for name, (train, test) in rows_of.items():
                found[name] = RidgeCV(RIDGE).fit(train[rows], y_pool[rows]).predict(test)
            scores += [
                Score("age, values alone", name, "MAE", budget, draw, mean_absolute_error(y, guess))
                for name, guess in found.items()
            ]
    return scores


def class_scores(halves, args):
    """Yield the scores of all draws of all classes, one draw of each class after the other."""
    cases = [
        (name, column, target, draw)
        for draw in range(args.draws)
        for name, columns in CLASSES.items()
        for column, target in columns.items()
    ]
    work = Parallel(n_jobs=args.jobs, return_as="generator")(
        delayed(class_draw)(*halves[name], column, target, draw, args)
        for name, column, target, draw in cases
    )
    with tqdm(total=len(cases), desc="classes", unit="draw") as bar:
        for scores in work:
            yield scores
            bar.update()


def make_tables(scores, error="sd", pool=1_200):
    """Return accuracy, balanced accuracy and errors of the age as `Table` objects.

    `error` is "sd" of the draws, or "se", the standard error of their mean; `pool` is the number of
    photos that are graded for the age.
    """
    summaries = summarize(scores)
    draws = max(summary.n_draws for summary in summaries.values())
    if error == "se":
        summaries = {key: x._replace(sd=x.sd / x.n_draws**0.5) for key, x in summaries.items()}
    spread = {"sd": "standard deviation", "se": "standard error"}[error]
    alone = {key: x for key, x in summaries.items() if key[0] == "age, values alone"}
    planes = {key: x for key, x in summaries.items() if key not in alone}
    tables = []
    for title, metric, found, methods, note in (
        ("Accuracy", "accuracy", planes, METHODS, CLASS_NOTE),
        (BALANCED, "balanced accuracy", planes, METHODS, CLASS_NOTE),
        ("Mean absolute error of the age on UTKFace", "MAE", planes, PLANES, AGE_NOTE),
        (
            "Mean absolute error of the age from a few values alone",
            "MAE",
            alone,
            VALUES,
            VALUE_NOTE,
        ),
    ):
        methods = {key: title for key, title in methods.items() if any(key == k[1] for k in found)}
        form = {"spec": ".2f"} if metric == "MAE" else {"scale": 100}
        header, rows = tabulate(found, metric, methods, **form)
        prefix = "" if metric == "MAE" else f"{title} "
        tables.append(
            Table(title, header, rows, prefix + note.format(draws=draws, spread=spread, pool=pool))
        )
    return [table for table in tables if table.rows]


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
        "generator": f"{generator.name}, SHA-256 {generator.sha256}",
        "encoder": f"{encoder.name}, SHA-256 {encoder.sha256}",
        "encoder's training": ", ".join(f"{key}: {value}" for key, value in card.items()),
        "PSNR": f"{quality} ({args.split} split)",
        "images": f"at most {args.pool} of the training split to label from, at most "
        f"{args.held_out} of the {args.split} split"
        + (", with corrected illumination" if args.even_light else ""),
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
    parser.add_argument("--competitors", nargs="*", default=None, metavar="NAME")
    parser.add_argument("--transformers", type=Path, default=None, metavar="FOLDER")
    parser.add_argument("--resnet-draws", type=int, default=0, help="draws that train a ResNet-18")
    parser.add_argument("--resnet-labels", type=int, nargs="+", default=(5, 30, 1_000))
    parser.add_argument("--error", choices=("sd", "se"), default="se", help="behind each mean")
    parser.add_argument(
        "--even-light", action="store_true", help="correct the illumination of all photos first"
    )
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
    sizes = args.split, args.pool, args.held_out
    crops = {name: read_halves(name, *sizes, folder=args.data, cache=args.cache) for name in names}
    if args.even_light:
        crops = {
            name: [(evenly_lit(images), frame) for images, frame in halves]
            for name, halves in crops.items()
        }
    inverter = make_inverter(args, np.concatenate([pool[0] for pool, _ in crops.values()]))
    halves = {name: invert(inverter, both, args) for name, both in crops.items()}
    psnrs = {
        name: psnr_of_latents(inverter, held_out.images.latents, held_out.images.images)
        for name, (_, held_out) in halves.items()
    }
    scores = age_scores(*halves["utkface"], inverter.generator_, args)
    scores += value_scores(*halves["utkface"], args)
    for part in [] if args.age_only else class_scores(halves, args):
        scores += part
        save_scores(scores, args.out / "scores.csv")  # a stopped run keeps its scores
    tables = make_tables(scores, args.error, len(crops["utkface"][0][0]))
    lines = facts(args, inverter, psnrs, time.monotonic() - start)
    print("\n\n".join(table.to_text() for table in tables))
    print("\n" + "\n".join(f"{key}: {value}" for key, value in lines.items()))
    pages = [table.to_markdown() for table in tables]
    pages.append("\n".join(f"- {key}: {value}" for key, value in lines.items()))
    (args.out / "tables.md").write_text("\n".join(pages) + "\n", encoding="utf-8")


if __name__ == "__main__":
    main()
