"""Training of the bundled StyleGAN2 generator on faces rendered by `make_faces`.

An encoder is trained at the same time, and the generator is trained to reconstruct rendered faces
from its codes, so it must cover every attribute that the renderer can draw, as inversion requires.
``--warmup N`` adds StyleGAN2's adversarial training (non-saturating loss, lazy R1, style mixing)
after N images; it makes random samples sharper and everything three times slower. The encoder is
saved next to the generator; `train_encoder.py` continues its training with the generator frozen.

Run it with the same ``--out`` to continue a stopped run. ``--init`` starts a new run from the
weights of an earlier one, or from the bundled ones::

    python benchmarks/weights/train_generator.py --out runs/generator
    python benchmarks/weights/train_generator.py --out runs/more --warmup 0 \
        --init WEIGHTS/faces64.safetensors WEIGHTS/faces64-encoder.safetensors
"""

import argparse
import copy
import json
import time
from pathlib import Path

import numpy as np
import torch
from PIL import Image
from torch.nn import functional as F

from skstylefeat import load_encoder, load_generator
from skstylefeat.datasets import make_faces
from skstylefeat.networks.checkpoints import save_network
from skstylefeat.networks.encoders import EncoderConfig, EncoderNetwork
from skstylefeat.networks.optimization import contrast_loss, w_statistics
from skstylefeat.networks.stylegan2 import GeneratorConfig, StyleGAN2Generator
from skstylefeat.networks.training import Discriminator

CHANNELS = (128, 128, 96, 48, 24)
LEARNING_RATE = 2.5e-3
R1_INTERVAL = 16
WARMUP_RATE = 5.0
CODE_INTERVAL = 8  # during warm-up, when steps on known codes cost as much as the others
CONTRAST_WEIGHTS = (0.5, 1.0)  # at full and half size, for glasses: edges on few pixels
MAX_OFFSET = 4.0  # at 1, half of all offsets reach the bound: codes become binary, learning stalls
STYLE_MIXING = 0.9
EMA_HALF_LIFE = 5_000
RENDERED_AT_ONCE = 2_048


def rendered_batches(batch_size, seed):
    """Yield batches of rendered faces in [-1, 1], without end."""
    chunk = seed
    while True:
        images = make_faces(RENDERED_AT_ONCE, image_size=64, random_state=chunk).images
        chunk += 1
        images = torch.from_numpy(np.ascontiguousarray(images)).permute(0, 3, 1, 2)
        for batch in images.split(batch_size):
            yield (batch.float() / 127.5 - 1).contiguous(memory_format=torch.channels_last)


def sample_ws(generator, n):
    """Map Gaussian noise to (n, n_ws, w_dim), most of it with styles of two codes mixed."""
    config = generator.config
    w = generator.mapping(torch.randn(2 * n, config.z_dim))
    average = w.detach().mean(dim=0)
    generator.mapping.w_avg.lerp_(average, 0.002)
    first, second = w[:n, None], w[n:, None]
    crossover = torch.randint(1, config.n_ws, (n, 1, 1))
    crossover[torch.rand(n) > STYLE_MIXING] = config.n_ws
    late = torch.arange(config.n_ws)[None, :, None] >= crossover
    return torch.where(late, second, first)


def reconstruction_loss(a, b):
    """Return the mean absolute difference over three scales, and that of the local contrast."""
    loss = (a - b).abs().mean() / 3 + CONTRAST_WEIGHTS[0] * contrast_loss(a, b)
    a, b = F.avg_pool2d(a, 2), F.avg_pool2d(b, 2)
    loss = loss + CONTRAST_WEIGHTS[1] * contrast_loss(a, b) + (a - b).abs().mean() / 3
    a, b = F.avg_pool2d(a, 2), F.avg_pool2d(b, 2)
    return loss + (a - b).abs().mean() / 3


