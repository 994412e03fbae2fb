"""layer_importance: finds the layers that a direction moves, whatever the batches; its error."""

import numpy as np
import pytest
import torch

from skstylefeat import layer_importance
from skstylefeat.networks import Generator
from skstylefeat.regression import _importance as importance
from skstylefeat.regression._importance_pairs import sample_pairs
from tests.support.networks import tiny_generator, tiny_module

N_WS, W_DIM = 8, 7


@pytest.fixture(scope="module")
def generator():
    return tiny_generator(32)


@pytest.fixture(scope="module")
def direction():
    return np.random.RandomState(0).normal(size=W_DIM)


def blind_generator(deaf_layers, direction):
    """Return a generator in which some layers' styles do not depend on `direction`."""
    module = tiny_module(32)
    unit = torch.tensor(direction / np.linalg.norm(direction), dtype=torch.float32)
    with torch.no_grad():
        for _, w_index, layer in module.synthesis.modulated():
            if w_index in deaf_layers:
                weight = layer.affine.weight
                weight -= torch.outer(weight @ unit, unit)
    return Generator(module, name="blind")


@pytest.mark.parametrize("variant", ["paper", "code"])
@pytest.mark.parametrize("space", ["w+", "s"])
def test_weights(generator, direction, variant, space):
    result = layer_importance(
        generator, direction, variant=variant, space=space, n_pairs=30, random_state=0
    )
    n_layers = N_WS if space == "w+" else len(generator.style_slices)
    assert result.weights.shape == result.std_error.shape == (n_layers,) == (len(result.layers),)
    assert result.weights.sum() == pytest.approx(1.0)
    assert (result.weights >= 0).all() and (result.std_error > 0).all()
    assert result.n_pairs == 30
    np.testing.assert_array_equal(np.asarray(result), result.weights)


@pytest.mark.parametrize("variant", ["paper", "code"])
@pytest.mark.parametrize("space", ["w+", "s"])
def test_batches_do_not_matter_and_seeds_do(generator, direction, variant, space):
    params = {"variant": variant, "space": space, "n_pairs": 23}
    one = layer_importance(generator, direction, random_state=0, batch_size=1, **params)
    all_ = layer_importance(generator, direction, random_state=0, batch_size=64, **params)
    np.testing.assert_allclose(one.weights, all_.weights, rtol=1e-4)
    np.testing.assert_allclose(one.std_error, all_.std_error, rtol=1e-3)
    other = layer_importance(generator, direction, random_state=1, batch_size=64, **params)
    assert np.abs(one.weights - other.weights).max() > 1e-4


def test_length_of_the_direction_does_not_matter(generator, direction):
    a = layer_importance(generator, direction, n_pairs=10, random_state=0)
    b = layer_importance(generator, 100 * direction[None], n_pairs=10, random_state=0)
    np.testing.assert_allclose(a.weights, b.weights, rtol=1e-4)


def reference_importance(generator, direction, n_pairs, seed):
    """Follow section 3.2 pair by pair with torch's own differentiation."""
    normal = direction / np.linalg.norm(direction)
    normals = np.tile(normal, (generator.n_ws, 1)).astype(np.float32)
    random_state = np.random.RandomState(seed)

    def sample(n):
        return generator.mapping(generator.sample_z(n, random_state))

    start, end, _, other = sample_pairs(
        generator.n_ws, normals, n_pairs, "paper", (1.0, 3.0), sample, random_state
    )
    sums = np.zeros((2, generator.n_ws, generator.w_dim))
    for i in range(n_pairs):
        for k, target in enumerate((end, other)):
            ws = torch.tensor(start[i : i + 1]).requires_grad_()
            synthesis = generator.module.synthesis
            loss = (synthesis(ws) - synthesis(torch.tensor(target[i : i + 1]))).square().sum()
            loss.backward()
            sums[k] += ws.grad[0].abs().numpy()
    weights = (sums[0] / sums[1]).mean(axis=1)
    return weights / weights.sum()


def test_equals_the_definition(generator, direction):
    got = layer_importance(generator, direction, n_pairs=7, random_state=3)
    expected = reference_importance(generator, direction, 7, 3)
    np.testing.assert_allclose(got.weights, expected, rtol=1e-3)


@pytest.mark.parametrize("layer", [0, 2, 5])
def test_a_layer_that_the_direction_moves_alone_stands_out(direction, layer):
    # Only one layer's styles hear the direction, so only its gradients can explain the edit.
    deaf = blind_generator(set(range(N_WS)) - {layer}, direction)
    along = layer_importance(deaf, direction, n_pairs=60, random_state=0).weights
    other = np.random.RandomState(5).normal(size=W_DIM)
    other -= other @ direction / (direction @ direction) * direction
    across = layer_importance(deaf, other, n_pairs=60, random_state=0).weights
    assert along[layer] / across[layer] > 1.2
    assert (along / across).argmax() == layer


