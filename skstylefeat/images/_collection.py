"""Collections of images of any kind, read in batches of float32 arrays."""

from __future__ import annotations

import os
from collections.abc import Callable, Iterable, Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from typing import Any, NamedTuple

import numpy as np
from numpy.typing import DTypeLike, NDArray

from skstylefeat._utils._indexing import row_index
from skstylefeat._utils._notebook import (
    MOST_THUMBNAILS,
    THUMBNAIL,
    object_html,
    thumbnails_html,
)
from skstylefeat._utils._typing import ImagesLike
from skstylefeat.images._alignment import crop_square, face_square
from skstylefeat.images._decoding import open_item, resize, to_pil, to_unit_floats
from skstylefeat.images._framing import Framing
from skstylefeat.images._landmarks import Landmarks, LandmarksLike, as_landmarks
from skstylefeat.images._sources import Items, Source, check_lengths, find_source

DECODING_THREADS = 8
READ_AT_ONCE = 64  # images that are floats at the same time, where bytes are wanted
CHECK_SIZE = (8, 8)  # size to which images are read only to see whether they can be
NAMED_FAULTS = 10  # largest number of images that a message names


class Fault(NamedTuple):
    """An image that cannot be read.

    Attributes
    ----------
    row : int
        Its row in the collection that was read.
    name : str
        Its path, or ``image <row>``.
    error : Exception
        Error raised by reading it; the message names the image.
    """

    row: int
    name: str
    error: Exception


def error_of_faults(faults: Sequence[Fault], n_images: int) -> Exception:
    """Return one error that names the images which cannot be read, ten of them at most.

    Parameters
    ----------
    faults : list of Fault
        At least one.
    n_images : int
        Number of images in all.
    """
    first = faults[0].error
    if len(faults) == 1:
        return first
    some = "; ".join(str(fault.error) for fault in faults[:NAMED_FAULTS])
    more = f"; and {len(faults) - NAMED_FAULTS} more" if len(faults) > NAMED_FAULTS else ""
    message = f"{len(faults)} of {n_images} images cannot be read: {some}{more}"
    return FileNotFoundError(message) if isinstance(first, OSError) else ValueError(message)


