"""Image files as pictures for the page: unchanged, or smaller and upright."""

from __future__ import annotations

import io
from functools import lru_cache
from pathlib import Path
from typing import Any

from PIL import Image

from skstylefeat.images._decoding import has_16_bits, open_item

# Formats that every browser shows, by Pillow's names; others are converted.
BROWSER_TYPES = {
    "BMP": "image/bmp",
    "GIF": "image/gif",
    "JPEG": "image/jpeg",
    "MPO": "image/jpeg",  # several JPEG images, of which all programs show the first
    "PNG": "image/png",
    "WEBP": "image/webp",
}
SMALL_BYTES = 200_000  # files up to this size and these pixels are sent unchanged in the overview
SMALL_PIXELS = 1 << 20
WHOLE_PIXELS = 1 << 26  # a browser decodes an image of this size to 256 MB
THUMBNAIL_SIDE = 360
LARGEST_SIDE = 8192
_KEPT = 1024
_ORIENTATION = 0x0112  # tag in EXIF data


def open_upright(path: Path, side: int | None = None) -> Image.Image:
    """Read an image file as RGB by the package's decoder.

    Parameters
    ----------
    path : Path
    side : int or None, default=None
        Longer side, in pixels, to which larger images are reduced.

    Returns
    -------
    PIL.Image.Image
    """
    image = open_item(path, str(path), side)
    if side is not None:
        image.thumbnail((side, side), Image.Resampling.LANCZOS)
    return image


def whole_picture(path: Path) -> tuple[bytes, str]:
    """Return the bytes and media type of an image file, unchanged where a browser shows it truly.

    Others become PNG files of what the estimators read, at most `LARGEST_SIDE` pixels long.
    """
    return _unchanged(path, WHOLE_PIXELS) or _encode(open_upright(path, LARGEST_SIDE), "PNG")


def small_picture(path: Path) -> tuple[bytes, str]:
    """Return the bytes and media type of an image file, or of a thumbnail where it is large."""
    stat = path.stat()
    picture = _unchanged(path, SMALL_PIXELS) if stat.st_size <= SMALL_BYTES else None
    return picture or _thumbnail(path, stat.st_mtime_ns)


def _unchanged(path: Path, most_pixels: int) -> tuple[bytes, str] | None:
    """Return an image file as it is if a browser shows the pixels that `open_item` reads, or None.

    The size is that of the header, since a file of kilobytes may hold gigabytes of pixels. Browsers
    differ from the decoder in 16 bits per channel, CMYK colors, transparency, animations, and the
    orientation of formats other than JPEG.
    """
    try:
        with Image.open(path) as image:
            kind = BROWSER_TYPES.get(image.format or "")
            is_jpeg = kind == "image/jpeg"
            is_plain = (
                kind is not None
                and image.width * image.height <= most_pixels
                and image.mode in ("1", "L", "P", "RGB")
                and not image.has_transparency_data
                and not has_16_bits(image)
                and (is_jpeg or not getattr(image, "is_animated", False))
                and (is_jpeg or image.getexif().get(_ORIENTATION, 1) == 1)
            )
    except Exception:  # headers can be damaged in many ways; the decoder words the error
        return None
    return (path.read_bytes(), kind) if kind and is_plain else None


@lru_cache(_KEPT)
def _thumbnail(path: Path, changed: int) -> tuple[bytes, str]:
    """Return a thumbnail; a file that has changed gets a new one."""
    return _encode(open_upright(path, THUMBNAIL_SIDE), "JPEG", quality=85)


def _encode(image: Image.Image, kind: str, **options: Any) -> tuple[bytes, str]:
    buffer = io.BytesIO()
    image.save(buffer, kind, **options)
    return buffer.getvalue(), f"image/{kind.lower()}"
