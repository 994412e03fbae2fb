"""Background, clothes and neck: the layers behind and below the head."""

import numpy as np

from skstylefeat.datasets._canvas import blend, over
from skstylefeat.datasets._shapes import F, cover, ellipse


def paint_background(canvas, faces):
    """Fill the pictures with a gradient, and two of the kinds with a disc or half plane on it."""
    rgb = canvas.rgb
    across = canvas.x * (faces.background_x * F(0.6))
    share = across + (canvas.y * (faces.background_y * F(0.6)) + F(0.5))
    np.clip(share, 0, 1, out=share)
    share *= np.where(faces.background == "plain", F(0.15), F(1.0)).astype(F)[:, None, None]
    for c in range(3):
        np.multiply(faces.background_to[c] - faces.background_from[c], share, out=rgb[c])
        rgb[c] += faces.background_from[c]

    for kind, distance in (("circle", _disc), ("horizon", _horizon)):
        index = np.flatnonzero(faces.background == kind)
        if len(index):
            some = faces.take(index)
            alpha = cover(distance(canvas, some), canvas.sharpness * F(0.5)) * F(0.8)
            part = rgb[:, index]
            over(part, alpha, some.background_to * F(0.8) + F(0.15))
            rgb[:, index] = part


def _disc(canvas, faces):
    dx = canvas.x - faces.background_x * F(0.45)
    dy = canvas.y - faces.background_y * F(0.35) + F(0.2)
    return np.sqrt(dx * dx + dy * dy) - F(0.62)


def _horizon(canvas, faces):
    return canvas.y - faces.background_y * F(0.35) + canvas.x * (faces.background_x * F(0.25))


def paint_body(canvas, faces):
    """Paint shoulders, collar, and the neck down to the cut of the clothes."""
    rows = canvas.between(0.05, 1)
    rgb, y = canvas.rgb[:, :, rows], canvas.y[:, rows]
    # The body follows the sideways offset of the head only in part.
    x = canvas.x - faces.center_x * F(0.6)
    side_light = x * faces.light_x
    light = np.clip(F(0.55) + side_light * F(0.7) - (y - F(0.9)) * F(0.5), 0, 1)
    shoulders = ellipse(
        x, y, F(0), F(1.22) + (F(0.86) - faces.shoulders) * F(0.4), faces.shoulders, F(0.50)
    )
    alpha = cover(shoulders, canvas.sharpness)
    blend(rgb, alpha, faces.cloth * F(0.62), faces.cloth * F(1.08), light)

    aside = np.abs(x)
    neck = _neck(aside, y, faces)
    index = np.flatnonzero(faces.clothing == "collar")
    if len(index):
        part = rgb[:, index]
        collar = np.maximum(neck[index] - F(0.11), F(0.66) - y + aside[index] * F(0.3))
        over(part, cover(collar, canvas.sharpness), faces.take(index).collar)
        rgb[:, index] = part

    # The head casts a shadow that ends below the chin.
    chin = faces.center_y + faces.half_height * faces.cos_pitch * F(0.92)
    t = np.clip((y - chin) * F(3.0) + F(0.12), F(0.05), F(0.75)) + side_light * F(0.5)
    alpha = cover(neck, canvas.sharpness)
    blend(rgb, alpha, faces.skin_dark, faces.skin_light, np.clip(t, 0, 1))


def _neck(aside, y, faces):
    """Return the distance to the neck, wider at the shoulders; a v-neck shows another wedge."""
    v = (faces.clothing == "vneck").astype(F)[:, None, None]
    flare = np.clip((y - F(0.62)) * F(2.0), 0, 1)
    width = faces.neck * (F(1) + F(0.35) * flare * (F(1) - v * F(0.4)))
    end = F(0.90) + v * F(0.16)
    square = aside * aside * F(1.2)
    wedge = v * (aside * F(1.4) - square)
    return np.maximum(aside - width, (y - end + square + wedge) * F(0.75))
