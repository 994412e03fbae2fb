"""Directions from text: StyleCLIP's global directions with any image-text model."""

from __future__ import annotations

import hashlib
from collections.abc import Callable
from numbers import Integral, Real
from os import PathLike
from pathlib import Path
from typing import TYPE_CHECKING, Any, Self

import numpy as np
from sklearn.base import _fit_context
from sklearn.utils import check_random_state
from sklearn.utils._param_validation import HasMethods, Interval

from skstylefeat._inert._contents import open_file
from skstylefeat._utils._files import replace_file
from skstylefeat._utils._sklearn_base import BaseEstimator
from skstylefeat._utils._versions import VersionStamped
from skstylefeat.directions._channel_effects import (
    Encode,
    channel_effects,
    embed,
    style_statistics,
    unit_rows,
)
from skstylefeat.directions._data_free import IgnoresData
from skstylefeat.directions._style_measurements import measured_effects, measured_statistics
from skstylefeat.latents._spaces import style_layers

if TYPE_CHECKING:
    from collections.abc import Sequence

    from numpy.typing import ArrayLike, NDArray

    from skstylefeat._utils._typing import RandomState, StrPath
    from skstylefeat.networks._generator import Generator

#: Two runs of one model may differ by this much in a unit embedding, by rounding.
SAME_EMBEDDING = 1e-2


class TextDirection(IgnoresData, VersionStamped, BaseEstimator):
    """Direction in S from a pair of prompts (StyleCLIP's global directions).

    Parameters
    ----------
    generator : Generator, str or path-like
    encode_images : callable or None
        Maps images, float32 of shape (n, H, W, C) in [0, 1], to embeddings of shape (n, d). None
        if `effects` are given.
    encode_texts : callable
        Maps a list of strings to embeddings of shape (n, d) in the same space.
    target : str or sequence of str
        Text to move to, such as "a smiling face"; several wordings are averaged.
    neutral : str or sequence of str
        Text to move from, such as "a face".
    threshold : float, default=0.1
        Channels are left unchanged if their relevance, the cosine of their effect and the text's
        change, is smaller in magnitude. A higher value gives a more disentangled and weaker
        direction. Distances need a higher threshold than edits, because every channel adds the
        variation of its other effects. Embeddings of few dimensions need a higher one as well:
        cosines are about 1 / sqrt(d) by chance alone.
    effects : array-like of shape (n_channels, d), str or path-like, default=None
        Measured effects of the channels, such as StyleCLIP's ``fs3.npy``: unit rows of all
        channels (:func:`channel_effects`), or of those of the convolutions, without toRGB, in the
        order in which they run. They must come from this generator and from the image-text model
        of `encode_texts` (StyleCLIP: CLIP ViT-B/32), which only the numbers of rows and columns
        can show. None measures them with `encode_images`.
    statistics : array-like of shape (2, n_styles), str or path-like, default=None
        Means and standard deviations of the channels, or StyleCLIP's ``S_mean_std`` or ``S``. None
        measures them over 1,000 sampled codes.
    n_samples : int, default=16
        Images for the effect of each channel.
    step : float, default=5.0
        Change of a channel for its effect, in standard deviations.
    class_label : int, default=None
        Class of the sampled codes of a conditional generator; None draws classes uniformly.
    cache : str or path-like, default=None
        ``.npz`` file for the effects of the channels. They take by far the longest to compute
        and are the same for all prompts. A file made for another generator, other settings or
        another model (recognized by its embedding of the mean image) raises a ValueError.
    random_state : int, RandomState or None, default=None
    verbose : int, default=0
        Show a progress bar of the measurement if not 0.

    Attributes
    ----------
    direction_ : ndarray of shape (n_styles,), float64
        Unit normal in S, for rows of ``generator.styles``.
    intercept_ : float
        With it, the plane goes through the mean S code.
    scale_ : float
        Length of StyleCLIP's unit of strength, in which the most relevant channel moves by one
        standard deviation: ``edit(styles, text, 5 * text.scale_)`` is its alpha of 5.
    relevance_ : ndarray of shape (n_styles,)
        Cosine of each channel's effect and the text's change.

    References
    ----------
    .. [1] O. Patashnik et al., "StyleCLIP: Text-Driven Manipulation of StyleGAN Imagery",
       ICCV 2021.
    """

    direction_: NDArray[np.float64]
    intercept_: float
    scale_: float
    relevance_: NDArray[np.float64]

    _parameter_constraints: dict = {
        "generator": [str, PathLike, HasMethods(["synthesis", "styles"])],
        "encode_images": [callable, None],
        "encode_texts": [callable],
        "target": [str, "array-like"],
        "neutral": [str, "array-like"],
        "threshold": [Interval(Real, 0, 1, closed="left")],
        "effects": ["array-like", str, PathLike, None],
        "statistics": ["array-like", str, PathLike, None],
        "n_samples": [Interval(Integral, 1, None, closed="left")],
        "step": [Interval(Real, 0, None, closed="neither")],
        "class_label": [Interval(Integral, 0, None, closed="left"), None],
        "cache": [str, PathLike, None],
        "random_state": ["random_state"],
        "verbose": ["verbose"],
    }

    def __init__(
        self,
        generator: Generator | StrPath,
        encode_images: Encode | None,
        encode_texts: Callable[[list[str]], ArrayLike],
        target: str | Sequence[str],
        neutral: str | Sequence[str],
        *,
        threshold: float = 0.1,
        effects: ArrayLike | StrPath | None = None,
        statistics: ArrayLike | StrPath | None = None,
        n_samples: int = 16,
        step: float = 5.0,
        class_label: int | None = None,
        cache: StrPath | None = None,
        random_state: RandomState = None,
        verbose: int = 0,
    ) -> None:
        self.generator = generator
        self.encode_images = encode_images
        self.encode_texts = encode_texts
        self.target = target
        self.neutral = neutral
        self.threshold = threshold
        self.effects = effects
        self.statistics = statistics
        self.n_samples = n_samples
        self.step = step
        self.class_label = class_label
        self.cache = cache
        self.random_state = random_state
        self.verbose = verbose

    @_fit_context(prefer_skip_nested_validation=True)
    def fit(self, X: Any = None, y: Any = None) -> Self:
        """Measure or read the channels' effects, and compare them with the text's change.

        X and y are ignored.

        Returns
        -------
        self
        """
        from skstylefeat.networks._loading import as_generator

        generator = as_generator(self.generator)
        effects = self._effects(generator)
        change = self._text(self.target) - self._text(self.neutral)
        if change.shape != effects.shape[1:]:
            raise ValueError(
                f"encode_texts returns {change.size} numbers per text, and the effects of channels "
                f"have {effects.shape[1]}; expected embeddings in one space."
            )
        if not np.linalg.norm(change) > 0:
            raise ValueError(
                f"target {self.target!r} and neutral {self.neutral!r} have the same embedding."
            )

        # Channels count by relevance, in units of their own spread.
        self.relevance_ = effects @ unit_rows(change)
        if self.statistics is None:
            random_state = check_random_state(self.random_state)
            mean, scale = style_statistics(generator, self.class_label, random_state)
        else:
            mean, scale = measured_statistics(self.statistics, generator)
        kept = np.abs(self.relevance_) >= self.threshold
        direction = np.where(kept, self.relevance_, 0.0) * scale
        norm = np.linalg.norm(direction)
        if not kept.any():
            raise ValueError(
                f"No channel's relevance reaches threshold={self.threshold}; the largest is "
                f"{np.abs(self.relevance_).max():.3g}."
            )
        if norm == 0.0:
            raise ValueError("The channels that change the image as the text do not vary.")
        self.direction_ = direction / norm
        self.intercept_ = float(-self.direction_ @ mean)
        self.scale_ = float(norm / np.abs(self.relevance_[kept]).max())
        return self

    def _text(self, prompts):
        prompts = [prompts] if isinstance(prompts, str) else list(np.ravel(prompts))
        if not prompts or not all(isinstance(prompt, str) for prompt in prompts):
            raise ValueError(f"target and neutral are texts or lists of texts, got {prompts}.")
        embedded = np.asarray(self.encode_texts(prompts), dtype=np.float64)
        if embedded.ndim != 2 or len(embedded) != len(prompts):
            raise ValueError(
                f"encode_texts returned shape {embedded.shape} for {len(prompts)} prompts; "
                f"expected ({len(prompts)}, d)."
            )
        return unit_rows(unit_rows(embedded).mean(axis=0))

    def _effects(self, generator):
        if self.effects is not None:
            if self.cache is not None:
                raise ValueError("effects are given, so none are measured for cache: leave it out.")
            return measured_effects(self.effects, generator)
        if self.encode_images is None:
            raise ValueError("encode_images is None; it is needed unless effects are given.")
        if self.cache is None:
            return self._measured(generator)
        settings = f"{generator.weights_hash()} {self.n_samples} {self.step} {self.random_state}"
        if self.class_label is not None:
            settings += f" class {self.class_label}"
        key = np.frombuffer(hashlib.sha256(settings.encode()).digest(), np.uint8)
        mean_image = embed(generator, self.encode_images, generator.styles(generator.w_avg[None]))
        path = Path(self.cache).expanduser()
        if path.exists():
            return _stored(path, key, mean_image, generator)
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


