"""Calibration of latent distances to real-world values (LARGE, section 3.3)."""

from __future__ import annotations

import warnings
from numbers import Integral, Real
from typing import TYPE_CHECKING, Any, Literal, Self

import numpy as np
from sklearn import config_context
from sklearn.base import _fit_context
from sklearn.metrics import r2_score
from sklearn.utils import _safe_indexing, check_consistent_length, check_random_state
from sklearn.utils._param_validation import Interval, StrOptions
from sklearn.utils.validation import _check_sample_weight, check_array, check_is_fitted

from skstylefeat._utils._labels import plain_labels
from skstylefeat._utils._nan_rows import check_rows
from skstylefeat._utils._sklearn_base import BaseEstimator, MultiOutputMixin, RegressorMixin
from skstylefeat._utils._validation import check_magnitude, validate_numpy
from skstylefeat._utils._versions import VersionStamped
from skstylefeat.regression._curves import (
    CurveFitter,
    merge_equal_rows,
    powers,
    standard_deviation,
)
from skstylefeat.regression._jackknife_plus import jackknife_plus

if TYPE_CHECKING:
    from numpy.typing import ArrayLike, NDArray

    from skstylefeat._utils._typing import RandomState

#: Powers of standardized features that vary less than this are constant up to rounding.
TERM_FLOOR = 1e-8


