"""Step of a generator's training, and the networks, moments and counters that it changes."""

from __future__ import annotations

import copy
import hashlib
from dataclasses import asdict
from functools import cached_property
from pathlib import Path
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor, nn
from torch.nn import functional as F

from skstylefeat._utils._typing import StrPath
from skstylefeat.networks.stylegan2._network import StyleGAN2Generator
from skstylefeat.networks.stylegan2._styled_layers import upsample2x
from skstylefeat.networks.training._critic_augmentation import (
    AdaptiveProbability,
    transform_images,
)
from skstylefeat.networks.training._discriminator import Discriminator
from skstylefeat.networks.training._generator_recipe import GeneratorRecipe
from skstylefeat.networks.training._module_states import (
    Part,
    load_state_tensors,
    state_tensors,
)
from skstylefeat.networks.training._recipe import to_network
from skstylefeat.networks.training._training_state import load_state, save_state

ADAM_BETAS = (0.0, 0.99)
W_AVERAGE_SHARE = 0.002  # of a batch in the moving mean of W
EMA_RAMP = 0.05  # longest half-life of the average, as a share of the images seen so far


class GeneratorTrainer:
    """State of a generator's training that a step changes.

    Every step draws from a seed of its own, so the state needs no random generator: a training
    that continues from a checkpoint equals one that was never interrupted.

    Parameters
    ----------
    images : ndarray of shape (n, H, H, 3)
        Photos: uint8, or floats in [0, 1].
    recipe : GeneratorRecipe
        Architecture, losses and augmentation.
    seed : int
        Seed of the weights and of every step.
    device : torch.device
        Where to train.
    precision : {"float32", "bfloat16"}
        Number format of the convolutions. Losses, the R1 penalty, the sums of the image and the
        weights are in float32.

    Attributes
    ----------
    generator, average : StyleGAN2Generator
        The generator in training, and the moving average of its weights.
    critic : Discriminator
        Its opponent.
    probability : AdaptiveProbability
        Probability of the transforms that the critic sees.
    step, images_seen : int
        Steps done and photos seen.
    seconds : float
        Time spent, which the caller counts.
    """

    def __init__(
        self,
        images: NDArray[Any],
        recipe: GeneratorRecipe,
        seed: int,
        device: torch.device,
        precision: str,
    ) -> None:
        side = images.shape[1]
        self.recipe = recipe = recipe.for_side(side)
        self.images = images
        self.seed = seed
        self.device = device
        self.precision = precision

        config = recipe.config(side)
        with torch.random.fork_rng(devices=[]):
            torch.manual_seed(seed)
            generator, critic = StyleGAN2Generator(config), Discriminator(config.channels)
        layout: Any = {"memory_format": torch.channels_last}  # which convolutions prefer
        self.generator = generator.to(device, **layout)
        self.critic = critic.to(device, **layout)
        self.average = copy.deepcopy(self.generator).requires_grad_(False).eval()

        rate, lazy = recipe.learning_rate, recipe.r1_interval / (recipe.r1_interval + 1)
        self.g_optimizer = torch.optim.Adam(generator.parameters(), lr=rate, betas=ADAM_BETAS)
        # The step with the penalty counts as one more, so the others are that much smaller.
        betas = ADAM_BETAS[0] ** lazy, ADAM_BETAS[1] ** lazy
        self.c_optimizer = torch.optim.Adam(critic.parameters(), lr=rate * lazy, betas=betas)

        self.probability = AdaptiveProbability(recipe.augment_target, recipe.augment_images)
        self.step = self.images_seen = 0
        self.seconds = 0.0
        self._epoch, self._order = -1, np.empty(0, dtype=np.intp)

    def parts(self) -> dict[str, Part]:
        """Return the networks and optimizers that a step changes, by name."""
        return {
            "generator": self.generator,
            "critic": self.critic,
            "average": self.average,
            "generator_optimizer": self.g_optimizer,
            "critic_optimizer": self.c_optimizer,
        }

    @cached_property
    def identity(self) -> dict[str, str]:
        """Return strings that differ between trainings.

        Device and precision are left out: a training can move to another machine.
        """
        digest = hashlib.sha256(repr((self.images.shape, self.images.dtype.str)).encode())
        for start in range(0, len(self.images), 256):
            digest.update(np.ascontiguousarray(self.images[start : start + 256]).tobytes())
        return {
            "settings": repr(asdict(self.recipe)),
            "random_state": str(self.seed),
            "images": digest.hexdigest(),
        }

    def save(self, path: StrPath) -> None:
        """Write the state of the training; `resume` reads it."""
        values = {
            "identity": self.identity,
            "step": self.step,
            "images_seen": self.images_seen,
            "seconds": self.seconds,
            "probability": self.probability.state(),
        }
        save_state(Path(path), state_tensors(self.parts()), values)

    def resume(self, path: StrPath) -> None:
        """Continue from the state in a file, if there is one.

        Raises
        ------
        ValueError
            If it belongs to another training.
        """
        state = load_state(Path(path), self.identity, self.device)
        if state is None:
            return
        tensors, values = state
        load_state_tensors(self.parts(), tensors)
        self.probability.restore(values["probability"])
        self.step, self.images_seen = values["step"], values["images_seen"]
        self.seconds = values["seconds"]

    def update(self) -> dict[str, float]:
        """Make one step of both networks; return the losses."""
        devices = [self.device] if self.device.type == "cuda" else []
        with torch.random.fork_rng(devices=devices):
            torch.manual_seed(
                int(np.random.SeedSequence((self.seed, self.step)).generate_state(1)[0])
            )
            real = self._real_batch()
            losses = {"critic": self._update_critic(real), "generator": self._update_generator()}

        self.step += 1
        self.images_seen += len(real)
        self._update_average()
        return losses

    def _real_batch(self):
        """Return the photos of the step (n, 3, H, H); every photo comes once per round."""
        n, size = len(self.images), self.recipe.batch_size
        positions = np.arange(self.step * size, (self.step + 1) * size)
        rows = np.array([self._row(*divmod(int(position), n)) for position in positions])

        batch = to_network(self.images[rows]).to(self.device)
        if self.recipe.mirror:
            flipped = (torch.rand(size) < 0.5).to(self.device)[:, None, None, None]
            batch = torch.where(flipped, batch.flip(3), batch)
        return batch.contiguous(memory_format=torch.channels_last)

    def _row(self, epoch, position):
        """Return the photo at a position of the shuffled round `epoch`."""
        if epoch != self._epoch:
            rng = np.random.default_rng((self.seed, epoch))
            self._epoch, self._order = epoch, rng.permutation(len(self.images))
        return self._order[position]

    def _autocast(self):
        enabled = self.precision == "bfloat16"
        return torch.autocast(self.device.type, torch.bfloat16, enabled=enabled)

    def _synthesize(self):
        """Return synthesized images (n, 3, H, H), most of them from two codes."""
        config, n = self.generator.config, self.recipe.batch_size
        mapping, synthesis = self.generator.mapping, self.generator.synthesis
        w = mapping(torch.randn(2 * n, config.z_dim).to(self.device))
        mapping.w_avg.lerp_(w.detach().mean(dim=0), W_AVERAGE_SHARE)

        # Style mixing: from a random layer on, the second code takes over.
        crossover = torch.randint(1, config.n_ws, (n, 1, 1))
        crossover[torch.rand(n) >= self.recipe.style_mixing] = config.n_ws
        late = (torch.arange(config.n_ws)[None, :, None] >= crossover).to(self.device)
        styles = synthesis.styles(torch.where(late, w[n:, None], w[:n, None]))

        # The blocks' contributions to the image are summed in float32.
        x, image = None, None
        for block in synthesis.blocks():
            with self._autocast():
                for _, y in block.steps(x, styles, "random"):
                    x = y
            colors = block.torgb(x.float(), styles[f"b{block.resolution}.torgb"])
            image = colors if image is None else upsample2x(image, synthesis.fir) + colors
        return image

    def _scores(self, images):
        """Return the critic's scores (n,) of transformed images, and those images."""
        seen = transform_images(images, self.probability.value)
        with self._autocast():
            return self.critic(seen).float(), seen

    def _update_critic(self, real):
        with torch.no_grad():
            fake = self._synthesize()
        real_scores, seen = self._scores(real)
        fake_scores, _ = self._scores(fake)
        loss = F.softplus(fake_scores).mean() + F.softplus(-real_scores).mean()
        self.c_optimizer.zero_grad(set_to_none=True)
        loss.backward()

        if self.step % self.recipe.r1_interval == 0:
            weight = self.recipe.gamma / 2 * self.recipe.r1_interval
            (weight * gradient_penalty(self.critic, seen)).backward()
        self.c_optimizer.step()

        if self.recipe.augment == "adaptive":
            self.probability.observe(real_scores)
        return loss.item()

    def _update_generator(self):
        self.critic.requires_grad_(False)
        scores, _ = self._scores(self._synthesize())
        loss = F.softplus(-scores).mean()
        self.g_optimizer.zero_grad(set_to_none=True)
        loss.backward()
        self.g_optimizer.step()
        self.critic.requires_grad_(True)
        return loss.item()

    def _update_average(self):
        # In the beginning the weights improve faster than a long average could follow.
        half_life = min(self.recipe.ema_half_life, max(EMA_RAMP * self.images_seen, 1.0))
        share = 1 - 0.5 ** (self.recipe.batch_size / half_life)
        pairs = zip(
            self.average.state_dict().values(),
            self.generator.state_dict().values(),
            strict=True,
        )
        with torch.no_grad():
            for average, value in pairs:
                average.lerp_(value, share)


def gradient_penalty(critic: nn.Module, images: Tensor) -> Tensor:
    """Return the R1 penalty: the mean squared norm of the scores' gradients by the images.

    Parameters
    ----------
    critic : Module
        Images to scores (n,). It runs in float32: the squares of small gradients need it.
    images : Tensor of shape (n, C, H, W)
        Images as the critic sees them.
    """
    x = images.detach().requires_grad_(True)
    (gradient,) = torch.autograd.grad(critic(x).sum(), x, create_graph=True)
    return gradient.square().sum(dim=(1, 2, 3)).mean()
