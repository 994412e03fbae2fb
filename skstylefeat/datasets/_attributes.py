"""Attributes of a rendered face: names, ranges, categories, and the check of given values."""

from __future__ import annotations

from dataclasses import dataclass
from difflib import get_close_matches
from typing import Any

import numpy as np
from numpy.typing import NDArray


@dataclass(frozen=True)
class Attribute:
    """A number or a category that the renderer can draw."""

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
    "hair_style": _category("swept", "front hair", swept=0.3, fringe=0.25, side=0.25, curly=0.2),
    "hair_color": _category(
        "brown",
        "hair color before it grays",
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
    "eye_color": _category("brown", "irises", brown=0.5, blue=0.2, green=0.15, gray=0.15),
    "frame_shape": _number(0, 1, 0.5, "glasses' rims, 0 angular to 1 round"),
    "background": _category(
        "gradient", "pattern behind the head", plain=0.25, gradient=0.3, circle=0.25, horizon=0.2
    ),
    "background_hue": _number(0, 1, 0.55, "hue of the background, one turn of the color wheel"),
    "background_light": _number(0, 1, 0.6, "0 dark to 1 light background"),
    "background_angle": _number(-180, 180, 90, "degrees, direction of the background's change"),
    "light_azimuth": _number(-60, 60, 20, "degrees; positive lights from the right of the image"),
    "light_elevation": _number(0, 60, 30, "degrees above the horizon that the light comes from"),
    "light_strength": _number(0.8, 1.15, 1.0, "factor on all colors but the background's"),
    "clothing": _category("crew", "cut of the collar", crew=0.4, vneck=0.3, collar=0.3),
    "clothing_hue": _number(0, 1, 0.6, "hue of the clothes, one turn of the color wheel"),
    "clothing_light": _number(0, 1, 0.4, "0 dark to 1 light clothes"),
    "zoom": _number(0.92, 1.06, 1.0, "size of the head"),
    "shift_x": _number(-0.06, 0.06, 0, "head's offset to the right, in half image widths"),
    "shift_y": _number(-0.05, 0.05, 0, "head's offset downwards, in half image heights"),
}


#: Shares of a number's range that are compared by default.
COMPARED_SHARES = (0.1, 0.9)


def attribute_values(name: str) -> list[Any]:
    """Return values to compare: a tenth and nine tenths of the range, or all categories."""
    if name not in ATTRIBUTES:
        raise unknown_attribute(name)
    spec = ATTRIBUTES[name]
    ends = [round(spec.low + share * (spec.high - spec.low), 6) for share in COMPARED_SHARES]
    return list(spec.categories) or ends


def unknown_attribute(name: object) -> ValueError:
    """Return the error for an unknown name, which lists the known ones."""
    close = get_close_matches(str(name), ATTRIBUTES, n=1)
    hint = f" Did you mean {close[0]!r}?" if close else ""
    return ValueError(f"unknown attribute {name!r}.{hint} Known names: {', '.join(ATTRIBUTES)}.")


def check_attributes(attributes: Any) -> dict[str, NDArray[Any]]:
    """Check given attributes, and add the default values of the others.

    Parameters
    ----------
    attributes : dict or DataFrame
        One value per attribute, or one per attribute and face.

    Returns
    -------
    columns : dict of str to ndarray of shape (n_faces,)
        All attributes; numbers are float64.
    """
    if not hasattr(attributes, "keys"):
        raise TypeError(
            "attributes must be a dict or DataFrame of columns, such as {'yaw': [-20, 20]}, got "
            f"{type(attributes).__name__}."
        )

    columns = {}
    for name in attributes.keys():  # noqa: SIM118 - a DataFrame iterates over rows
        if name not in ATTRIBUTES:
            raise unknown_attribute(name)
        columns[name] = _check_column(name, ATTRIBUTES[name], np.asarray(attributes[name]))

    # Columns of values must agree in length; single values go to all faces.
    lengths = {name: len(column) for name, column in columns.items() if column.ndim == 1}
    n_faces = next(iter(lengths.values()), 1)
    if len(set(lengths.values())) > 1:
        raise ValueError(
            f"each attribute needs one value, or one per face, got columns of {lengths} values."
        )
    if n_faces == 0:
        raise ValueError("attributes describe no face: the columns are empty.")

    complete = {}
    for name, spec in ATTRIBUTES.items():
        column = columns.get(name)
        complete[name] = np.broadcast_to(spec.default if column is None else column, (n_faces,))
        if not spec.categories:
            complete[name] = complete[name].astype(np.float64)
    return complete


def _check_column(name, spec, column):
    if column.ndim > 1:
        raise ValueError(
            f"{name} must be one value or one per face, got an array of shape {column.shape}."
        )

    if spec.categories:
        known = np.isin(column, spec.categories)
        if not np.all(known):
            raise ValueError(
                f"{name} must be one of {', '.join(map(repr, spec.categories))}, got "
                f"{column[~known][0] if column.ndim else column[()]!r}."
            )
        return column.astype(str)

    if column.dtype.kind not in "iuf":
        raise ValueError(
            f"{name} must be a number from {spec.low:g} to {spec.high:g}, got "
            f"{column.ravel()[:1].tolist()} of dtype {column.dtype}."
        )
    column = column.astype(np.float64)
    # Single precision may round the ends of a range outwards.
    slack = 1e-6 * max(abs(spec.low), abs(spec.high))
    wrong = ~((column >= spec.low - slack) & (column <= spec.high + slack))
    if np.any(wrong):
        value = column[wrong][0] if column.ndim else column[()]
        raise ValueError(
            f"{name} must be from {spec.low:g} to {spec.high:g} ({spec.description}), got "
            f"{value:g}."
        )
    return np.clip(column, spec.low, spec.high)
