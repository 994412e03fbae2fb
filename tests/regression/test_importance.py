"""layer_importance: definition, standard error, independence of batches, errors."""

import numpy as np
import pytest
import torch

from skstylefeat import layer_importance
from skstylefeat.networks import Generator
from skstylefeat.regression import _importance as importance
from skstylefeat.regression._importance_pairs import image_gradients, sample_pairs
from skstylefeat.regression._importance_ratio import GradientSums
from tests.support.networks import tiny_generator, tiny_module

N_WS, W_DIM = 8, 7


@pytest.fixture(scope="module")
def generator():
    return tiny_generator(32)


@pytest.fixture(scope="module")
def direction():
    return np.random.RandomState(0).normal(size=W_DIM)


def partial_generator(ignoring_layers, direction):
    """Return a generator in which some layers' styles do not depend on `direction`."""
    module = tiny_module(32)
    unit = torch.tensor(direction / np.linalg.norm(direction), dtype=torch.float32)
    with torch.no_grad():
        for _, w_index, layer in module.synthesis.modulated():
            if w_index in ignoring_layers:
                weight = layer.affine.weight
                weight -= torch.outer(weight @ unit, unit)
    return Generator(module, name="partial")


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


def reference_importance(generator, direction, n_pairs, seed, variant):
    """Follow section 3.2 pair by pair with torch's automatic differentiation."""
    normal = direction / np.linalg.norm(direction)
    normals = np.tile(normal, (generator.n_ws, 1)).astype(np.float32)
    random_state = np.random.RandomState(seed)
    truncation = {"paper": 1.0, "code": 0.5}[variant]

    def sample(n):
        z = generator.sample_z(n, random_state)
        return generator.mapping(z, truncation_psi=truncation)

    pairs = sample_pairs(
        generator.n_ws,
        normals,
        n_pairs,
        variant,
        {"paper": (1.0, 3.0), "code": (2.5, 5.0)}[variant],
        sample,
        random_state,
    )
    unrelated_start = pairs.start if variant == "paper" else pairs.unrelated_start
    size = torch.square if variant == "paper" else torch.abs
    synthesis = generator.module.synthesis
    sums = np.zeros((2, generator.n_ws, generator.w_dim))
    ends = ((pairs.start, pairs.end), (unrelated_start, pairs.unrelated_end))
    for i in range(n_pairs):
        for k, (start, end) in enumerate(ends):
            ws = torch.tensor(start[i : i + 1]).requires_grad_()
            size(synthesis(ws) - synthesis(torch.tensor(end[i : i + 1]))).sum().backward()
            sums[k] += ws.grad[0].abs().numpy()
    weights = (sums[0] / sums[1]).mean(axis=1)
    return weights / weights.sum()


@pytest.mark.parametrize("variant", ["paper", "code"])
def test_equals_the_definition(generator, direction, variant):
    got = layer_importance(generator, direction, n_pairs=7, random_state=3, variant=variant)
    expected = reference_importance(generator, direction, 7, 3, variant)
    np.testing.assert_allclose(got.weights, expected, rtol=1e-3)


@pytest.mark.parametrize("variant", ["paper", "code"])
def test_pairs_by_hand(variant):
    """The published code leaves from the plane, to both sides; the paper from the code."""
    codes = np.array([[3.0, 1.0], [-1.0, 2.0]], dtype=np.float32)
    everything = np.array([[2.0, 0.0], [4.0, 0.0]] * 50, dtype=np.float32)  # mean 3, sd 1
    answers = iter([everything, codes, -codes])
    normal = np.array([[1.0, 0.0]] * 3, dtype=np.float32)
    pairs = sample_pairs(
        3, normal, 2, variant, (2.0, 2.0), lambda n: next(answers), np.random.RandomState(0)
    )
    for part in pairs:
        assert part is None or (part.shape == (2, 3, 2) and part.dtype == np.float32)
    np.testing.assert_array_equal(pairs.unrelated_end[:, 0], -codes)
    if variant == "code":
        # On the plane n.w = 3 through the mean code; steps of 2 standard deviations.
        np.testing.assert_array_equal(pairs.start[:, 0], [[1.0, 1.0], [1.0, 2.0]])
        np.testing.assert_array_equal(pairs.end[:, 0], [[5.0, 1.0], [5.0, 2.0]])
        np.testing.assert_array_equal(pairs.unrelated_start[:, 0], codes)
    else:
        np.testing.assert_array_equal(pairs.start[:, 0], codes)
        np.testing.assert_array_equal(np.abs(pairs.end - pairs.start)[:, 0], [[2, 0], [2, 0]])
        assert pairs.unrelated_start is None


def test_gradients_of_the_image_difference():
    starts, ends = torch.tensor([1.0, 5.0, 2.0]), torch.tensor([4.0, 4.5, 2.0])
    assert image_gradients(starts, ends, "paper").tolist() == [-3.0, 0.5, 0.0]
    assert image_gradients(starts, ends, "code").tolist() == [-1.0, 1.0, 0.0]


def test_weights_and_their_error_by_hand():
    # Two layers of two and one elements, three pairs in three groups.
    edited = [np.array([[1.0, 2.0], [3.0, 2.0], [2.0, 2.0]]), np.array([[1.0], [1.0], [4.0]])]
    unrelated = [np.array([[2.0, 1.0], [2.0, 1.0], [2.0, 1.0]]), np.array([[2.0], [2.0], [2.0]])]
    sums = GradientSums(20)
    for rows in (slice(0, 1), slice(1, 3)):
        sums.add([x[rows] for x in edited], [x[rows] for x in unrelated])
    weights, error = sums.weights()
    # Ratios (6/6 + 6/3) / 2 = 1.5 and 6/6 = 1, which sum to 2.5.
    np.testing.assert_allclose(weights, [0.6, 0.4])
    # Without pair 1: (5/4 + 2) / 2 and 5/4; without 2: (3/4 + 2) / 2 and 5/4; without 3: 1.5, 2/4.
    left_out = np.array([[1.625, 1.25], [1.375, 1.25], [1.5, 0.5]])
    left_out = left_out[:, 0] / left_out.sum(axis=1)
    expected = np.sqrt(2 / 3 * np.square(left_out - left_out.mean()).sum())
    np.testing.assert_allclose(error, [expected, expected])
    np.testing.assert_allclose(sums.unnormalized(), [0.5, 0.5])  # sums of 6 per element in both


@pytest.mark.parametrize("layer", [0, 2, 5])
def test_the_only_layer_that_depends_on_the_direction_has_the_largest_ratio(direction, layer):
    # The styles of one layer depend on the direction, so only its gradients explain the edit.
    partial = partial_generator(set(range(N_WS)) - {layer}, direction)
    along = layer_importance(partial, direction, n_pairs=60, random_state=0).weights
    other = np.random.RandomState(5).normal(size=W_DIM)
    other -= other @ direction / (direction @ direction) * direction
    across = layer_importance(partial, other, n_pairs=60, random_state=0).weights
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
    estimated = np.mean([r.std_error for r in runs], axis=0)
    assert 0.6 < np.median(estimated / spread) < 1.6


def test_the_generator_is_not_changed(generator, direction):
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
        ({"step": (3.0, 1.0)}, "two finite numbers"),
        ({"step": (1.0,)}, "two finite numbers"),
        ({"truncation_psi": "half"}, "truncation_psi"),
        ({"truncation_psi": 1e300}, "truncation_psi"),
        ({"n_jobs": 10**30}, "n_jobs"),
        ({"tol": -1.0}, "tol"),
        ({"step": (0.0, 0.0)}, "does not change the image"),
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
