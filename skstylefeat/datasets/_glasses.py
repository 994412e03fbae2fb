"""Glasses: two rounded lenses on a bent plane in front of the eyes, and arms to the ears."""

import numpy as np

from skstylefeat.datasets._canvas import flat, over
from skstylefeat.datasets._geometry import project, window
from skstylefeat.datasets._shapes import F, bump, capsule, cover, mix, rounded_box

#: Plane of the lenses: its depth at the nose and its slope backwards, in head units.
DEPTH, BEND = F(1.06), F(0.30)
HALF_LENS, HALF_RIM = F(0.262), F(0.043)
CLEAR = flat(0.85, 0.92, 1.0)
WHITE = flat(1, 1, 1)


def paint_glasses(canvas, x, y, skin, faces):
    """Paint the glasses of the faces that wear them."""
    index = np.flatnonzero(faces.glasses != "none")
    if not len(index):
        return

    # Work in the window that holds lenses and arms of all faces.
    head = np.zeros((len(index), canvas.size, canvas.size), F)
    head[:, skin.rows, skin.columns] = skin.inside[index]
    faces = faces.take(index)
    arms = [_arm(faces, side) for side in (F(-1), F(1))]
    rows, columns = _window(canvas, faces, arms)
    pixels = (slice(None), index, rows, columns)
    x, y, head = x[pixels[1:]], y[pixels[1:]], head[:, rows, columns]

    # Distance to the outline of the nearer lens, in units of half the width of the head.
    side, plane_x, plane_y = _lens_plane(x, y, faces)
    aside = np.abs(plane_x)
    aspect = faces.half_height / faces.half_width
    half_height = F(0.165) + F(0.07) * faces.frame_round
    radius = F(0.09) + F(0.14) * faces.frame_round
    over_x = np.abs(aside - faces.eye_x - F(0.01)) - HALF_LENS + radius
    over_y = np.abs(plane_y * aspect) - half_height * aspect + radius
    distance = rounded_box(over_x, over_y, radius)
    units = faces.half_width * canvas.sharpness * np.sqrt(faces.cos_yaw)

    # Lenses: a tint, nearly opaque in dark glasses, and a diagonal glare.
    part = canvas.rgb[pixels]
    dark = (faces.glasses == "dark").astype(F)[:, None, None]
    lens = cover(distance, units)
    tint = mix(CLEAR, faces.frame * F(0.5) + F(0.03), dark)
    over(part, lens * (F(0.12) + F(0.80) * dark), tint)
    glare = bump(((plane_x * F(0.7) + plane_y - side * F(0.18)) / F(0.14)) ** 2) * lens
    over(part, glare * (F(0.26) - F(0.06) * dark), WHITE)

    # The frame: rims, a bridge between them, and arms where they pass in front of the head.
    rim = np.abs(distance) - HALF_RIM
    bridge = np.abs(plane_y + F(0.03)) * aspect - HALF_RIM * F(0.9)
    bridge = np.maximum(bridge, aside - (faces.eye_x - HALF_LENS + F(0.02)))
    alpha = cover(np.minimum(rim, bridge), units)
    radii = faces.half_width * F(0.034), faces.half_width * F(0.030)
    for hinge_x, hinge_y, ear_x, ear_y, shown in arms:
        arm = capsule(x, y, hinge_x, hinge_y, ear_x, ear_y, *radii)[0]
        alpha = np.maximum(alpha, cover(arm, canvas.sharpness) * shown * head)
    over(part, alpha * F(0.97), faces.frame)
    canvas.rgb[pixels] = part


def _lens_plane(x, y, faces):
    """Return the side of the nose, and the position on the plane of the lenses, of each pixel."""
    from_nose = x / faces.half_width - DEPTH * faces.sin_yaw
    side = np.sign(from_nose)
    plane_x = from_nose / (faces.cos_yaw - side * BEND * faces.sin_yaw)
    depth = (DEPTH - BEND * np.abs(plane_x)) * faces.cos_yaw - plane_x * faces.sin_yaw
    plane_y = (y / faces.half_height + depth * faces.sin_pitch) / faces.cos_pitch
    return side, plane_x, plane_y - faces.eye_y - F(0.015)


def _arm(faces, side):
    """Return the ends of one arm on the head plane, and its share in front of the head."""
    _, _, depth = project(faces, side * F(0.88), faces.eye_y - F(0.02), F(0.50))
    ear_x, ear_y, _ = project(faces, side * F(1.03), faces.eye_y + F(0.02), F(-0.02))

    # The hinge lies on the plane of the lenses, which is not part of the head.
    hinge = faces.eye_x + HALF_LENS
    hinge_z = DEPTH - BEND * hinge
    hinge_x = faces.half_width * (hinge * side * faces.cos_yaw + hinge_z * faces.sin_yaw)
    depth_there = hinge_z * faces.cos_yaw - hinge * side * faces.sin_yaw
    hinge_y = (faces.eye_y - F(0.02)) * faces.cos_pitch - depth_there * faces.sin_pitch
    hinge_y = faces.half_height * hinge_y

    # Where the hinge is farther out than the ear, the rim hides the arm.
    outwards = F(1) - side * (hinge_x - ear_x) / (faces.half_width * F(0.05))
    shown = np.clip((depth - F(0.05)) * F(8), 0, 1) * np.clip(outwards, 0, 1)
    return hinge_x, hinge_y, ear_x, ear_y, shown


def _window(canvas, faces, arms):
    """Return the rows and columns that contain lenses and arms."""
    # Corners and middle of the lenses on the head plane.
    reach = faces.eye_x + F(0.01) + HALF_LENS + HALF_RIM
    tall = F(0.165) + F(0.07) * faces.frame_round + F(2) * HALF_RIM
    xs, ys = [], []
    for plane_x in (-reach, F(0) * reach, reach):
        back = DEPTH - BEND * np.abs(plane_x)
        xs.append(faces.half_width * (plane_x * faces.cos_yaw + back * faces.sin_yaw))
        depth = back * faces.cos_yaw - plane_x * faces.sin_yaw
        for plane_y in (-tall, tall):
            height = plane_y + faces.eye_y + F(0.015)
            y = height * faces.cos_pitch - depth * faces.sin_pitch
            ys.append(faces.half_height * y)
    for hinge_x, hinge_y, ear_x, ear_y, _ in arms:
        xs += [hinge_x, ear_x]
        ys += [hinge_y, ear_y]

    # A margin for the soft edges of narrow lenses and for the thickness of the arms.
    margin = F(2) * canvas.pixel + faces.half_width * F(0.04)
    left, right = np.minimum.reduce(xs) - margin, np.maximum.reduce(xs) + margin
    top, bottom = np.minimum.reduce(ys) - margin, np.maximum.reduce(ys) + margin
    return window(canvas, faces, left, right, top, bottom)
