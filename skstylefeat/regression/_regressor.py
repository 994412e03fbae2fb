"""Calibration of latent distances to real-world values (LARGE, section 3.3)."""

import warnings
from numbers import Integral, Real

import numpy as np
from sklearn.base import BaseEstimator, MultiOutputMixin, RegressorMixin, _fit_context
from sklearn.utils import check_random_state
from sklearn.utils._param_validation import Interval, StrOptions
from sklearn.utils.validation import (
    _check_sample_weight,
    check_array,
    check_is_fitted,
    validate_data,
)

from skstylefeat._utils._validation import check_magnitude
from skstylefeat._utils._versions import VersionStamped
from skstylefeat.regression._curves import CurveFitter, powers, standard_deviation

#: Powers of standardized features that vary less than this are constant up to rounding.
TERM_FLOOR = 1e-8


class LatentRegressor(MultiOutputMixin, RegressorMixin, VersionStamped, BaseEstimator):
    """Few-shot regression from latent distances: y = a d + c, from two labels on.

    Distances and targets are standardized inside, so the units of either never matter. The paper
    fits scikit-learn's ElasticNet on raw distances and raw targets; with its default penalty a
    distance of standard deviation 1/512, as the published layer weights give, gets slope 0.

    Parameters
    ----------
    penalty : {"elasticnet", "l1", "l2", "huber", "none"} or None, default="elasticnet"
        Regularization of the slope; "huber" is ridge with the Huber loss, for wrong labels. None
        and "none" are least squares.
    alpha : float, default=1.0
        Strength. On standardized data the objective is

            1/(2 n) ||y - X a||^2 + lambda (l1_ratio ||a||_1 + (1 - l1_ratio)/2 ||a||_2^2)

        with lambda = 0.2 alpha / n: the penalty weighs as much as a fifth of one label that says
        "no relation". It steadies two labels and vanishes beside a hundred.
    l1_ratio : float, default=0.5
        Share of the L1 part in "elasticnet".
    degree : int, default=1
        Highest power of each feature.
    monotonic : bool, default=False
        Replace the straight line by an increasing step-wise linear curve over its prediction
        (isotonic regression); values beyond the labeled range stay constant.
    standardize : bool, default=True
        False is the paper's setting: raw distances and targets and `alpha` as scikit-learn's own
        estimators take it.
    unlabeled : {"error", "ignore"}, default="error"
        What to do with rows whose y is NaN. "ignore" fits on the labeled ones, but takes the
        mean and scale of the features from all: with 2 labels this makes the penalty know that
        two distances are close together, and cuts the mean error several times.
    n_refits : int or None, default=20
        Number of refits behind `predict_interval` and ``return_std``: each leaves out a fold, or
        one label while there are no more than `n_refits`. None saves the time and both features.
    random_state : int, RandomState or None, default=0
        Assigns labels to folds.

    Attributes
    ----------
    coef_ : ndarray of shape (n_terms,) or (n_targets, n_terms)
        Slopes in the units of X and y. The terms are the features, then their squares, and so on,
        each power taken of ``(X - x_mean_) / x_scale_`` for `degree` above 1.
    intercept_ : float or ndarray of shape (n_targets,)
    x_mean_, x_scale_ : ndarray of shape (n_features,)
    residuals_ : ndarray of shape (n_labeled,) or (n_labeled, n_targets)
        y minus the prediction of the refit that left this label out; only with `n_refits`.
    n_labeled_ : int
    n_features_in_ : int

    See Also
    --------
    HyperplaneDistance : Makes the distances.
    select_calibration_points : Which images to label.

    References
    ----------
    .. [1] Y. Nitzan et al., "LARGE: Latent-Based Regression through GAN Semantics", CVPR 2022.
    .. [2] R. F. Barber et al., "Predictive Inference with the Jackknife+", Annals of Statistics
       2021.

    Examples
    --------
    >>> import numpy as np
    >>> from skstylefeat import LatentRegressor
    >>> model = LatentRegressor(penalty=None).fit([[-1.0], [2.0]], [20.0, 50.0])
    >>> model.predict([[0.0], [1.0]])
    array([30., 40.])
    """

    _parameter_constraints: dict = {
        "penalty": [StrOptions({"elasticnet", "l1", "l2", "huber", "none"}), None],
        "alpha": [Interval(Real, 0, None, closed="left")],
        "l1_ratio": [Interval(Real, 0, 1, closed="both")],
        "degree": [Interval(Integral, 1, None, closed="left")],
        "monotonic": ["boolean"],
        "standardize": ["boolean"],
        "unlabeled": [StrOptions({"error", "ignore"})],
        "n_refits": [Interval(Integral, 2, None, closed="left"), None],
        "random_state": ["random_state"],
    }

    def __init__(
        self,
        penalty="elasticnet",
        *,
        alpha=1.0,
        l1_ratio=0.5,
        degree=1,
        monotonic=False,
        standardize=True,
        unlabeled="error",
        n_refits=20,
        random_state=0,
    ):
        self.penalty = penalty
        self.alpha = alpha
        self.l1_ratio = l1_ratio
        self.degree = degree
        self.monotonic = monotonic
        self.standardize = standardize
        self.unlabeled = unlabeled
        self.n_refits = n_refits
        self.random_state = random_state

    @_fit_context(prefer_skip_nested_validation=True)
    def fit(self, X, y, sample_weight=None):
        """Fit the calibration curve.

        Parameters
        ----------
        X : array-like of shape (n_samples, n_features)
            Distances.
        y : array-like of shape (n_samples,) or (n_samples, n_targets)
            Values in any unit.
        sample_weight : array-like of shape (n_samples,), default=None
            How many labels a row stands for.

        Returns
        -------
        self
        """
        X, y, labeled = self._check(X, y)
        check_magnitude(X)
        check_magnitude(y[~np.isnan(y)], "y")
        weight = _check_sample_weight(sample_weight, X, dtype=np.float64, ensure_non_negative=True)
        self._is_single = y.ndim == 1
        y = y.reshape(len(y), -1)
        kept = weight > 0
        self._standardize(X[kept], weight[kept])
        labeled &= kept
        X, y, weight = X[labeled], y[labeled], weight[labeled]
        if len(X) < 2:
            raise ValueError(
                f"A calibration needs at least 2 labeled rows, got n_samples = {len(X)}."
            )
        self.n_labeled_ = len(X)
        terms = self._terms(X)
        fitter = CurveFitter(
            self.penalty, self.alpha, self.l1_ratio, self.monotonic, self.standardize
        )
        self._curve = fitter.fit(terms, y, weight)
        self._set_coefficients()
        if self.n_refits is not None:
            self._cross_fit(fitter, terms, y, weight)
        return self

    def _check(self, X, y):
        if self.unlabeled == "error":
            X, y = validate_data(
                self, X, y, dtype=np.float64, multi_output=True, y_numeric=True, order="C"
            )
            y = np.asarray(y, dtype=np.float64)
            return X, y, np.ones(len(X), dtype=bool)
        if y is None:
            raise ValueError(
                "This LatentRegressor requires y to be passed, but the target y is None."
            )
        X = validate_data(self, X, dtype=np.float64, order="C")
        y = check_array(
            y, ensure_2d=False, dtype=np.float64, ensure_all_finite="allow-nan", input_name="y"
        )
        if len(y) != len(X):
            raise ValueError(f"X has {len(X)} rows and y {len(y)}.")
        return X, y, ~np.isnan(y.reshape(len(y), -1)).any(axis=1)

    def _standardize(self, X, weight):
        """Learn the scale of the features, and of their powers, from all rows."""
        n_features = X.shape[1]
        n_terms = n_features * self.degree
        self.x_mean_, self.x_scale_ = np.zeros(n_features), np.ones(n_features)
        self._term_mean, self._term_scale = np.zeros(n_terms), np.ones(n_terms)
        if not self.standardize or not len(X):
            return
        self.x_mean_ = np.average(X, axis=0, weights=weight)
        self.x_scale_ = standard_deviation(X, weight)
        if self.degree > 1:
            terms = self._terms(X)
            self._term_mean = np.average(terms, axis=0, weights=weight)
            self._term_scale = standard_deviation(terms, weight, floor=TERM_FLOOR)

    def _terms(self, X):
        terms = powers((X - self.x_mean_) / self.x_scale_, self.degree)
        return terms if self.degree == 1 else (terms - self._term_mean) / self._term_scale

    def _set_coefficients(self):
        coef = self._curve.coef / self._term_scale
        intercept = self._curve.intercept - coef @ self._term_mean
        if self.degree == 1:
            coef = coef / self.x_scale_
            intercept = intercept - coef @ self.x_mean_
        self.coef_ = coef[0] if self._is_single else coef
        self.intercept_ = float(intercept[0]) if self._is_single else intercept

    def _cross_fit(self, fitter, terms, y, weight):
        n = len(terms)
        n_folds = min(self.n_refits, n)
        fold = np.arange(n) % n_folds
        check_random_state(self.random_state).shuffle(fold)
        self._fold_curves = []
        residuals = np.empty_like(y)
        for i in range(n_folds):
            left = fold != i
            curve = fitter.fit(terms[left], y[left], weight[left])
            residuals[~left] = y[~left] - curve.predict(terms[~left])
            self._fold_curves.append(curve)
        self._fold = fold
        self.residuals_ = residuals[:, 0] if self._is_single else residuals
        self._rmse = np.sqrt(np.average(np.square(residuals), axis=0, weights=weight))
        design = np.column_stack([np.ones(n), terms])
        self._precision = np.linalg.pinv((design.T * weight) @ design)
        self._mean_leverage = float(self._leverage(terms).mean())

    def _leverage(self, terms):
        design = np.column_stack([np.ones(len(terms)), terms])
        return np.einsum("ij,jk,ik->i", design, self._precision, design)

    def predict(self, X, return_std=False):
        """Predict values.

        Parameters
        ----------
        X : array-like of shape (n_samples, n_features)
        return_std : bool, default=False
            Also return the standard deviation of the prediction's error: the errors on left-out
            labels, larger away from the labeled distances.

        Returns
        -------
        y : ndarray of shape (n_samples,) or (n_samples, n_targets)
        std : ndarray of the same shape
            Only with `return_std`.
        """
        terms = self._check_terms(X)
        values = self._shape(self._curve.predict(terms))
        if not return_std:
            return values
        self._need_refits("return_std")
        inflation = np.sqrt((1 + self._leverage(terms)) / (1 + self._mean_leverage))
        return values, self._shape(inflation[:, None] * self._rmse)

    def predict_interval(self, X, coverage=0.9):
        """Predict intervals that hold the true value with a given probability.

        Jackknife+ (CV+ beyond `n_refits` labels): no assumption on the errors but that
        labeled and new images come from one population. A `coverage` of c needs at least
        c / (1 - c) labels, 9 for 0.9; with fewer, the only honest interval is infinite, and a
        warning says so.

        Parameters
        ----------
        X : array-like of shape (n_samples, n_features)
        coverage : float, default=0.9
            Between 0 and 1, exclusive.

        Returns
        -------
        lower, upper : ndarray of shape (n_samples,) or (n_samples, n_targets)
        """
        if not 0 < coverage < 1:
            raise ValueError(f"coverage must lie between 0 and 1, got {coverage}.")
        terms = self._check_terms(X)
        self._need_refits("predict_interval")
        n = self.n_labeled_
        # Rounded first: 0.9 * 10 is 9, not 9.000000000000002.
        rank = int(np.ceil(round(coverage * (n + 1), 9)))
        shape = (len(terms), len(self._rmse))
        if rank > n:
            warnings.warn(
                f"{n} labels cannot support coverage={coverage}: intervals are infinite. Label at "
                f"least {int(np.ceil(round(coverage / (1 - coverage), 9)))} images.",
                UserWarning,
                stacklevel=2,
            )
            return self._shape(np.full(shape, -np.inf)), self._shape(np.full(shape, np.inf))
        centers = np.stack([curve.predict(terms) for curve in self._fold_curves])
        radii = np.abs(self.residuals_).reshape(n, -1)
        lower, upper = np.empty(shape), np.empty(shape)
        for target in range(shape[1]):
            center = centers[self._fold, :, target]
            radius = radii[:, target, None]
            lower[:, target] = np.partition(center - radius, n - rank, axis=0)[n - rank]
            upper[:, target] = np.partition(center + radius, rank - 1, axis=0)[rank - 1]
        return self._shape(lower), self._shape(upper)

    def _check_terms(self, X):
        check_is_fitted(self)
        X = validate_data(self, X, dtype=np.float64, reset=False)
        check_magnitude(X)
        return self._terms(X)

    def _need_refits(self, what):
        if self.n_refits is None:
            raise ValueError(f"{what} needs refits: set n_refits=20, it is None.")

    def _shape(self, values):
        return values[:, 0] if self._is_single else values
