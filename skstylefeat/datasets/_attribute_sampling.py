"""Random attributes of faces: independent by default, correlated on request."""

from __future__ import annotations

import numbers
from collections.abc import Mapping
from typing import Any

import numpy as np
from numpy.typing import NDArray
from scipy.special import ndtr
from sklearn.utils import check_random_state

from skstylefeat._utils._typing import RandomState
from skstylefeat.datasets._attributes import ATTRIBUTES, unknown_attribute


def check_n_samples(n_samples: int) -> int:
    """Return `n_samples` as an int, or raise an error that names the problem."""
    if isinstance(n_samples, bool) or not isinstance(n_samples, numbers.Integral):
        raise TypeError(f"n_samples must be an integer, the number of faces, got {n_samples!r}.")
    if n_samples < 1:
        raise ValueError(f"n_samples must be at least 1, got {n_samples}.")
    return int(n_samples)


def copula_matrix(correlation: Mapping[tuple[str, str], float] | None) -> NDArray[np.float64]:
    """Return the correlations of the normal scores from which attributes are drawn.

    Parameters
    ----------
    correlation : dict or None
        Pairs of names to correlations, as in :func:`make_faces`.

    Returns
    -------
    matrix : ndarray of shape (n_attributes, n_attributes)
        Positive definite.
    """
    names = list(ATTRIBUTES)
    matrix = np.eye(len(names))
    if correlation is None:
        return matrix
    if not hasattr(correlation, "items"):
        raise TypeError(
            "correlation must be a dict such as {('glasses', 'age'): 0.5}, got "
            f"{type(correlation).__name__}."
        )

    # Each pair sets two symmetric entries, once.
    for pair, value in correlation.items():
        i, j = _check_pair(pair, names)
        if isinstance(value, bool) or not isinstance(value, numbers.Real) or not abs(value) < 1:
            raise ValueError(
                f"the correlation of {names[i]} and {names[j]} must be a number between -1 and 1, "
                f"both excluded, got {value!r}."
            )
        if matrix[i, j] not in (0, value):
            raise ValueError(
                f"the correlation of {names[i]} and {names[j]} is given twice, as {matrix[i, j]:g} "
                f"and {value:g}; give each pair once, in either order."
            )
        matrix[i, j] = matrix[j, i] = value

    # Pairs that are possible one by one may contradict each other together.
    smallest = np.linalg.eigvalsh(matrix)[0]
    if smallest <= 1e-10:
        raise ValueError(
            f"no attributes can have all these correlations at once: {dict(correlation)}. Their "
            f"matrix must be positive definite, but has the eigenvalue {smallest:.3g}; bring the "
            "values closer to 0, or leave out a pair."
        )
    return matrix


def _check_pair(pair, names):
    if not isinstance(pair, tuple) or len(pair) != 2:
        raise ValueError(
            "the keys of correlation must be pairs of names such as ('glasses', 'age'), got "
            f"{pair!r}."
        )
    for name in pair:
        if name not in ATTRIBUTES:
            raise unknown_attribute(name)
    if pair[0] == pair[1]:
        raise ValueError(f"a pair in correlation must have two different names, got {pair!r}.")
    return names.index(pair[0]), names.index(pair[1])


def sample_attributes(
    n_samples: int = 100,
    *,
    random_state: RandomState = None,
    correlation: Mapping[tuple[str, str], float] | None = None,
) -> dict[str, NDArray[Any]]:
    r"""Draw attributes of faces at random.

    Numbers are uniform on their range, categories have fixed probabilities; the `DESCR` of
    :func:`make_faces` lists them all. Each row draws standard normal scores
    :math:`s \sim N(0, R)`, one per attribute, and maps :math:`u = \Phi(s)` to a number
    ``low + (high - low) * u`` or to the category whose interval of cumulative probability contains
    `u` (a Gaussian copula). By default :math:`R` is the identity, so attributes are independent; a
    `correlation` does not change the distribution of a single attribute.

    Parameters
    ----------
    n_samples : int, default=100
        Number of faces.
    random_state : int, RandomState instance or None, default=None
        Pass an int for reproducible faces. The first rows do not depend on `n_samples`.
    correlation : dict or None, default=None
        Correlations in :math:`R` by pair of names, for example ``{("glasses", "age"): 0.6}``;
        others are 0. Two numbers with the value `r` have the Spearman and Pearson correlation
        ``6 / pi * arcsin(r / 2)``, which is close to `r`. A category counts by its position in the
        list of categories: in the example, older faces wear darker glasses.

    Returns
    -------
    attributes : dict of str to ndarray of shape (n_samples,)
        Numbers are float64, categories are strings.

    Raises
    ------
    ValueError
        If `n_samples` is below 1, a pair or a correlation is invalid, or the correlations
        contradict each other.
    TypeError
        If `n_samples` is not an integer or `correlation` is not a dict.

    See Also
    --------
    make_faces : Pictures with such attributes.

    Examples
    --------
    >>> import numpy as np
    >>> from skstylefeat.datasets import sample_attributes
    >>> attributes = sample_attributes(
    ...     2000, random_state=0, correlation={("yaw", "smile"): 0.8}
    ... )
    >>> round(np.corrcoef(attributes["yaw"], attributes["smile"])[0, 1], 1)
    np.float64(0.8)
    >>> round(np.mean(attributes["glasses"] == "none"), 1)
    np.float64(0.5)
    """
    n_samples = check_n_samples(n_samples)
    rng = check_random_state(random_state)
    factor = np.linalg.cholesky(copula_matrix(correlation))
    scores = rng.standard_normal((n_samples, len(ATTRIBUTES)))
    # Not a matrix product, whose order of sums in BLAS may depend on the number of rows.
    uniform = ndtr(np.einsum("ni,ji->nj", scores, factor, optimize=False))

    columns = {}
    for (name, spec), u in zip(ATTRIBUTES.items(), uniform.T, strict=True):
        if spec.categories:
            edges = np.cumsum(spec.probabilities)[:-1]
            columns[name] = np.array(spec.categories)[np.searchsorted(edges, u, side="right")]
        else:
            columns[name] = spec.low + (spec.high - spec.low) * u
    return columns
