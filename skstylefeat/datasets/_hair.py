"""Hair: behind the head, in front of the shoulders, on the head, and on the chin."""

import numpy as np

from skstylefeat.datasets._canvas import blend, over
from skstylefeat.datasets._features import mouth_rows
from skstylefeat.datasets._geometry import Surface, head_window, window
from skstylefeat.datasets._shapes import F, cover, rounded_box, smooth


class BackHair:
    """Long hair as a rounded box, painted behind the neck and again in front of the shoulders."""

    def __init__(self, canvas, x, y, faces):
        self._index = index = np.flatnonzero(faces.hair_long[:, 0, 0] > 0)
        if not len(index):
            return
        self._faces = faces = faces.take(index)
        top, bottom = -faces.half_height * F(0.55), faces.hair_end
        wide = faces.half_width * (F(0.98) + F(0.10) * faces.hair_long)
        wide = wide * (F(1) + F(1.2) * faces.curl)
        radius = faces.half_width * F(0.55)
        high = np.maximum(bottom - top, radius * F(2)) * F(0.5)
        middle = (top + bottom) * F(0.5)
        offset = faces.half_width * F(0.18) * faces.sin_yaw

        rows, columns = window(
            canvas,
            faces,
            -offset - wide * F(1.03),
            -offset + wide * F(1.03),
            middle - high,
            middle + high,
        )
        self._pixels = (slice(None), index, rows, columns)
        self._y = y[index, rows, columns]
        self._x = x[index, rows, columns] + offset
        self._aside = np.abs(self._x)
        # A little wider at the shoulders than at the crown.
        sides = wide * (F(0.90) + F(0.12) * np.clip(self._y + F(0.4), 0, 1))
        distance = rounded_box(
            self._aside - sides + radius, np.abs(self._y - middle) - high + radius, radius
        )
        self._shape = cover(distance, canvas.sharpness)
        # Hair that does not reach the jaw is thin behind the neck.
        self._opacity = np.clip(faces.hair_long * F(4), 0, 1)

    def paint_behind(self, canvas):
        """Paint the dark back of the hair, before the body is painted."""
        if len(self._index):
            part = canvas.rgb[self._pixels]
            over(part, self._shape * self._opacity, self._faces.hair_dark)
            canvas.rgb[self._pixels] = part

    def paint_before_shoulders(self, canvas):
        """Paint the hair at both sides of the neck, after the body is painted."""
        if len(self._index):
            faces = self._faces
            sides = cover(faces.neck * F(1.25) + F(0.05) - self._aside, canvas.sharpness)
            t = F(0.5) + self._x * faces.light_x * F(0.8) - self._y * F(0.25)
            alpha = self._shape * sides * self._opacity
            part = canvas.rgb[self._pixels]
            blend(part, alpha, faces.hair_dark, faces.hair, np.clip(t, 0, 1))
            canvas.rgb[self._pixels] = part


def _curls(x, y, faces):
    """Return the radius of the hair in each direction: ten soft lobes where it is curly."""
    if not np.any(faces.curl):
        return faces.hair_radius
    cosine = x / (np.sqrt(x * x + y * y) + F(1e-6))
    square = cosine * cosine
    # Chebyshev polynomials of the cosine: cos(5 phi), then cos(10 phi).
    five = cosine * (F(16) * square * square - F(20) * square + F(5))
    lobes = F(2) * five * five - F(1)
    return faces.hair_radius * (F(1) + faces.curl * F(0.6) * lobes)


def paint_front_hair(canvas, x, y, skin, faces):
    """Paint the hair that lies on the head, down to the hairline, and its shadow on the skin."""
    largest = np.maximum(faces.hair_radius * (F(1) + faces.curl * F(0.6)), F(1))
    rows, columns = head_window(canvas, faces, largest)
    x, y = x[:, rows, columns], y[:, rows, columns]
    hair = Surface(x, y, faces, _curls(x, y, faces))
    below = hair.hy - _hairline(hair, faces)
    units = faces.half_width * canvas.sharpness

    # The fringe casts a soft shadow; the window of the skin lies within that of the hair.
    first, left = skin.rows.start - rows.start, skin.columns.start - columns.start
    _, height, width = skin.hy.shape
    on_skin = below[:, first : first + height, left : left + width]
    shadow = cover(on_skin - F(0.09), units * F(0.22))
    alpha = shadow * skin.inside * skin.front * F(0.35) * faces.hair_opacity
    over(skin.rgb, alpha, faces.skin_dark)

    # Shading and a highlight.
    alpha = cover(hair.distance, canvas.sharpness) * cover(below, units * F(0.75))
    light = hair.light(faces)
    t = np.clip(F(0.18) + F(0.55) * light, 0, 1)
    t += np.clip(light * F(2.2) - F(1.25), 0, 1) * F(0.28)
    rgb = canvas.rgb[:, :, rows, columns]
    blend(rgb, alpha * faces.hair_opacity, faces.hair_dark, faces.hair_light, t)