class ImageCollection:
    """A sequence of images that is sliced without reading them.

    Made by :func:`as_images`. Every estimator and function that takes images accepts one, and
    scikit-learn slices it by rows like any X, so `cross_validate` and others work on folders,
    archives and arrays on disk.

    Parameters
    ----------
    source : object
        Reader of the images.
    rows : ndarray of shape (n,), default=None
        Rows of the images in the collection that the user gave; messages use them.
    landmarks : object, default=None
        Source of five landmarks per image.
    framing : Framing, default=None
        Crop box and filter of the images that are not aligned.

    Attributes
    ----------
    shape : tuple of int
        ``(n,)``.
    names : list of str
        Paths, or ``image <row>`` where there are none.
    """

    ndim = 1

    def __init__(
        self,
        source: Source,
        rows: NDArray[np.intp] | None = None,
        landmarks: Landmarks | None = None,
        framing: Framing | None = None,
    ) -> None:
        self._framing = framing
        self._source = source
        self._rows = np.arange(len(source)) if rows is None else rows
        self._landmarks = landmarks

    def __len__(self) -> int:
        return len(self._source)

    def __repr__(self) -> str:
        return f"ImageCollection(n={len(self)}, {self._source})"

    def _repr_html_(self) -> str:
        """Return the number of images, their source, and the first ones, for notebooks."""
        first = self[:MOST_THUMBNAILS]
        pixels, faults = read_pixels(first, (THUMBNAIL, THUMBNAIL))
        bad = {fault.row for fault in faults}
        names = [os.path.basename(name) for i, name in enumerate(first.names) if i not in bad]
        facts: list[tuple[str, object]] = [("images", len(self)), ("from", self._source)]
        if self.is_aligned:
            facts.append(("cropped to", "faces"))
        if bad:
            facts.append(("cannot be read", f"{len(bad)} of the first {len(first)}"))
        pictures = thumbnails_html(zip(pixels, names, strict=True))
        return object_html("ImageCollection", facts, pictures)

    @property
    def shape(self) -> tuple[int]:
        """Length as a tuple, as scikit-learn expects it of a collection."""
        return (len(self),)

    @property
    def is_aligned(self) -> bool:
        """Whether images are cropped to their faces when they are read."""
        return self._landmarks is not None

    @property
    def names(self) -> list[str]:
        """Paths of the images, or ``image <row>`` where there are none."""
        return [self._source.name(i, row) for i, row in enumerate(self._rows)]

    def __getitem__(self, rows: Any) -> ImageCollection:
        rows = row_index(rows, len(self))
        landmarks = None if self._landmarks is None else self._landmarks.take(rows)
        return ImageCollection(self._source.take(rows), self._rows[rows], landmarks, self._framing)

    def __array__(self, dtype: DTypeLike | None = None, copy: bool | None = None) -> NDArray[Any]:
        if copy is False:
            raise ValueError("Reading images makes a copy; copy=False is not possible.")
        pixels = self.read()
        return pixels if dtype is None else pixels.astype(dtype)

    def aligned(self, align: LandmarksLike) -> ImageCollection:
        """Return the same images, cropped to their faces when they are read.

        Parameters
        ----------
        align : array-like of shape (n, 5, 2) or (n, 10), mapping, callable or "dlib"
            Landmarks in the order of the images, by file name, or found in the pixels.

        Returns
        -------
        ImageCollection
        """
        return ImageCollection(
            self._source, self._rows, as_landmarks(align, len(self)), self._framing
        )

    def framed(self, framing: Framing) -> ImageCollection:
        """Return the same images, cropped to a box and resized with a filter when they are read."""
        return ImageCollection(self._source, self._rows, self._landmarks, framing)

    def read(self, size: tuple[int, int] | None = None) -> NDArray[np.float32]:
        """Read all images.

        Parameters
        ----------
        size : tuple of int, default=None
            (height, width) to resize to. By default the images keep their size, which must be
            the same for all.

        Returns
        -------
        images : ndarray of shape (n, H, W, 3), float32
            Values in [0, 1].

        Raises
        ------
        FileNotFoundError, ValueError
            Images are missing or cannot be read. The message names them, ten at most.
        """
        pixels, faults = self.try_read(size)
        if faults:
            raise error_of_faults(faults, len(self))
        return pixels

    def try_read(
        self, size: tuple[int, int] | None = None
    ) -> tuple[NDArray[np.float32], list[Fault]]:
        """Read the images that can be read.

        Parameters
        ----------
        size : tuple of int, default=None
            As for `read`.

        Returns
        -------
        images : ndarray of shape (m, H, W, 3), float32
            The readable ones, in order.
        faults : list of Fault
            The others, m + len(faults) = n.
        """
        if size is not None:
            height, width = check_lengths(size, "size")
            size = height, width
        faults: list[Fault] = []
        if isinstance(self._source, Items):
            jobs: list[tuple[int, Any]] = list(enumerate(self._source.items()))
        else:
            # Arrays are read in one piece. Their images pass through PIL only to change their size.
            values, faults = self._read_block(self._source.block())
            if (
                self._landmarks is None
                and self._framing is None
                and (size is None or values.shape[1:3] == tuple(size))
            ):
                return np.repeat(values, 3, axis=3) if values.shape[3] == 1 else values, faults
            good = np.setdiff1d(np.arange(len(self)), [fault.row for fault in faults])
            jobs = [(int(i), to_pil(value)) for i, value in zip(good, values, strict=True)]

        results = _in_threads(lambda job: self._read_item(job[0], job[1], size), jobs)
        faults += [result for result in results if isinstance(result, Fault)]
        images = [result for result in results if not isinstance(result, Fault)]
        return _stack(images, size), sorted(faults, key=lambda fault: fault.row)

    def _read_block(self, block: NDArray[Any]) -> tuple[NDArray[np.float32], list[Fault]]:
        values, messages = to_unit_floats(block)
        faults = []
        for i, message in messages.items():
            name = self._source.name(i, self._rows[i])
            faults.append(Fault(i, name, ValueError(f"{name}: {message}")))
        if messages:
            values = np.delete(values, list(messages), axis=0)
        return values, faults

    def _read_item(self, i: int, item: Any, size: tuple[int, int] | None) -> NDArray | Fault:
        """Return one image as an array of uint8, or its fault."""
        name = self._source.name(i, self._rows[i])
        try:
            image = open_item(item, name)
            if self._landmarks is not None:
                image = _cut(self._landmarks, i, image, name, size)
            elif self._framing is not None:
                image = self._framing.apply(image, name, size)
        except (OSError, ValueError) as error:
            return Fault(i, name, error)
        return np.asarray(image if size is None else resize(image, size))


def _cut(landmarks, i, image, name, size):
    """Crop one image to its face."""
    try:
        corners = face_square(landmarks.find(i, name, image))
        return crop_square(image, corners, None if size is None else max(size))
    except ValueError as error:
        raise ValueError(f"The face in {name} cannot be aligned: {error}.") from error


def as_images(X: ImagesLike, image_shape: Sequence[int] | None = None) -> ImageCollection:
    """Make a collection of images of any kind without reading them.

    Parameters
    ----------
    X : array-like, list, Series or path-like
        - an array of shape (n, H, W), (n, H, W, 1) or (n, H, W, 3): integers in 0..255, uint16 in
          0..65535, bool (True is white) or floats in [0, 1]. NumPy, a memory map, or anything else
          with a shape and slices (HDF5, zarr, dask), which is read one batch at a time;
        - a torch tensor of shape (n, 1, H, W) or (n, 3, H, W) with such values;
        - a list, or a column of a pandas or polars frame, of paths, `zipfile.Path`, PIL images,
          arrays (H, W, 3), tensors (3, H, W) or encoded files as bytes, sizes mixed;
        - a folder, with its subfolders, or a zip archive: its image files in the order of
          :func:`list_images`. What looks like an image and is not read is reported by a warning.
    image_shape : tuple of int, default=None
        (H, W) or (H, W, C) of flat rows (n, H*W*C).

    Returns
    -------
    ImageCollection

    Raises
    ------
    ValueError
        X is none of these, or an array of shape (H, W, 3) or (3, H, W), which may be one color
        image or several gray ones.

    Examples
    --------
    >>> import numpy as np
    >>> from skstylefeat.images import as_images
    >>> images = as_images(np.zeros((5, 8, 8, 3), dtype=np.uint8))
    >>> images[1:3].names
    ['image 1', 'image 2']
    >>> images[[0, 4]].read((4, 4)).shape
    (2, 4, 4, 3)
    """
    if isinstance(X, ImageCollection):
        return X
    return ImageCollection(find_source(X, image_shape))


