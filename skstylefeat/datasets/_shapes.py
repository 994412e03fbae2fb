"""Shapes as signed distances, and soft steps that turn distances into coverage.

A distance is negative inside a shape. All functions work on float32 arrays of any shape.
"""

import numpy as np

#: Pixels are computed in single precision; Python floats would give the same, but convert slowly.
F = np.float32


def smooth(t):
    """Return a step from 0 to 1 with level ends, ``3 t^2 - 2 t^3`` on [0, 1]; keeps the dtype."""
    t = np.clip(t, 0, 1)
    return t * t * (3 - 2 * t)


def mix(a, b, t):
    """Return the value at the share `t` of the way from `a` to `b`."""
    return a + (b - a) * t


def bump(squared):
    """Return a smooth hill over a squared distance: 1 at 0, and 0 from 1 on."""
    t = np.maximum(F(1) - squared, 0)
    return t * t


def cover(distance, sharpness):
    """Return the share of a pixel that a shape covers.

    `sharpness` is 1 / (width of the edge): the number of pixels per unit of length for an
    anti-aliased edge, less for a soft one.
    """
    share = distance * sharpness
    np.subtract(F(0.5), share, out=share)
    return np.clip(share, 0, 1, out=share)


def capsule(x, y, x0, y0, x1, y1, r0, r1):
    """Return the distance to a segment whose radius goes from `r0` to `r1`.

    Returns
    -------
    distance, along, off_x, off_y : ndarray
        `along` is the position along the segment in [0, 1], `off_*` the vector from the nearest
        point of the segment.
    """
    dx, dy = x1 - x0, y1 - y0
    px, py = x - x0, y - y0
    along = np.clip((px * dx + py * dy) / (dx * dx + dy * dy + F(1e-6)), 0, 1)
    off_x, off_y = px - along * dx, py - along * dy
    distance = np.sqrt(off_x * off_x + off_y * off_y) - (r0 + (r1 - r0) * along)
    return distance, along, off_x, off_y


def ellipse(x, y, center_x, center_y, radius_x, radius_y):
    """Return the distance to an ellipse, exact to first order at its outline."""
    ux, uy = (x - center_x) / radius_x, (y - center_y) / radius_y
    k = np.sqrt(ux * ux + uy * uy) + F(1e-6)
    vx, vy = ux / radius_x, uy / radius_y
    return k * (k - F(1)) / np.sqrt(vx * vx + vy * vy + F(1e-9))


def rounded_box(over_x, over_y, radius):
    """Return the distance to a box with round corners.

    `over_x` and `over_y` are the distances of a point past the sides of a box that is `radius`
    smaller on each side.
    """
    out_x, out_y = np.maximum(over_x, 0), np.maximum(over_y, 0)
    outside = np.sqrt(out_x * out_x + out_y * out_y)
    return outside + np.minimum(np.maximum(over_x, over_y), 0) - radius
