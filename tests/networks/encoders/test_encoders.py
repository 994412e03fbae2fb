"""The native encoder: its architecture, its bounds, and the normalization of its codes."""

import numpy as np
import pytest
import torch

from skstylefeat.networks.encoders._native import EncoderConfig, EncoderNetwork
from skstylefeat.networks.stylegan2._generator_config import GeneratorConfig
from skstylefeat.networks.stylegan2._network import StyleGAN2Generator


@pytest.mark.parametrize("resolution", [4, 8, 32, 256])
def test_code_shape_at_every_resolution(resolution):
    n_ws = 2 * resolution.bit_length() - 4
    config = EncoderConfig(resolution, n_ws=n_ws, w_dim=24)
    encoder = EncoderNetwork(config).eval()
    with torch.no_grad():
        codes = encoder(torch.zeros(2, 3, resolution, resolution))
    assert codes.shape == (2, n_ws, 24)


def test_default_encoder_of_the_bundled_generator_is_small():
    encoder = EncoderNetwork(EncoderConfig(64, n_ws=10, w_dim=128))
    assert sum(parameter.numel() for parameter in encoder.parameters()) <= 2.0e6


def test_for_generator_takes_its_shape():
    generator = StyleGAN2Generator(GeneratorConfig(16, (8, 8, 8), 12, 20, 2, img_channels=1))
    config = EncoderConfig.for_generator(generator, hidden=32)
    assert (config.resolution, config.n_ws, config.w_dim) == (16, 6, 20)
    assert (config.img_channels, config.hidden) == (1, 32)
    assert EncoderConfig(**config.to_dict()) == config


@pytest.mark.parametrize(
    ("overrides", "message"),
    [({"resolution": 12}, "power of two"), ({"widths": (8, 8)}, "has 2 entries.*has 3 levels")],
)
def test_bad_architecture(overrides, message):
    values = {"resolution": 16, "n_ws": 6, "w_dim": 8} | overrides
    with pytest.raises(ValueError, match=message):
        EncoderConfig(**values)


def test_offsets_are_bounded_and_codes_follow_the_distribution():
    torch.manual_seed(0)
    config = EncoderConfig(8, n_ws=4, w_dim=6, max_offset=0.5)
    encoder = EncoderNetwork(config).eval()
    encoder.offsets.weight.data.mul_(1e6)
    w_avg, w_basis = torch.arange(6.0), 2.0 * torch.eye(6)
    encoder.set_distribution(w_avg, w_basis)
    images = torch.randn(5, 3, 8, 8)
    with torch.no_grad():
        base, offsets = encoder.heads(encoder.trunk(images))
        codes = encoder(images)
    assert offsets.abs().max() <= 0.5
    assert offsets.abs().max() > 0.49
    torch.testing.assert_close(codes, w_avg + 2.0 * (base[:, None] + offsets))


def test_codes_do_not_depend_on_the_batch():
    torch.manual_seed(0)
    encoder = EncoderNetwork(EncoderConfig(16, n_ws=6, w_dim=16)).eval()
    images = torch.randn(7, 3, 16, 16)
    with torch.no_grad():
        together = encoder(images)
        alone = torch.cat([encoder(image[None]) for image in images])
    np.testing.assert_allclose(together, alone, rtol=1e-4, atol=1e-6)


def test_heads_follow_their_formulas():
    torch.manual_seed(0)
    encoder = EncoderNetwork(EncoderConfig(8, n_ws=4, w_dim=6, widths=(5, 3), max_offset=2.0))
    encoder = encoder.eval().requires_grad_(False)
    encoder.offsets.weight.mul_(500)
    encoder.norm.running_mean.normal_()
    encoder.norm.running_var.uniform_(0.5, 2)
    maps = encoder.trunk(torch.randn(2, 3, 8, 8))
    assert [tuple(x.shape[1:]) for x in maps] == [(3, 8, 8), (5, 4, 4)]

    def relu(x):
        return np.where(x > 0, x, 0.2 * x)

    def linear(layer, x):
        return x @ layer.weight.numpy().T + layer.bias.numpy()

    reduced = encoder.reduce(maps[-1]).flatten(1).numpy()
    means = np.concatenate([x.mean(dim=(2, 3)).numpy() for x in maps], axis=1)
    hidden = linear(encoder.layout, relu(reduced)) + linear(encoder.texture, means)
    norm = encoder.norm
    hidden = (hidden - norm.running_mean.numpy()) / np.sqrt(norm.running_var.numpy() + 1e-5)
    hidden = relu(hidden)
    base, offsets = encoder.heads(maps)
    np.testing.assert_allclose(base, linear(encoder.base, hidden), rtol=1e-3, atol=1e-4)
    expected = 2 * np.tanh(linear(encoder.offsets, hidden).reshape(2, 4, 6) / 2)
    assert np.abs(expected).max() > 1.0
    np.testing.assert_allclose(offsets, expected, rtol=1e-3, atol=1e-4)
