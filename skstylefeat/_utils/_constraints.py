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
