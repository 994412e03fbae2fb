"""Detection of the kind of an image collection, without reading it."""

from __future__ import annotations

import zipfile
from collections.abc import Callable, Iterator, Sequence
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray
from PIL import Image

from skstylefeat.images._decoding import is_item, is_tensor, item_name, tensor_to_array
from skstylefeat.images._image_files import list_images, warn_of_left_out

ACCEPTED = (
    "uint8, uint16 or bool arrays, or floats in [0, 1], of shape (n, H, W), (n, H, W, 1) or "
    "(n, H, W, 3); flat "
    "rows (n, H*W*C) with image_shape=(H, W) or (H, W, C); torch tensors (n, 3, H, W); a list or "
    "column of paths, PIL images or arrays; a folder; or a zip archive"
)

# An array (n, H, 1), (n, H, 4) or (3, H, W) with both at least this may well be one image.
_SMALLEST_SIDE = 8


class Items:
    """Images that are opened one by one."""

    def __init__(self, items: Sequence[Any]) -> None:
        self._items = items

    def __len__(self) -> int:
        return len(self._items)

    def __str__(self) -> str:
        return f"{self.name(0, 0)}, ..." if len(self) else "none"

    def take(self, rows: Any) -> Items:
        """Return some of them, by a slice or an array of rows."""
        chosen = self._items[rows] if isinstance(rows, slice) else [self._items[i] for i in rows]
        return Items(chosen)

    def name(self, i: int, row: int) -> str:
        """Return the name of item i in messages; `row` is its row in the user's X."""
        return item_name(self._items[i], row)

    def items(self) -> Sequence[Any]:
        """Return them as given."""
        return self._items


class Blocks:
    """Images of one size in one array.

    Parameters
    ----------
    array : ndarray of shape (n, H, W, C)
        The pixels.
    """

    def __init__(self, array: Any) -> None:
        self._array = array

    def __len__(self) -> int:
        return len(self._array)

    def __str__(self) -> str:
        return f"{self._array.dtype} of shape {self._array.shape[1:]}"

    def take(self, rows: Any) -> Blocks:
        """Return some of them, by a slice or an array of rows."""
        return Blocks(self._array[rows])

    def name(self, i: int, row: int) -> str:
        """Return the name of row i in messages; `row` is its row in the user's X."""
        return f"image {row}"

    def block(self) -> NDArray[Any]:
        """Return the pixels (n, H, W, C)."""
        return self._array


class StoredBlocks(Blocks):
    """Images of one size in an array of another library, of which slices are read when needed.

    Parameters
    ----------
    array : object with shape, dtype and slices
        HDF5 dataset, zarr or dask array, torch tensor, ...
    to_pixels : callable
        Converts a slice to pixels (n, H, W, C).
    rows : ndarray of int, default=None
        Rows that belong to this source, all by default.
    """

    def __init__(
        self, array: Any, to_pixels: Callable[[Any], NDArray[Any]], rows: NDArray[Any] | None = None
    ) -> None:
        super().__init__(array)
        self._to_pixels = to_pixels
        self._chosen = np.arange(array.shape[0]) if rows is None else rows

    def __len__(self) -> int:
        return len(self._chosen)

    def take(self, rows: Any) -> StoredBlocks:
        """Return some of them, by a slice or an array of rows, without reading."""
        return StoredBlocks(self._array, self._to_pixels, self._chosen[rows])

    def block(self) -> NDArray[Any]:
        """Return the pixels (n, H, W, C), read in runs of neighboring rows."""
        wanted, places = np.unique(self._chosen, return_inverse=True)
        runs = np.split(wanted, np.flatnonzero(np.diff(wanted) > 1) + 1)
        parts = [self._to_pixels(self._array[int(r[0]) : int(r[-1]) + 1]) for r in runs if len(r)]
        if not parts:
            parts = [self._to_pixels(self._array[0:1])[:0]]
        pixels = np.concatenate(parts) if len(parts) > 1 else parts[0]
        return pixels if np.array_equal(places, np.arange(len(pixels))) else pixels[places]

    def __reduce__(self) -> tuple:
        # Open files cannot be sent to other processes, so the rows of a batch are read first.
        return Blocks, (self.block(),)


Source = Items | Blocks


