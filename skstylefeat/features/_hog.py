"""HOGDescriptor: histograms of oriented gradients, which need no generator."""

from __future__ import annotations

from collections.abc import Sequence
from contextlib import closing
from typing import Any, Literal, Self

import numpy as np
from numpy.typing import NDArray
from sklearn.base import ClassNamePrefixFeaturesOutMixin, _fit_context
from sklearn.utils import Tags, gen_batches
from sklearn.utils._param_validation import StrOptions
from sklearn.utils.validation import check_is_fitted

from skstylefeat._utils._constraints import IntegerFrom
from skstylefeat._utils._parallel import one_ahead
from skstylefeat._utils._sklearn_base import BaseEstimator, TransformerMixin
from skstylefeat._utils._typing import ImagesLike
from skstylefeat._utils._versions import VersionStamped
from skstylefeat.images._collection import as_images
from skstylefeat.images._on_error import (
    check_aligned_with_labels,
    check_count,
    check_readable,
    warn_of_faults,
)
from skstylefeat.images._sources import check_lengths

__all__ = ["HOGDescriptor", "histograms_of_gradients"]

FRACTIONS = 256  # of an 8-bit level that are told apart
BATCH = 64  # images whose gradients are in memory at once
# The paper's L2-Hys: largest share of a value in the norm of its block, and the smallest norm.
CLIP, SMALLEST_NORM = 0.2, 1e-5


