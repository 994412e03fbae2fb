"""Parameter constraints that scikit-learn lacks."""

from numbers import Integral
from typing import Any

from sklearn.utils._param_validation import Interval


class IntegerFrom(Interval):
    """Integers of at least `least`; unlike `Interval`, without True and False."""

    def __init__(self, least: int) -> None:
        super().__init__(Integral, least, None, closed="left")

    def is_satisfied_by(self, val: Any) -> bool:
        """Return whether a value meets the constraint."""
        return not isinstance(val, bool) and super().is_satisfied_by(val)


#: Numbers of workers for joblib, which takes all but 0 and refuses that only when work begins.
N_JOBS: list[Any] = [
    Interval(Integral, -(2**15), -1, closed="both"),
    Interval(Integral, 1, 2**15, closed="both"),
    None,
]
