"""Directions from text: StyleCLIP's global directions with any image-text model."""

import hashlib
from numbers import Integral, Real
from pathlib import Path

import numpy as np
from sklearn.base import BaseEstimator, _fit_context
from sklearn.utils import check_random_state, gen_batches
from sklearn.utils._param_validation import Interval

from skstylefeat._sampling import sample_w
from skstylefeat._versions import VersionStamped
from skstylefeat.directions._no_data import IgnoresData
from skstylefeat.directions._unsupervised import as_generator

N_STATISTICS = 1_000
IMAGE_BATCH = 32


def channel_effects(
    generator, encode_images, *, n_samples=16, step=5.0, class_label=None, random_state=None
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

    Returns
    -------
    effects : ndarray of shape (n_styles, d), float32
        Unit rows; 0 where a channel has no effect.
    """
    random_state = check_random_state(random_state)
    scale = _style_statistics(generator, class_label, random_state)[1]
    w = sample_w(generator, n_samples, random_state, class_label=class_label)
    styles = generator.styles(w)
    effects = None
    for name, columns in generator.style_slices.items():
        if name.endswith("torgb"):
            continue
        for channel in range(columns.start, columns.stop):
            if scale[channel] == 0.0:
                continue
            up, down = styles.copy(), styles.copy()
            up[:, channel] += step * scale[channel]
            down[:, channel] -= step * scale[channel]
            embedded = _embed(generator, encode_images, np.concatenate([up, down]))
            if effects is None:
                effects = np.zeros((styles.shape[1], embedded.shape[1]), dtype=np.float32)
            effects[channel] = (embedded[:n_samples] - embedded[n_samples:]).mean(axis=0)
    return _unit(effects)


def _style_statistics(generator, class_label, random_state):
    sample = sample_w(generator, N_STATISTICS, random_state, class_label=class_label)
    styles = generator.styles(sample).astype(np.float64)
    return styles.mean(axis=0), styles.std(axis=0)


def _embed(generator, encode_images, styles):
    parts = []
    for rows in gen_batches(len(styles), IMAGE_BATCH):
        images = generator.synthesis_from_styles(styles[rows]).transpose(0, 2, 3, 1)
        embedded = np.asarray(encode_images(np.clip((images + 1) / 2, 0, 1)), dtype=np.float64)
        if embedded.ndim != 2 or len(embedded) != len(images):
            raise ValueError(
                f"encode_images returned shape {embedded.shape} for {len(images)} images; expected "
                f"({len(images)}, d)."
            )
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
        magnitude stay as they are: higher is more disentangled and weaker.
    n_samples : int, default=16
        Images for the effect of each channel.
    step : float, default=5.0
        Change of a channel for its effect, in standard deviations.
    class_label : int, default=None
        Class of the sampled codes of a conditional generator; None draws classes uniformly.
    cache : str or path-like, default=None
        ``.npz`` file that keeps the channels' effects, which take by far the longest and are the
        same for all prompts. It remembers the generator and these settings, but not the model:
        use one file per model.
    random_state : int, RandomState or None, default=0

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
        settings = f"{generator.weights_hash()} {self.n_samples} {self.step} {self.random_state}"
        if self.class_label is not None:
            settings += f" class {self.class_label}"
        key = hashlib.sha256(settings.encode()).hexdigest()
        if self.cache is not None and Path(self.cache).exists():
            with np.load(self.cache, allow_pickle=False) as stored:
                if {"effects", "key"} <= set(stored.files) and str(stored["key"]) == key:
                    return stored["effects"]
            raise ValueError(
                f"{self.cache} was made for another generator, class, n_samples, step or "
                "random_state: choose another cache file, or delete it."
            )
        effects = channel_effects(
            generator,
            self.encode_images,
            n_samples=self.n_samples,
            step=self.step,
            class_label=self.class_label,
            random_state=self.random_state,
        )
        if self.cache is not None:
            with open(self.cache, "wb") as file:
                np.savez(file, effects=effects, key=key)
        return effects
