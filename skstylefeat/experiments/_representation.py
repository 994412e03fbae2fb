"""Images in every representation that the experiments compare."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray
from sklearn.decomposition import PCA
from sklearn.preprocessing import StandardScaler

from skstylefeat._utils._layers import LayerInfo
from skstylefeat._utils._typing import ImagesLike
from skstylefeat.features._feature_maps import FeatureMaps
from skstylefeat.features._hog import HOGDescriptor
from skstylefeat.images._collection import as_images
from skstylefeat.latents._spaces import w_plus_to_s

if TYPE_CHECKING:
    from skstylefeat.inversion._inverter import StyleGANInverter

#: Largest number of principal components of the pixels.
N_COMPONENTS: int = 100
BATCH = 64  # images described at once
#: Function from images (n, H, W, 3), float32 in [0, 1], to rows (n, d).
Describe = Callable[[NDArray[np.float32]], NDArray[Any]]


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
    descriptors : dict of str to ndarray of shape (n, d)
        Further competitors for classes, the mean over image and mirror image, standardized by the
        training images: "hog", "union" (S codes of the image and HOG side by side), and those that
        the user gives.
    plain_descriptors : dict of str to ndarray of shape (n, d)
        The same of the image alone, without "union", for numbers: a mirror reverses some.
    """

    images: NDArray[np.float32]
    latents: NDArray[np.float32]
    styles: NDArray[np.float32]
    maps: FeatureMaps
    pooled: NDArray[np.float32]
    components: NDArray[np.float32]
    descriptors: Mapping[str, NDArray[Any]] = field(default_factory=dict)
    plain_descriptors: Mapping[str, NDArray[Any]] = field(default_factory=dict)

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
    inverter: StyleGANInverter,
    train_images: ImagesLike,
    test_images: ImagesLike,
    features: Mapping[str, Describe] | None = None,
) -> tuple[ImageSet, ImageSet]:
    """Invert training and test images and compute all representations. No label is read.

    Parameters
    ----------
    inverter : StyleGANInverter
        Fitted, with W+ rows as output.
    train_images, test_images : array-like, list of paths or PIL images
        The principal components are learned from the training images.
    features : mapping of str to callable, default=None
        Further competitors, such as frozen networks: functions from images (n, H, W, 3), float32
        in [0, 1], to rows.

    Returns
    -------
    train, test : ImageSet
    """
    size = inverter.generator_.image_size
    pixels = [as_images(images).read(size) for images in (train_images, test_images)]
    components = pixel_components(*pixels)
    latents: list[Any] = [inverter.transform(images) for images in pixels]
    styles = [w_plus_to_s(rows, inverter.generator_) for rows in latents]

    # Descriptors without a generator, of the images and as the mean over their mirror images.
    describe: dict[str, Any] = {"hog": HOGDescriptor().fit(pixels[0]).transform, **(features or {})}
    plain, mirrored = {}, {}
    for name, function in describe.items():
        plain[name] = [_rows(function, name, x) for x in pixels]
        turned = [_rows(function, name, x[:, :, ::-1]) for x in pixels]
        mirrored[name] = [(x + y) / 2 for x, y in zip(plain[name], turned, strict=True)]
    plain, mirrored = ({n: _scaled(x) for n, x in rows.items()} for rows in (plain, mirrored))
    mirrored["union"] = [
        np.concatenate(rows, axis=1) for rows in zip(_scaled(styles), mirrored["hog"], strict=True)
    ]

    sets = []
    for half, images in enumerate(pixels):
        maps = FeatureMaps.from_latents(latents[half], inverter.generator_)
        sets.append(
            ImageSet(
                images,
                latents[half],
                styles[half],
                maps,
                maps.pool(),
                components[half],
                {name: rows[half] for name, rows in mirrored.items()},
                {name: rows[half] for name, rows in plain.items()},
            )
        )
    train, test = sets
    return train, test


def _rows(function, name, images):
    """Return a descriptor's rows of images, batch by batch, after checks of the user's function."""
    parts = [
        np.asarray(function(images[start : start + BATCH]), dtype=np.float32)
        for start in range(0, len(images), BATCH)
    ]
    wrong = next((part for part in parts if part.ndim != 2), None)
    if wrong is not None or sum(map(len, parts)) != len(images):
        raise ValueError(
            f"The features {name!r} gave an array of shape {parts[0].shape} for "
            f"{min(BATCH, len(images))} images; expected (n, n_features)."
        )
    return np.concatenate(parts)


def _scaled(halves):
    """Return the rows of both halves, standardized by the training images."""
    scaler = StandardScaler().fit(halves[0])
    return [scaler.transform(rows) for rows in halves]


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
