"""Directions of single style channels (StyleSpace)."""

from __future__ import annotations

from numbers import Integral
from os import PathLike
from typing import TYPE_CHECKING, Any, Self

import numpy as np
from sklearn.base import _fit_context
from sklearn.utils import check_random_state
from sklearn.utils._param_validation import HasMethods, Interval

from skstylefeat._utils._sklearn_base import BaseEstimator
from skstylefeat._utils._versions import VersionStamped
from skstylefeat.directions._channel_effects import style_statistics
from skstylefeat.directions._data_free import IgnoresData
from skstylefeat.directions._style_measurements import measured_statistics

if TYPE_CHECKING:
    from numpy.typing import ArrayLike, NDArray

    from skstylefeat._utils._typing import RandomState, StrPath
    from skstylefeat.networks._generator import Generator


class StyleChannelDirection(IgnoresData, VersionStamped, BaseEstimator):
    """Direction in S of one style channel (StyleSpace).

    Parameters
    ----------
    generator : Generator, str or path-like
    layer : str or int
        Name of the layer, such as "b16.conv1", or its position among
        :func:`skstylefeat.latents.style_layers`, toRGB layers included. For StyleGAN2 that is the
        number of the layer in StyleSpace's and StyleCLIP's code and in the paper: the channel
        "6_501" is ``layer=6, channel=501``.
    channel : int
        Position in the layer.
    statistics : array-like of shape (2, n_styles), str or path-like, default=None
        Means and standard deviations of the channels, or StyleCLIP's ``S_mean_std`` or ``S``. None
        measures them over 1,000 sampled codes.
    class_label : int, default=None
        Class of the sampled codes of a conditional generator; None draws classes uniformly.
    random_state : int, RandomState or None, default=None

    Attributes
    ----------
    direction_ : ndarray of shape (n_styles,), float64
        Unit normal in S, for rows of ``generator.styles``: 1 at the channel.
    intercept_ : float
        With it, the plane goes through the channel's mean.
    scale_ : float
        The channel's standard deviation: ``edit(styles, direction, 5 * direction.scale_)`` moves
        it by five.
    layer_ : str
        Name of the layer.
    column_ : int
        Position of the channel in rows of S.

    References
    ----------
    .. [1] Z. Wu et al., "StyleSpace Analysis: Disentangled Controls for StyleGAN Image
       Generation", CVPR 2021.

    Examples
    --------
    >>> from skstylefeat.directions import StyleChannelDirection
    >>> channel = StyleChannelDirection("faces64", layer=3, channel=5, random_state=0).fit()
    >>> channel.layer_, channel.direction_.nonzero()[0].tolist() == [channel.column_]
    ('b8.conv1', True)
    """

    direction_: NDArray[np.float64]
    intercept_: float
    scale_: float
    layer_: str
    column_: int

    _parameter_constraints: dict = {
        "generator": [str, PathLike, HasMethods(["synthesis", "styles"])],
        "layer": [str, Interval(Integral, 0, None, closed="left")],
        "channel": [Interval(Integral, 0, None, closed="left")],
        "statistics": ["array-like", str, PathLike, None],
        "class_label": [Interval(Integral, 0, None, closed="left"), None],
        "random_state": ["random_state"],
    }

    def __init__(
        self,
        generator: Generator | StrPath,
        layer: str | int,
        channel: int,
        *,
        statistics: ArrayLike | StrPath | None = None,
        class_label: int | None = None,
        random_state: RandomState = None,
    ) -> None:
        self.generator = generator
        self.layer = layer
        self.channel = channel
        self.statistics = statistics
        self.class_label = class_label
        self.random_state = random_state

    @_fit_context(prefer_skip_nested_validation=True)
    def fit(self, X: Any = None, y: Any = None) -> Self:
        """Find the channel and its statistics; X and y are ignored.

        Returns
        -------
        self
        """
        from skstylefeat.networks._loading import as_generator

        generator = as_generator(self.generator)
        slices = generator.style_slices
        names = list(slices)
        layer = self.layer
        if not isinstance(layer, str):
            layer = names[layer] if layer < len(names) else ""
        if layer not in slices:
            raise ValueError(
                f"layer={self.layer!r} is none of the generator's {len(names)} layers of styles: "
                f"{dict(enumerate(names))}."
            )
        columns = slices[layer]
        n_channels = columns.stop - columns.start
        if self.channel >= n_channels:
            raise ValueError(
                f"channel={self.channel} is none of the {n_channels} channels of {layer}."
            )

        if self.statistics is None:
            random_state = check_random_state(self.random_state)
            mean, scale = style_statistics(generator, self.class_label, random_state)
        else:
            mean, scale = measured_statistics(self.statistics, generator)
        self.layer_ = layer
        self.column_ = columns.start + int(self.channel)
        self.direction_ = np.zeros(len(mean))
        self.direction_[self.column_] = 1.0
        self.intercept_ = float(-mean[self.column_])
        self.scale_ = float(scale[self.column_])
        return self
