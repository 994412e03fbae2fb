"""W+ compared with S: mean absolute error of planes learned from a few values.

::

    python benchmarks/benchmark_spaces.py
    python benchmarks/benchmark_spaces.py --data FOLDER --generator FILE --encoder FILE

Yaw and age of rendered faces by default; the age of UTKFace with ``--data``. The competitor is the
same method on principal components of the pixels. A draw labels some images of a pool of 1,000 with
their value and reads no other label: plane and calibration are learned from these. Other images are
scored.
"""

import argparse
import sys
from pathlib import Path

import numpy as np
from sklearn.pipeline import make_pipeline

from skstylefeat import HyperplaneDistance, LatentRegressor, StyleGANInverter
from skstylefeat.datasets import make_faces
from skstylefeat.directions import DiscriminantDirection
from skstylefeat.experiments import pixel_components
from skstylefeat.latents import w_plus_to_s

N_POOL, N_TEST = 1_000, 500
SEEDS = (3001, 3002)
BUDGETS = (10, 20, 50, 100, 300)
MIRROR = {"yaw": "difference", "age": "mean"}


def read_halves(args):
    """Return images (n, H, W, 3) and numbers by target, of the pool and of the test images."""
    if args.data is None:
        halves = [
            make_faces(n, random_state=s) for n, s in zip((N_POOL, N_TEST), SEEDS, strict=True)
        ]
        return [(half.images, {name: half.attributes[name] for name in MIRROR}) for half in halves]
    sys.path.insert(0, str(Path(__file__).with_name("photos")))
    from crops import load_photos

    photos = load_photos("utkface", folder=args.data, cache=args.cache)
    halves = []
    for split, n in (("train", N_POOL), (args.split, 3 * N_TEST)):
        rows = photos.rows(split)[:n]
        age = photos.frame["age"].to_numpy(np.float64)[rows]
        halves.append((np.asarray(photos.images[rows]), {"age": age}))
    return halves


def representations(images, mirror, args):
    """Return by space the rows of the pool and of the test images."""
    pixels = [x / np.float32(255) for x in images]
    if mirror is not None:
        sign = {"mean": 1, "difference": -1}[mirror]
        pixels = [(x + sign * x[:, :, ::-1]) / 2 for x in pixels]
    inverter = StyleGANInverter(args.generator, args.encoder, mirror=mirror, random_state=0)
    codes = [inverter.fit(images[0]).transform(x) for x in images]
    styles = [w_plus_to_s(x, inverter.generator_) for x in codes]
    return {"PCA": pixel_components(*pixels), "W+": codes, "S": styles}


def errors(pool, test, y_pool, y_test, labeled):
    """Return the mean absolute error of a plane and its calibration, both from `labeled`."""
    plane = HyperplaneDistance(DiscriminantDirection(extremes=None), random_state=0)
    model = make_pipeline(plane, LatentRegressor(random_state=0)).fit(
        pool[labeled], y_pool[labeled]
    )
    return np.abs(model.predict(test) - y_test).mean()


def main():
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--data", default=None, metavar="FOLDER")
    parser.add_argument("--split", choices=("test", "validation"), default="test")
    parser.add_argument("--cache", type=Path, default=None, help="folder for decoded crops")
    parser.add_argument("--generator", default="faces64")
    parser.add_argument("--encoder", default="auto")
    parser.add_argument("--draws", type=int, default=20)
    args = parser.parse_args()
    halves = read_halves(args)
    images = [images for images, _ in halves]
    alone = representations(images, None, args)
    for target in halves[0][1]:
        y_pool, y_test = (np.asarray(numbers[target], dtype=np.float64) for _, numbers in halves)
        turned = representations(images, MIRROR[target], args)
        rows = alone | {f"{name} and mirror": found for name, found in turned.items()}
        header = ["", "labels", "mean label", *rows]
        print("| " + " | ".join(header) + " |\n" + "| --- " * len(header) + "|")
        for budget in BUDGETS:
            found = {name: [] for name in ("mean", *rows)}
            for draw in range(args.draws):
                labeled = np.random.default_rng(draw).choice(len(y_pool), budget, replace=False)
                found["mean"].append(np.abs(y_pool[labeled].mean() - y_test).mean())
                for name, (pool, test) in rows.items():
                    found[name].append(errors(pool, test, y_pool, y_test, labeled))
            cells = (f"{np.mean(values):.1f} ± {np.std(values):.1f}" for values in found.values())
            print("| " + " | ".join([target, str(budget), *cells]) + " |", flush=True)


if __name__ == "__main__":
    main()
