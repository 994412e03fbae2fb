"""From images to W+ codes: by an encoder, by optimisation, or by one after the other.

The optimisation is per image in every respect (its loss, its noise, its convergence), so
that a code does not depend on which images share its batch.

References
----------
.. [1] T. Karras et al., "Analyzing and Improving the Image Quality of StyleGAN", CVPR 2020:
   the projector, its schedules and its noise.
.. [2] R. Abdal et al., "Image2StyleGAN", ICCV 2019: codes of W+.
"""

import numpy as np
import torch
from torch.nn import functional as F

from skstylefeat.networks.losses import local_contrast

LEARNING_RATE = 0.1  # [1], with its ramps
RAMP_UP, RAMP_DOWN = 0.05, 0.25
NOISE_SCALE, NOISE_RAMP = 0.05, 0.75  # [1]; in W+ noise costs more steps than it saves
HYBRID_RATE = 0.03  # a start from the encoder needs smaller steps
CONTRAST_WEIGHT = 0.5  # the contrast's error is steeper than the pixels' near the solution
STEPS_FROM_MEAN, STEPS_FROM_ENCODER = 200, 60
N_W_SAMPLES = 4_096
BETAS, EPS = (0.9, 0.99), 1e-8


def w_statistics(module, seed=0):
    """Return mean (w_dim,) and a square-root basis (w_dim, w_dim) of W's distribution.

    A code is ``mean + whitened @ basis``; whitened coordinates have unit variance.
    """
    rng = np.random.default_rng(seed)
    config = module.config
    z = rng.standard_normal((N_W_SAMPLES, config.z_dim)).astype(np.float32)
    device = module.mapping.w_avg.device
    labels = None
    if config.c_dim:
        classes = rng.integers(config.c_dim, size=N_W_SAMPLES)
        labels = torch.from_numpy(np.eye(config.c_dim, dtype=np.float32)[classes]).to(device)
    with torch.no_grad():
        w = module.mapping(torch.from_numpy(z).to(device), labels).double()
    mean = w.mean(dim=0)
    values, vectors = torch.linalg.eigh((w - mean).T @ (w - mean) / len(w))
    # Directions that the mapping network hardly uses keep a small share of the variance.
    values = values.clamp_min(values.max() * 1e-4).sqrt()
    return mean.float(), (values[:, None] * vectors.T).float()


def image_loss(images, targets):
    """Return per image the pixel error over the scales plus the error of the local contrast."""
    total = CONTRAST_WEIGHT * _per_image(local_contrast(images) - local_contrast(targets))
    n_levels = min(3, images.shape[-1].bit_length() - 2)
    for level in range(n_levels):
        if level:
            images, targets = F.avg_pool2d(images, 2), F.avg_pool2d(targets, 2)
        total = total + _per_image(images - targets) / n_levels
    return total


def _per_image(difference):
    return difference.square().mean(dim=(1, 2, 3))


class _Adam:
    """Adam whose moments can be narrowed to the rows that are still being optimised."""

    def __init__(self, parameters):
        self.moments = [(torch.zeros_like(p), torch.zeros_like(p)) for p in parameters]
        self.steps = 0

    def step(self, parameters, gradients, rate):
        self.steps += 1
        for p, g, (first, second) in zip(parameters, gradients, self.moments, strict=True):
            first.lerp_(g, 1 - BETAS[0])
            second.lerp_(g.square(), 1 - BETAS[1])
            mean = first / (1 - BETAS[0] ** self.steps)
            scale = (second / (1 - BETAS[1] ** self.steps)).sqrt_() + EPS
            p.sub_(rate * mean / scale)

    def keep(self, rows):
        self.moments = [(first[rows], second[rows]) for first, second in self.moments]


