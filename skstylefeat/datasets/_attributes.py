"""What a rendered face is made of: names, ranges and how they are drawn at random."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from scipy.special import ndtr
from sklearn.utils import check_random_state


@dataclass(frozen=True)
class Attribute:
    """One number or one category that the renderer knows how to draw."""

    low: float = 0.0
    high: float = 1.0
    default: float | str = 0.0
    categories: tuple[str, ...] = ()
    probabilities: tuple[float, ...] = ()
    description: str = ""


def _number(low, high, default, description):
    return Attribute(low=low, high=high, default=default, description=description)


def _category(default, description, **probabilities):
    return Attribute(
        default=default,
        categories=tuple(probabilities),
        probabilities=tuple(probabilities.values()),
        description=description,
    )


ATTRIBUTES: dict[str, Attribute] = {
    "yaw": _number(-45, 45, 0, "degrees the head turns; positive towards the right of the image"),
    "pitch": _number(-25, 25, 0, "degrees the head nods; positive looks up"),
    "roll": _number(-8, 8, 0, "degrees the head tilts in the image plane; positive clockwise"),
    "smile": _number(-1, 1, 0, "corners of the mouth, -1 down to 1 up"),
    "mouth_open": _number(0, 1, 0.1, "gap between the lips, 0 closed to 1 wide open"),
    "eye_open": _number(0, 1, 0.75, "gap between the lids, 0 nearly closed to 1 wide open"),
    "gaze": _number(-1, 1, 0, "where the irises look, -1 left of the image to 1 right"),
    "age": _number(5, 80, 30, "years"),
    "glasses": _category("none", "glasses", none=0.5, clear=0.3, dark=0.2),
    "facial_hair": _category("none", "facial hair", none=0.6, moustache=0.2, beard=0.2),
    "hair_length": _number(0, 1, 0.3, "0 shaved, 0.3 short, 0.6 to the jaw, 1 over the shoulders"),
    "hair_style": _category(
        "swept", "front hair", swept=0.3, fringe=0.25, side=0.25, curly=0.2
    ),
    "hair_color": _category(
        "brown",
        "hair colour before it greys",
        black=0.3,
        brown=0.3,
        chestnut=0.15,
        blond=0.15,
        red=0.1,
    ),
    "skin_tone": _number(0, 1, 0.25, "0 lightest to 1 darkest"),
    "face_width": _number(-1, 1, 0, "-1 narrow to 1 wide"),
    "nose_size": _number(-1, 1, 0, "-1 small to 1 large"),
    "brow_weight": _number(-1, 1, 0, "-1 thin to 1 thick eyebrows"),
    "eye_color": _category("brown", "irises", brown=0.5, blue=0.2, green=0.15, grey=0.15),
    "frame_shape": _number(0, 1, 0.5, "glasses' rims, 0 angular to 1 round"),
    "background": _category(
        "gradient", "what is behind", plain=0.25, gradient=0.3, circle=0.25, horizon=0.2
    ),
    "background_hue": _number(0, 1, 0.55, "hue of the background, one turn of the colour wheel"),
    "background_light": _number(0, 1, 0.6, "0 dark to 1 light background"),
    "background_angle": _number(-180, 180, 90, "degrees, direction of the background's change"),
    "light_azimuth": _number(-60, 60, 20, "degrees; positive lights from the right of the image"),
    "light_elevation": _number(0, 60, 30, "degrees above the horizon that the light comes from"),
    "light_strength": _number(0.8, 1.15, 1.0, "factor on the brightness of everything but the background"),
    "clothing": _category("crew", "cut of the collar", crew=0.4, vneck=0.3, collar=0.3),
    "clothing_hue": _number(0, 1, 0.6, "hue of the clothes, one turn of the colour wheel"),
    "clothing_light": _number(0, 1, 0.4, "0 dark to 1 light clothes"),
    "zoom": _number(0.92, 1.06, 1.0, "size of the head"),
    "shift_x": _number(-0.06, 0.06, 0, "head's offset to the right, in half image widths"),
    "shift_y": _number(-0.05, 0.05, 0, "head's offset downwards, in half image heights"),
}


def _copula_matrix(correlation):
    names = list(ATTRIBUTES)
    matrix = np.eye(len(names))
    for pair, rho in (correlation or {}).items():
        i, j = (names.index(name) for name in pair)
        matrix[i, j] = matrix[j, i] = rho
    return matrix


def sample_attributes(n_samples=100, *, random_state=None, correlation=None):
    rng = check_random_state(random_state)
    factor = np.linalg.cholesky(_copula_matrix(correlation))
    uniform = ndtr(rng.standard_normal((n_samples, len(ATTRIBUTES))) @ factor.T)
    columns = {}
    for (name, spec), u in zip(ATTRIBUTES.items(), uniform.T, strict=True):
        if spec.categories:
            edges = np.cumsum(spec.probabilities)[:-1]
            columns[name] = np.array(spec.categories)[np.searchsorted(edges, u, side="right")]
        else:
            columns[name] = spec.low + (spec.high - spec.low) * u
    return columns
