"""StyleGAN3's synthesis: equal to NVIDIA's code, its codes and maps, its filters."""

from pathlib import Path

import numpy as np
import pytest
import torch
from torch.nn import functional as F

from skstylefeat.latents import style_layers, w_plus_layers
from skstylefeat.networks._generator_network import NOISE_MODES
from skstylefeat.networks.stylegan3._alias_free_config import LowPass
from skstylefeat.networks.stylegan3._resampling import design_filter, resample
from tests.support.alias_free import (
    RADIAL,
    alias_free_config,
    alias_free_generator,
    alias_free_module,
    draw_state,
)
from tests.support.alias_free_cases import CASES, case_config, case_inputs, thin
from tests.support.stored_arrays import relative_difference, stored

STORED = Path(__file__).parents[1] / "data" / "stylegan3.npz"


@pytest.mark.parametrize("case", CASES)
def test_numbers_are_those_of_nvidias_code(case):
    expected = stored(STORED, f"{case}/")
    config = case_config(case)
    module = alias_free_module(**{"channels": [4] * 14} | CASES[case])
    z, classes, ws = case_inputs(config)
    labels = torch.eye(config.c_dim)[classes] if config.c_dim else None
    with torch.inference_mode():
        styles = module.synthesis.styles(ws)
        found = {
            "w": module.mapping(z, labels, truncation_psi=0.7),
            "image": thin(module.synthesis(ws), 32),
            "styles": torch.cat(list(styles.values()), dim=1),
        }
        found |= {name: thin(x, 8) for name, x in module.synthesis.steps(styles)}
    assert found.keys() == expected.keys()
    errors = {name: relative_difference(value, expected[name]) for name, value in found.items()}
    assert max(errors.values()) < 1e-5, errors


@pytest.mark.parametrize("radial", [{}, RADIAL], ids=["T", "R"])
def test_batches_and_gradients_change_no_number(radial):
    module = alias_free_module(32, **radial)
    ws = torch.randn(3, 16, 7, generator=torch.Generator().manual_seed(0))
    with torch.no_grad():
        images = module.synthesis(ws)
        alone = torch.cat([module.synthesis(row) for row in ws.split(1)])
    with torch.enable_grad():
        tracked = module.synthesis(ws.clone().requires_grad_(True))
    assert tracked.requires_grad
    assert relative_difference(alone, images) < 1e-5
    assert relative_difference(tracked.detach(), images) < 1e-5


def test_derivatives_are_those_of_small_steps():
    module = alias_free_module(16).double()
    ws = torch.randn(1, 16, 7, dtype=torch.float64, generator=torch.Generator().manual_seed(0))
    direction = torch.randn(ws.shape, dtype=ws.dtype, generator=torch.Generator().manual_seed(1))

    def loss(codes):
        return module.synthesis(codes).square().mean()

    codes = ws.clone().requires_grad_(True)
    (gradient,) = torch.autograd.grad(loss(codes), codes)
    step = 1e-4 * direction
    with torch.no_grad():
        expected = (loss(ws + step) - loss(ws - step)) / 2e-4
    assert (gradient * direction).sum().item() == pytest.approx(expected.item(), rel=1e-5)


@pytest.mark.parametrize("n_layers", [14, 6])
def test_codes_have_a_vector_for_input_layers_and_to_rgb(n_layers):
    generator = alias_free_generator(32, channels=[4] * n_layers)
    names = w_plus_layers(generator)
    assert generator.n_ws == n_layers + 2 == len(names)
    assert names[0] == "input"
    assert names[1].startswith("L0_36_4")
    assert names[-1] == f"L{n_layers}_32_3"
    blocks, sizes = style_layers(generator)
    assert blocks == names
    assert sizes == (4, *[4] * n_layers, 4)
    codes = generator.mapping(generator.sample_z(2, random_state=0))
    styles = generator.styles(codes)
    assert styles.shape == (2, sum(sizes))
    np.testing.assert_array_equal(
        generator.synthesis_from_styles(styles), generator.synthesis(codes)
    )


def test_maps_have_no_margin():
    generator = alias_free_generator(64)
    maps = generator.features(generator.sample_z(2, random_state=0)[:, :1] * np.ones(7))
    sides = [int(name.split("_")[1]) for name in maps]
    assert sides == [36] * 4 + [52] * 4 + [84] * 5 + [64]
    for layer, side in zip(generator.layers, sides, strict=True):
        expected = side if layer.name.startswith("L13") else side - 20
        assert layer.height == layer.width == expected
        assert maps[layer.name].shape == (2, *layer[1:])


def test_mixed_codes_follow_each_code_in_its_layers():
    generator = alias_free_generator(16)
    first, second = generator.mapping(generator.sample_z(2, random_state=0))
    mixed = np.stack([first] * 5 + [second] * 11)[None]  # the input, and L0 to L3
    found, alone = generator.features(mixed), generator.features(first[None])
    names = list(found)
    for name in names[:4]:
        np.testing.assert_array_equal(found[name], alone[name])
    assert not np.allclose(found[names[4]], alone[names[4]], atol=1e-3)


def test_there_is_no_noise():
    generator = alias_free_generator()
    w = generator.mapping(generator.sample_z(1, random_state=0))
    images = [generator.synthesis(w, noise=mode) for mode in NOISE_MODES]
    np.testing.assert_array_equal(*images)
    with pytest.raises(ValueError, match="noise must be one of"):
        generator.synthesis(w, noise="random")


