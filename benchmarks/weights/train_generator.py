"""Train the bundled StyleGAN2 generator on faces that `make_faces` renders.

The recipe is StyleGAN2's (non-saturating loss, lazy R1, style mixing, moving average of the
weights) with one addition: a small helper encoder is trained at the same time, and the generator
is also asked to reproduce rendered faces from the helper's codes. The generator must then
cover every attribute that the renderer can draw, which is what inversion needs. The helper is
thrown away; `train_encoder.py` trains the bundled encoder for the finished generator.

Run again with the same ``--out`` to go on where a stopped run was::

    python benchmarks/weights/train_generator.py --out runs/generator --images 400000
"""

import argparse
import copy
import json
import time
from pathlib import Path

import numpy as np
import torch
from discriminator import Discriminator, EqualisedConv
from PIL import Image
from torch import nn
from torch.nn import functional as F

from skstylefeat.datasets import make_faces
from skstylefeat.networks.safetensors_io import save_network
from skstylefeat.networks.stylegan2 import GeneratorConfig, StyleGAN2Generator

CHANNELS = (128, 128, 96, 48, 24)
LEARNING_RATE = 2.5e-3
R1_INTERVAL = 16
STYLE_MIXING = 0.9
EMA_HALF_LIFE = 5_000
RENDERED_AT_ONCE = 2_048


class HelperEncoder(nn.Module):
    """Convolutional encoder from an image to one W vector per layer, in equalised form."""

    def __init__(self, config):
        super().__init__()
        widths = (32, 64, 96, 128, 128)
        layers = [EqualisedConv(3, widths[0], 3)]
        for a, b in zip(widths[:-1], widths[1:], strict=True):
            layers += [nn.AvgPool2d(2), EqualisedConv(a, b, 3)]
        self.trunk = nn.Sequential(*layers)
        self.hidden = EqualisedConv(widths[-1] * 16, 256, 1)
        self.head = EqualisedConv(256, config.w_dim * (1 + config.n_ws), 1, activate=False)
        self.config = config

    def forward(self, x):
        h = self.hidden(self.trunk(x).flatten(1)[:, :, None, None])
        codes = self.head(h).reshape(len(x), 1 + self.config.n_ws, self.config.w_dim)
        # The shared vector carries most of the code, so that it stays near W.
        return codes[:, :1] + 0.3 * codes[:, 1:]


def rendered_batches(batch_size, seed):
    """Yield batches of rendered faces for ever, mirrored at random, in [-1, 1]."""
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


def pyramid_loss(a, b):
    """Return the mean absolute difference over three scales."""
    loss = 0.0
    for _ in range(3):
        loss = loss + (a - b).abs().mean()
        a, b = F.avg_pool2d(a, 2), F.avg_pool2d(b, 2)
    return loss


