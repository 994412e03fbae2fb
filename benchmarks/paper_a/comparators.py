"""Comparators of paper A, small enough to train on the same images in half an hour.

A masked autoencoder (a vision transformer) and a VQVAE are trained on the images on which the
generator's encoder was trained, without labels; `random_network` is not trained. Their maps are
read by `FeatureMaps.from_module`, like those of VGG16 or Inception v3 from a file of weights::

    python benchmarks/paper_a/comparators.py --minutes 30
    python benchmarks/paper_a/comparators.py --photos celeba --data FOLDER --minutes 30

Minutes are processor time per network. Weights are written to ``runs/paper_a/NAME/``, together with
a file that describes the training.
"""

import argparse
import json
import math
import time
from itertools import pairwise
from pathlib import Path

import numpy as np
import torch
from data import add_data_arguments, training_images
from safetensors.torch import load_file, save_file
from torch import nn
from torch.nn import functional as F

BATCH = 128
LEARNING_RATE = 1e-3
GRID = 8  # tokens of the autoencoder along a side
MASKED = 0.75
MEAN, STD = (0.5,) * 3, (0.25,) * 3


class Block(nn.Module):
    """Transformer block, normalized before attention and before the MLP."""

    def __init__(self, width, n_heads):
        super().__init__()
        self.n_heads = n_heads
        self.before_attention = nn.LayerNorm(width)
        self.qkv = nn.Linear(width, 3 * width)
        self.out = nn.Linear(width, width)
        self.mlp = nn.Sequential(
            nn.LayerNorm(width), nn.Linear(width, 4 * width), nn.GELU(), nn.Linear(4 * width, width)
        )

    def forward(self, x):
        n, tokens, width = x.shape
        qkv = self.qkv(self.before_attention(x)).view(n, tokens, 3, self.n_heads, -1)
        mixed = F.scaled_dot_product_attention(*qkv.permute(2, 0, 3, 1, 4))
        x = x + self.out(mixed.transpose(1, 2).reshape(n, tokens, width))
        return x + self.mlp(x)


def positions(width):
    """Return fixed sines and cosines of row and column, (GRID**2, width)."""
    rates = 10_000 ** -torch.arange(0, 1, 4 / width)
    angle = torch.arange(GRID)[:, None] * rates
    axis = torch.cat([angle.sin(), angle.cos()], dim=1)
    rows, columns = axis.repeat_interleave(GRID, dim=0), axis.repeat(GRID, 1)
    return torch.cat([rows, columns], dim=1)


class MaskedAutoencoder(nn.Module):
    """Vision transformer trained to fill in three quarters of the patches (He et al.)."""

    layers = tuple(f"blocks.{i}" for i in range(4))

    def __init__(self, resolution, width=128, decoder_width=64):
        super().__init__()
        self.patch = resolution // GRID
        self.embed = nn.Linear(3 * self.patch**2, width)
        self.blocks = nn.ModuleList(Block(width, 4) for _ in self.layers)
        self.norm = nn.LayerNorm(width)
        self.narrow = nn.Linear(width, decoder_width)
        self.mask = nn.Parameter(0.02 * torch.randn(decoder_width))
        self.decoder = nn.Sequential(Block(decoder_width, 4), Block(decoder_width, 4))
        self.pixels = nn.Sequential(
            nn.LayerNorm(decoder_width), nn.Linear(decoder_width, 3 * self.patch**2)
        )
        self.register_buffer("places", positions(width))
        self.register_buffer("decoder_places", positions(decoder_width))

    def patches(self, images):
        """Return patches (n, GRID**2, 3 * patch**2) of images (n, 3, H, W)."""
        return F.unfold(images, self.patch, stride=self.patch).transpose(1, 2)

    def forward(self, images):
        """Return the tokens (n, GRID**2, width) of whole images."""
        x = self.embed(self.patches(images)) + self.places
        for block in self.blocks:
            x = block(x)
        return self.norm(x)

    def loss(self, images):
        """Return the squared error of the hidden patches, each normalized by its mean and scale."""
        patches = self.patches(images)
        n, tokens, _ = patches.shape
        order = torch.rand(n, tokens).argsort(dim=1)
        seen = order[:, : round(tokens * (1 - MASKED))]
        x = self.embed(patches) + self.places
        x = x.gather(1, seen[:, :, None].expand(-1, -1, x.shape[2]))
        for block in self.blocks:
            x = block(x)
        x = self.narrow(self.norm(x))
        filled = self.mask.expand(n, tokens, -1).clone()
        filled = filled.scatter(1, seen[:, :, None].expand(-1, -1, x.shape[2]), x)
        guess = self.pixels(self.decoder(filled + self.decoder_places))
        target = (patches - patches.mean(-1, keepdim=True)) / (patches.std(-1, keepdim=True) + 1e-3)
        hidden = torch.ones(n, tokens).scatter(1, seen, 0.0)
        return ((guess - target).square().mean(-1) * hidden).sum() / hidden.sum()


class Residual(nn.Module):
    """Two convolutions with an identity shortcut."""

    def __init__(self, width):
        super().__init__()
        self.steps = nn.Sequential(
            nn.ReLU(), nn.Conv2d(width, width, 3, padding=1), nn.ReLU(), nn.Conv2d(width, width, 1)
        )

    def forward(self, x):
        return x + self.steps(x)


