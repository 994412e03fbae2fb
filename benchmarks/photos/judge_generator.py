"""What exact codes of a photo generator's own samples tell, without an encoder.

Samples are labeled by a classifier that training photos taught, so that few labels can be drawn for
them. Their S codes and their gradients (HOG) are read from the same labels, and 2-means clusters
of W are compared with the classes::

    python benchmarks/photos/judge_generator.py GENERATOR [GENERATOR ...]

The classifier is scored on validation photos; no test photo is used. A sample of the generator has
no true class, so all figures are agreements with the classifier.
"""

import argparse
from pathlib import Path

import numpy as np
from crops import load_photos
from sklearn.cluster import KMeans
from sklearn.decomposition import PCA
from sklearn.linear_model import LogisticRegression
from sklearn.metrics import balanced_accuracy_score
from sklearn.pipeline import make_pipeline, make_union
from sklearn.preprocessing import FunctionTransformer, StandardScaler

from skstylefeat import load_generator
from skstylefeat.experiments import N_PER_CLASS, draw_per_class, logistic_predictions
from skstylefeat.features import HOGDescriptor
from skstylefeat.metrics import clustering_accuracy

ATTRIBUTES = {"gender": "Male", "smiling": "Smiling"}
N_TAUGHT, N_SAMPLES, N_POOL = 8_000, 3_200, 1_200
BUDGETS = (5, 30)
PSI = 0.7


def make_classifier():
    """Return a classifier of crops, from gradients and principal components of the pixels."""
    rows = FunctionTransformer(lambda images: images.reshape(len(images), -1) / np.float32(255))
    pixels = make_pipeline(rows, PCA(100, random_state=0))
    read = LogisticRegression(C=0.01, max_iter=1_000)
    return make_pipeline(make_union(HOGDescriptor(), pixels), StandardScaler(), read)


def teach(photos, column, n_taught):
    """Return a classifier of the column and its balanced accuracy on validation photos."""
    y = photos.frame[column].to_numpy() > 0
    rows, others = photos.rows("train")[:n_taught], photos.rows("validation")
    model = make_classifier().fit(photos.images[rows], y[rows])
    return model, balanced_accuracy_score(y[others], model.predict(photos.images[others]))


def samples(generator, n, seed=0):
    """Return codes in W (n, w_dim) and images (n, H, W, 3), uint8, of a generator's samples."""
    w = generator.mapping(generator.sample_z(n, random_state=seed), truncation_psi=PSI)
    parts = [generator.synthesis(w[i : i + 256]) for i in range(0, n, 256)]
    images = (np.concatenate(parts).transpose(0, 2, 3, 1) + 1) * 127.5
    return w, images.round().clip(0, 255).astype(np.uint8)


def read_few(rows, y, n_labels, n_pool, draw):
    """Return the balanced accuracy in % from 4 labels per class and more at random.

    Parameters
    ----------
    rows : ndarray of shape (n, d)
    y : ndarray of shape (n,)
    n_labels : int
        Labels in addition to `N_PER_CLASS` of each class.
    n_pool : int
        The first so many samples are labeled from, the others scored.
    draw : int

    Returns
    -------
    float
    """
    rng = np.random.default_rng((draw, n_labels))
    few = draw_per_class(y[:n_pool], N_PER_CLASS, rng)
    more = rng.choice(np.setdiff1d(np.arange(n_pool), few), n_labels, replace=False)
    labeled = np.concatenate([few, more])
    names = logistic_predictions(rows[labeled], y[labeled], rows[n_pool:], scale=True)
    return 100 * balanced_accuracy_score(y[n_pool:], names)


def judge(generator, classifiers, args):
    """Print what few labels read from a generator's samples."""
    w, images = samples(generator, args.samples)
    n_pool = args.samples * N_POOL // N_SAMPLES
    rows = {"S codes": generator.styles(w), "HOG": HOGDescriptor().fit(images).transform(images)}
    clusters = KMeans(2, n_init=3, random_state=0).fit_predict(w)
    for name, classifier in classifiers.items():
        y = classifier.predict(images)
        majority = 100 * max(y.mean(), 1 - y.mean())
        agreement = 100 * clustering_accuracy(y, clusters)
        print(f"  {name}: 2-means on W {agreement:.1f} % (larger class {majority:.1f} %)")
        for space, values in rows.items():
            cells = []
            for budget in BUDGETS:
                scores = [read_few(values, y, budget, n_pool, draw) for draw in range(args.draws)]
                error = np.std(scores) / np.sqrt(args.draws)
                n_read = budget + N_PER_CLASS * 2
                cells.append(f"{n_read} labels {np.mean(scores):.1f} ± {error:.1f} %")
            print(f"    {space}, balanced accuracy: {', '.join(cells)}", flush=True)


def main():
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("generators", type=Path, nargs="+")
    parser.add_argument("--data", type=Path, default=None, help="folder of the archives")
    parser.add_argument("--cache", type=Path, default=None, help="folder for decoded crops")
    parser.add_argument("--taught", type=int, default=N_TAUGHT, help="photos of the classifier")
    parser.add_argument("--samples", type=int, default=N_SAMPLES)
    parser.add_argument("--draws", type=int, default=30)
    args = parser.parse_args()

    photos = load_photos("celeba", folder=args.data, cache=args.cache)
    classifiers = {}
    for name, column in ATTRIBUTES.items():
        classifiers[name], score = teach(photos, column, args.taught)
        print(f"classifier of {name}: {100 * score:.1f} % balanced on validation photos")
    for path in args.generators:
        generator = load_generator(path)
        print(f"{path.name}, SHA-256 {generator.sha256}", flush=True)
        judge(generator, classifiers, args)


if __name__ == "__main__":
    main()
