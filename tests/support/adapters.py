"""Adapters from rows of numbers, which scikit-learn's checks send, to images, latents and maps."""

import warnings

import numpy as np
from sklearn.base import BaseEstimator, TransformerMixin
from sklearn.utils.validation import _check_feature_names_in, check_is_fitted, validate_data

from skstylefeat import ChannelMISelector, StyleGANInverter
from skstylefeat.directions import NuisanceProjection
from skstylefeat.features import FeatureMapExtractor, HOGDescriptor
from skstylefeat.features._map_pooling import pool_maps


def rows_to_images(X, image_size=8):
    """Draw each row as an image in [0, 1]: one vertical bar per feature, height by its value.

    The image of a row depends on that row alone. Values go through a logistic curve, so that any
    number is allowed.

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


def rows_to_latents(X, w_dim=7):
    """Stretch each row to a W code of the tiny generator, with entries in [-1, 1].

    Returns
    -------
    ndarray of shape (n, w_dim), of the dtype of `X`
    """
    return np.tanh(X[:, np.arange(w_dim) * X.shape[1] // w_dim])


class RowsAsMaps(TransformerMixin, BaseEstimator):
    """ChannelMISelector behind rows: one channel per column, pooled back to a column each.

    The checks send any y, also a different value per row, or none. Its upper and lower half become
    the classes, since the selector needs two images of each class.
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
    """StyleGANInverter behind rows: each row is drawn as a tiny image and inverted."""

    def __init__(self, generator=None, encoder=None):
        self.generator = generator
        self.encoder = encoder

    def fit(self, X, y=None):
        X = validate_data(self, X, dtype=[np.float64, np.float32])
        self.inverter_ = StyleGANInverter(self.generator, self.encoder, batch_size=16)
        with warnings.catch_warnings():
            # The inverter rightly warns that bars are foreign to a random generator.
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


class RowsAsDrawings(TransformerMixin, BaseEstimator):
    """HOGDescriptor behind rows: each row is drawn as a tiny image."""

    def fit(self, X, y=None):
        X = validate_data(self, X, dtype=[np.float64, np.float32])
        descriptor = HOGDescriptor(pixels_per_cell=4, image_size=8)
        self.descriptor_ = descriptor.fit(rows_to_images(X))
        return self

    def transform(self, X):
        check_is_fitted(self)
        X = validate_data(self, X, dtype=[np.float64, np.float32], reset=False)
        return self.descriptor_.transform(rows_to_images(X))

    def get_feature_names_out(self, input_features=None):
        check_is_fitted(self)
        return self.descriptor_.get_feature_names_out()

    def __sklearn_tags__(self):
        tags = super().__sklearn_tags__()
        tags.transformer_tags.preserves_dtype = ["float32"]
        return tags


class RowsAsLatents(TransformerMixin, BaseEstimator):
    """FeatureMapExtractor behind rows: each row becomes a W code, and its maps are pooled.

    Codes are synthesized one by one, so that rounding does not depend on the batch.
    """

    def __init__(self, generator=None):
        self.generator = generator

    def fit(self, X, y=None):
        X = validate_data(self, X, dtype=[np.float64, np.float32])
        extractor = FeatureMapExtractor(self.generator, layers=4, batch_size=1)
        self.extractor_ = extractor.fit(rows_to_latents(X))
        return self

    def transform(self, X):
        check_is_fitted(self)
        X = validate_data(self, X, dtype=[np.float64, np.float32], reset=False)
        return self.extractor_.transform(rows_to_latents(X)).pool()

    def get_feature_names_out(self, input_features=None):
        check_is_fitted(self)
        return self.extractor_.get_feature_names_out()

    def __sklearn_tags__(self):
        tags = super().__sklearn_tags__()
        tags.transformer_tags.preserves_dtype = ["float32"]
        return tags


class RowsWithVariants(TransformerMixin, BaseEstimator):
    """NuisanceProjection whose variants are the rows of `fit`, moved along their first column."""

    def fit(self, X, y=None):
        X = validate_data(self, X, dtype=[np.float64, np.float32], ensure_min_samples=2)
        moved = X.copy()
        moved[:, 0] += 1.0
        self.projection_ = NuisanceProjection([X, moved]).fit(X)
        return self

    def transform(self, X):
        check_is_fitted(self)
        X = validate_data(self, X, dtype=[np.float64, np.float32], reset=False)
        return self.projection_.transform(X)

    def get_feature_names_out(self, input_features=None):
        check_is_fitted(self)
        return self.projection_.get_feature_names_out(_check_feature_names_in(self, input_features))

    def __sklearn_tags__(self):
        tags = super().__sklearn_tags__()
        tags.transformer_tags.preserves_dtype = ["float64", "float32"]
        return tags