def optimise_codes(
    module,
    images,
    start=None,
    *,
    space="w+",
    n_steps=200,
    regularisation=1e-3,
    tolerance=1e-3,
    patience=30,
    seeds=None,
    step_done=None,
):
    """Find codes whose images come near the given ones.

    Minimises, for every image on its own, pixel error over three scales, error of the local
    contrast and a penalty on the offsets of the layers, in whitened coordinates of W, by Adam
    with the projector's schedules [1]_.

    Parameters
    ----------
    module : StyleGAN2Generator
        The frozen generator.
    images : Tensor of shape (n, img_channels, resolution, resolution)
        Targets in [-1, 1].
    start : Tensor of shape (n, n_ws, w_dim), default=None
        Where to start, the mean code by default. A start makes the steps smaller.
    space : {"w+", "w"}, default="w+"
        One W vector for each layer, or one for all; the latter is searched with the
        projector's noise.
    n_steps : int, default=200
        Most steps of an image.
    regularisation : float, default=1e-3
        Weight of the mean squared whitened offset of a layer from the layers' mean.
    tolerance : float, default=1e-3
        An image has converged when its best loss fell by less than this share ...
    patience : int, default=30
        ... in so many steps.
    seeds : sequence of int, default=None
        Seed of every image's noise, 0 by default.
    step_done : callable, default=None
        Called after every step, for progress.

    Returns
    -------
    codes : Tensor of shape (n, n_ws, w_dim)
        The best codes seen.
    losses : Tensor of shape (n,)
        Their image losses.
    """
    n, n_ws = len(images), module.config.n_ws
    mean, basis = w_statistics(module)
    explore = start is None and space == "w"
    if start is None:
        whitened = torch.zeros(n, n_ws, module.config.w_dim, device=images.device)
    else:
        whitened = torch.linalg.solve(basis.T.double(), (start - mean).double().mT).mT.float()
    base = whitened.mean(dim=1, keepdim=True).clone()
    offsets = whitened - base if space == "w+" else torch.zeros_like(base)
    parameters = [base, offsets] if space == "w+" else [base]
    adam = _Adam(parameters)
    noise = [
        torch.Generator().manual_seed(int(s)) for s in (seeds if seeds is not None else [0] * n)
    ]

    best = (base + offsets).expand(-1, n_ws, -1).clone()
    best_loss = torch.full((n,), torch.inf, device=images.device)
    anchor = best_loss.clone()
    active = torch.arange(n, device=images.device)
    for step in range(n_steps + 1):
        progress = step / n_steps if n_steps else 1.0
        for p in parameters:
            p.requires_grad_(True)
        codes = (base + offsets if space == "w+" else base).expand(-1, n_ws, -1)
        jitter = NOISE_SCALE * max(0.0, 1 - progress / NOISE_RAMP) ** 2 if explore else 0.0
        if jitter:
            draws = [torch.randn(1, codes.shape[2], generator=noise[i]) for i in active.tolist()]
            codes = codes + jitter * codes.shape[2] ** 0.5 * torch.stack(draws).to(codes)
        loss = image_loss(module.synthesis(mean + codes @ basis), images[active])
        penalty = offsets.square().mean(dim=(1, 2)) if space == "w+" else 0.0
        gradients = torch.autograd.grad((loss + regularisation * penalty).sum(), parameters)
        with torch.no_grad():
            loss = loss.detach()
            improved = loss < best_loss[active]
            rows = active[improved]
            best[rows] = codes.detach()[improved]
            best_loss[rows] = loss[improved]
            for p in parameters:
                p.requires_grad_(False)
            rate = _rate(progress, start is None)
            adam.step(parameters, gradients, rate)
            if step_done is not None:
                step_done()
            if step % patience == patience - 1 and not jitter:
                going = best_loss[active] < anchor[active] * (1 - tolerance)
                anchor[active] = best_loss[active]
                if not going.any():
                    break
                if not going.all():
                    active = active[going]
                    base, offsets = base[going], offsets[going]
                    parameters = [base, offsets] if space == "w+" else [base]
                    adam.keep(going)
    return mean + best @ basis, best_loss


def _rate(progress, from_mean):
    """Return the learning rate: ramped up from the mean code, ramped down at the end."""
    up = max(0.02, min(1.0, progress / RAMP_UP)) if from_mean else 1.0
    down = 0.5 - 0.5 * np.cos(np.pi * min(1.0, (1 - progress) / RAMP_DOWN))
    return (LEARNING_RATE if from_mean else HYBRID_RATE) * up * down


def invert(module, images, start=None, *, space="w+", n_steps=None, seeds=None):
    """Optimise codes of NumPy images (n, H, W, 3) in [0, 1]; return codes (n, n_ws, w_dim)."""
    device = module.mapping.w_avg.device
    pixels = np.ascontiguousarray(images.transpose(0, 3, 1, 2)) * 2 - 1
    if n_steps is None:
        n_steps = STEPS_FROM_MEAN if start is None else STEPS_FROM_ENCODER
    codes, _ = optimise_codes(
        module,
        torch.from_numpy(pixels).to(device),
        None if start is None else torch.from_numpy(start).to(device),
        space=space,
        n_steps=n_steps,
        seeds=seeds,
    )
    return codes.cpu().numpy()
