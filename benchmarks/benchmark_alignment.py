"""Photos that are not aligned, brought back by ``align="dlib"``: PSNR and readings.

    python benchmarks/benchmark_alignment.py GENERATOR --cache runs/alignment

Photos of CelebA ($SKSTYLEFEAT_PHOTOS, by default ../shared/data) are turned, scaled and pasted off
center onto larger canvases. Their codes by the same encoder are compared: of the crops on which the
32 px generator was trained ("aligned"), of the canvases as they are, and of the canvases with
``align="dlib"``. Gender and smile are read by logistic regression that learned on aligned photos.
Nothing but numbers is written. With --cache, a second run skips the training of the encoder.
"""

import argparse
import io
import os
import time
import warnings
import zipfile
from pathlib import Path

import numpy as np
import pandas as pd
from PIL import Image
from sklearn.linear_model import LogisticRegression
from sklearn.metrics import balanced_accuracy_score
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import StandardScaler

from skstylefeat import StyleGANInverter, load_generator
from skstylefeat.images import find_faces

FRAME = (178, 218)  # CelebA's frames, which the archive holds squashed to 64 x 64
BOX = (10.67, 22.46, 53.33, 56.15)  # of the generator's crops, in the squashed frame
CANVAS = 512
TARGETS = ("Male", "Smiling")


def read_photos(n, seed=0):
    """Return n photos as PIL images of CelebA's frame, and their labels."""
    default = Path(__file__).resolve().parents[2] / "shared" / "data"
    folder = Path(os.environ.get("SKSTYLEFEAT_PHOTOS", default))
    table = pd.read_csv(folder / "celeba64.csv")
    table = table.iloc[np.random.default_rng(seed).permutation(len(table))[:n]]
    with zipfile.ZipFile(folder / "celeba64.zip") as archive:
        members = {Path(name).name: name for name in archive.namelist()}
        column = next(c for c in table if table[c].astype(str).str.endswith(".jpg").all())
        contents = [archive.read(members[Path(name).name]) for name in table[column]]
    photos = [Image.open(io.BytesIO(content)).convert("RGB") for content in contents]
    return [photo.resize(FRAME, Image.Resampling.BICUBIC) for photo in photos], table


def aligned_crop(photo, side):
    """Return the crop (side, side, 3) that the generator's training images are."""
    squashed = photo.resize((64, 64), Image.Resampling.BICUBIC)
    return np.asarray(squashed.resize((side, side), Image.Resampling.BICUBIC, box=BOX))


def canvas_of(photo, rng, roll):
    """Return a canvas with the photo turned by up to `roll` degrees, scaled and off center."""
    scale = rng.uniform(0.8, 1.5)
    size = tuple(round(length * scale) for length in photo.size)
    turned = photo.resize(size, Image.Resampling.BICUBIC).convert("RGBA")
    turned = turned.rotate(rng.uniform(-roll, roll), Image.Resampling.BICUBIC, expand=True)
    canvas = Image.new("RGB", (CANVAS, CANVAS), tuple(rng.integers(0, 256, 3).tolist()))
    place = [int(rng.integers(0, max(1, CANVAS - length))) for length in turned.size]
    canvas.paste(turned, tuple(place), turned)
    return np.asarray(canvas)


def psnr(errors):
    """Return the mean PSNR in dB of errors, of which NaN are left out."""
    return float(np.nanmean(-10 * np.log10(errors)))


def main():
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("generator", help="file of the 32 px photo generator")
    parser.add_argument("--train", type=int, default=3000, help="aligned photos to learn from")
    parser.add_argument("--test", type=int, default=300, help="other photos")
    parser.add_argument("--steps", type=int, default=1000, help="steps of the encoder's training")
    parser.add_argument("--roll", type=float, default=45.0, help="largest turn in degrees")
    parser.add_argument("--cache", type=Path, default=None)
    args = parser.parse_args()
    warnings.simplefilter("ignore")

    photos, table = read_photos(args.train + args.test)
    side = load_generator(args.generator).resolution
    crops = np.stack([aligned_crop(photo, side) for photo in photos])
    start = time.perf_counter()
    inverter = StyleGANInverter(
        args.generator,
        "train",
        n_train_steps=args.steps,
        cache_dir=args.cache,
        on_error="nan",
        random_state=0,
    ).fit(crops[: args.train])
    print(f"encoder: {time.perf_counter() - start:.0f} s", flush=True)

    readers = {}
    codes = inverter.transform(crops[: args.train])
    for target in TARGETS:
        reader = make_pipeline(StandardScaler(), LogisticRegression(C=0.01, max_iter=500))
        readers[target] = reader.fit(codes, table[target].to_numpy()[: args.train])

    rng = np.random.default_rng(1)
    canvases = [canvas_of(photo, rng, args.roll) for photo in photos[args.train :]]
    start = time.perf_counter()
    report = find_faces(canvases)
    print(f"{report}; {(time.perf_counter() - start) / args.test:.2f} s per photo", flush=True)

    dlib = {"align": "dlib"}
    rows = {
        "aligned": (crops[args.train :], {}),
        "photos, dlib": ([np.asarray(photo) for photo in photos[args.train :]], dlib),
        "canvases": (canvases, {}),
        "canvases, dlib": (canvases, dlib),
    }
    print(f"{'':16}{'found':>8}{'PSNR':>8}" + "".join(f"{target:>10}" for target in TARGETS))
    for name, (images, settings) in rows.items():
        inverter.set_params(**({"align": None} | settings))
        found = inverter.transform(images)
        good = np.isfinite(found).all(axis=1)
        cells = [f"{good.mean():8.3f}", f"{psnr(inverter.reconstruction_errors(images)):8.2f}"]
        for target, reader in readers.items():
            truth = table[target].to_numpy()[args.train :][good]
            cells.append(
                f"{100 * balanced_accuracy_score(truth, reader.predict(found[good])):10.1f}"
            )
        print(f"{name:16}{''.join(cells)}", flush=True)


if __name__ == "__main__":
    main()