def _hairline(hair, faces):
    """Return the height hy where the hair ends: at the forehead, lower at temples and nape."""
    hx = hair.hx
    square = hx * hx
    line = faces.hairline + faces.hairline_slope * hx + faces.hairline_curve * square
    line -= faces.hairline_curve * F(0.15)
    line += faces.curl * (hx * F(4) - hx * square * F(9)) * F(1.2)
    # At the outline a pixel spans the whole side of the head; hair would be a broken line there.
    rim = smooth(hair.nz / F(0.30))
    temple = smooth((faces.temple_z - hair.hz) / F(0.30)) * rim
    nape = smooth((F(0.05) - hair.hz) / F(0.35)) * rim
    line = line + (faces.hair_temple - line) * temple
    line += (faces.hair_nape - faces.hair_temple) * nape
    return line


def paint_beard(canvas, x, y, faces):
    """Paint full beards, on a surface slightly larger than the head."""
    index = np.flatnonzero(faces.facial_hair == "beard")
    if not len(index):
        return
    faces = faces.take(index)
    rows, columns = head_window(canvas, faces, 1.05)
    surface = Surface(x[index, rows, columns], y[index, rows, columns], faces, F(1.045))

    # The beard ends at the mouth and at the cheeks.
    aside = np.abs(surface.hx)
    mouth = np.maximum(F(0), F(1) - (aside / F(0.36)) ** 2)
    cheek = F(0.85) * smooth((aside - F(0.50)) / F(0.5))
    upper_end = faces.nose_y + F(0.30) - F(0.20) * mouth - cheek
    # Behind the ears it covers only the jaw.
    behind = F(-0.25) - surface.hz + np.maximum(F(0.4) - surface.hy, 0)
    distance = np.maximum(upper_end - surface.hy, behind)
    alpha = cover(surface.distance, canvas.sharpness)
    alpha = alpha * cover(distance, (faces.half_width * canvas.sharpness) * F(0.6)) * F(0.95)

    # A beard hides how far the jaw faces downwards.
    light = surface.nx * faces.light_x + surface.ny * faces.light_y * F(0.3)
    t = np.clip(F(0.25) + F(0.65) * (light + surface.nz * faces.light_z), 0, 1)
    part = canvas.rgb[:, index, rows, columns]
    blend(part, alpha, faces.beard * F(0.6), faces.beard * F(1.25) + F(0.04), t)
    canvas.rgb[:, index, rows, columns] = part


def paint_moustache(skin, faces):
    """Paint the band above the upper lip of moustaches and beards."""
    index = np.flatnonzero(faces.facial_hair != "none")
    if not len(index):
        return
    rows = mouth_rows(skin, faces)
    faces = faces.take(index)
    u = skin.hx[index, rows] / (faces.mouth_width * F(1.12))
    square = u * u
    v = skin.hy[index, rows] - faces.mouth_y + faces.smile * (square - F(0.40)) * F(1.4)
    v = v + faces.mouth_gap * F(0.45) * (F(1) - square) + F(0.085)
    v -= square * F(0.06)
    distance = np.abs(v) - F(0.070) * (F(1) - F(0.75) * square)
    distance = np.maximum(distance, (np.abs(u) - F(1)) * faces.mouth_width)
    alpha = cover(distance, skin.sharpness[index, rows]) * skin.on_face[index, rows] * F(0.93)
    part = skin.rgb[:, index, rows]
    over(part, alpha, faces.beard)
    skin.rgb[:, index, rows] = part
