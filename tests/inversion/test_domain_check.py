"""Check of the images' domain on hand-made reconstructions."""

import warnings
from types import SimpleNamespace

import numpy as np
import pytest

from skstylefeat.images import as_images
from skstylefeat.inversion import _framing_check
from skstylefeat.inversion._domain_check import (
    domain_scores,
    reconstruction_errors,
    warn_if_foreign,
)

# Contrast 0.2 around 0.5: a variance of 0.04.
PATTERN = np.where(np.arange(8) % 2, 0.2, -0.2).reshape(2, 4)[:, :, None] * np.ones(3)
CODES = np.zeros((3, 1, 1), dtype=np.float32)


def world(share):
    """Return images, and a generator that reproduces a share of their contrast."""
    pattern = np.repeat(PATTERN[:2, :2][None], 3, axis=0).astype(np.float32)

    def synthesis(codes):
        return (2 * share * pattern[: len(codes)]).transpose(0, 3, 1, 2)

    return as_images(0.5 + pattern), SimpleNamespace(
        image_size=(2, 2), img_channels=3, name="g", synthesis=synthesis
    )


def test_errors_by_hand():
    images, generator = world(share=0.4)
    codes = CODES.copy()
    codes[1] = np.nan
    errors = reconstruction_errors(generator, images, codes, batch_size=1)
    np.testing.assert_allclose(errors, [0.0144, np.nan, 0.0144], rtol=1e-5)  # (0.6 * 0.2)^2


@pytest.mark.parametrize(
    ("share", "ratio", "is_foreign"),
    [
        (0.4, 4.1, True),  # 36 % of the variance is unexplained
        (0.4, 3.9, False),  # the error is expected to be almost as large
        (0.6, 4.1, False),  # 16 % is unexplained
    ],
)
def test_foreign_images_fail_both_criteria(share, ratio, is_foreign):
    images, generator = world(share)
    expected_error = (0.2 * (1 - share)) ** 2 / ratio
    with warnings.catch_warnings(record=True) as caught:
        warnings.simplefilter("always")
        warn_if_foreign(generator, images, CODES, expected_error, batch_size=2)
    assert len(caught) == is_foreign
    if is_foreign:
        assert "foreign to the generator 'g'" in str(caught[0].message)


def test_scores_by_hand():
    """The score is 1 at the expected error, 2 at four times it, if a quarter is unexplained."""
    images, generator = world(share=0.4)  # error 0.0144, variance 0.04
    generator.weights_hash = lambda: "no framing"
    _framing_check._known["no framing"] = None
    codes = CODES.copy()
    codes[1] = np.nan
    for expected, score in ((0.0144, 1), (0.0144 / 4, 2), (0.0144 / 5, 7 / 3), (1e-9, 2.5867)):
        found = domain_scores(generator, images, codes, expected, batch_size=2)
        np.testing.assert_allclose(found.scores, [score, np.nan, score], rtol=1e-3)
    assert found.inside.tolist() == [False, False, False]
    assert found.reasons == ["reconstruction", "unreadable", "reconstruction"]
    found = domain_scores(generator, images, codes, 0.0144, batch_size=2)
    assert found.inside.tolist() == [True, False, True] and found.reasons[0] == ""
    # Without an encoder only the share that is not explained counts.
    found = domain_scores(generator, images, codes, None, batch_size=2)
    np.testing.assert_allclose(found.scores[0], 2.5867, rtol=1e-3)
