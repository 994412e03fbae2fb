"""Training of an encoder for a given generator, without labels.

Half of every batch is synthesised by the generator from known codes, which teaches what the
coordinates of the latent space mean; the other half are the user's own images, which have no
codes and teach by reconstruction. Images without a known code are held where the generator was
trained by bounded offsets (e4e [1]_) and a penalty in whitened coordinates of W.

References
----------
.. [1] O. Tov et al., "Designing an Encoder for StyleGAN Image Manipulation", SIGGRAPH 2021.
"""

import copy
import math
import os
import time
import warnings
from contextlib import contextmanager, suppress
from dataclasses import asdict, dataclass, field, replace
from pathlib import Path

import numpy as np
import torch

from skstylefeat._progress import progress_bar
from skstylefeat.networks.encoders import EncoderConfig, EncoderNetwork
from skstylefeat.networks.latent_space import w_statistics
from skstylefeat.networks.losses import contrast_loss, feature_loss, pyramid_loss
from skstylefeat.networks.recipe import EncoderRecipe, augment, to_network

ADAM_BETAS = (0.9, 0.99)
WARM_UP_STEPS = 50
GRADIENT_NORM = 5.0
VALIDATION_BATCH = 64


@dataclass
class TrainingReport:
    """What a callback is told.

    Parameters
    ----------
    step, n_steps : int
        Updates done and to do.
    seconds : float
        Time spent so far, over all resumed runs.
    losses : dict of str to float
        Unweighted losses, means since the last report.
    validation_psnr : float or None
        Reconstruction of the validation images, in dB.
    encoder : EncoderNetwork
        The moving average so far.
    finished : bool
        Whether this is the last report.
    """

    step: int
    n_steps: int
    seconds: float
    losses: dict = field(default_factory=dict)
    validation_psnr: float | None = None
    encoder: EncoderNetwork | None = None
    finished: bool = False


