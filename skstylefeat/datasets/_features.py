"""Mouth, eyes, brows and nose.

Mouth, eyes and brows lie in the surface of the head and are drawn in head coordinates. The nose
sticks out, so it is drawn as a tapered capsule from between the eyes to the projected tip.
"""

import numpy as np

from skstylefeat.datasets._canvas import blend, flat, over
from skstylefeat.datasets._geometry import project
from skstylefeat.datasets._shapes import F, capsule, cover, ellipse, mix

WHITE = flat(1, 1, 1)
EYEBALL = flat(0.97, 0.97, 0.96)
TEETH = flat(0.95, 0.93, 0.90)


def mouth_rows(skin, faces):
    """Return the rows of the skin's window with the mouth, a moustache, and their soft edges."""
    # The curves bend ever faster past the corners, where a soft edge may still show them.
    past = F(1) + F(1.12) * skin.edge / faces.mouth_width
    square = past * past
    bend = F(1.6) * np.abs(faces.smile) * square + faces.mouth_gap * square
    lips = F(1.25) * faces.lip * np.maximum(square * np.abs(F(0.45) * square - F(1)), 1)
    moustache = F(0.155) + F(0.06) * square
    reach = bend + np.maximum(lips + F(0.02), moustache) + F(1.12) * skin.edge
    return skin.band(faces.mouth_y - reach, faces.mouth_y + reach)


def paint_mouth(skin, faces):
    """Paint the lips, and the inside of the mouth and the teeth if it is open."""
    rows = mouth_rows(skin, faces)
    rgb, alpha, sharp = skin.rgb[:, :, rows], skin.on_face[:, rows], skin.sharpness[:, rows]
    u = skin.hx[:, rows] / faces.mouth_width
    square = u * u
    dome = F(1) - square
    v = skin.hy[:, rows] - faces.mouth_y + faces.smile * (square - F(0.40)) * F(1.6)
    thick = faces.lip * (F(1) - F(0.45) * square)

    # Distances past the edges of the gap, negative within it.
    above = -(v + faces.mouth_gap * F(0.45) * dome)
    below = v - faces.mouth_gap * dome
    # Past the corners the two curves cross again and would enclose the cheeks.
    corner = (np.abs(u) - F(1)) * faces.mouth_width
    lips = np.maximum(above - thick * dome, below - thick * F(1.25) * dome)
    lips = np.maximum(lips, corner)
    over(rgb, cover(lips - F(0.006), sharp * F(0.9)) * alpha * F(0.9), faces.lips)

    gap = np.maximum(np.maximum(above, below), corner)
    gap -= F(0.014) * np.clip(F(1.15) - square, 0, 1)
    over(rgb, cover(gap, sharp) * alpha, faces.mouth * flat(0.45, 0.28, 0.3))

    teeth = np.maximum(above + F(0.012), below + F(0.02))
    teeth = np.maximum(np.maximum(teeth, -above - F(0.075) * dome), corner)
    shown = np.clip(faces.mouth_gap * F(14), 0, 1)
    over(rgb, cover(teeth, sharp) * alpha * shown, TEETH)


def paint_eyes(skin, faces):
    """Paint eyeballs, irises, pupils, the reflection of the light and the upper lids."""
    reach = F(0.26) + skin.edge
    # The curve of the lid falls ever faster past the corners, where a soft edge may still show it.
    past = F(1.08) + skin.edge / faces.eye_width
    below = np.maximum(reach, faces.eye_height * (past * past - F(1)) + F(0.10) + skin.edge)
    rows = skin.band(faces.eye_y - reach, faces.eye_y + below)
    rgb, alpha, sharp = skin.rgb[:, :, rows], skin.on_face[:, rows], skin.sharpness[:, rows]

    # The eyeball between the lids; u runs along the eye, v down.
    hx, aside = skin.hx[:, rows], skin.aside[:, rows]
    side = np.sign(hx)
    u = (aside - faces.eye_x) / faces.eye_width
    square = u * u
    dome = F(1) - square
    v = skin.hy[:, rows] - faces.eye_y + u * F(0.012)
    # The lids of old eyes hang at the outer corners.
    sag = faces.old * F(0.03) * np.maximum(u, 0)
    upper = faces.eye_height * dome - sag
    lower = faces.eye_height * F(0.62) * dome
    eye = cover(np.maximum(-v - upper, v - lower), sharp) * alpha
    over(rgb, eye, mix(faces.skin, EYEBALL, F(0.88)))

    # Iris and pupil follow the gaze, the reflection follows the light.
    iris_y = v + F(0.008)
    dx = aside - faces.eye_x - faces.gaze * side
    radius = np.sqrt(dx * dx + iris_y * iris_y)
    over(rgb, cover(radius - faces.iris_radius, sharp) * eye, faces.iris)
    over(rgb, cover(radius - faces.iris_radius * F(0.48), sharp) * eye, faces.iris * F(0.12))
    dx = hx - np.sign(faces.light_x) * F(0.03) - side * faces.eye_x - faces.gaze
    dy = iris_y + F(0.035)
    reflection = cover(np.sqrt(dx * dx + dy * dy) - F(0.026), sharp)
    over(rgb, reflection * eye * F(0.9), WHITE)

    lash = np.abs(v + upper) - F(0.022) * np.clip(F(1.25) - square, 0, 1)
    lash = np.maximum(lash, (np.abs(u) - F(1.08)) * faces.eye_width)
    over(rgb, cover(lash, sharp) * alpha * F(0.85), faces.skin * F(0.16))


