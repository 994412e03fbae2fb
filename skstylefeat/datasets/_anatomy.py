"""Measures of a face, computed from its attributes: positions and sizes of its parts.

Lengths are in head units (1 from the head's center to its outline) unless said otherwise.
"""

import numpy as np

from skstylefeat.datasets._palette import colors
from skstylefeat.datasets._shapes import F, mix, smooth

KINDS = ("glasses", "facial_hair", "background", "clothing")


class FaceNumbers:
    """Measures, colors and kinds of a batch of faces, as attributes.

    Measures are float32 of shape (n, 1, 1) and colors (3, n, 1, 1), which broadcast to arrays of
    pixels; kinds, such as `glasses`, are strings of shape (n,). A selection of faces looks up a
    number at its first use, because most painters need only a few.
    """

    def __init__(self, columns, selection=slice(None)):
        self._columns = columns
        self._selection = selection

    def __getattr__(self, name):
        try:
            column = self._columns[name]
        except KeyError:
            raise AttributeError(f"faces have no number {name!r}") from None
        value = column[:, self._selection] if column.ndim == 4 else column[self._selection]
        self.__dict__[name] = value
        return value

    def take(self, index):
        """Return the numbers of some faces only."""
        rows = np.arange(len(self._columns["glasses"]))
        return FaceNumbers(self._columns, rows[self._selection][index])


def measure(attributes):
    """Compute measures, colors and kinds of faces with checked attributes.

    Parameters
    ----------
    attributes : dict of str to ndarray of shape (n,)
        Every attribute, as returned by :func:`check_attributes`.

    Returns
    -------
    columns : dict of str to ndarray
        Input of :class:`FaceNumbers`.
    """
    age = attributes["age"]
    grown = smooth((age - 3) / 19)
    old = np.clip((age - 32) / 46, 0, 1)
    baby = 1 - grown
    numbers = {"grown": grown, "old": old}
    numbers.update(_pose_and_light(attributes))
    numbers.update(_head(attributes, numbers["sin_yaw"], baby, old))
    numbers.update(_features(attributes, baby, old))
    numbers.update(_hair(attributes, baby, old))
    numbers.update(colors(attributes, old))

    columns = {}
    for name, value in numbers.items():
        columns[name] = np.ascontiguousarray(np.asarray(value, F))[..., None, None]
    columns.update({name: attributes[name] for name in KINDS})
    return columns


def _pose_and_light(attributes):
    degree = np.pi / 180
    out = {}
    for name in ("yaw", "pitch", "roll"):
        angle = attributes[name] * degree
        out["sin_" + name], out["cos_" + name] = np.sin(angle), np.cos(angle)
    azimuth = attributes["light_azimuth"] * degree
    elevation = attributes["light_elevation"] * degree
    out["light_x"] = np.sin(azimuth) * np.cos(elevation)
    out["light_y"] = -np.sin(elevation)
    out["light_z"] = np.cos(azimuth) * np.cos(elevation)
    change = attributes["background_angle"] * degree
    out["background_x"], out["background_y"] = np.cos(change), np.sin(change)
    return out


def _head(attributes, sin_yaw, baby, old):
    """Head and body, in units of half the image."""
    size = attributes["zoom"] * (1 - 0.07 * baby)
    width = attributes["face_width"]
    # A head is deeper than wide, so it widens as it turns.
    turned = 1 + 0.08 * np.abs(sin_yaw)
    return {
        "half_width": size * 0.50 * (1 + 0.10 * width + 0.05 * baby) * turned,
        "half_height": size * (0.665 - 0.07 * baby + 0.01 * old),
        "jaw": 0.27 - 0.12 * baby - 0.10 * old - 0.05 * width,
        "center_x": attributes["shift_x"] - 0.05 * sin_yaw,
        "center_y": attributes["shift_y"] + 0.05 * baby,
        "shoulders": 0.86 - 0.20 * baby,
        "neck": 0.235 - 0.05 * baby + 0.02 * width,
    }


def _features(attributes, baby, old):
    eye_y = -0.09 + 0.10 * baby
    lids = 0.012 + 0.125 * attributes["eye_open"]
    smile, nose = attributes["smile"], attributes["nose_size"]
    return {
        "eye_x": 0.365 + 0.01 * baby,
        "eye_y": eye_y,
        "eye_width": 0.175 + 0.03 * baby,
        "eye_height": lids * (1 + 0.35 * baby) * (1 - 0.22 * old),
        "gaze": 0.055 * attributes["gaze"],
        "iris_radius": 0.088 + 0.022 * baby,
        "brow_y": eye_y - 0.215 - 0.05 * attributes["eye_open"] + 0.02 * old - 0.01 * baby,
        "brow_height": (0.038 + 0.014 * attributes["brow_weight"]) * (1 - 0.35 * baby),
        "nose_y": 0.30 + 0.06 * baby + 0.03 * old,
        "nose_radius": (0.105 + 0.022 * nose + 0.018 * old) * (1 - 0.28 * baby),
        "nose_z": 1.16 + 0.05 * nose - 0.09 * baby,
        "mouth_y": 0.575 + 0.05 * baby,
        "mouth_width": (0.27 + 0.045 * np.abs(smile)) * (1 - 0.15 * baby),
        "smile": 0.11 * smile,
        "mouth_gap": 0.145 * attributes["mouth_open"],
        "lip": 0.055 * (1 - 0.4 * old) * (1 - 0.1 * baby),
        "frame_round": attributes["frame_shape"],
    }


def _hair(attributes, baby, old):
    length, style = attributes["hair_length"], attributes["hair_style"]
    curly = style == "curly"

    # The hairline: height above the forehead, at the temples, and at the nape.
    grown_out = smooth(length / 0.25)
    hairline = -0.60 - 0.02 * baby
    hairline = np.where(style == "fringe", mix(hairline, -0.40, grown_out), hairline)
    hairline = np.where(style == "side", mix(hairline, -0.52, grown_out), hairline)
    hairline = np.where(curly, mix(hairline, -0.50, grown_out), hairline)

    long = smooth((length - 0.38) / 0.3)
    radius = 1.015 + 0.075 * grown_out + np.where(curly, 0.055, 0) * smooth(length / 0.3)
    return {
        "curl": np.where(curly, 0.05, 0.0) * smooth(length / 0.2),
        "hair_radius": radius - 0.03 * old,
        "hair_opacity": np.clip(0.25 + 4 * length, 0, 1) * (1 - 0.12 * old),
        "hairline": hairline - 0.27 * old + 0.06 * baby,
        "hairline_slope": np.where(style == "side", 0.22, 0.0) * grown_out,
        "hairline_curve": np.where(style == "swept", 0.30, 0.0),
        "hair_long": long,
        "hair_temple": mix(-0.12, 1.0, long),
        "hair_nape": mix(0.50, 1.1, long),
        "temple_z": 0.60 - 0.16 * old,
        "hair_end": mix(0.25, 1.05, np.clip((length - 0.35) / 0.65, 0, 1)),
    }
