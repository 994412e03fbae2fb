"""Crops of image files, made when they are read."""

from __future__ import annotations

import io
from collections.abc import Sequence
from typing import Any, NamedTuple

from PIL import Image

from skstylefeat.images._decoding import open_item

#: The first one is the default.
FILTERS = ("lanczos", "bicubic", "box")


class CroppedImage(NamedTuple):
    """An image file that is read as a square of one size, cut from its upright pixels."""

    item: Any
    box: tuple[float, ...] | None
    side: int
    resampling: str

    def __str__(self) -> str:
        return str(self.item)

    def read_bytes(self) -> bytes:
        """Return the crop as a PNG file.

        Raises
        ------
        ValueError
            If the box does not lie inside the image.
        """
        image = open_item(self.item, str(self.item))
        box = self.box
        if box is not None:
            left, top, right, bottom = box
            if not (0 <= left < right <= image.width and 0 <= top < bottom <= image.height):
                raise ValueError(
                    f"--box {','.join(f'{edge:g}' for edge in box)} does not lie inside the image "
                    f"{str(self.item)!r} of {image.width} x {image.height} pixels; expected left < "
                    "right, top < bottom."
                )
        resampling = Image.Resampling[self.resampling.upper()]
        image = image.resize((self.side, self.side), resampling, box=box)  # type: ignore[arg-type]
        buffer = io.BytesIO()
        image.save(buffer, "PNG", compress_level=1)
        return buffer.getvalue()


def cropped(
    items: Sequence[Any], box: Sequence[float] | None, side: int, resampling: str
) -> list[CroppedImage]:
    """Return items that are read as crops.

    Parameters
    ----------
    items : list of path or ZipMember
    box : tuple of 4 floats or None
        Left, top, right and bottom in pixels of the upright files; None takes everything.
    side : int
        Side of the result in pixels.
    resampling : {"lanczos", "bicubic", "box"}

    Returns
    -------
    list of CroppedImage
    """
    edges = None if box is None else tuple(box)
    return [CroppedImage(item, edges, side, resampling) for item in items]
