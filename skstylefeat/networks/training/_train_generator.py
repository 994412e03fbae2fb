"""Training of a generator on unlabeled photos of one domain, from random weights.

StyleGAN2's training [1]_ of a small network: non-saturating loss, lazy R1 penalty, style mixing,
a moving average of the weights, and a critic that sees transformed images with an adaptive
probability [2]_.

References
----------
.. [1] T. Karras et al., "Analyzing and Improving the Image Quality of StyleGAN", CVPR 2020.
.. [2] T. Karras et al., "Training Generative Adversarial Networks with Limited Data",
   NeurIPS 2020.
"""

from __future__ import annotations

import math
import time
import warnings
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any

import numpy as np
from numpy.typing import NDArray

from skstylefeat._utils._progress import progress_bar
from skstylefeat._utils._typing import RandomState, StrPath
from skstylefeat.networks._base import resolve_device
from skstylefeat.networks._generator import Generator
from skstylefeat.networks.training._generator_recipe import GeneratorRecipe
from skstylefeat.networks.training._generator_trainer import GeneratorTrainer
from skstylefeat.networks.training._precision import Precision, resolve_precision
from skstylefeat.networks.training._train import training_seed

FEW_IMAGES = 50
NAME = "generator-trained"
TIMED_STEPS = 3


@dataclass
class GeneratorReport:
    """Progress of a training, as the callback of :func:`train_generator` receives it.

    Parameters
    ----------
    images_seen : int
        Photos seen so far, counted with repetitions.
    n_images : int or None
        Photos to see in all, None where the time ends the training.
    seconds : float
        Time spent so far, over all resumed runs.
    images_per_second : float
        Speed since the last report.
    losses : dict of str to float
        Losses of critic and generator, means since the last report. They do not tell how good
        the images are; look at samples.
    augmentation : float
        Probability of each transform of what the critic sees. A value that stays at its maximum,
        0.8, means too few photos for the number of images seen.
    generator : Generator
        The moving average so far. The training continues to change its weights.
    finished : bool
        Whether this is the last report.
    """

    images_seen: int
    n_images: int | None
    seconds: float
    images_per_second: float
    losses: dict[str, float] = field(default_factory=dict)
    augmentation: float = 0.0
    generator: Generator | None = None
    finished: bool = False


def train_generator(
    images: NDArray[Any],
    *,
    recipe: GeneratorRecipe | None = None,
    n_images: int | None = 1_000_000,
    max_seconds: float | None = None,
    device: str = "auto",
    precision: Precision = "auto",
    random_state: RandomState = None,
    checkpoint: StrPath | None = None,
    report_seconds: float = 120.0,
    callback: Callable[[GeneratorReport], object] | None = None,
    verbose: int = 0,
) -> Generator:
    """Train a StyleGAN2 generator on photos of one domain, without labels.

    Parameters
    ----------
    images : ndarray of shape (n, H, H, 3)
        Photos that are framed alike: uint8, or floats in [0, 1], with a side of 8, 16, 32, 64 or
        128 pixels. A few thousand are needed for codes that mean something, fewer than 50 cause
        a warning.
    recipe : GeneratorRecipe, default=None
        Architecture, losses and augmentation; ``GeneratorRecipe()`` by default.
    n_images : int or None, default=1000000
        Photos to see, counted with repetitions. With None, the time alone ends the training.
    max_seconds : float, default=None
        Limit on the time, that of interrupted runs included.
    device : str, default="auto"
        Torch device, or "auto" for the best present.
    precision : {"auto", "float32", "bfloat16"}, default="auto"
        Number format of the convolutions. "auto" is bfloat16 on processors with AMX and on GPUs
        from NVIDIA's Ampere on, and float32 elsewhere.
    random_state : int, RandomState or None, default=None
        Seed of the weights and the batches. Every step draws from its own seed, so a resumed
        training equals an undisturbed one. With a `checkpoint`, None is the seed 0, because
        another seed is another training.
    checkpoint : path-like, default=None
        File that keeps the state of the training. An existing file is continued. It stays in
        place at the end. A full disk or a damaged file only causes a warning.
    report_seconds : float, default=120.0
        Time between two reports, at which the checkpoint is written, too.
    callback : callable, default=None
        Called with a :class:`GeneratorReport`. The training ends early where it returns True.
    verbose : int, default=0
        Whether to show a progress bar, with images per second and the remaining time.

    Returns
    -------
    Generator
        The moving average of the weights. Its card says how many images it has seen.

    Raises
    ------
    ValueError
        If the images have another shape or type, or the checkpoint belongs to another training.
    FloatingPointError
        If a loss is no finite number. The checkpoint stays as it was.

    See Also
    --------
    train_encoder : Trains the encoder that inverts photos for this generator.

    Examples
    --------
    >>> from skstylefeat.datasets import make_faces
    >>> from skstylefeat.networks import GeneratorRecipe, train_generator
    >>> faces = make_faces(64, image_size=16, random_state=0)
    >>> recipe = GeneratorRecipe(channels=(16, 16, 8), batch_size=8)
    >>> generator = train_generator(faces.images, recipe=recipe, n_images=16, random_state=0)
    >>> generator.resolution, generator.card["images_seen"]
    (16, '16')
    """
    images = check_photos(images)
    if n_images is None and max_seconds is None:
        raise ValueError("n_images and max_seconds are both None, so the training has no end.")
    if n_images is not None and n_images < 1:
        raise ValueError(f"n_images must be at least 1, got {n_images}.")
    if report_seconds <= 0:
        raise ValueError(f"report_seconds must be positive, got {report_seconds}.")
    there = resolve_device(device)
    seed = training_seed(random_state, checkpoint)
    trainer = GeneratorTrainer(
        images, recipe or GeneratorRecipe(), seed, there, resolve_precision(precision, there)
    )
    if len(images) < FEW_IMAGES:
        warnings.warn(_few_images_text(len(images)), stacklevel=2)

    if checkpoint is not None:
        trainer.resume(checkpoint)

    def finished():
        late = max_seconds is not None and trainer.seconds >= max_seconds
        return late or (n_images is not None and trainer.images_seen >= n_images)

    bar = progress_bar(
        total=n_images,
        initial=trainer.images_seen,
        verbose=verbose,
        desc="training the generator",
        unit="image",
    )
    history: list[dict[str, float]] = []
    last_report = last = time.monotonic()
    with bar:
        while not finished():
            history.append(trainer.update())
            bar.update(trainer.recipe.batch_size)
            if not np.isfinite(list(history[-1].values())).all():
                raise FloatingPointError(
                    f"The losses are {history[-1]} after {trainer.images_seen} images: a larger "
                    "gamma or a smaller learning_rate is more stable. The checkpoint is intact."
                )

            # Saving and reporting count as time of the training, too.
            now = time.monotonic()
            trainer.seconds += now - last
            last = now
            if finished() or now - last_report >= report_seconds:
                if checkpoint is not None:
                    trainer.save(checkpoint)
                report = _report(trainer, n_images, history, now - last_report, finished())
                bar.set_postfix(augmentation=f"{report.augmentation:.2f}")
                history, last_report = [], now
                if callback is not None and callback(report):
                    break
    return _generator(trainer)


