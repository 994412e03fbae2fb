"""Signed distances of latent codes from semantic hyperplanes (LARGE, eq. 1 and 3)."""

import warnings
from numbers import Integral
from pathlib import Path

import numpy as np
from sklearn.base import BaseEstimator, TransformerMixin, _fit_context
from sklearn.utils import assert_all_finite
from sklearn.utils._param_validation import Interval, StrOptions
from sklearn.utils.validation import check_array, check_is_fitted, validate_data

from skstylefeat._utils._versions import VersionStamped
from skstylefeat.regression._direction_source import find_directions, has_plane
from skstylefeat.regression._layer_weights import layer_weights
from skstylefeat.regression._planes import Planes, layout_of


class HyperplaneDistance(TransformerMixin, VersionStamped, BaseEstimator):
    """Signed distance of latents from one or several semantic hyperplanes.

    In W the distance is d = n.w + b (LARGE, eq. 1). A W+ code has one w_i per layer and

        d = sum_i S_i (n_i.w_i + b_i)        (eq. 3)

    with layer weights S_i that sum to 1. With `normalize`, every n_i has unit length and b_i is
    scaled with it, so d is a distance in units of W whatever the length of the direction.

    Parameters
    ----------
    direction : array-like, str, path-like, dict, estimator or None, default=None
        - array of shape (w_dim,) or (1, w_dim): one normal for every layer;
        - (n_ws, w_dim), (1, n_ws, w_dim) or (n_ws * w_dim,): one normal per layer;
        - a stack of shape (k, 1, w_dim), (k, n_ws, w_dim) or (k, n_ws * w_dim), or a dictionary
          from names to arrays: several directions, one after the other in the output;
        - a ``.npy``, ``.npz`` or ``.pt`` file with one of these;
        - an estimator with `direction_` or `coef_`: fitted, it is used as it is; otherwise a
          clone is fitted on (X, y). Cloning (as in a grid search) forgets a fit, and warns; wrap
          a fitted estimator in :class:`sklearn.frozen.FrozenEstimator` there;
        - None: the discriminant of `y` (:class:`~skstylefeat.directions.DiscriminantDirection`):
          two classes, or the low, middle and high third of a score. On W+ rows it learns one
          normal per layer.
    intercept : float, array-like of shape (k,) or dict, default=0.0
        b, in the units of `direction` as given. For one normal on every layer each layer's plane
        has it; for one normal per layer it belongs to the plane sum_i n_i.w_i + b = 0 and is
        shared out in proportion to the lengths of the n_i. Not used with an estimator, a file
        that holds its own, or None, which bring theirs.
    aggregate : {"weighted", "per_layer", "flat"} or int, default="weighted"
        "weighted": eq. (3). "per_layer": every layer's distance as a feature of its own. "flat":
        one dot product over the whole row with the direction scaled to unit length over all
        layers. An int: that layer's distance only, negative counts from the end.
    layer_weights : None, "importance", "uniform" or array-like of shape (n_layers,), default=None
        S_i for "weighted"; scaled to sum to 1. "importance" finds them without labels
        (:func:`skstylefeat.layer_importance`; needs `generator`). None means "importance" where a
        generator is given and the direction is the same for every layer; otherwise the lengths
        of the n_i, which are equal for a direction in W, and turn eq. (3) into the learned
        plane's own distance for a direction in W+.
    generator : Generator, str or path-like, default=None
        Gives the layers their names and sizes; needed for "importance" and for S codes.
    w_dim : int, default=None
        Width of W, which cuts rows into layers. None takes it from the generator or the shape of
        the direction; rows are one single layer where neither says it.
    normalize : bool, default=True
        Whether to scale normals to unit length.
    importance_params : dict, default=None
        Passed to :func:`skstylefeat.layer_importance`, for example ``{"n_pairs": 200}``.
    random_state : int, RandomState or None, default=0
        For the importance; a fixed number so that two fits agree.

    Attributes
    ----------
    coef_ : ndarray of shape (n_directions, n_features_in_)
        The directions as used, normalized. With "weighted", "flat" or an int, distances are
        ``X @ coef_.T + offset_``.
    offset_ : ndarray of shape (n_directions,) or (n_directions, n_layers)
        Intercepts as used.
    layer_weights_ : ndarray of shape (n_directions, n_layers)
        S_i; only with "weighted".
    layer_names_ : tuple of str
        ``b8.conv0``, ... with a generator, ``w0``, ``w1``, ... without.
    direction_names_ : tuple of str
    center_ : ndarray of shape (n_features_in_,)
        Code from which `inverse_transform` starts: the generator's mean code, or the mean of the
        rows given to `fit`.
    n_features_in_ : int

    See Also
    --------
    LatentRegressor : Turns distances into years or degrees from two labels on.
    skstylefeat.layer_importance : The weights S_i.

    References
    ----------
    .. [1] Y. Nitzan et al., "LARGE: Latent-Based Regression through GAN Semantics", CVPR 2022.

    Examples
    --------
    >>> import numpy as np
    >>> from skstylefeat import HyperplaneDistance
    >>> codes = np.ones((2, 3 * 4))
    >>> HyperplaneDistance([0, 0, 0, 2.0], intercept=1.0).fit_transform(codes)
    array([[1.5],
           [1.5]])
    >>> HyperplaneDistance({"yaw": [0, 0, 0, 1.0]}, aggregate="per_layer").fit(
    ...     codes
    ... ).get_feature_names_out()
    array(['yaw:w0', 'yaw:w1', 'yaw:w2'], dtype=object)
    """

    _parameter_constraints: dict = {
        "aggregate": [
            StrOptions({"weighted", "per_layer", "flat"}),
            Interval(Integral, None, None, closed="neither"),
        ],
        "layer_weights": [StrOptions({"importance", "uniform"}), "array-like", None],
        "w_dim": [Interval(Integral, 1, None, closed="left"), None],
        "normalize": ["boolean"],
        "importance_params": [dict, None],
        "random_state": ["random_state"],
    }

    def __init__(
        self,
        direction=None,
        intercept=0.0,
        *,
        aggregate="weighted",
        layer_weights=None,
        generator=None,
        w_dim=None,
        normalize=True,
        importance_params=None,
        random_state=0,
    ):
        self.direction = direction
        self.intercept = intercept
        self.aggregate = aggregate
        self.layer_weights = layer_weights
        self.generator = generator
        self.w_dim = w_dim
        self.normalize = normalize
        self.importance_params = importance_params
        self.random_state = random_state

    @_fit_context(prefer_skip_nested_validation=False)
    def fit(self, X, y=None):
        """Resolve or learn the direction, and weigh the layers.

        Parameters
        ----------
        X : array-like of shape (n_samples, n_features)
            Latents as rows: W, W+ in C order of (n_ws, w_dim), or S. Shape (n, n_ws, w_dim) is
            accepted too.
        y : array-like of shape (n_samples,), default=None
            Labels; only where the direction is learned.

        Returns
        -------
        self
        """
        X = validate_data(self, _rows(X), dtype=[np.float64, np.float32])
        generator = _load(self.generator)
        names, directions, intercepts = find_directions(self.direction, self.intercept, X, y)
        layout = layout_of(X.shape[1], directions, generator, self.w_dim)
        planes = Planes.build(directions, intercepts, layout)
        self._layer_bounds = layout.bounds
        self.layer_names_ = layout.names
        self.direction_names_ = names
        self._columns = slice(None)
        if self.aggregate == "weighted":
            self.layer_weights_ = layer_weights(
                self.layer_weights,
                planes,
                generator,
                normalize=self.normalize,
                importance_params={
                    "random_state": self.random_state,
                    **(self.importance_params or {}),
                },
            )
            self.coef_, self.offset_ = planes.weighted(self.layer_weights_, self.normalize)
        elif self.aggregate == "flat":
            self.coef_, self.offset_ = planes.flat(self.normalize)
        else:
            self.coef_, self.offset_ = planes.scaled(self.normalize)
            if self.aggregate != "per_layer":
                self._keep_layer(layout)
        w_avg = None if generator is None else np.asarray(generator.w_avg, dtype=np.float64)
        if w_avg is not None and X.shape[1] % len(w_avg) == 0 and not layout.is_styles:
            self.center_ = np.tile(w_avg, X.shape[1] // len(w_avg))
        else:
            self.center_ = X.mean(axis=0, dtype=np.float64)
        return self

    def _keep_layer(self, layout):
        n_layers = len(layout.names)
        if not -n_layers <= self.aggregate < n_layers:
            raise ValueError(
                f"aggregate={self.aggregate} names no layer: the latents have {n_layers}."
            )
        layer = self.aggregate % n_layers
        self._columns = slice(layout.bounds[layer], layout.bounds[layer + 1])
        outside = np.ones(layout.bounds[-1], dtype=bool)
        outside[self._columns] = False
        self.coef_[:, outside] = 0.0
        self.offset_ = self.offset_[:, layer]

    def transform(self, X):
        """Return signed distances.

        Parameters
        ----------
        X : array-like of shape (n_samples, n_features)
            Latents; read-only and memory-mapped arrays are read once, without a copy. With an int
            for `aggregate` only that layer's columns are read, and checked for NaN.

        Returns
        -------
        ndarray of shape (n_samples, n_directions) or, with "per_layer", \
                (n_samples, n_directions * n_layers)
            float32 for float32 input, else float64.
        """
        check_is_fitted(self)
        X = validate_data(
            self,
            _rows(X),
            dtype=[np.float64, np.float32],
            ensure_all_finite=False,
            reset=False,
        )
        coef = self.coef_.astype(X.dtype)
        offset = self.offset_.astype(X.dtype)
        with np.errstate(invalid="ignore", over="ignore"):
            if self.aggregate == "per_layer":
                distances = np.empty((len(X), offset.size), dtype=X.dtype)
                blocks = distances.reshape(len(X), *offset.shape)
                for layer in range(offset.shape[1]):
                    columns = slice(*self._layer_bounds[layer : layer + 2])
                    blocks[:, :, layer] = X[:, columns] @ coef[:, columns].T
                blocks += offset
            elif len(coef) == 1:
                # One pass of matrix times vector; a product with a (d, 1) matrix is slower.
                distances = (X[:, self._columns] @ coef[0, self._columns])[:, None] + offset
            else:
                distances = X[:, self._columns] @ coef[:, self._columns].T + offset
        # NaN and infinity spread into the distance: looking there saves a second pass over X.
        if not np.isfinite(distances).all():
            assert_all_finite(X, input_name="X", estimator_name=type(self).__name__)
            raise ValueError(
                f"X holds numbers up to {np.abs(X).max():.3g}, beyond what {X.dtype} can measure."
            )
        return distances

    def inverse_transform(self, X):
        """Return the codes on the normal at given distances.

        The point is the one nearest to `center_` that has the distances; for one direction in W it
        is center_ + t n.

        Parameters
        ----------
        X : array-like of shape (n_samples, n_outputs)
            Distances as `transform` returns them.

        Returns
        -------
        ndarray of shape (n_samples, n_features_in_)
        """
        check_is_fitted(self)
        X = check_array(X, dtype=[np.float64, np.float32])
        matrix, offset = self._matrix()
        if X.shape[1] != len(matrix):
            raise ValueError(f"X has {X.shape[1]} distances a row; expected {len(matrix)}.")
        steps = X - (matrix @ self.center_ + offset)
        codes = self.center_ + steps @ np.linalg.pinv(matrix).T
        return codes.astype(X.dtype, copy=False)

    def _matrix(self):
        """Return the linear map of `transform` as a full matrix and its offsets."""
        if self.aggregate != "per_layer":
            return self.coef_, self.offset_
        n_layers = len(self.layer_names_)
        matrix = np.zeros((len(self.coef_), n_layers, self.coef_.shape[1]))
        for layer in range(n_layers):
            columns = slice(*self._layer_bounds[layer : layer + 2])
            matrix[:, layer, columns] = self.coef_[:, columns]
        return matrix.reshape(-1, self.coef_.shape[1]), self.offset_.ravel()

    def get_feature_names_out(self, input_features=None):
        """Return ``distance``, the directions' names, or ``yaw:b8.conv0`` with "per_layer"."""
        check_is_fitted(self)
        names = self.direction_names_
        if self.aggregate == "per_layer":
            names = [f"{name}:{layer}" for name in names for layer in self.layer_names_]
        elif not isinstance(self.aggregate, str):
            layer = self.layer_names_[self.aggregate]
            names = [f"{name}:{layer}" for name in names]
        return np.asarray(names, dtype=object)

    @property
    def _n_features_out(self):
        return len(self._matrix()[0])

    def __sklearn_clone__(self):
        cloned = super().__sklearn_clone__()
        if has_plane(self.direction) and not has_plane(cloned.direction):
            warnings.warn(
                f"Cloning this HyperplaneDistance makes its direction, a fitted "
                f"{type(self.direction).__name__}, forget its fit: the clone learns it anew from "
                "the y it is given. Wrap it in sklearn.frozen.FrozenEstimator to keep the fit.",
                stacklevel=3,
            )
        return cloned

    def __sklearn_tags__(self):
        tags = super().__sklearn_tags__()
        tags.target_tags.required = self.direction is None
        tags.transformer_tags.preserves_dtype = ["float64", "float32"]
        return tags


def _rows(X):
    """Flatten W+ codes of shape (n, n_ws, w_dim); anything else is for `validate_data`."""
    if getattr(X, "ndim", 2) == 3:
        return np.asarray(X).reshape(len(X), -1)
    return X


def _load(generator):
    if isinstance(generator, (str, Path)):
        from skstylefeat.networks import load_generator

        return load_generator(generator)
    return generator
