"""Linear readouts of an encoder's codes of validation photos, and its PSNR.

Every choice of the encoder's training was based on this measure. Test photos are not used. Few
labels are drawn from the validation photos, the rest of which is predicted; the larger fits take
their labels from the training split, whose photos the encoder was trained on without labels::

    python benchmarks/photos/readouts.py GENERATOR.safetensors ENCODER.safetensors ...

Rows: the baseline PCA(100) of pixels, then for every encoder W+ codes, the mean of the codes of
photo and mirror image, and max-pooled feature maps. Classification is balanced accuracy in percent,
so the majority class scores 50; age is R2 in percent.
"""

import argparse
from pathlib import Path

import numpy as np
import pandas as pd
from crops import load_photos
from sklearn.decomposition import PCA
from sklearn.linear_model import LogisticRegression, RidgeCV
from sklearn.metrics import balanced_accuracy_score

from skstylefeat import FeatureMaps, load_encoder, load_generator

ATTRIBUTES = {"gender": "Male", "smiling": "Smiling", "glasses": "Eyeglasses"}
N_DRAWS = 20
FEW, SOME, MANY = 30, 200, 4_000
# Strength of the penalty by number of labels, for standardized columns.
INVERSE_PENALTY = {FEW: 1.0, SOME: 0.01, MANY: 0.003}
RIDGE = np.logspace(1, 5, 9)
BATCH = 256


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

    def read(self, features):
        """Return the readouts of features (n, d), one row for each of `images`, as a dict."""
        known = features[self.parts["celeba", "train"]]
        features = (features - known.mean(axis=0)) / (known.std(axis=0) + 1e-8)
        part = {key: features[rows] for key, rows in self.parts.items()}
        result = {}
        for name, column in ATTRIBUTES.items():
            y_train = self.labels("celeba", column, "train")
            y = self.labels("celeba", column, "validation")
            for n in (FEW, SOME):
                result[f"{name} {n}"] = few_labels(part["celeba", "validation"], y, n)
            model = logistic(MANY, class_weight="balanced").fit(part["celeba", "train"], y_train)
            predicted = model.predict(part["celeba", "validation"])
            result[f"{name} {MANY}"] = 100 * balanced_accuracy_score(y, predicted)
        ridge = RidgeCV(RIDGE).fit(part["utkface", "train"], self.labels("utkface", "age", "train"))
        y = self.labels("utkface", "age", "validation")
        result[f"age R2 {MANY}"] = 100 * ridge.score(part["utkface", "validation"], y)
        return result


def logistic(n_labels, **kwargs):
    return LogisticRegression(C=INVERSE_PENALTY[n_labels], max_iter=500, **kwargs)


def few_labels(features, y, n_labels):
    """Return the balanced accuracy in percent from `n_labels` labels, half of each class."""
    rng = np.random.default_rng(0)
    scores = []
    for _ in range(N_DRAWS):
        drawn = [rng.choice(np.flatnonzero(y == c), n_labels // 2, replace=False) for c in (0, 1)]
        rows = np.concatenate(drawn)
        rest = np.setdiff1d(np.arange(len(y)), rows)
        predicted = logistic(n_labels).fit(features[rows], y[rows]).predict(features[rest])
        scores.append(balanced_accuracy_score(y[rest], predicted))
    return 100 * np.mean(scores)


def encode(encoder, images):
    """Return codes (n, n_ws * w_dim) of uint8 images, batch by batch."""
    parts = [
        encoder.encode(images[i : i + BATCH] / np.float32(255))
        for i in range(0, len(images), BATCH)
    ]
    return np.concatenate(parts).reshape(len(images), -1)


def psnr(generator, codes, images):
    """Return the PSNR in dB of the mean squared error over all uint8 images."""
    total = 0.0
    for i in range(0, len(images), BATCH):
        made = generator.synthesis(codes[i : i + BATCH]).transpose(0, 2, 3, 1)
        error = (made.clip(-1, 1) + 1) / 2 - images[i : i + BATCH] / np.float32(255)
        total += np.square(error).mean(axis=(1, 2, 3)).sum()
    return float(-10 * np.log10(total / len(images)))


def main():
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("generator", type=Path)
    parser.add_argument("encoders", type=Path, nargs="*")
    parser.add_argument("--photos", type=Path, default=None, help="folder of zip and csv files")
    parser.add_argument("--cache", type=Path, default=None, help="folder for decoded crops")
    args = parser.parse_args()

    photos = ValidationPhotos(args.photos, args.cache)
    generator = load_generator(args.generator)
    pixels = photos.images.reshape(len(photos.images), -1) / 255.0
    pca = PCA(100, random_state=0).fit(pixels[photos.parts["celeba", "train"]])
    table = {("PCA(100)", "pixels"): photos.read(pca.transform(pixels))}
    for path in args.encoders:
        encoder = load_encoder(path)
        codes = encode(encoder, photos.images)
        mirrored = encode(encoder, photos.images[:, :, ::-1])
        maps = FeatureMaps.from_latents(codes, generator).pool()
        rows = {"W+": codes, "W+ and mirror": (codes + mirrored) / 2, "pooled maps": maps}
        for name, features in rows.items():
            table[path.stem, name] = photos.read(features)
        held_out = [photos.parts[name, "validation"] for name in ("celeba", "utkface")]
        celeba, utkface = (psnr(generator, codes[rows], photos.images[rows]) for rows in held_out)
        print(f"{path.stem}: PSNR {celeba:.2f} dB on CelebA, {utkface:.2f} dB on UTKFace")
    with pd.option_context("display.width", 200, "display.max_columns", None):
        print(pd.DataFrame(table).T.round(1))


if __name__ == "__main__":
    main()
