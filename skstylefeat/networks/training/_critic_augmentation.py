"""Random transforms of the images that a critic sees, and their adaptive probability.

A critic that sees few photos learns them by heart. If it only ever sees transformed images, real
and synthesized ones alike, it has more to learn; the generator still learns the photos as they
are, as long as an untransformed image stays the likeliest, because then the distribution of the
transformed images determines that of the photos [1]_. All transforms are differentiable.

References
----------
.. [1] T. Karras et al., "Training Generative Adversarial Networks with Limited Data",
   NeurIPS 2020; appendix B lists the transforms and their ranges.
"""

from __future__ import annotations

import math

import torch
from torch import Tensor
from torch.nn import functional as F

#: Beyond this probability the paper's generators begin to copy the transforms.
MAX_PROBABILITY = 0.8
STEPS_BETWEEN_CHANGES = 4
# Ranges of the paper. Deviations of logarithms are in octaves.
MAX_SHIFT = 0.125  # of the side, in whole pixels
SHIFT_DEVIATION = 0.125  # of the side, in fractions of pixels
SCALE_OCTAVES = 0.2
BRIGHTNESS_DEVIATION = 0.2
CONTRAST_OCTAVES = 0.5
SATURATION_OCTAVES = 1.0
SUPERSAMPLING = 2  # positions per pixel and axis of a warp


class AdaptiveProbability:
    """Probability of a transform, steered by the signs of the critic's scores of real images.

    A critic that overfits gives nearly all of its training images a positive score.

    Parameters
    ----------
    target : float
        Mean sign to hold.
    n_images : int
        Images in which the probability can rise from 0 to 1.

    Attributes
    ----------
    value : float
        The probability.
    mean_sign : float
        Mean sign at the last change.
    """

    def __init__(self, target: float, n_images: int) -> None:
        self.target = target
        self.n_images = n_images
        self.value = 0.0
        self.mean_sign = 0.0
        self._signs = 0.0
        self._count = 0
        self._steps = 0

    def observe(self, scores: Tensor) -> None:
        """Count the scores (n,) of one batch; change the probability after some batches."""
        self._signs += scores.detach().sign().sum().item()
        self._count += len(scores)
        self._steps += 1
        if self._steps < STEPS_BETWEEN_CHANGES:
            return

        self.mean_sign = self._signs / self._count
        change = math.copysign(self._count / self.n_images, self.mean_sign - self.target)
        self.value = min(max(self.value + change, 0.0), MAX_PROBABILITY)
        self._signs, self._count, self._steps = 0.0, 0, 0

    def state(self) -> list[float]:
        """Return the numbers that `restore` needs."""
        return [self.value, self.mean_sign, self._signs, self._count, self._steps]

    def restore(self, state: list[float]) -> None:
        """Continue from the numbers of `state`."""
        self.value, self.mean_sign, self._signs, count, steps = state
        self._count, self._steps = int(count), int(steps)


def transform_images(images: Tensor, probability: float) -> Tensor:
    """Transform images at random: flips and shifts, then a warp, then colors.

    Parameters
    ----------
    images : Tensor of shape (n, 3, H, H)
        Images in [-1, 1]. The result may leave this range.
    probability : float
        Probability of each transform. With 0 the images are returned as they are.

    Returns
    -------
    Tensor of shape (n, 3, H, H)
    """
    if probability <= 0:
        return images
    images = _shift(_turn(_flip(images, probability), probability), probability)
    return _recolor(_warp(images, probability), probability)


def _chosen(n, probability):
    """Return which of n images a transform is applied to."""
    return torch.rand(n) < probability


def _per_image(mask, images):
    return mask.to(images.device)[:, None, None, None]


def _flip(images, probability):
    # A coin decides even then, so that flipped images stay the minority.
    flipped = _chosen(len(images), probability) & _chosen(len(images), 0.5)
    return torch.where(_per_image(flipped, images), images.flip(3), images)


def _turn(images, probability):
    """Turn images by quarters, no turn being one of the four."""
    turns = torch.randint(4, (len(images),)) * _chosen(len(images), probability)
    turned = images
    for quarters in (1, 2, 3):
        mask = _per_image(turns == quarters, images)
        turned = torch.where(mask, torch.rot90(images, quarters, (2, 3)), turned)
    return turned


