"""Files cropped to one box and resized by a chosen filter, for trainings and experiments."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, Literal, NamedTuple, TypeAlias

import numpy as np
from numpy.typing import NDArray
from PIL import Image

from skstylefeat.images._collection import Fault
from skstylefeat.images._decoding import open_item

Resampling: TypeAlias = Literal["lanczos", "bicubic", "box"]
Box: TypeAlias = tuple[float, float, float, float]
FILTERS = {
    "bicubic": Image.Resampling.BICUBIC,
    "box": Image.Resampling.BOX,
    "lanczos": Image.Resampling.LANCZOS,
}


class Crops(NamedTuple):
    """Images read by `read_crops`.

    Attributes
    ----------
    pixels : ndarray of shape (m, size, size, 3), uint8
        The images that can be read, in order.
    sizes : ndarray of shape (m, 2), float
        Width and height in pixels of what was resized: the box, or the whole file.
    faults : list of Fault
        The images that cannot be read.
    """

    pixels: NDArray[np.uint8]
    sizes: NDArray[np.float64]
    faults: list[Fault]


def read_crops(
    files: Sequence[Any],
    names: Sequence[str],
    size: int,
    box: Box | None = None,
    resampling: Resampling = "lanczos",
) -> Crops:
    """Read images of one side; what is not square is squeezed.

    Parameters
    ----------
    files : sequence of length n
        What to open, as in :func:`skstylefeat.images.list_images`.
    names : sequence of str of length n
        Their names in messages.
    size : int
        Side of the images in pixels.
    box : tuple of 4 floats, default=None
        Left, top, right and bottom of a crop, in pixels of the upright files.
    resampling : {"lanczos", "bicubic", "box"}, default="lanczos"
        How images are resized.

    Returns
    -------
    Crops

    Raises
    ------
    ValueError
        If the box does not lie inside an image.
    """
    pixels = np.empty((len(files), size, size, 3), dtype=np.uint8)
    sizes: list[tuple[float, float]] = []
    faults: list[Fault] = []
    for row, (file, name) in enumerate(zip(files, names, strict=True)):
        try:
            image = open_item(file, name)
        except (OSError, ValueError) as error:
            faults.append(Fault(row, name, error))
            continue
        if box is not None and not _inside(box, image.size):
            raise ValueError(
                f"--box {','.join(f'{v:g}' for v in box)} does not lie inside the image {name!r} "
                f"of {image.width} x {image.height} pixels; expected left < right, top < bottom."
            )
        pixels[len(sizes)] = np.asarray(image.resize((size, size), FILTERS[resampling], box=box))
        sizes.append(image.size if box is None else (box[2] - box[0], box[3] - box[1]))
    return Crops(pixels[: len(sizes)], np.array(sizes, dtype=float).reshape(-1, 2), faults)


def _inside(box, size):
    left, top, right, bottom = box
    return 0 <= left < right <= size[0] and 0 <= top < bottom <= size[1]
