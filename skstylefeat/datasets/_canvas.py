"""Canvas for a batch of pictures: pixels, their coordinates, and two painting operations.

Colors are planes, (3, n, height, width), so that each plane of a channel is one contiguous
array. Painting changes only the pixels that a shape covers. Small shapes are therefore painted on
a window of the picture, with the same result in a fraction of the time.
"""

import numpy as np

from skstylefeat.datasets._shapes import F


class Canvas:
    """Pictures of `n` faces; coordinates run from -1 to 1, x to the right, y downwards."""

    def __init__(self, n, size):
        self.size = size
        self.rgb = np.empty((3, n, size, size), F)
        self.pixel = F(2.0 / size)
        #: Pixels per unit of length.
        self.sharpness = F(1) / self.pixel
        axis = ((np.arange(size) + 0.5) * 2 / size - 1).astype(F)
        self.x = axis[None, None, :]
        self.y = axis[None, :, None]

    def between(self, low, high):
        """Return the slice of rows (or columns) whose centers may lie between two coordinates.

        `low` and `high` are numbers or arrays with one number per face; the slice covers all.
        """
        first = int(np.floor((np.min(low) + 1) / 2 * self.size)) - 1
        last = int(np.ceil((np.max(high) + 1) / 2 * self.size)) + 1
        return slice(min(max(first, 0), self.size), min(max(last, 0), self.size))

    def to_uint8(self):
        """Return pictures as uint8 of shape (n, size, size, 3); overwrites the canvas."""
        rgb = self.rgb
        np.clip(rgb, 0, 1, out=rgb)
        rgb *= F(255)
        rgb += F(0.5)
        return np.moveaxis(rgb.astype(np.uint8), 0, -1)


def over(rgb, alpha, color):
    """Paint a color over `rgb`, in place, with the opacity `alpha`."""
    for c in range(3):
        change = color[c] - rgb[c]
        change *= alpha
        rgb[c] += change


def blend(rgb, alpha, dark, light, t):
    """Paint the color at the share `t` of the way from `dark` to `light`, in place."""
    for c in range(3):
        change = light[c] - dark[c]
        change = change * t
        change += dark[c]
        change -= rgb[c]
        change *= alpha
        rgb[c] += change


def flat(red, green, blue):
    """Return one color for all faces, shaped like the colors of :class:`FaceNumbers`."""
    return np.array([red, green, blue], F)[:, None, None, None]
