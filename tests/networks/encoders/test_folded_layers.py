"""Tensors of a file as layers: each taken once, normalizations folded into convolutions."""

import numpy as np
import pytest
import torch
from torch.nn import functional as F

from skstylefeat.exceptions import CheckpointError
from skstylefeat.networks.encoders._folded_layers import Conv, Weights


def norm_state(name, mean, variance, weight, bias):
    values = {"running_mean": mean, "running_var": variance, "weight": weight, "bias": bias}
    return {f"{name}.{key}": torch.tensor([value]) for key, value in values.items()}


def test_norm_is_scale_and_shift():
    weights = Weights(norm_state("a", 3.0, 0.25 - 1e-5, 2.0, 5.0), "file")
    scale, shift = weights.norm("a")
    # 2 / 0.5, and 5 - 3 * 4.
    np.testing.assert_allclose([scale.item(), shift.item()], [4.0, -7.0], rtol=1e-6)
    scale, _ = Weights(norm_state("a", 0.0, 0.0, 1.0, 0.0), "file").norm("a")
    assert scale.item() == pytest.approx(1e-5**-0.5)


def test_folded_convolution_equals_convolution_and_norm():
    kernel = torch.arange(9.0).reshape(1, 1, 3, 3)
    state = {"c.weight": kernel} | norm_state("n", 3.0, 0.25 - 1e-5, 2.0, 5.0)
    conv = Conv(*Weights(state, "file").folded_conv("c", "n"), stride=2)
    x = torch.arange(25.0).reshape(1, 1, 5, 5)
    expected = F.conv2d(x, kernel, stride=2, padding=1) * 4 - 7
    np.testing.assert_allclose(conv(x).detach(), expected, rtol=1e-5)


def test_equal_linear_divides_by_the_root_of_its_inputs():
    state = {"l.weight": torch.full((1, 4), 6.0), "l.bias": torch.tensor([2.0])}
    weight, bias = Weights(state, "file").equal_linear("l")
    np.testing.assert_array_equal(weight, [[3.0] * 4])
    assert bias.item() == 2.0


def test_every_tensor_is_taken_once():
    weights = Weights(
        {"a": torch.ones(2), "b": torch.ones(1, 1), "c.num_batches_tracked": torch.tensor(3)},
        "file.pt",
    )
    assert "a" in weights and "c.num_batches_tracked" not in weights
    assert len(weights.take("a", 1)) == 2
    with pytest.raises(CheckpointError, match=r"file\.pt .* 'a' is missing"):
        weights.take("a", 1)
    with pytest.raises(CheckpointError, match=r"does not have: \['b'\] \(1 in all\)"):
        weights.check_all_taken()
    with pytest.raises(ValueError, match=r"b has shape \(1, 1\), expected 1 axes"):
        weights.take("b", 1)
    weights.check_all_taken()


def test_slopes_are_one_or_one_per_channel():
    conv = Conv(torch.zeros(3, 1, 1, 1))
    for n in (1, 3):
        assert len(Weights({"p.weight": torch.ones(n)}, "file").slope("p", conv)) == n
    with pytest.raises(ValueError, match="p has 2 slopes for 3 channels"):
        Weights({"p.weight": torch.ones(2)}, "file").slope("p", conv)


def test_modules_of_a_list_are_counted_up_to_a_gap():
    state = {f"body.{i}.weight": torch.ones(1) for i in (0, 1, 10, 3)}
    assert Weights(state, "file").count("body") == 2
    assert Weights(state, "file").count("bod") == 0


def test_biases_must_fit():
    with pytest.raises(ValueError, match="2 biases"):
        Conv(torch.zeros(3, 1, 1, 1), torch.zeros(2))
