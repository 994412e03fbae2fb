"""Codes of domains without faces: training of both networks, and what few labels read from codes.

Generator and encoder are trained on all images, without labels; labels are drawn from a half of
the images, and the other half is scored. Clusters are named in the best way. Clothes have the
split of their authors: a second table draws labels at random from its training photos, chooses
each method's penalty on its validation photos, and scores its test photos::

    python benchmarks/other_domains.py digits --out runs/digits --minutes 20
    python benchmarks/other_domains.py clothing --photos clothing64.zip --labels clothing64.csv \
        --generator clothing32.safetensors --out runs/clothing

Digits are scikit-learn's own, 8 x 8 pixels, enlarged to 16. Run again with the same ``--out`` to
go on with a stopped training.
"""

import argparse
import csv
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from PIL import Image
from sklearn.cluster import KMeans
from sklearn.datasets import load_digits
from sklearn.decomposition import PCA
from sklearn.linear_model import LogisticRegression
from sklearn.metrics import accuracy_score, balanced_accuracy_score
from sklearn.neighbors import KNeighborsClassifier
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import StandardScaler

from skstylefeat.features import HOGDescriptor
from skstylefeat.images import as_images, list_images
from skstylefeat.latents import w_plus_to_s
from skstylefeat.metrics import clustering_accuracy
from skstylefeat.networks import (
    EncoderRecipe,
    GeneratorRecipe,
    load_encoder,
    load_generator,
    train_encoder,
    train_generator,
)
from skstylefeat.networks.training import write_sample_sheet

N_COMPONENTS = 50
BUDGETS = (1, 5, 20)  # labels per class
PENALTIES = (0.001, 0.01, 0.1, 1, 10)  # inverse strengths, of which validation photos choose one
MEASURES = (accuracy_score, balanced_accuracy_score)


@dataclass(frozen=True)
class Domain:
    """Images (n, H, H, 3), uint8, their classes, and how a generator of them is trained.

    `split` says "train", "validation" or "test" for each image, if their authors did.
    """

    images: np.ndarray
    classes: np.ndarray
    recipe: GeneratorRecipe
    split: np.ndarray | None = None


def digits():
    """Return 1,797 handwritten digits, white on black."""
    data = load_digits()
    images = [Image.fromarray((x * 15.9).astype(np.uint8)) for x in data.images]
    pixels = np.stack([x.resize((16, 16), Image.Resampling.BICUBIC) for x in images])
    recipe = GeneratorRecipe(channels=(64, 48, 32), z_dim=64, w_dim=64, mirror=False)
    return Domain(np.repeat(pixels[..., None], 3, axis=3), data.target, recipe)


def clothing(photos, labels, side):
    """Return photos of clothes in ten classes."""
    with open(labels, newline="") as file:
        table = {row["file"]: row for row in csv.DictReader(file)}
    pixels = np.rint(as_images(photos).read((side, side)) * 255).astype(np.uint8)
    rows = [table[name] for name in list_images(photos).names]
    classes, split = (np.array([row[column] for row in rows]) for column in ("class", "split"))
    return Domain(pixels, classes, GeneratorRecipe(), split)


def networks(domain, args):
    """Return generator and encoder, trained in `args.out` unless given."""
    args.out.mkdir(parents=True, exist_ok=True)
    if args.generator is None:

        def save(report):
            report.generator.save(args.out / "generator.safetensors")
            write_sample_sheet(report.generator, args.out / "samples.png")
            print(
                f"{report.images_seen} images, {report.images_per_second:.0f} per second, "
                f"{report.losses}, augmentation {report.augmentation:.3f}",
                flush=True,
            )

        generator = train_generator(
            domain.images,
            recipe=domain.recipe,
            n_images=args.images,
            max_seconds=args.minutes * 60,
            checkpoint=args.out / "generator-training.safetensors",
            report_seconds=60,
            callback=save,
        )
    else:
        generator = load_generator(args.generator)
    if args.encoder is not None:
        return generator, load_encoder(args.encoder)
    recipe = EncoderRecipe(n_steps=args.encoder_steps, mirror=domain.recipe.mirror)
    encoder = train_encoder(
        generator,
        domain.images,
        recipe=recipe,
        checkpoint=args.out / "encoder-training.safetensors",
        callback=lambda report: print(f"step {report.step}: {report.losses}", flush=True),
        report_every=250,
    )
    encoder.save(args.out / "encoder.safetensors")
    return generator, encoder


def representations(domain, generator, encoder):
    """Return rows of every image by name."""
    images = domain.images / np.float32(255)
    codes = encoder.encode(images)
    made = generator.synthesis(codes).transpose(0, 2, 3, 1)
    error = np.square(np.clip((made + 1) / 2, 0, 1) - images).mean()
    print(f"Reconstruction: {-10 * np.log10(error):.1f} dB")
    flat = images.reshape(len(images), -1)
    return {
        "pixels": flat,
        f"PCA({N_COMPONENTS}) of pixels": PCA(N_COMPONENTS, random_state=0).fit_transform(flat),
        "W+ codes": codes.reshape(len(codes), -1),
        "S codes": w_plus_to_s(codes.reshape(len(codes), -1), generator),
    }


def readers():
    """Return the classifiers by name."""
    logistic = LogisticRegression(C=0.1, max_iter=2_000)
    return {
        "1-NN": make_pipeline(StandardScaler(), KNeighborsClassifier(1)),
        "logistic": make_pipeline(StandardScaler(), logistic),
    }


