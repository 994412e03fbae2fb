"""FewShotSplit: draws of a few labeled rows, with all the others to test on."""

from numbers import Integral

import numpy as np
from sklearn.model_selection import BaseCrossValidator
from sklearn.utils import check_random_state, indexable
from sklearn.utils.multiclass import type_of_target
from sklearn.utils.validation import _num_samples, column_or_1d

from skstylefeat._utils._labels import sorted_classes

__all__ = ["FewShotSplit"]


class FewShotSplit(BaseCrossValidator):
    """Cross-validator that trains on `n_labels` rows and tests on the rest, many times.

    Parameters
    ----------
    n_labels : int, default=10
        Rows to train on.
    n_draws : int, default=20
        Number of splits.
    stratify : {"proportional", "balanced"} or None, default="proportional"
        "proportional" draws every class by its share, and at least one of each where `n_labels`
        allows it; "balanced" draws as many of each class as there are rows of it; None draws
        regardless of `y`, which may then be continuous.
    random_state : int, RandomState instance or None, default=None
        Seeds the draws. An integer gives the same splits at every call.

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

    def __init__(self, n_labels=10, n_draws=20, *, stratify="proportional", random_state=None):
        self.n_labels = n_labels
        self.n_draws = n_draws
        self.stratify = stratify
        self.random_state = random_state

    def get_n_splits(self, X=None, y=None, groups=None):
        """Return the number of draws.

        Parameters
        ----------
        X, y, groups : Ignored
            Present by convention.

        Returns
        -------
        int
        """
        return self.n_draws

    def split(self, X, y=None, groups=None):
        """Yield train and test rows.

        Parameters
        ----------
        X : array-like or FeatureMaps of length n
            Data; only its length matters.
        y : array-like of shape (n,), or None
            Classes; needed unless ``stratify=None``.
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
            If there are not more rows than `n_labels`, or `y` is no set of classes.
        """
        X, y = indexable(X, y)
        n_samples = _num_samples(X)
        for name in ("n_labels", "n_draws"):
            value = getattr(self, name)
            if not isinstance(value, Integral) or isinstance(value, bool) or value < 1:
                raise ValueError(f"{name} must be an integer of at least 1, got {value!r}.")
        if self.n_labels >= n_samples:
            raise ValueError(
                f"n_labels={self.n_labels} rows to train on leave nothing to test on: there are "
                f"{n_samples} rows."
            )
        strata, quotas = self._strata(y, n_samples)
        rng = check_random_state(self.random_state)
        for _ in range(self.n_draws):
            drawn = [
                rng.choice(rows, quota, replace=False)
                for rows, quota in zip(strata, quotas, strict=True)
            ]
            train = np.sort(np.concatenate(drawn))
            yield train, np.setdiff1d(np.arange(n_samples), train, assume_unique=True)

    def _strata(self, y, n_samples):
        """Return the rows of each class and how many to draw of them."""
        if self.stratify is None:
            return [np.arange(n_samples)], [self.n_labels]
        if self.stratify not in ("proportional", "balanced"):
            raise ValueError(
                f"stratify must be 'proportional', 'balanced' or None, got {self.stratify!r}."
            )
        if y is None:
            raise ValueError("FewShotSplit needs y to draw from its classes, or stratify=None.")
        y = column_or_1d(y)
        if y.dtype.kind == "f" and not np.isfinite(y).all():
            raise ValueError("y contains NaN or infinity; classes are needed to draw from.")
        sorted_classes(y)  # says what is wrong where they have no order
        with np.errstate(invalid="ignore"):  # it looks whether numbers beyond integers are integers
            kind = type_of_target(y)
        if kind not in ("binary", "multiclass"):
            raise ValueError(
                f"y is {kind}; classes are needed to draw from. Use stratify=None for "
                "a continuous target."
            )
        classes, codes = sorted_classes(y)
        sizes = np.bincount(codes)
        strata = [np.flatnonzero(codes == code) for code in range(len(classes))]
        if self.stratify == "balanced":
            wanted = np.full(len(sizes), np.inf)
        else:
            wanted = self.n_labels * sizes / n_samples
        return strata, _apportion(self.n_labels, wanted, sizes)


def _apportion(n_labels, wanted, sizes):
    """Deal labels one by one to the class that is furthest below its due, none twice empty.

    A class without any label comes first, larger classes before smaller ones, so that each has
    one where there are enough.
    """
    quotas = np.zeros(len(sizes), dtype=int)
    for _ in range(n_labels):
        due = np.where(np.isinf(wanted), -quotas.astype(float), wanted - quotas)
        key = np.where(quotas < sizes, due + np.where(quotas == 0, n_labels, 0), -np.inf)
        quotas[np.lexsort((-sizes, -key))[0]] += 1
    return quotas
