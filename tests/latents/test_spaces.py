"""Conversions between the spaces, names of layers, and directions, on small numbers."""

import numpy as np
import pytest

from skstylefeat import latents as L
from skstylefeat.latents import (
    as_w_plus,
    broadcast_direction,
    style_layers,
    w_plus_layers,
    w_plus_to_w,
    w_to_w_plus,
)
from skstylefeat.latents._rows import column_names, images_of, rows_of, to_unit
from skstylefeat.latents._sampling import sample_w
from tests.support.networks import tiny_generator

W = np.array([[1.0, 2.0], [3.0, 4.0]])
W_PLUS = np.array([[[1.0, 2.0]] * 3, [[3.0, 4.0]] * 3])


def test_every_shape_of_a_code_is_the_same_code():
    np.testing.assert_array_equal(w_to_w_plus(W, 3), W_PLUS)
    for latents in (W, W_PLUS, [[1.0, 2.0] * 3, [3.0, 4.0] * 3]):
        np.testing.assert_array_equal(as_w_plus(latents, 3, 2), W_PLUS)
    assert as_w_plus(W_PLUS, 3, 2) is W_PLUS
    with pytest.raises(ValueError, match=r"\(n, w_dim\), got \(2, 3, 2\)"):
        w_to_w_plus(W_PLUS, 3)
    with pytest.raises(ValueError, match=r"\(2, 3, 2\) do not fit: .* 2 x 3"):
        as_w_plus(W_PLUS, 2, 3)


def test_w_of_layers_that_agree_within_the_tolerance():
    # Numbers that float64 holds exactly, at the tolerance and just above it.
    codes = W_PLUS.copy()
    codes[1, 2, 0] += 2**-17  # 7.6e-6
    found = w_plus_to_w(codes)
    np.testing.assert_array_equal(found, W)
    found[0, 0] = 9.0
    assert codes[0, 0, 0] == 1.0
    codes[1, 2, 0] += 2**-17
    with pytest.raises(ValueError, match="cannot be converted to W: their layers differ by up to"):
        w_plus_to_w(codes)
    np.testing.assert_array_equal(w_plus_to_w(codes, tol=1e-4), W)
    codes[0, 1, 1] = np.nan
    with pytest.raises(ValueError, match="cannot be converted"):
        w_plus_to_w(codes, tol=np.inf)
    assert w_plus_to_w(np.zeros((0, 3, 2))).shape == (0, 2)


@pytest.mark.parametrize(
    ("shape", "per_layer"),
    [((2,), False), ((1, 2), False), ((1, 1, 2), False), ((3, 2), True), ((1, 3, 2), True),
     ((6,), True), ((1, 6), True)],
)  # fmt: skip
def test_shapes_of_directions(shape, per_layer):
    direction = np.arange(1.0, 1.0 + np.prod(shape)).reshape(shape)
    found, differs = broadcast_direction(direction, 3, 2)
    expected = np.arange(1.0, 7.0).reshape(3, 2) if per_layer else [[1.0, 2.0]] * 3
    np.testing.assert_array_equal(found, expected)
    assert differs is per_layer


def test_one_layer_has_its_own_normal_in_any_shape():
    for shape in ((2,), (1, 2), (1, 1, 2)):
        assert broadcast_direction(np.ones(shape), 1, 2)[1] is True


@pytest.mark.parametrize(
    ("direction", "message"),
    [
        (np.ones((3, 1, 2)), r"shape \(3, 1, 2\) does not fit codes of 3 x 2"),
        (np.ones((2, 1)), "does not fit"),
        ([0.0, 0.0], "zero everywhere"),
        ([np.nan, 1.0], "NaN or infinity"),
        ([1e-101, 0.0], "too far from 1"),
        ([0.0, -1e101], "too far from 1"),
    ],
)
def test_directions_without_a_normal(direction, message):
    with pytest.raises(ValueError, match=message):
        broadcast_direction(direction, 3, 2)


