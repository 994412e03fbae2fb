"""Directions from text: StyleCLIP's global directions with any image-text model."""

import hashlib
import zipfile
from numbers import Integral, Real
from pathlib import Path

import numpy as np
from sklearn.base import BaseEstimator, _fit_context
from sklearn.utils import check_random_state, gen_batches
from sklearn.utils._param_validation import Interval

from skstylefeat._utils._files import replace_file
from skstylefeat._utils._progress import progress_bar
from skstylefeat._utils._versions import VersionStamped
from skstylefeat.directions._no_data import IgnoresData
from skstylefeat.directions._unsupervised import as_generator
from skstylefeat.latents._rows import to_unit
from skstylefeat.latents._sampling import sample_w

N_STATISTICS = 1_000
IMAGE_BATCH = 32
#: Two runs of one model may differ by this much in a unit embedding, by rounding.
SAME_EMBEDDING = 1e-2


def channel_effects(
    generator,
    encode_images,
    *,
    n_samples=16,
    step=5.0,
    class_label=None,
    random_state=None,
    verbose=False,
):
    """Measure how each style channel moves images in a model's embedding space.

    Every channel but those of toRGB is set `step` standard deviations up and down from its value
    in sampled images; the effect is the mean difference of the two unit embeddings.

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
    verbose : bool, default=False
        Show how far it is.

    Returns
    -------
    effects : ndarray of shape (n_styles, d), float32
        Unit rows; 0 where a channel has no effect.
    """
    random_state = check_random_state(random_state)
    scale = _style_statistics(generator, class_label, random_state)[1]
    w = sample_w(generator, n_samples, random_state, class_label=class_label)
    styles = generator.styles(w)
    channels = [
        channel
        for name, columns in generator.style_slices.items()
        if not name.endswith("torgb")
        for channel in range(columns.start, columns.stop)
        if scale[channel] > 0.0
    ]
    effects = None
    # Several channels share a batch where their images are few.
    together = max(IMAGE_BATCH // (2 * n_samples), 1)
    with progress_bar(total=len(channels), desc="channels", verbose=verbose) as bar:
        for chosen in gen_batches(len(channels), together):
            batch = channels[chosen]
            moved = np.tile(styles, (len(batch), 2, 1, 1))
            for rows, channel in zip(moved, batch, strict=True):
                rows[0, :, channel] += step * scale[channel]
                rows[1, :, channel] -= step * scale[channel]
            embedded = _embed(generator, encode_images, moved.reshape(-1, styles.shape[1]))
            if effects is None:
                effects = np.zeros((styles.shape[1], embedded.shape[1]), dtype=np.float32)
            up, down = embedded.reshape(*moved.shape[:3], -1).mean(axis=2).swapaxes(0, 1)
            effects[batch] = up - down
            bar.update(len(batch))
    return _unit(effects)


def _style_statistics(generator, class_label, random_state):
    sample = sample_w(generator, N_STATISTICS, random_state, class_label=class_label)
    styles = generator.styles(sample).astype(np.float64)
    return styles.mean(axis=0), styles.std(axis=0)


def _embed(generator, encode_images, styles):
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
    return _unit(np.concatenate(parts))


def _unit(rows):
    norms = np.linalg.norm(rows, axis=-1, keepdims=True)
    return np.divide(rows, norms, out=np.zeros_like(rows), where=norms > 0)


class TextDirection(IgnoresData, VersionStamped, BaseEstimator):
    """Direction in S from a pair of prompts (StyleCLIP's global directions).

    Parameters
    ----------
    generator : Generator, str or path-like
    encode_images : callable
        From images, float32 of shape (n, H, W, C) in [0, 1], to embeddings of shape (n, d).
    encode_texts : callable
        From a list of strings to embeddings of shape (n, d) in the same space.
    target : str or sequence of str
        What to move to, such as "a smiling face"; several wordings are averaged.
    neutral : str or sequence of str
        What to move from, such as "a face".
    threshold : float, default=0.1
        Channels whose relevance (cosine of their effect and the text's change) is smaller in
        magnitude stay as they are: higher is more disentangled and weaker. Distances want more
        than edits do, for every channel brings what else it varies with. Embeddings of few
        dimensions want more as well: by chance alone cosines are about 1 / sqrt(d).
    n_samples : int, default=16
        Images for the effect of each channel.
    step : float, default=5.0
        Change of a channel for its effect, in standard deviations.
    class_label : int, default=None
        Class of the sampled codes of a conditional generator; None draws classes uniformly.
    cache : str or path-like, default=None
        ``.npz`` file that keeps the channels' effects, which take by far the longest and are the
        same for all prompts. It is refused for another generator, other settings or another
        model, which is known by its embedding of the mean image.
    random_state : int, RandomState or None, default=0
    verbose : bool, default=False
        Show how far the measurement of the channels is.

    Attributes
    ----------
    direction_ : ndarray of shape (n_styles,), float64
        Unit normal in S, for rows of ``generator.styles``.
    intercept_ : float
        It puts the plane through the mean S code.
    relevance_ : ndarray of shape (n_styles,)
        Cosine of each channel's effect and the text's change.

    References
    ----------
    .. [1] O. Patashnik et al., "StyleCLIP: Text-Driven Manipulation of StyleGAN Imagery",
       ICCV 2021.
    """

    _parameter_constraints: dict = {
        "encode_images": [callable],
        "encode_texts": [callable],
        "target": [str, "array-like"],
        "neutral": [str, "array-like"],
        "threshold": [Interval(Real, 0, 1, closed="left")],
        "n_samples": [Interval(Integral, 1, None, closed="left")],
        "step": [Interval(Real, 0, None, closed="neither")],
        "class_label": [Interval(Integral, 0, None, closed="left"), None],
        "random_state": ["random_state"],
        "verbose": ["verbose"],
    }

    def __init__(
        self,
        generator,
        encode_images,
        encode_texts,
        target,
        neutral,
        *,
        threshold=0.1,
        n_samples=16,
        step=5.0,
        class_label=None,
        cache=None,
        random_state=0,
        verbose=False,
    ):
        self.generator = generator
        self.encode_images = encode_images
        self.encode_texts = encode_texts
        self.target = target
        self.neutral = neutral
        self.threshold = threshold
        self.n_samples = n_samples
        self.step = step
        self.class_label = class_label
        self.cache = cache
        self.random_state = random_state
        self.verbose = verbose

    @_fit_context(prefer_skip_nested_validation=True)
    def fit(self, X=None, y=None):
        """Measure the channels' effects, or read them, and compare them with the text's change.

        X and y are ignored.

        Returns
        -------
        self
        """
        generator = as_generator(self.generator)
        effects = self._effects(generator)
        change = self._text(self.target) - self._text(self.neutral)
        if change.shape != effects.shape[1:]:
            raise ValueError(
                f"encode_texts gives {change.size} numbers and encode_images {effects.shape[1]}: "
                "they must embed into one space."
            )
        if not np.linalg.norm(change) > 0:
            raise ValueError(
                f"target {self.target!r} and neutral {self.neutral!r} have the same embedding."
            )
        self.relevance_ = effects @ _unit(change)
        random_state = check_random_state(self.random_state)
        mean, scale = _style_statistics(generator, self.class_label, random_state)
        kept = np.abs(self.relevance_) >= self.threshold
        direction = np.where(kept, self.relevance_, 0.0) * scale
        norm = np.linalg.norm(direction)
        if norm == 0.0:
            raise ValueError(
                f"No channel's relevance reaches threshold={self.threshold}; the largest is "
                f"{np.abs(self.relevance_).max():.3g}."
            )
        self.direction_ = direction / norm
        self.intercept_ = float(-self.direction_ @ mean)
        return self

    def _text(self, prompts):
        prompts = [prompts] if isinstance(prompts, str) else list(prompts)
        embedded = np.asarray(self.encode_texts(prompts), dtype=np.float64)
        if embedded.ndim != 2 or len(embedded) != len(prompts):
            raise ValueError(
                f"encode_texts returned shape {embedded.shape} for {len(prompts)} prompts; "
                f"expected ({len(prompts)}, d)."
            )
        return _unit(_unit(embedded).mean(axis=0))

    def _effects(self, generator):
        if self.cache is None:
            return self._measured(generator)
        settings = f"{generator.weights_hash()} {self.n_samples} {self.step} {self.random_state}"
        if self.class_label is not None:
            settings += f" class {self.class_label}"
        key = hashlib.sha256(settings.encode()).hexdigest()
        mean_image = _embed(generator, self.encode_images, generator.styles(generator.w_avg[None]))
        path = Path(self.cache)
        if path.exists():
            return _stored(path, key, mean_image)
        effects = self._measured(generator)
        replace_file(
            path, lambda file: np.savez(file, effects=effects, key=key, mean_image=mean_image)
        )
        return effects

    def _measured(self, generator):
        return channel_effects(
            generator,
            self.encode_images,
            n_samples=self.n_samples,
            step=self.step,
            class_label=self.class_label,
            random_state=self.random_state,
            verbose=self.verbose,
        )


def _stored(path, key, mean_image):
    """Return the effects of a cache file, or say why they are not those that are asked for."""
    try:
        with open(path, "rb") as file, np.load(file, allow_pickle=False) as arrays:
            stored = {name: arrays[name] for name in ("effects", "key", "mean_image")}
    # TypeError: an array that stands alone, as in a .npy file.
    except (ValueError, KeyError, TypeError, EOFError, zipfile.BadZipFile) as error:
        raise ValueError(
            f"{path} does not hold the effects of channels, or is damaged: choose another cache "
            "file, or delete it."
        ) from error
    if str(stored["key"]) != key:
        raise ValueError(
            f"{path} was made for another generator, class, n_samples, step or "
            "random_state: choose another cache file, or delete it."
        )
    known = stored["mean_image"]
    if known.shape != mean_image.shape or np.abs(known - mean_image).max() > SAME_EMBEDDING:
        raise ValueError(
            f"{path} was made with another model: encode_images embeds the mean image elsewhere. "
            "Choose another cache file, or delete it."
        )
    return stored["effects"]
