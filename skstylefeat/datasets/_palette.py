"""Colors of a face and of its surroundings, computed from its attributes."""

import numpy as np

from skstylefeat.datasets._shapes import mix, smooth

# sRGB, lightest to darkest; tones in between are interpolated.
SKIN = (
    np.array(
        [
            [255, 222, 200],
            [244, 200, 165],
            [226, 170, 128],
            [190, 130, 90],
            [140, 88, 56],
            [96, 60, 42],
        ]
    )
    / 255.0
)
HAIR = {
    "black": (0.10, 0.085, 0.085),
    "brown": (0.29, 0.18, 0.11),
    "chestnut": (0.43, 0.24, 0.13),
    "blond": (0.86, 0.68, 0.38),
    "red": (0.68, 0.28, 0.11),
}
IRIS = {
    "brown": (0.32, 0.18, 0.09),
    "blue": (0.25, 0.47, 0.72),
    "green": (0.27, 0.48, 0.27),
    "gray": (0.42, 0.47, 0.50),
}
# Black, tortoise, navy, wine.
FRAMES = np.array([[0.07, 0.07, 0.08], [0.22, 0.10, 0.06], [0.08, 0.10, 0.25], [0.30, 0.05, 0.08]])
GRAY_HAIR = (0.80, 0.80, 0.82)
ROSE = (0.78, 0.30, 0.30)


def _column(color):
    return np.array(color)[:, None]


def _look_up(names, table):
    return np.array([table[name] for name in names]).reshape(-1, 3).T


def hsv(hue, saturation, value):
    """Return the color of a hue (one turn is 1), a saturation and a value, shape (3, n)."""
    k = (np.array([5.0, 3.0, 1.0])[:, None] + np.asarray(hue)[None] * 6) % 6
    return value * (1 - saturation * np.clip(np.minimum(k, 4 - k), 0, 1))


def colors(attributes, old):
    """Return the colors of all faces.

    Parameters
    ----------
    attributes : dict of str to ndarray of shape (n,)
    old : ndarray of shape (n,)
        0 for the young to 1 at 78 years.

    Returns
    -------
    dict of str to ndarray of shape (3, n)
        In [0, 1]; pairs such as `skin_dark` and `skin_light` are the ends of a shading.
    """
    power = attributes["light_strength"]
    out = _background(attributes)
    out.update(_clothes(attributes, power))

    tone = attributes["skin_tone"] * (len(SKIN) - 1)
    skin = np.stack([np.interp(tone, np.arange(len(SKIN)), SKIN[:, c]) for c in range(3)])
    pale = skin.mean(0) * _column([1.03, 0.99, 0.95])
    skin = mix(skin, pale, 0.18 * old)
    out["skin"] = skin * power
    out["skin_light"] = np.clip(skin * 1.10 + 0.025, 0, 1) * power
    out["skin_dark"] = skin * _column([0.60, 0.50, 0.49]) * power

    gray = smooth((attributes["age"] - 35) / 40)
    hair = mix(_look_up(attributes["hair_color"], HAIR), _column(GRAY_HAIR), 0.92 * gray)
    out["hair"] = hair * power
    out["hair_light"] = np.clip(hair * 1.35 + 0.10, 0, 1) * power
    out["hair_dark"] = hair * 0.55 * power
    out["brow"] = mix(hair * 0.75, skin * 0.5, 0.25) * power
    out["beard"] = mix(hair * 0.9, skin * 0.6, 0.15) * power

    out["iris"] = _look_up(attributes["eye_color"], IRIS)
    lips = mix(skin * _column([0.86, 0.62, 0.60]), _column(ROSE), 0.30 - 0.15 * old)
    out["lips"] = lips * power
    out["mouth"] = lips * power * 0.78
    # Spreads the colors evenly over round and angular frames.
    which = np.minimum((attributes["frame_shape"] * 11.0) % 4, 3.999).astype(int)
    out["frame"] = FRAMES[which].T
    return out


def _background(attributes):
    hue, light = attributes["background_hue"], attributes["background_light"]
    return {
        "background_from": hsv(hue, 0.50 - 0.22 * light, 0.25 + 0.65 * light),
        "background_to": hsv(hue + 0.08, 0.30 - 0.12 * light, 0.42 + 0.55 * light),
    }


def _clothes(attributes, power):
    hue, light = attributes["clothing_hue"], attributes["clothing_light"]
    cloth = hsv(hue, 0.62 - 0.35 * light, 0.22 + 0.68 * light)
    # Light shirts get a dark collar, dark ones a light collar.
    collar = hsv(hue + 0.05, 0.25 - 0.15 * light, np.where(light > 0.5, 0.45, 0.88))
    return {"cloth": cloth * power, "collar": collar * power}
