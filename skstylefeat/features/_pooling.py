"""MaxPoolReducer: feature maps to a few numbers per channel."""

from __future__ import annotations

from typing import Any, Literal, Self

import numpy as np
from numpy.typing import ArrayLike, NDArray
from sklearn.utils import Tags
from sklearn.utils._param_validation import StrOptions
from sklearn.utils.validation import _check_feature_names_in, check_is_fitted, validate_data

from skstylefeat._utils._constraints import IntegerFrom
from skstylefeat._utils._nan_rows import check_rows
from skstylefeat._utils._sklearn_base import BaseEstimator, TransformerMixin
from skstylefeat._utils._versions import VersionStamped
from skstylefeat.features._feature_maps import FeatureMaps
from skstylefeat.features._map_checks import validate_maps
from skstylefeat.features._map_pooling import pool_maps

__all__ = ["MaxPoolReducer"]


class MaxPoolReducer(TransformerMixin, VersionStamped, BaseEstimator):
    """Pool feature maps to one number per channel, or to a small grid of numbers.

    Parameters
    ----------
    output_size : int, default=1
        Side of the grid that every map is pooled to. 1 keeps one number per channel.
    mode : {"max", "mean"}, default="max"
        Statistic of a window. Paper A pools by the maximum and compares with the mean (fig. 8).

    Attributes
    ----------
    n_features_in_ : int
        Number of channels, or of columns.
    feature_names_in_ : ndarray of shape (n_features_in_,)
        Names of the channels of `FeatureMaps`, such as ``b16.conv1:213``, or of the columns of a
        data frame. Absent for arrays.

    See Also
    --------
    ChannelMISelector : Keep the channels that separate classes, before pooling.
    skstylefeat.FeatureMaps : Lazy feature maps of a collection of images.

    Notes
    -----
    Paper A, "facial attribute representations", equation 4: the selected maps are max-pooled and
    concatenated. The input is one of

    - `FeatureMaps`: pooled batch by batch, without holding the maps;
    - an array of shape (n, C, H, W);
    - rows of shape (n, C), each column being a map of one pixel.

    A row that holds NaN only stands for an image that cannot be read and is returned as NaN.

    Examples
    --------
    >>> import numpy as np
    >>> from skstylefeat import FeatureMaps, MaxPoolReducer
    >>> maps = np.random.default_rng(0).normal(size=(5, 3, 8, 8)).astype(np.float32)
    >>> reducer = MaxPoolReducer().fit(maps)
    >>> reducer.transform(maps).shape
    (5, 3)
    >>> reducer.fit(FeatureMaps.from_arrays({"b8.conv1": maps})).get_feature_names_out()
    array(['b8.conv1:0', 'b8.conv1:1', 'b8.conv1:2'], dtype=object)
    """

    n_features_in_: int
    feature_names_in_: NDArray[np.object_]

    _parameter_constraints: dict = {
        "output_size": [IntegerFrom(1)],
        "mode": [StrOptions({"max", "mean"})],
    }

    def __init__(self, output_size: int = 1, *, mode: Literal["max", "mean"] = "max") -> None:
        self.output_size = output_size
        self.mode = mode

    def fit(self, X: FeatureMaps | ArrayLike, y: Any = None) -> Self:
        """Record the number and the names of the channels.

        Parameters
        ----------
        X : FeatureMaps, array-like of shape (n, C, H, W) or (n, C)
            Feature maps.
        y : Ignored
            Present by convention.

        Returns
        -------
        self : MaxPoolReducer
        """
        self._validate_params()
        self._check(X, reset=True)
        return self

    def transform(self, X: FeatureMaps | ArrayLike) -> NDArray[Any]:
        """Pool every map.

        Parameters
        ----------
        X : FeatureMaps, array-like of shape (n, C, H, W) or (n, C)
            Feature maps with the channels seen in `fit`.

        Returns
        -------
        ndarray of shape (n, C * output_size**2)
            Channels in order; the cells of a channel are adjacent. float32 for `FeatureMaps`,
            otherwise the float type of the input.
        """
        check_is_fitted(self)
        maps = self._check(X, reset=False)
        if isinstance(maps, FeatureMaps):
            return maps.pool(self.output_size, self.mode)
        if maps.ndim == 2:
            maps = maps[:, :, None, None]
        n_columns = maps.shape[1] * self.output_size**2
        return pool_maps(maps, self.output_size, self.mode).reshape(len(maps), n_columns)

    def get_feature_names_out(self, input_features: ArrayLike | None = None) -> NDArray[np.object_]:
        """Return the names of the columns of `transform`.

        Parameters
        ----------
        input_features : array-like of str or None, default=None
            Names of the channels; None takes those seen in `fit`, or x0, x1, ...

        Returns
        -------
        ndarray of str objects
            Such as ``b16.conv1:213``, or ``b16.conv1:213[0,1]`` for row 0 and column 1 of the
            grid of channel 213.
        """
        check_is_fitted(self)
        names = _check_feature_names_in(self, input_features)
        if self.output_size == 1:
            return np.asarray(names, dtype=object)
        grid = list(np.ndindex(self.output_size, self.output_size))
        return np.array([f"{name}[{i},{j}]" for name in names for i, j in grid], dtype=object)

    def _check(self, X, *, reset):
        """Return FeatureMaps as they are and everything else as a checked array."""
        if isinstance(X, FeatureMaps):
            return _check_channels(self, X, reset=reset)
        ndim = X.ndim if hasattr(X, "ndim") else np.asarray(X).ndim
        if ndim == 2:
            X = validate_data(
                self, X, reset=reset, dtype=[np.float64, np.float32], ensure_all_finite=False
            )
            check_rows(X, fitting=reset)
            return X

        if ndim != 4 or 0 in np.shape(X):
            raise ValueError(
                f"Expected FeatureMaps, maps of shape (n, C, H, W) or rows (n, C), with at least "
                f"one pixel each, got an array of shape {np.shape(X)}. Reshape your data."
            )
        X = validate_maps(X, self, fitting=reset)
        if reset:
            self.n_features_in_ = X.shape[1]
            self.__dict__.pop("feature_names_in_", None)
        elif X.shape[1] != self.n_features_in_:
            raise ValueError(
                f"Maps have {X.shape[1]} channels, but {type(self).__name__} is expecting "
                f"{self.n_features_in_} features as input, as in fit."
            )
        return X

    def __sklearn_tags__(self) -> Tags:
        tags = super().__sklearn_tags__()
        tags.transformer_tags.preserves_dtype = ["float64", "float32"]
        return tags


def _check_channels(estimator, maps, *, reset):
    """Store or compare the names of the channels of FeatureMaps."""
    names = np.asarray(maps.channel_names, dtype=object)
    if reset:
        estimator.feature_names_in_ = names
        estimator.n_features_in_ = len(names)
    elif not np.array_equal(names, getattr(estimator, "feature_names_in_", None)):
        raise ValueError(
            f"X holds {len(names)} channels ({names[0]}, ...), but {type(estimator).__name__} was "
            f"fitted on {estimator.n_features_in_} others. Give it maps of the same layers and "
            "selection as in fit."
        )
    return maps
