"""Number format of the convolutions of a training, by what the processor has."""

from __future__ import annotations

from typing import Literal, TypeAlias, get_args

import torch

#: "auto" is bfloat16 where the device has matrix units for it, else float32.
Precision: TypeAlias = Literal["auto", "float32", "bfloat16"]


def has_bfloat16(device: torch.device) -> bool:
    """Return whether a device trains faster in bfloat16 than in float32.

    On processors that means AMX. Those with only the AVX-512 instruction for bfloat16 differ: one
    was measured at half the speed of float32, another at 1.5 times. They get float32;
    ``benchmarks/benchmark_training.py`` measures yours.
    """
    if device.type == "cuda":
        # Volta and older emulate it.
        return torch.cuda.get_device_capability(device) >= (8, 0)
    check = getattr(torch.cpu, "_is_amx_tile_supported", None)  # torch 2.4 and 2.5 lack it
    return device.type == "cpu" and check is not None and check()


def check_precision(precision: Precision) -> None:
    """Raise ValueError if a precision is no known name."""
    if precision not in get_args(Precision):
        raise ValueError(f"precision must be 'auto', 'float32' or 'bfloat16', got {precision!r}.")


def resolve_precision(precision: Precision, device: torch.device) -> Literal["float32", "bfloat16"]:
    """Return "float32" or "bfloat16".

    Raises
    ------
    ValueError
        If `precision` is no known name.
    """
    check_precision(precision)
    if precision == "auto":
        return "bfloat16" if has_bfloat16(device) else "float32"
    return precision