def _shift(images, probability):
    """Shift images by whole pixels; what enters is the mirror image of what is there."""
    n, _, side, _ = images.shape
    reach = round(MAX_SHIFT * side)
    shifts = torch.randint(-reach, reach + 1, (2, n, 1)) * _chosen(n, probability)[:, None]
    # Positions outside are reflected at the centers of the border pixels.
    places = (torch.arange(side) + shifts).abs()
    places = (side - 1 - (side - 1 - places).abs()).to(images.device)
    image = torch.arange(n, device=images.device)[:, None, None]
    return images.permute(0, 2, 3, 1)[image, places[0][:, :, None], places[1][:, None]].permute(
        0, 3, 1, 2
    )


def _rotation(angle):
    """Return matrices (n, 3, 3) that rotate the plane by angles (n,)."""
    matrix = torch.eye(3).repeat(len(angle), 1, 1)
    matrix[:, 0, 0] = matrix[:, 1, 1] = angle.cos()
    matrix[:, 0, 1], matrix[:, 1, 0] = -angle.sin(), angle.sin()
    return matrix


def _scaling(x, y):
    matrix = torch.zeros(len(x), 3, 3)
    matrix[:, 0, 0], matrix[:, 1, 1], matrix[:, 2, 2] = x, y, 1.0
    return matrix


def _log_normal(n, octaves, probability):
    """Return factors (n,), 1 where the transform is not chosen."""
    return torch.exp2(octaves * torch.randn(n) * _chosen(n, probability))


def _angles(n, probability):
    return math.pi * (2 * torch.rand(n) - 1) * _chosen(n, probability)


def _warp(images, probability):
    """Scale, rotate, stretch and shift images by fractions of pixels."""
    n, _, side, _ = images.shape
    # Two rotations, before and after the stretch: together as likely as one other transform.
    p_rotation = 1 - math.sqrt(1 - probability)
    scale = _log_normal(n, SCALE_OCTAVES, probability)
    stretch = _log_normal(n, SCALE_OCTAVES, probability)
    matrix = _scaling(scale, scale)
    matrix = _rotation(_angles(n, p_rotation)) @ matrix
    matrix = _scaling(stretch, 1 / stretch) @ matrix
    matrix = _rotation(_angles(n, p_rotation)) @ matrix
    shift = 2 * SHIFT_DEVIATION * torch.randn(n, 2) * _chosen(n, probability)[:, None]
    matrix[:, :2, 2] += shift

    # Images without a warp keep their pixels.
    rows = (matrix != torch.eye(3)).flatten(1).any(dim=1).nonzero()[:, 0].to(images.device)
    if not len(rows):
        return images
    matrix = matrix.to(images)[rows, :2]
    # Several positions per pixel are averaged: a smaller image would show aliasing otherwise.
    shape = (len(rows), images.shape[1], SUPERSAMPLING * side, SUPERSAMPLING * side)
    grid = F.affine_grid(matrix, shape, align_corners=False)
    warped = F.grid_sample(
        images[rows], grid, mode="bicubic", padding_mode="reflection", align_corners=False
    )
    return images.index_put((rows,), F.avg_pool2d(warped, SUPERSAMPLING))


def _recolor(images, probability):
    """Change brightness, contrast, the sign of luma, hue and saturation."""
    n = len(images)
    axis = torch.full((3, 1), 3**-0.5)  # of gray
    gray, identity = axis @ axis.T, torch.eye(3)

    contrast = _log_normal(n, CONTRAST_OCTAVES, probability)[:, None, None]
    flipped = (_chosen(n, probability) & _chosen(n, 0.5))[:, None, None]
    saturation = _log_normal(n, SATURATION_OCTAVES, probability)[:, None, None]
    # Rodrigues' formula for the rotation about the axis of gray, which changes the hue.
    angle = _angles(n, probability)[:, None, None]
    cross = torch.tensor([[0.0, -1.0, 1.0], [1.0, 0.0, -1.0], [-1.0, 1.0, 0.0]]) * 3**-0.5
    hue = gray + angle.cos() * (identity - gray) + angle.sin() * cross

    matrix = (identity - 2 * gray * flipped) @ (contrast * identity)
    matrix = (gray + saturation * (identity - gray)) @ hue @ matrix
    offset = BRIGHTNESS_DEVIATION * torch.randn(n) * _chosen(n, probability)
    offset = matrix @ offset[:, None, None].expand(n, 3, 1)  # brightness comes first
    colors = torch.baddbmm(offset.to(images), matrix.to(images), images.flatten(2))
    return colors.unflatten(2, images.shape[2:])
