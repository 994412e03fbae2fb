"""Train the 32 px photo generator on the training split only.

StyleGAN2's training: non-saturating loss, lazy R1, style mixing, a moving average of the weights.
It sees no test or validation photo. Losses and R1 are computed in float32, convolutions in
bfloat16. Run again with the same ``--out`` to resume a stopped run::

    python benchmarks/photos/train_generator.py --out runs/photo-generator
"""

import argparse
import copy
import json
import sys
import time
from pathlib import Path

import numpy as np
import torch
from PIL import Image
from torch.nn import functional as F

HERE = Path(__file__).resolve().parent
for folder in (HERE, HERE.parent / "weights"):
    sys.path.insert(0, str(folder))

from crops import load_photos  # noqa: E402
from discriminator import Discriminator  # noqa: E402

from skstylefeat.networks.checkpoints import save_network  # noqa: E402
from skstylefeat.networks.stylegan2 import GeneratorConfig, StyleGAN2Generator  # noqa: E402

CHANNELS = (128, 128, 96, 48)
LEARNING_RATE = 2.5e-3
BATCH = 32
R1_INTERVAL = 16
R1_GAMMA = 0.2
STYLE_MIXING = 0.9
EMA_HALF_LIFE = 5_000
SAVE_EVERY_S = 120
KEEP_EVERY = 100_000  # images between weights that are kept for comparison


def training_crops(cache):
    """Return the crops of both data sets' training splits, uint8 (n, 32, 32, 3)."""
    photos = [load_photos(name, cache=cache) for name in ("celeba", "utkface")]
    return np.concatenate([np.asarray(p.images)[p.split == "train"] for p in photos])


