"""Linear readouts of an encoder's codes of validation photos, and its PSNR.

Every choice of the encoder's training was based on this measure. Test photos are not used. Few
labels are drawn from the validation photos, the rest of which is predicted; the larger fits take
their labels from the training split, whose photos the encoder was trained on without labels::

    python benchmarks/photos/readouts.py GENERATOR.safetensors ENCODER.safetensors ...

Rows: the baseline PCA(100) of pixels, then for every encoder W+ codes, the mean of the codes of
photo and mirror image, and max-pooled feature maps. ``--rows "W+ and mirror, even light"`` takes
from every photo its own plane of light before it is encoded. Classification is balanced accuracy in
percent, so the majority class scores 50; age is R2 in percent. Results of few labels are means over
draws of the labels with their standard error. "2-means" is the agreement in percent of two clusters
with gender, under the better of both namings; it is to be compared with the share of the larger
class.

A line per encoder and row says what the clusters follow: the agreement with gender from each of six
starts, the correlation of the tightest clusters with the photos' mean brightness, and those of the
first principal components with gender.

With several encoders, a second table has the differences from the first one, paired over the draws.
Their errors do not contain what another seed of the training would change.
"""

import argparse
from pathlib import Path

import numpy as np
import pandas as pd
from crops import evenly_lit, load_photos
from sklearn.cluster import KMeans
from sklearn.decomposition import PCA
from sklearn.linear_model import LogisticRegression, RidgeCV
from sklearn.metrics import balanced_accuracy_score

from skstylefeat import FeatureMaps, load_encoder, load_generator
from skstylefeat.metrics import clustering_accuracy

ATTRIBUTES = {"gender": "Male", "smiling": "Smiling", "glasses": "Eyeglasses"}
N_DRAWS = 20
N_STARTS = 6
FEW, SOME, MANY = 30, 200, 4_000
# Strength of the penalty by number of labels, for standardized columns.
INVERSE_PENALTY = {FEW: 1.0, SOME: 0.01, MANY: 0.003}
RIDGE = np.logspace(1, 5, 9)
BATCH = 256
ROWS = ("W+", "W+ and mirror", "pooled maps")
EVEN_LIGHT = "W+ and mirror, even light"


class ValidationPhotos:
    """Photos of the training and validation splits in a fixed order, with their labels."""

    def __init__(self, folder=None, cache=None):
        self.celeba = load_photos("celeba", folder=folder, cache=cache)
        self.utkface = load_photos("utkface", folder=folder, cache=cache)
        self.rows = {
            (name, split): photos.rows(split)[:limit]
            for name, photos in (("celeba", self.celeba), ("utkface", self.utkface))
            for split, limit in (("train", MANY), ("validation", None))
        }
        self.images = np.concatenate(
            [getattr(self, name).images[rows] for (name, _), rows in self.rows.items()]
        )
        stops = np.cumsum([len(rows) for rows in self.rows.values()])
        self.parts = {
            key: slice(stop - len(rows), stop)
            for (key, rows), stop in zip(self.rows.items(), stops, strict=True)
        }

    def labels(self, name, column, split):
        """Return the labels of a split, in the order of its images."""
        return getattr(self, name).frame[column].to_numpy()[self.rows[name, split]]

    def standardized(self, features):
        """Return features (n, d) with the columns of the labeled training photos standardized."""
        known = features[self.parts["celeba", "train"]]
        return (features - known.mean(axis=0)) / (known.std(axis=0) + 1e-8)

    def read(self, features):
        """Return the readouts of features (n, d), one row for each of `images`.

        Returns
        -------
        dict of str to ndarray of shape (n_draws,)
            Scores by name, one per draw of the labels; a single one where all are read.
        """
        features = self.standardized(features)
        part = {key: features[rows] for key, rows in self.parts.items()}
        result = {}
        for name, column in ATTRIBUTES.items():
            y_train = self.labels("celeba", column, "train")
            y = self.labels("celeba", column, "validation")
            for n in (FEW, SOME):
                result[f"{name} {n}"] = few_labels(part["celeba", "validation"], y, n)
            model = logistic(MANY, class_weight="balanced").fit(part["celeba", "train"], y_train)
            predicted = model.predict(part["celeba", "validation"])
            result[f"{name} {MANY}"] = np.array([100 * balanced_accuracy_score(y, predicted)])

        ridge = RidgeCV(RIDGE).fit(part["utkface", "train"], self.labels("utkface", "age", "train"))
        y = self.labels("utkface", "age", "validation")
        score = ridge.score(part["utkface", "validation"], y)
        result[f"age R2 {MANY}"] = np.array([100 * score])

        clusters = KMeans(2, n_init=10, random_state=0).fit_predict(part["celeba", "validation"])
        y = self.labels("celeba", ATTRIBUTES["gender"], "validation")
        result["gender 2-means"] = np.array([100 * clustering_accuracy(y, clusters)])
        return result


def logistic(n_labels, **kwargs):
    return LogisticRegression(C=INVERSE_PENALTY[n_labels], max_iter=500, **kwargs)


