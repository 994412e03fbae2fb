"""FeatureMaps: laziness, rows, selection, pooling, sources."""

import pickle
from pathlib import Path

import numpy as np
import pytest
import torch
from numpy.testing import assert_allclose, assert_array_equal
from sklearn.model_selection import train_test_split

from skstylefeat import FeatureMaps
from skstylefeat.features import _feature_maps
from skstylefeat.networks.checkpoints._safetensors import save_network
from tests.support.networks import tiny_generator, tiny_module, write_pair


@pytest.fixture(scope="module")
def generator():
    return tiny_generator(16)


@pytest.fixture(scope="module")
def latents(generator):
    rng = np.random.default_rng(0)
    return rng.standard_normal((9, generator.n_ws * generator.w_dim)).astype(np.float32)


@pytest.fixture
def maps(generator, latents):
    return FeatureMaps.from_latents(latents, generator, batch_size=4)


def test_maps_equal_those_of_the_generator(maps, generator, latents):
    expected = generator.features(latents)
    assert [layer.name for layer in maps.layers] == list(expected)
    for name, array in expected.items():
        assert_allclose(maps.layer(name), array, rtol=1e-4, atol=1e-5)
    streamed = {layer.name: array for layer, array in maps.iter_layers()}
    assert_allclose(streamed["b16.conv1"], expected["b16.conv1"], rtol=1e-4, atol=1e-5)


@pytest.mark.parametrize(
    "rows", [3, -1, slice(2, 7, 2), [4, 1, 1], np.arange(9) % 2 == 0, (slice(1, 3), Ellipsis)]
)
def test_rows_are_views_of_the_same_maps(maps, rows):
    key = rows[0] if isinstance(rows, tuple) else rows
    expected = np.atleast_2d(maps.pool()[key])
    part = maps[rows]
    assert part.shape == (len(part),) == (len(expected),)
    assert_allclose(part.pool(), expected, rtol=1e-4, atol=1e-5)


def test_row_outside_raises(maps):
    with pytest.raises(IndexError, match="row 9 of 9"):
        maps[9]


def test_selection_keeps_original_channel_numbers(maps):
    once = maps.select({"b8.conv0": [5, 1, 3], "b4.conv1": [0]})
    assert once.channel_names == ["b4.conv1:0", "b8.conv0:5", "b8.conv0:1", "b8.conv0:3"]
    twice = once.select({"b8.conv0": [2, 0]})
    assert twice.channel_names == ["b8.conv0:3", "b8.conv0:5"]
    assert_allclose(
        twice.layer("b8.conv0"), maps.layer("b8.conv0")[:, [3, 5]], rtol=1e-4, atol=1e-5
    )
    assert len(maps.channel_names) == 5 * 6


def test_synthesis_stops_at_the_highest_selected_layer(maps, generator):
    ran = []
    handles = [
        layer.register_forward_hook(lambda *_, name=name: ran.append(name))
        for name, _, layer in generator.module.synthesis.modulated()
    ]
    maps.select({"b8.conv0": [0]})[:2].pool()
    for handle in handles:
        handle.remove()
    assert ran == ["b4.conv1", "b8.conv0"]


