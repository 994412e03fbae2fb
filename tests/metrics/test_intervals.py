"""Intervals of shares and of mean errors."""

import numpy as np
import pytest

from skstylefeat.metrics._intervals import error_interval, share_interval


def test_share_by_hand():
    """The center of Wilson's interval lies z^2 / (n + z^2) of the way toward one half."""
    low, high = share_interval(0.75, 24)
    z2 = 1.959964**2
    assert (low + high) / 2 == pytest.approx((18 + z2 / 2) / (24 + z2), abs=1e-6)
    assert share_interval(1.0, 24, 0.9) == (pytest.approx(0.8987, abs=1e-3), 1.0)


def test_error_holds_the_mean_in_nine_of_ten_samples():
    rng = np.random.default_rng(0)
    inside = 0
    for _ in range(400):
        errors = np.abs(rng.normal(size=24))
        low, high = error_interval(errors.mean(), errors, 0.9)
        inside += low <= np.sqrt(2 / np.pi) <= high
    assert inside / 400 == pytest.approx(0.9, abs=0.05)
    assert error_interval(0.1, np.array([0.0, 9.0]))[0] == 0.0
