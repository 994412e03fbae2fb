"""Synthesis on small numbers that can be checked by hand: styles, demodulation, mixing, noise."""

import numpy as np
import pytest
import torch

from skstylefeat.networks.stylegan2._generator_config import GeneratorConfig
from skstylefeat.networks.stylegan2._styled_layers import (
    FullyConnected,
    SkipConv,
    StyledConv,
    ToRGB,
    fir_kernel,
    upsample2x,
)
from tests.support.networks import tiny_generator

CONFIG = GeneratorConfig(4, (1,), w_dim=2)


def styled_conv(weight, resolution):
    """Return a layer of one channel whose kernel is `weight` at its center, and 0 elsewhere."""
    layer = StyledConv(1, 1, (resolution, resolution), up=False, config=CONFIG)
    with torch.no_grad():
        layer.weight.zero_()
        layer.weight[0, 0, 1, 1] = weight
        layer.noise_const.fill_(5.0)
    return layer


@pytest.mark.parametrize("resolution", [2, 8])  # small maps: scaled inputs; large: scaled weights
@pytest.mark.parametrize("grad", [True, False])
def test_demodulation_divides_by_the_length_of_the_modulated_kernel(resolution, grad):
    layer = styled_conv(2.0, resolution)
    x = torch.full((3, 1, resolution, resolution), 3.0)
    # Kernels of length 2, 1e-4 and 1e-4: the last two are as short as the epsilon under the root.
    style = torch.tensor([[1.0], [0.5e-4], [-0.5e-4]])
    with torch.set_grad_enabled(grad):
        y = layer(x, style, "none")
    expected = [3 * 2**0.5, 3.0, -0.2 * 3.0]  # x, x / sqrt 2, -x / sqrt 2, then lrelu times sqrt 2
    np.testing.assert_allclose(y[:, 0, 0, 0].detach(), expected, rtol=1e-4)


@pytest.mark.parametrize("grad", [True, False])
def test_noise_bias_activation_and_clamp(grad):
    layer = styled_conv(1.0, 8)
    with torch.no_grad():
        layer.noise_strength.fill_(0.1)
        layer.bias.fill_(-2.0)
    x, style = torch.ones(1, 1, 8, 8), torch.ones(1, 1)
    with torch.set_grad_enabled(grad):
        values = [layer(x, style, mode)[0, 0, 4, 4].item() for mode in ("none", "const")]
        layer.clamp = 0.1
        clamped = layer(x, style, "none", gain=0.5)[0, 0, 4, 4].item()
        doubled = layer(x * 10, style, "none", gain=0.5)[0, 0, 4, 4].item()
    # 1 - 2 = -1, and with 0.1 * 5 of noise -0.5; the slope is 0.2, the gain sqrt 2.
    np.testing.assert_allclose(values, [-0.2 * 2**0.5, -0.1 * 2**0.5], rtol=1e-5)
    np.testing.assert_allclose([clamped, doubled], [-0.05, 0.05], rtol=1e-5)


def test_to_rgb_scales_by_style_and_fan_in_without_demodulation():
    layer = ToRGB(4, GeneratorConfig(4, (4,), w_dim=2, img_channels=1))
    with torch.no_grad():
        layer.weight.copy_(torch.tensor([1.0, 2.0, 3.0, 4.0]).reshape(1, 4, 1, 1))
        layer.bias.fill_(0.5)
    style = torch.tensor([[1.0, 0.0, 0.0, 0.0], [0.0, 0.0, 0.0, 2.0]])
    image = layer(torch.ones(2, 4, 3, 3), style)
    # Weight times style over the root of 4 channels, plus the bias.
    np.testing.assert_allclose(image[:, 0, 1, 1].detach(), [1.0, 4.5])
    np.testing.assert_allclose(layer(torch.ones(1, 4, 3, 3), style[1:]).detach(), 4.5)


def test_fully_connected_layer_has_the_equalized_learning_rate():
    layer = FullyConnected(4, 1, bias_init=3.0, lr_multiplier=0.01)
    with torch.no_grad():
        layer.weight.fill_(100.0)
    assert layer(torch.ones(1, 4)).item() == pytest.approx(100 * 4 * 0.01 / 2 + 3 * 0.01)


def test_skip_path_scales_by_fan_in_and_doubles_the_size():
    skip = SkipConv(4, 1)
    with torch.no_grad():
        skip.weight.fill_(1.0)
    y = skip(torch.ones(1, 4, 6, 6), fir_kernel([1, 3, 3, 1]), 0.5**0.5)
    assert y.shape == (1, 1, 12, 12)
    # 4 channels over their root, times the gain; up-sampling keeps a constant away from the edge.
    np.testing.assert_allclose(y[0, 0, 3:-3, 3:-3].detach(), 2 * 0.5**0.5, rtol=1e-6)


def test_upsampling_spreads_one_pixel_by_the_filter():
    x = torch.zeros(1, 1, 3, 3)
    x[0, 0, 1, 1] = 1.0
    taps = np.array([1.0, 3.0, 3.0, 1.0]) / 4
    found = upsample2x(x, fir_kernel([1, 3, 3, 1]))[0, 0]
    np.testing.assert_allclose(found[1:5, 1:5], np.outer(taps, taps))
    assert found.sum() == 4.0


