"""Decoding of one image: file, archive member, PIL image, array or tensor to upright RGB."""

from __future__ import annotations

import io
import os
import zipfile
from functools import lru_cache
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray
from PIL import Image, ImageOps, UnidentifiedImageError

#: A member of an archive that unpacks to more is refused: it may be built to fill the memory.
MOST_UNPACKED_BYTES = 1 << 28

# Values up to this in an image of 16 bits per channel fill 12 bits, or are nearly black.
_LARGEST_OF_12_BITS = 4095


class _PixelError(ValueError):
    """Pixel values that break the rule for arrays, in an intact file."""


class ZipMember(NamedTuple):
    """A file inside a zip archive, by names that are valid in other processes, too."""

    archive: str
    member: str

    def __str__(self) -> str:
        return f"{self.archive}/{self.member}"

    def read_bytes(self) -> bytes:
        """Return the content of the file."""
        stat = os.stat(self.archive)
        # Each process opens the archive itself: forked ones would share the position in the file.
        archive = _archive(self.archive, stat.st_size, stat.st_mtime_ns, os.getpid())
        return _read_member(archive, self.member)


@lru_cache(maxsize=4)
def _archive(path: str, size: int, mtime: int, process: int) -> zipfile.ZipFile:
    """Keep archives open: reading the directory of a large one takes longer than an image."""
    return zipfile.ZipFile(path)


def _read_member(archive: zipfile.ZipFile, member: str) -> bytes:
    """Return the content of a file in an archive; no more is unpacked than its entry announces."""
    size = archive.getinfo(member).file_size
    if size > MOST_UNPACKED_BYTES:
        raise _PixelError(
            f"It unpacks to {size:,} bytes; members of archives may have {MOST_UNPACKED_BYTES:,}. "
            "Unpack the archive if you trust it."
        )
    return archive.read(member)


def is_tensor(value: object) -> bool:
    """Return whether a value is a torch tensor, without importing torch."""
    return type(value).__module__.partition(".")[0] == "torch" and hasattr(value, "detach")


def tensor_to_array(tensor: Any) -> NDArray[Any]:
    """Return a tensor as an array, on the CPU and in a dtype that NumPy has."""
    tensor = tensor.detach().cpu()
    return (tensor.float() if tensor.is_floating_point() else tensor).numpy()


def is_item(value: Any) -> bool:
    """Return whether a value is one image that is opened separately from the others."""
    if isinstance(value, np.ndarray):
        return value.ndim in (2, 3)
    return (
        isinstance(value, (str, bytes, os.PathLike, Image.Image))
        or hasattr(value, "read_bytes")
        or (is_tensor(value) and value.ndim == 3)
    )


def item_name(item: Any, position: int) -> str:
    """Return the name of an item in messages: its path if it has one, else its row."""
    if isinstance(item, Image.Image):
        item = getattr(item, "filename", "") or None
    if isinstance(item, (str, os.PathLike)):
        return os.fspath(item)
    if isinstance(item, zipfile.Path):
        return f"{item.root.filename or 'archive'}/{item.at}"
    if hasattr(item, "read_bytes"):
        return str(item)
    return f"image {position}"