class Trainer:
    """Networks, optimizers and the counters that a resumed run needs."""

    def __init__(self, args):
        self.args = args
        torch.manual_seed(args.seed)
        config = GeneratorConfig(64, CHANNELS, z_dim=128, w_dim=128, n_mapping=4)
        last = torch.channels_last
        self.g = StyleGAN2Generator(config).to(memory_format=last)
        self.d = Discriminator(CHANNELS).to(memory_format=last)
        config = EncoderConfig.for_generator(self.g, max_offset=MAX_OFFSET)
        self.e = EncoderNetwork(config).to(memory_format=last)
        self.e.set_distribution(*w_statistics(self.g))
        self.ema = copy.deepcopy(self.g).requires_grad_(False).eval()
        mapping = [*self.g.mapping.parameters()]
        synthesis = [*self.g.synthesis.parameters()]
        groups = [{"params": synthesis}, {"params": mapping}]
        self.g_opt = torch.optim.Adam(groups, lr=LEARNING_RATE, betas=(0.0, 0.99))
        self.e_opt = torch.optim.Adam(self.e.parameters(), lr=LEARNING_RATE, betas=(0.9, 0.99))
        c = R1_INTERVAL / (R1_INTERVAL + 1)
        self.d_opt = torch.optim.Adam(
            self.d.parameters(), lr=LEARNING_RATE * c, betas=(0.0, 0.99**c)
        )
        self.images_seen = 0
        self.steps = 0

    def low_precision(self):
        """Run convolutions in bfloat16, 1.5 times as fast on processors that support it."""
        return torch.autocast("cpu", torch.bfloat16, enabled=self.args.bfloat16)

    def modules(self):
        """Return everything that a checkpoint holds, by name."""
        names = ("g", "d", "e", "ema", "g_opt", "d_opt", "e_opt")
        return {name: getattr(self, name) for name in names}

    def save(self, folder):
        """Write the checkpoint and the weights so far; a crash leaves the last ones whole."""
        state = {name: module.state_dict() for name, module in self.modules().items()}
        state["images_seen"], state["steps"] = self.images_seen, self.steps
        torch.save(state, folder / "checkpoint.tmp")
        if (folder / "checkpoint.pt").exists():
            (folder / "checkpoint.pt").replace(folder / "checkpoint-before.pt")
        (folder / "checkpoint.tmp").replace(folder / "checkpoint.pt")
        save_network(self.ema, folder / "generator.safetensors", card=card(self))
        save_network(self.e, folder / "helper.safetensors")

    def resume(self, folder):
        """Load the checkpoint of a stopped run, if there is one."""
        if (folder / "checkpoint.pt").exists():
            state = torch.load(folder / "checkpoint.pt", weights_only=True)
            for name, module in self.modules().items():
                module.load_state_dict(state[name])
            self.images_seen, self.steps = state["images_seen"], state["steps"]

    def start_from(self, generator, encoder):
        """Take the weights of an earlier run's generator and encoder."""
        state = load_generator(generator).module.state_dict()
        self.g.load_state_dict(state)
        self.ema.load_state_dict(state)
        self.e.load_state_dict(load_encoder(encoder).module.state_dict())

    def step(self, real):
        """Update all networks on one batch and return the losses."""
        remaining = max(1 - self.images_seen / self.args.images, 0.0)
        for optimizer in (self.g_opt, self.d_opt, self.e_opt):
            for group in optimizer.param_groups:
                base = group.setdefault("initial_lr", group["lr"])
                group["lr"] = base * min(1.0, 0.05 + 2.5 * remaining)
        adversarial = self.images_seen >= self.args.warmup
        if not adversarial:
            # Equalized weights change slowly, which only adversarial training needs.
            self.g_opt.param_groups[0]["lr"] *= WARMUP_RATE
        d_loss = self.critic_step(real) if adversarial else 0.0
        losses = self.generator_step(real, adversarial)
        self.finish_step(len(real))
        return d_loss, *losses

    def critic_step(self, real):
        """Update the critic and return its loss."""
        with torch.no_grad():
            ws = sample_ws(self.g, len(real))
            with self.low_precision():
                fake = self.g.synthesis(ws, noise_mode="random")
        with self.low_precision():
            scores = self.d(fake), self.d(real)
        loss = F.softplus(scores[0].float()).mean() + F.softplus(-scores[1].float()).mean()
        self.d_opt.zero_grad(set_to_none=True)
        loss.backward()
        if self.steps % R1_INTERVAL == 0:
            x = real.detach().requires_grad_(True)
            (gradient,) = torch.autograd.grad(self.d(x).sum(), x, create_graph=True)
            penalty = gradient.square().sum(dim=(1, 2, 3)).mean()
            (penalty * (self.args.gamma / 2 * R1_INTERVAL)).backward()
        self.d_opt.step()
        return loss.item()

    def generator_step(self, real, adversarial):
        """Update generator and encoder; return adversarial, reconstruction and code loss."""
        n = len(real)
        self.g_opt.param_groups[0]["betas"] = (0.0 if adversarial else 0.9, 0.99)
        self.d.requires_grad_(False)
        codes_too = adversarial or self.steps % CODE_INTERVAL == 0
        sampled = sample_ws(self.g, n) if codes_too else None
        with self.low_precision():
            codes = self.e(real).float()
            ws = torch.cat([codes, sampled]) if adversarial else codes
            images = self.g.synthesis(ws, noise_mode="random").float()
            if adversarial:
                scores = self.d(images[n:]).float()
                known = images[n:].detach()
            elif codes_too:
                with torch.no_grad():
                    known = self.g.synthesis(sampled, noise_mode="random").float()
            # Only the encoder learns from known codes; the generator would make its images bland.
            guessed = self.e(known).float() if codes_too else None
        rec_loss = reconstruction_loss(images[:n], real)
        g_loss = F.softplus(-scores).mean() if adversarial else torch.zeros(())
        code_loss = F.mse_loss(guessed, sampled.detach()) if codes_too else torch.zeros(())
        for optimizer in (self.g_opt, self.e_opt):
            optimizer.zero_grad(set_to_none=True)
        (g_loss + self.args.reconstruction * rec_loss + code_loss).backward()
        for optimizer in (self.g_opt, self.e_opt):
            optimizer.step()
        self.d.requires_grad_(True)
        return g_loss.item(), rec_loss.item(), code_loss.item()

    def finish_step(self, n):
        """Count the batch and move the average of the weights."""
        self.images_seen += n
        self.steps += 1
        beta = 0.5 ** (n / min(EMA_HALF_LIFE, max(self.images_seen * 0.05, 1)))
        pairs = zip(self.ema.state_dict().values(), self.g.state_dict().values(), strict=True)
        for average, value in pairs:
            average.lerp_(value, 1 - beta)


