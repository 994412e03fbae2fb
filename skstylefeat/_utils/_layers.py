"""What the feature maps of layers are: shared by the NumPy world and the torch world."""

from numbers import Integral
from typing import NamedTuple


class LayerInfo(NamedTuple):
    """Name and size of one layer's feature maps."""

    name: str
    channels: int
    height: int
    width: int


def describe_layers(layers):
    """Return names and sizes in words, such as ``b8.conv0 32x8x8, b8.conv1 32x8x8``."""
    return ", ".join(f"{x.name} {x.channels}x{x.height}x{x.width}" for x in layers)


def layer_slices(layers):
    """Return the place of each layer among the channels of all, by name."""
    slices, stop = {}, 0
    for layer in layers:
        start, stop = stop, stop + layer.channels
        slices[layer.name] = slice(start, stop)
    return slices


def choose_layers(layers, wanted):
    """Return the layers that are wanted, in their own order.

    Parameters
    ----------
    layers : tuple of LayerInfo
        All there are.
    wanted : sequence of str or int, or None
        Names such as ``"b16.conv1"``, blocks such as ``"b16"``, or resolutions such as ``16``;
        None takes all.

    Returns
    -------
    tuple of LayerInfo

    Raises
    ------
    ValueError
        If one of them matches no layer.
    """
    if wanted is None:
        return layers
    chosen = set()
    for one in wanted:
        found = {layer.name for layer in layers if _matches(layer, one)}
        if not found:
            raise ValueError(
                f"No layer matches {one!r}; there are {describe_layers(layers)}. "
                "Name layers, blocks such as 'b16', or resolutions such as 16."
            )
        chosen |= found
    return tuple(layer for layer in layers if layer.name in chosen)


def _matches(layer, wanted):
    if isinstance(wanted, Integral):
        return wanted in (layer.height, layer.width)
    return layer.name == wanted or layer.name.startswith(f"{wanted}.")
