"""Directions from the weights of a generator (SeFa)."""

from __future__ import annotations

from numbers import Integral
from os import PathLike
from typing import TYPE_CHECKING, Any, Self

import numpy as np
from sklearn.base import _fit_context
from sklearn.utils._param_validation import HasMethods, Interval

from skstylefeat._utils._sklearn_base import BaseEstimator
from skstylefeat._utils._versions import VersionStamped
from skstylefeat.directions._channel_effects import unit_rows
from skstylefeat.directions._data_free import IgnoresData, fix_signs

if TYPE_CHECKING:
    from collections.abc import Sequence

    from numpy.typing import NDArray

    from skstylefeat._utils._typing import StrPath
    from skstylefeat.networks._generator import Generator


class SeFa(IgnoresData, VersionStamped, BaseEstimator):
    """Closed-form factorization: the directions in W that change a generator's styles most.

    They are the eigenvectors of A^T A, where A stacks the affine weights of the chosen layers.

    Parameters
    ----------
    generator : Generator, str or path-like
    n_directions : int, default=None
        Number of directions, the strongest first; all `w_dim` by default.
    layers : sequence of str, default=None
        Affine layers, such as ``["b8.conv0", "b8.conv1"]``; all by default. Early layers change
        pose and shape, late ones color.
    normalize : bool, default=True
        Scale each row of A to unit length first, as the authors' code does, so that all channels
        have the same weight.

    Attributes
    ----------
    directions_ : ndarray of shape (n_directions, w_dim), float64
        Orthonormal.
    eigenvalues_ : ndarray of shape (n_directions,)
        Descending.
    direction_ : ndarray of shape (w_dim,)
        The first of `directions_`.
    intercepts_ : ndarray of shape (n_directions,)
        With these, the planes go through the generator's mean code.
    intercept_ : float
    w_indices_ : ndarray of int
        The W vectors that the chosen layers read: the `layers` of :func:`edit`.

    References
    ----------
    .. [1] Y. Shen and B. Zhou, "Closed-Form Factorization of Latent Semantics in GANs", CVPR 2021.

    Examples
    --------
    >>> from skstylefeat.directions import SeFa
    >>> sefa = SeFa("faces64", layers=["b8.conv0", "b8.conv1"]).fit()
    >>> sefa.w_indices_.tolist()
    [1, 2]
    """

    directions_: NDArray[np.float64]
    eigenvalues_: NDArray[np.float64]
    direction_: NDArray[np.float64]
    intercepts_: NDArray[np.float64]
    intercept_: float
    w_indices_: NDArray[np.intp]

    _parameter_constraints: dict = {
        "generator": [str, PathLike, HasMethods(["synthesis", "styles"])],
        "n_directions": [Interval(Integral, 1, None, closed="left"), None],
        "layers": ["array-like", None],
        "normalize": ["boolean"],
    }

    def __init__(
        self,
        generator: Generator | StrPath,
        n_directions: int | None = None,
        *,
        layers: Sequence[str] | None = None,
        normalize: bool = True,
    ) -> None:
        self.generator = generator
        self.n_directions = n_directions
        self.layers = layers
        self.normalize = normalize

    @_fit_context(prefer_skip_nested_validation=True)
    def fit(self, X: Any = None, y: Any = None) -> Self:
        """Factorize the weights; X and y are ignored.

        Returns
        -------
        self
        """
        from skstylefeat.networks._loading import as_generator

        generator = as_generator(self.generator)
        modulated = {name: (i, m) for name, i, m in generator.module.synthesis.modulated()}
        given = list(modulated) if self.layers is None else self.layers
        names = np.asarray(given, dtype=object).ravel().tolist()
        unknown = [name for name in names if str(name) not in modulated]
        if unknown or not names:
            raise ValueError(
                f"layers={names} must name affine layers of the generator: {list(modulated)}."
            )

        # The rows of A map a code to styles, scaled as the layers apply them.
        affines = [modulated[name][1].affine for name in names]
        rows = np.concatenate(
            [a.weight.detach().cpu().numpy().astype(np.float64) * a.weight_gain for a in affines]
        )
        if self.normalize:
            rows = unit_rows(rows)

        # Divide and conquer finds all directions in less time than a solver of the first few.
        values, vectors = np.linalg.eigh(rows.T @ rows)
        strongest = slice(self.n_directions)
        self.directions_ = fix_signs(vectors.T[::-1][strongest])
        self.eigenvalues_ = values[::-1][strongest].copy()
        self.intercepts_ = -self.directions_ @ generator.w_avg.astype(np.float64)
        self.direction_, self.intercept_ = self.directions_[0], float(self.intercepts_[0])
        self.w_indices_ = np.unique([modulated[name][0] for name in names])
        return self
