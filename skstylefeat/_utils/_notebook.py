"""HTML of objects in notebooks: a line of facts, thumbnails inline, nothing fetched."""

from __future__ import annotations

import base64
import io
from collections.abc import Iterable, Sequence
from html import escape
from typing import Any, Literal

import numpy as np
from numpy.typing import NDArray

#: Most thumbnails of an object, and their height on the page in pixels.
MOST_THUMBNAILS, THUMBNAIL = 8, 64


def picture_uri(pixels: NDArray[Any], kind: Literal["JPEG", "PNG"] = "JPEG") -> str:
    """Return an image (H, W, 3) or (H, W), floats in [0, 1] or uint8, as a data URI."""
    from PIL import Image

    array = np.asarray(pixels)
    if array.dtype != np.uint8:
        array = np.rint(np.clip(array, 0, 1) * 255).astype(np.uint8)
    file = io.BytesIO()
    options = {"quality": 88} if kind == "JPEG" else {"optimize": True}
    Image.fromarray(array).save(file, format=kind, **options)
    text = base64.b64encode(file.getvalue()).decode("ascii")
    return f"data:image/{kind.lower()};base64,{text}"


def thumbnails_html(pictures: Iterable[tuple[NDArray[Any], str]]) -> str:
    """Return small images with captions in a row, as PNG."""
    cells = "".join(
        f'<figure style="margin:0"><img src="{picture_uri(pixels, "PNG")}" alt="" '
        f'style="height:{THUMBNAIL}px;display:block"><figcaption style="font-size:.7em;'
        f"max-width:{2 * THUMBNAIL}px;overflow:hidden;text-overflow:ellipsis;white-space:nowrap"
        f'">{escape(caption)}</figcaption></figure>'
        for pixels, caption in pictures
    )
    return f'<div style="display:flex;flex-wrap:wrap;gap:6px;margin:.4em 0">{cells}</div>'


def object_html(
    title: str, facts: Sequence[tuple[str, object]], thumbnails: str = "", table: str = ""
) -> str:
    """Return title, facts and thumbnails of an object; texts are escaped, `table` is HTML."""
    shown = " · ".join(f"{escape(key)} {escape(str(value))}" for key, value in facts)
    return (
        f"<div><strong>{escape(title)}</strong><br><small>{shown}</small>{thumbnails}{table}</div>"
    )
