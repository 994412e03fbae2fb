"""Train the photo encoder with a contrastive or an identity-like loss beside reconstruction.

A controlled experiment: all arms start from the same encoder and see the same batches in the same
number of steps; they differ in the weights of the two losses only. No label is read, and no photo
of the validation and test splits is trained on::

    python benchmarks/photos/contrastive_encoder.py GENERATOR --init ENCODER --out runs/plain
    python benchmarks/photos/contrastive_encoder.py GENERATOR --init ENCODER \
        --out runs/contrast --contrast 0.05
    python benchmarks/photos/readouts.py GENERATOR runs/plain/plain.safetensors \
        runs/contrast/contrast.safetensors

Contrastive loss: two views of each photo attract each other, those of different photos repel each
other (SimCLR [1]_). It reads the codes themselves, without a projection head, because clusters and
linear readers see the codes and not what a head makes of them. The code of a view is the mean over
the layers of W+, each column in standard deviations of W: the columns as readers scale them.

Identity-like loss: one minus the cosine between the features that ONet of ``facenet-pytorch``
gives to a photo and to its reconstruction. Landmarks and face boxes taught it, no identities.

Run again with the same ``--out`` to go on where a stopped run was.

References
----------
.. [1] T. Chen et al., "A Simple Framework for Contrastive Learning of Visual Representations",
   ICML 2020.
"""

import argparse
import sys
import time
from contextlib import contextmanager
from dataclasses import asdict, dataclass, replace
from functools import partial
from pathlib import Path

import numpy as np
import torch
from competitors import SIDES, available, load_tensors, onet_features, package_file
from torch import nn
from torch.nn import functional as F
from train_encoder import (
    LIMITS,
    describe_training_photos,
    photo_split,
    validation_photos,
    write_log,
)

from skstylefeat import load_encoder, load_generator
from skstylefeat.networks import EncoderRecipe, train_encoder
from skstylefeat.networks.training import EncoderTrainer


@dataclass(frozen=True)
class Arm:
    """What one arm of the experiment adds to the losses of the encoder's recipe.

    Parameters
    ----------
    contrast_weight, identity_weight : float
        Weights of the two losses, relative to that of known codes; 0 leaves a loss out.
    temperature : float
        Divides the cosines of the contrastive loss.
    n_photos : int
        Photos of which the contrastive loss sees two views in each step.
    max_shift, max_brightness : float
        As in `EncoderRecipe`, larger than there.
    max_tilt : float
        Largest random plane of light that is added, at the image's edges.
    """

    contrast_weight: float = 0.0
    identity_weight: float = 0.0
    temperature: float = 0.2
    n_photos: int = 48
    max_shift: float = 0.1
    max_brightness: float = 0.3
    max_tilt: float = 0.3


def contrastive_loss(first, second, temperature):
    """Return the normalized-temperature cross entropy of two views' codes (n, d).

    Cosines are those about the mean of all rows: where the codes lie as a whole does not matter
    to readers, either.
    """
    rows = torch.cat([first, second])
    rows = F.normalize(rows - rows.mean(dim=0), dim=1)
    similarity = rows @ rows.T / temperature
    itself = torch.eye(len(rows), dtype=torch.bool, device=rows.device)
    partner = torch.arange(len(rows), device=rows.device).roll(len(first))
    return F.cross_entropy(similarity.masked_fill(itself, -torch.inf), partner)


def standardized_codes(encoder, images):
    """Return the mean codes (n, w_dim) of images in standard deviations of W, column by column."""
    base, offsets = encoder.heads(encoder.trunk(images))
    whitened = base.float() + offsets.float().mean(dim=1)
    return whitened @ encoder.w_basis / encoder.w_basis.norm(dim=0)


def view(images, rng, recipe, max_tilt):
    """Return a random view of images (n, C, H, W): shifted, relit, with a plane of light added."""
    images = recipe.augment(images, rng)
    n, _, height, width = images.shape
    tilt = torch.from_numpy(rng.uniform(-max_tilt, max_tilt, (n, 2)).astype(np.float32))
    down = torch.linspace(-1, 1, height)[:, None].expand(height, width)
    across = torch.linspace(-1, 1, width).expand(height, width)
    plane = torch.einsum("nk,khw->nhw", tilt, torch.stack([down, across]))
    return (images + plane[:, None].to(images.device)).clamp(-1.0, 1.0)


@contextmanager
def kept_statistics(network):
    """Leave the running statistics of batch normalization as they are.

    Views are normalized by their own batch, but the finished encoder normalizes photos by the
    statistics of photos. Views normalized by running statistics were tried and fail: the network
    then learns to be another one with these than with a batch's, and loses 3 dB.
    """
    layers = [x for x in network.modules() if isinstance(x, (nn.BatchNorm1d, nn.BatchNorm2d))]
    momenta = [layer.momentum for layer in layers]
    try:
        for layer in layers:
            layer.momentum = 0.0
        yield
    finally:
        for layer, momentum in zip(layers, momenta, strict=True):
            layer.momentum = momentum


