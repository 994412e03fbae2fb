"""Choice of layers by name, block or resolution."""

import numpy as np
import pytest

from skstylefeat._utils._layers import LayerInfo, channel_names, choose_layers, layer_slices

LAYERS = (
    LayerInfo("b4.conv1", 3, 4, 4),
    LayerInfo("b16.conv0", 2, 16, 16),
    LayerInfo("b16.conv1", 1, 16, 16),
    LayerInfo("b160", 1, 16, 8),  # its resolution is the longer side
)


@pytest.mark.parametrize(
    ("wanted", "expected"),
    [
        (None, [0, 1, 2, 3]),
        (["b16.conv1", "b4.conv1"], [0, 2]),  # in the network's order
        (["b16"], [1, 2]),
        ("b16", [1, 2]),
        ([16], [1, 2, 3]),
        (np.int64(16), [1, 2, 3]),
        (np.array([4, 16]), [0, 1, 2, 3]),
        (("b160", 4), [0, 3]),
    ],
)
def test_names_blocks_and_resolutions(wanted, expected):
    assert choose_layers(LAYERS, wanted) == tuple(LAYERS[i] for i in expected)


@pytest.mark.parametrize(
    "wanted", [["b1"], ["b16.conv"], [32], ["b16", "b17"], ["conv1"], [8], [None]]
)
def test_entries_without_a_layer_are_refused(wanted):
    with pytest.raises(ValueError, match=r"No layer matches .*; there are b4\.conv1 3x4x4, b16"):
        choose_layers(LAYERS, wanted)


def test_an_empty_choice_is_refused():
    with pytest.raises(ValueError, match="layers is empty"):
        choose_layers(LAYERS, [])


def test_positions_and_names_of_channels():
    assert layer_slices(LAYERS[:2]) == {"b4.conv1": slice(0, 3), "b16.conv0": slice(3, 5)}
    names = ["b4.conv1:0", "b4.conv1:1", "b4.conv1:2", "b16.conv0:0", "b16.conv0:1"]
    assert channel_names(LAYERS[:2]) == names
