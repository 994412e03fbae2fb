"""Transforms of what a critic sees, and their adaptive probability."""

import numpy as np
import pytest
import torch

from skstylefeat.networks.training import _critic_augmentation as augmentation
from skstylefeat.networks.training._critic_augmentation import (
    MAX_PROBABILITY,
    AdaptiveProbability,
    transform_images,
)


def noise(n, side=8, dtype=torch.float32):
    return torch.randn(n, 3, side, side, generator=torch.Generator().manual_seed(0), dtype=dtype)


def seeded(function, *arguments):
    torch.manual_seed(3)
    return function(*arguments)


def test_no_transform_at_probability_zero():
    images = noise(4)
    assert transform_images(images, 0.0) is images
    for name in ("_flip", "_turn", "_shift", "_warp", "_recolor"):
        assert torch.equal(getattr(augmentation, name)(images, 0.0), images), name


def test_transforms_change_images_and_keep_their_shape():
    images = noise(64)
    changed = (seeded(transform_images, images, 0.5) != images).flatten(1).any(dim=1)
    assert changed.float().mean() > 0.9
    for name in ("_flip", "_turn", "_shift", "_warp", "_recolor"):
        out = seeded(getattr(augmentation, name), images, 0.5)
        assert out.shape == images.shape and out.isfinite().all()
        changed = (out != images).flatten(1).any(dim=1).float().mean()
        assert 0 < changed < 1, name


def test_gradients_of_transforms():
    images = noise(2, side=6, dtype=torch.float64).requires_grad_(True)

    def function(x):
        return seeded(transform_images, x, 0.7)

    assert not torch.equal(function(images), images)
    assert torch.autograd.gradcheck(function, (images,), fast_mode=True)


def test_the_untransformed_image_stays_the_likeliest():
    image = torch.arange(16.0).reshape(1, 1, 4, 4).expand(4000, 3, 4, 4)
    torch.manual_seed(0)
    out = augmentation._flip(image, MAX_PROBABILITY)
    flipped = (out == image.flip(3)).flatten(1).all(dim=1).float().mean()
    assert flipped == pytest.approx(MAX_PROBABILITY / 2, abs=0.03)

    out = augmentation._turn(image, MAX_PROBABILITY)
    shares = [
        (out == torch.rot90(image, k, (2, 3))).flatten(1).all(dim=1).float().mean().item()
        for k in range(4)
    ]
    quarter = MAX_PROBABILITY / 4
    expected = [1 - MAX_PROBABILITY + quarter, quarter, quarter, quarter]
    np.testing.assert_allclose(shares, expected, atol=0.03)


def test_shifts_reflect_at_the_border():
    images = noise(40)
    out = seeded(augmentation._shift, images, 1.0).numpy()
    padded = np.pad(images.numpy(), ((0, 0), (0, 0), (1, 1), (1, 1)), mode="reflect")
    shifts = set()
    for i, image in enumerate(out):
        found = [
            (y, x)
            for y in range(3)
            for x in range(3)
            if np.array_equal(image, padded[i, :, y : y + 8, x : x + 8])
        ]
        assert len(found) == 1
        shifts.update(found)
    assert len(shifts) == 9


def test_warps_move_a_spot_and_keep_a_flat_image():
    flat = torch.full((32, 3, 8, 8), 0.7)
    torch.testing.assert_close(seeded(augmentation._warp, flat, 0.9), flat, atol=1e-5, rtol=0)
    # A turn about the center and a change of scale leave a spot at the center there.
    spot = torch.zeros(200, 3, 33, 33)
    spot[:, :, 12:21, 12:21] = 1.0
    warped = seeded(augmentation._warp, spot, 0.9)[:, 0]
    places = torch.arange(33.0) - 16
    mass = warped.sum(dim=(1, 2))
    center = torch.stack([(warped.sum(dim=a) * places).sum(dim=1) / mass for a in (1, 2)])
    assert center.mean(dim=1).abs().max() < 1.5  # shifts have mean 0
    assert 2.0 < center.std() < 6.0  # and a deviation of an eighth of the side
    assert mass.std() > 10  # spots grow and shrink


def test_colors_keep_gray_and_turn_hues():
    gray = noise(50)[:, :1].expand(-1, 3, -1, -1)
    out = seeded(augmentation._recolor, gray, 0.9)
    torch.testing.assert_close(out[:, 0], out[:, 1], atol=1e-4, rtol=1e-4)
    torch.testing.assert_close(out[:, 0], out[:, 2], atol=1e-4, rtol=1e-4)

    red = torch.zeros(50, 3, 2, 2)
    red[:, 0] = 1.0
    strongest = seeded(augmentation._recolor, red, 0.9)[:, :, 0, 0].argmax(dim=1)
    assert set(strongest.tolist()) == {0, 1, 2}


def test_the_probability_rises_while_the_critic_overfits_and_falls_otherwise():
    probability = AdaptiveProbability(target=0.6, n_images=400)
    overfit, uncertain = torch.full((10,), 5.0), torch.tensor([1.0, -1.0] * 5)
    for _ in range(4):
        assert probability.value == 0
        probability.observe(overfit)
    assert probability.value == pytest.approx(0.1) and probability.mean_sign == 1
    for _ in range(100):
        probability.observe(overfit)
    assert probability.value == MAX_PROBABILITY
    for _ in range(4):
        probability.observe(uncertain)
    assert probability.value == pytest.approx(MAX_PROBABILITY - 0.1)
    for _ in range(60):
        probability.observe(uncertain)
    assert probability.value == 0 and probability.mean_sign == 0

    # A copy goes on in the middle of an interval.
    probability.observe(overfit)
    other = AdaptiveProbability(target=0.6, n_images=400)
    other.restore(probability.state())
    for p in (probability, other):
        for _ in range(3):
            p.observe(overfit)
    assert other.state() == probability.state() and other.value > 0
