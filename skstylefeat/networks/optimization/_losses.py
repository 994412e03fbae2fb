"""Losses between images, with and without the features of another network."""

import torch
from torch import Tensor
from torch.nn import functional as F

CONTRAST_WEIGHT = 0.02  # of the local contrast, relative to the pixels
CONTRAST_LEVELS = 2
CONTRAST_FLOOR = 0.1  # standard deviation of flat regions, so that they stay flat
PYRAMID_LEVELS = 3
PERCEPTUAL_WEIGHT = 0.1  # with VGG16, a larger weight lowers PSNR and does not improve LPIPS


def pyramid_loss(images, targets):
    """Return the mean over scales of squared error plus a tenth of the absolute error.

    Parameters
    ----------
    images, targets : Tensor of shape (n, C, H, W)
        Images in [-1, 1]. Each scale has half the size of the one before; small images have fewer.

    Returns
    -------
    Tensor of shape ()
    """
    total = 0.0
    n_levels = min(PYRAMID_LEVELS, min(images.shape[2:]).bit_length())
    for level in range(n_levels):
        if level:
            images, targets = F.avg_pool2d(images, 2), F.avg_pool2d(targets, 2)
        difference = images - targets
        total = total + difference.square().mean() + 0.1 * difference.abs().mean()
    return total / n_levels


def local_contrast(images: Tensor, window: int = 7) -> Tensor:
    """Subtract the local mean and divide by the local standard deviation, per channel.

    Parameters
    ----------
    images : Tensor of shape (n, C, H, W)
        Images in [-1, 1].
    window : int, default=7
        Side of the neighborhood, odd.

    Returns
    -------
    Tensor of shape (n, C, H, W)
    """
    pad = window // 2
    mean = F.avg_pool2d(images, window, 1, pad, count_include_pad=False)
    mean_square = F.avg_pool2d(images.square(), window, 1, pad, count_include_pad=False)
    variance = mean_square - mean.square()
    # The floor is under the root, whose slope would be infinite in flat regions.
    return (images - mean) / (variance.clamp_min(0) + CONTRAST_FLOOR**2).sqrt()


def contrast_loss(images: Tensor, targets: Tensor, window: int = 7) -> Tensor:
    """Return the squared error of the local contrast, which ignores lighting."""
    return (local_contrast(images, window) - local_contrast(targets, window)).square().mean()


def feature_distances(maps, targets):
    """Return for each image the squared distance of feature maps with pixels of unit length.

    This is the distance of LPIPS [1]_ without its learned weights, so it fits any network.

    Parameters
    ----------
    maps, targets : list of Tensor of shape (n, C, H, W)
        Feature maps of two batches of images, in the same layers.

    Returns
    -------
    Tensor of shape (n,)
        Mean over pixels and maps.

    References
    ----------
    .. [1] R. Zhang et al., "The Unreasonable Effectiveness of Deep Features as a Perceptual
       Metric", CVPR 2018.
    """
    total = 0.0
    for x, y in zip(maps, targets, strict=True):
        x = x * (x.square().sum(dim=1, keepdim=True) + 1e-6).rsqrt()
        y = y * (y.square().sum(dim=1, keepdim=True) + 1e-6).rsqrt()
        total = total + (x - y).square().sum(dim=1).mean(dim=(1, 2))
    return total / len(maps)


class ReconstructionLoss:
    """Squared error of the pixels plus a perceptual distance, from fixed targets.

    Parameters
    ----------
    targets : Tensor of shape (n, C, H, W)
        Images in [-1, 1].
    perceptual : PerceptualNetwork, default=None
        Network whose features measure the distance. By default the distance is the error of the
        local contrast at two scales, which needs no network and ignores lighting.
    """

    def __init__(self, targets, perceptual=None):
        self._targets = targets
        self._perceptual = perceptual
        with torch.no_grad():
            if perceptual is None:
                self._features = _contrasts(targets)
            else:
                self._features = perceptual.maps(targets)

    def __call__(self, images, rows):
        """Return the losses (n,) of images, compared with the targets `rows`."""
        features = [x[rows] for x in self._features]
        loss = _mean_square(images - self._targets[rows])
        if self._perceptual is not None:
            maps = self._perceptual.maps(images)
            return loss + PERCEPTUAL_WEIGHT * self._perceptual.distances(maps, features)
        pairs = zip(_contrasts(images), features, strict=True)
        errors = sum(_mean_square(x - y) for x, y in pairs)
        return loss + CONTRAST_WEIGHT * errors / len(features)


def _contrasts(images):
    """Return the local contrast of images at full size, half size, ..."""
    maps = []
    for level in range(CONTRAST_LEVELS):
        if level:
            images = F.avg_pool2d(images, 2)
        maps.append(local_contrast(images))
    return maps


def _mean_square(difference):
    return difference.square().mean(dim=(1, 2, 3))
