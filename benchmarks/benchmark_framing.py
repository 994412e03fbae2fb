"""Recognition of images that are framed unlike the generator's own, without an encoder.

    python benchmarks/benchmark_framing.py
    python benchmarks/benchmark_framing.py --photos GENERATOR

Rendered faces and faces64, or photos of CelebA ($SKSTYLEFEAT_PHOTOS, by default ../shared/data) and
the 32 px photo generator. The images are shifted, turned and scaled; pixels from outside are the
photo's, then its mirror image. Printed are the AUC against aligned images, the share that is
reported (false alarms in the first row), and the time. --codes N also optimizes codes of N images
per row, and gives the AUC of their distance from the generator's codes and of the error.
"""

import argparse
import time

import numpy as np
from benchmark_alignment import BOX, FRAME, read_photos
from PIL import Image
from sklearn.metrics import roc_auc_score

from skstylefeat import StyleGANInverter, load_generator
from skstylefeat.datasets import make_faces
from skstylefeat.inversion import framing_scores

KINDS = {
    "aligned": (0, 1, 0),
    "shifted by 0.15": (0.15, 1, 0),
    "shifted by 0.3": (0.3, 1, 0),
    "shifted by 0.5": (0.5, 1, 0),
    "turned by 20": (0, 1, 20),
    "turned by 45": (0, 1, 45),
    "upside down": (0, 1, 180),
    "scale 0.5": (0, 0.5, 0),
    "scale 0.7": (0, 0.7, 0),
    "scale 1.4": (0, 1.4, 0),
    "scale 2": (0, 2, 0),
}


def crop(image, center, half, roll, side):
    """Return the square of half a side `half` (x, y) around a center, as pixels of `side`."""
    margin = max(image.size)
    widths = ((margin, margin), (margin, margin), (0, 0))
    image = Image.fromarray(np.pad(np.asarray(image), widths, mode="symmetric"))
    a, fine = np.deg2rad(roll), 4 * side
    x = np.array([np.cos(a), np.sin(a)]) * 2 * half[0] / fine
    y = np.array([-np.sin(a), np.cos(a)]) * 2 * half[1] / fine
    start = np.asarray(center) + margin - (x + y) * fine / 2
    coefficients = (x[0], y[0], start[0], x[1], y[1], start[1])
    view = image.transform(
        (fine, fine), Image.Transform.AFFINE, coefficients, Image.Resampling.BICUBIC
    )
    return np.asarray(view.reduce(4))


def main():
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--photos", metavar="GENERATOR", help="file of the 32 px photo generator")
    parser.add_argument("--images", type=int, default=300)
    parser.add_argument("--codes", type=int, default=0)
    args = parser.parse_args()

    # The square that counts as aligned, in pixels of the images.
    if args.photos:
        images, _ = read_photos(args.images, seed=1)
        box = np.array(BOX).reshape(2, 2) / 64 * FRAME
    else:
        pixels = make_faces(args.images, image_size=192, random_state=600_000).images
        images = [Image.fromarray(image) for image in pixels]
        box = np.array([[0.0, 0.0], [192.0, 192.0]])
    generator = load_generator(args.photos or "faces64")
    center, half = box.mean(axis=0), (box[1] - box[0]) / 2

    rng = np.random.default_rng(0)
    views = {}
    for kind, (shift, scale, turn) in KINDS.items():
        angles = rng.uniform(0, 2 * np.pi, len(images))
        moves = 2 * shift * half * np.stack([np.cos(angles), np.sin(angles)], axis=1)
        turns = turn * rng.choice([-1, 1], len(images))
        views[kind] = np.stack(
            [
                crop(image, center + move, half * scale, roll, generator.resolution)
                for image, move, roll in zip(images, moves, turns, strict=True)
            ]
        )

    start = time.perf_counter()
    framing_scores(views["aligned"][:1], generator)
    print(f"{generator.name}: check made in {time.perf_counter() - start:.1f} s")
    scores = {kind: framing_scores(pixels, generator) for kind, pixels in views.items()}
    print(f"{'':18}{'AUC':>8}{'reported':>10}")
    for kind in KINDS:
        area = auc(scores["aligned"], scores[kind])
        print(f"{kind:18}{area:8.4f}{100 * np.mean(scores[kind] > 2):9.1f}%", flush=True)
    if args.codes:
        print_codes(generator, {kind: pixels[: args.codes] for kind, pixels in views.items()})


def auc(low, high):
    """Return how often a value of `high` is larger than one of `low`."""
    return roc_auc_score(np.repeat([0, 1], [len(low), len(high)]), np.concatenate([low, high]))


def print_codes(generator, views):
    """Print the AUC of what optimized codes tell: whitened distance, and error."""
    w = generator.mapping(generator.sample_z(10_000, random_state=0))
    values, vectors = np.linalg.eigh(np.cov(w.T))
    whiten = vectors / np.sqrt(np.maximum(values, values.max() * 1e-4))
    inverter = StyleGANInverter(generator, method="optimize", n_steps=60)
    distances, errors = {}, {}
    for kind, pixels in views.items():
        codes = inverter.fit(pixels).transform(pixels)
        offsets = codes.reshape(len(codes), generator.n_ws, -1) - w.mean(axis=0)
        distances[kind] = np.square(offsets @ whiten).mean(axis=(1, 2))
        made = inverter.inverse_transform(codes)
        errors[kind] = np.square(made - pixels / np.float32(255)).mean(axis=(1, 2, 3))
    print(f"optimized codes: {'distance':>16}{'error':>8}")
    for kind in views:
        cells = [auc(values["aligned"], values[kind]) for values in (distances, errors)]
        print(f"{kind:18}{cells[0]:14.3f}{cells[1]:8.3f}", flush=True)


if __name__ == "__main__":
    main()
