"""Training of an encoder for a given generator, without labels.

Half of every batch is synthesized by the generator from known codes, which teaches what the
coordinates of the latent space mean; the other half are the user's own images, which have no
codes and teach by reconstruction. Images without a known code are held where the generator was
trained by bounded offsets (e4e [1]_) and a penalty in whitened coordinates of W.

References
----------
.. [1] O. Tov et al., "Designing an Encoder for StyleGAN Image Manipulation", SIGGRAPH 2021.
"""

import time
from contextlib import contextmanager
from dataclasses import dataclass, field, replace
from pathlib import Path

import numpy as np
import torch

from skstylefeat._utils._progress import progress_bar
from skstylefeat.networks.encoders._native import EncoderNetwork
from skstylefeat.networks.training._recipe import EncoderRecipe, to_network
from skstylefeat.networks.training._trainer import Trainer
from skstylefeat.networks.training._training_batches import check_images
from skstylefeat.networks.training._training_state import load_state, save_state

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
        ``numpy.random.Generator``. None trains on synthesized images alone.
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
    >>> from skstylefeat.networks.stylegan2._network import GeneratorConfig, StyleGAN2Generator
    >>> from skstylefeat.networks.training._train import EncoderRecipe, train_encoder
    >>> generator = StyleGAN2Generator(GeneratorConfig(8, (8, 8), 16, 16, 2))
    >>> images = np.random.default_rng(0).random((20, 8, 8, 3), dtype=np.float32)
    >>> encoder = train_encoder(generator, images, recipe=EncoderRecipe(n_steps=2, batch_size=4))
    >>> encoder.config.n_ws, encoder.config.w_dim
    (4, 16)
    """
    recipe = recipe or EncoderRecipe()
    if n_images is not None:
        recipe = replace(recipe, n_steps=max(1, n_images // recipe.batch_size))
    trainer = Trainer(generator, images, config, recipe, init, random_state)
    if checkpoint is not None:
        checkpoint = Path(checkpoint)
        state = load_state(checkpoint, trainer.identity(), trainer.device)
        if state is not None:
            trainer.restore(state)
    validation = None
    if validation_images is not None:
        validation = check_images(validation_images, trainer.encoder.config, "validation_images")
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
                save_state(checkpoint, trainer.state())
                last_saved = now
            if trainer.step % report_every == 0 or ended:
                report = _report(trainer, history, validation, ended)
                history = []
                bar.set_postfix(_postfix(report))
                if callback is not None and callback(report):
                    break
    return trainer.average


def _report(trainer, history, validation, finished):
    names = history[0] if history else {}
    losses = {name: float(np.mean([entry[name] for entry in history])) for name in names}
    psnr = None
    if validation is not None:
        psnr = reconstruction_psnr(trainer.generator, trainer.average, validation)
    n_steps, average = trainer.recipe.n_steps, trainer.average
    return TrainingReport(trainer.step, n_steps, trainer.seconds, losses, psnr, average, finished)


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
