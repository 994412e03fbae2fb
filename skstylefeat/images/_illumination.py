"""Correction of the illumination of photos: one brightness, and no gradient of light."""

from __future__ import annotations

from numbers import Real

import numpy as np
from numpy.typing import NDArray

from skstylefeat._utils._channels import GRAY, as_seen
from skstylefeat._utils._typing import ImagesLike
from skstylefeat.images._collection import as_images


def correct_illumination(
    images: ImagesLike, *, level: float = 0.5, image_size: tuple[int, int] | None = None
) -> NDArray[np.float32]:
    """Give photos the same mean luminance and remove linear gradients of light.

    Light from one side makes one half of a face darker than the other. Clusters of photos follow
    brightness and such gradients before they follow attributes, so that clusters of corrected
    photos can be named better from few labels. Linear models of codes gain nothing: they find the
    direction of an attribute among those of light.

    Parameters
    ----------
    images : array-like, list, Series or path-like
        Images as in :func:`as_images`.
    level : float, default=0.5
        Mean luminance of every photo before values outside [0, 1] are clipped.
    image_size : (height, width) or None, default=None
        Size to which images are resized; with None all must have the same size.

    Returns
    -------
    corrected : ndarray of shape (n, H, W, 3), float32
        Values in [0, 1].

    Raises
    ------
    ValueError
        If `level` is not in [0, 1], or the sizes differ and `image_size` is None.
    FileNotFoundError, ValueError
        If images are missing or cannot be read.

    See Also
    --------
    skstylefeat.StyleGANInverter : Codes of a generator; ``mirror="mean"`` makes them independent of
        the side that the light comes from.

    Notes
    -----
    The plane :math:`a + b x + c y` that is nearest to a photo's luminance (ITU-R BT.601) in the
    least squares is subtracted from the three channels, and `level` added [1]_. Correct the photos
    of `fit` and of `predict` alike: a pipeline does that.

    References
    ----------
    .. [1] K.-K. Sung and T. Poggio, "Example-Based Learning for View-Based Human Face Detection",
       IEEE Transactions on Pattern Analysis and Machine Intelligence 20(1), 1998.

    Examples
    --------
    >>> from sklearn.pipeline import make_pipeline
    >>> from sklearn.preprocessing import FunctionTransformer
    >>> from skstylefeat import StyleGANInverter
    >>> from skstylefeat.datasets import make_faces
    >>> from skstylefeat.images import correct_illumination
    >>> faces = make_faces(4, random_state=0)
    >>> codes = make_pipeline(FunctionTransformer(correct_illumination), StyleGANInverter())
    >>> codes.fit_transform(faces.images).shape
    (4, 1280)
    """
    if not (isinstance(level, Real) and 0 <= level <= 1):
        raise ValueError(f"level must be a number in [0, 1], got {level!r}.")
    pixels = as_images(images).read(image_size)
    light = as_seen(pixels.transpose(0, 3, 1, 2), GRAY)[:, 0]
    down, across = (np.linspace(-1, 1, side, dtype=np.float32) for side in light.shape[1:])

    # On a symmetric grid constant and coordinates are orthogonal, so that each coefficient of the
    # plane is a projection of its own. A grid of one pixel has no slope.
    plane = light.mean(axis=(1, 2), keepdims=True)
    for grid in (down[:, None], across[None, :]):
        square = np.square(grid).mean()
        if grid.size > 1:
            plane = plane + (light * grid).mean(axis=(1, 2), keepdims=True) / square * grid
    corrected = pixels - plane[..., None] + np.float32(level)
    return np.clip(corrected, 0.0, 1.0, out=corrected)