def test_names_of_layers():
    generator = tiny_generator(8, channels=[5, 4])
    assert w_plus_layers(generator) == ("b4.conv1", "b8.conv0", "b8.conv1", "b8.torgb")
    names, sizes = style_layers(generator)
    assert names == ("b4.conv1", "b4.torgb", "b8.conv0", "b8.conv1", "b8.torgb")
    assert sizes == (5, 5, 5, 4, 4)
    # Without images between the blocks a vector belongs to a convolution alone.
    names = w_plus_layers(tiny_generator(8, architecture="orig"))
    assert names == ("b4.conv1", "b8.conv0", "b8.conv1", "b8.torgb")


def test_rows_of_the_three_spaces():
    generator = tiny_generator(8)
    codes = np.arange(2 * 4 * 7, dtype=np.float32).reshape(2, 4, 7)
    np.testing.assert_array_equal(rows_of(codes, "w+", generator), codes.reshape(2, 28))
    np.testing.assert_array_equal(rows_of(codes, "w", generator), codes.mean(axis=1))
    np.testing.assert_array_equal(rows_of(codes, "s", generator), generator.styles(codes))
    columns = {space: column_names(space, generator) for space in ("w+", "w", "s")}
    assert [len(names) for names in columns.values()] == [28, 7, 30]
    assert columns["w+"][8] == "w1_1" and columns["w"][3] == "w3"
    assert columns["s"][:7] == [*(f"b4.conv1:{j}" for j in range(6)), "b4.torgb:0"]


def test_images_of_rows():
    generator = tiny_generator(8)
    codes = generator.mapping(generator.sample_z(3, random_state=0))
    codes = w_to_w_plus(codes, 4)
    expected = to_unit(generator.synthesis(codes))
    assert expected.shape == (3, 8, 8, 3)
    for space in ("w+", "w", "s"):
        for batch_size in (None, 2):
            found = images_of(rows_of(codes, space, generator), space, generator, batch_size)
            np.testing.assert_allclose(found, expected, atol=1e-5)
    network = np.array([-3.0, -1.0, 0.0, 1.0, 2.0]).reshape(1, 1, 1, 5)
    np.testing.assert_array_equal(to_unit(network)[0, 0, :, 0], [0.0, 0.0, 0.5, 1.0, 1.0])
    with pytest.raises(ValueError, match="NaN or infinity"):
        images_of(np.full((1, 28), np.inf), "w+", generator, None)
    with pytest.raises(ValueError, match="no image to synthesize"):
        images_of(np.zeros((0, 28)), "w+", generator, None)


def test_sampled_codes_follow_class_and_truncation():
    generator = tiny_generator(c_dim=3)
    z = generator.sample_z(4, np.random.RandomState(0))
    found = sample_w(generator, 4, np.random.RandomState(0), class_label=2, truncation_psi=0.5)
    np.testing.assert_array_equal(found, generator.mapping(z, c=2, truncation_psi=0.5))
    rng = np.random.RandomState(0)
    z, classes = generator.sample_z(50, rng), rng.randint(3, size=50)
    found = sample_w(generator, 50, np.random.RandomState(0))
    np.testing.assert_array_equal(found, generator.mapping(z, c=classes))


@pytest.mark.parametrize(
    "call",
    [
        lambda: L.as_w_plus(np.zeros((2, 8)), None, 4),
        lambda: L.as_w_plus(np.zeros((2, 8)), 2, 4.5),
        lambda: L.as_w_plus([[1.0], [1.0, 2.0]], 2, 1),
        lambda: L.as_w_plus(np.zeros((2, 8), complex), 2, 4),
        lambda: L.w_to_w_plus(np.zeros((2, 8)), [2]),
        lambda: L.w_to_w_plus(np.zeros((2, 8)), 0),
        lambda: L.w_plus_to_w(np.zeros((2, 2, 8)), tol="small"),
        lambda: L.w_plus_to_s(np.zeros((2, 8)), None),
        lambda: L.broadcast_direction(np.ones(4), "18", 4),
        lambda: L.broadcast_direction([[1.0], [1.0, 2.0]], 2, 4),
        lambda: L.load_latents(None),
        lambda: L.load_latents(5),
        lambda: L.load_latents("a.npy", iteration=0.5),
        lambda: L.load_direction(b"a.npy"),
    ],
)
def test_arguments_of_other_types(call):
    with pytest.raises(ValueError, match=r"The '\w+' parameter|rows of several lengths|real num"):
        call()
