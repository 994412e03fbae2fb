"""Layers of feature maps: their description and their choice by name, block or resolution."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from numbers import Integral
from typing import NamedTuple


class LayerInfo(NamedTuple):
    """Name and size of one layer's feature maps."""

    name: str
    channels: int
    height: int
    width: int


def describe_layers(layers: Iterable[LayerInfo]) -> str:
    """Return names and sizes for a message, such as ``b8.conv0 32x8x8, b8.conv1 32x8x8``."""
    return ", ".join(f"{x.name} {x.channels}x{x.height}x{x.width}" for x in layers)


def layer_slices(layers: Iterable[LayerInfo]) -> dict[str, slice]:
    """Return the position of each layer among the channels of all layers, by name."""
    slices, stop = {}, 0
    for layer in layers:
        start, stop = stop, stop + layer.channels
        slices[layer.name] = slice(start, stop)
    return slices


def channel_names(layers: Iterable[LayerInfo]) -> list[str]:
    """Return the names of all channels of whole layers, such as ``b16.conv1:213``."""
    return [f"{layer.name}:{channel}" for layer in layers for channel in range(layer.channels)]


def choose_layers(
    layers: Sequence[LayerInfo], wanted: str | int | Iterable[str | int] | None
) -> tuple[LayerInfo, ...]:
    """Return the layers that `wanted` selects, in the order of `layers`.

    The parameter `layers` of estimators and of `FeatureMaps` is read here and nowhere else.

    Parameters
    ----------
    layers : sequence of LayerInfo
        All layers.
    wanted : str, int, iterable of these, or None
        Names such as ``"b16.conv1"`` or ``"L3_36_512"``, their first parts such as ``"b16"`` or
        ``"L3"``, or resolutions such as ``16``, the longer side of maps; None selects all layers.

    Returns
    -------
    tuple of LayerInfo

    Raises
    ------
    ValueError
        If an entry matches no layer, or `wanted` is empty.
    """
    if wanted is None:
        return tuple(layers)
    try:
        entries = [wanted] if isinstance(wanted, str | int | Integral) else list(wanted)
    except TypeError as error:
        raise ValueError(f"layers is {wanted!r}; expected names, blocks or resolutions.") from error
    if not entries:
        raise ValueError("layers is empty; name at least one layer, or give None for all layers.")

    chosen: set[str] = set()
    for entry in entries:
        found = {layer.name for layer in layers if _matches(layer, entry)}
        if not found:
            raise ValueError(
                f"No layer matches {entry!r}; there are {describe_layers(layers)}. "
                "Name layers, blocks such as 'b16', or resolutions such as 16."
            )
        chosen |= found
    return tuple(layer for layer in layers if layer.name in chosen)


def _matches(layer: LayerInfo, entry: object) -> bool:
    if isinstance(entry, Integral):
        return entry == max(layer.height, layer.width)
    if not isinstance(entry, str):
        return False
    return layer.name == entry or layer.name.startswith((f"{entry}.", f"{entry}_"))
