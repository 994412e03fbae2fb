"""Effects of style channels in the embedding space of an image model."""

from __future__ import annotations

from collections.abc import Callable
from numbers import Integral, Real
from typing import TYPE_CHECKING, TypeAlias

import numpy as np
from sklearn.utils import check_random_state, gen_batches
from sklearn.utils._param_validation import HasMethods, Interval, validate_params

from skstylefeat._utils._progress import progress_bar
from skstylefeat.latents._rows import to_unit
from skstylefeat.latents._sampling import sample_w

if TYPE_CHECKING:
    from numpy.typing import ArrayLike, NDArray

    from skstylefeat._utils._typing import RandomState
    from skstylefeat.networks._generator import Generator

#: From images, float32 of shape (n, H, W, C) in [0, 1], to embeddings of shape (n, d).
Encode: TypeAlias = Callable[["NDArray[np.float32]"], "ArrayLike"]

N_STATISTICS = 1_000
IMAGE_BATCH = 32


@validate_params(
    {
        "generator": [HasMethods(["synthesis", "styles"])],
        "encode_images": [callable],
        "n_samples": [Interval(Integral, 1, None, closed="left")],
        "step": [Interval(Real, 0, None, closed="neither")],
        "class_label": [Interval(Integral, 0, None, closed="left"), None],
        "random_state": ["random_state"],
        "verbose": ["verbose"],
    },
    prefer_skip_nested_validation=True,
)
def channel_effects(
    generator: Generator,
    encode_images: Encode,
    *,
    n_samples: int = 16,
    step: float = 5.0,
    class_label: int | None = None,
    random_state: RandomState = None,
    verbose: int = 0,
) -> NDArray[np.float32]:
    """Measure the effect of each style channel in a model's embedding space.

    Every channel except those of toRGB is moved `step` standard deviations up and down from its
    value in sampled images; the effect is the mean difference of the two unit embeddings.

    Parameters
    ----------
    generator : Generator
    encode_images : callable
        From images, float32 of shape (n, H, W, C) in [0, 1], to embeddings of shape (n, d).
    n_samples : int, default=16
        Images for each channel.
    step : float, default=5.0
        In standard deviations of the channel.
    class_label : int, default=None
        Class of the sampled codes of a conditional generator; None draws classes uniformly.
    random_state : int, RandomState or None, default=None
    verbose : int, default=0
        Show a progress bar if not 0.

    Returns
    -------
    effects : ndarray of shape (n_styles, d), float32
        Unit rows; 0 where a channel has no effect.
    """
    # The steps are measured in the spread of each channel over codes of the generator.
    rng = check_random_state(random_state)
    scale = style_statistics(generator, class_label, rng)[1]
    w = sample_w(generator, n_samples, rng, class_label=class_label)
    styles = generator.styles(w)
    with_maps = {layer.name for layer in generator.layers}
    channels = [
        channel
        for name, columns in generator.style_slices.items()
        if name in with_maps
        for channel in range(columns.start, columns.stop)
        if scale[channel] > 0.0
    ]

    # Several channels share a batch if each needs few images.
    together = max(IMAGE_BATCH // (2 * n_samples), 1)
    with progress_bar(total=len(channels), desc="channels", verbose=verbose) as bar:
        for chosen in gen_batches(len(channels), together):
            batch = channels[chosen]
            moved = np.tile(styles, (len(batch), 2, 1, 1))
            for rows, channel in zip(moved, batch, strict=True):
                rows[0, :, channel] += step * scale[channel]
                rows[1, :, channel] -= step * scale[channel]
            embedded = embed(generator, encode_images, moved.reshape(-1, styles.shape[1]))
            if chosen.start == 0:
                effects = np.zeros((styles.shape[1], embedded.shape[1]), dtype=np.float32)
            up, down = embedded.reshape(*moved.shape[:3], -1).mean(axis=2).swapaxes(0, 1)
            effects[batch] = up - down
            bar.update(len(batch))
    return unit_rows(effects)


def style_statistics(generator, class_label, random_state):
    """Return mean and standard deviation of each style channel over sampled codes."""
    sample = sample_w(generator, N_STATISTICS, random_state, class_label=class_label)
    styles = generator.styles(sample).astype(np.float64)
    return styles.mean(axis=0), styles.std(axis=0)


def embed(generator, encode_images, styles):
    """Return the unit embeddings of the images of S codes."""
    parts = []
    for rows in gen_batches(len(styles), IMAGE_BATCH):
        images = to_unit(generator.synthesis_from_styles(styles[rows]))
        embedded = np.asarray(encode_images(images), dtype=np.float64)
        if embedded.ndim != 2 or len(embedded) != len(images):
            raise ValueError(
                f"encode_images returned shape {embedded.shape} for {len(images)} images; expected "
                f"({len(images)}, d)."
            )
        if not np.isfinite(embedded).all():
            raise ValueError("encode_images returned NaN or infinity.")
        parts.append(embedded)
    return unit_rows(np.concatenate(parts))


def unit_rows(rows):
    """Scale vectors along the last axis to unit length; zero vectors stay zero."""
    norms = np.linalg.norm(rows, axis=-1, keepdims=True)
    return np.divide(rows, norms, out=np.zeros_like(rows), where=norms > 0)