def paint_brows(skin, faces):
    """Paint the eyebrows: arches that rise with a smile."""
    # As with the eyes, a soft edge may show the arch past its ends.
    past = F(1) + skin.edge / F(0.23)
    reach = F(0.10) + F(0.06) * past + skin.edge
    rows = skin.band(faces.brow_y - reach, faces.brow_y + reach + F(0.055) * past * past)
    u = (skin.aside[:, rows] - faces.eye_x - F(0.01)) / F(0.23)
    arch = F(0.055) * (F(0.3) - u * u)
    v = skin.hy[:, rows] - faces.brow_y + F(0.035) * u + arch - faces.smile * F(0.1)
    distance = np.abs(v) - faces.brow_height * (F(1.0) - F(0.35) * u)
    distance = np.maximum(distance, (np.abs(u) - F(1)) * F(0.23))
    alpha = cover(distance, skin.sharpness[:, rows]) * skin.on_face[:, rows] * F(0.85)
    over(skin.rgb[:, :, rows], alpha, faces.brow)


def paint_nose(canvas, x, y, faces):
    """Paint the nose with its shadow and nostrils."""
    root_x, root_y, _ = project(faces, F(0), faces.eye_y - F(0.02), F(0.98))
    tip_x, tip_y, _ = project(faces, F(0), faces.nose_y - F(0.02), faces.nose_z)
    # The size of a nose, its sideways offset at the largest roll, and the soft edge of the shadow.
    margin = F(0.20) + F(2) * canvas.pixel
    top = faces.center_y + np.minimum(root_y, tip_y) - margin
    bottom = faces.center_y + np.maximum(root_y, tip_y) + margin
    rows = canvas.between(top, bottom)
    x, y, rgb = x[:, rows], y[:, rows], canvas.rgb[:, :, rows]
    radius = faces.nose_radius * faces.half_width * F(2.0)
    wing_x, wing_y, _ = project(faces, F(0), faces.nose_y + F(0.035), F(1.04))

    # A soft shadow below the wings.
    shadow = ellipse(x, y, wing_x, wing_y, radius * F(0.82), radius * F(0.40))
    alpha = cover(shadow, canvas.sharpness * F(0.35)) * F(0.55)
    over(rgb, alpha, faces.skin_dark * F(0.92))

    # The bridge is lit like a cone.
    thin, thick = radius * F(0.34), radius * F(0.60)
    bridge, along, off_x, off_y = capsule(x, y, root_x, root_y, tip_x, tip_y, thin, thick)
    girth = thin + (thick - thin) * along
    nx, ny = np.clip(off_x / girth, -1, 1), np.clip(off_y / girth, -1, 1)
    nz = np.sqrt(np.maximum(F(1) - nx * nx - ny * ny, 0))
    light = nx * faces.light_x + ny * faces.light_y + nz * faces.light_z
    t = np.clip(F(0.28) + F(0.72) * light + F(0.18) * nz, 0, 1)
    # Soft sides, and no edge at all where the bridge rises from the forehead.
    alpha = cover(bridge + F(0.25) * girth, F(1) / (girth * F(0.9) + canvas.pixel))
    alpha *= np.clip(along * F(2.2) + F(0.15), 0, 1)
    blend(rgb, alpha * F(0.9), faces.skin_dark, faces.skin_light, t)

    # Two nostrils.
    apart = radius * F(0.42) * faces.cos_yaw
    middle = (tip_x - wing_x) * F(0.35)
    height = wing_y + radius * F(0.12) + faces.sin_pitch * F(-0.02)
    for side in (F(-1), F(1)):
        center = wing_x + side * apart + middle
        nostril = ellipse(x, y, center, height, radius * F(0.20), radius * F(0.11))
        over(rgb, cover(nostril, canvas.sharpness) * F(0.60), faces.skin_dark * F(0.5))