class VQVAE(nn.Module):
    """Autoencoder through a grid of code words (van den Oord et al.), a quarter of the size."""

    layers = ("encoder.1", "encoder.3", "encoder.4", "encoder.5", "quantizer")

    def __init__(self, resolution, width=96, n_words=256):
        super().__init__()
        del resolution  # any size will do
        half = width // 2
        self.encoder = nn.Sequential(
            nn.Conv2d(3, half, 4, stride=2, padding=1),
            nn.ReLU(),
            nn.Conv2d(half, width, 4, stride=2, padding=1),
            nn.ReLU(),
            Residual(width),
            Residual(width),
            nn.Conv2d(width, width, 1),
        )
        self.quantizer = Quantizer(n_words, width)
        self.decoder = nn.Sequential(
            Residual(width),
            Residual(width),
            nn.ReLU(),
            nn.ConvTranspose2d(width, half, 4, stride=2, padding=1),
            nn.ReLU(),
            nn.ConvTranspose2d(half, 3, 4, stride=2, padding=1),
        )

    def forward(self, images):
        """Return the code words (n, width, H / 4, W / 4)."""
        return self.quantizer(self.encoder(images))

    def loss(self, images):
        """Return the squared error of the images plus the distances of codes and words."""
        codes = self.encoder(images)
        words = self.quantizer(codes)
        passed = codes + (words - codes).detach()
        error = (self.decoder(passed) - images).square().mean()
        return error + self.quantizer.distance(codes, words)


class Quantizer(nn.Module):
    """Nearest code word at every position; unused words are moved to codes of the batch."""

    def __init__(self, n_words, width):
        super().__init__()
        self.words = nn.Parameter(torch.randn(n_words, width))
        self.register_buffer("used", torch.zeros(n_words))

    def forward(self, codes):
        flat = codes.permute(0, 2, 3, 1).reshape(-1, codes.shape[1])
        nearest = torch.cdist(flat, self.words).argmin(dim=1)
        if self.training:
            self._revive(flat.detach(), nearest)
        words = self.words[nearest].view(len(codes), *codes.shape[2:], -1)
        return words.permute(0, 3, 1, 2)

    def distance(self, codes, words):
        """Return the loss that pulls words to codes, and codes to words with a quarter of it."""
        return F.mse_loss(words, codes.detach()) + 0.25 * F.mse_loss(codes, words.detach())

    @torch.no_grad()
    def _revive(self, flat, nearest):
        self.used.mul_(0.95).add_(torch.bincount(nearest, minlength=len(self.words)))
        dead = self.used < 1.0
        self.words[dead] = flat[torch.randint(len(flat), (int(dead.sum()),))]
        self.used[dead] = 1.0


class RandomNetwork(nn.Sequential):
    """Untrained convolutions, which show the effect of the architecture alone."""

    layers = ("1", "3", "5", "7")

    def __init__(self, resolution):
        del resolution
        widths = (3, 48, 96, 128, 128)
        pairs = pairwise(widths)
        steps = [(nn.Conv2d(a, b, 3, stride=2, padding=1), nn.ReLU()) for a, b in pairs]
        super().__init__(*(module for pair in steps for module in pair))


TRAINED = {"mae": MaskedAutoencoder, "vqvae": VQVAE}


def random_network(resolution):
    """Return the untrained network with fixed weights."""
    torch.manual_seed(0)
    return RandomNetwork(resolution)


def to_tensor(images):
    """Return uint8 images (n, H, W, 3) as the float tensor for the networks."""
    pixels = torch.from_numpy(np.ascontiguousarray(images)).permute(0, 3, 1, 2).float() / 255
    return (pixels - MEAN[0]) / STD[0]


def train(model, images, minutes, seed=0):
    """Train for `minutes` of processor time; return a description of the training."""
    rng = np.random.default_rng(seed)
    optimizer = torch.optim.AdamW(model.parameters(), LEARNING_RATE, weight_decay=0.01)
    start, budget, steps, share, loss = time.process_time(), 60 * minutes, 0, 0.0, math.nan
    model.train()
    while share < 1:
        warm = min(1.0, (steps + 1) / 100)
        rate = LEARNING_RATE * warm * 0.5 * (1 + math.cos(math.pi * share))
        for group in optimizer.param_groups:
            group["lr"] = rate
        batch = to_tensor(images[np.sort(rng.choice(len(images), BATCH, replace=False))])
        mirrored = torch.from_numpy(rng.random(BATCH) < 0.5)
        batch[mirrored] = batch[mirrored].flip(3)
        value = model.loss(batch)
        optimizer.zero_grad()
        value.backward()
        optimizer.step()
        loss = value.item() if steps == 0 else 0.99 * loss + 0.01 * value.item()
        steps += 1
        share = (time.process_time() - start) / budget
    model.eval()
    return {"minutes": minutes, "steps": steps, "images_seen": steps * BATCH, "loss": loss}


def load_comparator(name, resolution, folder):
    """Return a trained network and the description of its training."""
    path = Path(folder) / f"{name}.safetensors"
    if not path.is_file():
        raise FileNotFoundError(f"{path} is missing. Run benchmarks/paper_a/comparators.py first.")
    model = TRAINED[name](resolution)
    model.load_state_dict(load_file(path))
    return model.eval(), json.loads(path.with_suffix(".json").read_text())


def main():
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    add_data_arguments(parser)
    parser.add_argument("--minutes", type=float, default=30.0, help="processor time per network")
    parser.add_argument("--only", choices=tuple(TRAINED), default=None)
    args = parser.parse_args()
    images, resolution = training_images(args)
    for name in [args.only] if args.only else TRAINED:
        torch.manual_seed(0)
        model = TRAINED[name](resolution)
        seen = train(model, images, args.minutes)
        seen |= {"images": len(images), "parameters": sum(p.numel() for p in model.parameters())}
        folder = args.runs
        folder.mkdir(parents=True, exist_ok=True)
        save_file(model.state_dict(), folder / f"{name}.safetensors")
        (folder / f"{name}.json").write_text(json.dumps(seen, indent=1) + "\n")
        print(name, json.dumps(seen), flush=True)


if __name__ == "__main__":
    main()