class ONetDistance:
    """One minus the cosine between ONet's features of images and of their reconstruction."""

    def __init__(self, device):
        weights = load_tensors(package_file("facenet_pytorch", "data", "onet.pt"))
        self.weights = {name: tensor.to(device) for name, tensor in weights.items()}

    def features(self, images):
        """Return features (n, 256) of images (n, 3, H, W) in [-1, 1]."""
        size = (SIDES["onet"],) * 2
        enlarged = F.interpolate(images, size, mode="bicubic", align_corners=False)
        return onet_features(enlarged, self.weights)

    def __call__(self, made, images):
        with torch.no_grad():
            expected = self.features(images)
        return 1 - F.cosine_similarity(self.features(made), expected, dim=1).mean()


class ArmTrainer(EncoderTrainer):
    """Training of an encoder with the losses of an arm beside those of its recipe."""

    def __init__(self, generator, images, recipe, init, seed, arm):
        super().__init__(generator, images, recipe, init, seed)
        self.arm = arm
        self.view_recipe = replace(
            recipe, max_shift=arm.max_shift, max_brightness=arm.max_brightness
        )
        self.distance = None
        if arm.identity_weight:
            self.distance = ONetDistance(self.batches.device)

    def identity(self):
        """Return strings that differ between trainings."""
        return super().identity() | {"arm": repr(asdict(self.arm))}

    def further_losses(self, batch, rng):
        """Return weight and loss by name of the arm."""
        losses = {}
        if self.arm.contrast_weight:
            losses["contrast"] = (self.arm.contrast_weight, self._contrast(rng))
        if self.distance is not None:
            n = batch.n_real
            distance = self.distance(batch.reconstructed[:n], batch.images[:n])
            losses["identity"] = (self.arm.identity_weight, distance)
        return losses

    def _contrast(self, rng):
        arm, images = self.arm, self.batches.images
        # No photo twice: it would be its own negative.
        rows = rng.choice(len(images), min(arm.n_photos, len(images)), replace=False)
        photos = self.batches.pixels(images[np.sort(rows)])
        views = [view(photos, rng, self.view_recipe, arm.max_tilt) for _ in range(2)]

        x = torch.cat(views).contiguous(memory_format=torch.channels_last)
        with kept_statistics(self.encoder), self.recipe.autocast(x.device):
            codes = standardized_codes(self.encoder, x)
        return contrastive_loss(*codes.chunk(2), arm.temperature)


def main():
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("generator", type=Path)
    parser.add_argument("--init", type=Path, required=True, help="encoder that all arms start from")
    parser.add_argument("--out", type=Path, required=True, help="folder, named like the arm")
    parser.add_argument("--photos", type=Path, default=None, help="folder of zip and csv files")
    parser.add_argument("--cache", type=Path, default=None, help="folder for decoded crops")
    parser.add_argument(
        "--contrast", type=float, default=0.0, help="weight of the contrastive loss"
    )
    parser.add_argument("--identity", type=float, default=0.0, help="weight of ONet's distance")
    parser.add_argument("--temperature", type=float, default=Arm.temperature)
    parser.add_argument("--views", type=int, default=Arm.n_photos, help="photos with two views")
    parser.add_argument("--steps", type=int, default=600)
    parser.add_argument("--minutes", type=float, default=None, help="stop at the next report after")
    parser.add_argument("--report-every", type=int, default=100, help="steps between two reports")
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--set", nargs="*", default=[], metavar="NAME=VALUE")
    args = parser.parse_args()
    if args.identity and "onet" not in available():
        parser.error("--identity needs facenet-pytorch: pip install --no-deps facenet-pytorch.")
    args.out.mkdir(parents=True, exist_ok=True)

    arm = Arm(args.contrast, args.identity, args.temperature, args.views)
    recipe = EncoderRecipe(n_steps=args.steps, ema_half_life=100.0).updated(args.set)
    generator, init = load_generator(args.generator), load_encoder(args.init)
    images = photo_split("train", args.photos, args.cache)
    path = args.out / f"{args.out.name}.safetensors"
    end = None if args.minutes is None else time.monotonic() + 60 * args.minutes

    def report(state):
        write_log(state, args.out)
        if state.finished:
            card = {
                "name": args.out.name,
                "generator": args.generator.name,
                "init": init.sha256,
                "data": describe_training_photos(images),
                "steps": state.step,
                "seed": args.seed,
                "recipe": recipe,
                "arm": arm,
                **LIMITS,
            }
            state.encoder.save(path, card)
            print(f"Wrote {path}: {state.step} steps in {state.seconds:.0f} s.")
        elif end is not None and time.monotonic() > end:
            print(f"Stopped at step {state.step} of {args.steps}; run again to go on.")
            return True

    # The learning rate follows the steps alone, so that interruptions change nothing.
    train_encoder(
        generator,
        images,
        recipe=recipe,
        init=init,
        trainer=partial(ArmTrainer, arm=arm),
        validation_images=validation_photos(args.photos, args.cache),
        random_state=args.seed,
        checkpoint=args.out / "checkpoint.safetensors",
        report_every=args.report_every,
        callback=report,
        verbose=sys.stderr.isatty(),
    )


if __name__ == "__main__":
    main()
