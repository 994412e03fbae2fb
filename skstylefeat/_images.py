"""Images of any kind as one collection that is read in batches of float32 arrays."""

import os
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import numpy as np
from PIL import Image, ImageOps, UnidentifiedImageError

IMAGE_SUFFIXES = (".bmp", ".gif", ".jpeg", ".jpg", ".png", ".tif", ".tiff", ".webp")
ACCEPTED = (
    "uint8 arrays, or floats in [0, 1], of shape (n, H, W), (n, H, W, 1) or (n, H, W, 3); flat "
    "rows (n, H*W*C) with image_shape=(H, W) or (H, W, C); a list of paths or PIL images; or a "
    "folder"
)


class ImageCollection:
    """A sequence of images, sliced without reading them.

    Parameters
    ----------
    items : ndarray of shape (n, H, W, C) or list
        Pixels, or paths and PIL images.
    """

    def __init__(self, items):
        self._items = items

    def __len__(self):
        return len(self._items)

    @property
    def shape(self):
        """Length as a tuple, which is what scikit-learn asks of a collection."""
        return (len(self._items),)

    def __getitem__(self, rows):
        if isinstance(self._items, np.ndarray) or isinstance(rows, slice):
            return ImageCollection(self._items[rows])
        rows = np.arange(len(self))[rows]
        return ImageCollection([self._items[i] for i in rows])

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
        """
        if isinstance(self._items, np.ndarray):
            pixels = _check_values(self._items)
            if pixels.shape[3] == 1:
                pixels = np.repeat(pixels, 3, axis=3)
            if size is None or pixels.shape[1:3] == tuple(size):
                return pixels
            pixels = [Image.fromarray(np.rint(p * 255).astype(np.uint8)) for p in pixels]
            return _to_float([_resize(p, size) for p in pixels], size)
        if len(self) > 1 and not isinstance(self._items[0], Image.Image):
            with ThreadPoolExecutor(min(8, os.cpu_count() or 1)) as pool:
                images = list(pool.map(lambda item: _open(item, size), self._items))
        else:
            images = [_open(item, size) for item in self._items]
        return _to_float(images, size)


def as_images(X, image_shape=None):
    """Check what a user calls images and return them as a collection.

    Parameters
    ----------
    X : ndarray, list or path-like
        See `ACCEPTED`.
    image_shape : tuple of int, default=None
        (H, W) or (H, W, C) of flat rows.

    Returns
    -------
    ImageCollection
    """
    if isinstance(X, ImageCollection):
        return X
    if isinstance(X, (str, Path)):
        return ImageCollection(_folder(Path(X)))
    if _is_sequence_of_files(X):
        return ImageCollection(list(X))
    return ImageCollection(_check_pixels(X, image_shape))


def _folder(folder):
    if not folder.is_dir():
        raise ValueError(
            f"{str(folder)!r} is no folder. Give a folder of images, or a list of paths."
        )
    paths = sorted(p for p in folder.rglob("*") if p.suffix.lower() in IMAGE_SUFFIXES)
    if not paths:
        raise ValueError(
            f"The folder {str(folder)!r} holds no image file ({', '.join(IMAGE_SUFFIXES)})."
        )
    return paths


def _is_sequence_of_files(X):
    if isinstance(X, np.ndarray) and X.dtype.kind not in "OUT":
        return False
    if getattr(X, "ndim", 1) != 1 or not hasattr(X, "__len__") or len(X) == 0:
        return False
    first = next(iter(X))
    return isinstance(first, (str, os.PathLike, Image.Image))


def _check_pixels(X, image_shape):
    if np.iscomplexobj(X):
        raise ValueError(f"Complex data not supported as images. Expected {ACCEPTED}.")
    pixels = np.asarray(X)
    if pixels.dtype == object:
        try:
            pixels = pixels.astype(np.float64)
        except (TypeError, ValueError) as error:
            raise ValueError(
                f"Images of type {type(X).__name__} cannot be read ({error}). Expected {ACCEPTED}."
            ) from error
    if pixels.dtype.kind not in "uif":
        raise ValueError(f"Images have dtype {pixels.dtype}. Expected {ACCEPTED}.")
    if pixels.ndim == 2 and image_shape is not None:
        pixels = _unflatten(pixels, tuple(image_shape))
    elif pixels.ndim == 3:
        pixels = pixels[..., None]
    if pixels.ndim != 4:
        hint = " Reshape one image by images[None]." if pixels.ndim < 4 else ""
        raise ValueError(f"Images have shape {pixels.shape}. Expected {ACCEPTED}.{hint}")
    if pixels.shape[3] not in (1, 3):
        hint = "Images have channels last"
        if pixels.shape[1] in (1, 3):
            hint = "Channels come last: use images.transpose(0, 2, 3, 1)"
        elif pixels.shape[3] == 4:
            hint = "Drop the alpha channel: images[..., :3]"
        raise ValueError(
            f"Images have shape {pixels.shape}, so {pixels.shape[3]} channels; expected 1 or 3. "
            f"{hint}."
        )
    if 0 in pixels.shape:
        raise ValueError(
            f"Found array with 0 sample(s) or pixels (shape={pixels.shape}) while a minimum of 1 "
            "is required."
        )
    return pixels


def _unflatten(rows, image_shape):
    shape = image_shape if len(image_shape) == 3 else (*image_shape, 1)
    if len(shape) != 3 or rows.shape[1] != np.prod(shape):
        raise ValueError(
            f"Rows have {rows.shape[1]} values, but image_shape={image_shape} means "
            f"{int(np.prod(shape))} = H*W*C."
        )
    return rows.reshape(len(rows), *shape)


def _check_values(pixels):
    """Return pixels as float32 in [0, 1], or say which usual mistake was made."""
    if pixels.dtype == np.uint8:
        return pixels.astype(np.float32) / np.float32(255)
    if pixels.dtype.kind in "ui":
        if pixels.min() < 0 or pixels.max() > 255:
            raise ValueError(
                f"Integer images must lie in 0..255, found {pixels.min()} to {pixels.max()}."
            )
        return pixels.astype(np.float32) / np.float32(255)
    low, high = pixels.min(), pixels.max()
    if not (np.isfinite(low) and np.isfinite(high)):
        raise ValueError("Images contain NaN or infinity. Remove or repair these images.")
    if low < 0 or high > 1:
        hint = ""
        if low >= 0 and high <= 255:
            hint = " They look like 0-255 values: divide by 255, or pass them as uint8."
        elif low >= -1 and high <= 1:
            hint = " They look like [-1, 1] values: use (images + 1) / 2."
        raise ValueError(f"Float images must lie in [0, 1], found {low:.4g} to {high:.4g}.{hint}")
    return pixels.astype(np.float32)


def _open(item, size):
    """Return one path or PIL image as RGB, upright, alpha over white, resized to `size`."""
    try:
        if isinstance(item, Image.Image):
            image = _to_rgb(item)
        else:
            with Image.open(item) as file:
                image = _to_rgb(file)
    except FileNotFoundError as error:
        raise FileNotFoundError(f"The image file {os.fspath(item)!r} does not exist.") from error
    except (UnidentifiedImageError, OSError, SyntaxError, Image.DecompressionBombError) as error:
        raise ValueError(
            f"The image {item!s} cannot be read ({error}). It is damaged, truncated or no image; "
            "remove it or save it again."
        ) from error
    return image if size is None else _resize(image, size)


def _to_rgb(image):
    image = ImageOps.exif_transpose(image)
    if image.mode in ("RGBA", "LA", "PA") or "transparency" in image.info:
        image = image.convert("RGBA")
        ground = Image.new("RGBA", image.size, "white")
        image = Image.alpha_composite(ground, image)
    return image.convert("RGB")


def _resize(image, size):
    height, width = size
    return image.resize((width, height), Image.Resampling.LANCZOS)


def _to_float(images, size):
    arrays = [np.asarray(image, dtype=np.uint8) for image in images]
    shapes = {array.shape for array in arrays}
    if len(shapes) > 1:
        raise ValueError(f"The images have different sizes {sorted(shapes)}; give one size.")
    if not arrays:
        return np.empty((0, *(size or (0, 0)), 3), dtype=np.float32)
    return np.stack(arrays).astype(np.float32) / np.float32(255)
