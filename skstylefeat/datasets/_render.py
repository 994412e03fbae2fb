"""Rendering of faces from attributes, layer by layer from back to front."""

from __future__ import annotations

import numbers
from typing import Any

import numpy as np
from numpy.typing import NDArray

from skstylefeat.datasets._anatomy import FaceNumbers, measure
from skstylefeat.datasets._attributes import check_attributes
from skstylefeat.datasets._canvas import Canvas
from skstylefeat.datasets._features import paint_brows, paint_eyes, paint_mouth, paint_nose
from skstylefeat.datasets._geometry import head_plane
from skstylefeat.datasets._glasses import paint_glasses
from skstylefeat.datasets._hair import BackHair, paint_beard, paint_front_hair, paint_moustache
from skstylefeat.datasets._scene import paint_background, paint_body
from skstylefeat.datasets._skin import Ears, Skin, paint_skin

MIN_IMAGE_SIZE, MAX_IMAGE_SIZE = 8, 1024
#: Pixels painted at once: a plane of floats then fits a core's cache.
PIXELS_AT_ONCE = 16 * 64 * 64


def _paint(canvas, faces):
    """Paint all layers of a batch of faces."""
    x, y = head_plane(canvas, faces)
    back_hair = BackHair(canvas, x, y, faces)
    ears = Ears(canvas, x, y, faces)
    skin = Skin(canvas, x, y, faces)

    paint_background(canvas, faces)
    back_hair.paint_behind(canvas)
    paint_body(canvas, faces)
    back_hair.paint_before_shoulders(canvas)
    ears.paint(front=False)
    paint_skin(skin, faces)
    ears.paint(front=True)
    paint_beard(canvas, x, y, faces)
    paint_mouth(skin, faces)
    paint_eyes(skin, faces)
    paint_brows(skin, faces)
    paint_moustache(skin, faces)
    paint_nose(canvas, x, y, faces)
    paint_front_hair(canvas, x, y, skin, faces)
    paint_glasses(canvas, x, y, skin, faces)


def check_image_size(image_size: int) -> int:
    """Return `image_size` as an int, or raise an error that names the problem."""
    if isinstance(image_size, bool) or not isinstance(image_size, numbers.Integral):
        raise TypeError(
            f"image_size must be an integer, the width and height in pixels, got {image_size!r}."
        )
    if not MIN_IMAGE_SIZE <= image_size <= MAX_IMAGE_SIZE:
        raise ValueError(
            f"image_size must be from {MIN_IMAGE_SIZE} to {MAX_IMAGE_SIZE} pixels, got "
            f"{image_size}."
        )
    return int(image_size)


def render_faces(
    attributes: Any, image_size: int = 64, *, batch_size: int | None = None
) -> NDArray[np.uint8]:
    """Render faces with given attributes.

    Parameters
    ----------
    attributes : dict or DataFrame
        Values of some or all attributes, which the `DESCR` of :func:`make_faces` lists: one value
        for all faces, or one per face. Other attributes have their default values: a 30-year-old
        face that looks straight ahead, without glasses or beard. An empty dict gives one face.
    image_size : int, default=64
        Width and height in pixels, 8 to 1024.
    batch_size : int or None, default=None
        Number of faces to paint at once, which changes speed and memory, but no pixel. None takes
        as many as fit in the cache of a processor core.

    Returns
    -------
    images : ndarray of shape (n_faces, image_size, image_size, 3), dtype uint8
        RGB.

    Raises
    ------
    ValueError
        If an attribute or a category is unknown, a value is out of range or not finite, columns
        differ in length, or a size is out of range.
    TypeError
        If `attributes` is not a mapping of columns, or `image_size` or `batch_size` is not an
        integer.

    See Also
    --------
    make_faces : Faces with random attributes.
    sample_attributes : Random attributes alone.

    Examples
    --------
    A face that turns its head and grows old:

    >>> import numpy as np
    >>> from skstylefeat.datasets import render_faces
    >>> strip = render_faces({"yaw": np.linspace(-45, 45, 7), "age": np.linspace(5, 80, 7)})
    >>> strip.shape, strip.dtype
    ((7, 64, 64, 3), dtype('uint8'))

    Random faces, all with dark glasses:

    >>> from skstylefeat.datasets import sample_attributes
    >>> attributes = sample_attributes(3, random_state=0)
    >>> render_faces({**attributes, "glasses": "dark"}, 32).shape
    (3, 32, 32, 3)
    """
    size = check_image_size(image_size)
    attributes = check_attributes(attributes)
    if batch_size is None:
        batch_size = max(1, PIXELS_AT_ONCE // size**2)
    elif isinstance(batch_size, bool) or not isinstance(batch_size, numbers.Integral):
        raise TypeError(f"batch_size must be an integer or None, got {batch_size!r}.")
    elif batch_size < 1:
        raise ValueError(f"batch_size must be at least 1, got {batch_size}.")

    n = len(attributes["yaw"])
    images = np.empty((n, size, size, 3), np.uint8)
    # Faces in similar poses are painted together, because the windows around them are smaller.
    order = np.lexsort((attributes["yaw"], attributes["pitch"] // 13))
    columns = measure({name: column[order] for name, column in attributes.items()})
    for start in range(0, n, batch_size):
        rows = order[start : start + batch_size]
        canvas = Canvas(len(rows), size)
        _paint(canvas, FaceNumbers(columns, slice(start, start + len(rows))))
        images[rows] = canvas.to_uint8()
    return images
