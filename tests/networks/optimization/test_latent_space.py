"""Coordinates of the search: the distribution of W, sensitivities of styles, their mean."""

import numpy as np
import torch

from skstylefeat.networks.optimization import _latent_space
from skstylefeat.networks.optimization._latent_space import (
    search_space,
    style_sensitivities,
    w_statistics,
)
from tests.support.networks import tiny_module


def test_basis_is_a_square_root_of_the_covariance():
    module = tiny_module()
    mean, basis = w_statistics(module)
    z = np.random.default_rng(0).standard_normal((4096, 5)).astype(np.float32)
    with torch.no_grad():
        w = module.mapping(torch.from_numpy(z)).double().numpy()
    np.testing.assert_allclose(mean, w.mean(axis=0), rtol=1e-4, atol=1e-6)
    # tiny_module's W has 7 dimensions, all of which the activations fill.
    found = basis.double().T @ basis.double()
    expected = np.cov(w.T, bias=True)
    assert np.linalg.eigvalsh(expected).min() > 1e-4 * np.linalg.eigvalsh(expected).max()
    np.testing.assert_allclose(found, expected, atol=1e-5 * np.abs(expected).max())


def test_unused_directions_have_a_variance_all_the_same():
    module = tiny_module()
    with torch.no_grad():
        module.mapping.fc1.weight[3:] = 0.0  # four of seven coordinates are constant
    _, basis = w_statistics(module)
    variances = torch.linalg.svdvals(basis.double()) ** 2
    np.testing.assert_allclose(variances[3:] / variances[0], 1e-4, rtol=1e-3)


def test_sensitivities_are_mean_squared_derivatives_per_pixel(monkeypatch):
    monkeypatch.setattr(_latent_space, "N_PROBES", 400)
    module = tiny_module(4, channels=[3])
    found = style_sensitivities(module)
    codes = _latent_space._sample_w(module, 4)[:, None].expand(-1, 2, -1)
    totals = dict.fromkeys(found, 0.0)
    for code in codes.split(1):
        styles = module.synthesis.styles(code)
        for name in styles:

            def image(style, name=name, styles=styles):
                return module.synthesis.from_styles(styles | {name: style}).flatten()

            jacobian = torch.autograd.functional.jacobian(image, styles[name])[:, 0]
            totals[name] = totals[name] + jacobian.square().mean(dim=0) / 4
    assert set(found) == {"b4.conv1", "b4.torgb"}
    for name, expected in totals.items():
        # 1600 random projections estimate it within a tenth.
        np.testing.assert_allclose(found[name], expected, rtol=0.1)


def test_coordinates_are_the_geometric_mean_of_distribution_and_metric():
    module = tiny_module(8)
    sensitivities = style_sensitivities(module)
    _, root = (x.double() for x in w_statistics(module))
    covariance = root.T @ root
    for in_w, n_metrics in ((False, 4), (True, 1)):
        space = search_space(module, in_w=in_w)
        assert space.basis.shape == (n_metrics, 7, 7)
        metrics = torch.zeros(4, 7, 7, dtype=torch.float64)
        for name, index, layer in module.synthesis.modulated():
            affine = layer.affine.weight.double() / 7**0.5
            metrics[index] += affine.T @ torch.diag(sensitivities[name].double()) @ affine
        if in_w:
            metrics = metrics.sum(dim=0, keepdim=True)
        for basis, metric in zip(space.basis.double(), metrics, strict=True):
            # X = B^T B is the mean of C and F^-1 where X F X = C, as far as the floor lets it.
            mean = basis.T @ basis
            residual = mean @ metric @ mean - covariance
            assert residual.norm() < 0.02 * covariance.norm()
    torch.testing.assert_close(
        space.whitening.double() @ root, torch.eye(7).double(), atol=1e-4, rtol=0
    )


def test_coordinates_are_kept_per_generator_and_space():
    module = tiny_module()
    assert search_space(module) is search_space(module)
    assert search_space(module) is not search_space(module, in_w=True)
    assert search_space(tiny_module(seed=3)) is not search_space(module)
