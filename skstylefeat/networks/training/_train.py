"""Training of an encoder for a given generator, without labels.

Half of every batch is synthesized by the generator from known codes, which teaches what the
coordinates of the latent space mean. The other half are the user's own images; they have no
codes and teach by reconstruction. Bounded offsets (e4e [1]_), in whitened coordinates of W, keep
the codes of these images where the generator was trained.

References
----------
.. [1] O. Tov et al., "Designing an Encoder for StyleGAN Image Manipulation", SIGGRAPH 2021.
"""

from __future__ import annotations

import time
from collections.abc import Callable
from dataclasses import dataclass, field
from numbers import Integral
from pathlib import Path
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray
from sklearn.utils import check_random_state

from skstylefeat._utils._channels import as_seen, color_channels
from skstylefeat._utils._progress import progress_bar
from skstylefeat._utils._typing import RandomState, StrPath
from skstylefeat.networks._encoder import Encoder
from skstylefeat.networks._generator import Generator
from skstylefeat.networks._loading import load_encoder, load_generator
from skstylefeat.networks.training._recipe import EncoderRecipe, to_network
from skstylefeat.networks.training._trainer import EncoderTrainer
from skstylefeat.networks.training._training_batches import check_images

VALIDATION_BATCH = 64


@dataclass
class TrainingReport:
    """Progress of a training, as the callback of :func:`train_encoder` receives it.

    Parameters
    ----------
    step, n_steps : int
        Updates done and updates in all.
    seconds : float
        Time spent so far, over all resumed runs.
    losses : dict of str to float
        Unweighted losses, means since the last report.
    validation_psnr : float or None
        Reconstruction of the validation images, in dB.
    encoder : Encoder
        The moving average so far. The training continues to change its weights.
    finished : bool
        Whether this is the last report.
    """

    step: int
    n_steps: int
    seconds: float
    losses: dict[str, float] = field(default_factory=dict)
    validation_psnr: float | None = None
    encoder: Encoder | None = None
    finished: bool = False


def train_encoder(
    generator: StrPath | Generator,
    images: NDArray[Any] | Callable[[np.random.Generator, int], NDArray[Any]] | None = None,
    *,
    recipe: EncoderRecipe | None = None,
    init: StrPath | Encoder | None = None,
    trainer: Callable[..., EncoderTrainer] = EncoderTrainer,
    validation_images: NDArray[Any] | None = None,
    random_state: RandomState = None,
    checkpoint: StrPath | None = None,
    checkpoint_seconds: float = 120.0,
    max_seconds: float | None = None,
    report_every: int = 50,
    callback: Callable[[TrainingReport], object] | None = None,
    verbose: int = 0,
) -> Encoder:
    """Train an encoder for a generator, without labels.

    Parameters
    ----------
    generator : str, path-like or Generator
        The generator. The encoder is trained on its device.
    images : array of shape (n, H, W, C) or callable, default=None
        The user's images at the generator's size: uint8, or floats in [0, 1], in color, or gray for
        a generator of gray images, which otherwise learns their luminance. They are read batch by
        batch, so a memory map serves as well. A callable ``images(rng, n) -> array
        (n, H, W, C)`` makes images when they are needed, with `rng` a
        ``numpy.random.Generator``. With None, the training uses synthesized images alone.
    recipe : EncoderRecipe, default=None
        Schedule, weights of the losses and augmentation; ``EncoderRecipe()`` by default.
    init : str, path-like or Encoder, default=None
        Encoder to start from, instead of random weights.
    trainer : callable, default=EncoderTrainer
        Class of the trainer. A subclass of `EncoderTrainer` may add losses.
    validation_images : array of shape (m, H, W, C), default=None
        Images whose reconstruction is measured at every report; they are never trained on.
    random_state : int, RandomState or None, default=None
        Seed of the weights and the batches. Every step draws from its own seed, so a resumed
        training equals an undisturbed one. With a `checkpoint`, None is the seed 0, because
        another seed is another training.
    checkpoint : path-like, default=None
        File that keeps the state of the training. An existing file is continued, if generator,
        images, recipe, seed and `init` are the same; a function `images` is not compared. It
        stays in place at the end. A full disk or a damaged file only causes a warning.
    checkpoint_seconds : float, default=120.0
        Time between two writes of the checkpoint.
    max_seconds : float, default=None
        Limit on the time. The learning rate then follows the share of the time, if that is
        larger than the share of the steps: the training also ends with small steps on a slow
        machine, but the result depends on its speed.
    report_every : int, default=50
        Steps between two reports.
    callback : callable, default=None
        Called with a :class:`TrainingReport`. The training ends early where it returns True; its
        checkpoint is written first, so that it can go on later.
    verbose : int, default=0
        Whether to show a progress bar.

    Returns
    -------
    Encoder
        The moving average of the weights.

    Raises
    ------
    ValueError
        If images or `init` do not fit the generator, or the checkpoint belongs to another
        training.

    See Also
    --------
    skstylefeat.StyleGANInverter : Trains an encoder in `fit` with ``encoder="train"``.

    Examples
    --------
    >>> from skstylefeat.datasets import make_faces
    >>> from skstylefeat.networks import EncoderRecipe, train_encoder
    >>> faces = make_faces(8, random_state=0)
    >>> recipe = EncoderRecipe(n_steps=2, batch_size=4)
    >>> encoder = train_encoder("faces64", faces.images, recipe=recipe, random_state=0)
    >>> encoder.encode(faces.images / 255.0).shape
    (8, 10, 128)
    """
    generator = load_generator(generator)
    init = None if init is None else load_encoder(init)
    seed = training_seed(random_state, checkpoint)
    training = trainer(generator, images, recipe or EncoderRecipe(), init, seed)
    validation = None
    if validation_images is not None:
        validation = check_images(validation_images, training.encoder.config, "validation_images")
    if checkpoint is not None:
        checkpoint = Path(checkpoint)
        training.resume(checkpoint)

    bar = progress_bar(
        total=training.recipe.n_steps,
        initial=training.step,
        verbose=verbose,
        desc="training the encoder",
        unit="step",
    )
    history: list[dict[str, float]] = []
    last_saved = last = time.monotonic()
    with bar:
        while not training.finished(max_seconds):
            history.append(training.update(training.progress(max_seconds)))
            bar.update()

            # Saving and reporting count as time of the training, too.
            now = time.monotonic()
            training.seconds += now - last
            last = now
            ended = training.finished(max_seconds)
            if checkpoint is not None and (ended or now - last_saved > checkpoint_seconds):
                training.save(checkpoint)
                last_saved = now

            if training.step % report_every == 0 or ended:
                report = _report(training, generator, history, validation, ended)
                history = []
                bar.set_postfix(_postfix(report))
                if callback is not None and callback(report):
                    if checkpoint is not None:
                        training.save(checkpoint)
                    break
    return _encoder(training, generator)