class LatentRegressor(MultiOutputMixin, RegressorMixin, VersionStamped, BaseEstimator):
    """Few-shot regression from latent distances, y = a d + c, with as few as two labels.

    Distances and targets are standardized internally, so their units do not matter. The paper
    fits scikit-learn's ElasticNet on raw distances and raw targets; with its default penalty a
    distance of standard deviation 1/512, which results from the published layer weights, gets
    slope 0.

    Rows that are NaN throughout, which stand for unreadable images (see the `on_error` of
    `StyleGANInverter`), are left out of `fit` and `score`; their prediction is NaN.

    Parameters
    ----------
    penalty : {"elasticnet", "l1", "l2", "huber", "none"} or None, default="elasticnet"
        Regularization of the slope. "huber" is ridge with the Huber loss, which is robust to
        wrong labels. None and "none" are least squares.
    alpha : float, default=1.0
        Strength. On standardized data the objective is

            1/(2 n) ||y - X a||^2 + lambda (l1_ratio ||a||_1 + (1 - l1_ratio)/2 ||a||_2^2)

        with lambda = 0.2 alpha / n: the penalty has the weight of a fifth of a label without
        slope. It matters with two labels and is negligible with a hundred. With unequal sample
        weights n is their effective number, see `fit`.
    l1_ratio : float, default=0.5
        Share of the L1 part in "elasticnet".
    degree : int, default=1
        Highest power of each feature.
    monotonic : bool, default=False
        Apply an increasing piecewise linear curve (isotonic regression) to the prediction of the
        line; values beyond the labeled range stay constant.
    standardize : bool, default=True
        False is the setting of the paper: raw distances and targets, and `alpha` as in the
        estimators of scikit-learn.
    unlabeled : {"error", "ignore"}, default="error"
        How to treat rows whose y is NaN. "ignore" fits on the labeled rows, but takes the mean
        and scale of the features from all rows. This helps a little with two or three labels that
        are drawn at random, whose distances may be close to each other: the penalty then acts on
        the small difference. It changes nothing noticeable for points that are spread over the
        distances, as :func:`select_calibration_points` chooses them, or with many labels.
    n_refits : int or None, default=20
        Number of refits for `predict_interval` and ``return_std``: each leaves out a fold, or one
        label if there are at most `n_refits`. None saves the time, without these two features.
    random_state : int, RandomState or None, default=None
        Shuffles the labels before they are assigned to folds, one after the other. None keeps
        their order, so that the result does not vary. Without effect if each fold is one label.

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
    HyperplaneDistance : Computes the distances.
    select_calibration_points : Selects the images to label.

    References
    ----------
    .. [1] Y. Nitzan et al., "LARGE: Latent-Based Regression through GAN Semantics", CVPR 2022.

    Examples
    --------
    >>> import numpy as np
    >>> from skstylefeat import LatentRegressor
    >>> model = LatentRegressor(penalty=None).fit([[-1.0], [2.0]], [20.0, 50.0])
    >>> model.predict([[0.0], [1.0]])
    array([30., 40.])
    """

    coef_: NDArray[np.float64]
    intercept_: float | NDArray[np.float64]
    x_mean_: NDArray[np.float64]
    x_scale_: NDArray[np.float64]
    residuals_: NDArray[np.float64]
    n_labeled_: int
    n_features_in_: int

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
        penalty: Literal["elasticnet", "l1", "l2", "huber", "none"] | None = "elasticnet",
        *,
        alpha: float = 1.0,
        l1_ratio: float = 0.5,
        degree: int = 1,
        monotonic: bool = False,
        standardize: bool = True,
        unlabeled: Literal["error", "ignore"] = "error",
        n_refits: int | None = 20,
        random_state: RandomState = None,
    ) -> None:
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
    def fit(self, X: ArrayLike, y: ArrayLike, sample_weight: ArrayLike | None = None) -> Self:
        """Fit the calibration curve.

        Parameters
        ----------
        X : array-like of shape (n_samples, n_features)
            Distances.
        y : array-like of shape (n_samples,) or (n_samples, n_targets)
            Values in any unit.
        sample_weight : array-like of shape (n_samples,), default=None
            Relative weights w of the rows: their scale does not matter. A weight of 2 has the
            effect of a row that occurs twice. The penalty is relative to the effective number of
            labels, (sum w)^2 / sum w^2 over the distinct labeled rows.

        Returns
        -------
        self
        """
        distances, values, labeled = self._check(X, y)
        check_magnitude(distances[~np.isnan(distances)])
        check_magnitude(values[~np.isnan(values)], "y")
        weight = _check_sample_weight(
            sample_weight, distances, dtype=np.float64, ensure_non_negative=True
        )
        # A power of 2 brings weights of any scale near 1, without rounding.
        weight = np.ldexp(weight, -np.frexp(weight.max())[1])

        self._is_single = values.ndim == 1
        values = values.reshape(len(values), -1)
        kept = (weight > 0) & ~np.isnan(distances).any(axis=1)
        n_labeled = int(np.count_nonzero(labeled & kept))
        if n_labeled < 2:
            left_out = np.count_nonzero(~kept)
            raise ValueError(
                f"A calibration needs at least 2 labeled rows, got n_samples = {n_labeled}"
                + (f"; {left_out} rows are NaN or have the weight 0." if left_out else ".")
            )
        self.n_labeled_ = n_labeled

        # Labeled and unlabeled rows define the scale of the features.
        distinct, targets, total = merge_equal_rows(distances[kept], values[kept], weight[kept])
        self._standardize(distinct, total)

        # Weights are scaled to sum to Kish's effective number of labels, (sum w)^2 / sum w^2.
        known = ~np.isnan(targets).any(axis=1)
        distinct, targets, total = distinct[known], targets[known], total[known]
        per_label = total.sum() / np.square(total).sum()
        fitter = CurveFitter(
            self.penalty, self.alpha, self.l1_ratio, self.monotonic, self.standardize
        )
        self._curve = fitter.fit(self._terms(distinct), targets, total * per_label)
        self._set_coefficients()
        if self.n_refits is not None:
            rows = labeled & kept
            self._cross_fit(
                fitter, self._terms(distances[rows]), values[rows], weight[rows] * per_label
            )
        return self

    def _check(self, X, y):
        """Return X and y as arrays, and which rows have a label."""
        checks = {"dtype": np.float64, "order": "C", "ensure_all_finite": "allow-nan"}
        if self.unlabeled == "error":
            X, y = validate_numpy(self, X, y, multi_output=True, y_numeric=True, **checks)
            y = np.asarray(y, dtype=np.float64)
            if np.isnan(y).any():  # scikit-learn overlooks None
                raise ValueError("Input y contains NaN.")
        else:
            if y is None:
                raise ValueError(
                    "This LatentRegressor requires y to be passed, but the target y is None."
                )
            X = validate_numpy(self, X, **checks)
            with config_context(array_api_dispatch=False):
                y = check_array(
                    plain_labels(y),
                    ensure_2d=False,
                    dtype=np.float64,
                    ensure_all_finite="allow-nan",
                    input_name="y",
                )
            check_consistent_length(X, y)
        check_rows(X)
        return X, y, ~np.isnan(y.reshape(len(y), -1)).any(axis=1)

    def _standardize(self, X, weight):
        """Learn the scale of the features and of their powers."""
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
        """Refit without each fold, and keep the errors on what was left out."""
        n = len(terms)
        n_folds = min(self.n_refits, n)
        fold = np.arange(n) % n_folds
        if self.random_state is not None:
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

        # Errors grow away from the labels as those of weighted least squares do.
        design = np.column_stack([np.ones(n), terms])
        self._precision = np.linalg.pinv((design.T * weight) @ design)
        self._mean_leverage = float(self._leverage(terms).mean())

    def _leverage(self, terms):
        design = np.column_stack([np.ones(len(terms)), terms])
        return np.einsum("ij,jk,ik->i", design, self._precision, design)

    def predict(self, X: ArrayLike, return_std: bool = False) -> Any:
        """Predict values.

        Parameters
        ----------
        X : array-like of shape (n_samples, n_features)
        return_std : bool, default=False
            Also return the standard deviation of the prediction error: from the errors on
            left-out labels, and larger for distances away from the labeled ones.

        Returns
        -------
        y : ndarray of shape (n_samples,) or (n_samples, n_targets)
            NaN for rows that are NaN throughout.
        std : ndarray of the same shape
            Only with `return_std`.
        """
        terms, missing = self._check_terms(X)
        values = self._shape(self._curve.predict(terms), missing)
        if not return_std:
            return values
        self._require_refits("return_std")
        inflation = np.sqrt((1 + self._leverage(terms)) / (1 + self._mean_leverage))
        return values, self._shape(inflation[:, None] * self._rmse, missing)

    def predict_interval(
        self, X: ArrayLike, coverage: float = 0.9
    ) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
        """Predict intervals that contain the true value with a given probability.

        Jackknife+ (CV+ beyond `n_refits` labels) [1]_. It assumes of the errors only that labeled
        and new images come from one population. A `coverage` of c needs at least c / (1 - c)
        labels, 9 for 0.9. With fewer labels no finite interval has that coverage: the intervals
        are infinite, and a warning is given.

        Parameters
        ----------
        X : array-like of shape (n_samples, n_features)
        coverage : float, default=0.9
            Between 0 and 1, exclusive.

        Returns
        -------
        lower, upper : ndarray of shape (n_samples,) or (n_samples, n_targets)
            NaN for rows that are NaN throughout.

        References
        ----------
        .. [1] R. F. Barber et al., "Predictive Inference with the Jackknife+", Annals of
           Statistics 2021.
        """
        if not 0 < coverage < 1:
            raise ValueError(f"coverage must be between 0 and 1, got {coverage}.")
        terms, missing = self._check_terms(X)
        self._require_refits("predict_interval")

        n, needed = self.n_labeled_, int(np.ceil(round(coverage / (1 - coverage), 9)))
        if n < needed:
            warnings.warn(
                f"{n} labels are too few for coverage={coverage}: intervals are infinite. Label at "
                f"least {needed} images.",
                UserWarning,
                stacklevel=2,
            )
        centers = np.stack([curve.predict(terms) for curve in self._fold_curves])
        radii = np.abs(self.residuals_).reshape(n, -1)
        ends = [
            jackknife_plus(centers[:, :, target], self._fold, radius, coverage)
            for target, radius in enumerate(radii.T)
        ]
        lower, upper = np.stack(ends, axis=-1)
        return self._shape(lower, missing), self._shape(upper, missing)

    def score(self, X: ArrayLike, y: ArrayLike, sample_weight: ArrayLike | None = None) -> float:
        """Return R2 on the rows that are not NaN throughout.

        Parameters
        ----------
        X : array-like of shape (n_samples, n_features)
        y : array-like of shape (n_samples,) or (n_samples, n_targets)
        sample_weight : array-like of shape (n_samples,), default=None

        Returns
        -------
        float
        """
        predicted = self.predict(X)
        check_consistent_length(predicted, y, sample_weight)
        present = np.flatnonzero(~np.isnan(predicted.reshape(len(predicted), -1)).any(axis=1))
        weight = None if sample_weight is None else _safe_indexing(sample_weight, present)
        return r2_score(_safe_indexing(y, present), predicted[present], sample_weight=weight)

    def _check_terms(self, X):
        """Return the terms of the curve, 0 for missing rows, and which rows are missing."""
        check_is_fitted(self)
        X = validate_numpy(self, X, dtype=np.float64, ensure_all_finite="allow-nan", reset=False)
        missing = check_rows(X)
        if missing.any():
            X = np.where(missing[:, None], self.x_mean_, X)
        check_magnitude(X)
        return self._terms(X), missing

    def _require_refits(self, feature):
        if self.n_refits is None:
            raise ValueError(f"{feature} needs refits, but n_refits is None: set n_refits=20.")

    def _shape(self, values, missing):
        """Return values of shape (n, n_targets) in the shape of y, NaN for missing rows."""
        values[missing] = np.nan
        return values[:, 0] if self._is_single else values
