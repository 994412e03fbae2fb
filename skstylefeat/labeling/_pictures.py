"""Pictures of image files: as they are, or smaller and upright."""

import io
from functools import lru_cache

from PIL import Image, ImageOps

# What every browser shows; other files are converted.
BROWSER_TYPES = {
    ".bmp": "image/bmp",
    ".gif": "image/gif",
    ".jpeg": "image/jpeg",
    ".jpg": "image/jpeg",
    ".png": "image/png",
    ".webp": "image/webp",
}
SMALL_BYTES = 200_000  # files up to this size are sent as they are
THUMBNAIL_SIDE = 360
_KEPT = 1024


def open_upright(path, side=None):
    """Read an image file as RGB, upright by its EXIF orientation, alpha over white.

    Parameters
    ----------
    path : path-like
    side : int or None, default=None
        Longer side, in pixels, that larger images are brought down to.

    Returns
    -------
    PIL.Image.Image
    """
    with Image.open(path) as file:
        if side is not None:
            file.draft("RGB", (side, side))  # lets JPEG files be read at a fraction of their size
        image = ImageOps.exif_transpose(file)
        if image.mode in ("RGBA", "LA", "PA") or "transparency" in image.info:
            image = image.convert("RGBA")
            image = Image.alpha_composite(Image.new("RGBA", image.size, "white"), image)
        image = image.convert("RGB")
    if side is not None:
        image.thumbnail((side, side), Image.Resampling.LANCZOS)
    return image


def whole_picture(path):
    """Return the bytes and media type of an image file; what browsers do not show becomes PNG."""
    kind = BROWSER_TYPES.get(path.suffix.lower())
    return (path.read_bytes(), kind) if kind else _encode(open_upright(path), "PNG")


def small_picture(path):
    """Return the bytes and media type of an image file, or of a thumbnail where it is large."""
    stat = path.stat()
    if stat.st_size <= SMALL_BYTES and path.suffix.lower() in BROWSER_TYPES:
        return whole_picture(path)
    return _thumbnail(path, stat.st_mtime_ns)


@lru_cache(_KEPT)
def _thumbnail(path, changed):
    """Return a thumbnail; a file that has changed since gets a new one."""
    return _encode(open_upright(path, THUMBNAIL_SIDE), "JPEG", quality=85)


def _encode(image, kind, **options):
    buffer = io.BytesIO()
    image.save(buffer, kind, **options)
    return buffer.getvalue(), f"image/{kind.lower()}"
