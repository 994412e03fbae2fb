"""One training of an encoder: its networks, optimizer and counters, and a step of it."""

import copy
import math
from dataclasses import asdict

import numpy as np
import torch

from skstylefeat.networks.encoders._native import EncoderConfig, EncoderNetwork
from skstylefeat.networks.optimization._latent_space import w_statistics
from skstylefeat.networks.training._objective import weighted_losses
from skstylefeat.networks.training._training_batches import TrainingBatches

ADAM_BETAS = (0.9, 0.99)
WARM_UP_STEPS = 50
GRADIENT_NORM = 5.0


class Trainer:
    """Everything of a training that a step changes.

    Parameters
    ----------
    generator : StyleGAN2Generator
        The frozen generator.
    images : array of shape (n, H, W, C), callable or None
        The user's images.
    config : EncoderConfig or None
        Architecture, by default that of `init` or the one for the generator.
    recipe : EncoderRecipe
        Losses, schedule and augmentation.
    init : EncoderNetwork or None
        Weights to start from.
    seed : int
        Seed of everything.

    Attributes
    ----------
    encoder, average : EncoderNetwork
        The encoder that is trained, and the moving average of its weights.
    step : int
        Steps done.
    seconds : float
        Time spent, which the caller counts.
    """

    def __init__(self, generator, images, config, recipe, init, seed):
        self.generator = generator
        self.device = generator.mapping.w_avg.device
        self.recipe = recipe
        self.seed = int(seed)
        if config is None:
            config = EncoderConfig.for_generator(generator) if init is None else init.config
        _check_architecture(config, generator.config, init)
        with torch.random.fork_rng(devices=[]):
            torch.manual_seed(self.seed)
            encoder = EncoderNetwork(config)
        encoder.set_distribution(*(x.cpu() for x in w_statistics(generator)))
        if init is not None:
            encoder.load_state_dict(init.state_dict())
        last = torch.channels_last
        self.encoder = encoder.to(self.device, memory_format=last).requires_grad_(True).train()
        self.average = copy.deepcopy(self.encoder).requires_grad_(False).eval()
        self.batches = TrainingBatches(generator, self.encoder, images, recipe)
        self.optimizer = torch.optim.Adam(
            self.encoder.parameters(), lr=recipe.learning_rate, betas=ADAM_BETAS
        )
        self.step = 0
        self.seconds = 0.0

    def progress(self, max_seconds):
        """Return the share of the training that is done, by steps or by time."""
        by_time = 0.0 if max_seconds is None else self.seconds / max_seconds
        return min(1.0, max(self.step / self.recipe.n_steps, by_time))

    def finished(self, max_seconds):
        return self.progress(max_seconds) >= 1.0

    def identity(self):
        """Return texts that differ for another training."""
        config = self.encoder.config.to_dict()
        parts = {"config": config, "recipe": asdict(self.recipe), "seed": self.seed}
        return {key: repr(value) for key, value in parts.items()}

    def state(self):
        """Return all that `restore` needs to go on."""
        return {
            "encoder": self.encoder.state_dict(),
            "average": self.average.state_dict(),
            "optimizer": self.optimizer.state_dict(),
            "step": self.step,
            "seconds": self.seconds,
            "training": self.identity(),
        }

    def restore(self, state):
        """Go on from a state."""
        self.encoder.load_state_dict(state["encoder"])
        self.average.load_state_dict(state["average"])
        self.optimizer.load_state_dict(state["optimizer"])
        self.step, self.seconds = state["step"], state["seconds"]

    def update(self, progress):
        """Make one step; return the unweighted losses as floats."""
        rng = np.random.default_rng((self.seed, self.step))
        self._set_learning_rate(progress)
        losses = weighted_losses(
            self.recipe,
            self.generator,
            self.encoder,
            self.average,
            *self.batches.synthetic(rng),
            self.batches.real(rng),
        )
        total = sum(weight * loss for weight, loss in losses.values())
        self.optimizer.zero_grad(set_to_none=True)
        total.backward()
        torch.nn.utils.clip_grad_norm_(self.encoder.parameters(), GRADIENT_NORM)
        self.optimizer.step()
        self.step += 1
        self._update_average()
        return {name: loss.item() for name, (_, loss) in losses.items()}

    def _set_learning_rate(self, progress):
        warm_up = min(1.0, (self.step + 1) / WARM_UP_STEPS)
        decay = 0.5 + 0.5 * math.cos(math.pi * progress)
        for group in self.optimizer.param_groups:
            group["lr"] = self.recipe.learning_rate * warm_up * decay

    def _update_average(self):
        # Early on the weights improve faster than a long average could follow.
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


def _check_architecture(config, generator_config, init):
    for name in ("resolution", "n_ws", "w_dim", "img_channels"):
        ours, theirs = getattr(config, name), getattr(generator_config, name)
        if ours != theirs:
            raise ValueError(
                f"The encoder's {name} is {ours}, but the generator's is {theirs}; "
                "EncoderConfig.for_generator makes a configuration that fits."
            )
    if init is not None and init.config != config:
        raise ValueError(f"init has the architecture {init.config}, expected {config}.")
