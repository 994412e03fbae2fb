"""Image files as pictures for the page: unchanged, or smaller and upright."""

from __future__ import annotations

import io
from functools import lru_cache
from pathlib import Path
from typing import Any

from PIL import Image

from skstylefeat.images._decoding import open_item

# Formats that every browser shows; others are converted.
BROWSER_TYPES = {
    ".bmp": "image/bmp",
    ".gif": "image/gif",
    ".jpeg": "image/jpeg",
    ".jpg": "image/jpeg",
    ".png": "image/png",
    ".webp": "image/webp",
}
SMALL_BYTES = 200_000  # files up to this size are sent unchanged
THUMBNAIL_SIDE = 360
_KEPT = 1024


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
    """Return the bytes and media type of an image file; formats unknown to browsers become PNG."""
    kind = BROWSER_TYPES.get(path.suffix.lower())
    return (path.read_bytes(), kind) if kind else _encode(open_upright(path), "PNG")


def small_picture(path: Path) -> tuple[bytes, str]:
    """Return the bytes and media type of an image file, or of a thumbnail where it is large."""
    stat = path.stat()
    if stat.st_size <= SMALL_BYTES and path.suffix.lower() in BROWSER_TYPES:
        return whole_picture(path)
    return _thumbnail(path, stat.st_mtime_ns)


@lru_cache(_KEPT)
def _thumbnail(path: Path, changed: int) -> tuple[bytes, str]:
    """Return a thumbnail; a file that has changed gets a new one."""
    return _encode(open_upright(path, THUMBNAIL_SIDE), "JPEG", quality=85)


def _encode(image: Image.Image, kind: str, **options: Any) -> tuple[bytes, str]:
    buffer = io.BytesIO()
    image.save(buffer, kind, **options)
    return buffer.getvalue(), f"image/{kind.lower()}"