def few_label_scores(X, y, budget, reader, n_draws):
    """Return the balanced accuracy on a half, for every draw of labels from the other half."""
    scores = []
    for draw in range(n_draws):
        rng = np.random.default_rng(draw)
        order = rng.permutation(len(X))
        pool, test = np.split(order, [len(X) // 2])
        rows = np.concatenate([pool[y[pool] == label][:budget] for label in np.unique(y)])
        scores.append(
            balanced_accuracy_score(y[test], reader.fit(X[rows], y[rows]).predict(X[test]))
        )
    return np.array(scores)


def mirrored_representations(domain, generator, encoder):
    """Return rows that are means over image and mirror image, by name."""
    views = [domain.images, domain.images[:, :, ::-1]]
    flat = np.mean([x.reshape(len(x), -1) / np.float32(255) for x in views], axis=0)
    codes = np.mean([encoder.encode(x / np.float32(255)) for x in views], axis=0)
    train = domain.split == "train"
    rows = {
        "PCA(100) of pixels": PCA(min(100, train.sum()), random_state=0)
        .fit(flat[train])
        .transform(flat),
        "HOG": HOGDescriptor(mirror="mean").fit_transform(domain.images),
        "W+ codes": codes.reshape(len(codes), -1),
        "S codes": w_plus_to_s(codes.reshape(len(codes), -1), generator),
    }
    # Blocks of equal weight, whatever their numbers of columns.
    scaled = {name: StandardScaler().fit(X[train]).transform(X) for name, X in rows.items()}
    blocks = [scaled[name] / np.sqrt(scaled[name].shape[1]) for name in ("HOG", "S codes")]
    return rows | {"HOG and S codes": np.hstack(blocks)}


def random_label_scores(X, domain, budget, penalty, scored, n_draws):
    """Return accuracy and balanced accuracy (n_draws, 2) on the photos of a split."""
    pool = np.flatnonzero(domain.split == "train")
    X = StandardScaler().fit(X[pool]).transform(X)
    y, held_out = domain.classes, domain.split == scored
    scores = []
    for draw in range(n_draws):
        rows = np.random.default_rng(draw).permutation(pool)[:budget]
        model = LogisticRegression(C=penalty, max_iter=2_000).fit(X[rows], y[rows])
        predicted = model.predict(X[held_out])
        scores.append([measure(y[held_out], predicted) for measure in MEASURES])
    return np.array(scores)


def random_label_table(domain, generator, encoder, budgets, n_draws):
    """Print accuracy and balanced accuracy on test photos, mean and standard error."""
    counts = np.unique(domain.classes[domain.split == "test"], return_counts=True)[1]
    print(f"\nTest photos: majority {100 * counts.max() / counts.sum():.1f} %")
    print("Accuracy / balanced accuracy in %, labels at random, with the mirror image:")
    for name, X in mirrored_representations(domain, generator, encoder).items():
        cells = []
        for budget in budgets:

            def scores(penalty, split, X=X, budget=budget):
                return random_label_scores(X, domain, budget, penalty, split, n_draws)

            chosen = max(PENALTIES, key=lambda penalty: scores(penalty, "validation")[:, 1].mean())
            found = 100 * scores(chosen, "test")
            errors = found.std(axis=0, ddof=1) / np.sqrt(n_draws)
            pairs = zip(found.mean(axis=0), errors, strict=True)
            means = " / ".join(f"{mean:.1f} +- {error:.1f}" for mean, error in pairs)
            cells.append(f"{budget}: {means} (C = {chosen})")
        print(f"{name:<20} {'   '.join(cells)}", flush=True)


def cluster_accuracy(X, y):
    """Return the accuracy of k-means with as many clusters as classes, named in the best way."""
    k_means = KMeans(len(np.unique(y)), n_init=10, random_state=0)
    return clustering_accuracy(y, k_means.fit_predict(StandardScaler().fit_transform(X)))


def main():
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("domain", choices=["digits", "clothing"])
    parser.add_argument("--out", type=Path, required=True)
    parser.add_argument("--photos", type=Path)
    parser.add_argument("--labels", type=Path)
    parser.add_argument("--generator", type=Path)
    parser.add_argument("--encoder", type=Path)
    parser.add_argument("--images", type=int, default=1_000_000)
    parser.add_argument("--minutes", type=float, default=60)
    parser.add_argument("--encoder-steps", type=int, default=2_000)
    parser.add_argument("--random-labels", type=int, nargs="+", default=(30, 100, 1_000))
    parser.add_argument("--draws", type=int, default=20)
    args = parser.parse_args()
    domain = digits() if args.domain == "digits" else clothing(args.photos, args.labels, 32)
    generator, encoder = networks(domain, args)
    print(f"{generator.name}: {generator.card}")

    y = domain.classes
    majority = np.unique(y, return_counts=True)[1].max() / len(y)
    print(f"majority {100 * majority:.1f} %, balanced {100 / len(np.unique(y)):.1f} %")
    for name, X in representations(domain, generator, encoder).items():
        print(f"{name:<20} 10-means {100 * cluster_accuracy(X, y):.1f} %", flush=True)
        for reader_name, reader in readers().items():
            cells = []
            for budget in BUDGETS:
                scores = 100 * few_label_scores(X, y, budget, reader, args.draws)
                cells.append(f"{budget:>3}: {scores.mean():.1f} +- {scores.std():.1f}")
            print(f"{name:<20} {reader_name:<9} {'   '.join(cells)}", flush=True)
    if domain.split is not None:
        random_label_table(domain, generator, encoder, args.random_labels, args.draws)


if __name__ == "__main__":
    main()
