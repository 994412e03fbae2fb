"""Geometry of the head: from a pixel to a point of the head, and back.

The head is an ellipsoid with a narrowing jaw, seen without perspective. On the *head plane*
(x to the right, y downwards, the head's center at 0, roll undone) it fills an outline of half
width ``half_width`` and half height ``half_height``. Each pixel within the outline shows one point
(hx, hy, hz) of the unit ball in *head coordinates*: for a head that looks straight ahead, hx points
to the right of the image, hy to the chin, and hz along the nose. Features have fixed head
coordinates, so that a turn of the head moves, narrows and hides them correctly.
"""

import numpy as np

from skstylefeat.datasets._shapes import F


def head_plane(canvas, faces):
    """Return the coordinates of all pixels on the head plane, each of shape (n, size, size)."""
    dx, dy = canvas.x - faces.center_x, canvas.y - faces.center_y
    x = dx * faces.cos_roll + dy * faces.sin_roll
    y = dy * faces.cos_roll - dx * faces.sin_roll
    return x, y


def taper(y, faces):
    """Return the width of the outline at the height `y` in [-1, 1], as a share of the largest."""
    low, high = np.clip(y, 0, 1), np.clip(y, -1, 0)
    jaw = faces.jaw * low * low * (F(0.45) + F(0.55) * low)
    return F(1) - jaw - F(0.05) * high * high


class Surface:
    """Visible surface, in the pixels of a window, of a head `radius` times as large as the skin.

    Attributes
    ----------
    nx, ny, nz : ndarray of shape (n, height, width)
        Direction that the surface faces, as seen: right, down, towards the viewer.
    hx, hy, hz : ndarray of shape (n, height, width)
        Head coordinates.
    distance : ndarray of shape (n, height, width)
        Distance to the outline, negative inside.
    """

    def __init__(self, x, y, faces, radius):
        self.ny = ny = y / (faces.half_height * radius)
        self.nx = nx = x / (faces.half_width * radius * taper(ny, faces))
        square = nx * nx + ny * ny
        scale = np.sqrt(faces.half_width * faces.half_height) * radius
        self.distance = (np.sqrt(square) - F(1)) * scale
        np.subtract(F(1), square, out=square)
        np.maximum(square, 0, out=square)
        self.nz = nz = np.sqrt(square, out=square)
        self.hy = ny * faces.cos_pitch + nz * faces.sin_pitch
        ahead = nz * faces.cos_pitch - ny * faces.sin_pitch
        self.hx = nx * faces.cos_yaw - ahead * faces.sin_yaw
        self.hz = nx * faces.sin_yaw + ahead * faces.cos_yaw

    def light(self, faces):
        """Return the cosine between the normal of the surface and the light."""
        return self.nx * faces.light_x + self.ny * faces.light_y + self.nz * faces.light_z


def project(faces, hx, hy, hz):
    """Return the position on the head plane, and the depth, of a point in head coordinates."""
    turned = hx * faces.cos_yaw + hz * faces.sin_yaw
    ahead = hz * faces.cos_yaw - hx * faces.sin_yaw
    y = hy * faces.cos_pitch - ahead * faces.sin_pitch
    depth = hy * faces.sin_pitch + ahead * faces.cos_pitch
    return turned * faces.half_width * taper(y, faces), y * faces.half_height, depth


def window(canvas, faces, left, right, top, bottom):
    """Return the rows and columns of the image that contain a box of the head plane at any roll.

    The bounds are numbers or one number per face.
    """
    tilt = np.abs(faces.sin_roll)
    slack_x = tilt * np.maximum(np.abs(top), np.abs(bottom))
    slack_y = tilt * np.maximum(np.abs(left), np.abs(right))
    margin = canvas.pixel
    rows = canvas.between(
        faces.center_y + top - slack_y - margin, faces.center_y + bottom + slack_y + margin
    )
    columns = canvas.between(
        faces.center_x + left - slack_x - margin, faces.center_x + right + slack_x + margin
    )
    return rows, columns


def head_window(canvas, faces, radius):
    """Return rows and columns that contain heads `radius` times as large as the skin."""
    wide, high = faces.half_width * radius, faces.half_height * radius
    return window(canvas, faces, -wide, wide, -high, high)
