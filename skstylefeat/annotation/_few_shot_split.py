"""Cross-validation with few rows to train on and all others to test on."""

from __future__ import annotations

from collections.abc import Iterator
from numbers import Integral
from typing import Any, Literal

import numpy as np
from numpy.typing import ArrayLike, NDArray
from sklearn.utils import check_random_state, indexable
from sklearn.utils.validation import _num_samples

from skstylefeat._utils._labels import check_no_continuum, split_labels
from skstylefeat._utils._sklearn_base import BaseCrossValidator
from skstylefeat._utils._typing import RandomState

__all__ = ["FewShotSplit"]

DEFAULT_DRAWS = 20


class FewShotSplit(BaseCrossValidator):
    """Cross-validator that trains on `n_labels` rows and tests on the rest, many times.

    Parameters
    ----------
    n_labels : int, default=10
        Rows to train on.
    n_draws : int, default=20
        Number of splits.
    n_splits : int or None, default=None
        The same by the name that scikit-learn's splitters give it; not together with another
        `n_draws`.
    stratify : {"proportional", "balanced"} or None, default="proportional"
        "proportional" draws each class by its share, and at least one row of each if `n_labels`
        allows it; "balanced" draws the same number from each class, or all rows of a class that
        has fewer; None ignores `y`, which may then be continuous.
    random_state : int, RandomState instance or None, default=None
        Seeds the draws. An integer gives the same splits in each call.

    Examples
    --------
    >>> import numpy as np
    >>> from skstylefeat import FewShotSplit
    >>> y = np.repeat(["clear", "dark", "none"], [10, 10, 80])
    >>> splitter = FewShotSplit(n_labels=5, n_draws=2, random_state=0)
    >>> for train, test in splitter.split(np.zeros((100, 1)), y):
    ...     print(np.unique(y[train], return_counts=True)[1], len(test))
    [1 1 3] 95
    [1 1 3] 95
    """

    def __init__(
        self,
        n_labels: int = 10,
        n_draws: int = DEFAULT_DRAWS,
        *,
        stratify: Literal["proportional", "balanced"] | None = "proportional",
        random_state: RandomState = None,
        n_splits: int | None = None,
    ) -> None:
        self.n_labels = n_labels
        self.n_draws = n_draws
        self.stratify = stratify
        self.random_state = random_state
        self.n_splits = n_splits

    def get_n_splits(self, X: Any = None, y: Any = None, groups: Any = None) -> int:
        """Return the number of draws.

        Parameters
        ----------
        X, y, groups : Ignored
            Present by convention.

        Returns
        -------
        int
        """
        return self._n_draws()

    def _n_draws(self):
        """Return the number of splits, given by either name."""
        if self.n_splits is None:
            return self.n_draws
        if self.n_draws not in (DEFAULT_DRAWS, self.n_splits):
            raise ValueError(
                f"n_draws={self.n_draws} and n_splits={self.n_splits} are the same parameter; "
                "give one of them."
            )
        return self.n_splits

    def split(
        self, X: Any, y: ArrayLike | None = None, groups: Any = None
    ) -> Iterator[tuple[NDArray[np.intp], NDArray[np.intp]]]:
        """Yield train and test rows.

        Parameters
        ----------
        X : array-like or FeatureMaps of length n
            Data, of which only the length is used.
        y : array-like of shape (n,), or None
            Classes, none of them missing; not needed if ``stratify=None``.
        groups : Ignored
            Present by convention.

        Yields
        ------
        train : ndarray of shape (n_labels,), int
        test : ndarray of shape (n - n_labels,), int
            Both sorted.

        Raises
        ------
        ValueError
            If there are not more rows than `n_labels`, or `y` is continuous or lacks labels.
        """
        X, y = indexable(X, y)
        n_samples = _num_samples(X)

        n_draws = self._n_draws()
        counts = {"n_labels": self.n_labels, "n_draws": n_draws}
        for name, value in counts.items():
            if not isinstance(value, Integral) or isinstance(value, bool) or value < 1:
                raise ValueError(f"{name} must be an integer of at least 1, got {value!r}.")
        if self.n_labels >= n_samples:
            raise ValueError(
                f"n_labels={self.n_labels} rows to train on leave nothing to test on: there are "
                f"{n_samples} rows."
            )

        strata, quotas = self._strata(y, n_samples)
        rng = check_random_state(self.random_state)
        for _ in range(n_draws):
            drawn = [
                rng.choice(rows, quota, replace=False)
                for rows, quota in zip(strata, quotas, strict=True)
            ]
            train = np.sort(np.concatenate(drawn))
            yield train, np.setdiff1d(np.arange(n_samples), train, assume_unique=True)

    def _strata(self, y, n_samples):
        """Return the rows of each class, and how many of them to draw."""
        if self.stratify is None:
            return [np.arange(n_samples)], [self.n_labels]
        if not isinstance(self.stratify, str) or self.stratify not in ("proportional", "balanced"):
            raise ValueError(
                f"stratify must be 'proportional', 'balanced' or None, got {self.stratify!r}."
            )
        if y is None:
            raise ValueError("FewShotSplit needs y to draw from its classes, or stratify=None.")

        rows, labels = split_labels(y, n_samples)
        check_no_continuum(labels)
        if len(rows) < n_samples:
            raise ValueError(
                f"y has no label in {n_samples - len(rows)} of {n_samples} rows (None, NaN or -1). "
                "FewShotSplit needs all labels, to draw from the classes and to test; drop the "
                "rows without one."
            )

        classes, codes = np.unique(labels, return_inverse=True)
        sizes = np.bincount(codes)
        strata = [np.flatnonzero(codes == code) for code in range(len(classes))]
        # Equal shares of 0 lead to equal numbers.
        is_balanced = self.stratify == "balanced"
        shares = np.zeros(len(sizes)) if is_balanced else self.n_labels * sizes / n_samples
        return strata, _apportion(self.n_labels, shares, sizes)


def _apportion(n_labels, shares, sizes):
    """Deal labels one by one to the class that is furthest below its share and has rows left.

    Classes without a label come first, and larger classes before smaller ones, so that each class
    gets one if there are enough.
    """
    quotas = np.zeros(len(sizes), dtype=int)
    for _ in range(n_labels):
        key = np.where(
            quotas < sizes, shares - quotas + np.where(quotas == 0, n_labels, 0), -np.inf
        )
        quotas[np.lexsort((-sizes, -key))[0]] += 1
    return quotas
