"""What one layer's feature maps are: shared by the NumPy world and the torch world."""

from typing import NamedTuple


class LayerInfo(NamedTuple):
    """Name and size of one layer's feature maps."""

    name: str
    channels: int
    height: int
    width: int
