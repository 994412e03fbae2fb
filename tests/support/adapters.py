"""Adapters that let scikit-learn's checks, which send rows of numbers, reach image estimators."""

import warnings

import numpy as np
from sklearn.base import BaseEstimator, TransformerMixin
from sklearn.utils.validation import _check_feature_names_in, check_is_fitted, validate_data

from skstylefeat import ChannelMISelector, StyleGANInverter
from skstylefeat.features._pooling import pool_maps


def rows_to_images(X, image_size=8):
    """Draw each row as an image in [0, 1]: one vertical bar a feature, height by its value.

    The image of a row depends on that row alone, so that batches do not matter. Values go
    through a logistic curve, so that any number is allowed.

    Returns
    -------
    ndarray of shape (n, image_size, image_size, 3), float32
    """
    X = np.asarray(X)
    level = np.exp(-np.logaddexp(0, -X))
    columns = np.arange(image_size) * X.shape[1] // image_size
    heights = np.linspace(0, 1, image_size)
    images = np.clip((level[:, columns][:, None] - heights[:, None]) * image_size, 0, 1)
    return np.repeat(images[..., None], 3, axis=3).astype(np.float32)


def rows_to_maps(X, size=4):
    """Spread each row over maps: one channel a feature, a ramp of its value.

    Returns
    -------
    ndarray of shape (n, n_features, size, size), of the dtype of `X`
    """
    ramp = np.linspace(0.5, 1.5, size * size, dtype=X.dtype).reshape(size, size)
    return X[:, :, None, None] * ramp


class RowsAsMaps(TransformerMixin, BaseEstimator):
    """ChannelMISelector behind rows: one channel a column, pooled back to a column each.

    The checks send any y, also one value a row or none; classes are made of its upper and lower
    half, since the selector wants two images of each class.
    """

    def __init__(self, n_channels_per_layer=10, random_state=None):
        self.n_channels_per_layer = n_channels_per_layer
        self.random_state = random_state

    def fit(self, X, y=None):
        X = validate_data(self, X, dtype=[np.float64, np.float32], ensure_min_samples=4)
        order = np.arange(len(X)) if y is None else np.argsort(np.asarray(y).ravel(), kind="stable")
        halves = np.argsort(order) >= len(X) // 2
        self.selector_ = ChannelMISelector(
            self.n_channels_per_layer, random_state=self.random_state
        ).fit(rows_to_maps(X), halves)
        return self

    def transform(self, X):
        check_is_fitted(self)
        X = validate_data(self, X, dtype=[np.float64, np.float32], reset=False)
        return pool_maps(self.selector_.transform(rows_to_maps(X)))[:, :, 0, 0]

    def get_feature_names_out(self, input_features=None):
        check_is_fitted(self)
        return self.selector_.get_feature_names_out(_check_feature_names_in(self, input_features))

    def __sklearn_tags__(self):
        tags = super().__sklearn_tags__()
        tags.transformer_tags.preserves_dtype = ["float64", "float32"]
        return tags


class RowsAsImages(TransformerMixin, BaseEstimator):
    """StyleGANInverter behind rows: each row is drawn as a tiny image, and inverted."""

    def __init__(self, generator=None, encoder=None):
        self.generator = generator
        self.encoder = encoder

    def fit(self, X, y=None):
        X = validate_data(self, X, dtype=[np.float64, np.float32])
        self.inverter_ = StyleGANInverter(self.generator, self.encoder, batch_size=16)
        with warnings.catch_warnings():
            # Bars are no images of a random generator, which the inverter rightly says.
            warnings.simplefilter("ignore", UserWarning)
            self.inverter_.fit(rows_to_images(X))
        return self

    def transform(self, X):
        check_is_fitted(self)
        X = validate_data(self, X, dtype=[np.float64, np.float32], reset=False)
        with warnings.catch_warnings():
            warnings.simplefilter("ignore", UserWarning)
            return self.inverter_.transform(rows_to_images(X))

    def get_feature_names_out(self, input_features=None):
        check_is_fitted(self)
        return self.inverter_.get_feature_names_out()

    def __sklearn_tags__(self):
        tags = super().__sklearn_tags__()
        tags.transformer_tags.preserves_dtype = ["float32"]
        return tags