def real_batches(crops, seed):
    """Yield shuffled batches without end, mirrored at random, in [-1, 1]."""
    rng = np.random.default_rng(seed)
    while True:
        for rows in np.array_split(rng.permutation(len(crops)), len(crops) // BATCH):
            batch = torch.from_numpy(crops[np.sort(rows[:BATCH])]).permute(0, 3, 1, 2).float()
            flip = torch.from_numpy(rng.random(len(batch)) < 0.5)[:, None, None, None]
            batch = torch.where(flip, batch.flip(3), batch)
            yield (batch / 127.5 - 1).contiguous(memory_format=torch.channels_last)


class Trainer:
    """Networks, optimizers and the counters that a resumed run needs."""

    def __init__(self, seed):
        torch.manual_seed(seed)
        config = GeneratorConfig(32, CHANNELS, z_dim=128, w_dim=128, n_mapping=4)
        last = torch.channels_last
        self.g = StyleGAN2Generator(config).to(memory_format=last)
        self.d = Discriminator(32, CHANNELS).to(memory_format=last)
        self.ema = copy.deepcopy(self.g).requires_grad_(False).eval()
        self.g_opt = torch.optim.Adam(self.g.parameters(), lr=LEARNING_RATE, betas=(0.0, 0.99))
        lazy = R1_INTERVAL / (R1_INTERVAL + 1)
        self.d_opt = torch.optim.Adam(
            self.d.parameters(), lr=LEARNING_RATE * lazy, betas=(0.0, 0.99**lazy)
        )
        self.images_seen = self.steps = 0

    def modules(self):
        """Return everything that a checkpoint holds, by name."""
        return {name: getattr(self, name) for name in ("g", "d", "ema", "g_opt", "d_opt")}

    def save(self, folder):
        """Write the checkpoint and the weights so far; a crash keeps the previous ones."""
        state = {name: module.state_dict() for name, module in self.modules().items()}
        state |= {"images_seen": self.images_seen, "steps": self.steps}
        torch.save(state, folder / "checkpoint.tmp")
        (folder / "checkpoint.tmp").replace(folder / "checkpoint.pt")
        card = {
            "name": "photos32",
            "data": "CelebA and UTKFace, 32 px crops, training split only",
            "images_seen": self.images_seen,
            "license": "non-commercial research only, as its data",
        }
        save_network(self.ema, folder / "generator.safetensors", card=card)
        kept = folder / f"generator-{self.images_seen // KEEP_EVERY * KEEP_EVERY:08d}.safetensors"
        if not kept.exists():
            save_network(self.ema, kept, card=card)

    def resume(self, folder):
        """Load the checkpoint of a stopped run, if there is one."""
        if (folder / "checkpoint.pt").exists():
            state = torch.load(folder / "checkpoint.pt", weights_only=True)
            for name, module in self.modules().items():
                module.load_state_dict(state[name])
            self.images_seen, self.steps = state["images_seen"], state["steps"]

    def sample_ws(self, n):
        """Map Gaussian noise to (n, n_ws, w_dim), most of it with styles of two codes mixed."""
        config = self.g.config
        w = self.g.mapping(torch.randn(2 * n, config.z_dim))
        self.g.mapping.w_avg.lerp_(w.detach().mean(dim=0), 0.002)
        crossover = torch.randint(1, config.n_ws, (n, 1, 1))
        crossover[torch.rand(n) > STYLE_MIXING] = config.n_ws
        late = torch.arange(config.n_ws)[None, :, None] >= crossover
        return torch.where(late, w[n:, None], w[:n, None])

    def synthesize(self, ws):
        """Return images in float32; the convolutions run in bfloat16."""
        with torch.autocast("cpu", torch.bfloat16):
            return self.g.synthesis(ws, noise_mode="random").float()

    def logits(self, images):
        """Return the critic's scores in float32."""
        with torch.autocast("cpu", torch.bfloat16):
            return self.d(images).float()

    def step(self, real):
        """Update both networks on one batch and return the losses."""
        with torch.no_grad():
            fake = self.synthesize(self.sample_ws(len(real)))
        d_loss = F.softplus(self.logits(fake)).mean() + F.softplus(-self.logits(real)).mean()
        self.d_opt.zero_grad(set_to_none=True)
        d_loss.backward()
        if self.steps % R1_INTERVAL == 0:
            x = real.detach().requires_grad_(True)
            (gradient,) = torch.autograd.grad(self.d(x).sum(), x, create_graph=True)
            penalty = gradient.square().sum(dim=(1, 2, 3)).mean()
            (penalty * (R1_GAMMA / 2 * R1_INTERVAL)).backward()
        self.d_opt.step()

        self.d.requires_grad_(False)
        g_loss = F.softplus(-self.logits(self.synthesize(self.sample_ws(len(real))))).mean()
        self.g_opt.zero_grad(set_to_none=True)
        g_loss.backward()
        self.g_opt.step()
        self.d.requires_grad_(True)

        self.images_seen += len(real)
        self.steps += 1
        beta = 0.5 ** (len(real) / min(EMA_HALF_LIFE, max(self.images_seen * 0.05, 1)))
        pairs = zip(self.ema.state_dict().values(), self.g.state_dict().values(), strict=True)
        for average, value in pairs:
            average.lerp_(value, 1 - beta)
        return d_loss.item(), g_loss.item()


def sample_sheet(generator, path):
    """Write 64 random faces of the moving average."""
    z = torch.from_numpy(np.random.default_rng(0).standard_normal((64, 128))).float()
    with torch.no_grad():
        images = generator(z).clamp(-1, 1).add(1).mul(127.5).byte().permute(0, 2, 3, 1).numpy()
    grid = images.reshape(8, 8, 32, 32, 3).transpose(0, 2, 1, 3, 4).reshape(256, 256, 3)
    Image.fromarray(grid).resize((768, 768), Image.Resampling.NEAREST).save(path)


def main():
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--out", type=Path, default=Path("runs/photo-generator"))
    parser.add_argument("--images", type=int, default=10_000_000)
    parser.add_argument("--cache", type=Path, default=None)
    parser.add_argument("--seed", type=int, default=0)
    args = parser.parse_args()
    args.out.mkdir(parents=True, exist_ok=True)

    trainer = Trainer(args.seed)
    trainer.resume(args.out)
    batches = real_batches(training_crops(args.cache), (args.seed, trainer.images_seen))
    start = last = time.monotonic()
    seen_at_start, history = trainer.images_seen, []
    while trainer.images_seen < args.images:
        history.append(trainer.step(next(batches)))
        if not np.isfinite(history[-1]).all():
            raise FloatingPointError(f"Losses {history[-1]} at {trainer.images_seen} images.")
        if time.monotonic() - last > SAVE_EVERY_S:
            last = time.monotonic()
            trainer.save(args.out)
            sample_sheet(trainer.ema, args.out / "samples.png")
            rate = (trainer.images_seen - seen_at_start) / (last - start)
            losses = np.mean(history, axis=0).round(3).tolist()
            record = {"images": trainer.images_seen, "images_per_second": round(rate, 1)}
            print(json.dumps(record | {"critic": losses[0], "generator": losses[1]}), flush=True)
            history = []
    trainer.save(args.out)


if __name__ == "__main__":
    main()
