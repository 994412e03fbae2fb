"""Images of any kind as one collection that is read in batches of float32 arrays."""

import os
from concurrent.futures import ThreadPoolExecutor
from typing import NamedTuple

import numpy as np

from skstylefeat._utils._indexing import row_index
from skstylefeat.images._alignment import as_landmarks, crop_square, face_square
from skstylefeat.images._decoding import open_item, resize, to_pil, to_unit_floats
from skstylefeat.images._sources import find_source

DECODING_THREADS = 8
CHECK_SIZE = (8, 8)  # images that are only tried are kept so small


class Fault(NamedTuple):
    """An image that cannot be read.

    Attributes
    ----------
    row : int
        Its row in the collection that was read.
    name : str
        Its path, or ``image <row>``.
    error : Exception
        What reading it raised; its message names it.
    """

    row: int
    name: str
    error: Exception


class ImageCollection:
    """A sequence of images, sliced without reading them.

    Made by :func:`as_images`. It is taken by everything that takes images, and sliced by rows
    as scikit-learn slices an X, so that `cross_validate` and the like work on folders, archives
    and arrays on disk.

    Parameters
    ----------
    source : object
        Where the images are.
    rows : ndarray of shape (n,), default=None
        Rows of the images in the collection that the user gave; messages use them.
    landmarks : object, default=None
        Where five landmarks of every image come from.

    Attributes
    ----------
    shape : tuple of int
        ``(n,)``.
    names : list of str
        Paths, or ``image <row>`` where there are none.
    """

    ndim = 1

    def __init__(self, source, rows=None, landmarks=None):
        self._source = source
        self._rows = np.arange(len(source)) if rows is None else rows
        self._landmarks = landmarks

    def __len__(self):
        return len(self._source)

    def __repr__(self):
        return f"ImageCollection(n={len(self)}, {self._source})"

    @property
    def shape(self):
        """Length as a tuple, which is what scikit-learn asks of a collection."""
        return (len(self),)

    @property
    def names(self):
        """Paths of the images, or ``image <row>`` where there are none."""
        return [self._source.name(i, row) for i, row in enumerate(self._rows)]

    def __getitem__(self, rows):
        rows = row_index(rows, len(self))
        landmarks = None if self._landmarks is None else self._landmarks.take(rows)
        return ImageCollection(self._source.take(rows), self._rows[rows], landmarks)

    def __array__(self, dtype=None, copy=None):
        if copy is False:
            raise ValueError("Images are read, so they cannot be had without a copy.")
        pixels = self.read()
        return pixels if dtype is None else pixels.astype(dtype)

    def aligned(self, align):
        """Return the same images, cut to their faces when they are read.

        Parameters
        ----------
        align : array-like of shape (n, 5, 2) or (n, 10), mapping or callable
            Landmarks in the order of the images, by file name, or found in the pixels.

        Returns
        -------
        ImageCollection
        """
        return ImageCollection(self._source, self._rows, as_landmarks(align, len(self)))

    def read(self, size=None):
        """Read all images.

        Parameters
        ----------
        size : tuple of int, default=None
            (height, width) to resize to. By default the images keep theirs, which must then
            be the same for all.

        Returns
        -------
        images : ndarray of shape (n, H, W, 3), float32
            Values in [0, 1].

        Raises
        ------
        FileNotFoundError, ValueError
            An image is missing or cannot be read; the first one is named.
        """
        pixels, faults = self.try_read(size)
        if faults:
            raise faults[0].error
        return pixels

    def try_read(self, size=None):
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
        jobs, faults = list(enumerate(self._source.items())), []
        if self._source.in_blocks:
            values, faults = self._read_block()
            if self._landmarks is None and (size is None or values.shape[1:3] == tuple(size)):
                return np.repeat(values, 3, axis=3) if values.shape[3] == 1 else values, faults
            good = np.setdiff1d(np.arange(len(self)), [fault.row for fault in faults])
            jobs = [(int(i), to_pil(value)) for i, value in zip(good, values, strict=True)]
        results = _in_threads(lambda job: self._read_item(*job, size), jobs)
        faults += [result for result in results if isinstance(result, Fault)]
        images = [result for result in results if not isinstance(result, Fault)]
        return _stack(images, size), sorted(faults, key=lambda fault: fault.row)

    def _read_block(self):
        values, messages = to_unit_floats(self._source.block())
        faults = []
        for i, message in messages.items():
            name = self._source.name(i, self._rows[i])
            faults.append(Fault(i, name, ValueError(f"{name}: {message}")))
        if messages:
            values = np.delete(values, list(messages), axis=0)
        return values, faults

    def _read_item(self, i, item, size):
        """Return one image as an array of uint8, or its fault."""
        name = self._source.name(i, self._rows[i])
        try:
            image = open_item(item, name)
            if self._landmarks is not None:
                image = self._cut(i, image, name, size)
        except (OSError, ValueError) as error:
            return Fault(i, name, error)
        return np.asarray(image if size is None else resize(image, size))

    def _cut(self, i, image, name, size):
        try:
            corners = face_square(self._landmarks.find(i, name, image))
            return crop_square(image, corners, None if size is None else max(size))
        except ValueError as error:
            raise ValueError(f"The face in {name} cannot be aligned: {error}.") from error


