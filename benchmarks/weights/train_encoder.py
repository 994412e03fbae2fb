"""Train the bundled encoder for the bundled generator, on faces that `make_faces` renders.

Half of every batch is synthesized from known codes, the other half is rendered on the fly, so no
image is seen twice and nothing but the generator is needed. Attributes are read only to measure
the codes: by a linear model from 1,000 labels, on faces of their own seeds.

Run again with the same ``--out`` to go on where a stopped run was; ``--init`` starts a new
training from an encoder's weights, for a generator that has changed since::

    python benchmarks/weights/train_encoder.py runs/generator/generator.safetensors \
        --out runs/encoder --images 300000
"""

import argparse
import json
import sys
import time
from dataclasses import replace
from functools import partial
from pathlib import Path

import numpy as np
from PIL import Image
from sklearn.linear_model import LogisticRegression, RidgeCV
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import StandardScaler

from skstylefeat.datasets import make_faces
from skstylefeat.networks import EncoderRecipe, load_generator, train_encoder

REPORT_EVERY = 100
READOUT_EVERY = 10  # reports
N_VALIDATION = 128
N_LABELS, N_TEST = 1_000, 500
SEED_VALIDATION, SEED_LABELS = 2**31 - 1, 2**31 - 2
SHEET_PAIRS = 32
PENALTIES = np.logspace(0, 5, 11)


def rendered(rng, n, side=64):
    """Render `n` faces that no other step has seen."""
    # The highest seeds stay free for validation and readouts.
    return make_faces(n, image_size=side, random_state=int(rng.integers(SEED_LABELS))).images


class Readout:
    """How well a linear model reads yaw and glasses from the codes of faces never trained on."""

    def __init__(self, side):
        faces = make_faces(N_LABELS + N_TEST, image_size=side, random_state=SEED_LABELS)
        self.images = faces.images
        self.yaw = np.asarray(faces.attributes["yaw"])
        self.glasses = np.asarray(faces.attributes["glasses"]) != "none"

    def __call__(self, encoder):
        """Return R2 of the yaw and accuracy of glasses (any or none) as a dict."""
        codes = encoder.encode(self.images / np.float32(255)).reshape(len(self.images), -1)
        train, test = slice(None, N_LABELS), slice(N_LABELS, None)
        yaw = make_pipeline(StandardScaler(), RidgeCV(PENALTIES))
        glasses = make_pipeline(StandardScaler(), LogisticRegression(C=0.01, max_iter=1_000))
        yaw.fit(codes[train], self.yaw[train])
        glasses.fit(codes[train], self.glasses[train])
        return {
            "yaw_r2": round(yaw.score(codes[test], self.yaw[test]), 4),
            "glasses": round(glasses.score(codes[test], self.glasses[test]), 4),
        }


def sample_sheet(generator, encoder, images, path):
    """Write rendered faces, each beside its reconstruction."""
    shown = images[:SHEET_PAIRS]
    made = generator.synthesis(encoder.encode(shown / np.float32(255))).transpose(0, 2, 3, 1)
    made = ((made.clip(-1, 1) + 1) * 127.5).astype(np.uint8)
    pixels = np.stack([shown, made], axis=1).reshape(-1, *shown.shape[1:])
    rows, size = len(pixels) // 8, pixels.shape[1]
    grid = pixels.reshape(rows, 8, size, size, 3).transpose(0, 2, 1, 3, 4)
    Image.fromarray(grid.reshape(rows * size, 8 * size, 3)).save(path)


def model_card(args, side, recipe, step, psnr, readouts):
    """Return the card that travels in the weights' metadata."""
    card = {
        "name": args.name,
        "generator": args.generator.stem,
        "data": f"skstylefeat.datasets.make_faces, {side} px, rendered on the fly, and images of "
        "the generator with known codes; no photos, no labels",
        "steps": step,
        "images_seen": 2 * step * recipe.batch_size,
        "recipe": recipe,
        "validation_psnr": f"{psnr:.2f} dB",
        "license": "BSD-3-Clause",
        "limits": "rendered faces only; photographs are far outside its domain",
    }
    return card | {f"readout.{name}": value for name, value in readouts.items()}


def main():
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("generator", type=Path)
    parser.add_argument("--out", type=Path, default=Path("runs/encoder"))
    parser.add_argument("--images", type=int, default=300_000, help="rendered images to see")
    parser.add_argument("--minutes", type=float, default=None)
    parser.add_argument("--init", type=Path, default=None, help="encoder to start from")
    parser.add_argument("--name", default="faces64-encoder")
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--set", nargs="*", default=[], metavar="NAME=VALUE")
    args = parser.parse_args()
    args.out.mkdir(parents=True, exist_ok=True)

    generator = load_generator(args.generator)
    side = generator.resolution
    # Every rendered face is new, so augmentation would only leave the generator's domain.
    recipe = EncoderRecipe(ema_half_life=300.0, max_shift=0.0, max_brightness=0.0, mirror=False)
    recipe = recipe.updated(args.set)
    recipe = replace(recipe, n_steps=args.images // recipe.batch_size)
    validation = make_faces(N_VALIDATION, image_size=side, random_state=SEED_VALIDATION).images
    readout, readouts = Readout(side), {}
    log = (args.out / "log.jsonl").open("a")

    def report(state):
        if state.step % (REPORT_EVERY * READOUT_EVERY) == 0 or state.finished:
            readouts.update(readout(state.encoder))
            sample_sheet(generator, state.encoder, validation, args.out / "samples.png")
        record = {"time": time.strftime("%H:%M:%S"), "step": state.step}
        record |= {"seconds": round(state.seconds), "psnr": round(state.validation_psnr, 2)}
        record |= {name: round(value, 4) for name, value in state.losses.items()} | readouts
        print(json.dumps(record), file=log, flush=True)
        card = model_card(args, side, recipe, state.step, state.validation_psnr, readouts)
        state.encoder.save(args.out / f"{args.name}.safetensors", card)

    train_encoder(
        generator,
        partial(rendered, side=side),
        recipe=recipe,
        init=args.init,
        validation_images=validation,
        random_state=args.seed,
        checkpoint=args.out / "checkpoint.safetensors",
        max_seconds=None if args.minutes is None else args.minutes * 60,
        report_every=REPORT_EVERY,
        callback=report,
        verbose=sys.stderr.isatty(),
    )
    print(f"Wrote {args.out / args.name}.safetensors.")


if __name__ == "__main__":
    main()