class HOGDescriptor(
    ClassNamePrefixFeaturesOutMixin, TransformerMixin, VersionStamped, BaseEstimator
):
    """Histograms of oriented gradients of images, as a baseline or next to latents.

    Every pixel votes for the orientation of its gradient, weighted by the length; votes are summed
    in cells, and the cells are normalized in overlapping blocks (L2-Hys). No network and no
    training are needed. A linear model on these columns is what codes of a generator have to beat,
    and a union of both is often better than either.

    Parameters
    ----------
    orientations : int, default=9
        Orientations from 0 to 180 degrees.
    pixels_per_cell : int, default=8
        Side of a cell. Pixels that fill no whole cell at the right and at the bottom are left out.
    cells_per_block : int, default=2
        Side of a block in cells. Blocks overlap: one begins at every cell.
    image_size : int or tuple of int, default=64
        Side, or (height, width), to which images are resized.
    mirror : {"mean", "difference"} or None, default=None
        Combination of the columns `x` of an image with those `m` of its mirror image, as in
        :class:`skstylefeat.StyleGANInverter`: ``(x + m) / 2`` for attributes that a mirror
        preserves, ``(x - m) / 2`` for those that it reverses.
    image_shape : tuple of int or None, default=None
        (H, W) or (H, W, C) of the images when X holds flat rows.
    on_error : {"raise", "nan", "skip"}, default="raise"
        How to treat damaged or missing images, as in :class:`skstylefeat.StyleGANInverter`.

    Attributes
    ----------
    n_features_in_ : int
        Columns of X, if `fit` received flat rows.

    See Also
    --------
    skstylefeat.StyleGANInverter : Latents of a generator.

    Notes
    -----
    The columns equal those of scikit-image's ``hog(image, channel_axis=-1)`` with the same
    parameters, for 8-bit images: of the three colors, each pixel uses the one with the longest
    gradient, and cells take votes without interpolation. They are ordered by row and column of the
    block, row and column of the cell within it, and orientation.

    References
    ----------
    N. Dalal, B. Triggs: "Histograms of Oriented Gradients for Human Detection", CVPR 2005.

    Examples
    --------
    Columns of faces that are 64 pixels wide: 7 x 7 blocks of 2 x 2 cells.

    >>> from skstylefeat.datasets import make_faces
    >>> from skstylefeat.features import HOGDescriptor
    >>> faces = make_faces(40, random_state=0)
    >>> HOGDescriptor().fit_transform(faces.images).shape
    (40, 1764)

    Styles and gradients of photo and mirror image side by side, read by a logistic regression:

    >>> from sklearn.linear_model import LogisticRegression
    >>> from sklearn.pipeline import FeatureUnion, make_pipeline
    >>> from sklearn.preprocessing import StandardScaler
    >>> from skstylefeat import StyleGANInverter
    >>> styles = StyleGANInverter(space="s", mirror="mean")
    >>> union = FeatureUnion([("styles", styles), ("hog", HOGDescriptor(mirror="mean"))])
    >>> model = make_pipeline(union, StandardScaler(), LogisticRegression(C=0.1))
    >>> names = model.fit(faces.images, faces.attributes["glasses"]).predict(faces.images[:3])
    """

    n_features_in_: int

    _parameter_constraints: dict = {
        "orientations": [IntegerFrom(1)],
        "pixels_per_cell": [IntegerFrom(1)],
        "cells_per_block": [IntegerFrom(1)],
        "image_size": [IntegerFrom(3), tuple, list],
        "mirror": [StrOptions({"mean", "difference"}), None],
        "image_shape": [tuple, list, None],
        "on_error": [StrOptions({"raise", "nan", "skip"})],
    }

    def __init__(
        self,
        orientations: int = 9,
        *,
        pixels_per_cell: int = 8,
        cells_per_block: int = 2,
        image_size: int | tuple[int, int] = 64,
        mirror: Literal["mean", "difference"] | None = None,
        image_shape: Sequence[int] | None = None,
        on_error: Literal["raise", "nan", "skip"] = "raise",
    ) -> None:
        self.orientations = orientations
        self.pixels_per_cell = pixels_per_cell
        self.cells_per_block = cells_per_block
        self.image_size = image_size
        self.mirror = mirror
        self.image_shape = image_shape
        self.on_error = on_error

    @_fit_context(prefer_skip_nested_validation=True)
    def fit(self, X: ImagesLike, y: Any = None) -> Self:
        """Check the parameters and that images can be read; nothing is learned.

        Parameters
        ----------
        X : array-like, list, Series or path-like
            Images as in :func:`skstylefeat.images.as_images`.
        y : None
            Ignored.

        Returns
        -------
        self : HOGDescriptor

        Raises
        ------
        ValueError
            If an image holds less than one block, or none can be read.
        """
        height, width = self._size()
        cells = [side // self.pixels_per_cell for side in (height, width)]
        blocks = [n - self.cells_per_block + 1 for n in cells]
        if min(blocks) < 1:
            side = self.pixels_per_cell * self.cells_per_block
            raise ValueError(
                f"Images of {height} x {width} pixels hold no block: {self.cells_per_block} cells "
                f"of {self.pixels_per_cell} pixels are {side} pixels. Give a larger image_size or "
                "smaller cells."
            )
        check_readable(self._check_images(X, reset=True), self.on_error)
        per_block = self.orientations * self.cells_per_block**2
        self._n_features_out = blocks[0] * blocks[1] * per_block
        return self

    def transform(self, X: ImagesLike) -> NDArray[np.float32]:
        """Return the histograms of images.

        Parameters
        ----------
        X : array-like, list, Series or path-like
            Images as in `fit`.

        Returns
        -------
        rows : ndarray of shape (n, n_features), float32
            In [0, 1]; with ``mirror="difference"`` in [-0.5, 0.5]. NaN for images that cannot be
            read, with ``on_error="nan"``.
        """
        check_is_fitted(self, "_n_features_out")
        images = self._check_images(X, reset=False)
        rows = np.full((len(images), self._n_features_out), np.nan, dtype=np.float32)
        faults = []

        def read(some):
            if self.on_error == "raise":
                return some.read(self._size()), []
            return some.try_read(self._size())

        batches = list(gen_batches(len(images), BATCH))
        parts = one_ahead(read, (images[batch] for batch in batches))
        with closing(parts):
            for batch, (pixels, missing) in zip(batches, parts, strict=True):
                unreadable = [batch.start + fault.row for fault in missing]
                good = np.setdiff1d(np.arange(batch.start, batch.stop), unreadable)
                rows[good] = self._describe(pixels)
                faults += [fault._replace(row=batch.start + fault.row) for fault in missing]

        if faults:
            warn_of_faults(faults, len(images), self.on_error)
            if self.on_error == "skip":
                rows = np.delete(rows, [fault.row for fault in faults], axis=0)
        return rows

    def fit_transform(self, X: ImagesLike, y: Any = None) -> NDArray[np.float32]:
        """Fit and describe the same images.

        Parameters
        ----------
        X : array-like, list, Series or path-like
            Images as in `fit`.
        y : array-like of shape (n,), default=None
            Only its length is used: it must fit the rows that ``on_error="skip"`` leaves.

        Returns
        -------
        rows : ndarray of shape (n, n_features), float32
        """
        rows = self.fit(X, y).transform(X)
        if y is not None and self.on_error == "skip":
            check_aligned_with_labels(len(rows), len(y))
        return rows

    def _describe(self, pixels):
        parameters = self.orientations, self.pixels_per_cell, self.cells_per_block
        rows = histograms_of_gradients(pixels, *parameters)
        if self.mirror is None:
            return rows
        turned = histograms_of_gradients(pixels[:, :, ::-1], *parameters)
        return (rows + turned if self.mirror == "mean" else rows - turned) / 2

    def _size(self):
        size = self.image_size
        pair = (size, size) if np.ndim(size) == 0 else tuple(size)
        if len(pair) != 2:
            raise ValueError(f"image_size must be a side or (height, width), got {size!r}.")
        return check_lengths(pair, "image_size")

    def _check_images(self, X, *, reset):
        images = as_images(X, self.image_shape)
        check_count(self, images, X, reset=reset)
        return images

    def __sklearn_tags__(self) -> Tags:
        tags = super().__sklearn_tags__()
        tags.input_tags.two_d_array = self.image_shape is not None
        tags.input_tags.three_d_array = True
        tags.input_tags.string = True
        tags.transformer_tags.preserves_dtype = ["float32"]
        return tags


def histograms_of_gradients(
    pixels: NDArray[Any], orientations: int, pixels_per_cell: int, cells_per_block: int
) -> NDArray[np.float64]:
    """Return the histograms of oriented gradients of images.

    Parameters
    ----------
    pixels : ndarray of shape (n, H, W, C)
        Values in [0, 1].
    orientations, pixels_per_cell, cells_per_block : int
        As for `HOGDescriptor`.

    Returns
    -------
    ndarray of shape (n, n_features)
    """
    # Whole numbers make equal differences equal, so that rounding moves no vote to another bin.
    pixels = np.rint(np.asarray(pixels, dtype=np.float64) * (255 * FRACTIONS))
    n, height, width = pixels.shape[:3]
    down, across = np.zeros_like(pixels), np.zeros_like(pixels)
    down[:, 1:-1] = pixels[:, 2:] - pixels[:, :-2]
    across[:, :, 1:-1] = pixels[:, :, 2:] - pixels[:, :, :-2]

    # Of every pixel, the color with the longest gradient counts.
    longest = np.hypot(down, across).argmax(axis=3)[..., None]
    down = np.take_along_axis(down, longest, axis=3)[..., 0]
    across = np.take_along_axis(across, longest, axis=3)[..., 0]
    degrees = np.rad2deg(np.arctan2(down, across)) % 180
    bins = np.minimum((degrees / (180 / orientations)).astype(np.intp), orientations - 1)

    # Votes of whole cells, by image, row and column of the cell, and orientation.
    rows, columns = height // pixels_per_cell, width // pixels_per_cell
    kept = slice(None), slice(rows * pixels_per_cell), slice(columns * pixels_per_cell)
    row = np.arange(height)[kept[1], None] // pixels_per_cell
    column = np.arange(width)[None, kept[2]] // pixels_per_cell
    image = np.arange(n)[:, None, None]
    places = ((image * rows + row) * columns + column) * orientations + bins[kept]
    votes = np.bincount(
        places.ravel(),
        np.hypot(down, across)[kept].ravel(),
        minlength=n * rows * columns * orientations,
    )
    cells = votes.reshape(n, rows, columns, orientations) / (FRACTIONS * pixels_per_cell**2)

    # Blocks of cells, normalized, clipped, and normalized again.
    window = (cells_per_block, cells_per_block)
    blocks = np.lib.stride_tricks.sliding_window_view(cells, window, axis=(1, 2))
    blocks = np.moveaxis(blocks, 3, 5).reshape(n, -1, orientations * cells_per_block**2)
    for largest in (CLIP, np.inf):
        norm = np.sqrt(np.square(blocks).sum(axis=2, keepdims=True) + SMALLEST_NORM**2)
        blocks = np.minimum(blocks / norm, largest)
    return blocks.reshape(n, -1)
