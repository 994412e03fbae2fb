"""Which images to label, so that few labels calibrate well (LARGE, appendix E.2)."""

import warnings
from numbers import Integral, Real

import numpy as np
from sklearn.utils import check_array, check_random_state, column_or_1d
from sklearn.utils._param_validation import Interval, StrOptions, validate_params

from skstylefeat._utils._validation import check_magnitude

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
    distances, n_points, *, strategy="spread", central=0.95, random_state=None
):
    """Choose images to label for a calibration curve.

    Parameters
    ----------
    distances : array-like of shape (n,) or (n, 1)
        Distances of the unlabeled images.
    n_points : int
        How many to label.
    strategy : {"spread", "optimal"}, default="spread"
        "spread" draws points at random whose distances are at least (max - min) /
        ``n_points`` ** 1.3 apart, over the range of the central part. "optimal" takes the points
        that minimize the variance of a straight line's slope, which are the two ends of the
        central part: the best choice if the relation is a line, and blind to it if it is not.
    central : float, default=0.95
        Share of the distances to choose from; the tails are likely failed inversions.
    random_state : int, RandomState or None, default=None
        For "spread".

    Returns
    -------
    indices : ndarray of shape (n_points,), int
        Rows to label, in ascending order of distance.

    Warns
    -----
    UserWarning
        If the gap has to be made smaller, or the tails are needed, for `n_points` to be found.

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
    distances = _one_column(distances)
    if n_points > len(distances):
        raise ValueError(
            f"n_points={n_points} points cannot be chosen from n_samples = {len(distances)}."
        )
    low, high = np.quantile(distances, [(1 - central) / 2, (1 + central) / 2])
    rows = np.flatnonzero((distances >= low) & (distances <= high))
    if len(rows) < n_points:
        warnings.warn(
            f"The central {central:.0%} of the distances hold {len(rows)} points, fewer than "
            f"n_points={n_points}: choosing from the tails, too.",
            UserWarning,
            stacklevel=2,
        )
        rows = np.arange(len(distances))
    rows = rows[np.argsort(distances[rows], kind="stable")]
    ordered = distances[rows]
    if strategy == "optimal":
        return rows[_slope_optimal(ordered, n_points)]
    gap = (ordered[-1] - ordered[0]) / n_points**GAP_EXPONENT
    if gap == 0 and n_points > 1:
        warnings.warn(
            "All distances are equal: labels at one distance cannot tell a slope.",
            UserWarning,
            stacklevel=2,
        )
    if _capacity(ordered, 0, len(ordered), gap) < n_points:
        feasible = _largest_gap(ordered, n_points, gap)
        warnings.warn(
            f"No {n_points} distances lie {gap:.3g} apart, as (max - min) / n_points^1.3 asks: "
            f"the gap is relaxed to {feasible:.3g}.",
            UserWarning,
            stacklevel=2,
        )
        gap = feasible
    return rows[_random_spread(ordered, n_points, gap, check_random_state(random_state))]


def _one_column(distances):
    distances = check_array(
        distances, ensure_2d=False, dtype=np.float64, input_name="distances", allow_nd=False
    )
    if distances.ndim == 2 and distances.shape[1] != 1:
        raise ValueError(
            f"distances has {distances.shape[1]} columns; give those of one direction, (n,) or "
            "(n, 1)."
        )
    check_magnitude(distances, "distances")
    return column_or_1d(distances.ravel())


def _slope_optimal(ordered, n_points):
    """Return the positions that maximize the sum of squares about the mean.

    The maximum lies at k of the lowest and n_points - k of the highest for some k.
    """
    n = len(ordered)
    candidates = [np.r_[:k, n - (n_points - k) : n] for k in range(n_points + 1)]
    return max(candidates, key=lambda positions: np.var(ordered[positions]))


def _capacity(ordered, start, stop, gap):
    """Count the points of ``ordered[start:stop]`` that can be chosen `gap` apart, at most."""
    count, position = 0, start
    while position < stop:
        count += 1
        position = max(position + 1, _beyond(ordered, ordered[position], gap))
    return count


def _beyond(ordered, value, gap):
    return int(np.searchsorted(ordered, value + gap, side="left"))


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
    # Free stretches of positions, each with the number of points that still fit in.
    free = {0: (len(ordered), _capacity(ordered, 0, len(ordered), gap))}
    room = free[0][1]
    chosen = []
    for position in random_state.permutation(len(ordered)):
        if len(chosen) == n_points:
            break
        start = next((s for s, (e, _) in free.items() if s <= position < e), None)
        if start is None:
            continue
        stop, capacity = free[start]
        value = ordered[position]
        left_stop = min(int(np.searchsorted(ordered, value - gap, side="right")), position)
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
