"""Make the mapping network draw the codes that the encoder gives to rendered faces.

Where a generator was trained mostly by reconstruction, the codes of `mapping` are not those that
its synthesis network knows best. Here synthesis and encoder stay as they are, and the mapping
network alone is trained, by a small adversarial game in W: the critic sees the codes of rendered
faces, of all layers together, and mapped noise (non-saturating loss, R1)::

    python benchmarks/weights/fit_mapping.py GENERATOR ENCODER OUT
"""

import argparse
import copy

import torch
from torch import nn
from torch.nn import functional as F

from skstylefeat.datasets import make_faces
from skstylefeat.networks.recipe import to_network
from skstylefeat.networks.safetensors_io import build_network, read_network_file, save_network
from skstylefeat.networks.stylegan2 import MAPPING_LR_MULTIPLIER

LEARNING_RATE = 1e-3
BATCH = 256
GAMMA = 0.5
FIRST_SEED = 3_000_000
FACES_AT_ONCE = 500
EMA_HALF_LIFE = 200  # steps


def load(path):
    """Return network and card of a file."""
    config, state, card = read_network_file(path)
    return build_network(config, state, path), card


@torch.no_grad()
def face_codes(encoder, n_faces):
    """Return the codes (n * n_ws, w_dim) of rendered faces, every layer's code on its own."""
    codes = []
    for seed in range(n_faces // FACES_AT_ONCE):
        faces = make_faces(FACES_AT_ONCE, image_size=64, random_state=FIRST_SEED + seed)
        codes += [encoder(batch).flatten(0, 1) for batch in to_network(faces.images).split(100)]
    return torch.cat(codes)


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
    rate = LEARNING_RATE / MAPPING_LR_MULTIPLIER
    m_opt = torch.optim.Adam(mapping.parameters(), lr=rate, betas=(0.0, 0.99))
    c_opt = torch.optim.Adam(critic.parameters(), lr=LEARNING_RATE, betas=(0.0, 0.99))
    z_dim = mapping.fc0.weight.shape[1]
    for step in range(n_steps):
        for optimiser, base in ((m_opt, rate), (c_opt, LEARNING_RATE)):
            optimiser.param_groups[0]["lr"] = base * min(1.0, 2 * (1 - step / n_steps))
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


def main():
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("generator")
    parser.add_argument("encoder")
    parser.add_argument("out")
    parser.add_argument("--faces", type=int, default=3_000)
    parser.add_argument("--steps", type=int, default=2_000)
    args = parser.parse_args()
    torch.manual_seed(0)
    generator, card = load(args.generator)
    encoder, _ = load(args.encoder)
    codes = face_codes(encoder, args.faces)
    fit(generator.mapping, codes, args.steps)
    card["mapping"] = f"fitted to the codes of {args.faces} rendered faces by fit_mapping.py"
    save_network(generator, args.out, card)


if __name__ == "__main__":
    main()
