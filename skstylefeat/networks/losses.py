"""Losses between images and between codes that need no downloaded network."""

from torch.nn import functional as F


def pyramid_loss(images, targets, n_levels=3):
    """Return the mean over scales of squared error plus a tenth of the absolute error.

    Parameters
    ----------
    images, targets : Tensor of shape (n, C, H, W)
        Images in [-1, 1].
    n_levels : int, default=3
        Most scales, each half as large as the one before; fewer for small images.

    Returns
    -------
    Tensor of shape ()
    """
    total = 0.0
    n_levels = min(n_levels, min(images.shape[2:]).bit_length())
    for level in range(n_levels):
        if level:
            images, targets = F.avg_pool2d(images, 2), F.avg_pool2d(targets, 2)
        difference = images - targets
        total = total + difference.square().mean() + 0.1 * difference.abs().mean()
    return total / n_levels


def local_contrast(images, window=7, floor=0.1):
    """Subtract the local mean and divide by the local standard deviation, per channel.

    Parameters
    ----------
    images : Tensor of shape (n, C, H, W)
        Images in [-1, 1].
    window : int, default=7
        Side of the neighbourhood, odd.
    floor : float, default=0.1
        Standard deviation of flat regions, so that they stay flat.

    Returns
    -------
    Tensor of shape (n, C, H, W)
    """
    pad = window // 2
    kwargs = {"kernel_size": window, "stride": 1, "padding": pad, "count_include_pad": False}
    mean = F.avg_pool2d(images, **kwargs)
    variance = F.avg_pool2d(images.square(), **kwargs) - mean.square()
    # The floor stands under the root, whose slope would be infinite in flat regions.
    return (images - mean) / (variance.clamp_min(0) + floor**2).sqrt()


def contrast_loss(images, targets, window=7):
    """Squared error of the locally normalised images: structure whatever the lighting."""
    return (local_contrast(images, window) - local_contrast(targets, window)).square().mean()


def feature_loss(maps, targets):
    """Return the squared distance of feature maps whose pixels are scaled to unit length.

    The distance of LPIPS [1]_ without its learnt weights, so it serves any network.

    Parameters
    ----------
    maps, targets : list of Tensor of shape (n, C, H, W)
        Feature maps of two batches of images, in the same layers.

    Returns
    -------
    Tensor of shape ()
        Mean over images, pixels and maps.

    References
    ----------
    .. [1] R. Zhang et al., "The Unreasonable Effectiveness of Deep Features as a Perceptual
       Metric", CVPR 2018.
    """
    total = 0.0
    for x, y in zip(maps, targets, strict=True):
        x = x * (x.square().sum(dim=1, keepdim=True) + 1e-6).rsqrt()
        y = y * (y.square().sum(dim=1, keepdim=True) + 1e-6).rsqrt()
        total = total + (x - y).square().sum(dim=1).mean()
    return total / len(maps)