def read_batches(
    images: ImageCollection, size: tuple[int, int], batch_size: int
) -> Iterator[tuple[NDArray[np.float32], list[Fault]]]:
    """Yield what `try_read` gives for some images at a time, with rows of the whole collection."""
    for start in range(0, len(images), batch_size):
        pixels, faults = images[start : start + batch_size].try_read(size)
        yield pixels, [fault._replace(row=start + fault.row) for fault in faults]


def read_pixels(
    images: ImageCollection, size: tuple[int, int]
) -> tuple[NDArray[np.uint8], list[Fault]]:
    """Return the images (m, H, W, 3) that can be read as bytes, and the faults of the others."""
    parts, faults = [], []
    for some, missing in read_batches(images, size, READ_AT_ONCE):
        parts.append(np.rint(some * 255).astype(np.uint8))
        faults += missing
    return np.concatenate(parts), faults


def align_faces(X: ImagesLike, landmarks: LandmarksLike) -> ImageCollection:
    """Crop every image of a collection to its face, framed as in FFHQ, when it is read.

    Parameters
    ----------
    X : array-like, list, Series, path-like or ImageCollection
        Images as in :func:`as_images`.
    landmarks : array-like of shape (n, 5, 2) or (n, 10), mapping, callable or "dlib"
        Five points (x, y) per image as in :func:`face_square`, in the order of the images, NaN
        where there is no face; or a mapping from file name to points; or a function that takes the
        upright pixels (H, W, 3), uint8, and returns points, or None where it finds no face; or
        "dlib" for the largest face that dlib finds, see :func:`find_faces`, which also reports
        several, small and turned faces.

    Returns
    -------
    ImageCollection

    Examples
    --------
    >>> import numpy as np
    >>> from skstylefeat.images import align_faces
    >>> images = np.zeros((2, 100, 90, 3), dtype=np.uint8)
    >>> landmarks = [[40, 50, 60, 50, 50, 60, 43, 72, 57, 72]] * 2
    >>> align_faces(images, landmarks).read((32, 32)).shape
    (2, 32, 32, 3)
    """
    return as_images(X).aligned(landmarks)


def readable_rows(
    X: ImagesLike, image_shape: Sequence[int] | None = None, batch_size: int = 64
) -> NDArray[np.int64]:
    """Return the rows of the images that can be read.

    Index X and y with them to drop the others. Every image is decoded once.

    Parameters
    ----------
    X : array-like, list, Series, path-like or ImageCollection
        Images as in :func:`as_images`.
    image_shape : tuple of int, default=None
        (H, W) or (H, W, C) of flat rows.
    batch_size : int, default=64
        Images in memory at once.

    Returns
    -------
    rows : ndarray of shape (m,), int64

    Examples
    --------
    >>> import numpy as np
    >>> from skstylefeat.images import readable_rows
    >>> images = np.zeros((3, 8, 8, 3))
    >>> images[1] = np.nan
    >>> readable_rows(images)
    array([0, 2])
    """
    images = as_images(X, image_shape)
    unreadable = [fault.row for fault in find_faults(images, batch_size)]
    return np.setdiff1d(np.arange(len(images)), unreadable)


def find_faults(images: ImageCollection, batch_size: int = 64) -> list[Fault]:
    """Return the images of a collection that cannot be read, after decoding every one."""
    return [fault for _, some in read_batches(images, CHECK_SIZE, batch_size) for fault in some]


def _in_threads(function: Callable, jobs: Sequence) -> list:
    if len(jobs) < 2:
        return [function(job) for job in jobs]
    with ThreadPoolExecutor(min(DECODING_THREADS, os.cpu_count() or 1)) as pool:
        return list(pool.map(function, jobs))


def _stack(arrays: list[NDArray], size: Iterable[int] | None) -> NDArray[np.float32]:
    shapes = {array.shape for array in arrays}
    if len(shapes) > 1:
        some = ", ".join(f"{height} x {width}" for height, width, _ in sorted(shapes)[:3])
        raise ValueError(
            f"The images have {len(shapes)} different sizes, such as {some}; give one size."
        )
    if not arrays:
        return np.empty((0, *(size or (0, 0)), 3), dtype=np.float32)

    # One pass over each image, into its place.
    stacked = np.empty((len(arrays), *arrays[0].shape), dtype=np.float32)
    for array, place in zip(arrays, stacked, strict=True):
        np.divide(array, np.float32(255), out=place, dtype=np.float32)
    return stacked
