"""Bundled weights from a run of `train_generator.py`.

Two final steps, neither of which changes the synthesis network:

* the statistics of the encoder's batch normalization are computed on rendered faces alone;
* the mapping network is trained to draw the codes that the encoder gives to rendered faces: after a
  training mostly by reconstruction, its codes are not those that the synthesis network knows best.
  This is a small adversarial training in W (non-saturating loss, R1): the critic sees the codes of
  faces, those of all layers together, and mapped noise.

::

    python benchmarks/weights/finish.py runs/generator skstylefeat/weights
"""

import argparse
import copy
from pathlib import Path

import torch
from torch import nn
from torch.nn import functional as F

from skstylefeat import load_encoder, load_generator
from skstylefeat.datasets import make_faces
from skstylefeat.networks.checkpoints import save_network

LEARNING_RATE = 1e-3
LR_MULTIPLIER = 0.01  # of the mapping network, as in StyleGAN2
BATCH = 256
GAMMA = 0.5
FIRST_SEED = 3_000_000
FACES_AT_ONCE = 500
EMA_HALF_LIFE = 200  # steps


def face_batches(n_faces, seed, batch_size):
    """Yield batches of rendered faces as network images."""
    for start in range(0, n_faces, FACES_AT_ONCE):
        n = min(FACES_AT_ONCE, n_faces - start)
        faces = make_faces(n, image_size=64, random_state=seed + start)
        images = torch.from_numpy(faces.images).permute(0, 3, 1, 2)
        yield from (images.float() / 127.5 - 1).split(batch_size)


@torch.no_grad()
def face_codes(encoder, n_faces):
    """Return the codes (n * n_ws, w_dim) of rendered faces, one row per layer."""
    return torch.cat([encoder(b).flatten(0, 1) for b in face_batches(n_faces, FIRST_SEED, 100)])


def fit(mapping, codes, n_steps):
    """Train `mapping` in place; its `w_avg` becomes the mean of its codes."""
    w_dim = codes.shape[1]
    mean, std = codes.mean(dim=0), codes.std(dim=0)
    critic = nn.Sequential(
        nn.Linear(w_dim, 512), nn.LeakyReLU(0.2), nn.Linear(512, 512), nn.LeakyReLU(0.2),
        nn.Linear(512, 1),
    )  # fmt: skip
    mapping.requires_grad_(True)
    average = copy.deepcopy(mapping)
    rate = LEARNING_RATE / LR_MULTIPLIER
    m_opt = torch.optim.Adam(mapping.parameters(), lr=rate, betas=(0.0, 0.99))
    c_opt = torch.optim.Adam(critic.parameters(), lr=LEARNING_RATE, betas=(0.0, 0.99))
    z_dim = mapping.fc0.weight.shape[1]
    for step in range(n_steps):
        for optimizer, base in ((m_opt, rate), (c_opt, LEARNING_RATE)):
            optimizer.param_groups[0]["lr"] = base * min(1.0, 2 * (1 - step / n_steps))
        real = ((codes[torch.randint(len(codes), (BATCH,))] - mean) / std).requires_grad_(True)
        fake = (mapping(torch.randn(BATCH, z_dim)) - mean) / std
        score = critic(real)
        (gradient,) = torch.autograd.grad(score.sum(), real, create_graph=True)
        loss = F.softplus(-score).mean() + F.softplus(critic(fake.detach())).mean()
        loss = loss + GAMMA / 2 * gradient.square().sum(dim=1).mean()
        c_opt.zero_grad()
        loss.backward()
        c_opt.step()
        m_loss = F.softplus(-critic(fake)).mean()
        m_opt.zero_grad()
        m_loss.backward()
        m_opt.step()
        with torch.no_grad():
            for a, b in zip(average.parameters(), mapping.parameters(), strict=True):
                a.lerp_(b, 1 - 0.5 ** (1 / EMA_HALF_LIFE))
        if step % 500 == 0 or step == n_steps - 1:
            spread = (fake.detach().std(dim=0).mean()).item()
            print(f"step {step}: critic {loss.item():.3f}, spread {spread:.2f} of 1", flush=True)
    mapping.load_state_dict(average.state_dict())
    with torch.no_grad():
        mapping.w_avg.copy_(mapping(torch.randn(20_000, z_dim)).mean(dim=0))


@torch.no_grad()
def recalibrate(encoder, n_faces):
    """Recompute the batch statistics as plain averages over rendered faces."""
    norms = [m for m in encoder.modules() if isinstance(m, nn.BatchNorm1d | nn.BatchNorm2d)]
    for norm in norms:
        norm.reset_running_stats()
        norm.momentum = None
        norm.train()
    for batch in face_batches(n_faces, FIRST_SEED + 1_000, 32):
        encoder(batch)
    encoder.eval()


def main():
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("run", type=Path, help="output folder of train_generator.py")
    parser.add_argument("out", type=Path)
    parser.add_argument("--faces", type=int, default=3_000)
    parser.add_argument("--steps", type=int, default=2_000)
    args = parser.parse_args()
    torch.manual_seed(0)
    loaded = load_generator(args.run / "generator.safetensors")
    generator, card = loaded.module, loaded.card
    encoder = load_encoder(args.run / "helper.safetensors").module
    recalibrate(encoder, args.faces)
    fit(generator.mapping, face_codes(encoder, args.faces), args.steps)
    mapping = f"fitted to the encoder's codes of {args.faces} rendered faces"
    save_network(generator, args.out / "faces64.safetensors", card | {"mapping": mapping})
    keep = {"data", "license", "limits", "losses", "images_seen"}
    encoder_card = {"name": "faces64-encoder"} | {k: v for k, v in card.items() if k in keep}
    save_network(encoder, args.out / "faces64-encoder.safetensors", encoder_card)


if __name__ == "__main__":
    main()
