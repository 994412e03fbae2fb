"""Properties of networks: odd images and codes, batches, order, threads, layouts."""

import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from joblib import parallel_config
from numpy.testing import assert_allclose, assert_array_equal

from skstylefeat import FeatureMaps, StyleGANInverter, load_encoder
from tests.support.estimators import tiny_images
from tests.support.networks import tiny_encoder, tiny_generator
from tests.support.odd_inputs import QUICK, lay_out, make_array, odd_arrays, outcome

GENERATOR = tiny_generator()
ENCODER = tiny_encoder(GENERATOR)
LATENTS = odd_arrays((3, 7), (2, 28), (2, 4, 7), (1, 7))
FUNCTIONS = {
    "synthesis": (GENERATOR.synthesis, LATENTS),
    "styles": (GENERATOR.styles, LATENTS),
    "features": (lambda w: GENERATOR.features(w, ["b4.conv1"]), LATENTS),
    "mapping": (GENERATOR.mapping, odd_arrays((3, 5), (1, 5))),
    "encode": (ENCODER.encode, odd_arrays((2, 8, 8, 3), (1, 3, 8, 8))),
    "FeatureMaps": (
        lambda w: FeatureMaps.from_latents(w, GENERATOR, ["b4.conv1"]).pool(),
        LATENTS,
    ),
}


@pytest.mark.parametrize("name", FUNCTIONS)
def test_odd_codes_and_images(name):
    function, inputs = FUNCTIONS[name]

    @settings(QUICK, max_examples=300)
    @given(inputs)
    def check(x):
        outcome(function, x)

    check()


def odd_images():
    """Return a strategy of odd arrays, shifted into [0, 1] where they are plain."""
    shapes = ((2, 8, 8, 3), (1, 8, 8), (2, 5, 6, 1), (1, 8, 8, 4))
    return st.builds(
        lambda x, shifted: np.clip(x / 8 + 0.5, 0, 1) if shifted and _is_plain(x) else x,
        odd_arrays(*shapes),
        st.booleans(),
    )


def _is_plain(x):
    return isinstance(x, np.ndarray) and x.dtype.kind == "f" and np.isfinite(x).all()


def test_fitting_and_inverting_odd_images():
    inverter = StyleGANInverter(GENERATOR, ENCODER).fit(tiny_images())

    @settings(QUICK, max_examples=300)
    @given(odd_images())
    def check(X):
        result = outcome(inverter.transform, X)
        if result is not None:
            assert result.shape == (len(X), 28)
            assert np.isfinite(result).all()

    check()


def test_fitting_odd_images():
    @settings(QUICK, max_examples=50)
    @given(odd_images())
    def check(X):
        outcome(StyleGANInverter(GENERATOR, ENCODER).fit, X)

    check()


@settings(QUICK, max_examples=300)
@given(LATENTS)
def test_synthesizing_odd_codes(latents):
    inverter = StyleGANInverter(GENERATOR, ENCODER)
    inverter.generator_, inverter.encoder_, inverter.space = GENERATOR, ENCODER, "w+"
    images = outcome(inverter.inverse_transform, latents)
    if images is not None:
        assert images.min() >= 0 and images.max() <= 1


@pytest.mark.parametrize("name", ["tiny", "faces64"])
def test_codes_are_equal_to_the_bit_in_any_batch_and_with_any_threads(name):
    encoder = ENCODER if name == "tiny" else load_encoder(name)
    images = np.random.default_rng(0).random((9, *encoder.input_size, 3), dtype=np.float32)
    expected = encoder.encode(images)
    order = np.random.default_rng(1).permutation(9)
    assert_array_equal(encoder.encode(images[order]), expected[order])
    for n in (1, 2, 4, 5):
        parts = [encoder.encode(images[i : i + n]) for i in range(0, 9, n)]
        assert_array_equal(np.concatenate(parts), expected)
    n_threads = torch.get_num_threads()
    try:
        for n in (1, 2, 5):
            torch.set_num_threads(n)
            assert_array_equal(encoder.encode(images), expected)
    finally:
        torch.set_num_threads(n_threads)
    assert encoder.encode(images[:0]).shape == (0, encoder.n_ws, encoder.w_dim)


@settings(QUICK, max_examples=30)
@given(
    st.integers(0, 2**16),
    st.integers(1, 9),
    st.integers(1, 9),
    st.sampled_from(["F", "read-only", "negative", "strided", "memmap", "broadcast"]),
)
def test_a_code_depends_on_its_image_alone(seed, n, batch_size, layout):
    images = make_array(seed, (n, 8, 8, 3), "f4", "normal", "none", "C") / 16 + 0.5
    images = lay_out(images.clip(0, 1), layout)
    pixels = np.rint(images * 255).astype(np.uint8)
    inverter = StyleGANInverter(GENERATOR, ENCODER).fit(images)
    expected = inverter.transform(images)
    order = np.random.default_rng(seed).permutation(n)
    other = StyleGANInverter(GENERATOR, ENCODER, batch_size=batch_size, n_jobs=2).fit(images)
    with parallel_config("threading"):
        assert_allclose(other.transform(images), expected, rtol=1e-4, atol=1e-5)
    assert_allclose(
        other.set_params(n_jobs=1).transform(images[order]), expected[order], rtol=1e-4, atol=1e-5
    )
    assert_allclose(
        inverter.transform(pixels), inverter.transform(pixels / 255), rtol=1e-4, atol=1e-5
    )
    made = inverter.inverse_transform(expected)
    assert_allclose(other.inverse_transform(expected[order]), made[order], rtol=1e-4, atol=1e-5)
