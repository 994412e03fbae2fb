"""Train the 32 px photo generator on the training split only.

It sees no test or validation photo. Run again with the same ``--out`` to resume a stopped run::

    python benchmarks/photos/train_generator.py --out runs/photo-generator
"""

import argparse
import json
from pathlib import Path

import numpy as np
from crops import load_photos

from skstylefeat.networks import GeneratorRecipe, train_generator
from skstylefeat.networks.training import write_sample_sheet

RECIPE = GeneratorRecipe(channels=(128, 128, 96, 48), gamma=0.2, augment="none")
KEEP_EVERY = 100_000  # images between weights that are kept for comparison
CARD = {
    "name": "photos32",
    "data": "CelebA and UTKFace, 32 px crops, training split only",
    "license": "non-commercial research only, as its data",
}


def training_crops(cache):
    """Return the crops of both data sets' training splits, uint8 (n, 32, 32, 3)."""
    photos = [load_photos(name, cache=cache) for name in ("celeba", "utkface")]
    return np.concatenate([np.asarray(p.images)[p.split == "train"] for p in photos])


def main():
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--out", type=Path, default=Path("runs/photo-generator"))
    parser.add_argument("--images", type=int, default=10_000_000)
    parser.add_argument("--cache", type=Path, default=None)
    parser.add_argument("--precision", default="auto", choices=["auto", "float32", "bfloat16"])
    parser.add_argument("--seed", type=int, default=0)
    args = parser.parse_args()
    args.out.mkdir(parents=True, exist_ok=True)

    crops = training_crops(args.cache)

    def save(report):
        generator = report.generator
        kept = report.images_seen // KEEP_EVERY * KEEP_EVERY
        kept = args.out / f"generator-{kept:08d}.safetensors"
        for path in [args.out / "generator.safetensors", *([] if kept.exists() else [kept])]:
            generator.save(path, CARD | {"images_seen": report.images_seen})
        write_sample_sheet(generator, args.out / "samples.png")
        record = {"images": report.images_seen}
        record |= {"images_per_second": round(report.images_per_second, 1)}
        record |= {name: round(value, 3) for name, value in report.losses.items()}
        print(json.dumps(record), flush=True)

    train_generator(
        crops,
        recipe=RECIPE,
        n_images=args.images,
        precision=args.precision,
        random_state=args.seed,
        checkpoint=args.out / "checkpoint.safetensors",
        callback=save,
    )


if __name__ == "__main__":
    main()