def _stored(path, key, mean_image, generator):
    """Return the effects of a cache file; raise ValueError if they are not the requested ones."""
    try:
        arrays = open_file(path).tree
        stored = {name: np.array(arrays[name].load()) for name in ("effects", "key", "mean_image")}
    except (ValueError, LookupError, TypeError, AttributeError) as error:
        raise ValueError(
            f"{path} does not hold the effects of channels, or is damaged: choose another cache "
            "file, or delete it."
        ) from error

    # The key tells what the effects were measured on, and the mean image by which model.
    if not np.array_equal(stored["key"], key):
        raise ValueError(
            f"{path} was made for another generator, class, n_samples, step or random_state: "
            "choose another cache file, or delete it."
        )
    known, effects = stored["mean_image"], stored["effects"]
    if known.shape != mean_image.shape or not np.abs(known - mean_image).max() <= SAME_EMBEDDING:
        raise ValueError(
            f"{path} was made with another model: it embeds the mean image differently from "
            "encode_images. Choose another cache file, or delete it."
        )
    n_styles = sum(style_layers(generator)[1])
    if effects.shape != (n_styles, mean_image.size) or not np.isfinite(effects).all():
        raise ValueError(
            f"{path} holds effects of shape {effects.shape}, expected finite numbers of shape "
            f"{(n_styles, mean_image.size)}: delete it."
        )
    return effects
