"""Optimization of W+ or W codes of images.

Every image has its own loss, steps and convergence. Two choices make the optimization fast: codes
are searched in coordinates in which all directions have a similar effect (`search_space`), and each
image has its own quasi-Newton method, which needs no schedule of learning rates. Compared with Adam
in whitened coordinates with the schedules of StyleGAN2's projector [1]_, 60 steps replace 600.

References
----------
.. [1] T. Karras et al., "Analyzing and Improving the Image Quality of StyleGAN", CVPR 2020.
.. [2] R. Abdal et al., "Image2StyleGAN", ICCV 2019: codes of W+.
.. [3] O. Tov et al., "Designing an Encoder for StyleGAN Image Manipulation", SIGGRAPH 2021: why
   codes should stay near W.
"""

import numpy as np
import torch

from skstylefeat._utils._channels import as_seen, color_channels
from skstylefeat.networks.optimization._latent_space import search_space
from skstylefeat.networks.optimization._lbfgs import BatchedLBFGS
from skstylefeat.networks.optimization._losses import ReconstructionLoss

STEPS_FROM_MEAN, STEPS_FROM_ENCODER = 200, 60
#: Weight of the mean squared offset of a layer from the layers' mean, in standard deviations of W.
REGULARIZATION = 1e-4
#: An image has converged when its loss falls by less than this share in so many steps.
TOLERANCE, PATIENCE = 1e-3, 20


def optimize_codes(module, images, start=None, *, space="w+", n_steps=200, perceptual=None):
    """Find codes whose images are close to the given images.

    For every image, a reconstruction loss plus a penalty on the offsets of the layers [3]_ is
    minimized by limited-memory BFGS in the coordinates of `search_space`.

    Parameters
    ----------
    module : GeneratorNetwork
        The frozen generator.
    images : Tensor of shape (n, C, H, W)
        Targets in [-1, 1]; without an alpha channel, and gray or RGB as the generator's are.
    start : Tensor of shape (n, n_ws, w_dim), default=None
        Codes to start from, the mean code by default.
    space : {"w+", "w"}, default="w+"
        One W vector for each layer, or one for all.
    n_steps : int, default=200
        Largest number of steps; each is one forward and one backward pass.
    perceptual : callable, default=None
        Perceptual distances, see `ReconstructionLoss`.

    Returns
    -------
    codes : Tensor of shape (n, n_ws, w_dim)
        The best codes found.
    losses : Tensor of shape (n,)
        Their losses, including the penalty.
    """
    # Codes are the start plus a step in the search coordinates.
    n_ws, w_dim = module.config.n_ws, module.config.w_dim
    coordinates = search_space(module, in_w=space == "w")
    if start is None:
        start = coordinates.mean.expand(len(images), n_ws, -1)
    if space == "w":
        start = start.mean(dim=1, keepdim=True)
    distance = ReconstructionLoss(images, perceptual)

    def codes_of(x, rows):
        x = x.unflatten(1, (-1, w_dim))
        return start[rows] + torch.einsum("nli,lij->nlj", x, coordinates.basis)

    def evaluate(x, rows):
        x = x.detach().requires_grad_(True)
        codes = codes_of(x, rows)
        loss = distance(color_channels(module.synthesis(codes.expand(-1, n_ws, -1))), rows)
        if space == "w+":
            offsets = (codes - codes.mean(dim=1, keepdim=True)) @ coordinates.whitening
            loss = loss + REGULARIZATION * offsets.square().mean(dim=(1, 2))
        (gradient,) = torch.autograd.grad(loss.sum(), x)
        return loss.detach(), gradient

    # Every `PATIENCE` steps the images that have converged leave the batch.
    active = torch.arange(len(images), device=images.device)
    x = images.new_zeros(len(images), start[0].numel())
    losses = images.new_zeros(len(images))
    optimizer = BatchedLBFGS(x.clone(), *evaluate(x, active))
    before = optimizer.loss
    for step in range(1, n_steps + 1):
        optimizer.tell(*evaluate(optimizer.propose(), active))
        if step % PATIENCE and step < n_steps:
            continue
        x[active], losses[active] = optimizer.x, optimizer.loss
        going = optimizer.loss < before * (1 - TOLERANCE)
        if not going.any():
            break
        if not going.all():
            active = active[going]
            optimizer.keep(going)
        before = optimizer.loss
    if not n_steps:
        losses = optimizer.loss
    return codes_of(x, slice(None)).expand(-1, n_ws, -1), losses


def invert(module, images, start=None, *, space="w+", n_steps=None, perceptual=None):
    """Optimize the codes of images in arrays.

    Parameters
    ----------
    module : GeneratorNetwork
        The frozen generator.
    images : ndarray of shape (n, H, W, 3)
        In [0, 1]. A generator of gray images is compared with their luminance.
    start, space, n_steps, perceptual
        As in `optimize_codes`; by default 200 steps from the mean code, 60 from other codes.

    Returns
    -------
    codes : ndarray of shape (n, n_ws, w_dim), float32

    Notes
    -----
    On a CPU the images run one by one. Many codes have almost the same image, and the method
    amplifies rounding errors, which depend on the size of the batch, until it finds another of
    these codes. Run alone, an image has the same code to the bit in any batch. The cost is small,
    because the convolutions dominate. Accelerators run all images at once.
    """
    device = module.mapping.w_avg.device
    pixels = torch.from_numpy(np.ascontiguousarray(images.transpose(0, 3, 1, 2)) * 2 - 1)
    pixels = as_seen(pixels, module.config.img_channels)
    if n_steps is None:
        n_steps = STEPS_FROM_MEAN if start is None else STEPS_FROM_ENCODER

    n_rows = 1 if device.type == "cpu" else len(images)
    found = []
    for first in range(0, len(images), n_rows):
        rows = slice(first, first + n_rows)
        codes, _ = optimize_codes(
            module,
            pixels[rows].to(device),
            None if start is None else torch.from_numpy(start[rows]).to(device),
            space=space,
            n_steps=n_steps,
            perceptual=perceptual,
        )
        found.append(codes.cpu().numpy())
    return np.concatenate(found)
