"""Train the encoder of the 32 px photo generator on the training split of the photos.

No label is read, and no photo of the validation and test splits is trained on. Run again with the
same ``--out`` to go on where a stopped run was::

    python benchmarks/photos/train_encoder.py GENERATOR.safetensors --out runs/photos --minutes 75

Recipe and losses are those of `EncoderRecipe`; ``--set name=value`` changes one. The readouts of
``readouts.py`` say which choice is worth what.
"""

import argparse
import json
import sys
import time
from pathlib import Path

import numpy as np
import torch
from crops import load_photos

from skstylefeat.networks import EncoderRecipe, load_generator, train_encoder

N_VALIDATION = 512
LIMITS = {
    "license": "non-commercial research only, as the photos it was trained on",
    "limits": "aligned frontal faces; no claim about any person",
}


def photo_split(split, folder=None, cache=None):
    """Return the crops (n, 32, 32, 3) of both data sets in a split."""
    sets = [load_photos(name, folder=folder, cache=cache) for name in ("celeba", "utkface")]
    return np.concatenate([photos.images[photos.rows(split)] for photos in sets])


def validation_photos(folder=None, cache=None):
    """Return the crops (n, 32, 32, 3) of validation photos whose reconstruction is reported."""
    rows = np.random.default_rng(0).permutation
    return rows(photo_split("validation", folder, cache))[:N_VALIDATION]


def describe_training_photos(images):
    """Return what an encoder's card says of its training photos."""
    return f"{len(images)} tight 32 px crops of CelebA and UTKFace, training split, without labels"


def write_log(state, folder):
    """Append time, step, PSNR and losses of a `TrainingReport` to the log in a folder."""
    record = {"time": time.strftime("%H:%M:%S"), "step": state.step}
    record |= {"seconds": round(state.seconds), "psnr": round(state.validation_psnr, 2)}
    record |= {name: round(value, 4) for name, value in state.losses.items()}
    with (folder / "log.jsonl").open("a") as log:
        print(json.dumps(record), file=log)


def main():
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("generator", type=Path)
    parser.add_argument("--out", type=Path, default=Path("runs/photos"))
    parser.add_argument("--photos", type=Path, default=None, help="folder of zip and csv files")
    parser.add_argument("--cache", type=Path, default=None, help="folder for decoded crops")
    parser.add_argument("--minutes", type=float, default=None)
    parser.add_argument("--steps", type=int, default=20_000)
    parser.add_argument("--init", type=Path, default=None)
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--set", nargs="*", default=[], metavar="NAME=VALUE")
    args = parser.parse_args()
    args.out.mkdir(parents=True, exist_ok=True)

    generator = load_generator(args.generator)
    images = photo_split("train", args.photos, args.cache)
    validation = validation_photos(args.photos, args.cache)
    recipe = EncoderRecipe(n_steps=args.steps, ema_half_life=300.0)
    recipe = recipe.updated(args.set)

    name = f"{args.generator.stem}-encoder"
    path = args.out / f"{name}.safetensors"

    def report(state):
        write_log(state, args.out)
        card = {
            "name": name,
            "generator": args.generator.name,
            "data": describe_training_photos(images),
            "steps": state.step,
            "images_seen": state.step * recipe.batch_size,
            "recipe": recipe,
            "validation_psnr": f"{state.validation_psnr:.2f} dB",
            **LIMITS,
        }
        state.encoder.save(path, card)

    train_encoder(
        generator,
        images,
        recipe=recipe,
        init=args.init,
        validation_images=validation,
        random_state=args.seed,
        checkpoint=args.out / "checkpoint.safetensors",
        max_seconds=None if args.minutes is None else args.minutes * 60,
        report_every=250,
        callback=report,
        verbose=sys.stderr.isatty(),
    )
    print(f"Wrote {path} with torch {torch.__version__}.")


if __name__ == "__main__":
    main()