def find_source(X: Any, image_shape: Sequence[int] | None = None) -> Source:
    """Return the source that reads the images of X.

    Parameters
    ----------
    X : object
        See `ACCEPTED`.
    image_shape : tuple of int, default=None
        (H, W) or (H, W, C) of flat rows.

    Returns
    -------
    Items, Blocks or StoredBlocks
    """
    if isinstance(X, (str, Path, zipfile.Path)):
        listing = list_images(X)
        warn_of_left_out(listing, X, stacklevel=3)
        return Items(listing.files)
    if isinstance(X, (Image.Image, bytes, Iterator)):
        raise ValueError(
            f"X is one {type(X).__name__}, expected a collection of images. Give one image as [X]."
        )
    if hasattr(X, "tocsr"):
        raise ValueError(
            f"Images are a sparse {type(X).__name__}, expected a dense array. Give X.toarray()."
        )

    X = _single_column(X)
    items = _as_items(X)
    if items is not None:
        return Items(items)

    # All other kinds hold their pixels in one block, which may be on disk or another device.
    if is_tensor(X) and X.ndim > 2:
        return _tensor_source(X)
    if _is_stored_array(X):
        shape, dtype = tuple(X.shape), np.dtype(X.dtype)
        _check_dtype(dtype)
        full = _image_axes(shape, image_shape)
        return StoredBlocks(X, lambda part: np.asarray(part).reshape(-1, *full))
    pixels = tensor_to_array(X) if is_tensor(X) else _as_numbers(X)
    is_list = isinstance(X, list) and isinstance(X[0], np.ndarray)
    full = _image_axes(pixels.shape, image_shape, is_list)
    return Blocks(pixels.reshape(len(pixels), *full))


def check_lengths(value: Any, name: str, numbers: tuple[int, ...] = (2,)) -> tuple[int, ...]:
    """Return a size such as (height, width) as a tuple of positive integers, or raise ValueError.

    Parameters
    ----------
    value : tuple of int
    name : str
        Name of the parameter.
    numbers : tuple of int, default=(2,)
        How many lengths it may hold.
    """
    is_right = (
        isinstance(value, (tuple, list, np.ndarray))
        and len(value) in numbers
        and all(isinstance(n, (int, np.integer)) and 0 < n < 1 << 20 for n in value)
    )
    if is_right:
        return tuple(int(n) for n in value)
    forms = " or ".join({2: "(height, width)", 3: "(height, width, channels)"}[n] for n in numbers)
    raise ValueError(f"{name} must be {forms} in pixels, got {value!r:.80}.")


def _single_column(X: Any) -> Any:
    """Return the only column of a frame or of an array (n, 1) of paths; return others as given."""
    if hasattr(X, "columns") and hasattr(X, "shape") and len(X.shape) == 2:
        columns = list(X.columns)
        if len(columns) == 1:
            return X[columns[0]]
        if any(is_item(value) for value in X[:1].to_numpy().ravel()):
            raise ValueError(
                f"Images are a frame with the columns {columns}; give the one that holds paths, "
                f"such as X[{columns[0]!r}]."
            )
    elif isinstance(X, np.ndarray) and X.dtype.kind in "OUT" and X.ndim == 2 and X.shape[1] == 1:
        return X[:, 0]
    return X


def _as_items(X: Any) -> list | None:
    """Return a list of paths, PIL images or arrays of mixed size, or None for other kinds."""
    if isinstance(X, np.ndarray) and X.dtype.kind not in "OUT":
        return None
    if is_tensor(X) or getattr(X, "ndim", 1) != 1 or not hasattr(X, "__len__"):
        return None
    if len(X) == 0:
        _check_not_empty((0,))
    items = list(X)
    first = next((item for item in items if not _is_missing(item)), None)
    if not is_item(first):
        return None
    if isinstance(first, np.ndarray) and len({np.shape(item) for item in items}) == 1:
        return None  # arrays of one size are one block
    return items


def _is_missing(item: Any) -> bool:
    return item is None or type(item).__name__ == "NAType" or (item != item) is True


