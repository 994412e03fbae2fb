"""Skin of the head, with light, soft forms and lines of age, and the ears."""

import numpy as np

from skstylefeat.datasets._canvas import blend, flat, over
from skstylefeat.datasets._geometry import Surface, head_window, project
from skstylefeat.datasets._shapes import F, bump, cover, ellipse


class Skin(Surface):
    """Surface of the head within its window, on which everything on the skin is painted.

    Attributes
    ----------
    rows, columns : slice
        The window.
    rgb : ndarray of shape (3, n, height, width)
        Pixels of the canvas within it.
    aside : ndarray of shape (n, height, width)
        ``|hx|``, as a face is symmetric.
    inside, front, on_face : ndarray of shape (n, height, width)
        Coverage by the head; 1 on the side of the face, falling to 0 at the ears; their product.
    sharpness : ndarray of shape (n, height, width)
        Pixels per head unit, for edges on the surface: fewer where it turns away.
    edge : ndarray of shape (n, 1, 1)
        Half the width of the softest edge, in head units: the reach of paint past a shape.
    """

    def __init__(self, canvas, x, y, faces):
        self.rows, self.columns = head_window(canvas, faces, 1.0)
        here = (slice(None), self.rows, self.columns)
        super().__init__(x[here], y[here], faces, F(1))
        self.rgb = canvas.rgb[:, :, self.rows, self.columns]
        self.aside = np.abs(self.hx)
        self.inside = cover(self.distance, canvas.sharpness)
        self.front = np.clip(self.hz * F(3), 0, 1)
        self.on_face = self.inside * self.front
        stretch = np.clip(self.hz / np.maximum(self.nz, F(0.12)), F(0.8), F(4))
        self.sharpness = (faces.half_width * canvas.sharpness) / stretch
        self.edge = F(2) / (faces.half_width * canvas.sharpness)
        self._lowest, self._highest = self.hy.min(axis=2), self.hy.max(axis=2)

    def band(self, low, high):
        """Return the rows of the window where hy may lie between `low` and `high` of a face."""
        low, high = (np.asarray(bound, F).reshape(-1, 1) for bound in (low, high))
        used = ((self._highest >= low) & (self._lowest <= high)).any(axis=0)
        if not used.any():
            return slice(0, 0)
        return slice(int(used.argmax()), len(used) - int(used[::-1].argmax()))


class Ears:
    """Ears: two ellipses, painted before the head, and again where they turn to the viewer."""

    def __init__(self, canvas, x, y, faces):
        self.sides = []
        for side in (F(-1), F(1)):
            ear_x, ear_y, depth = project(faces, side * F(1.03), F(0.05), F(-0.06))
            turn = np.abs(faces.cos_yaw) * F(0.55) + np.maximum(depth, 0) * F(1.1)
            wide = faces.half_width * F(0.17) * np.clip(turn, F(0.4), F(1.2))
            high = faces.half_height * (F(0.17) + F(0.03) * faces.old)
            self.sides.append((side, ear_x, ear_y, depth, wide, high))
        lowest = faces.center_y + np.maximum(self.sides[0][2], self.sides[1][2])
        highest = faces.center_y + np.minimum(self.sides[0][2], self.sides[1][2])
        rows = canvas.between(highest - 0.28, lowest + 0.28)
        self._x, self._y, self._rgb = x[:, rows], y[:, rows], canvas.rgb[:, :, rows]
        self._sharpness = canvas.sharpness
        self._faces = faces

    def paint(self, front):
        """Paint both ears, or with `front` their parts in front of the head."""
        for side, ear_x, ear_y, depth, wide, high in self.sides:
            shown = np.clip((depth - F(0.12)) * F(6), 0, 1) if front else F(1)
            index = np.flatnonzero(np.broadcast_to(shown, depth.shape))
            if not len(index):
                continue
            faces = self._faces.take(index)
            shape = [value[index] for value in (ear_x, ear_y, wide, high)]
            distance = ellipse(self._x[index], self._y[index], *shape)
            alpha = cover(distance, self._sharpness)
            if front:
                alpha *= shown[index]
            light = F(0.50) + side * faces.light_x * F(0.35) + faces.light_z * F(0.15)
            t = np.clip(light + distance * F(2.5), 0, 1)
            part = self._rgb[:, index]
            blend(part, alpha, faces.skin_dark, faces.skin_light, t)
            self._rgb[:, index] = part