def test_the_inputs_style_moves_the_image_as_its_transform_does():
    generator = alias_free_generator(32)
    module = generator.module
    styles = generator.styles(np.ones((1, 7)))
    at = generator.style_slices["input"]
    styles[:, at] = [2.0, 0.0, 0.0, 0.0]  # the length of the rotation's vector has no effect
    with torch.no_grad():
        module.synthesis.input.transform.copy_(torch.eye(3))
    still = generator.features(np.ones((1, 7)))  # the layers below the style stay the same
    image = generator.synthesis_from_styles(styles)

    angle = np.pi / 2
    turned, shifted = styles.copy(), styles.copy()
    turned[:, at] = [np.cos(angle), np.sin(angle), 0.0, 0.0]
    shifted[:, at] = [1.0, 0.0, 0.125, -0.25]
    matrices = np.tile(np.eye(3), (2, 1, 1))
    matrices[0, :2, :2] = [[0.0, -1.0], [1.0, 0.0]]
    matrices[1, :2, 2] = [-0.125, 0.25]
    for moved, matrix in zip((turned, shifted), matrices, strict=True):
        expected = generator.synthesis_from_styles(moved)
        assert relative_difference(expected, image) > 0.01
        with torch.no_grad():
            module.synthesis.input.transform.copy_(torch.from_numpy(matrix))
        assert relative_difference(generator.synthesis_from_styles(styles), expected) < 1e-5
        with torch.no_grad():
            module.synthesis.input.transform.copy_(torch.eye(3))
    assert set(still) == {layer.name for layer in generator.layers}


def test_scaling_by_the_transform_drops_waves_that_the_grid_cannot_hold():
    first = alias_free_module(16).synthesis.input
    style = torch.tensor([[1.0, 0.0, 0.0, 0.0]])
    with torch.no_grad():
        first.transform.copy_(torch.diag(torch.tensor([9.0, 9.0, 1.0])))
        first.freqs.copy_(torch.full_like(first.freqs, 1.0))  # 12.7 cycles at 16 pixels
        assert first(style).abs().max() == 0
        first.transform.copy_(torch.eye(3))
        assert first(style).abs().max() > 0.1


@pytest.mark.parametrize("size", [12, 37, 70])
@pytest.mark.parametrize(("up", "down"), [(1, 2), (2, 1), (3, 1), (4, 1)])
@pytest.mark.parametrize("before", [0, 9, -11])
def test_resampling_inserts_zeros_pads_filters_and_drops(size, up, down, before):
    rng = torch.Generator().manual_seed(0)
    x = torch.randn(2, size, 3, generator=rng, dtype=torch.float64)
    taps = torch.randn(12, generator=rng, dtype=torch.float64)
    spread = torch.zeros(2, size * up, 3, dtype=torch.float64)
    spread[:, ::up] = x
    # A convolution, as numpy defines it, of the padded signal.
    padded = F.pad(spread, (0, 0, before, 15))
    expected = F.conv2d(padded[:, None], taps.flip(0).reshape(1, 1, -1, 1))[:, 0, ::down]
    n = expected.shape[1]
    found = resample(x, taps, 1, n, up=up, down=down, before=before)
    torch.testing.assert_close(found, expected)
    turned = resample(x.mT.contiguous(), taps, 2, n, up=up, down=down, before=before)
    torch.testing.assert_close(turned.mT, expected)


@pytest.mark.parametrize("n_taps", [12, 9])
def test_filters_keep_constants_and_radial_ones_are_symmetric(n_taps):
    flat, radial = (design_filter(LowPass(2, n_taps, 4.0, 8.0, 64, x)) for x in (False, True))
    assert flat.shape == (n_taps,)
    assert radial.shape == (n_taps, n_taps)
    for taps in (flat, radial):
        assert taps.sum() == pytest.approx(1.0, abs=1e-5)
    torch.testing.assert_close(radial, radial.T)
    torch.testing.assert_close(radial, radial.flip(0))
    # The profile through the center falls as that of the separable filter does.
    center = radial[n_taps // 2]
    assert center.argmax() in (n_taps // 2 - 1, n_taps // 2)


def test_a_style_of_zeros_gives_finite_maps():
    generator = alias_free_generator()
    styles = generator.styles(np.ones((2, 7)))
    styles[0, generator.style_slices["L3_36_5"]] = 0.0
    images = generator.synthesis_from_styles(styles)
    assert np.isfinite(images).all()
    alone = generator.synthesis_from_styles(styles[1:])
    assert relative_difference(images[1:], alone) < 1e-5  # of the other row


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        ({"resolution": 48}, "power of two"),
        ({"resolution": 8}, "power of two"),
        ({"resolution": 16.0}, "power of two"),
        ({"channels": [4]}, "one for each of 2 to"),
        ({"channels": [4] * 100}, "one for each of 2 to"),
        ({"conv_kernel": 5}, "conv_kernel must be one of"),
        ({"margin_size": 10.5}, "margin_size must be an integer"),
        ({"n_critical": 0}, "n_critical must lie between"),
        ({"n_critical": 14}, "n_critical must lie between"),
        ({"filter_size": 1000}, "filter_size must lie between"),
        ({"lrelu_upsampling": 1}, "lrelu_upsampling must lie between"),
        ({"first_cutoff": float("nan")}, "first_cutoff must lie between"),
        ({"first_cutoff": 4.0, "first_stopband": 3.0}, "first_stopband must lie between"),
        ({"first_cutoff": 4.0, "first_stopband": 4.0}, "filters of layer 0 cannot be built"),
        ({"last_stopband_rel": 0.5}, "last_stopband_rel must lie between"),
    ],
)
def test_impossible_architectures_are_refused(changes, message):
    with pytest.raises(ValueError, match=message):
        alias_free_config(**{"resolution": 64} | changes)


def test_weights_of_the_fixtures_come_from_their_seed():
    config = case_config("T32")
    first, second = draw_state(config), draw_state(config)
    for name, value in first.items():
        torch.testing.assert_close(value, second[name], rtol=0, atol=0)