def few_labels(features, y, n_labels):
    """Return balanced accuracies (n_draws,) in percent from `n_labels` labels, half per class."""
    rng = np.random.default_rng(0)
    scores = []
    for _ in range(N_DRAWS):
        drawn = [rng.choice(np.flatnonzero(y == c), n_labels // 2, replace=False) for c in (0, 1)]
        rows = np.concatenate(drawn)
        rest = np.setdiff1d(np.arange(len(y)), rows)
        predicted = logistic(n_labels).fit(features[rows], y[rows]).predict(features[rest])
        scores.append(balanced_accuracy_score(y[rest], predicted))
    return 100 * np.array(scores)


def encode(encoder, images):
    """Return codes (n, n_ws * w_dim) of uint8 images, batch by batch."""
    parts = [
        encoder.encode(images[i : i + BATCH] / np.float32(255))
        for i in range(0, len(images), BATCH)
    ]
    return np.concatenate(parts).reshape(len(images), -1)


def encode_both(encoder, images):
    """Return the mean codes (n, n_ws * w_dim) of uint8 images and of their mirror images."""
    return (encode(encoder, images) + encode(encoder, images[:, :, ::-1])) / 2


def psnr(generator, codes, images):
    """Return the PSNR in dB of the mean squared error over all uint8 images."""
    total = 0.0
    for i in range(0, len(images), BATCH):
        made = generator.synthesis(codes[i : i + BATCH]).transpose(0, 2, 3, 1)
        error = (made.clip(-1, 1) + 1) / 2 - images[i : i + BATCH] / np.float32(255)
        total += np.square(error).mean(axis=(1, 2, 3)).sum()
    return float(-10 * np.log10(total / len(images)))


def main_axes(features, brightness, y):
    """Return what two clusters and the first principal components of features follow, as text.

    Parameters
    ----------
    features : ndarray of shape (n, d)
    brightness : ndarray of shape (n,)
        Mean brightness of each photo.
    y : ndarray of shape (n,)
        Gender.

    Returns
    -------
    str
    """
    fits = [KMeans(2, n_init=1, random_state=seed).fit(features) for seed in range(N_STARTS)]
    agreements = " ".join(f"{100 * clustering_accuracy(y, fit.labels_):.1f}" for fit in fits)
    tightest = min(fits, key=lambda fit: fit.inertia_).labels_
    light = abs(np.corrcoef(brightness, tightest)[0, 1])
    pca = PCA(4, random_state=0)
    scores = pca.fit_transform(features)
    gender = [f"{abs(np.corrcoef(column, y)[0, 1]):.2f}" for column in scores.T]
    shares = [f"{100 * share:.1f}" for share in pca.explained_variance_ratio_]
    return (
        f"2-means {agreements} %, correlation with brightness {light:.2f}; components with "
        f"{' '.join(shares)} % of the variance correlate with gender by {' '.join(gender)}"
    )


def formatted(scores, sign=""):
    """Return the mean of scores (n,) as text, with its standard error where there are several.

    With ``sign="+"`` a positive mean has its sign, for differences.
    """
    error = f" ± {np.std(scores, ddof=1) / len(scores) ** 0.5:.1f}" if len(scores) > 1 else ""
    return f"{np.mean(scores):{sign}.1f}{error}"


def print_table(table):
    """Print scores, a dict of dicts of arrays by row and column."""
    texts = {
        row: {name: formatted(scores) for name, scores in columns.items()}
        for row, columns in table.items()
    }
    with pd.option_context("display.width", 250, "display.max_columns", None):
        print(pd.DataFrame(texts).T)


def differences(table, first):
    """Return the table of all other encoders minus that of encoder `first`, draw by draw."""
    return {
        (name, rows): {key: scores - table[first, rows][key] for key, scores in columns.items()}
        for (name, rows), columns in table.items()
        if name != first and (first, rows) in table
    }


def main():
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("generator", type=Path)
    parser.add_argument("encoders", type=Path, nargs="*")
    parser.add_argument("--photos", type=Path, default=None, help="folder of zip and csv files")
    parser.add_argument("--cache", type=Path, default=None, help="folder for decoded crops")
    parser.add_argument("--rows", nargs="+", choices=(*ROWS, EVEN_LIGHT), default=ROWS)
    args = parser.parse_args()
    stems = [path.stem for path in args.encoders]
    if len(set(stems)) < len(stems):
        parser.error(f"the encoders need different names, got {stems}.")

    photos = ValidationPhotos(args.photos, args.cache)
    generator = load_generator(args.generator)
    pixels = photos.images.reshape(len(photos.images), -1) / 255.0
    pca = PCA(100, random_state=0).fit(pixels[photos.parts["celeba", "train"]])
    table = {("PCA(100)", "pixels"): photos.read(pca.transform(pixels))}
    y = photos.labels("celeba", ATTRIBUTES["gender"], "validation")
    larger = 100 * np.bincount(y).max() / len(y)
    print(f"{len(y)} validation photos of CelebA; larger class of gender: {larger:.1f} %")
    for path in args.encoders:
        encoder = load_encoder(path)
        codes = encode(encoder, photos.images)
        rows = {"W+": codes}
        if "W+ and mirror" in args.rows:
            rows["W+ and mirror"] = encode_both(encoder, photos.images)
        if EVEN_LIGHT in args.rows:
            rows[EVEN_LIGHT] = encode_both(encoder, evenly_lit(photos.images))
        if "pooled maps" in args.rows:
            rows["pooled maps"] = FeatureMaps.from_latents(codes, generator).pool()
        for name in args.rows:
            table[path.stem, name] = photos.read(rows[name])
            held_out = photos.parts["celeba", "validation"]
            brightness = photos.images[held_out].mean(axis=(1, 2, 3))
            axes = main_axes(photos.standardized(rows[name])[held_out], brightness, y)
            print(f"{path.stem}, {name}: {axes}", flush=True)
        held_out = [photos.parts[name, "validation"] for name in ("celeba", "utkface")]
        celeba, utkface = (psnr(generator, codes[part], photos.images[part]) for part in held_out)
        print(
            f"{path.stem}, SHA-256 {encoder.sha256}: PSNR {celeba:.2f} dB on CelebA, "
            f"{utkface:.2f} dB on UTKFace",
            flush=True,
        )
    print_table(table)
    if len(stems) > 1:
        print(f"Differences from {stems[0]}:")
        print_table(differences(table, stems[0]))


if __name__ == "__main__":
    main()
