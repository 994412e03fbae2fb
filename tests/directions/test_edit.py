"""Editing latents along directions."""

import numpy as np
import pytest

from skstylefeat import HyperplaneDistance
from skstylefeat.directions import edit


@pytest.mark.parametrize("dtype", [np.float32, np.float64])
def test_edit_shapes(dtype):
    rng = np.random.RandomState(0)
    w_plus = rng.normal(size=(2, 3, 4)).astype(dtype)
    direction = np.array([0.0, 2.0, 0.0, 0.0])
    moved = edit(w_plus, direction, 1.5)
    assert moved.shape == w_plus.shape and moved.dtype == dtype
    np.testing.assert_allclose(
        moved - w_plus, np.broadcast_to([0, 1.5, 0, 0], (2, 3, 4)), atol=1e-6
    )
    flat = edit(w_plus.reshape(2, 12), direction, 1.5)
    np.testing.assert_array_equal(flat, moved.reshape(2, 12))
    strip = edit(w_plus, direction, [-1.0, 0.0, 1.0])
    assert strip.shape == (3, 2, 3, 4)
    np.testing.assert_array_equal(strip[1], w_plus)
    one = edit(w_plus, direction, 1.0, layers=[-1])
    assert np.flatnonzero(np.abs(one - w_plus).sum(axis=(0, 2))).tolist() == [2]
    per_layer = np.zeros((3, 4))
    per_layer[0, 0] = 5.0
    alone = edit(w_plus, per_layer, 1.0)
    assert np.flatnonzero(np.abs(alone - w_plus).sum(axis=(0, 2))).tolist() == [0]


def test_edit_moves_the_distance_by_its_strength():
    rng = np.random.RandomState(0)
    w_plus = rng.normal(size=(5, 12))
    direction = rng.normal(size=4)
    model = HyperplaneDistance(direction, 0.3).fit(w_plus)
    np.testing.assert_allclose(
        model.transform(edit(w_plus, direction, 2.0)), model.transform(w_plus) + 2.0
    )


@pytest.mark.parametrize(
    ("args", "params", "message"),
    [
        ((np.ones((2, 10)), np.ones(4), 1.0), {}, "not a multiple"),
        ((np.ones(4), np.ones(4), 1.0), {}, "shape"),
        ((np.ones((2, 3, 4)), np.ones(5), 1.0), {}, "does not fit"),
        ((np.ones((2, 3, 4)), np.ones(4), np.nan), {}, "strengths"),
        (
            (np.ones((2, 3, 4)), np.ones(4), 1.0),
            {"layers": [3]},
            r"layers is \[3\]; expected positions from 0 to 2",
        ),
        ((np.ones((2, 4)), np.zeros(4), 1.0), {}, "zero everywhere"),
    ],
)
def test_edit_bad_input(args, params, message):
    with pytest.raises(ValueError, match=message):
        edit(*args, **params)


def test_layers_are_positions_or_a_mask():
    latents, direction = np.zeros((2, 3, 4)), np.ones(4)
    for layers in ([True, False, True], [0, 2], np.array([-3, -1]), [0, 2, 2]):
        moved = edit(latents, direction, 1.0, layers=layers)
        assert moved.any(axis=(0, 2)).tolist() == [True, False, True]
    assert not edit(latents, direction, 1.0, layers=[]).any()
    for layers in ([0.0, 2.7], [True, False], ["b4"], [[0], [1]], [-4], [[0], [1, 2]], [None]):
        with pytest.raises(ValueError, match="layers"):
            edit(latents, direction, 1.0, layers=layers)
