"""Signed distances of latent codes from semantic hyperplanes (LARGE, eq. 1 and 3)."""

from __future__ import annotations

from numbers import Integral, Real
from os import PathLike
from typing import TYPE_CHECKING, Any, Literal, Self

import numpy as np
from sklearn.base import _fit_context
from sklearn.utils import _safe_indexing, check_consistent_length
from sklearn.utils._param_validation import HasMethods, Interval, StrOptions
from sklearn.utils.validation import check_array, check_is_fitted

from skstylefeat._utils._labels import label_array, rows_with_value, uniform_labels
from skstylefeat._utils._nan_rows import check_rows
from skstylefeat._utils._sklearn_base import BaseEstimator, TransformerMixin
from skstylefeat._utils._validation import validate_numpy
from skstylefeat._utils._versions import VersionStamped
from skstylefeat.regression._direction_source import (
    find_directions,
    has_plane,
    keep_fits,
    needs_labels,
)
from skstylefeat.regression._layer_weights import layer_weights
from skstylefeat.regression._planes import Planes, layout_of

if TYPE_CHECKING:
    from numpy.typing import ArrayLike, NDArray

    from skstylefeat._utils._typing import RandomState, StrPath
    from skstylefeat.networks._generator import Generator


class HyperplaneDistance(TransformerMixin, VersionStamped, BaseEstimator):
    """Signed distance of latents from one or several semantic hyperplanes.

    In W the distance is d = n.w + b (LARGE, eq. 1). A W+ code has one w_i per layer and

        d = sum_i S_i (n_i.w_i + b_i)        (eq. 3)

    with layer weights S_i that sum to 1. With `normalize`, every n_i has unit length and b_i is
    scaled with it, so d is a distance in units of W for a direction of any length.

    Rows that are NaN throughout, which ``StyleGANInverter(on_error="nan")`` returns for unreadable
    images, are left out of `fit`; `transform` gives them the distance NaN.

    Parameters
    ----------
    direction : array-like, str, path-like, dict, estimator or None, default=None
        - array of shape (w_dim,) or (1, w_dim): one normal for every layer;
        - (n_ws, w_dim), (1, n_ws, w_dim) or (n_ws * w_dim,): one normal per layer;
        - a stack of shape (k, 1, w_dim), (k, n_ws, w_dim) or (k, n_ws * w_dim), or a dictionary
          from names to arrays or estimators: several directions, one after the other in the
          output. An array (k, w_dim) for rows in W is a stack, too; with 6 to 32 rows of at
          most 1024 numbers it may be one direction in W+, and `space` or an intercept per row has
          to say that it is not;
        - a ``.npy``, ``.npz`` or ``.pt`` file with one of these, or the result of
          :func:`skstylefeat.latents.load_direction`, which chooses components;
        - an unfitted estimator that has `direction_` or `coef_` once it is fitted: a clone is
          fitted on (X, y);
        - a fitted one: its plane is used as it is. Like an array it is data: clones of this
          transformer share it, so cross-validation, grid search and a pipeline's `memory` keep
          its fit, and its parameters cannot be set through `set_params`;
        - None: the discriminant of `y` (:class:`~skstylefeat.directions.DiscriminantDirection`):
          two classes, or the low, middle and high third of a score. On W+ rows it learns one
          normal per layer.
    intercept : float, array-like of shape (k,) or dict, default=0.0
        b, in the units of `direction` as given. For one normal on every layer each layer's plane
        has it; for one normal per layer it belongs to the plane sum_i n_i.w_i + b = 0 and is
        divided in proportion to the lengths of the n_i. Ignored for an estimator, None, or a
        file with an intercept; these provide their own.
    aggregate : {"weighted", "per_layer", "flat"} or int, default="weighted"
        "weighted": eq. (3). "per_layer": the distance of every layer as a separate feature.
        "flat": one dot product over the whole row with the direction scaled to unit length over
        all layers. An int: the distance of that layer only; negative numbers count from the end.
    layer_weights : None, "importance", "uniform" or array-like of shape (n_layers,) or \
            (n_directions, n_layers), default=None
        S_i for "weighted"; scaled to sum to 1. "importance" finds them without labels
        (:func:`skstylefeat.layer_importance`; needs `generator`). None means "importance" if a
        generator is given and the direction is the same for every layer; otherwise the lengths
        of the n_i, which are equal for a direction in W. For a direction in W+ they make
        eq. (3) the distance from the learned plane itself.
    generator : Generator, str or path-like, default=None
        Defines the names and sizes of the layers; needed for "importance" and for S codes.
    w_dim : int, default=None
        Width of W, which cuts rows into layers. None takes it from the generator or the shape of
        the direction; a row is a single layer if neither defines it.
    normalize : bool, default=True
        Whether to scale normals to unit length.
    importance_params : dict, default=None
        Passed to :func:`skstylefeat.layer_importance`, for example ``{"n_pairs": 200}``.
    random_state : int, RandomState or None, default=None
        Samples the pairs of "importance". An int makes two fits agree, and lets a search compute
        the importance of a direction only once.
    space : {"w", "w+"} or None, default=None
        Reading of a 2-D array of directions, or of a file with one. "w": every row is a direction
        in W. "w+": the array is one direction, with a normal per layer. None takes (n_ws, w_dim)
        as one direction where rows have n_ws layers, and refuses it where rows are in W. Ignored
        for dictionaries and estimators, whose members are one direction each.

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
    LatentRegressor : Turns distances into years or degrees, with as few as two labels.
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

    coef_: NDArray[np.float64]
    offset_: NDArray[np.float64]
    layer_weights_: NDArray[np.float64]
    layer_names_: tuple[str, ...]
    direction_names_: tuple[str, ...]
    center_: NDArray[np.float64]
    n_features_in_: int

    _parameter_constraints: dict = {
        "direction": ["array-like", str, PathLike, dict, HasMethods(["fit"]), None],
        "intercept": [Real, "array-like", dict],
        "aggregate": [
            StrOptions({"weighted", "per_layer", "flat"}),
            Interval(Integral, None, None, closed="neither"),
        ],
        "layer_weights": [StrOptions({"importance", "uniform"}), "array-like", None],
        "generator": [str, PathLike, HasMethods(["synthesis", "styles"]), None],
        "w_dim": [Interval(Integral, 1, None, closed="left"), None],
        "normalize": ["boolean"],
        "importance_params": [dict, None],
        "random_state": ["random_state"],
        "space": [StrOptions({"w", "w+"}), None],
    }

    def __init__(
        self,
        direction: Any = None,
        intercept: float | ArrayLike | dict[str, float] = 0.0,
        *,
        aggregate: Literal["weighted", "per_layer", "flat"] | int = "weighted",
        layer_weights: Literal["importance", "uniform"] | ArrayLike | None = None,
        generator: Generator | StrPath | None = None,
        w_dim: int | None = None,
        normalize: bool = True,
        importance_params: dict[str, Any] | None = None,
        random_state: RandomState = None,
        space: Literal["w", "w+"] | None = None,
    ) -> None:
        self.direction = direction
        self.intercept = intercept
        self.aggregate = aggregate
        self.layer_weights = layer_weights
        self.generator = generator
        self.w_dim = w_dim
        self.normalize = normalize
        self.importance_params = importance_params
        self.random_state = random_state
        self.space = space

    @_fit_context(prefer_skip_nested_validation=False)
    def fit(self, X: ArrayLike, y: ArrayLike | None = None) -> Self:
        """Read or learn the direction, and weigh the layers.

        Parameters
        ----------
        X : array-like of shape (n_samples, n_features)
            Latents as rows: W, W+ in C order of (n_ws, w_dim), or S. Shape (n, n_ws, w_dim) is
            accepted too.
        y : array-like of shape (n_samples,), default=None
            Labels; only needed if the direction is learned. Rows whose label is missing (None,
            NaN, NA) are left out of learning.

        Returns
        -------
        self
        """
        codes = validate_numpy(
            self, _rows(X), dtype=[np.float64, np.float32], ensure_all_finite="allow-nan"
        )
        codes, labels = self._drop_missing(codes, y)
        generator = self.generator
        if generator is not None:
            from skstylefeat.networks._loading import as_generator

            generator = as_generator(generator)
        learning, labels = self._drop_unlabeled(codes, labels)
        names, directions, intercepts = find_directions(
            self.direction, self.intercept, learning, labels, self.space
        )
        layout = layout_of(codes.shape[1], directions, generator, self.w_dim)
        planes = Planes(directions, intercepts, layout)

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

        # S codes have no stored mean: their center is that of the rows.
        w_avg = None if generator is None else np.asarray(generator.w_avg, dtype=np.float64)
        if w_avg is not None and codes.shape[1] % len(w_avg) == 0 and not layout.is_styles:
            self.center_ = np.tile(w_avg, codes.shape[1] // len(w_avg))
        else:
            self.center_ = codes.mean(axis=0, dtype=np.float64)
        return self

    def _drop_missing(self, X, y):
        """Return X and y without the rows of images that could not be read."""
        missing = check_rows(X, fitting=True)
        if not missing.any():
            return X, y
        present = np.flatnonzero(~missing)
        if y is not None:
            check_consistent_length(X, y)
            y = _safe_indexing(y, present)
        return X[present], y

    def _drop_unlabeled(self, X, y):
        """Return the rows with a label, and their labels, if a direction is learned from them."""
        if y is None or not needs_labels(self.direction) or np.asarray(y).ndim > 1:
            return X, y
        check_consistent_length(X, y)
        known = rows_with_value(y, len(X))
        if len(known) == len(X):
            return X, y
        if not len(known):
            raise ValueError("All labels in y are missing; a direction is learned from some.")
        return X[known], uniform_labels(label_array(y, len(X))[known])

    def _keep_layer(self, layout):
        n_layers = len(layout.names)
        if not -n_layers <= self.aggregate < n_layers:
            raise ValueError(
                f"aggregate={self.aggregate} is not a layer: the latents have {n_layers}."
            )
        layer = self.aggregate % n_layers
        self._columns = slice(layout.bounds[layer], layout.bounds[layer + 1])
        outside = np.ones(layout.bounds[-1], dtype=bool)
        outside[self._columns] = False
        self.coef_[:, outside] = 0.0
        self.offset_ = self.offset_[:, layer]

    def transform(self, X: ArrayLike) -> NDArray[np.floating[Any]]:
        """Return signed distances.

        Parameters
        ----------
        X : array-like of shape (n_samples, n_features)
            Latents; read-only and memory-mapped arrays are read once, without a copy. With an int
            for `aggregate` only the columns of that layer are read and checked for NaN.

        Returns
        -------
        ndarray of shape (n_samples, n_directions) or, with "per_layer", \
                (n_samples, n_directions * n_layers)
            float32 for float32 input, else float64. NaN for rows that are NaN throughout.
        """
        check_is_fitted(self)
        codes = validate_numpy(
            self,
            _rows(X),
            dtype=[np.float64, np.float32],
            ensure_all_finite=False,
            reset=False,
        )
        coef = self.coef_.astype(codes.dtype)
        offset = self.offset_.astype(codes.dtype)

        with np.errstate(invalid="ignore", over="ignore"):
            if self.aggregate == "per_layer":
                distances = np.empty((len(codes), offset.size), dtype=codes.dtype)
                blocks = distances.reshape(len(codes), *offset.shape)
                for layer in range(offset.shape[1]):
                    columns = slice(*self._layer_bounds[layer : layer + 2])
                    blocks[:, :, layer] = codes[:, columns] @ coef[:, columns].T
                blocks += offset
            elif len(coef) == 1:
                # One pass of matrix times vector; a product with a (d, 1) matrix is slower.
                distances = (codes[:, self._columns] @ coef[0, self._columns])[:, None] + offset
            else:
                distances = codes[:, self._columns] @ coef[:, self._columns].T + offset

        # NaN and infinity spread into the distance: checking there saves a second pass over X.
        finite = np.isfinite(distances).all(axis=1)
        if not finite.all():
            suspects = codes[~finite]
            overflowing = suspects[~check_rows(suspects)]
            if len(overflowing):
                raise ValueError(
                    f"X holds numbers up to {np.abs(overflowing).max():.3g}, whose distances "
                    f"overflow {codes.dtype}."
                )
        return distances

    def inverse_transform(self, X: ArrayLike) -> NDArray[np.floating[Any]]:
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
        distances = check_array(X, dtype=[np.float64, np.float32])
        matrix, offset = self._matrix()
        if distances.shape[1] != len(matrix):
            raise ValueError(
                f"X has {distances.shape[1]} distances per row; expected {len(matrix)}."
            )
        steps = distances - (matrix @ self.center_ + offset)
        codes = self.center_ + steps @ np.linalg.pinv(matrix).T
        return codes.astype(distances.dtype, copy=False)

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

    def get_feature_names_out(self, input_features: Any = None) -> NDArray[np.object_]:
        """Return ``distance``, the directions' names, or ``yaw:b8.conv0`` with "per_layer"."""
        check_is_fitted(self)
        names = list(self.direction_names_)
        if self.aggregate == "per_layer":
            names = [f"{name}:{layer}" for name in names for layer in self.layer_names_]
        elif not isinstance(self.aggregate, str):
            layer = self.layer_names_[self.aggregate]
            names = [f"{name}:{layer}" for name in names]
        return np.asarray(names, dtype=object)

    @property
    def _n_features_out(self):
        return len(self._matrix()[0])

    # A fitted direction is data, as an array is: clones share it, as they share a FrozenEstimator,
    # and its parameters are not parameters of this estimator.

    def __sklearn_clone__(self) -> Self:
        cloned = super().__sklearn_clone__()
        cloned.direction = keep_fits(self.direction, cloned.direction)
        return cloned

    def get_params(self, deep: bool = True) -> dict[str, Any]:
        """Return the parameters; those of an unfitted direction only with `deep`.

        Parameters
        ----------
        deep : bool, default=True
            Also return ``direction__<name>`` for the parameters of an unfitted estimator.

        Returns
        -------
        dict
        """
        return super().get_params(deep=deep and not has_plane(self.direction))

    def set_params(self, **params: Any) -> Self:
        """Set parameters.

        Parameters
        ----------
        **params
            Parameters by name, ``direction__<name>`` for those of an unfitted direction.

        Returns
        -------
        self

        Raises
        ------
        ValueError
            If a parameter of a fitted direction is to be set, which would have no effect.
        """
        direction = params.get("direction", self.direction)
        nested = [name for name in params if name.startswith("direction__")]
        if nested and has_plane(direction):
            raise ValueError(
                f"{', '.join(nested)} cannot be set: direction is a fitted "
                f"{type(direction).__name__}, which is used as it is. To learn the direction with "
                "other parameters pass an unfitted one: sklearn.base.clone(direction)."
            )
        return super().set_params(**params)

    def __sklearn_tags__(self) -> Any:
        tags = super().__sklearn_tags__()
        tags.target_tags.required = needs_labels(self.direction)
        tags.transformer_tags.preserves_dtype = ["float64", "float32"]
        return tags


def _rows(X):
    """Flatten W+ codes of shape (n, n_ws, w_dim); other input is left to `validate_data`."""
    if getattr(X, "ndim", 2) == 3:
        return np.asarray(X).reshape(len(X), -1)
    return X
