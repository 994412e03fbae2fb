"""Crop box and filter with which image files are brought to a size."""

from __future__ import annotations

from typing import Literal, NamedTuple

from PIL import Image

FILTERS = {
    "bicubic": Image.Resampling.BICUBIC,
    "box": Image.Resampling.BOX,
    "lanczos": Image.Resampling.LANCZOS,
}
Box = tuple[float, float, float, float]


class BoxError(ValueError):
    """A crop box that does not lie inside an image: an error in the options, not in the file."""


class Framing(NamedTuple):
    """Part of every image that is read, and how it is resized.

    Attributes
    ----------
    box : tuple of 4 floats or None
        Left, top, right and bottom of a crop, in pixels of the upright files.
    resampling : {"lanczos", "bicubic", "box"}
    """

    box: Box | None = None
    resampling: Literal["lanczos", "bicubic", "box"] = "lanczos"

    def apply(
        self, image: Image.Image, name: str, size: tuple[int, int] | None = None
    ) -> Image.Image:
        """Return an image cropped, and resized to (height, width) if `size` is given.

        Raises
        ------
        BoxError
            If the box does not lie inside the image.
        """
        box = self.box
        if box is not None and not (
            0 <= box[0] < box[2] <= image.width and 0 <= box[1] < box[3] <= image.height
        ):
            raise BoxError(
                f"--box {','.join(f'{v:g}' for v in box)} does not lie inside the image {name!r} "
                f"of {image.width} x {image.height} pixels; expected left < right, top < bottom."
            )
        if size is None:
            return image if box is None else image.crop(box)
        if box is None and image.size == (size[1], size[0]):
            return image
        return image.resize((size[1], size[0]), FILTERS[self.resampling], box=box)