def open_item(item: Any, name: str, side: int | None = None) -> Image.Image:
    """Return one item as an upright RGB image, alpha over white.

    Parameters
    ----------
    item : path-like, bytes, PIL image, ndarray, tensor or object with `read_bytes`
        A file with several frames gives its first.
    name : str
        Its name in messages.
    side : int, default=None
        Lets large JPEG files be decoded at a fraction of their size, which is faster. A side that
        is at least `side` long stays so.

    Raises
    ------
    FileNotFoundError
        There is no such file.
    ValueError
        The item is too large or cannot be read; the message names it.
    """
    try:
        if isinstance(item, Image.Image):
            return to_rgb(item)
        if isinstance(item, np.ndarray) or is_tensor(item):
            return _from_array(item)

        # Pillow opens paths and files; all else becomes the bytes of a file.
        if isinstance(item, (str, Path)) and str(item).startswith("~"):
            item = os.path.expanduser(item)
        if isinstance(item, bytes):
            item = io.BytesIO(item)
        elif isinstance(item, zipfile.Path):
            item = io.BytesIO(_read_member(item.root, item.at))
        elif not isinstance(item, str) and hasattr(item, "read_bytes"):
            item = io.BytesIO(item.read_bytes())  # members of archives, remote paths
        elif not isinstance(item, (str, os.PathLike)):
            raise _PixelError(f"It is {item!r:.80}; expected a path, a PIL image or an array.")
        with Image.open(item) as file:
            if side is not None:
                file.draft("RGB", (side, side))
            return to_rgb(file)
    except FileNotFoundError as error:
        raise FileNotFoundError(f"The image file {name!r} does not exist.") from error
    except (Image.DecompressionBombError, Image.DecompressionBombWarning) as error:
        raise ValueError(_too_large(name)) from error
    except _PixelError as error:
        raise ValueError(f"{name} cannot be read as an image: {error}") from error
    except MemoryError:
        raise
    except UnidentifiedImageError as error:
        raise ValueError(
            f"{name} cannot be read as an image: its content is in no known format, or damaged."
        ) from error
    except Exception as error:  # a damaged file makes decoders raise almost anything
        raise ValueError(
            f"{name} cannot be read as an image: it is damaged, truncated or none ({error})."
        ) from error


def _too_large(name: str) -> str:
    limit = Image.MAX_IMAGE_PIXELS or 0
    return (
        f"{name} is too large: Pillow reads images of at most {2 * limit:,} pixels, twice "
        f"PIL.Image.MAX_IMAGE_PIXELS = {limit:,}, because larger ones may be built to fill the "
        "memory. Reduce the image, or raise PIL.Image.MAX_IMAGE_PIXELS if you trust the file."
    )


def to_rgb(image: Image.Image) -> Image.Image:
    """Return a PIL image upright, with its alpha over white, in RGB of 8 bits.

    Raises
    ------
    _PixelError
        The values break the rule for arrays (integers in 0..255, floats in [0, 1]), or use only
        some of the 16 bits per channel.
    """
    is_deep = has_16_bits(image)
    transparent = image.info.get("transparency")
    image = ImageOps.exif_transpose(image)
    if image.mode in ("F", "I") or image.mode.startswith("I;16"):
        gray = _to_8_bits(np.asarray(image), is_deep)
        if transparent is None or not is_deep:
            return gray.convert("RGB")
        alpha = Image.fromarray(np.where(np.asarray(image) == transparent, 0, 255).astype(np.uint8))
        image = Image.merge("LA", (gray, alpha))
    elif is_deep:
        # Pillow has kept the upper 8 bits of each color.
        _check_16_bits(int(np.asarray(image.convert("RGB")).max(initial=0)) * 256 + 255)
    if image.has_transparency_data:
        image = image.convert("RGBA")
        ground = Image.new("RGBA", image.size, "white")
        image = Image.alpha_composite(ground, image)
    return image.convert("RGB")


def has_16_bits(image: Image.Image) -> bool:
    """Return whether a file stores 16 bits per channel, which the mode may not show."""
    # Older versions of Pillow open gray PNG files of 16 bits in the mode of 32.
    is_old_png = image.mode == "I" and getattr(image, "format", None) in ("PNG", "PPM")
    # A tile names the layout of the file's pixels; "BGR;16" means 16 bits for all channels.
    layouts = [str(tile[3]) for tile in getattr(image, "tile", None) or ()]
    is_deep = any(";16" in layout and "BGR;16" not in layout for layout in layouts)
    return image.mode.startswith("I;16") or is_old_png or is_deep


def _to_8_bits(values: NDArray[Any], is_deep: bool) -> Image.Image:
    """Bring gray values of 16 or 32 bits to 8 by the rule for arrays."""
    if is_deep:
        _check_16_bits(int(values.max(initial=0)))
        return Image.fromarray(np.rint(values / 257).astype(np.uint8))
    values, faults = to_unit_floats(values[None, ..., None])
    if faults:
        raise _PixelError(faults[0])
    return Image.fromarray(np.rint(values[0, ..., 0] * 255).astype(np.uint8))


