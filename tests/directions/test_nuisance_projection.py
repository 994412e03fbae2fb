"""NuisanceProjection: removed directions, units, and invalid variants."""

import numpy as np
import pytest
from numpy.testing import assert_allclose

from skstylefeat.directions import NuisanceProjection


@pytest.fixture
def rows():
    return np.random.default_rng(0).normal(size=(60, 5)) * [1, 10, 100, 1, 1] + 3


def test_variants_become_equal_and_the_rest_remains(rows):
    step = np.array([2.0, 5.0, 0.0, 0.0, 0.0])
    projection = NuisanceProjection([rows[:20], rows[:20] + step, rows[:20] - step]).fit(rows)
    out = projection.transform(rows)
    assert_allclose(projection.transform(rows + 3 * step), out, atol=1e-9)
    assert_allclose(out[:, 2:], rows[:, 2:], atol=1e-9)
    assert_allclose(projection.explained_variance_ratio_, [1.0])
    assert_allclose(projection.transform(out), out, atol=1e-9)  # a projection
    # What varies across the nuisance in units of the columns is kept.
    scale = projection.scale_
    across = np.array([-step[1] / scale[1], step[0] / scale[0], 0, 0, 0]) * scale
    assert_allclose(projection.transform(rows + across), out + across, atol=1e-9)


def test_constant_columns_and_float32(rows):
    rows[:, 4] = 7.0
    small = rows.astype(np.float32)
    other = small + np.float32([1, 0, 0, 0, 0])
    out = NuisanceProjection([small, other]).fit_transform(small)
    assert out.dtype == np.float32
    assert_allclose(out[:, 4], 7.0)


def test_invalid_variants_are_refused(rows):
    for variants, message in [
        (rows, r"variants has shape \(60, 5\); expected \(k, m, 5\)"),
        ([rows], "at least 2 variants"),
        ([rows[:, :3]] * 2, "but X has 5 features"),
        ([rows, rows * np.nan], "NaN or infinity"),
        ([rows, rows], "span 0 directions"),
    ]:
        with pytest.raises(ValueError, match=message):
            NuisanceProjection(variants).fit(rows)
    with pytest.raises(ValueError, match=r"n_components is 2.*span 1 directions"):
        NuisanceProjection([rows, rows + 1.0], 2).fit(rows)
