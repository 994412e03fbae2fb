"""Directions without labels: from a generator's weights (SeFa) and from sampled codes (PCA)."""

from numbers import Integral

import numpy as np
from scipy.linalg import eigh
from sklearn.base import BaseEstimator, _fit_context
from sklearn.decomposition import IncrementalPCA
from sklearn.utils import check_random_state, gen_batches
from sklearn.utils._param_validation import Interval
from sklearn.utils.validation import validate_data

from skstylefeat._utils._validation import SMALLEST, check_magnitude
from skstylefeat._utils._versions import VersionStamped
from skstylefeat.directions._no_data import IgnoresData
from skstylefeat.latents._sampling import sample_w

SAMPLE_BATCH = 1_000


def _with_sign(directions):
    """Make the largest entry of each direction positive: eigenvectors have no sign of their own."""
    largest = np.abs(directions).argmax(axis=1)
    return directions * np.sign(directions[np.arange(len(directions)), largest])[:, None]


class SeFa(IgnoresData, VersionStamped, BaseEstimator):
    """Closed-form factorization: the directions in W that change a generator's styles most.

    They are the eigenvectors of A^T A, where A stacks the affine weights of the chosen layers.

    Parameters
    ----------
    generator : Generator, str or path-like
    n_directions : int, default=None
        How many to keep, the strongest first; all `w_dim` by default.
    layers : sequence of str, default=None
        Affine layers, such as ``["b8.conv0", "b8.conv1"]``; all by default. Early layers change
        pose and shape, late ones color.
    normalize : bool, default=True
        Scale each row of A to unit length first, as the authors' code does, so that no channel
        counts more than another.

    Attributes
    ----------
    directions_ : ndarray of shape (n_directions, w_dim), float64
        Orthonormal.
    eigenvalues_ : ndarray of shape (n_directions,)
        Descending.
    direction_ : ndarray of shape (w_dim,)
        The first.
    intercepts_ : ndarray of shape (n_directions,)
        They put the planes through the generator's mean code.
    intercept_ : float
    w_indices_ : ndarray of int
        The W vectors that the chosen layers read: ``layers`` for :func:`edit`.

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

    _parameter_constraints: dict = {
        "generator": "no_validation",
        "n_directions": [Interval(Integral, 1, None, closed="left"), None],
        "layers": ["array-like", None],
        "normalize": ["boolean"],
    }

    def __init__(self, generator, n_directions=None, *, layers=None, normalize=True):
        self.generator = generator
        self.n_directions = n_directions
        self.layers = layers
        self.normalize = normalize

    @_fit_context(prefer_skip_nested_validation=True)
    def fit(self, X=None, y=None):
        """Factorize the weights; X and y are ignored.

        Returns
        -------
        self
        """
        generator = as_generator(self.generator)
        modulated = {name: (i, m) for name, i, m in generator.module.synthesis.modulated()}
        names = list(modulated) if self.layers is None else list(self.layers)
        unknown = [name for name in names if name not in modulated]
        if unknown or not names:
            raise ValueError(
                f"layers={names} names {unknown or 'nothing'}; the generator's affine layers are "
                f"{list(modulated)}."
            )
        affines = [modulated[name][1].affine for name in names]
        rows = np.concatenate(
            [a.weight.detach().cpu().numpy().astype(np.float64) * a.weight_gain for a in affines]
        )
        if self.normalize:
            norms = np.linalg.norm(rows, axis=1, keepdims=True)
            rows = np.divide(rows, norms, out=np.zeros_like(rows), where=norms > 0)
        n = generator.w_dim
        kept = n if self.n_directions is None else min(self.n_directions, n)
        values, vectors = eigh(rows.T @ rows, subset_by_index=[n - kept, n - 1])
        self.directions_ = _with_sign(vectors.T[::-1])
        self.eigenvalues_ = values[::-1].copy()
        self.intercepts_ = -self.directions_ @ generator.w_avg.astype(np.float64)
        self.direction_, self.intercept_ = self.directions_[0], float(self.intercepts_[0])
        self.w_indices_ = np.unique([modulated[name][0] for name in names])
        return self


class LatentPCA(VersionStamped, BaseEstimator):
    """Principal directions of sampled W codes (GANSpace).

    Parameters
    ----------
    generator : Generator, str or path-like, default=None
        Where the codes are sampled; not needed if `fit` is given codes.
    n_components : int, default=None
        How many to keep; None keeps 20, or fewer where the codes are narrower.
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
        The first.
    intercepts_ : ndarray of shape (n_components,)
        They put the planes through the mean.
    intercept_ : float

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

    _parameter_constraints: dict = {
        "generator": "no_validation",
        "n_components": [Interval(Integral, 1, None, closed="left"), None],
        "n_samples": [Interval(Integral, 2, None, closed="left")],
        "class_label": [Interval(Integral, 0, None, closed="left"), None],
        "random_state": ["random_state"],
    }

    def __init__(
        self,
        generator=None,
        n_components=None,
        *,
        n_samples=10_000,
        class_label=None,
        random_state=None,
    ):
        self.generator = generator
        self.n_components = n_components
        self.n_samples = n_samples
        self.class_label = class_label
        self.random_state = random_state

    @_fit_context(prefer_skip_nested_validation=True)
    def fit(self, X=None, y=None):
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
            raise ValueError("LatentPCA needs a generator to sample from, or codes X.")
        if X is not None:
            X = validate_data(self, X, dtype=[np.float64, np.float32], ensure_min_samples=2)
            check_magnitude(X)
            # float32 holds no square below this.
            least = SMALLEST if X.dtype == np.float64 else 1e-15
            if not (np.ptp(X, axis=0) > least).any():
                raise ValueError(f"All {len(X)} codes are equal: they vary in no direction.")
            n_samples, width = X.shape
            batches = [X[rows] for rows in gen_batches(n_samples, max(SAMPLE_BATCH, width))]
        else:
            generator = as_generator(self.generator)
            n_samples, width = self.n_samples, generator.w_dim
            random_state = check_random_state(self.random_state)
            batches = (
                sample_w(
                    generator,
                    rows.stop - rows.start,
                    random_state,
                    class_label=self.class_label,
                )
                for rows in gen_batches(n_samples, SAMPLE_BATCH)
            )
        most = min(width, n_samples)
        n_components = min(20, most) if self.n_components is None else self.n_components
        if n_components > most:
            raise ValueError(
                f"n_components={n_components} directions cannot be found in {n_samples} codes of "
                f"width {width} (n_features = {width})."
            )
        pca = IncrementalPCA(n_components=n_components)
        for batch in _at_least(batches, n_components):
            pca.partial_fit(batch)
        self.directions_ = _with_sign(pca.components_.astype(np.float64))
        self.explained_variance_ = pca.explained_variance_
        self.explained_variance_ratio_ = pca.explained_variance_ratio_
        self.mean_ = pca.mean_
        self.intercepts_ = -self.directions_ @ pca.mean_
        self.direction_, self.intercept_ = self.directions_[0], float(self.intercepts_[0])
        return self


def _at_least(batches, n_rows):
    """Join the last batch to the one before where it is too short for IncrementalPCA."""
    held = None
    for batch in batches:
        if held is not None and len(batch) < n_rows:
            held = np.concatenate([held, batch])
            continue
        if held is not None:
            yield held
        held = batch
    yield held


def as_generator(generator):
    """Load a generator that is given by name or path."""
    if hasattr(generator, "module"):
        return generator
    from skstylefeat.networks import load_generator

    return load_generator(generator)
