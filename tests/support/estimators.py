"""Every public estimator of the package, fitted on tiny data, with what it is asked for.

Tests of persistence and of properties run over this list, so an estimator that is added to the
package and not here fails `tests/integration/test_persistence.py::test_every_estimator_is_here`.
"""

from typing import Any, NamedTuple

import numpy as np
from sklearn.base import BaseEstimator

import skstylefeat
from skstylefeat import (
    ChannelMISelector,
    ClusterAnnotator,
    FeatureMaps,
    HyperplaneDistance,
    LatentRegressor,
    MaxPoolReducer,
    PseudoLabelClassifier,
    StyleGANInverter,
)
from skstylefeat.directions import (
    DiscriminantDirection,
    FixedDirection,
    LatentPCA,
    LinearSVMDirection,
    MeanDifferenceDirection,
    NuisanceProjection,
    SeFa,
    StyleChannelDirection,
    TextDirection,
)
from skstylefeat.features import FeatureMapExtractor, HOGDescriptor
from tests.support.networks import made_images, tiny_generator, write_pair


class Fitted(NamedTuple):
    """A fitted estimator, the name of a method, or of an attribute, and the method's input."""

    estimator: Any
    asked: str
    X: Any = None


def estimator_classes():
    """Return the classes of all public estimators."""
    modules = [skstylefeat, *(getattr(skstylefeat, name) for name in skstylefeat._PACKAGES)]
    named = [(module, name) for module in modules for name in getattr(module, "__all__", ())]
    public = {getattr(module, name) for module, name in named}
    return {x for x in public if isinstance(x, type) and issubclass(x, BaseEstimator)}


def embed_images(images):
    """Return the mean color of images: an image model that pickles by its name."""
    return images.mean(axis=(1, 2))


def embed_texts(texts):
    """Return made-up colors of texts."""
    return np.array([[1.0, 0.1, 0.1] if "red" in text else [1.0, 1.0, 1.0] for text in texts])


class Named:
    """A function whose text holds no address, so that every process gives a test the same id."""

    def __init__(self, function):
        self.function = function

    def __call__(self, values):
        return self.function(values)

    def __repr__(self):
        return self.function.__name__


def tiny_images(n=6, size=8):
    """Return images of the tiny generator, float32 in [0, 1]."""
    generator = tiny_generator(size)
    return made_images(generator, generator.mapping(generator.sample_z(n, random_state=0)))


def numpy_world():
    """Return the fitted estimators that need no torch, by name."""
    rng = np.random.default_rng(0)
    X = rng.standard_normal((40, 12))
    y = X[:, 0] + 0.1 * rng.standard_normal(40)
    names = np.where(y > 0, "high", "low")
    maps = rng.standard_normal((12, 5, 4, 4)).astype(np.float32)
    lazy = FeatureMaps.from_arrays({"b4.conv1": maps, "b8.conv0": maps[:, :3].repeat(2, axis=3)})
    half = np.repeat([0, 1], 6)
    images = rng.integers(0, 256, (3, 9, 8, 3)).astype(np.uint8)
    few = np.where(np.arange(40) % 3 == 0, y, np.nan)
    return {
        "ChannelMISelector": Fitted(ChannelMISelector(2).fit(maps, half), "transform", maps),
        "ChannelMISelector, lazy": Fitted(
            ChannelMISelector(2, random_state=0).fit(lazy, half), "transform", lazy
        ),
        "ClusterAnnotator": Fitted(
            ClusterAnnotator(4, random_state=0).fit(X, names), "predict_proba", X
        ),
        "HOGDescriptor": Fitted(
            HOGDescriptor(pixels_per_cell=4, image_size=8).fit(images), "transform", images
        ),
        "HyperplaneDistance": Fitted(HyperplaneDistance().fit(X, y), "transform", X),
        "HyperplaneDistance, layers": Fitted(
            HyperplaneDistance({"a": X[0], "b": X[1]}, aggregate="per_layer", w_dim=4).fit(X),
            "transform",
            X,
        ),
        "LatentRegressor": Fitted(LatentRegressor().fit(X, y), "predict", X),
        "LatentRegressor, curve": Fitted(
            LatentRegressor("huber", degree=2, monotonic=True, unlabeled="ignore").fit(X, few),
            "predict",
            X,
        ),
        "MaxPoolReducer": Fitted(MaxPoolReducer(2).fit(maps), "transform", maps),
        "PseudoLabelClassifier": Fitted(
            PseudoLabelClassifier(random_state=0).fit(X, names), "predict_proba", X
        ),
        "FixedDirection": Fitted(FixedDirection(X[0]).fit(), "direction_"),
        "NuisanceProjection": Fitted(
            NuisanceProjection([X, X + np.arange(12.0)]).fit(X), "transform", X
        ),
        "LatentPCA": Fitted(LatentPCA().fit(X), "directions_"),
        "DiscriminantDirection": Fitted(DiscriminantDirection().fit(X, y), "decision_function", X),
        "MeanDifferenceDirection": Fitted(
            MeanDifferenceDirection().fit(X, y), "decision_function", X
        ),
        "LinearSVMDirection": Fitted(LinearSVMDirection().fit(X, names), "decision_function", X),
    }


def torch_world(folder):
    """Return the fitted estimators that hold networks, whose weights lie in `folder`."""
    generator, encoder = write_pair(folder)
    images = tiny_images()
    make = StyleGANInverter(generator, encoder)
    codes = np.random.default_rng(0).standard_normal((3, 28)).astype(np.float32)
    return {
        "FeatureMapExtractor": Fitted(
            FeatureMapExtractor(generator, layers=["b8"]).fit(codes), "transform", codes
        ),
        "StyleGANInverter": Fitted(make.fit(images), "transform", images),
        "StyleGANInverter, stored weights": Fitted(
            StyleGANInverter(generator, encoder, store_weights=True).fit(images),
            "transform",
            images,
        ),
        "StyleGANInverter, features": Fitted(
            StyleGANInverter(generator, encoder, output="features").fit(images),
            "transform",
            images,
        ),
        "HyperplaneDistance, importance": Fitted(
            HyperplaneDistance(
                np.ones(7), generator=generator, importance_params={"n_pairs": 4}
            ).fit(np.zeros((2, 28))),
            "transform",
            np.ones((3, 28)),
        ),
        "SeFa": Fitted(SeFa(generator).fit(), "directions_"),
        "StyleChannelDirection": Fitted(
            StyleChannelDirection(generator, "b8.conv1", 2).fit(), "direction_"
        ),
        "TextDirection": Fitted(
            TextDirection(
                generator, embed_images, embed_texts, "red", "white", n_samples=2, threshold=0.0
            ).fit(),
            "direction_",
        ),
    }
