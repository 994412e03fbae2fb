"""How much each layer of a generator takes part in a semantic direction, found without labels."""

import hashlib
from collections import OrderedDict
from dataclasses import dataclass
from functools import partial

import numpy as np
from joblib import delayed
from sklearn.utils import check_random_state, gen_batches

from skstylefeat._utils._parallel import in_parallel
from skstylefeat._utils._progress import progress_bar
from skstylefeat.latents._sampling import sample_w
from skstylefeat.latents._spaces import broadcast_direction, style_layers, w_plus_layers

#: Gradients below this share of those of unrelated images are rounding.
ROUNDING = 1e-5
#: Steps along the direction. LARGE's text gives none; its published code draws U[2.5, 5] from the
#: plane, in units of W. Here a unit is one standard deviation of n.w over sampled codes, which
#: means the same for every generator.
STEPS = {"paper": (1.0, 3.0), "code": (2.5, 5.0)}
CODE_TRUNCATION = 0.5
N_SCALE_SAMPLES = 2_000
N_GROUPS = 20
CACHE_SIZE = 64

_cache: OrderedDict = OrderedDict()


@dataclass(frozen=True)
class LayerImportance:
    """Result of :func:`layer_importance`; usable wherever an array of weights is.

    Attributes
    ----------
    weights : ndarray of shape (n_layers,)
        Non-negative, sum to 1: S_i of LARGE's eq. (3).
    std_error : ndarray of shape (n_layers,)
        Jackknife standard error of `weights` over the sampled pairs.
    layers : tuple of str
        Name of each layer.
    n_pairs : int
        Pairs that were used.
    unnormalized : ndarray of shape (n_layers,)
        Mean gradient of each layer before it is divided by that of unrelated pairs, scaled to sum
        to 1: LARGE's figure 12a, which shows layers of large gradients rather than the direction.
    """

    weights: np.ndarray
    std_error: np.ndarray
    layers: tuple
    n_pairs: int
    unnormalized: np.ndarray

    def __array__(self, dtype=None, copy=None):
        return np.array(self.weights, dtype=dtype)

    def __len__(self):
        return len(self.weights)


def layer_importance(
    generator,
    direction,
    *,
    n_pairs=100,
    space="w+",
    variant="paper",
    step=None,
    truncation_psi=None,
    class_label=None,
    tol=None,
    batch_size=10,
    random_state=None,
    n_jobs=None,
    verbose=False,
):
    """Weigh the layers of a generator by their part in a direction (LARGE, section 3.2).

    A sampled code w is edited along the direction. Both codes are repeated for every layer, and
    the gradient of the difference of the two images with respect to the unedited W+ code says
    which layers would have to move. Its magnitude, averaged over pairs and divided element by
    element by the same for unrelated images, then averaged within each layer, is the layer's
    weight.

    Parameters
    ----------
    generator : Generator
    direction : array-like of shape (w_dim,), (1, w_dim), (n_ws, w_dim) or (1, n_ws, w_dim)
        A direction in W or W+. Its length and sign do not matter.
    n_pairs : int, default=100
        Edited pairs, and as many unrelated ones.
    space : {"w+", "s"}, default="w+"
        Where the gradient is taken: one weight per W vector, or one per affine layer (toRGB
        layers apart from convolutions).
    variant : {"paper", "code"}, default="paper"
        "paper": squared difference, gradient at the sampled code, no truncation. "code", as in
        the published code: absolute difference, both ends edited from the plane in opposite
        directions, truncation 0.5.
    step : tuple (low, high), default=None
        Length of an edit, drawn uniformly, in standard deviations of n.w over sampled codes.
        None means (1, 3) for "paper", either sign, and (2.5, 5) for "code".
    truncation_psi : float, default=None
        None means 1 for "paper" and 0.5 for "code".
    class_label : int, default=None
        Class of the sampled codes of a conditional generator; None draws classes uniformly.
    tol : float, default=None
        Stop early once the largest `std_error` falls below this; looked at every 20 pairs.
    batch_size : int, default=10
        Pairs at a time. The result does not depend on it beyond rounding.
    random_state : int, RandomState or None, default=None
    n_jobs : int, default=None
        Batches worked on at once, through joblib.
    verbose : bool, default=False
        Show progress.

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
    _check_parameters(n_pairs, space, variant, batch_size)
    normal, _ = broadcast_direction(direction, generator.n_ws, generator.w_dim)
    normal = (normal / np.linalg.norm(normal, axis=1).max()).astype(np.float32)
    random_state = check_random_state(random_state)
    low, high = STEPS[variant] if step is None else step
    if truncation_psi is None:
        truncation_psi = CODE_TRUNCATION if variant == "code" else 1.0

    def sample(n):
        return sample_w(
            generator, n, random_state, class_label=class_label, truncation_psi=truncation_psi
        )

    pairs = _sample_pairs(generator, normal, n_pairs, variant, (low, high), sample, random_state)
    # A generator that arrives in another process is on the CPU, so its device goes along.
    work = partial(_pair_gradients, generator, str(generator.device), space, variant)
    total = _GroupSums(N_GROUPS)
    checkpoint = n_pairs if tol is None else N_GROUPS
    done = 0
    bar = progress_bar(total=n_pairs, desc="layer importance", verbose=verbose, unit="pair")
    with bar as progress:
        while done < n_pairs:
            stop = min(done + checkpoint, n_pairs)
            tasks = (
                delayed(work)(*(None if end is None else end[done:stop][batch] for end in pairs))
                for batch in gen_batches(stop - done, batch_size)
            )
            with in_parallel(tasks, n_jobs) as parts:
                for edited, unrelated in parts:
                    total.add(edited, unrelated)
                    progress.update(len(edited[0]))
            done = stop
            weights, std_error = total.weights()
            if tol is not None and std_error.max() < tol:
                break
    layers = style_layers(generator)[0] if space == "s" else w_plus_layers(generator)
    return LayerImportance(weights, std_error, layers, done, total.unnormalized())


def cached_layer_importance(generator, direction, **params):
    """Call :func:`layer_importance`, remembering results by the generator's SHA-256.

    Grid searches fit the same direction many times. Results are remembered for integer seeds.
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