class Trainer:
    """Networks, optimisers and the counters that a resumed run needs."""

    def __init__(self, args):
        self.args = args
        torch.manual_seed(args.seed)
        config = GeneratorConfig(64, CHANNELS, z_dim=128, w_dim=128, n_mapping=4)
        last = torch.channels_last
        self.g = StyleGAN2Generator(config).to(memory_format=last)
        self.d = Discriminator(64, CHANNELS).to(memory_format=last)
        self.e = HelperEncoder(config).to(memory_format=last)
        self.ema = copy.deepcopy(self.g).requires_grad_(False).eval()
        mapping = [*self.g.mapping.parameters()]
        synthesis = [*self.g.synthesis.parameters()]
        groups = [{"params": synthesis + [*self.e.parameters()]}, {"params": mapping}]
        self.g_opt = torch.optim.Adam(groups, lr=LEARNING_RATE, betas=(0.0, 0.99))
        c = R1_INTERVAL / (R1_INTERVAL + 1)
        self.d_opt = torch.optim.Adam(
            self.d.parameters(), lr=LEARNING_RATE * c, betas=(0.0, 0.99**c)
        )
        self.images_seen = 0
        self.steps = 0

    def low_precision(self):
        """Run convolutions in bfloat16, half as fast again where the processor has it."""
        return torch.autocast("cpu", torch.bfloat16, enabled=self.args.bfloat16)

    def modules(self):
        """Return everything that a checkpoint holds, by name."""
        names = ("g", "d", "e", "ema", "g_opt", "d_opt")
        return {name: getattr(self, name) for name in names}

    def save(self, folder):
        """Write the checkpoint and the weights so far; a crash leaves the last ones whole."""
        state = {name: module.state_dict() for name, module in self.modules().items()}
        state["images_seen"], state["steps"] = self.images_seen, self.steps
        torch.save(state, folder / "checkpoint.tmp")
        (folder / "checkpoint.tmp").replace(folder / "checkpoint.pt")
        save_network(self.ema, folder / "generator.safetensors", card=card(self))

    def resume(self, folder):
        """Load the checkpoint of a stopped run, if there is one."""
        if (folder / "checkpoint.pt").exists():
            state = torch.load(folder / "checkpoint.pt", weights_only=True)
            for name, module in self.modules().items():
                module.load_state_dict(state[name])
            self.images_seen, self.steps = state["images_seen"], state["steps"]

    def step(self, real):
        """Update the critic, then generator and helper, on one batch; return the losses."""
        n = len(real)
        decay = max(1 - self.images_seen / self.args.images, 0.0)
        for optimiser in (self.g_opt, self.d_opt):
            for group in optimiser.param_groups:
                base = group.setdefault("initial_lr", group["lr"])
                group["lr"] = base * min(1.0, 0.05 + 2.5 * decay)

        with torch.no_grad():
            ws = sample_ws(self.g, n)
            with self.low_precision():
                fake = self.g.synthesis(ws, noise_mode="random")
        with self.low_precision():
            scores = self.d(fake), self.d(real)
        d_loss = F.softplus(scores[0].float()).mean() + F.softplus(-scores[1].float()).mean()
        self.d_opt.zero_grad(set_to_none=True)
        d_loss.backward()
        if self.steps % R1_INTERVAL == 0:
            x = real.detach().requires_grad_(True)
            (gradient,) = torch.autograd.grad(self.d(x).sum(), x, create_graph=True)
            penalty = gradient.square().sum(dim=(1, 2, 3)).mean()
            (penalty * (self.args.gamma / 2 * R1_INTERVAL)).backward()
        self.d_opt.step()

        self.d.requires_grad_(False)
        half = n // 2
        sampled = sample_ws(self.g, n)
        with self.low_precision():
            codes = self.e(real[:half]).float()
            images = self.g.synthesis(torch.cat([codes, sampled]), noise_mode="random").float()
            scores = self.d(images[half:]).float()
            # The helper alone learns from known codes: the generator must not flatten its images.
            known = self.e(images[half : 2 * half].detach()).float()
        g_loss = F.softplus(-scores).mean()
        rec_loss = pyramid_loss(images[:half], real[:half])
        code_loss = F.mse_loss(known, sampled[:half].detach())
        self.g_opt.zero_grad(set_to_none=True)
        (g_loss + self.args.reconstruction * rec_loss + code_loss).backward()
        self.g_opt.step()
        self.d.requires_grad_(True)

        self.images_seen += n
        self.steps += 1
        beta = 0.5 ** (n / min(EMA_HALF_LIFE, max(self.images_seen * 0.05, 1)))
        pairs = zip(self.ema.state_dict().values(), self.g.state_dict().values(), strict=True)
        for average, value in pairs:
            average.lerp_(value, 1 - beta)
        return d_loss.item(), g_loss.item(), rec_loss.item() / 3, code_loss.item()


def card(trainer):
    """Return the model card that travels in the weights' metadata."""
    return {
        "name": "faces64",
        "data": "skstylefeat.datasets.make_faces, 64 px, no photos",
        "images_seen": str(trainer.images_seen),
        "losses": f"non-saturating, lazy R1 gamma {trainer.args.gamma}, style mixing "
        f"{STYLE_MIXING}, reconstruction {trainer.args.reconstruction} through a helper encoder",
        "licence": "BSD-3-Clause",
        "limits": "rendered faces only; photographs are far outside its domain",
    }


def sample_sheet(trainer, real, path):
    """Write random faces of the moving average above rendered faces and reconstructions."""
    generator = trainer.ema
    with torch.no_grad():
        z = torch.from_numpy(np.random.default_rng(0).standard_normal((48, 128))).float()
        rows = [generator(z), real[:8], generator.synthesis(trainer.e(real[:8]))]
    grid = torch.cat(rows).clamp(-1, 1).add(1).mul(127.5).byte().permute(0, 2, 3, 1).numpy()
    grid = grid.reshape(8, 8, 64, 64, 3).transpose(0, 2, 1, 3, 4).reshape(512, 512, 3)
    Image.fromarray(grid).resize((1024, 1024), Image.Resampling.NEAREST).save(path)


def main():
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--out", type=Path, default=Path("runs/generator"))
    parser.add_argument("--images", type=int, default=400_000)
    parser.add_argument("--batch", type=int, default=32)
    parser.add_argument("--gamma", type=float, default=0.2)
    parser.add_argument("--reconstruction", type=float, default=3.0)
    parser.add_argument("--minutes", type=float, default=float("inf"))
    parser.add_argument("--bfloat16", action=argparse.BooleanOptionalAction, default=True)
    parser.add_argument("--seed", type=int, default=0)
    args = parser.parse_args()
    args.out.mkdir(parents=True, exist_ok=True)

    trainer = Trainer(args)
    trainer.resume(args.out)
    batches = rendered_batches(args.batch, seed=1_000_000 + trainer.images_seen)
    fixed = next(rendered_batches(8, seed=999))
    start = last = time.monotonic()
    seen_at_start = trainer.images_seen
    history = []
    while trainer.images_seen < args.images and time.monotonic() - start < args.minutes * 60:
        history.append(trainer.step(next(batches)))
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
