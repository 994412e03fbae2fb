"""One image of any kind to an upright RGB image: files, archive members, PIL, arrays, tensors."""

import io
import os
import zipfile
from functools import lru_cache
from typing import NamedTuple

import numpy as np
from PIL import Image, ImageOps

IMAGE_SUFFIXES = (".bmp", ".gif", ".jpeg", ".jpg", ".png", ".tif", ".tiff", ".webp")


class ZipMember(NamedTuple):
    """A file inside a zip archive, named so that another process can read it too."""

    archive: str
    member: str

    def __str__(self):
        return f"{self.archive}/{self.member}"

    def read_bytes(self):
        """Return the content of the file."""
        stat = os.stat(self.archive)
        # An open archive is for one process: a forked one would share the position in the file.
        return _archive(self.archive, stat.st_size, stat.st_mtime_ns, os.getpid()).read(self.member)


@lru_cache(maxsize=4)
def _archive(path, size, mtime, process):
    """Keep archives open: reading the table of a large one costs more than an image."""
    return zipfile.ZipFile(path)


def is_tensor(value):
    """Whether a value is a torch tensor, told without importing torch."""
    return type(value).__module__.partition(".")[0] == "torch" and hasattr(value, "detach")


def tensor_to_array(tensor):
    """Return a tensor as an array, on the CPU and in a dtype that NumPy has."""
    tensor = tensor.detach().cpu()
    return (tensor.float() if tensor.is_floating_point() else tensor).numpy()


def is_item(value):
    """Whether a value is one image that is opened by itself, and no nested list of numbers."""
    if isinstance(value, np.ndarray):
        return value.ndim in (2, 3)
    return (
        isinstance(value, (str, bytes, os.PathLike, Image.Image))
        or hasattr(value, "read_bytes")
        or (is_tensor(value) and value.ndim == 3)
    )


def item_name(item, position):
    """Return what messages call an item: its path if it has one, else its row."""
    if isinstance(item, Image.Image):
        item = getattr(item, "filename", "") or None
    if isinstance(item, (str, os.PathLike)):
        return os.fspath(item)
    if isinstance(item, zipfile.Path):
        return f"{item.root.filename or 'archive'}/{item.at}"
    if hasattr(item, "read_bytes"):
        return str(item)
    return f"image {position}"


def open_item(item, name):
    """Return one item as an upright RGB image, alpha over white.

    Raises
    ------
    FileNotFoundError
        There is no such file.
    ValueError
        The item cannot be read; the message names it.
    """
    try:
        if isinstance(item, Image.Image):
            return to_rgb(item)
        if isinstance(item, np.ndarray) or is_tensor(item):
            return _from_array(item)
        if isinstance(item, bytes):
            item = io.BytesIO(item)
        elif not isinstance(item, str) and hasattr(item, "read_bytes"):
            item = io.BytesIO(item.read_bytes())
        elif not isinstance(item, (str, os.PathLike)):
            raise TypeError(f"it is {item!r}; expected a path, a PIL image or an array")
        with Image.open(item) as file:
            return to_rgb(file)
    except FileNotFoundError as error:
        raise FileNotFoundError(f"The image file {name!r} does not exist.") from error
    except MemoryError:
        raise
    except Exception as error:  # a damaged file makes decoders raise almost anything
        raise ValueError(
            f"{name} cannot be read as an image ({error}). It is damaged, truncated or none; "
            "remove it or save it again."
        ) from error


def to_rgb(image):
    """Return a PIL image upright, with its alpha over white, in RGB."""
    image = ImageOps.exif_transpose(image)
    if image.mode in ("RGBA", "LA", "PA") or "transparency" in image.info:
        image = image.convert("RGBA")
        ground = Image.new("RGBA", image.size, "white")
        image = Image.alpha_composite(ground, image)
    elif image.mode == "I" or image.mode.startswith("I;16"):
        # 16 bits a pixel, of which PIL's own conversion would cut off all above 255.
        image = Image.fromarray((np.asarray(image).clip(0, 65_535) // 257).astype(np.uint8))
    return image.convert("RGB")


def _from_array(item):
    pixels = tensor_to_array(item).transpose(1, 2, 0) if is_tensor(item) else item
    if pixels.ndim == 2:
        pixels = pixels[..., None]
    if pixels.ndim != 3 or pixels.shape[2] not in (1, 3):
        raise ValueError(
            f"it has shape {tuple(item.shape)}; expected (H, W), (H, W, 3) or a tensor (3, H, W)"
        )
    values, faults = to_unit_floats(pixels[None])
    if faults:
        raise ValueError(faults[0])
    return to_pil(values[0])


def to_unit_floats(pixels):
    """Bring pixels (n, H, W, C) to float32 in [0, 1], or say which usual mistake was made.

    Returns
    -------
    values : ndarray of shape (n, H, W, C), float32
        Rows with a fault have no meaning.
    faults : dict of int to str
        What is wrong, by row.
    """
    faults = {}
    if pixels.dtype == np.uint8:
        return pixels.astype(np.float32) / np.float32(255), faults
    low, high = pixels.min(axis=(1, 2, 3)), pixels.max(axis=(1, 2, 3))
    if pixels.dtype.kind in "ui":
        for i in np.flatnonzero((low < 0) | (high > 255)):
            faults[int(i)] = f"Integer images must lie in 0..255, found {low[i]} to {high[i]}."
        return pixels.astype(np.float32) / np.float32(255), faults
    finite = np.isfinite(low) & np.isfinite(high)
    for i in np.flatnonzero(~finite):
        faults[int(i)] = "Images contain NaN or infinity. Remove or repair these images."
    for i in np.flatnonzero(finite & ((low < 0) | (high > 1))):
        faults[int(i)] = _range_fault(float(low[i]), float(high[i]))
    with np.errstate(over="ignore"):  # only rows with a fault are too large for float32
        return pixels.astype(np.float32), faults


def _range_fault(low, high):
    hint = ""
    if low >= 0 and high <= 255:
        hint = " They look like 0-255 values: divide by 255, or pass them as uint8."
    elif low >= -1 and high <= 1:
        hint = " They look like [-1, 1] values: use (images + 1) / 2."
    return f"Float images must lie in [0, 1], found {low:.4g} to {high:.4g}.{hint}"


def to_pil(values):
    """Return float values (H, W, C) in [0, 1] as an RGB image of 8 bits."""
    pixels = np.rint(values * 255).astype(np.uint8)
    return Image.fromarray(pixels[..., 0] if pixels.shape[2] == 1 else pixels).convert("RGB")


def resize(image, size):
    """Return a PIL image at `size`, (height, width)."""
    height, width = size
    if image.size == (width, height):
        return image
    return image.resize((width, height), Image.Resampling.LANCZOS)