def _check_parameters(n_pairs, space, variant, batch_size):
    if space not in ("w+", "s"):
        raise ValueError(f'space must be "w+" or "s", got {space!r}.')
    if variant not in STEPS:
        raise ValueError(f"variant must be one of {tuple(STEPS)}, got {variant!r}.")
    if n_pairs < 2 or batch_size < 1:
        raise ValueError(
            f"n_pairs must be at least 2 and batch_size at least 1, got {n_pairs} and {batch_size}."
        )


def _sample_pairs(generator, normal, n_pairs, variant, step, sample, random_state):
    """Draw start codes, their edited ends, and unrelated starts and ends, all W+ float32.

    Unrelated starts are None where they are the start codes.
    """
    w = sample(N_SCALE_SAMPLES)
    norms = np.linalg.norm(normal, axis=1)
    units = normal[norms > 0] / norms[norms > 0, None]
    scale = float(np.std(w @ units.T, axis=0).mean())
    start, other = (np.repeat(sample(n_pairs)[:, None], generator.n_ws, axis=1) for _ in range(2))

    def lengths():
        return (scale * random_state.uniform(*step, size=(n_pairs, 1, 1))).astype(np.float32)

    if variant == "code":
        norms = np.maximum(np.square(normal).sum(axis=1, keepdims=True), 1e-12)
        center = w.mean(axis=0)
        onto_plane = ((start - center) * normal).sum(axis=2, keepdims=True) / norms
        on_plane = start - onto_plane * normal
        return on_plane - lengths() * normal, on_plane + lengths() * normal, start, other
    sign = random_state.choice(np.array([-1, 1], dtype=np.float32), size=(n_pairs, 1, 1))
    # The unrelated pair starts from the same code: one forward pass serves both gradients.
    return start, start + sign * lengths() * normal, None, other


def _image_gradients(starts, ends, variant):
    """Return the derivative of each pair's image difference with respect to its first image.

    The number of pixels and the factor 2 of the square cancel in the normalization.
    """
    difference = starts - ends
    return difference.sign() if variant == "code" else difference


