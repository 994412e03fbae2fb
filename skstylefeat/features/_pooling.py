"""MaxPoolReducer: feature maps to a few numbers a channel."""

from numbers import Integral

import numpy as np
from sklearn.base import BaseEstimator, TransformerMixin
from sklearn.utils._param_validation import Interval, StrOptions
from sklearn.utils.validation import (
    _check_feature_names_in,
    check_array,
    check_is_fitted,
    validate_data,
)

from skstylefeat._utils._validation import real_array
from skstylefeat._utils._versions import VersionStamped

__all__ = ["MaxPoolReducer", "pool_maps"]


def pool_maps(maps, output_size=1, mode="max"):
    """Pool maps over a grid of windows.

    Parameters
    ----------
    maps : array-like of shape (n, C, H, W)
        Feature maps. Floats keep their dtype; other numbers become float64.
    output_size : int, default=1
        Side `s` of the grid. Window `i` of an axis of length `H` runs from
        ``floor(i H / s)`` to ``ceil((i + 1) H / s)``, as in torch's adaptive pooling, so that any
        size can be pooled to any other; windows overlap where `s` does not divide `H`.
    mode : {"max", "mean"}, default="max"
        Statistic of a window.

    Returns
    -------
    ndarray of shape (n, C, output_size, output_size)

    Raises
    ------
    ValueError
        If the maps are no 4-D array, have no pixel, or `mode` is unknown.

    Examples
    --------
    >>> import numpy as np
    >>> from skstylefeat.features._pooling import pool_maps
    >>> pool_maps(np.arange(16.0).reshape(1, 1, 4, 4), output_size=2)[0, 0]
    array([[ 5.,  7.],
           [13., 15.]])
    """
    maps = real_array(maps, "maps", None)
    if maps.ndim != 4 or 0 in maps.shape[2:]:
        raise ValueError(f"Expected maps of shape (n, C, H, W), got shape {maps.shape}.")
    if mode not in ("max", "mean"):
        raise ValueError(f"mode must be 'max' or 'mean', got {mode!r}.")
    if maps.dtype.kind != "f":
        maps = maps.astype(np.float64)
    for axis in (3, 2):
        maps = _pool_axis(maps, axis, output_size, mode)
    return maps


def _pool_axis(maps, axis, size, mode):
    """Pool one axis; max and mean of a rectangle are those of its rows' and columns'."""
    length = maps.shape[axis]
    if length == size:
        return maps
    reduce = np.max if mode == "max" else np.mean
    if length % size == 0:
        shape = (*maps.shape[:axis], size, length // size, *maps.shape[axis + 1 :])
        return reduce(maps.reshape(shape), axis=axis + 1)
    starts = np.arange(size) * length // size
    stops = -(-(np.arange(size) + 1) * length // size)
    windows = [
        reduce(np.take(maps, np.arange(start, stop), axis=axis), axis=axis)
        for start, stop in zip(starts, stops, strict=True)
    ]
    return np.stack(windows, axis=axis)


class MaxPoolReducer(TransformerMixin, VersionStamped, BaseEstimator):
    """Pool feature maps to one number a channel, or to a small grid of them.

    Parameters
    ----------
    output_size : int, default=1
        Side of the grid that every map is pooled to. 1 keeps one number a channel.
    mode : {"max", "mean"}, default="max"
        Statistic of a window. Paper A pools by the maximum and compares with the mean (fig. 8).

    Attributes
    ----------
    n_features_in_ : int
        Number of channels, or of columns.
    feature_names_in_ : ndarray of shape (n_features_in_,)
        Names of channels such as ``b16.conv1:213`` where `FeatureMaps` came, or of the columns
        of a data frame. Absent for arrays.

    See Also
    --------
    ChannelMISelector : Keep the channels that tell classes apart, before pooling.
    skstylefeat.FeatureMaps : Lazy feature maps of a collection of images.

    Notes
    -----
    Paper A, "facial attribute representations", equation 4: the selected maps are max-pooled and
    concatenated. What comes in is one of

    - `FeatureMaps`: pooled batch by batch, without holding the maps;
    - an array of shape (n, C, H, W);
    - rows of shape (n, C), where each column is a map of one pixel.

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

    _parameter_constraints: dict = {
        "output_size": [Interval(Integral, 1, None, closed="left")],
        "mode": [StrOptions({"max", "mean"})],
    }

    def __init__(self, output_size=1, *, mode="max"):
        self.output_size = output_size
        self.mode = mode

    def fit(self, X, y=None):
        """Note how many channels come and what they are called.

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

    def transform(self, X):
        """Pool every map.

        Parameters
        ----------
        X : FeatureMaps, array-like of shape (n, C, H, W) or (n, C)
            Feature maps with the channels seen in `fit`.

        Returns
        -------
        ndarray of shape (n, C * output_size**2)
            Channels in order, the cells of a channel side by side. float32 from `FeatureMaps`,
            otherwise the float type that came.
        """
        check_is_fitted(self)
        X = self._check(X, reset=False)
        if hasattr(X, "pool"):
            return X.pool(self.output_size, self.mode)
        maps = X[:, :, None, None] if X.ndim == 2 else X
        cells = self.output_size**2
        return pool_maps(maps, self.output_size, self.mode).reshape(len(X), X.shape[1] * cells)

    def get_feature_names_out(self, input_features=None):
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
        if hasattr(X, "pool") and hasattr(X, "channel_names"):
            return _check_channels(self, X, reset=reset)
        ndim = X.ndim if isinstance(X, np.ndarray) else 2
        if ndim == 2:
            return validate_data(self, X, reset=reset, dtype=[np.float64, np.float32])
        if ndim != 4 or 0 in X.shape:
            raise ValueError(
                f"Expected FeatureMaps, maps of shape (n, C, H, W) or rows (n, C), with at least "
                f"one pixel each, got an array of shape {X.shape}. Reshape your data."
            )
        X = check_array(
            X, dtype=[np.float64, np.float32], allow_nd=True, estimator=self, input_name="X"
        )
        if reset:
            self.n_features_in_ = X.shape[1]
            self.__dict__.pop("feature_names_in_", None)
        elif X.shape[1] != self.n_features_in_:
            raise ValueError(
                f"Maps have {X.shape[1]} channels, but {type(self).__name__} is expecting "
                f"{self.n_features_in_} features as input, as in fit."
            )
        return X

    def __sklearn_tags__(self):
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
            f"FeatureMaps with {len(names)} channels ({names[0]}, ...) came, but "
            f"{type(estimator).__name__} was fitted with {estimator.n_features_in_} "
            "other ones. Give it maps of the same layers and selection as in fit."
        )
    return maps
