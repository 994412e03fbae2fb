"""Sources of five landmarks per image: arrays, mappings by file name, functions, and dlib."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from pathlib import PurePath
from typing import Any, NamedTuple, TypeAlias

import numpy as np
from numpy.typing import ArrayLike, NDArray
from PIL import Image

from skstylefeat.images._dlib_faces import DlibDetector

NO_FACE = "no face was found in it"

#: Landmarks in the order of the images, by file name, from a function of the pixels, or "dlib".
LandmarksLike: TypeAlias = (
    ArrayLike | Mapping[str, ArrayLike] | Callable[[NDArray[np.uint8]], ArrayLike | None] | str
)


class Landmarks(NamedTuple):
    """Landmarks of a collection of images.

    Attributes
    ----------
    given : ndarray of shape (n, 5, 2) or (n, 10), mapping from str to array-like, or callable
        In the order of the images, where a row of NaN means that there is no face; by file name;
        or a function of the pixels (H, W, 3), uint8.
    """

    given: Any

    def take(self, rows: Any) -> Landmarks:
        """Return the landmarks of some of the images."""
        return Landmarks(self.given[rows]) if isinstance(self.given, np.ndarray) else self

    def find(self, row: int, name: str, image: Image.Image) -> ArrayLike:
        """Return the landmarks of one image; raise ValueError if there are none."""
        if isinstance(self.given, np.ndarray):
            if np.isnan(self.given[row]).all():
                raise ValueError(NO_FACE)
            return self.given[row]
        if isinstance(self.given, Mapping):
            for key in (name, PurePath(name).name):
                if key in self.given:
                    return self.given[key]
            raise ValueError(
                f"align= has no landmarks for it, neither as {name!r} nor by file name"
            )
        landmarks = self.given(np.asarray(image))
        if landmarks is None:
            raise ValueError(NO_FACE)
        return landmarks


def as_landmarks(align: LandmarksLike, n_images: int) -> Landmarks:
    """Return the landmarks for `align`: an array, a mapping by name, a function, or "dlib"."""
    if isinstance(align, str):
        if align != "dlib":
            raise ValueError(
                f"align={align!r} names no detector. Expected 'dlib', landmarks of five points per "
                "image, a mapping from file name to these, or a function of the pixels."
            )
        return Landmarks(DlibDetector())
    if callable(align) or isinstance(align, Mapping):
        return Landmarks(align)
    points = np.asarray(align, dtype=np.float64)
    if points.shape not in ((n_images, 5, 2), (n_images, 10)):
        raise ValueError(
            f"landmarks have shape {points.shape}; expected ({n_images}, 5, 2) or "
            f"({n_images}, 10) for {n_images} images."
        )
    return Landmarks(points)