def paint_skin(skin, faces):
    """Paint the head: light on a ball, soft forms, lines of age, blushing cheeks."""
    # A face is flatter than a ball, so part of the light depends on the face and the viewer.
    flatness = np.clip(skin.nz * F(0.55) + skin.hz * F(0.25), 0, 1)
    t = np.clip(F(0.20) + F(0.62) * skin.light(faces) + F(0.25) * flatness, 0, 1)
    front, aside, hy = skin.front, skin.aside, skin.hy

    # Dark sockets around the eyes.
    rows = skin.band(faces.eye_y - F(0.32), faces.eye_y + F(0.20))
    u, v = (aside[:, rows] - faces.eye_x) / F(0.27), (hy[:, rows] - faces.eye_y + F(0.06)) / F(0.22)
    sockets = bump((u * u + v * v) * F(0.8)) * front[:, rows]
    t[:, rows] -= sockets * (F(0.17) + F(0.08) * faces.old)

    # Cheeks catch light.
    cheek_rows = rows = skin.band(F(0.05), F(0.55))
    u, v = (aside[:, rows] - F(0.50)) / F(0.30), (hy[:, rows] - F(0.30)) / F(0.24)
    cheeks = bump(u * u + v * v) * front[:, rows]
    t[:, rows] += cheeks * (F(0.10) - F(0.10) * faces.old)

    # A shadow below the lower lip.
    below = faces.mouth_y + F(0.19) + faces.mouth_gap
    rows = skin.band(below - F(0.07), below + F(0.07))
    u = skin.hx[:, rows] / F(0.30)
    v = (hy[:, rows] - faces.mouth_y - F(0.19) - faces.mouth_gap) / F(0.06)
    t[:, rows] -= bump(u * u + v * v) * front[:, rows] * F(0.14)

    # Lines of age, then the skin itself, then a blush.
    t -= _lines(skin, faces) * skin.front
    np.clip(t, 0, 1, out=t)
    blend(skin.rgb, skin.inside, faces.skin_dark, faces.skin_light, t)
    redness = F(0.20) + F(0.14) * (F(1) - faces.grown) - F(0.10) * faces.old
    blush = cheeks * skin.inside[:, cheek_rows] * redness
    over(skin.rgb[:, :, cheek_rows], blush, faces.skin * flat(1.02, 0.68, 0.66))


def _lines(skin, faces):
    """Return the depth of lines: folds at the mouth, bags, forehead, crow's feet."""
    lines = np.zeros_like(skin.hy)
    old = np.clip(faces.old * F(1.15), 0, 1)
    laugh = np.maximum(faces.smile, 0)

    # Folds from the nose to the mouth, which a smile deepens.
    length = faces.mouth_y + F(0.16) - faces.nose_y
    rows = skin.band(faces.nose_y - length * F(0.1), faces.nose_y + length * F(1.1))
    along = (skin.hy[:, rows] - faces.nose_y) / length
    off = skin.aside[:, rows] - (F(0.20) + F(0.20) * along + laugh * F(0.5))
    across, middle = off / F(0.055), (along - F(0.5)) * F(1.7)
    fold = bump(across * across) * np.maximum(F(1) - middle * middle, 0)
    lines[:, rows] = fold * (old * F(0.55) + laugh * F(1.2))
    if not old.any():
        return lines

    # Bags below the eyes.
    rows = skin.band(faces.eye_y + F(0.08), faces.eye_y + F(0.24))
    u = (skin.aside[:, rows] - faces.eye_x) / F(0.19)
    across = (skin.hy[:, rows] - (faces.eye_y + F(0.185)) + u * u * F(0.05)) / F(0.045)
    bag = bump(across * across) * np.maximum(F(1) - u * u, 0)
    lines[:, rows] += bag * (old * F(0.50))

    # Two lines across the forehead.
    rows = skin.band(faces.brow_y - F(0.37), faces.brow_y - F(0.12))
    square = skin.aside[:, rows] * skin.aside[:, rows]
    arch = square * F(0.10)
    height = skin.hy[:, rows]
    first = (height - (faces.brow_y - F(0.16)) + arch) / F(0.035)
    second = (height - (faces.brow_y - F(0.29)) + arch) / F(0.035)
    both = bump(first * first) + bump(second * second)
    lines[:, rows] += both * np.maximum(F(1) - square * F(2.8), 0) * (old * F(0.42))

    # Crow's feet at the outer corners of the eyes.
    rows = skin.band(faces.eye_y - F(0.14), faces.eye_y + F(0.12))
    u = (skin.aside[:, rows] - faces.eye_x - faces.eye_width - F(0.11)) / F(0.10)
    v = skin.hy[:, rows] - faces.eye_y + F(0.01)
    across = (np.abs(v) - F(0.05) - u * F(0.03)) / F(0.03)
    lines[:, rows] += bump(across * across) * bump(u * u) * (old * F(0.45))
    return lines
