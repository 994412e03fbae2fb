"""Images in every form that the experiments compare."""

from dataclasses import dataclass

import numpy as np
from sklearn.decomposition import PCA

from skstylefeat.features._feature_maps import FeatureMaps
from skstylefeat.images._collection import as_images
from skstylefeat.latents._spaces import w_plus_to_s

N_COMPONENTS = 100


@dataclass(frozen=True)
class ImageSet:
    """One set of images.

    Attributes
    ----------
    images : ndarray of shape (n, H, W, 3), float32
        In [0, 1], at the generator's size.
    latents : ndarray of shape (n, n_ws * w_dim), float32
        W+ rows.
    styles : ndarray of shape (n, n_styles), float32
        S codes of the same rows.
    maps : FeatureMaps
        All layers, lazy.
    pooled : ndarray of shape (n, n_channels), float32
        Maximum of every channel. Pooling works channel by channel, so the columns of a selection
        are what pooling the selected maps would give, without a synthesis for every selection.
    components : ndarray of shape (n, n_components), float32
        Principal components of the pixels, for the competitors.
    """

    images: np.ndarray
    latents: np.ndarray
    styles: np.ndarray
    maps: FeatureMaps
    pooled: np.ndarray
    components: np.ndarray

    def __len__(self):
        return len(self.images)

    @property
    def levels(self):
        """The maxima as maps of one cell, for a selection by level without a synthesis."""
        return level_maps(self.pooled, self.maps.layers)


def level_maps(pooled, layers):
    """Return maxima (n, d) of all channels of `layers` as `FeatureMaps` of one cell."""
    stops = np.cumsum([layer.channels for layer in layers])
    parts = np.split(pooled[:, :, None, None], stops[:-1], axis=1)
    names = [layer.name for layer in layers]
    return FeatureMaps.from_arrays(dict(zip(names, parts, strict=True)))


def represent(inverter, train_images, test_images):
    """Invert both sets and make all forms of them; nothing reads a label.

    Parameters
    ----------
    inverter : StyleGANInverter
        Fitted, with W+ rows as output.
    train_images, test_images : array-like, list of paths or PIL images
        The principal components are learned from the training images.

    Returns
    -------
    train, test : ImageSet
    """
    side = inverter.generator_.resolution
    pixels = [as_images(images).read((side, side)) for images in (train_images, test_images)]
    sets = []
    for images, components in zip(pixels, pixel_components(*pixels), strict=True):
        latents = inverter.transform(images)
        styles = w_plus_to_s(latents, inverter.generator_)
        maps = FeatureMaps.from_latents(latents, inverter.generator_)
        sets.append(ImageSet(images, latents, styles, maps, maps.pool(), components))
    return tuple(sets)


def psnr_of_latents(inverter, latents, images):
    """Return the PSNR in dB of the mean error of the images (n, H, W, 3), in [0, 1], of latents."""
    error = np.square(inverter.inverse_transform(latents) - images).mean()
    return float(-10 * np.log10(max(error, 1e-12)))


def pixel_components(train_images, test_images):
    """Return the principal components of both sets' pixels, learned from the training images.

    Parameters
    ----------
    train_images, test_images : ndarray of shape (n, H, W, 3)

    Returns
    -------
    train, test : ndarray of shape (n, n_components)
    """
    flat = [images.reshape(len(images), -1) for images in (train_images, test_images)]
    n_components = min(N_COMPONENTS, *flat[0].shape)
    pca = PCA(n_components, svd_solver="randomized", random_state=0).fit(flat[0])
    return pca.transform(flat[0]), pca.transform(flat[1])
