"""Losses between images, on numbers that can be checked by hand."""

import numpy as np
import pytest
import torch

from skstylefeat.networks.optimization._losses import (
    ReconstructionLoss,
    contrast_loss,
    feature_distances,
    local_contrast,
    pyramid_loss,
)


def test_losses_vanish_for_equal_images_only():
    torch.manual_seed(0)
    a, b = torch.rand(2, 2, 3, 16, 16) * 2 - 1
    for loss in (pyramid_loss, contrast_loss):
        assert loss(a, a).item() == 0.0
        assert loss(a, b).item() > 0.1
    maps = [torch.rand(2, 4, 8, 8), torch.rand(2, 6, 4, 4)]
    others = [torch.rand(2, 4, 8, 8), torch.rand(2, 6, 4, 4)]
    assert (feature_distances(maps, maps) == 0.0).all()
    assert (feature_distances(maps, others) > 0.01).all()


def test_pyramid_loss_of_a_constant_difference():
    a = torch.zeros(2, 3, 16, 16)
    # A constant survives averaging: 0.5^2 + 0.1 * 0.5 at every scale.
    assert pyramid_loss(a, a + 0.5).item() == pytest.approx(0.30)


def test_pyramid_loss_halves_the_image_at_each_of_three_scales():
    checkered = torch.tensor([[1.0, -1.0], [-1.0, 1.0]]).repeat(4, 4)[None, None]
    # 1 + 0.1 at the full size; the average of a 2 x 2 block is 0.
    assert pyramid_loss(checkered, torch.zeros(1, 1, 8, 8)).item() == pytest.approx(1.1 / 3)


def test_pyramid_loss_stops_at_one_pixel():
    assert pyramid_loss(torch.zeros(1, 3, 2, 2), torch.ones(1, 3, 2, 2)).item() == pytest.approx(
        1.1
    )


def test_local_contrast_ignores_lighting():
    torch.manual_seed(0)
    images = torch.rand(2, 3, 16, 16) * 20
    normalized = local_contrast(images)
    np.testing.assert_allclose(normalized, local_contrast(images + 3.0), atol=1e-3)
    np.testing.assert_allclose(normalized, local_contrast(2.0 * images), atol=0.05)
    assert normalized.abs().mean() > 0.3


def test_local_contrast_of_a_small_window():
    image = torch.tensor([[0.0, 0.3, 0.6]])[None, None]
    found = local_contrast(image, window=3)[0, 0, 0]
    # Windows do not count pixels outside: (0, .3), (0, .3, .6), (.3, .6).
    ends = 0.15 / np.sqrt(0.0225 + 0.01)
    np.testing.assert_allclose(found, [-ends, 0.0, ends], rtol=1e-4, atol=1e-6)


def test_feature_distances_ignore_the_scale_of_features():
    maps = [torch.rand(2, 4, 8, 8) + 0.1]
    assert (feature_distances(maps, [3.0 * maps[0]]) < 1e-6).all()


def test_feature_distances_are_means_over_pixels_and_maps():
    east, north = torch.zeros(2, 1, 2, 2, 2)
    east[:, 0], north[:, 1] = 3.0, 0.5
    half = torch.cat([east[..., :1], north[..., 1:]], dim=3)
    # Unit vectors at a right angle are at the squared distance 2, here in half of the pixels.
    np.testing.assert_allclose(feature_distances([east], [half]), 1.0, rtol=1e-5)
    np.testing.assert_allclose(feature_distances([east, east], [half, east]), 0.5, rtol=1e-5)
    # The floor under the length: features of length 1e-3 have half of their unit's square left.
    np.testing.assert_allclose(feature_distances([east * 0], [east * 1e-3 / 3]), 0.5, rtol=1e-4)


def test_reconstruction_loss_weighs_pixels_and_contrast_of_each_image():
    targets = torch.rand(3, 3, 8, 8, generator=torch.Generator().manual_seed(0)) * 2 - 1
    loss = ReconstructionLoss(targets)
    rows = torch.tensor([2, 0])
    assert (loss(targets[rows], rows) == 0).all()
    images = targets.flip(3)[rows]
    pooled = [torch.nn.functional.avg_pool2d(x, 2) for x in (images, targets[rows])]
    errors = [
        (local_contrast(a) - local_contrast(b)).square().mean(dim=(1, 2, 3))
        for a, b in ((images, targets[rows]), pooled)
    ]
    pixels = (images - targets[rows]).square().mean(dim=(1, 2, 3))
    expected = pixels + 0.02 * (errors[0] + errors[1]) / 2
    torch.testing.assert_close(loss(images, rows), expected)


def test_reconstruction_loss_takes_a_tenth_of_the_perceptual_distance():
    class Network:
        def maps(self, images):
            return [images]

        def distances(self, maps, targets):
            return (maps[0] - targets[0]).flatten(1)[:, 0] * 7

    loss = ReconstructionLoss(torch.zeros(2, 1, 2, 2), Network())
    images = torch.ones(1, 1, 2, 2)
    np.testing.assert_allclose(loss(images, torch.tensor([1])), [1.7])
