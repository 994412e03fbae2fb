"""Directions from sampled codes: principal components (GANSpace)."""

from __future__ import annotations

from numbers import Integral
from os import PathLike
from typing import TYPE_CHECKING, Any, Self

import numpy as np
from sklearn.base import _fit_context
from sklearn.decomposition import IncrementalPCA
from sklearn.utils import check_random_state, gen_batches
from sklearn.utils._param_validation import HasMethods, Interval

from skstylefeat._utils._sklearn_base import BaseEstimator
from skstylefeat._utils._validation import SMALLEST, check_magnitude, validate_numpy
from skstylefeat._utils._versions import VersionStamped
from skstylefeat.directions._data_free import fix_signs
from skstylefeat.latents._sampling import sample_w

if TYPE_CHECKING:
    from numpy.typing import ArrayLike, NDArray

    from skstylefeat._utils._typing import RandomState, StrPath
    from skstylefeat.networks._generator import Generator

SAMPLE_BATCH = 1_000


class LatentPCA(VersionStamped, BaseEstimator):
    """Principal directions of sampled W codes (GANSpace).

    Parameters
    ----------
    generator : Generator, str or path-like, default=None
        Source of the codes; not needed if `fit` receives codes.
    n_components : int, default=None
        Number of directions; None keeps 20, or fewer if there are fewer codes or columns.
    n_samples : int, default=10_000
        Codes to sample.
    class_label : int, default=None
        Class of the sampled codes of a conditional generator; None draws classes uniformly.
    random_state : int, RandomState or None, default=None

    Attributes
    ----------
    directions_ : ndarray of shape (n_components, w_dim), float64
        Orthonormal, by descending variance.
    explained_variance_, explained_variance_ratio_ : ndarray of shape (n_components,)
    mean_ : ndarray of shape (w_dim,)
    direction_ : ndarray of shape (w_dim,)
        The first of `directions_`.
    intercepts_ : ndarray of shape (n_components,)
        With these, the planes go through the mean.
    intercept_ : float
    n_features_in_ : int
        Only set if `fit` receives codes.

    References
    ----------
    .. [1] E. Härkönen et al., "GANSpace: Discovering Interpretable GAN Controls", NeurIPS 2020.

    Examples
    --------
    >>> import numpy as np
    >>> from skstylefeat.directions import LatentPCA
    >>> w = np.random.RandomState(0).normal(size=(500, 4)) * [1, 5, 1, 1]
    >>> LatentPCA(n_components=2).fit(w).direction_.round().tolist()
    [0.0, 1.0, 0.0, 0.0]
    """

    directions_: NDArray[np.float64]
    explained_variance_: NDArray[np.float64]
    explained_variance_ratio_: NDArray[np.float64]
    mean_: NDArray[np.float64]
    direction_: NDArray[np.float64]
    intercepts_: NDArray[np.float64]
    intercept_: float
    n_features_in_: int

    _parameter_constraints: dict = {
        "generator": [str, PathLike, HasMethods(["synthesis", "styles"]), None],
        "n_components": [Interval(Integral, 1, None, closed="left"), None],
        "n_samples": [Interval(Integral, 2, None, closed="left")],
        "class_label": [Interval(Integral, 0, None, closed="left"), None],
        "random_state": ["random_state"],
    }

    def __init__(
        self,
        generator: Generator | StrPath | None = None,
        n_components: int | None = None,
        *,
        n_samples: int = 10_000,
        class_label: int | None = None,
        random_state: RandomState = None,
    ) -> None:
        self.generator = generator
        self.n_components = n_components
        self.n_samples = n_samples
        self.class_label = class_label
        self.random_state = random_state

    @_fit_context(prefer_skip_nested_validation=True)
    def fit(self, X: ArrayLike | None = None, y: Any = None) -> Self:
        """Find the principal directions.

        Parameters
        ----------
        X : array-like of shape (n_samples, w_dim), default=None
            Codes; None samples them from the generator, batch by batch.
        y : None
            Ignored.

        Returns
        -------
        self
        """
        if X is None and self.generator is None:
            raise ValueError(
                "LatentPCA has neither codes X nor a generator to sample from; pass one of them."
            )
        codes = None if X is None else self._check_codes(X)
        if codes is None:
            from skstylefeat.networks._loading import as_generator

            generator = as_generator(self.generator)
            n_samples, width = self.n_samples, generator.w_dim
        else:
            n_samples, width = codes.shape

        most = min(width, n_samples)
        n_components = min(20, most) if self.n_components is None else self.n_components
        if n_components > most:
            raise ValueError(
                f"n_components={n_components} directions cannot be found in {n_samples} codes of "
                f"width {width} (n_features = {width})."
            )

        # No batch may be smaller than the number of components.
        pca = IncrementalPCA(n_components=n_components)
        rng = check_random_state(self.random_state)
        for rows in gen_batches(n_samples, max(SAMPLE_BATCH, width), min_batch_size=n_components):
            if codes is None:
                n = rows.stop - rows.start
                pca.partial_fit(sample_w(generator, n, rng, class_label=self.class_label))
            else:
                pca.partial_fit(codes[rows])
        self.directions_ = fix_signs(pca.components_.astype(np.float64))
        self.explained_variance_ = pca.explained_variance_
        self.explained_variance_ratio_ = pca.explained_variance_ratio_
        self.mean_ = pca.mean_
        self.intercepts_ = -self.directions_ @ pca.mean_
        self.direction_, self.intercept_ = self.directions_[0], float(self.intercepts_[0])
        return self

    def _check_codes(self, X):
        X = validate_numpy(self, X, dtype=[np.float64, np.float32], ensure_min_samples=2)
        check_magnitude(X)
        # The smallest spread whose square float32 can hold is larger.
        least = SMALLEST if X.dtype == np.float64 else 1e-15
        if not (np.ptp(X, axis=0) > least).any():
            raise ValueError(f"All {len(X)} codes are equal; expected codes that differ.")
        return X
