"""FeatureMapExtractor: latents to lazy feature maps of a generator."""

from __future__ import annotations

import os
from collections.abc import Iterable
from numbers import Integral
from typing import TYPE_CHECKING, Any, Self

import numpy as np
from numpy.typing import ArrayLike, NDArray
from sklearn.base import _fit_context
from sklearn.utils import Tags
from sklearn.utils._param_validation import HasMethods, Interval
from sklearn.utils.validation import check_is_fitted, validate_data

from skstylefeat._utils._constraints import N_JOBS
from skstylefeat._utils._layers import LayerInfo, channel_names, choose_layers
from skstylefeat._utils._sklearn_base import BaseEstimator
from skstylefeat._utils._typing import StrPath
from skstylefeat.features._feature_maps import FeatureMaps
from skstylefeat.features._lazy_output import LazyOutputMixin
from skstylefeat.features._network_holder import NetworkHolder

if TYPE_CHECKING:
    from skstylefeat.networks._generator import Generator

__all__ = ["FeatureMapExtractor"]


class FeatureMapExtractor(LazyOutputMixin, NetworkHolder, BaseEstimator):
    """Turn rows of latents into lazy feature maps of a StyleGAN generator.

    One inversion, or codes from a file, thereby serve both regression on latents and annotation
    by feature maps.

    Parameters
    ----------
    generator : str, path-like or Generator, default="faces64"
        A bundled name, a file of any supported format, or a loaded generator: the one that the
        latents belong to.
    layers : str, int, sequence of these, or None, default=None
        Layers of the feature maps: names such as ``"b16.conv1"``, blocks such as ``"b16"``, or
        resolutions such as ``16``. None takes all.
    device : str, default="auto"
        Torch device; "auto" takes CUDA, then MPS, then the CPU.
    batch_size : int or None, default=None
        Images synthesized at once when maps are read; by default as many as fit 128 MB for the
        largest layer, at most 64.
    n_jobs : int or None, default=None
        Batches that :meth:`FeatureMaps.pool` computes in parallel, through joblib.
    verbose : int, default=0
        Whether :meth:`FeatureMaps.pool` shows progress.

    Attributes
    ----------
    generator_ : Generator
        The generator. A pickle holds its name or path and the SHA-256 of its file, not the
        weights.
    layers_ : tuple of LayerInfo
        Layers of the feature maps.
    n_features_in_ : int
        Columns of `X`: ``n_ws * w_dim`` for W+, ``w_dim`` for W.
    feature_names_in_ : ndarray of shape (n_features_in_,)
        Names of the columns of a data frame. Absent for arrays.

    See Also
    --------
    StyleGANInverter : Latents of images.
    ChannelMISelector : The next step: channels that separate classes.
    FeatureMaps : The output.

    Notes
    -----
    Nothing is synthesized in `transform`; maps are computed when a later step reads them. A row of
    NaN, as :class:`StyleGANInverter` gives for an unreadable image with ``on_error="nan"``, has
    maps of NaN. Codes in S are refused: feature maps need W or W+.

    Examples
    --------
    >>> from skstylefeat import load_generator
    >>> from skstylefeat.features import FeatureMapExtractor
    >>> generator = load_generator("faces64")
    >>> latents = generator.mapping(generator.sample_z(3, random_state=0))
    >>> extractor = FeatureMapExtractor("faces64", layers=["b8"]).fit(latents)
    >>> extractor.transform(latents)
    FeatureMaps(n=3, b8.conv0 128x8x8, b8.conv1 128x8x8)
    """

    generator_: Generator
    layers_: tuple[LayerInfo, ...]
    n_features_in_: int
    feature_names_in_: NDArray[np.object_]

    _parameter_constraints: dict = {
        "generator": [str, os.PathLike, HasMethods("iter_features")],
        "layers": [str, Integral, "array-like", None],
        "device": [str],
        "batch_size": [Interval(Integral, 1, None, closed="left"), None],
        "n_jobs": N_JOBS,
        "verbose": ["verbose"],
    }

    def __init__(
        self,
        generator: StrPath | Generator = "faces64",
        *,
        layers: str | int | Iterable[str | int] | None = None,
        device: str = "auto",
        batch_size: int | None = None,
        n_jobs: int | None = None,
        verbose: int = 0,
    ) -> None:
        self.generator = generator
        self.layers = layers
        self.device = device
        self.batch_size = batch_size
        self.n_jobs = n_jobs
        self.verbose = verbose

    @_fit_context(prefer_skip_nested_validation=True)
    def fit(self, X: ArrayLike, y: Any = None) -> Self:
        """Load the generator and check that the latents fit it.

        Parameters
        ----------
        X : array-like of shape (n, n_ws * w_dim), (n, n_ws, w_dim) or (n, w_dim)
            Codes in W+ or W.
        y : None
            Ignored.

        Returns
        -------
        self : FeatureMapExtractor

        Raises
        ------
        ValueError
            If the codes do not fit the generator, or `layers` names none of its layers.
        """
        from skstylefeat.networks._loading import load_generator

        self.generator_ = load_generator(self.generator, device=self.device)
        self.layers_ = choose_layers(self.generator_.layers, self.layers)
        self.generator_.broadcast(self._check_rows(X, reset=True)[:1])
        return self

    def transform(self, X: ArrayLike) -> FeatureMaps:
        """Return the feature maps of latents, without computing them.

        Parameters
        ----------
        X : array-like of shape (n, n_ws * w_dim), (n, n_ws, w_dim) or (n, w_dim)
            Codes in the space seen in `fit`.

        Returns
        -------
        FeatureMaps
        """
        check_is_fitted(self)
        return FeatureMaps.from_latents(
            self._check_rows(X, reset=False),
            self.generator_,
            [layer.name for layer in self.layers_],
            batch_size=self.batch_size,
            device=self._device_of_workers(),
            n_jobs=self.n_jobs,
            verbose=self.verbose,
        )

    def get_feature_names_out(self, input_features: Any = None) -> NDArray[np.object_]:
        """Return the names of the channels of the feature maps.

        Parameters
        ----------
        input_features : None
            Ignored.

        Returns
        -------
        ndarray of str objects
            ``b8.conv0:17`` is channel 17 of the layer ``b8.conv0``.
        """
        check_is_fitted(self)
        return np.asarray(channel_names(self.layers_), dtype=object)

    def _check_rows(self, X, *, reset):
        """Return codes as float rows, in which NaN stands for unreadable images."""
        if np.ndim(X) == 3:
            codes = self.generator_.broadcast(X)  # raises unless (n, n_ws, w_dim)
            X = codes.reshape(len(codes), -1)
        return validate_data(
            self,
            X,
            reset=reset,
            dtype=[np.float32, np.float64],
            ensure_all_finite="allow-nan",
        )

    def __sklearn_tags__(self) -> Tags:
        tags = super().__sklearn_tags__()
        tags.input_tags.three_d_array = True
        tags.input_tags.allow_nan = True
        tags.transformer_tags.preserves_dtype = ["float32"]
        return tags
