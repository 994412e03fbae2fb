"""Intervals of a share (Wilson) and of a mean error (Student)."""

import math

import numpy as np
from numpy.typing import NDArray
from scipy.stats import binomtest, t


def share_interval(share: float, n: int, coverage: float = 0.95) -> tuple[float, float]:
    """Return the Wilson interval of a share of n things, between 0 and 1."""
    found = binomtest(round(share * n), n).proportion_ci(coverage, method="wilson")
    return float(found.low), float(found.high)


def error_interval(
    mean: float, errors: NDArray[np.float64], coverage: float = 0.95
) -> tuple[float, float]:
    """Return Student's interval around a mean error, from 0 on; the errors give its width."""
    n = len(errors)
    half = float(t.ppf((1 + coverage) / 2, n - 1) * errors.std(ddof=1) / math.sqrt(n))
    return max(0.0, mean - half), mean + half