def as_images(X, image_shape=None):
    """Make a collection of images of any kind, reading none of them.

    Parameters
    ----------
    X : array-like, list, Series or path-like
        - an array of shape (n, H, W), (n, H, W, 1) or (n, H, W, 3), uint8 or floats in [0, 1]:
          NumPy, a memory map, or anything else with a shape and slices (HDF5, zarr, dask), of
          which one batch at a time is read;
        - a torch tensor of shape (n, 1, H, W) or (n, 3, H, W), uint8 or floats in [0, 1];
        - a list, or a column of a pandas or polars frame, of paths, `zipfile.Path`, PIL images,
          arrays (H, W, 3), tensors (3, H, W) or encoded files as bytes, sizes mixed;
        - a folder, with its subfolders, or a zip archive: its image files, sorted by name.
    image_shape : tuple of int, default=None
        (H, W) or (H, W, C) of flat rows (n, H*W*C).

    Returns
    -------
    ImageCollection

    Raises
    ------
    ValueError
        X is none of these.

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


def align_faces(X, landmarks):
    """Cut every image of a collection to its face, framed as FFHQ's are, when it is read.

    Parameters
    ----------
    X : array-like, list, Series, path-like or ImageCollection
        Images as in :func:`as_images`.
    landmarks : array-like of shape (n, 5, 2) or (n, 10), mapping or callable
        Five points (x, y) an image as in :func:`face_square`, in the order of the images; or a
        mapping from file name to them; or a function from the upright pixels (H, W, 3), uint8, to
        them, or to None where it finds no face.

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


def readable_rows(X, image_shape=None, batch_size=64):
    """Return the rows of the images that can be read, to drop the others together with their y.

    Every image is decoded once.

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
    good = np.ones(len(images), dtype=bool)
    for start in range(0, len(images), batch_size):
        for fault in images[start : start + batch_size].try_read(CHECK_SIZE)[1]:
            good[start + fault.row] = False
    return np.flatnonzero(good)


def _in_threads(function, jobs):
    if len(jobs) < 2:
        return [function(job) for job in jobs]
    with ThreadPoolExecutor(min(DECODING_THREADS, os.cpu_count() or 1)) as pool:
        return list(pool.map(function, jobs))


def _stack(arrays, size):
    shapes = {array.shape for array in arrays}
    if len(shapes) > 1:
        raise ValueError(f"The images have different sizes {sorted(shapes)}; give one size.")
    if not arrays:
        return np.empty((0, *(size or (0, 0)), 3), dtype=np.float32)
    return np.stack(arrays).astype(np.float32) / np.float32(255)