def check_photos(images: NDArray[Any]) -> NDArray[Any]:
    """Return photos as an array; raise ValueError unless a generator can be trained on them."""
    images = images if isinstance(images, np.ndarray) else np.asarray(images)
    if images.ndim != 4 or images.shape[1] != images.shape[2] or images.shape[3] != 3:
        raise ValueError(
            f"images has shape {images.shape}; expected (n, H, H, 3), squares in color."
        )
    if len(images) < 2:
        raise ValueError(f"images holds {len(images)} image(s); at least 2 are needed.")
    if images.dtype != np.uint8 and not np.issubdtype(images.dtype, np.floating):
        raise ValueError(f"images has dtype {images.dtype}; expected uint8, or floats in [0, 1].")
    return images


def images_per_second(
    side: int,
    recipe: GeneratorRecipe | None = None,
    *,
    device: str = "auto",
    precision: Precision = "auto",
    augmentation: float = 0.2,
) -> float:
    """Measure the speed of a training on this machine, in some steps on noise.

    Parameters
    ----------
    side : int
        Side of the images in pixels.
    recipe : GeneratorRecipe, default=None
        Recipe of the training.
    device, precision : str, default="auto"
        As for :func:`train_generator`.
    augmentation : float, default=0.2
        Probability of the critic's transforms, which take time.

    Returns
    -------
    float
    """
    there = resolve_device(device)
    rng = np.random.default_rng(0)
    images = rng.integers(0, 256, size=(64, side, side, 3), dtype=np.uint8)
    trainer = GeneratorTrainer(
        images, recipe or GeneratorRecipe(), 0, there, resolve_precision(precision, there)
    )
    recipe = trainer.recipe
    augmentation = augmentation if recipe.augment == "adaptive" else 0.0

    def timed(step):
        trainer.step, trainer.probability.value = step, augmentation
        start = time.perf_counter()
        trainer.update()
        return time.perf_counter() - start

    timed(0)  # allocations and libraries
    with_penalty = timed(0)
    # The shortest time disturbs least what else runs on the machine.
    plain = min(timed(1) for _ in range(TIMED_STEPS))
    seconds = with_penalty + (recipe.r1_interval - 1) * plain
    return recipe.batch_size * recipe.r1_interval / seconds


def _few_images_text(n):
    return (
        f"A generator is trained on {n} images. It will hardly do more than repeat them, and its "
        f"codes will mean little: at least {FEW_IMAGES} are needed to try, and thousands for good "
        "results. Without a generator, use features of a frozen network, or a generator of a "
        "neighboring domain."
    )


def _generator(trainer):
    """Return the moving average as a `Generator`."""
    card = {
        "images_seen": str(trainer.images_seen),
        "training_images": str(len(trainer.images)),
        "hours": f"{trainer.seconds / 3600:.2f}",
        "recipe": str(trainer.recipe),
        "random_state": str(trainer.seed),
        "augmentation": f"{trainer.probability.value:.3f}",
    }
    return Generator(trainer.average, name=NAME, card=card, device=trainer.device)


def _report(trainer, n_images, history, seconds, finished):
    losses = {
        name: math.fsum(entry[name] for entry in history) / len(history) for name in history[0]
    }
    return GeneratorReport(
        images_seen=trainer.images_seen,
        n_images=n_images,
        seconds=trainer.seconds,
        images_per_second=len(history) * trainer.recipe.batch_size / max(seconds, 1e-9),
        losses=losses,
        augmentation=trainer.probability.value,
        generator=_generator(trainer),
        finished=finished,
    )
