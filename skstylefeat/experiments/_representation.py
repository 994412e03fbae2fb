"""Images in every representation that the experiments compare."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray
from sklearn.decomposition import PCA

from skstylefeat._utils._layers import LayerInfo
from skstylefeat._utils._typing import ImagesLike
from skstylefeat.features._feature_maps import FeatureMaps
from skstylefeat.images._collection import as_images
from skstylefeat.latents._spaces import w_plus_to_s

if TYPE_CHECKING:
    from skstylefeat.inversion._inverter import StyleGANInverter

#: Largest number of principal components of the pixels.
N_COMPONENTS: int = 100


@dataclass(frozen=True)
class ImageSet:
    """One set of images in all representations.

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
        equal the pooled maps of that selection, without a new synthesis for each selection.
    components : ndarray of shape (n, n_components), float32
        Principal components of the pixels, for the competitors.
    """

    images: NDArray[np.float32]
    latents: NDArray[np.float32]
    styles: NDArray[np.float32]
    maps: FeatureMaps
    pooled: NDArray[np.float32]
    components: NDArray[np.float32]

    def __len__(self) -> int:
        return len(self.images)

    @property
    def levels(self) -> FeatureMaps:
        """The maxima as maps of one pixel, for a selection by level without a synthesis."""
        return level_maps(self.pooled, self.maps.layers)


def level_maps(pooled: NDArray[Any], layers: Sequence[LayerInfo]) -> FeatureMaps:
    """Arrange the maxima of all channels as feature maps of one pixel.

    Parameters
    ----------
    pooled : ndarray of shape (n, n_channels)
        Maxima of the channels of `layers`, in order.
    layers : sequence of LayerInfo
        Names and numbers of channels.

    Returns
    -------
    FeatureMaps
    """
    stops = np.cumsum([layer.channels for layer in layers])
    parts = np.split(pooled[:, :, None, None], stops[:-1], axis=1)
    names = [layer.name for layer in layers]
    return FeatureMaps.from_arrays(dict(zip(names, parts, strict=True)))


def represent(
    inverter: StyleGANInverter, train_images: ImagesLike, test_images: ImagesLike
) -> tuple[ImageSet, ImageSet]:
    """Invert training and test images and compute all representations. No label is read.

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
    size = inverter.generator_.image_size
    pixels = [as_images(images).read(size) for images in (train_images, test_images)]
    sets = []
    for images, components in zip(pixels, pixel_components(*pixels), strict=True):
        latents: Any = inverter.transform(images)
        styles = w_plus_to_s(latents, inverter.generator_)
        maps = FeatureMaps.from_latents(latents, inverter.generator_)
        sets.append(ImageSet(images, latents, styles, maps, maps.pool(), components))
    train, test = sets
    return train, test


def psnr_of_latents(
    inverter: StyleGANInverter, latents: NDArray[Any], images: NDArray[Any]
) -> float:
    """Compute the PSNR of reconstructions from the mean squared error over all images.

    Parameters
    ----------
    inverter : StyleGANInverter
        Fitted.
    latents : ndarray of shape (n, n_latents)
        Rows of its output space.
    images : ndarray of shape (n, H, W, 3)
        The images in [0, 1].

    Returns
    -------
    float
        In dB.
    """
    error = np.square(inverter.inverse_transform(latents) - images).mean()
    return float(-10 * np.log10(max(error, 1e-12)))


def pixel_components(
    train_images: NDArray[Any], test_images: NDArray[Any]
) -> tuple[NDArray[Any], NDArray[Any]]:
    """Compute principal components of pixels, learned from the training images.

    Parameters
    ----------
    train_images, test_images : ndarray of shape (n, H, W, 3)
        Images of one size.

    Returns
    -------
    train, test : ndarray of shape (n, n_components)
    """
    flat = [images.reshape(len(images), -1) for images in (train_images, test_images)]
    n_components = min(N_COMPONENTS, *flat[0].shape)
    pca = PCA(n_components, svd_solver="randomized", random_state=0).fit(flat[0])
    return pca.transform(flat[0]), pca.transform(flat[1])
