"""Importance of a generator's layers for a semantic direction, without labels."""

from __future__ import annotations

import hashlib
from collections import OrderedDict
from dataclasses import dataclass
from functools import partial
from numbers import Integral, Real
from typing import TYPE_CHECKING, Any, Literal

import numpy as np
from joblib import delayed
from sklearn.utils import check_random_state, gen_batches
from sklearn.utils._param_validation import HasMethods, Interval, StrOptions, validate_params

from skstylefeat._utils._constraints import N_JOBS
from skstylefeat._utils._parallel import in_parallel
from skstylefeat._utils._progress import progress_bar
from skstylefeat._utils._validation import real_array
from skstylefeat.latents._sampling import sample_w
from skstylefeat.latents._spaces import broadcast_direction, style_layers, w_plus_layers
from skstylefeat.regression._importance_pairs import pair_gradients, sample_pairs
from skstylefeat.regression._importance_ratio import GradientSums

if TYPE_CHECKING:
    from numpy.typing import ArrayLike, NDArray

    from skstylefeat._utils._typing import RandomState
    from skstylefeat.networks._generator import Generator

#: Steps along the direction. LARGE's text gives none; its published code draws U[2.5, 5] from the
#: plane, in units of W. Here the unit is one standard deviation of n.w over sampled codes, which
#: has the same meaning for every generator.
STEPS = {"paper": (1.0, 3.0), "code": (2.5, 5.0)}
TRUNCATION = {"paper": 1.0, "code": 0.5}
N_GROUPS = 20
CACHE_SIZE = 64

_cache: OrderedDict = OrderedDict()


@dataclass(frozen=True)
class LayerImportance:
    """Result of :func:`layer_importance`; usable as an array of weights.

    Attributes
    ----------
    weights : ndarray of shape (n_layers,)
        Non-negative, sum to 1: S_i of LARGE's eq. (3).
    std_error : ndarray of shape (n_layers,)
        Jackknife standard error of `weights` over the sampled pairs.
    layers : tuple of str
        Name of each layer.
    n_pairs : int
        Number of pairs used.
    unnormalized : ndarray of shape (n_layers,)
        Mean gradient of each layer before the division by that of unrelated pairs, scaled to sum
        to 1. As in LARGE's figure 12a, it shows which layers have large gradients in general
        rather than which belong to the direction.
    """

    weights: NDArray[np.float64]
    std_error: NDArray[np.float64]
    layers: tuple[str, ...]
    n_pairs: int
    unnormalized: NDArray[np.float64]

    def __array__(self, dtype: Any = None, copy: bool | None = None) -> NDArray[Any]:
        return np.array(self.weights, dtype=dtype)

    def __len__(self) -> int:
        return len(self.weights)


