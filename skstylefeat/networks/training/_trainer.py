"""Step of an encoder's training, and the networks, moments and counters that it changes."""

from __future__ import annotations

import copy
import math
from dataclasses import asdict
from functools import cached_property
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
import torch

from skstylefeat.networks.encoders._native import EncoderConfig, EncoderNetwork
from skstylefeat.networks.optimization._latent_space import w_statistics
from skstylefeat.networks.training._module_states import load_state_tensors, state_tensors
from skstylefeat.networks.training._objective import (
    Reconstruction,
    reconstruct,
    weighted_losses,
)
from skstylefeat.networks.training._training_batches import TrainingBatches, images_hash
from skstylefeat.networks.training._training_state import load_state, save_state

if TYPE_CHECKING:
    from skstylefeat.networks._encoder import Encoder
    from skstylefeat.networks._generator import Generator
    from skstylefeat.networks.training._recipe import EncoderRecipe

ADAM_BETAS = (0.9, 0.99)
WARM_UP_STEPS = 50
GRADIENT_NORM = 5.0


class EncoderTrainer:
    """State of an encoder's training that a step changes.

    `train_encoder` makes the steps, reports and saves. A subclass may add losses.

    Parameters
    ----------
    generator : Generator
        The generator.
    images : array of shape (n, H, W, C), callable or None
        The user's images.
    recipe : EncoderRecipe
        Schedule, weights of the losses and augmentation.
    init : Encoder or None
        Weights to start from.
    seed : int
        Seed of the weights and the batches.

    Attributes
    ----------
    encoder, average : EncoderNetwork
        The encoder in training, and the moving average of its weights.
    step : int
        Steps done.
    seconds : float
        Time spent, which the caller counts.
    """

    encoder: EncoderNetwork
    average: EncoderNetwork
    step: int
    seconds: float

    def __init__(
        self,
        generator: Generator,
        images: Any,
        recipe: EncoderRecipe,
        init: Encoder | None,
        seed: int,
    ) -> None:
        self.generator = generator.module
        self._generator_hash = generator.weights_hash
        self._init = init
        self.recipe = recipe
        self.seed = seed

        config = EncoderConfig.for_generator(self.generator)
        if init is not None:
            config = _checked_config(init, config)
        with torch.random.fork_rng(devices=[]):
            torch.manual_seed(self.seed)
            encoder = EncoderNetwork(config)
        encoder.set_distribution(*(x.cpu() for x in w_statistics(self.generator)))
        if init is not None:
            encoder.load_state_dict(init.module.state_dict())

        last = torch.channels_last
        encoder = encoder.to(generator.device).to(memory_format=last)  # type: ignore[call-overload]
        self.encoder = encoder.requires_grad_(True).train()
        self.average = copy.deepcopy(self.encoder).requires_grad_(False).eval()
        self.batches = TrainingBatches(self.generator, self.encoder, images, recipe)
        self.optimizer = torch.optim.Adam(
            self.encoder.parameters(), lr=recipe.learning_rate, betas=ADAM_BETAS
        )
        self.step = 0
        self.seconds = 0.0

    def progress(self, max_seconds: float | None) -> float:
        """Return the share of the training that is done, by steps or by time."""
        by_time = 0.0 if max_seconds is None else self.seconds / max_seconds
        return min(1.0, max(self.step / self.recipe.n_steps, by_time))

    def finished(self, max_seconds: float | None) -> bool:
        """Return whether the training is done, by steps or by time."""
        return self.progress(max_seconds) >= 1.0

    def identity(self) -> dict[str, str]:
        """Return strings that differ between trainings."""
        config = self.encoder.config.to_dict()
        parts = {"config": config, "recipe": asdict(self.recipe), "seed": self.seed}
        return {key: repr(value) for key, value in parts.items()} | self._inputs

    @cached_property
    def _inputs(self):
        """Hashes of the generator, of the images, and of the encoder to start from."""
        return {
            "generator": self._generator_hash(),
            "images": images_hash(self.batches.images),
            "init": "none" if self._init is None else self._init.weights_hash(),
        }

    def parts(self) -> dict[str, Any]:
        """Return the networks and the optimizer that a step changes, by name."""
        return {"encoder": self.encoder, "average": self.average, "optimizer": self.optimizer}

    def save(self, path: Path) -> None:
        """Write the state of the training; `resume` reads it."""
        values = {"step": self.step, "seconds": self.seconds, "identity": self.identity()}
        save_state(path, state_tensors(self.parts()), values)

    def resume(self, path: Path) -> None:
        """Continue from the state in a file, if there is one.

        Raises
        ------
        ValueError
            If the state belongs to another training.
        """
        state = load_state(path, self.identity(), self.batches.device)
        if state is None:
            return
        tensors, values = state
        load_state_tensors(self.parts(), tensors)
        self.step, self.seconds = values["step"], values["seconds"]

    def update(self, progress: float) -> dict[str, float]:
        """Make one step; return the unweighted losses as floats."""
        rng = np.random.default_rng((self.seed, self.step))
        self._set_learning_rate(progress)
        losses = self._losses(rng)

        total = sum(weight * loss for weight, loss in losses.values())
        self.optimizer.zero_grad(set_to_none=True)
        total.backward()
        torch.nn.utils.clip_grad_norm_(self.encoder.parameters(), GRADIENT_NORM)
        self.optimizer.step()

        self.step += 1
        self._update_average()
        return {name: loss.item() for name, (_, loss) in losses.items()}

    def _losses(self, rng):
        """Return weight and loss by name on the next batch, which `rng` draws."""
        known, synthetic = self.batches.synthetic(rng)
        real = self.batches.real(rng)
        batch = reconstruct(self.recipe, self.generator, self.encoder, synthetic, real)
        return weighted_losses(self.recipe, batch, known) | self.further_losses(batch, rng)

    def further_losses(
        self, batch: Reconstruction, rng: np.random.Generator
    ) -> dict[str, tuple[float, torch.Tensor]]:
        """Return weight and loss by name of a subclass; there are none here.

        Parameters
        ----------
        batch : Reconstruction
            Images, codes and what the generator makes of the codes: `n_real`, `images`,
            `reconstructed`, `whitened` and `offsets`.
        rng : numpy Generator
            For what else the step draws.

        Returns
        -------
        dict of str to (float, Tensor)
        """
        return {}

    def _set_learning_rate(self, progress):
        warm_up = min(1.0, (self.step + 1) / WARM_UP_STEPS)
        decay = 0.5 + 0.5 * math.cos(math.pi * progress)
        for group in self.optimizer.param_groups:
            group["lr"] = self.recipe.learning_rate * warm_up * decay

    def _update_average(self):
        # In the first steps the weights improve faster than a long average could follow.
        half_life = min(self.recipe.ema_half_life, 0.1 * self.step)
        share = 1.0 - 0.5 ** (1.0 / half_life)
        pairs = zip(
            self.average.state_dict().values(), self.encoder.state_dict().values(), strict=True
        )
        with torch.no_grad():
            for average, value in pairs:
                if average.is_floating_point():
                    average.lerp_(value, share)
                else:
                    average.copy_(value)


def _checked_config(init, fitting):
    """Return the architecture of `init`; raise ValueError unless it fits the generator."""
    config = getattr(init.module, "config", None)
    if not isinstance(config, EncoderConfig):
        raise ValueError(
            f"init={init!r} cannot be trained: only encoders of `train_encoder` can, not those of "
            "the pSp family."
        )
    for name in ("image_size", "n_ws", "w_dim", "img_channels"):
        found, expected = getattr(config, name), getattr(fitting, name)
        if found != expected:
            raise ValueError(
                f"The {name} of init is {found}, but the generator needs {expected}: start from "
                "an encoder of this generator, or from none."
            )
    return config
