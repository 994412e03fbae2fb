"""The broadcast rule of directions, and the spaces."""

import numpy as np
import pytest
import torch

from skstylefeat.latents import _spaces as L
from tests.support.networks import tiny_generator

N_WS, W_DIM = 18, 512
CODES = np.random.RandomState(0).normal(size=(3, N_WS, W_DIM)).astype(np.float32)


@pytest.mark.parametrize(
    "shape", [(W_DIM,), (1, W_DIM), (N_WS, W_DIM), (1, N_WS, W_DIM), (N_WS * W_DIM,)]
)
def test_broadcast_rule(shape):
    full = CODES[0] if np.prod(shape) > W_DIM else np.tile(CODES[0, 0], (N_WS, 1))
    given = (CODES[0] if np.prod(shape) > W_DIM else CODES[0, 0]).reshape(shape)
    got, per_layer = L.broadcast_direction(given, N_WS, W_DIM)
    np.testing.assert_array_equal(got, full)
    assert per_layer == (np.prod(shape) > W_DIM)


@pytest.mark.parametrize("shape", [(256,), (14, W_DIM), (2, N_WS, W_DIM), (W_DIM, 1), ()])
def test_directions_that_do_not_fit(shape):
    with pytest.raises(ValueError, match="18 x 512"):
        L.broadcast_direction(np.ones(shape), N_WS, W_DIM)


def test_w_to_w_plus_and_back():
    w = CODES[:, 0]
    w_plus = L.w_to_w_plus(w, N_WS)
    for accepted in (w, w_plus, w_plus.reshape(3, -1)):
        np.testing.assert_array_equal(L.as_w_plus(accepted, N_WS, W_DIM), w_plus)
    np.testing.assert_array_equal(L.w_plus_to_w(w_plus), w)
    with pytest.raises(ValueError, match="cannot be converted to W"):
        L.w_plus_to_w(CODES)
    with pytest.raises(ValueError, match=r"\(3, 100\) do not fit.*18 x 512"):
        L.as_w_plus(np.ones((3, 100)), N_WS, W_DIM)


def test_styles_of_w_codes():
    generator = tiny_generator(16)
    w = generator.mapping(generator.sample_z(2, random_state=0))
    styles = L.w_plus_to_s(w, generator)
    names, sizes = L.style_layers(generator)
    assert styles.shape == (2, sum(sizes)) and names[0] == "b4.conv1"
    affine = generator.module.synthesis.b4.conv1.affine
    first = affine(torch.from_numpy(w)).numpy()
    np.testing.assert_allclose(styles[:, : sizes[0]], first, rtol=1e-6)