def card(trainer):
    """Return the model card that travels in the weights' metadata."""
    args = trainer.args
    losses = f"reconstruction {args.reconstruction:g} through an encoder trained with it"
    if trainer.images_seen > args.warmup:
        losses += (
            f"; after {args.warmup:.0f} images also non-saturating, lazy R1 gamma {args.gamma:g}, "
            f"style mixing {STYLE_MIXING:g}"
        )
    return {
        "name": "faces64",
        "data": "skstylefeat.datasets.make_faces, 64 px, no photos",
        "images_seen": trainer.images_seen,
        "losses": losses,
        "license": "BSD-3-Clause",
        "limits": "rendered faces only; photographs are far outside its domain",
    }


def sample_sheet(trainer, real, path):
    """Write random faces of the moving average above rendered faces and reconstructions."""
    generator = trainer.ema
    with torch.no_grad():
        z = torch.from_numpy(np.random.default_rng(0).standard_normal((48, 128))).float()
        codes = trainer.e.eval()(real[:8])
        trainer.e.train()
        rows = [generator(z), real[:8], generator.synthesis(codes)]
    grid = torch.cat(rows).clamp(-1, 1).add(1).mul(127.5).byte().permute(0, 2, 3, 1).numpy()
    grid = grid.reshape(8, 8, 64, 64, 3).transpose(0, 2, 1, 3, 4).reshape(512, 512, 3)
    Image.fromarray(grid).resize((1024, 1024), Image.Resampling.NEAREST).save(path)


def main():
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--out", type=Path, default=Path("runs/generator"))
    parser.add_argument("--images", type=int, default=800_000)
    parser.add_argument("--batch", type=int, default=16)
    parser.add_argument("--gamma", type=float, default=0.2)
    parser.add_argument("--reconstruction", type=float, default=30.0)
    parser.add_argument(
        "--warmup", type=float, default=float("inf"), help="images without a critic (default: all)"
    )
    parser.add_argument("--init", nargs=2, metavar=("GENERATOR", "ENCODER"))
    parser.add_argument("--minutes", type=float, default=float("inf"))
    parser.add_argument("--bfloat16", action=argparse.BooleanOptionalAction, default=True)
    parser.add_argument("--seed", type=int, default=0)
    args = parser.parse_args()
    args.out.mkdir(parents=True, exist_ok=True)

    trainer = Trainer(args)
    if args.init:
        trainer.start_from(*args.init)
    trainer.resume(args.out)
    batches = rendered_batches(args.batch, seed=1_000_000 + trainer.images_seen)
    fixed = next(rendered_batches(8, seed=999))
    start = last = time.monotonic()
    seen_at_start = trainer.images_seen
    history = []
    while trainer.images_seen < args.images and time.monotonic() - start < args.minutes * 60:
        history.append(trainer.step(next(batches)))
        if not np.isfinite(history[-1]).all():
            raise FloatingPointError(
                f"Losses {history[-1]} at {trainer.images_seen} images; the checkpoint is intact."
            )
        if time.monotonic() - last > 60:
            last = time.monotonic()
            trainer.save(args.out)
            sample_sheet(trainer, fixed, args.out / "samples.png")
            rate = (trainer.images_seen - seen_at_start) / (last - start)
            losses = np.mean(history, axis=0).round(3).tolist()
            names = ("critic", "generator", "reconstruction", "code")
            record = {"images": trainer.images_seen, "images_per_second": round(rate, 1)}
            print(json.dumps(record | dict(zip(names, losses, strict=True))), flush=True)
            history = []
    trainer.save(args.out)
    sample_sheet(trainer, fixed, args.out / "samples.png")


if __name__ == "__main__":
    main()