@pytest.mark.parametrize("mode", ["max", "mean"])
@pytest.mark.parametrize("size", [1, 2])
def test_pooling_is_that_of_the_arrays_for_every_batch_size(maps, mode, size):
    few = maps.select({"b4.conv1": [0, 2], "b16.conv0": [1]})
    arrays = [few.layer("b4.conv1"), few.layer("b16.conv0")]
    statistic = np.max if mode == "max" else np.mean
    expected = []
    for array in arrays:
        n, c, h, w = array.shape
        cells = array.reshape(n, c, size, h // size, size, w // size)
        expected.append(statistic(cells, axis=(3, 5)).reshape(n, -1))
    expected = np.concatenate(expected, axis=1)
    for batch_size in (1, 4, 64):
        few.batch_size = batch_size
        pooled = few.pool(size, mode)
        assert pooled.dtype == np.float32
        assert_allclose(pooled, expected, rtol=1e-4, atol=1e-5)


def test_workers_give_the_same_numbers(tmp_path, latents):
    path, _ = write_pair(tmp_path, 16)
    maps = FeatureMaps.from_latents(latents, path, batch_size=2)
    expected = maps.pool()
    maps.n_jobs = 2
    assert_allclose(maps.pool(), expected, rtol=1e-5, atol=1e-6)


def test_pickle_is_small_and_deterministic(tmp_path, latents):
    path, _ = write_pair(tmp_path, 16)
    maps = FeatureMaps.from_latents(latents, path)[:2]
    blob = pickle.dumps(maps)
    assert blob == pickle.dumps(maps)
    assert len(blob) < 5_000
    assert_array_equal(pickle.loads(blob).pool(), maps.pool())


def test_array_and_split(maps):
    flat = np.asarray(maps)
    assert flat.shape == (9, sum(x.channels * x.height * x.width for x in maps.layers))
    train, test = train_test_split(maps, random_state=0)
    assert isinstance(train, FeatureMaps) and len(train) + len(test) == 9


def test_from_arrays_checks_shapes():
    with pytest.raises(ValueError, match=r"expected at least one layer, each \(n, C, H, W\)"):
        FeatureMaps.from_arrays({"a": np.zeros((2, 3, 4, 4)), "b": np.zeros((3, 3, 4, 4))})
    with pytest.raises(ValueError, match="No layers"):
        FeatureMaps.from_arrays({"a": np.zeros((2, 3, 4, 4))}).select({"c": [0]})


def test_wrong_latents_and_layers_are_named(generator):
    with pytest.raises(ValueError, match=r"\(n, 42\)"):
        FeatureMaps.from_latents(np.zeros((2, 10)), generator)
    with pytest.raises(ValueError, match=r"No layer matches 'b32\.conv0'; there are b4"):
        FeatureMaps.from_latents(np.zeros((2, 42)), generator, layers=["b32.conv0"])


class TinyTransformer(torch.nn.Module):
    """A patch embedding, a class token and one attention layer: tokens (n, 1 + 16, 8)."""

    def __init__(self):
        super().__init__()
        self.patches = torch.nn.Conv2d(3, 8, 4, stride=4)
        self.layer = torch.nn.TransformerEncoderLayer(8, 2, 16, dropout=0.5, batch_first=True)

    def forward(self, x):
        tokens = self.patches(x).flatten(2).transpose(1, 2)
        return self.layer(torch.cat([tokens.mean(dim=1, keepdim=True), tokens], dim=1))


def test_from_module_takes_maps_and_tokens():
    torch.manual_seed(0)
    model = TinyTransformer()
    images = np.random.default_rng(0).random((5, 20, 20, 3)).astype(np.float32)
    maps = FeatureMaps.from_module(
        model, images, ["layer", "patches"], input_size=(16, 16), mean=[0.5] * 3, std=[0.2] * 3
    )
    assert [tuple(layer) for layer in maps.layers] == [("patches", 8, 4, 4), ("layer", 8, 4, 4)]
    assert maps.pool().shape == (5, 16)
    assert_allclose(maps[[3]].pool(), maps.pool()[[3]], rtol=1e-4, atol=1e-6)
    assert not model.layer._forward_hooks
    tokens = maps.layer("layer")
    with torch.no_grad():
        pixels = maps._source._input()
        expected = model(pixels)[:, 1:].transpose(1, 2).reshape(5, 8, 4, 4)
    assert_allclose(tokens, expected.numpy(), rtol=1e-4, atol=1e-5)
    with pytest.raises(ValueError, match=r"no submodules \['nowhere'\]"):
        FeatureMaps.from_module(model, images, ["nowhere"])


def test_pooling_shows_progress_when_asked(generator, latents, capsys):
    for verbose in (0, 1):
        maps = FeatureMaps.from_latents(latents, generator, verbose=verbose)
        few = maps[:2].select({"b4.conv1": [0]}).pool()
        captured = capsys.readouterr()
        assert few.shape == (2, 1) and ("2/2" in captured.err) == bool(verbose)


class Returning(torch.nn.Module):
    """A layer that applies a given function to its input."""

    def __init__(self, make):
        super().__init__()
        self.make = make

    def forward(self, images):
        return self.make(images)


def test_from_module_takes_the_first_of_several_outputs_as_it_is():
    images = np.random.default_rng(0).random((3, 4, 4, 3)).astype(np.float32)
    model = torch.nn.Sequential(Returning(lambda x: (x, None)))
    maps = FeatureMaps.from_module(model, images, ["0"], input_size=(4, 4), mean=None, std=None)
    assert_allclose(maps.layer("0"), images.transpose(0, 3, 1, 2), rtol=0, atol=1e-6)


@pytest.mark.parametrize(
    ("make", "received"), [(lambda x: x.mean((2, 3)), r"\(1, 3\)"), (lambda x: {"x": x}, "dict")]
)
def test_from_module_names_the_layer_that_returns_no_maps(make, received):
    images = np.zeros((2, 4, 4, 3), dtype=np.float32)
    model = torch.nn.Sequential(Returning(make))
    with pytest.raises(ValueError, match=rf"Layer '0' returns {received}; expected maps"):
        FeatureMaps.from_module(model, images, ["0"], input_size=(4, 4)).layer("0")


def test_layers_by_block_and_resolution(latents, generator):
    for layers in (["b8"], 8, "b8", ["b8.conv1", "b8.conv0"]):
        maps = FeatureMaps.from_latents(latents, generator, layers)
        assert [layer.name for layer in maps.layers] == ["b8.conv0", "b8.conv1"]
    with pytest.raises(ValueError, match="layers is empty"):
        FeatureMaps.from_latents(latents, generator, [])


def test_a_replaced_file_is_refused(tmp_path, latents):
    path, _ = write_pair(tmp_path, 16)
    maps = FeatureMaps.from_latents(latents, path, ["b4"])
    blob, expected = pickle.dumps(maps), maps.pool()
    original = Path(path).read_bytes()
    save_network(tiny_module(16, seed=9), path)
    for stale in (maps, maps[:2], pickle.loads(blob)):
        with pytest.raises(ValueError, match=r"tiny\.safetensors has changed: its SHA-256"):
            stale.pool()
    assert not np.allclose(FeatureMaps.from_latents(latents, path, ["b4"]).pool(), expected)
    Path(path).write_bytes(original)
    assert_array_equal(pickle.loads(blob).pool(), expected)


def test_missing_rows_hold_nan_alone(generator, latents):
    damaged = latents.copy()
    damaged[2] = np.nan
    damaged[3, 0] = np.nan
    maps = FeatureMaps.from_latents(damaged, generator)
    assert np.flatnonzero(maps.missing_rows).tolist() == [2]
    assert maps[[2, 4]].missing_rows.tolist() == [True, False]
    arrays = {"a": np.zeros((3, 2, 2, 2)), "b": np.zeros((3, 1, 2, 2))}
    arrays["a"][:2] = arrays["b"][1:] = np.nan
    assert FeatureMaps.from_arrays(arrays).missing_rows.tolist() == [False, True, False]
    images = np.zeros((2, 20, 20, 3), dtype=np.float32)
    assert not FeatureMaps.from_module(
        TinyTransformer(), images, ["patches"], input_size=(16, 16)
    ).missing_rows.any()


def test_automatic_batches_fit_the_memory_of_the_largest_selected_layer(
    generator, latents, monkeypatch
):
    maps = FeatureMaps.from_latents(np.tile(latents, (8, 1)), generator)
    assert [rows for rows, _ in maps.batches()] == [slice(0, 64), slice(64, 72)]  # at most 64
    # One image of b16 has 6 x 16 x 16 floats, one of b8 a quarter of them.
    monkeypatch.setattr(_feature_maps, "BATCH_BYTES", 8 * 4 * 6 * 16 * 16)
    assert next(maps.batches())[0] == slice(0, 8)
    few = maps.select({"b8.conv0": [0]})
    assert next(few.batches())[0] == slice(0, 32)
    monkeypatch.setattr(_feature_maps, "BATCH_BYTES", 1)
    assert next(few.batches())[0] == slice(0, 1)


def test_channels_are_positions_or_a_mask():
    maps = FeatureMaps.from_arrays({"a": np.arange(24.0).reshape(2, 3, 2, 2)})
    for chosen in ([0, 2], np.array([0, -1]), [True, False, True]):
        assert maps.select({"a": chosen}).channel_names == ["a:0", "a:2"]
    for wrong in ([0.5, 2.0], [True, False], ["a"], [3], [[0], [1, 2]], [[0], [1]], [None]):
        with pytest.raises(ValueError, match=r"support\['a'\]"):
            maps.select({"a": wrong})


@pytest.mark.parametrize(
    "call",
    [
        lambda maps: FeatureMaps.from_arrays([np.zeros((2, 3, 4, 4))]),
        lambda maps: FeatureMaps.from_arrays({"a": [[1], [1, 2]]}),
        lambda maps: FeatureMaps.from_latents(np.zeros((2, 28)), 5),
        lambda maps: FeatureMaps.from_latents(np.zeros((2, 28)), "faces64", layers=1.5),
        lambda maps: FeatureMaps.from_latents(np.zeros((2, 28)), "faces64", device=None),
        lambda maps: FeatureMaps.from_latents(np.zeros((2, 28)), "faces64", n_jobs="all"),
        lambda maps: maps.select(["a"]),
        lambda maps: maps.select({1: [0], "b": [0]}),
        lambda maps: maps.layer(["a"]),
        lambda maps: maps.pool(0),
        lambda maps: maps.pool(mode="median"),
    ],
)
def test_arguments_of_other_types(call):
    maps = FeatureMaps.from_arrays({"a": np.zeros((2, 3, 2, 2))})
    with pytest.raises(ValueError, match=r"parameter|No layer|maps"):
        call(maps)
