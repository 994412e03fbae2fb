"""Selection of the images to label for a calibration curve (LARGE, appendix E.2)."""

from __future__ import annotations

import warnings
from math import ceil, floor
from numbers import Integral, Real
from typing import TYPE_CHECKING, Literal

import numpy as np
from sklearn.utils import check_array, check_random_state
from sklearn.utils._param_validation import Interval, StrOptions, validate_params

from skstylefeat._utils._validation import check_magnitude

if TYPE_CHECKING:
    from numpy.typing import ArrayLike, NDArray

    from skstylefeat._utils._typing import RandomState

#: LARGE, E.2: chosen distances are at least (max - min) / n ** 1.3 apart.
GAP_EXPONENT = 1.3


@validate_params(
    {
        "distances": ["array-like"],
        "n_points": [Interval(Integral, 1, None, closed="left")],
        "strategy": [StrOptions({"spread", "optimal"})],
        "central": [Interval(Real, 0, 1, closed="right")],
        "random_state": ["random_state"],
    },
    prefer_skip_nested_validation=True,
)
def select_calibration_points(
    distances: ArrayLike,
    n_points: int,
    *,
    strategy: Literal["spread", "optimal"] = "spread",
    central: float = 0.95,
    random_state: RandomState = None,
) -> NDArray[np.intp]:
    """Select images to label for a calibration curve.

    Parameters
    ----------
    distances : array-like of shape (n,) or (n, 1)
        Distances of the unlabeled images.
    n_points : int
        Number of images to label.
    strategy : {"spread", "optimal"}, default="spread"
        "spread" draws points at random whose distances are at least (max - min) /
        ``n_points`` ** 1.3 apart, over the range of the central part. "optimal" takes the points
        that minimize the variance of the slope of a straight line, which are the two ends of the
        central part: the best choice for a linear relation, but no test of whether it is linear.
    central : float, default=0.95
        Share of the distances to select from; the tails are likely failed inversions.
    random_state : int, RandomState or None, default=None
        For "spread".

    Returns
    -------
    indices : ndarray of shape (n_points,), int
        Rows to label, in ascending order of distance.

    Warns
    -----
    UserWarning
        If `n_points` require a smaller gap, or points of the tails.

    References
    ----------
    .. [1] Y. Nitzan et al., "LARGE: Latent-Based Regression through GAN Semantics", CVPR 2022.

    Examples
    --------
    >>> import numpy as np
    >>> from skstylefeat import select_calibration_points
    >>> select_calibration_points(np.arange(100.0), 2, strategy="optimal", central=0.9)
    array([ 5, 94])
    """
    column = _one_column(distances)
    if n_points > len(column):
        raise ValueError(
            f"n_points={n_points} points cannot be selected from n_samples = {len(column)}."
        )

    # The central part lies between two linear quantiles, which need no more than a sort.
    ordered = np.sort(column)
    start, stop = _central_part(ordered, central)
    if stop - start < n_points:
        warnings.warn(
            f"The central {central:.0%} of the distances contain {stop - start} points, fewer than "
            f"n_points={n_points}: points of the tails are selected, too.",
            UserWarning,
            stacklevel=2,
        )
        start, stop = 0, len(ordered)
    middle = ordered[start:stop]
    if strategy == "optimal":
        return _rows_at(column, ordered, start + _slope_optimal(middle, n_points))

    # The gap of the paper, or the largest one at which n_points fit.
    gap = (middle[-1] - middle[0]) / n_points**GAP_EXPONENT
    if gap == 0 and n_points > 1:
        warnings.warn(
            "All distances are equal: labels at a single distance do not define a slope.",
            UserWarning,
            stacklevel=2,
        )
    if _capacity(middle, 0, len(middle), gap) < n_points:
        feasible = _largest_gap(middle, n_points, gap)
        warnings.warn(
            f"No {n_points} distances are {gap:.3g} apart, the gap (max - min) / n_points^1.3: "
            f"it is relaxed to {feasible:.3g}.",
            UserWarning,
            stacklevel=2,
        )
        gap = feasible
    positions = _random_spread(middle, n_points, gap, check_random_state(random_state))
    return _rows_at(column, ordered, start + positions)