def train_encoder(
    generator,
    images=None,
    *,
    config=None,
    recipe=None,
    n_images=None,
    init=None,
    validation_images=None,
    random_state=0,
    checkpoint=None,
    checkpoint_seconds=120.0,
    max_seconds=None,
    report_every=50,
    callback=None,
    verbose=False,
):
    """Train an encoder for a generator.

    Parameters
    ----------
    generator : StyleGAN2Generator
        The frozen generator; the encoder is trained on its device.
    images : array of shape (n, H, W, C) or callable, default=None
        The user's images at the generator's resolution: uint8, or floats in [0, 1]. They stay as
        they are and are read batch by batch, so a memory map serves. A callable
        ``images(rng, n) -> array (n, H, W, C)`` makes them on the fly, with `rng` a
        ``numpy.random.Generator``. None trains on synthesised images alone.
    config : EncoderConfig, default=None
        Architecture, by default that of ``EncoderConfig.for_generator``.
    recipe : EncoderRecipe, default=None
        Losses, schedule and augmentation.
    n_images : int, default=None
        Length of the training in images, instead of the recipe's `n_steps`.
    init : EncoderNetwork, default=None
        Weights to start from, instead of random ones.
    validation_images : array of shape (m, H, W, C), default=None
        Images whose reconstruction is measured at every report; never trained on.
    random_state : int, default=0
        Seed of everything. Every step draws from its own seed, so a resumed run goes on as the
        whole one would have.
    checkpoint : path, default=None
        File that keeps the state of the training. Where it exists already, the training goes on
        from it. Left in place at the end. A disk that is full, or a file that is damaged, is
        warned of and costs no more than the file.
    checkpoint_seconds : float, default=120.0
        Time between two checkpoints.
    max_seconds : float, default=None
        Bound on the time. The learning rate then decays with the time where that is
        further than the steps, so that a slow machine also ends with small steps; the
        result depends on its speed.
    report_every : int, default=50
        Steps between two reports.
    callback : callable, default=None
        Called with a `TrainingReport`; the training ends early where it returns True.
    verbose : bool, default=False
        Show a progress bar.

    Returns
    -------
    EncoderNetwork
        The moving average of the weights, frozen and in evaluation mode.

    Raises
    ------
    ValueError
        Images or an architecture that do not fit the generator, or a checkpoint of another
        training.

    Examples
    --------
    >>> import numpy as np
    >>> from skstylefeat.networks.stylegan2 import GeneratorConfig, StyleGAN2Generator
    >>> from skstylefeat.networks.training import EncoderRecipe, train_encoder
    >>> generator = StyleGAN2Generator(GeneratorConfig(8, (8, 8), 16, 16, 2))
    >>> images = np.random.default_rng(0).random((20, 8, 8, 3), dtype=np.float32)
    >>> encoder = train_encoder(generator, images, recipe=EncoderRecipe(n_steps=2, batch_size=4))
    >>> encoder.config.n_ws, encoder.config.w_dim
    (4, 16)
    """
    recipe = recipe or EncoderRecipe()
    if n_images is not None:
        recipe = replace(recipe, n_steps=max(1, n_images // recipe.batch_size))
    trainer = _Trainer(generator, images, config, recipe, init, random_state)
    if checkpoint is not None:
        checkpoint = Path(checkpoint)
        trainer.resume(checkpoint)
    validation = None
    if validation_images is not None:
        validation = _check_images(validation_images, trainer.config, "validation_images")
    last_saved = last = time.monotonic()
    bar = progress_bar(
        total=trainer.recipe.n_steps,
        initial=trainer.step,
        verbose=verbose,
        desc="training the encoder",
        unit="step",
    )
    history = []
    with bar, _frozen(generator):
        while not trainer.finished(max_seconds):
            history.append(trainer.update(trainer.progress(max_seconds)))
            bar.update()
            now = time.monotonic()
            trainer.seconds += now - last
            last = now
            ended = trainer.finished(max_seconds)
            if checkpoint is not None and (ended or now - last_saved > checkpoint_seconds):
                trainer.save(checkpoint)
                last_saved = now
            if trainer.step % report_every == 0 or ended:
                report = trainer.report(history, validation, ended)
                history = []
                bar.set_postfix(_postfix(report))
                if callback is not None and callback(report):
                    break
    return trainer.average


def _postfix(report):
    if report.validation_psnr is not None:
        return {"PSNR": f"{report.validation_psnr:.2f} dB"}
    return {name: f"{value:.3f}" for name, value in report.losses.items()}


@contextmanager
def _frozen(module):
    """Switch off the gradients of a module's parameters for a while."""
    flags = [parameter.requires_grad for parameter in module.parameters()]
    module.requires_grad_(False)
    try:
        yield
    finally:
        for parameter, flag in zip(module.parameters(), flags, strict=True):
            parameter.requires_grad_(flag)


class _Trainer:
    """Networks, optimiser and counters of one training."""

    def __init__(self, generator, images, config, recipe, init, seed):
        self.generator = generator
        self.device = generator.mapping.w_avg.device
        self.recipe = recipe
        self.seed = int(seed)
        if config is None:
            config = EncoderConfig.for_generator(generator) if init is None else init.config
        self.config = config
        _check_architecture(config, generator.config, init)
        self.images = images
        if images is not None and not callable(images):
            self.images = _check_images(images, config, "images")
        with torch.random.fork_rng(devices=[]):
            torch.manual_seed(self.seed)
            encoder = EncoderNetwork(config)
        encoder.set_distribution(*(x.cpu() for x in w_statistics(generator)))
        if init is not None:
            encoder.load_state_dict(init.state_dict())
        last = torch.channels_last
        self.encoder = encoder.to(self.device, memory_format=last).requires_grad_(True).train()
        self.average = copy.deepcopy(self.encoder).requires_grad_(False).eval()
        self.w_avg = self.encoder.w_avg.clone()
        self.inverse_basis = torch.linalg.inv(self.encoder.w_basis.double()).float()
        self.optimiser = torch.optim.Adam(
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

    def save(self, path):
        """Write the checkpoint; a crash meanwhile leaves the last one whole."""
        state = {
            "encoder": self.encoder.state_dict(),
            "average": self.average.state_dict(),
            "optimiser": self.optimiser.state_dict(),
            "step": self.step,
            "seconds": self.seconds,
            "training": self._identity(),
        }
        partial = path.with_name(f"{path.name}.{os.getpid()}.partial")
        try:
            path.parent.mkdir(parents=True, exist_ok=True)
            torch.save(state, partial)
            os.replace(partial, path)
        except (OSError, RuntimeError) as error:  # torch.save raises the latter on a full disk
            with suppress(OSError):
                partial.unlink(missing_ok=True)
            warnings.warn(
                f"The training cannot be kept in {path} ({error}); it goes on.", stacklevel=3
            )

    def resume(self, path):
        """Go on from the checkpoint, if there is one that can be read."""
        try:
            state = torch.load(path, map_location=self.device, weights_only=True)
        except FileNotFoundError:
            return
        except Exception as error:  # a damaged file makes torch raise almost anything
            warnings.warn(
                f"The checkpoint {path} cannot be read ({type(error).__name__}); the training "
                "begins anew.",
                stacklevel=3,
            )
            return
        differing = [
            key for key, value in self._identity().items() if state["training"].get(key) != value
        ]
        if differing:
            raise ValueError(
                f"{path} belongs to another training: it differs in {differing}. Remove it, or "
                "name another checkpoint."
            )
        self.encoder.load_state_dict(state["encoder"])
        self.average.load_state_dict(state["average"])
        self.optimiser.load_state_dict(state["optimiser"])
        self.step, self.seconds = state["step"], state["seconds"]

    def _identity(self):
        parts = {"config": self.config.to_dict(), "recipe": asdict(self.recipe), "seed": self.seed}
        return {key: repr(value) for key, value in parts.items()}

    def update(self, progress):
        """Make one step; return the unweighted losses as floats."""
        recipe = self.recipe
        rng = np.random.default_rng((self.seed, self.step))
        warm_up = min(1.0, (self.step + 1) / WARM_UP_STEPS)
        for group in self.optimiser.param_groups:
            group["lr"] = (
                recipe.learning_rate * warm_up * (0.5 + 0.5 * math.cos(math.pi * progress))
            )
        losses = self._losses(rng)
        total = sum(weight * loss for weight, loss in losses.values())
        self.optimiser.zero_grad(set_to_none=True)
        total.backward()
        torch.nn.utils.clip_grad_norm_(self.encoder.parameters(), GRADIENT_NORM)
        self.optimiser.step()
        self.step += 1
        self._update_average()
        return {name: loss.item() for name, (_, loss) in losses.items()}

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

    def _autocast(self):
        return torch.autocast(self.device.type, dtype=torch.bfloat16, enabled=self.recipe.bfloat16)

    def _losses(self, rng):
        """Return name -> (weight, loss) on one batch."""
        recipe = self.recipe
        known, synthetic = self._synthetic_batch(rng)
        real = self._real_batch(rng)
        n_real = len(real)
        x = torch.cat([real, synthetic]).contiguous(memory_format=torch.channels_last)
        with self._autocast():
            base, offsets = self.encoder.heads(self.encoder.trunk(x))
        base, offsets = base.float(), offsets.float()
        whitened = base[:, None] + offsets
        losses = {
            "latent": (recipe.latent_weight, (whitened[n_real:] - known).square().mean()),
            "offset": (recipe.offset_weight, offsets.square().mean()),
        }
        with_synthetic = recipe.synthetic_image_weight > 0
        n_images = len(x) if with_synthetic else n_real
        if not n_images:
            return losses
        with self._autocast():
            images = self.generator.synthesis(self.encoder.to_w(whitened[:n_images]))
        images = images.float()
        if with_synthetic:
            loss = self._image_loss(images[n_real:], x[n_real:])
            losses["synthetic image"] = (recipe.synthetic_image_weight, loss)
        if n_real:
            images, targets = images[:n_real], x[:n_real]
            losses["image"] = (recipe.image_weight, self._image_loss(images, targets))
            losses["code"] = (recipe.code_weight, whitened[:n_real].square().mean())
            losses |= self._perceptual_losses(images, targets)
        return losses

    def _image_loss(self, images, targets):
        loss = pyramid_loss(images, targets)
        if self.recipe.contrast_weight:
            loss = loss + self.recipe.contrast_weight * contrast_loss(images, targets)
        return loss

    def _perceptual_losses(self, images, targets):
        recipe = self.recipe
        if not (recipe.feature_weight or recipe.cycle_weight):
            return {}
        losses = {}
        with self._autocast():
            with torch.no_grad():
                target_maps = self.average.trunk(targets)
                target_base, _ = self.average.heads(target_maps)
            maps = self.average.trunk(images)
            base, _ = self.average.heads(maps)
        if recipe.feature_weight:
            pairs = [[x.float() for x in side[1:]] for side in (maps, target_maps)]
            losses["feature"] = (recipe.feature_weight, feature_loss(*pairs))
        if recipe.cycle_weight:
            distance = (base.float() - target_base.float()).square().mean()
            losses["cycle"] = (recipe.cycle_weight, distance)
        return losses

    def _synthetic_batch(self, rng):
        """Return whitened codes (n, n_ws, w_dim) and their images (n, C, H, W)."""
        recipe, config = self.recipe, self.generator.config
        n = recipe.batch_size
        z = torch.from_numpy(rng.standard_normal((2 * n, config.z_dim), dtype=np.float32))
        labels = None
        if config.c_dim:
            classes = rng.integers(config.c_dim, size=2 * n)
            labels = torch.from_numpy(np.eye(config.c_dim, dtype=np.float32)[classes])
            labels = labels.to(self.device)
        mixed = rng.random(n) < recipe.style_mixing
        crossover = np.where(mixed, rng.integers(1, config.n_ws, n), config.n_ws)
        late = torch.from_numpy(np.arange(config.n_ws) >= crossover[:, None]).to(self.device)
        with torch.no_grad():
            w = self.generator.mapping(z.to(self.device), labels)
            ws = torch.where(late[:, :, None], w[n:, None], w[:n, None])
            with self._autocast():
                images = self.generator.synthesis(ws)
            return (ws - self.w_avg) @ self.inverse_basis, images.float().clamp(-1.0, 1.0)

    def _real_batch(self, rng):
        """Return augmented images of the user (n, C, H, W) in [-1, 1], if there are any."""
        n = self.recipe.batch_size
        if self.images is None:
            size = self.config.resolution
            return torch.empty(0, self.config.img_channels, size, size, device=self.device)
        if callable(self.images):
            batch = _check_images(self.images(rng, n), self.config, "images(rng, n)")
        else:
            batch = self.images[np.sort(rng.integers(len(self.images), size=n))]
        return augment(to_network(batch).to(self.device), rng, self.recipe)

    def report(self, history, validation, finished):
        names = history[0] if history else {}
        losses = {name: float(np.mean([entry[name] for entry in history])) for name in names}
        psnr = None
        if validation is not None:
            psnr = reconstruction_psnr(self.generator, self.average, validation)
        return TrainingReport(
            self.step, self.recipe.n_steps, self.seconds, losses, psnr, self.average, finished
        )


def reconstruction_psnr(generator, encoder, images):
    """Return the PSNR in dB of the mean squared error over all images (n, H, W, C)."""
    total = 0.0
    device = generator.mapping.w_avg.device
    with torch.no_grad():
        for start in range(0, len(images), VALIDATION_BATCH):
            x = to_network(images[start : start + VALIDATION_BATCH]).to(device)
            error = generator.synthesis(encoder(x)).clamp(-1.0, 1.0) - x
            total += error.square().mean(dim=(1, 2, 3)).sum().item()
    # Images in [-1, 1] have a peak of 2.
    return float(10 * np.log10(4 * len(images) / max(total, 1e-12)))


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


def _check_images(images, config, name):
    images = images if isinstance(images, np.ndarray) else np.asarray(images)
    expected = (config.resolution, config.resolution, config.img_channels)
    if images.ndim != 4 or images.shape[1:] != expected:
        raise ValueError(
            f"{name} has shape {images.shape}, but the generator needs (n, {expected[0]}, "
            f"{expected[1]}, {expected[2]}): resize the images first."
        )
    if len(images) == 0:
        raise ValueError(f"{name} is empty.")
    if images.dtype != np.uint8 and not np.issubdtype(images.dtype, np.floating):
        raise ValueError(f"{name} has dtype {images.dtype}; expected uint8, or floats in [0, 1].")
    return images