def training_seed(random_state: RandomState, checkpoint: StrPath | None) -> int:
    """Return the seed of a training, 0 for None if it must be found again."""
    if random_state is None and checkpoint is not None:
        return 0
    if isinstance(random_state, Integral):
        return int(random_state)
    return int(check_random_state(random_state).randint(2**31 - 1))


def _encoder(trainer, generator):
    """Return the moving average as an `Encoder`."""
    name = f"{generator.name}-trained"
    card = {"trained_for": generator.name, "steps": str(trainer.step)}
    return Encoder(trainer.average, name=name, card=card, device=generator.device)


def _report(trainer, generator, history, validation, finished):
    names = history[0] if history else {}
    losses = {name: float(np.mean([entry[name] for entry in history])) for name in names}
    psnr = None
    if validation is not None:
        psnr = reconstruction_psnr(trainer.generator, trainer.average, validation)
    return TrainingReport(
        step=trainer.step,
        n_steps=trainer.recipe.n_steps,
        seconds=trainer.seconds,
        losses=losses,
        validation_psnr=psnr,
        encoder=_encoder(trainer, generator),
        finished=finished,
    )


def _postfix(report):
    if report.validation_psnr is not None:
        return {"PSNR": f"{report.validation_psnr:.2f} dB"}
    return {name: f"{value:.3f}" for name, value in report.losses.items()}


def reconstruction_psnr(generator, encoder, images):
    """Return the PSNR in dB of the mean squared error over all images (n, H, W, C)."""
    total = 0.0
    device = generator.mapping.w_avg.device
    with torch.no_grad():
        for start in range(0, len(images), VALIDATION_BATCH):
            x = to_network(images[start : start + VALIDATION_BATCH]).to(device)
            x = as_seen(x, generator.config.img_channels)
            error = color_channels(generator.synthesis(encoder(x))).clamp(-1.0, 1.0) - x
            total += error.square().mean(dim=(1, 2, 3)).sum().item()
    # Images in [-1, 1] have a peak of 2.
    return float(10 * np.log10(4 * len(images) / max(total, 1e-12)))