def _pair_gradients(generator, device, space, variant, start, end, unrelated_start, unrelated_end):
    """Return gradient magnitudes of edited and of unrelated pairs.

    Each is a list over layers of arrays of shape (batch, width).
    """
    generator = generator.to(device)
    if unrelated_start is None:
        return _gradients(generator, space, variant, start, end, unrelated_end)
    (edited,) = _gradients(generator, space, variant, start, end)
    (unrelated,) = _gradients(generator, space, variant, unrelated_start, unrelated_end)
    return edited, unrelated


def _gradients(generator, space, variant, starts, *targets):
    """Return, for every batch of targets, the gradient magnitudes at `starts`."""
    import torch

    synthesis = generator.module.synthesis
    with torch.no_grad():
        images = [synthesis(_tensor(t, generator.device), "const") for t in targets]
    with torch.enable_grad():
        ws = _tensor(starts, generator.device)
        if space == "s":
            styles = {k: s.detach().requires_grad_() for k, s in synthesis.styles(ws).items()}
            leaves = list(styles.values())
        else:
            leaves = [ws[:, i].clone().requires_grad_() for i in range(ws.shape[1])]
            styles = synthesis.styles(torch.stack(leaves, dim=1))
        output = synthesis.from_styles(styles, "const")
    magnitudes = []
    for i, image in enumerate(images):
        cotangent = _image_gradients(output.detach(), image, variant)
        more = i + 1 < len(images)
        gradients = torch.autograd.grad(output, leaves, cotangent, retain_graph=more)
        magnitudes.append([g.abs().cpu().numpy().astype(np.float64) for g in gradients])
    return magnitudes


def _tensor(array, device):
    import torch

    return torch.tensor(np.ascontiguousarray(array), dtype=torch.float32, device=device)


class _GroupSums:
    """Sums of gradient magnitudes in groups of pairs, for the ratio and its jackknife error.

    Pair i belongs to group i mod n_groups whatever the batches are.
    """

    def __init__(self, n_groups):
        self.n_groups = n_groups
        self.n_pairs = 0
        self.edited = self.unrelated = None

    def add(self, edited, unrelated):
        if self.edited is None:
            self.edited = [np.zeros((self.n_groups, g.shape[1])) for g in edited]
            self.unrelated = [np.zeros((self.n_groups, g.shape[1])) for g in edited]
        groups = (self.n_pairs + np.arange(len(edited[0]))) % self.n_groups
        for sums, gradients in ((self.edited, edited), (self.unrelated, unrelated)):
            for layer_sums, layer in zip(sums, gradients, strict=True):
                np.add.at(layer_sums, groups, layer)
        self.n_pairs += len(groups)

    def unnormalized(self):
        """Return the mean gradient of edited pairs in each layer, scaled to sum to 1."""
        means = np.array([sums.sum(axis=0).mean() for sums in self.edited])
        return means / means.sum()

    def weights(self):
        """Return (weights, standard error); sums in place of means, since the counts cancel."""
        n_groups = min(self.n_groups, self.n_pairs)
        edited = [sums.sum(axis=0) for sums in self.edited]
        unrelated = [sums.sum(axis=0) for sums in self.unrelated]
        weights = _normalized_ratio(edited, unrelated)
        left_out = np.stack(
            [
                _normalized_ratio(
                    [e - sums[g] for e, sums in zip(edited, self.edited, strict=True)],
                    [u - sums[g] for u, sums in zip(unrelated, self.unrelated, strict=True)],
                )
                for g in range(n_groups)
            ]
        )
        spread = np.square(left_out - left_out.mean(axis=0)).sum(axis=0)
        return weights, np.sqrt(spread * (n_groups - 1) / n_groups)


def _normalized_ratio(edited, unrelated):
    """Element-wise ratio, mean per layer, scaled to sum to 1."""
    ratios = np.array(
        [
            np.divide(e, u, out=np.zeros_like(e), where=u > 0).mean()
            for e, u in zip(edited, unrelated, strict=True)
        ]
    )
    total = ratios.sum()
    if not total > ROUNDING:
        raise ValueError(
            "Editing along the direction does not change the image at all, so no layer can be "
            "weighed: the direction is orthogonal to what the generator reads, or its step is 0."
        )
    return ratios / total
