"""Rows of NaN."""

import numpy as np
import pytest
from numpy.testing import assert_array_equal

from skstylefeat._utils._nan_rows import nan_rows


@pytest.mark.parametrize("shape", [(4, 3), (4, 2, 3), (4, 2, 2, 2)])
def test_only_rows_of_nan_alone_are_missing(shape):
    array = np.zeros(shape)
    array[1] = np.nan
    array[2].flat[0] = np.nan  # part of a row is an error, no missing image
    array[3].flat[-1] = np.nan
    assert_array_equal(nan_rows(array), [False, True, False, False])


@pytest.mark.parametrize("array", [np.zeros((3, 2), int), np.array([["a"]]), np.empty((2, 0))])
def test_arrays_without_nan(array):
    assert not nan_rows(array).any()
