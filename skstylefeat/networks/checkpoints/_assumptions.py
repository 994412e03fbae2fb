"""Settings of a network that its file may lack: stated, given by the user, or assumed."""

from __future__ import annotations

import math
import warnings
from collections.abc import Callable, Mapping
from typing import Any

from skstylefeat.exceptions import CheckpointError
from skstylefeat.networks.encoders._psp import (
    ENCODER_TYPES,
    INPUT_SIZE,
    INPUT_SIZES,
    OLD_PSP_RESOLUTION,
)
from skstylefeat.networks.stylegan2._network import MAPPING_LR_MULTIPLIER

ACTIVATION = "lrelu"
FUSED_SCALE = "auto"  # of StyleGAN1: up-sampling layers from 128 px are transposed convolutions
RESAMPLE_FILTER = (1.0, 3.0, 3.0, 1.0)


def _is_number(value):
    return type(value) in (int, float) and math.isfinite(value)


def _is_positive(value):
    return _is_number(value) and value > 0


def _is_filter(value):
    return len(value) == 4 and all(map(_is_number, value)) and sum(value) != 0


#: Settings of generators: the value that is assumed, the test of given ones, and its description.
GENERATOR_SETTINGS: dict[str, tuple[Any, Callable[[Any], bool], str]] = {
    "activation": (ACTIVATION, lambda value: value == ACTIVATION, "'lrelu'"),
    "conv_clamp": (None, lambda value: value is None or _is_positive(value), "positive or None"),
    "fused_scale": (
        FUSED_SCALE,
        lambda value: value == FUSED_SCALE or type(value) is bool,
        "True, False or 'auto'",
    ),
    "lr_multiplier": (MAPPING_LR_MULTIPLIER, _is_positive, "a positive number"),
    "output_scale": (None, _is_positive, "a positive number"),
    "resample_filter": (RESAMPLE_FILTER, _is_filter, "four numbers"),
}
#: The same of encoders of the pSp family, whose type is never assumed.
ENCODER_SETTINGS: dict[str, tuple[Any, Callable[[Any], bool], str]] = {
    "encoder_type": (None, lambda value: value in ENCODER_TYPES, f"one of {sorted(ENCODER_TYPES)}"),
    "input_size": (
        INPUT_SIZE,
        lambda value: value in INPUT_SIZES,
        f"one of {INPUT_SIZES}",
    ),
    "output_size": (
        OLD_PSP_RESOLUTION,
        lambda value: type(value) is int and 4 <= value <= 1 << 14 and value.bit_count() == 1,
        "a power of two",
    ),
    "start_from_latent_avg": (True, lambda value: type(value) is bool, "True or False"),
}


def as_pairs(assume: Mapping[str, Any] | None) -> tuple[tuple[str, Any], ...]:
    """Return the parameter `assume` as sorted pairs that a cache can hash."""
    if assume is None:
        return ()
    if not isinstance(assume, Mapping) or not all(isinstance(name, str) for name in assume):
        raise TypeError(f"assume must be a dict of settings by name, got {assume!r}.")
    plain = {
        name: tuple(value) if isinstance(value, list | tuple) else value
        for name, value in assume.items()
    }
    return tuple(sorted(plain.items()))


class Settings:
    """The settings of one network in one file.

    Parameters
    ----------
    known : dict
        `GENERATOR_SETTINGS`, `ENCODER_SETTINGS`, or {} for networks without settings.
    given : dict or iterable of pairs, default=()
        Values that the user gives for what the file lacks.

    Attributes
    ----------
    given : dict
        The given values, checked.
    assumed : dict
        Default values that were taken, because neither the file nor the user has others.
    added : list of str
        Tensors that the file lacks.

    Raises
    ------
    ValueError
        If a name or a value is none of those that are known.
    """

    def __init__(self, known, given=()):
        self.given = dict(given)
        self.assumed = {}
        self.added = []
        self._known = known
        self._used = set()
        for name, value in self.given.items():
            if name not in known:
                raise ValueError(
                    f"assume has {name!r}, which is no setting of this network; expected "
                    f"{sorted(known) or 'none'}."
                )
            _, is_valid, expected = known[name]
            try:
                valid = is_valid(value)
            except TypeError:
                valid = False
            if not valid:
                raise ValueError(f"assume[{name!r}] is {value!r}, expected {expected}.")

    def stated(self, name, value, source):
        """Return the value that the file states; refuse another one that the user gives."""
        if name in self.given and self.given[name] != value:
            raise CheckpointError(
                f"{source} states {name}={value!r}, but assume has {self.given[name]!r}. Leave "
                "out what the file states."
            )
        self._used.add(name)
        return value

    def implied(self, name, value):
        """Return the value that the file's family always has, or the one that the user gives."""
        self._used.add(name)
        return self.given.get(name, value)

    def lacking(self, name, usual=None):
        """Return the given value of a setting that the file lacks, or the assumed one.

        That is the `usual` one of the file's family, where there is one.
        """
        self._used.add(name)
        if name not in self.given:
            self.assumed[name] = self._known[name][0] if usual is None else usual
            return self.assumed[name]
        return self.given[name]

    def finish(self, source):
        """Refuse given values that this file has no use for; return entries of the card."""
        unused = sorted(self.given.keys() - self._used)
        if unused:
            raise CheckpointError(
                f"{source} holds a network without {' and '.join(unused)}: leave that out of "
                "assume."
            )
        card = {"assumed": _shown(self.assumed), "given": _shown(self.given)}
        card["added"] = ", ".join(self.added)
        return {key: text for key, text in card.items() if text}

    def warn(self, source, stacklevel):
        """Warn of the values that were assumed."""
        if self.assumed:
            warnings.warn(
                f"{source} lacks settings of its network; assumed: {_shown(self.assumed)}. If "
                "they are others, the results are wrong: pass assume={...} with all of them, which "
                "also ends this warning.",
                UserWarning,
                stacklevel=stacklevel,
            )


def _shown(values):
    return ", ".join(f"{name}={value!r}" for name, value in sorted(values.items()))