def test_early_stop(generator, direction):
    full = layer_importance(generator, direction, n_pairs=400, random_state=0, tol=0.01)
    assert full.n_pairs < 400 and full.n_pairs % 20 == 0
    assert full.std_error.max() < 0.01
    strict = layer_importance(generator, direction, n_pairs=60, random_state=0, tol=1e-9)
    assert strict.n_pairs == 60


def test_standard_error_is_the_spread_over_seeds(generator, direction):
    runs = [layer_importance(generator, direction, n_pairs=60, random_state=s) for s in range(25)]
    spread = np.std([r.weights for r in runs], axis=0, ddof=1)
    claimed = np.mean([r.std_error for r in runs], axis=0)
    assert 0.6 < np.median(claimed / spread) < 1.6


def test_leaves_the_generator_alone(generator, direction):
    before = {k: v.clone() for k, v in generator.module.state_dict().items()}
    layer_importance(generator, direction, n_pairs=4, random_state=0)
    for name, parameter in generator.module.named_parameters():
        assert parameter.grad is None and not parameter.requires_grad, name
    for key, value in generator.module.state_dict().items():
        assert torch.equal(value, before[key])


def test_cache_hits_for_equal_calls_only(generator, direction, monkeypatch):
    monkeypatch.setattr(importance, "_cache", type(importance._cache)())
    first = importance.cached_layer_importance(generator, direction, n_pairs=4, random_state=0)
    assert (
        importance.cached_layer_importance(generator, direction, n_pairs=4, random_state=0) is first
    )
    for other in ({"n_pairs": 5, "random_state": 0}, {"n_pairs": 4, "random_state": 1}):
        again = importance.cached_layer_importance(generator, direction, **other)
        assert again is not first
    a = importance.cached_layer_importance(generator, direction, n_pairs=4, random_state=None)
    assert a is not importance.cached_layer_importance(
        generator, direction, n_pairs=4, random_state=None
    )


def test_w_plus_direction(generator, direction):
    one_layer = np.zeros((N_WS, W_DIM))
    one_layer[3] = direction
    everywhere = layer_importance(generator, direction, n_pairs=40, random_state=0).weights
    alone = layer_importance(generator, one_layer, n_pairs=40, random_state=0).weights
    assert alone[3] > everywhere[3]


@pytest.mark.parametrize(
    ("params", "message"),
    [
        ({"space": "z"}, "space"),
        ({"variant": "mine"}, "variant"),
        ({"n_pairs": 1}, "n_pairs"),
        ({"batch_size": 0}, "batch_size"),
        ({"step": (0.0, 0.0)}, "does not change the image|step"),
    ],
)
def test_bad_parameters(generator, direction, params, message):
    with pytest.raises(ValueError, match=message):
        layer_importance(generator, direction, **{"n_pairs": 4, "random_state": 0, **params})


def test_direction_of_another_generator(generator):
    with pytest.raises(ValueError, match=r"\(512,\) does not fit codes of 8 x 7"):
        layer_importance(generator, np.ones(512))


def test_progress_is_silent_unless_asked(generator, direction, capsys):
    layer_importance(generator, direction, n_pairs=4, random_state=0)
    assert capsys.readouterr() == ("", "")
    layer_importance(generator, direction, n_pairs=4, random_state=0, verbose=True)
    assert "4/4" in capsys.readouterr().err


def test_classes_of_a_conditional_generator():
    generator = tiny_generator(8, c_dim=3)
    direction = np.random.RandomState(0).normal(size=generator.w_dim)
    params = {"n_pairs": 4, "random_state": 0}
    drawn = layer_importance(generator, direction, **params)
    first, again, second = (
        layer_importance(generator, direction, class_label=c, **params) for c in (0, 0, 1)
    )
    np.testing.assert_array_equal(first.weights, again.weights)
    assert np.abs(first.weights - second.weights).max() > 1e-4
    assert np.abs(first.weights - drawn.weights).max() > 1e-4
    with pytest.raises(ValueError, match="0 to 2"):
        layer_importance(generator, direction, class_label=3, **params)
    with pytest.raises(ValueError, match="no classes"):
        layer_importance(tiny_generator(), direction, class_label=0, **params)


def test_unnormalized_gradients(generator, direction):
    result = layer_importance(generator, direction, n_pairs=4, random_state=0)
    assert result.unnormalized.shape == result.weights.shape
    assert result.unnormalized.sum() == pytest.approx(1.0)
    assert np.abs(result.unnormalized - result.weights).max() > 1e-3