def _one_column(distances):
    distances = check_array(distances, ensure_2d=False, dtype=np.float64, input_name="distances")
    if distances.ndim == 2 and distances.shape[1] != 1:
        raise ValueError(
            f"distances has {distances.shape[1]} columns; expected those of one direction, (n,) "
            "or (n, 1)."
        )
    check_magnitude(distances, "distances")
    return distances.ravel()


def _central_part(ordered, share):
    """Return the first and one past the last position between the two quantiles of a share.

    A quantile between two distances leaves out the lower one, and one at a distance keeps all that
    are equal to it.
    """
    last = len(ordered) - 1
    low = ordered[ceil(last * ((1 - share) / 2))]
    high = ordered[floor(last * ((1 + share) / 2))]
    return int(ordered.searchsorted(low)), int(ordered.searchsorted(high, side="right"))


def _rows_at(column, ordered, positions):
    """Return the rows of positions in ascending order; equal distances are in the order of rows.

    A few searches take less time than a stable sort that keeps the rows.
    """
    values = ordered[positions]
    ranks = positions - ordered.searchsorted(values)
    rows = [np.flatnonzero(column == value)[k] for value, k in zip(values, ranks, strict=True)]
    return np.array(rows, dtype=np.intp)


def _slope_optimal(ordered, n_points):
    """Return the positions that maximize the sum of squares about the mean.

    The maximum consists of the k lowest and the n_points - k highest positions, for some k.
    """
    n = len(ordered)
    candidates = [np.r_[:k, n - (n_points - k) : n] for k in range(n_points + 1)]
    return max(candidates, key=lambda positions: np.var(ordered[positions]))


def _capacity(ordered, start, stop, gap):
    """Return the largest number of points of ``ordered[start:stop]`` that are `gap` apart."""
    count, position = 0, start
    while position < stop:
        count += 1
        position = max(position + 1, _beyond(ordered, ordered[position], gap))
    return count


def _beyond(ordered, value, gap):
    """Return the first position whose distance is at least `gap` above a value."""
    return int(ordered.searchsorted(value + gap))


def _largest_gap(ordered, n_points, infeasible):
    """Return, by bisection, the largest gap at which `n_points` fit."""
    low, high = 0.0, infeasible
    for _ in range(50):
        middle = (low + high) / 2
        if _capacity(ordered, 0, len(ordered), middle) >= n_points:
            low = middle
        else:
            high = middle
    return low


def _random_spread(ordered, n_points, gap, random_state):
    """Draw points at random, `gap` apart, never one that leaves too little room for the rest."""
    # Free intervals of positions: start, stop, and the number of points that still fit in.
    free = {0: (len(ordered), _capacity(ordered, 0, len(ordered), gap))}
    room = free[0][1]
    chosen = []
    for position in random_state.permutation(len(ordered)):
        if len(chosen) == n_points:
            break
        start = next((s for s, (e, _) in free.items() if s <= position < e), None)
        if start is None:
            continue

        # The point would split its interval in two, each `gap` away from it.
        stop, capacity = free[start]
        value = ordered[position]
        left_stop = min(int(ordered.searchsorted(value - gap, side="right")), position)
        right_start = max(_beyond(ordered, value, gap), position + 1)
        left = _capacity(ordered, start, left_stop, gap)
        right = _capacity(ordered, right_start, stop, gap)
        if len(chosen) + 1 + room - capacity + left + right < n_points:
            continue

        room += left + right - capacity
        del free[start]
        if left_stop > start:
            free[start] = (left_stop, left)
        if stop > right_start:
            free[right_start] = (stop, right)
        chosen.append(position)
    return np.sort(chosen)