def test_styles_are_the_affine_outputs_in_running_order():
    generator = tiny_generator(16, channels=[5, 4, 3])
    names = ["b4.conv1", "b4.torgb", "b8.conv0", "b8.conv1", "b8.torgb"]
    names += ["b16.conv0", "b16.conv1", "b16.torgb"]
    slices = generator.style_slices
    assert list(slices) == names
    assert [s.stop - s.start for s in slices.values()] == [5, 5, 5, 4, 4, 4, 3, 3]
    ws = np.random.default_rng(0).standard_normal((2, 6, 7)).astype(np.float32)
    styles = generator.styles(ws)
    # A toRGB layer shares its vector with the first convolution of the next block.
    for name, index in zip(names, [0, 1, 1, 2, 3, 3, 4, 5], strict=True):
        affine = generator.module.synthesis.get_submodule(name).affine
        expected = ws[:, index] @ affine.weight.numpy().T / 7**0.5 + affine.bias.numpy()
        np.testing.assert_allclose(styles[:, slices[name]], expected, rtol=1e-5, atol=1e-6)


@pytest.mark.parametrize("architecture", ["skip", "orig", "resnet"])
def test_images_from_styles_equal_those_of_their_codes(architecture):
    generator = tiny_generator(16, architecture=architecture)
    ws = np.random.default_rng(0).standard_normal((2, 6, 7)).astype(np.float32)
    styles = generator.styles(ws)
    for noise in ("const", "none"):
        found = generator.synthesis_from_styles(styles, noise=noise)
        np.testing.assert_array_equal(found, generator.synthesis(ws, noise=noise))


def test_style_of_the_last_to_rgb_acts_on_the_image_linearly():
    generator = tiny_generator(8, channels=[5, 4])
    styles = generator.styles(np.ones((1, 7)))
    columns = generator.style_slices["b8.torgb"]
    changed = styles.copy()
    changed[:, columns.start + 2] += 1.5
    difference = generator.synthesis_from_styles(changed) - generator.synthesis_from_styles(styles)
    maps = generator.features(np.ones((1, 7)))["b8.conv1"][:, 2]
    weight = generator.module.synthesis.b8.torgb.weight[:, 2, 0, 0].numpy()
    expected = 1.5 / 2 * weight[None, :, None, None] * maps[:, None]  # 4 channels: over their root
    np.testing.assert_allclose(difference, expected, atol=1e-5)


def test_mixed_codes_follow_each_code_in_its_layers():
    generator = tiny_generator(16)
    first, second = generator.mapping(generator.sample_z(2, random_state=0))
    mixed = np.stack([first] * 3 + [second] * 3)[None]  # the codes of b4.conv1 to b8.conv1, then on
    found = generator.features(mixed)
    alone = generator.features(first[None])
    for name in ("b4.conv1", "b8.conv0", "b8.conv1"):
        np.testing.assert_array_equal(found[name], alone[name])
    assert not np.allclose(found["b16.conv0"], alone["b16.conv0"], atol=1e-3)
    styles = generator.styles(mixed)
    at = generator.style_slices["b16.conv1"]
    np.testing.assert_array_equal(styles[:, at], generator.styles(second[None])[:, at])


def test_truncation_goes_towards_the_mean_code():
    generator = tiny_generator()
    z = generator.sample_z(3, random_state=0)
    w, w_avg = generator.mapping(z), generator.w_avg
    np.testing.assert_allclose(generator.mapping(z, truncation_psi=0.0), np.tile(w_avg, (3, 1)))
    for psi in (0.25, -0.5, 1.5):
        expected = w_avg + psi * (w - w_avg)
        np.testing.assert_allclose(
            generator.mapping(z, truncation_psi=psi), expected, rtol=1e-5, atol=1e-6
        )


@pytest.mark.parametrize("scale", [1.0, 1e-4])  # the latter is as short as the epsilon
def test_mapping_normalizes_the_input_and_the_embedded_class(scale):
    generator = tiny_generator(c_dim=3)
    mapping = generator.module.mapping
    with torch.no_grad():
        mapping.embed.weight.mul_(scale)
        mapping.embed.bias.zero_()
    z = generator.sample_z(2, random_state=0) * np.float32(scale)
    classes = np.array([2, 0])
    parts = z, mapping.embed.weight.numpy().T[classes] / 3**0.5
    x = np.concatenate(
        [part / np.sqrt((part**2).mean(axis=1, keepdims=True) + 1e-8) for part in parts], axis=1
    )
    for layer in (mapping.fc0, mapping.fc1):
        x = x @ layer.weight.numpy().T * 0.01 / x.shape[1] ** 0.5 + layer.bias.numpy() * 0.01
        x = np.where(x > 0, x, 0.2 * x) * 2**0.5
    np.testing.assert_allclose(generator.mapping(z, c=classes), x, rtol=1e-4, atol=1e-6)