@validate_params(
    {
        "generator": [HasMethods(["synthesis", "styles"])],
        "n_pairs": [Interval(Integral, 2, None, closed="left")],
        "space": [StrOptions({"w+", "s"})],
        "variant": [StrOptions(set(STEPS))],
        "step": ["array-like", None],
        "truncation_psi": [Interval(Real, -10, 10, closed="both"), None],
        "class_label": [Interval(Integral, 0, None, closed="left"), None],
        "tol": [Interval(Real, 0, None, closed="left"), None],
        "batch_size": [Interval(Integral, 1, None, closed="left")],
        "random_state": ["random_state"],
        "n_jobs": N_JOBS,
        "verbose": ["verbose"],
    },
    prefer_skip_nested_validation=True,
)
def layer_importance(
    generator: Generator,
    direction: ArrayLike,
    *,
    n_pairs: int = 100,
    space: Literal["w+", "s"] = "w+",
    variant: Literal["paper", "code"] = "paper",
    step: tuple[float, float] | None = None,
    truncation_psi: float | None = None,
    class_label: int | None = None,
    tol: float | None = None,
    batch_size: int = 10,
    random_state: RandomState = None,
    n_jobs: int | None = None,
    verbose: int = 0,
) -> LayerImportance:
    """Weigh the layers of a generator by their part in a direction (LARGE, section 3.2).

    A sampled code w is edited along the direction. Both codes are repeated for every layer, and
    the gradient of the difference of the two images with respect to the unedited W+ code shows
    which layers would have to move. Its magnitude is averaged over pairs, divided element by
    element by the same average for unrelated images, and averaged within each layer: this is the
    weight of the layer.

    Parameters
    ----------
    generator : Generator
    direction : array-like of shape (w_dim,), (1, w_dim), (n_ws, w_dim) or (1, n_ws, w_dim)
        A direction in W or W+. Its length and sign do not matter.
    n_pairs : int, default=100
        Number of edited pairs, and of unrelated pairs.
    space : {"w+", "s"}, default="w+"
        Space of the gradient: one weight per W vector, or one per affine layer (toRGB layers
        separate from convolutions).
    variant : {"paper", "code"}, default="paper"
        "paper": squared difference, gradient at the sampled code, no truncation. "code", as in
        the published code: absolute difference, both ends edited from the plane in opposite
        directions, truncation 0.5.
    step : tuple (low, high), default=None
        Length of an edit, drawn uniformly, in standard deviations of n.w over sampled codes.
        None means (1, 3) for "paper", with random sign, and (2.5, 5) for "code".
    truncation_psi : float, default=None
        None means 1 for "paper" and 0.5 for "code".
    class_label : int, default=None
        Class of the sampled codes of a conditional generator; None draws classes uniformly.
    tol : float, default=None
        Stop early once the largest `std_error` is below this; checked every 20 pairs.
    batch_size : int, default=10
        Pairs per batch. The result depends on it by rounding only.
    random_state : int, RandomState or None, default=None
        Samples codes and steps.
    n_jobs : int, default=None
        Number of batches processed in parallel, through joblib.
    verbose : int, default=0
        Show a progress bar if not 0.

    Returns
    -------
    LayerImportance

    Examples
    --------
    >>> from skstylefeat import layer_importance, load_generator
    >>> from skstylefeat.directions import SeFa
    >>> generator = load_generator("faces64")
    >>> direction = SeFa(generator).fit().direction_
    >>> importance = layer_importance(generator, direction, n_pairs=4, random_state=0)
    >>> importance.layers[:2], float(importance.weights.sum().round(6))
    (('b4.conv1', 'b8.conv0'), 1.0)
    """
    normal, _ = broadcast_direction(direction, generator.n_ws, generator.w_dim)
    unit = (normal / np.linalg.norm(normal, axis=1).max()).astype(np.float32)
    rng = check_random_state(random_state)
    low, high = _check_step(STEPS[variant] if step is None else step)
    psi = TRUNCATION[variant] if truncation_psi is None else truncation_psi

    # All pairs are drawn first, so that the result does not depend on the batches.
    def sample(n):
        return sample_w(generator, n, rng, class_label=class_label, truncation_psi=psi)

    pairs = sample_pairs(generator.n_ws, unit, n_pairs, variant, (low, high), sample, rng)

    # A generator that is sent to another process arrives on the CPU, so its device is sent, too.
    work = partial(pair_gradients, generator, str(generator.device), space, variant)
    sums = GradientSums(N_GROUPS)
    checkpoint = n_pairs if tol is None else N_GROUPS
    done = 0
    bar = progress_bar(total=n_pairs, desc="layer importance", verbose=verbose, unit="pair")
    with bar as progress:
        while done < n_pairs:
            stop = min(done + checkpoint, n_pairs)
            tasks = (
                delayed(work)(pairs.rows(slice(done + batch.start, done + batch.stop)))
                for batch in gen_batches(stop - done, batch_size)
            )
            with in_parallel(tasks, n_jobs) as parts:
                for edited, unrelated in parts:
                    sums.add(edited, unrelated)
                    progress.update(len(edited[0]))
            done = stop
            weights, std_error = sums.weights()
            if tol is not None and std_error.max() < tol:
                break

    layers = style_layers(generator)[0] if space == "s" else w_plus_layers(generator)
    return LayerImportance(weights, std_error, layers, done, sums.unnormalized())


def _check_step(step):
    """Return the two ends of the range of steps."""
    ends = real_array(step, "step")
    if ends.shape != (2,) or not np.isfinite(ends).all() or ends[0] > ends[1]:
        raise ValueError(f"step must be two finite numbers (low, high), got {step}.")
    return float(ends[0]), float(ends[1])


def cached_layer_importance(generator, direction, **params):
    """Call :func:`layer_importance` with a cache by the SHA-256 of generator and direction.

    A grid search fits the same direction many times. Results are cached for integer seeds.
    """
    if not isinstance(params.get("random_state"), int):
        return layer_importance(generator, direction, **params)
    array = np.ascontiguousarray(direction, dtype=np.float64)
    digest = hashlib.sha256(array.tobytes()).hexdigest()
    key = (generator.weights_hash(), array.shape, digest, repr(sorted(params.items())))
    if key not in _cache:
        _cache[key] = layer_importance(generator, direction, **params)
        while len(_cache) > CACHE_SIZE:
            _cache.popitem(last=False)
    return _cache[key]