def _check_16_bits(largest: int) -> None:
    if 0 < largest <= _LARGEST_OF_12_BITS:
        raise _PixelError(f"It has {_dark_fault(largest)}")


def _dark_fault(largest: int) -> str:
    return (
        f"16 bits per channel but values up to about {largest} only, so it is nearly black or "
        "holds fewer bits, such as the 12 of many cameras. Stretch the values to 0..65535, or "
        "save it with 8 bits."
    )


def _from_array(item: Any) -> Image.Image:
    pixels = tensor_to_array(item).transpose(1, 2, 0) if is_tensor(item) else item
    if pixels.ndim == 2:
        pixels = pixels[..., None]
    if pixels.ndim != 3 or pixels.shape[2] not in (1, 3) or pixels.size == 0:
        raise _PixelError(
            f"It has shape {tuple(item.shape)}; expected (H, W), (H, W, 3) or a tensor (3, H, W)."
        )
    if pixels.dtype.kind not in "uifb":
        raise _PixelError(f"It has dtype {pixels.dtype}; expected integers, floats or bool.")
    values, faults = to_unit_floats(pixels[None])
    if faults:
        raise _PixelError(faults[0])
    return to_pil(values[0])


def to_unit_floats(pixels: NDArray[Any]) -> tuple[NDArray[np.float32], dict[int, str]]:
    """Convert pixels (n, H, W, C) to float32 in [0, 1], and find images that do not fit.

    The values of uint16 fill 0..65535, as in files with 16 bits per channel; True is white; other
    integers lie in 0..255 and floats in [0, 1].

    Returns
    -------
    values : ndarray of shape (n, H, W, C), float32
        Rows with a fault have no meaning.
    faults : dict of int to str
        Messages by row. They name the usual mistake if there is one.
    """
    faults: dict[int, str] = {}
    if pixels.dtype == np.uint8:
        return pixels.astype(np.float32) / np.float32(255), faults
    if pixels.dtype == np.bool_:
        return pixels.astype(np.float32), faults  # as in files of one bit

    low, high = pixels.min(axis=(1, 2, 3)), pixels.max(axis=(1, 2, 3))
    if pixels.dtype.kind == "u" and pixels.dtype.itemsize == 2:
        for i in np.flatnonzero((high > 0) & (high <= _LARGEST_OF_12_BITS)):
            faults[int(i)] = f"The array has {_dark_fault(int(high[i]))}"
        return pixels.astype(np.float32) / np.float32(65_535), faults
    if pixels.dtype.kind in "ui":
        for i in np.flatnonzero((low < 0) | (high > 255)):
            faults[int(i)] = f"Integer images must lie in 0..255, found {low[i]} to {high[i]}."
        return pixels.astype(np.float32) / np.float32(255), faults

    finite = np.isfinite(low) & np.isfinite(high)
    for i in np.flatnonzero(~finite):
        faults[int(i)] = "Images contain NaN or infinity. Remove or repair these images."
    for i in np.flatnonzero(finite & ((low < 0) | (high > 1))):
        faults[int(i)] = _range_fault(float(low[i]), float(high[i]))
    # Only rows with a fault are too large for float32.
    with np.errstate(over="ignore"):
        return pixels.astype(np.float32), faults


def _range_fault(low: float, high: float) -> str:
    hint = ""
    if low >= 0 and high <= 255:
        hint = " They look like 0-255 values: divide by 255, or pass them as uint8."
    elif low >= -1 and high <= 1:
        hint = " They look like [-1, 1] values: use (images + 1) / 2."
    return f"Float images must lie in [0, 1], found {low:.4g} to {high:.4g}.{hint}"


def to_pil(values: NDArray[np.float32]) -> Image.Image:
    """Return float values (H, W, C) in [0, 1] as an RGB image of 8 bits."""
    pixels = np.rint(values * 255).astype(np.uint8)
    return Image.fromarray(pixels[..., 0] if pixels.shape[2] == 1 else pixels).convert("RGB")


def resize(image: Image.Image, size: tuple[int, int]) -> Image.Image:
    """Return a PIL image resized to `size`, (height, width)."""
    height, width = size
    if image.size == (width, height):
        return image
    return image.resize((width, height), Image.Resampling.LANCZOS)
