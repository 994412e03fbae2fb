"""Distribution of W, and coordinates in which codes are searched.

A step of one unit should have the same effect in every coordinate. Two matrices measure the effect:
the covariance C of W, and the metric F of the image, the expected outer product of the image's
derivatives. The coordinates are those of the geometric mean of C and the inverse of F, which treats
both matrices alike and does not depend on the basis of W.
"""

from typing import NamedTuple
from weakref import WeakKeyDictionary

import numpy as np
import torch
from torch import Tensor

from skstylefeat._utils._channels import color_channels
from skstylefeat.networks._generator_network import GeneratorNetwork

N_W_SAMPLES = 4_096
MIN_VARIANCE = 1e-4  # of directions that the mapping network hardly uses, relative to the largest
N_METRIC_CODES, N_PROBES = 4, 8
MIN_METRIC = 1e-5  # of directions that hardly change the image, relative to the largest


class SearchSpace(NamedTuple):
    """Coordinates of W or W+.

    Parameters
    ----------
    mean : Tensor of shape (w_dim,)
        Mean of W.
    basis : Tensor of shape (n_ws, w_dim, w_dim) or (1, w_dim, w_dim)
        For every W vector in the search, the change of the vector per unit of each coordinate.
    whitening : Tensor of shape (w_dim, w_dim)
        ``(w - mean) @ whitening`` has unit variance.
    """

    mean: Tensor
    basis: Tensor
    whitening: Tensor


def w_statistics(module: GeneratorNetwork) -> tuple[Tensor, Tensor]:
    """Return mean (w_dim,) and a square-root basis (w_dim, w_dim) of W's distribution.

    A code is ``mean + whitened @ basis``; whitened coordinates have unit variance.
    """
    w = _sample_w(module, N_W_SAMPLES).double()
    mean = w.mean(dim=0)
    values, vectors = torch.linalg.eigh((w - mean).T @ (w - mean) / len(w))
    values = values.clamp_min(values.max() * MIN_VARIANCE).sqrt()
    return mean.float(), (values[:, None] * vectors.T).float()


def style_sensitivities(module: GeneratorNetwork) -> dict[str, Tensor]:
    """Return the effect of every style on the image.

    Parameters
    ----------
    module : GeneratorNetwork
        The generator.

    Returns
    -------
    sensitivities : dict of str to Tensor of shape (channels,)
        By layer, the mean over codes of the squared derivative of the image with respect to
        the style, per pixel. It is estimated from 8 random projections of the image at 4 codes.
    """
    synthesis = module.synthesis
    codes = _sample_w(module, N_METRIC_CODES)[:, None].expand(-1, module.config.n_ws, -1)
    generator = torch.Generator().manual_seed(0)
    totals: dict[str, Tensor] = {}
    # One code at a time: the graph of a large image fills the memory.
    for code in codes.split(1):
        styles = {
            name: style.detach().requires_grad_(True)
            for name, style in synthesis.styles(code).items()
        }
        image = color_channels(synthesis.from_styles(styles))

        # The squared derivative of a random signed sum has the sum of squares as its mean.
        for _ in range(N_PROBES):
            signs = torch.randint(0, 2, image.shape, generator=generator).to(image) * 2 - 1
            gradients = torch.autograd.grad(
                (image * signs).sum(), list(styles.values()), retain_graph=True
            )
            for name, gradient in zip(styles, gradients, strict=True):
                totals[name] = totals.get(name, 0.0) + gradient[0].square()
    scale = N_METRIC_CODES * N_PROBES * image.numel()
    return {name: total / scale for name, total in totals.items()}


_spaces: WeakKeyDictionary[GeneratorNetwork, dict[tuple[bool, str], SearchSpace]]
_spaces = WeakKeyDictionary()


def search_space(module: GeneratorNetwork, *, in_w: bool = False) -> SearchSpace:
    """Return the coordinates in which codes of a frozen generator are searched.

    Parameters
    ----------
    module : GeneratorNetwork
        The generator. The result is kept as long as the module exists, so its weights must not
        change.
    in_w : bool, default=False
        Whether one W vector serves all layers.

    Returns
    -------
    SearchSpace
    """
    spaces = _spaces.setdefault(module, {})
    key = in_w, str(module.mapping.w_avg.device)
    if key not in spaces:
        spaces[key] = _make_space(module, in_w)
    return spaces[key]


def _make_space(module: GeneratorNetwork, in_w: bool) -> SearchSpace:
    # F of every W vector: through the affine layers, the sensitivities of its styles.
    mean, root = w_statistics(module)
    root = root.double()
    metric = torch.zeros(module.config.n_ws, *root.shape, dtype=torch.float64, device=root.device)
    sensitivities = style_sensitivities(module)
    for name, index, layer in module.synthesis.modulated():
        affine = layer.affine.weight.detach().double() * layer.affine.weight_gain
        metric[index] += affine.T @ (sensitivities[name].double()[:, None] * affine)
    if in_w:
        metric = metric.sum(dim=0, keepdim=True)

    # C^1/2 (C^1/2 F C^1/2)^-1/2 C^1/2 is the geometric mean of C and the inverse of F.
    values, vectors = torch.linalg.eigh(root @ metric @ root.T)
    values = values.clamp_min(values.amax(dim=-1, keepdim=True) * MIN_METRIC)
    basis = (vectors * values[:, None, :] ** -0.25) @ vectors.mT @ root
    return SearchSpace(mean, basis.float(), torch.linalg.inv(root).float())


def _sample_w(module: GeneratorNetwork, n_samples: int) -> Tensor:
    rng = np.random.default_rng(0)
    config = module.config
    z = rng.standard_normal((n_samples, config.z_dim)).astype(np.float32)
    device = module.mapping.w_avg.device
    labels = None
    if config.c_dim:
        classes = rng.integers(config.c_dim, size=n_samples)
        labels = torch.from_numpy(np.eye(config.c_dim, dtype=np.float32)[classes]).to(device)
    with torch.no_grad():
        return module.mapping(torch.from_numpy(z).to(device), labels)
