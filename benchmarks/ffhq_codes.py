"""Attributes of photos from few labels, read from W+ codes of a 1024 px generator of faces.

The codes come from a file, and no network is needed::

    python benchmarks/ffhq_codes.py ffhq68.npz

``ffhq68.npz`` holds 68 codes ``wplus`` (68, 18, 512) of public photos, inverted by others with a
generator trained on FFHQ, and labels by eye, ``label/NAME``. The same table for your own photos,
with a generator and an encoder of FFHQ such as e4e's::

    python benchmarks/ffhq_codes.py PHOTOS --labels labels.csv --target gender,smiling \
        --generator ffhq.pt --encoder e4e_ffhq_encode.pt

Every draw reads 4 labels of each class and 5 more (``--labels-more``), and scores all other photos.
"""

import argparse
from pathlib import Path

import numpy as np
from sklearn.cluster import KMeans
from sklearn.linear_model import LogisticRegression
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import StandardScaler

from skstylefeat import StyleGANInverter
from skstylefeat.experiments import N_PER_CLASS, draw_per_class
from skstylefeat.features import HOGDescriptor
from skstylefeat.metrics import clustering_accuracy

SHORTEST_CLASS = N_PER_CLASS + 2  # photos of a class, so that some are left to score


def read_file(path):
    """Return rows by name of the representation, and classes by target, of a file of codes."""
    with np.load(path) as stored:
        codes = stored["wplus"].astype(np.float64)
        targets = {
            name.removeprefix("label/").partition("(")[0].replace("_", " "): stored[name]
            for name in stored.files
            if name.startswith("label/")
        }
    return representations(codes), targets


def representations(codes, styles=None, hog=None):
    """Return rows by name: all layers of W+, their mean, and what else is given."""
    rows = {"W+": codes.reshape(len(codes), -1), "mean over the layers": codes.mean(axis=1)}
    if styles is not None:
        rows["S, photo and mirror image"] = styles
    if hog is not None:
        rows["HOG, photo and mirror image"] = hog
        rows["S + HOG"] = np.concatenate([styles, hog], axis=1)
    return rows


def read_photos(args):
    """Return the same of photos, by inversion."""
    from skstylefeat.experiments import load_own_images

    plain = StyleGANInverter(args.generator, args.encoder, verbose=1)
    generator = args.generator
    images, other, found, _ = load_own_images(
        args.source,
        args.labels,
        args.target.split(","),
        size=args.size,
        test_share=0.1,
        random_state=0,
    )
    images = np.concatenate([images, other])
    codes = plain.fit(images).transform(images)
    codes = codes.reshape(len(images), plain.generator_.n_ws, plain.generator_.w_dim)
    both = StyleGANInverter(generator, args.encoder, space="s", mirror="mean", verbose=1)
    rows = representations(
        codes, both.fit_transform(images), HOGDescriptor(mirror="mean").fit_transform(images)
    )
    return rows, {target.name: np.r_[target.y_train, target.y_test] for target in found}


def scores(rows, y, n_more, n_draws):
    """Return balanced accuracies (n_draws,) of the photos that a draw has not labeled."""
    found = []
    for draw in range(n_draws):
        rng = np.random.default_rng(draw)
        known = draw_per_class(y, N_PER_CLASS, rng)
        rest = np.setdiff1d(np.arange(len(y)), known)
        known = np.r_[known, rng.choice(rest, n_more, replace=False)]
        rest = np.setdiff1d(rest, known)
        model = make_pipeline(StandardScaler(), LogisticRegression(max_iter=5_000))
        guess = model.fit(rows[known], y[known]).predict(rows[rest])
        recalls = [np.mean(guess[y[rest] == value] == value) for value in np.unique(y[rest])]
        found.append(np.mean(recalls))
    return 100 * np.array(found)


def main():
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("source", type=Path, help="file of codes, or folder of photos")
    parser.add_argument("--labels", type=Path, help="table of the photos' labels")
    parser.add_argument("--target", help="columns of that table")
    parser.add_argument("--generator", default="faces64")
    parser.add_argument("--encoder", default="auto")
    parser.add_argument("--size", type=int, default=256, help="side to which photos are read")
    parser.add_argument("--labels-more", type=int, default=5)
    parser.add_argument("--draws", type=int, default=200)
    args = parser.parse_args()
    rows, targets = read_photos(args) if args.labels else read_file(args.source)
    lines = [["target", "photos by class", "labels in all", "majority", *rows, "2-means, no label"]]
    for name, y in targets.items():
        classes, counts = np.unique(y, return_counts=True)
        if counts.min() < SHORTEST_CLASS:
            continue
        n_labels = N_PER_CLASS * len(classes) + args.labels_more
        cells = []
        for values in rows.values():
            found = scores(values, y, args.labels_more, args.draws)
            cells.append(f"{found.mean():.1f} ± {found.std():.1f}")
        mean = rows["mean over the layers"]
        clusters = KMeans(len(classes), n_init=10, random_state=0).fit_predict(mean)
        lines.append(
            [
                name,
                " + ".join(map(str, counts)),
                str(n_labels),
                f"{100 / len(classes):.1f}",
                *cells,
                f"{100 * clustering_accuracy(y, clusters):.1f} (majority "
                f"{100 * counts.max() / len(y):.1f})",
            ]
        )
    lines.insert(1, ["---"] * len(lines[0]))
    print("\n".join("| " + " | ".join(line) + " |" for line in lines))
    print(f"\nBalanced accuracy in %, mean ± standard deviation over {args.draws} draws.")


if __name__ == "__main__":
    main()