def _tensor_source(tensor: Any) -> StoredBlocks:
    shape = tuple(tensor.shape)
    if len(shape) != 4 or shape[1] not in (1, 3):
        hint = {
            3: " One image is tensor[None]; gray images are tensor[:, None].",
            4: " Channels come before height and width: tensor.permute(0, 3, 1, 2).",
        }.get(len(shape), "")
        raise ValueError(
            f"A torch tensor of images has shape {shape}; expected (n, 1, H, W) or (n, 3, H, W)."
            f"{hint}"
        )
    _check_dtype(tensor_to_array(tensor[:0]).dtype)
    _check_not_empty(shape)
    return StoredBlocks(tensor, lambda part: tensor_to_array(part).transpose(0, 2, 3, 1))


def _is_stored_array(X: Any) -> bool:
    """Return whether X is an array of another library with a shape and slices, such as HDF5's."""
    if isinstance(X, np.ndarray) or is_tensor(X) or hasattr(X, "columns"):
        return False
    shape = getattr(X, "shape", None)
    return isinstance(shape, tuple) and hasattr(X, "dtype") and hasattr(X, "__getitem__")


def _as_numbers(X: Any) -> NDArray[Any]:
    if np.iscomplexobj(X):
        raise ValueError(f"Complex data not supported as images. Expected {ACCEPTED}.")
    try:
        pixels = np.asarray(X)
        if pixels.dtype == object:
            pixels = pixels.astype(np.float64)
    except (TypeError, ValueError) as error:
        raise ValueError(
            f"Images of type {type(X).__name__} cannot be read ({error}). Expected {ACCEPTED}."
        ) from error
    _check_dtype(pixels.dtype)
    return pixels


def _check_dtype(dtype: np.dtype) -> None:
    if dtype.kind == "c":
        raise ValueError(f"Complex data not supported as images. Expected {ACCEPTED}.")
    if dtype.kind not in "uifb":
        raise ValueError(f"Images have dtype {dtype}. Expected {ACCEPTED}.")


def _image_axes(
    shape: tuple[int, ...], image_shape: Sequence[int] | None, is_list: bool = False
) -> tuple[int, ...]:
    """Return (H, W, C) of an array of images; raise ValueError for other shapes."""
    if len(shape) == 2 and image_shape is not None:
        image_shape = check_lengths(image_shape, "image_shape", (2, 3))
        full = image_shape if len(image_shape) == 3 else (*image_shape, 1)
        if shape[1] != np.prod(full):
            raise ValueError(
                f"Rows have {shape[1]} values, but image_shape={image_shape} means "
                f"{int(np.prod(full))} = H*W*C."
            )
        shape = (shape[0], *full)
    elif len(shape) == 3:
        _check_gray_images(shape, is_list)
        shape = (*shape, 1)

    if len(shape) != 4:
        hint = " Reshape one image by images[None]." if len(shape) < 4 else ""
        raise ValueError(f"Images have shape {shape}. Expected {ACCEPTED}.{hint}")
    if shape[3] not in (1, 3):
        hint = "Images have channels last"
        if shape[1] in (1, 3):
            hint = "Channels come last: use images.transpose(0, 2, 3, 1)"
        elif shape[3] == 4:
            hint = "Drop the alpha channel: images[..., :3]"
        raise ValueError(
            f"Images have shape {shape}, so {shape[3]} channels; expected 1 or 3. {hint}."
        )
    _check_not_empty(shape)
    return shape[1:]


def _check_gray_images(shape: tuple[int, ...], is_list: bool = False) -> None:
    """Refuse (H, W, 3) and (3, H, W), which may be one color image or many gray ones.

    A list of three arrays (H, W) holds three images, whereas nobody lists the rows of one image.
    """
    n, height, width = shape
    one = ""
    if width == 3 or (width in (1, 4) and min(n, height) >= _SMALLEST_SIDE):
        one = f"one image of {n} x {height} pixels with {width} channels"
        fix = "images[None, ..., :3]" if width == 4 else "images[None]"
    elif n == 3 and min(height, width) >= _SMALLEST_SIDE and not is_list:
        one = f"one image of {height} x {width} pixels with its 3 channels first"
        fix = "images.transpose(1, 2, 0)[None]"
    if one:
        raise ValueError(
            f"Images have shape {shape}: {one}, or {n} gray images of {height} x {width} pixels. "
            f"Pass {fix} for the one image, or images[..., None] for the gray ones."
        )


def _check_not_empty(shape: Sequence[int]) -> None:
    if 0 in shape:
        raise ValueError(
            f"Found array with 0 sample(s) or pixels (shape={shape}) while a minimum of 1 is "
            "required."
        )
