"""Directions from ordered groups of codes: Fisher's discriminant with a ridge."""

from numbers import Real

import numpy as np
from scipy.linalg import eigh
from sklearn.base import BaseEstimator, _fit_context
from sklearn.utils._param_validation import Interval, StrOptions

from skstylefeat._utils._versions import VersionStamped
from skstylefeat.directions._groups import grades, ordered_groups
from skstylefeat.directions._plane import PlaneMixin, mean_and_inverse_scale, plane_between

#: Shrinkages that "auto" tries: shares of the codes' mean variance, from none to nearly all.
SHRINKAGES = np.logspace(-3, 2, 26)


class Spectrum:
    """Eigenvectors of standardized codes: ridge fits of every strength from one decomposition.

    Parameters
    ----------
    X : ndarray of shape (n, n_features)
    """

    def __init__(self, X):
        mean, self.inverse_scale = mean_and_inverse_scale(X)
        rows = (X - mean) * self.inverse_scale
        # The smaller of covariance and Gram matrix holds the same spectrum.
        if len(rows) <= rows.shape[1]:
            values, self.left = _spectrum(rows @ rows.T)
            self.right = rows.T @ (self.left / np.sqrt(values))
        else:
            values, self.right = _spectrum(rows.T @ rows)
            self.left = rows @ (self.right / np.sqrt(values))
        self.variances = values / len(rows)

    def filters(self, shrinkages):
        """Return what is left of each component's fit, shape (n_shrinkages, n_components)."""
        ridge = np.asarray(shrinkages)[:, None] * self.variances.mean()
        return self.variances / (self.variances + ridge)

    def left_out(self, s, shrinkages):
        """Return the predictions of s for each row by the others, shape (n, n_shrinkages)."""
        filters = self.filters(shrinkages)
        fitted = self.left @ (filters * (self.left.T @ s)).T
        leverage = np.square(self.left) @ filters.T + 1.0 / len(s)
        return (fitted - leverage * s[:, None]) / np.maximum(1.0 - leverage, 1e-6)

    def normal(self, s, shrinkage):
        """Return the ridge solution in the codes' own units, not normalized."""
        amplitudes = self.filters([shrinkage])[0] * (self.left.T @ s) / np.sqrt(self.variances)
        return (self.right @ amplitudes) * self.inverse_scale


def _spectrum(matrix):
    """Return the eigenvalues that are not rounding, and their vectors."""
    values, vectors = eigh(matrix, overwrite_a=True)
    kept = values > values[-1] * len(values) * np.finfo(np.float64).eps
    return values[kept], vectors[:, kept]


class DiscriminantDirection(PlaneMixin, VersionStamped, BaseEstimator):
    """Semantic direction from codes in ordered groups: Fisher's discriminant, with a ridge.

    With groups s of -1, 0 and +1 and standardized codes w of covariance C the direction is

        n = (C + r I)^-1 Cov(w, s)

    For two groups that is Fisher's discriminant, as good as a support vector machine. It gains by
    a third: once the labeler has set aside what is neither clearly left nor clearly right, the
    plane knows that left and right lie on either side of it and does not take the angle's own
    spread for noise. A plane between two halves does, and prefers directions that saturate, so
    its distances bend away from a straight line at both ends.

    Finer grades say more, such as 0 to 4 from far left to far right: ``extremes=None`` puts them,
    or exact values, in the place of s.

    Parameters
    ----------
    shrinkage : float or "auto", default="auto"
        r, in mean variances of the codes' principal components. "auto" takes the one of 26
        between 0.001 and 100 with the least squared error of the groups that are left out one
        by one, as :class:`~sklearn.linear_model.RidgeCV` does; it costs no refit. The time grows
        with the cube of the smaller side of X: seconds for 20,000 W codes, minutes for as many W+
        codes of 1024 px.
    extremes : float or None, default=1/3
        Where `y` is a score (more than three numbers): the share of the rows at each end that
        makes a group; the rest is the middle one. Thirds keep most of the order whatever the
        score's distribution, and its units do not matter. Two values are the groups, and so are
        three numbers. None takes all numbers as they are: grades at equal steps, or values.
    conditional_on : array-like of shape (n_features,) or (k, n_features), default=None
        Directions that stay fixed: they are projected out of the normal.

    Attributes
    ----------
    direction_ : ndarray of shape (n_features,), float64
        Unit normal. It points to the second of the sorted classes, or to the high scores.
    intercept_ : float
        Signed distance of the origin; the plane lies half-way between the outer groups' means
        (with ``extremes=None``: of what is below and above the middle of the range).
    shrinkage_ : float
        The one that was used.
    validation_score_ : float
        Share of the outer groups' rows on the right side of the plane that all other rows give
        (before `conditional_on`).
    classes_ : ndarray of shape (2,) or None
        The two labels; None for a score.
    n_features_in_ : int

    See Also
    --------
    LinearSVMDirection : Normal of a support vector machine, the choice of InterFaceGAN and LARGE.
    MeanDifferenceDirection : Reads less well, and is the one to edit images by.

    Examples
    --------
    >>> import numpy as np
    >>> from skstylefeat.directions import DiscriminantDirection
    >>> w = np.random.RandomState(0).normal(size=(400, 8))
    >>> left_frontal_right = np.sign(w[:, 2]) * (abs(w[:, 2]) > 0.5)
    >>> found = DiscriminantDirection().fit(w, left_frontal_right)
    >>> int(abs(found.direction_).argmax())
    2
    """

    _parameter_constraints: dict = {
        "shrinkage": [Interval(Real, 0, None, closed="left"), StrOptions({"auto"})],
        "extremes": [Interval(Real, 0, 0.5, closed="right"), None],
        "conditional_on": ["array-like", None],
    }

    def __init__(self, *, shrinkage="auto", extremes=1 / 3, conditional_on=None):
        self.shrinkage = shrinkage
        self.extremes = extremes
        self.conditional_on = conditional_on

    @_fit_context(prefer_skip_nested_validation=True)
    def fit(self, X, y):
        """Find the direction.

        Parameters
        ----------
        X : array-like of shape (n_samples, n_features)
            W codes, or W+ or S codes as rows; a normal in W+ has its own part for each layer.
        y : array-like of shape (n_samples,)
            Two labels of any type, three ordered numbers, or a score; grades, or values, with
            ``extremes=None``.

        Returns
        -------
        self
        """
        X, y = self._check_latents(X, y)
        targets, self.classes_ = (
            grades(y) if self.extremes is None else ordered_groups(y, self.extremes)
        )
        groups = np.sign(targets)
        outer = groups != 0
        centerd = targets - targets.mean()
        spectrum = Spectrum(X)
        tried = SHRINKAGES if self.shrinkage == "auto" else np.array([self.shrinkage], dtype=float)
        left_out = spectrum.left_out(centerd, tried)
        best = int(np.square(left_out - centerd[:, None]).mean(axis=0).argmin())
        self.shrinkage_ = float(tried[best])
        normal = spectrum.normal(centerd, self.shrinkage_)
        self.direction_, self.intercept_ = plane_between(X, groups, normal, self.conditional_on)
        self.validation_score_ = _accuracy(left_out[outer, best], groups[outer])
        return self


def _accuracy(predictions, s):
    middle = np.mean([predictions[s == sign].mean() for sign in (-1, 1)])
    return float(np.mean((predictions > middle) == (s > 0)))
