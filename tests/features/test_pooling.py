"""MaxPoolReducer and the pooling of maps."""

import numpy as np
import pandas as pd
import pytest
import torch

from skstylefeat import FeatureMaps, MaxPoolReducer
from skstylefeat.features._map_pooling import pool_maps


@pytest.fixture
def maps():
    return np.random.default_rng(0).normal(size=(4, 3, 7, 10)).astype(np.float32)


@pytest.mark.parametrize("size", [1, 2, 3, 5, 7, 12])
@pytest.mark.parametrize("mode", ["max", "mean"])
def test_windows_are_those_of_torch(maps, size, mode):
    function = {
        "max": torch.nn.functional.adaptive_max_pool2d,
        "mean": torch.nn.functional.adaptive_avg_pool2d,
    }[mode]
    expected = function(torch.from_numpy(maps), size).numpy()
    result = pool_maps(maps, size, mode)
    assert result.dtype == np.float32
    np.testing.assert_allclose(result, expected, rtol=1e-5, atol=1e-6)


@pytest.mark.parametrize("size", [1, 2])
@pytest.mark.parametrize("mode", ["max", "mean"])
def test_lazy_maps_and_arrays_give_the_same(maps, size, mode):
    lazy = FeatureMaps.from_arrays({"a": maps, "b": maps[:, :2, :4, :4]})
    reducer = MaxPoolReducer(size, mode=mode).fit(lazy)
    pooled = reducer.transform(lazy)
    assert pooled.dtype == np.float32
    parts = [
        MaxPoolReducer(size, mode=mode).fit_transform(part) for part in (maps, maps[:, :2, :4, :4])
    ]
    np.testing.assert_allclose(pooled, np.hstack(parts), rtol=1e-6)
    np.testing.assert_allclose(reducer.transform(lazy[2:]), pooled[2:], rtol=1e-6)


def test_names(maps):
    lazy = FeatureMaps.from_arrays({"b4.conv1": maps, "b8.conv0": maps}).select(
        {"b4.conv1": [2], "b8.conv0": [0, 1]}
    )
    names = MaxPoolReducer().fit(lazy).get_feature_names_out()
    assert names.tolist() == ["b4.conv1:2", "b8.conv0:0", "b8.conv0:1"]
    names = MaxPoolReducer(2).fit(lazy).get_feature_names_out()
    assert names[:5].tolist() == [f"b4.conv1:2[{i},{j}]" for i in (0, 1) for j in (0, 1)] + [
        "b8.conv0:0[0,0]"
    ]
    assert MaxPoolReducer().fit(maps).get_feature_names_out(["r", "g", "b"]).tolist() == [*"rgb"]
    reducer = MaxPoolReducer(2).fit(maps)
    assert len(reducer.get_feature_names_out()) == reducer.transform(maps).shape[1]


def test_cells_of_a_channel_are_adjacent(maps):
    pooled = MaxPoolReducer(2).fit_transform(maps)
    np.testing.assert_array_equal(pooled[:, 4:8], pool_maps(maps, 2)[:, 1].reshape(4, 4))


def test_pandas_output(maps):
    lazy = FeatureMaps.from_arrays({"a": maps})
    frame = MaxPoolReducer().set_output(transform="pandas").fit_transform(lazy)
    assert frame.columns.tolist() == ["a:0", "a:1", "a:2"]
    rows = pd.DataFrame({"u": [1.0, 2.0], "v": [3.0, 4.0]}, index=["p", "q"])
    pd.testing.assert_frame_equal(
        MaxPoolReducer().set_output(transform="pandas").fit_transform(rows), rows
    )


def test_rows_are_maps_of_one_pixel():
    rows = np.arange(6.0).reshape(2, 3)
    np.testing.assert_array_equal(MaxPoolReducer().fit_transform(rows), rows)
    np.testing.assert_array_equal(MaxPoolReducer(2).fit_transform(rows), np.repeat(rows, 4, axis=1))


def test_refitting_on_arrays_forgets_names(maps):
    reducer = MaxPoolReducer().fit(FeatureMaps.from_arrays({"a": maps})).fit(maps)
    assert reducer.get_feature_names_out().tolist() == ["x0", "x1", "x2"]


@pytest.mark.parametrize(
    ("X", "message"),
    [
        (np.zeros((2, 3, 4)), r"shape \(2, 3, 4\)"),
        (np.zeros((2, 3, 0, 4)), r"shape \(2, 3, 0, 4\)"),
        (np.full((2, 3, 4, 4), np.nan), "NaN"),
    ],
)
def test_bad_input(X, message):
    with pytest.raises(ValueError, match=message):
        MaxPoolReducer().fit(X)


def test_nested_lists_and_tensors_are_maps(maps):
    expected = MaxPoolReducer(2).fit_transform(maps)
    for same in (maps.tolist(), torch.from_numpy(maps)):
        np.testing.assert_allclose(MaxPoolReducer(2).fit_transform(same), expected, rtol=1e-6)


def test_other_channels_than_in_fit(maps):
    with pytest.raises(ValueError, match="expecting 3 features"):
        MaxPoolReducer().fit(maps).transform(maps[:, :2])
    lazy = FeatureMaps.from_arrays({"a": maps})
    with pytest.raises(ValueError, match="same layers and selection"):
        MaxPoolReducer().fit(lazy).transform(lazy.select({"a": [0, 2]}))


@pytest.mark.parametrize("shape", [(4, 3), (4, 3, 2, 2)])
def test_rows_of_nan_stay_nan(shape):
    X = np.random.default_rng(0).normal(size=shape)
    reducer = MaxPoolReducer().fit(X)
    expected = reducer.transform(X)
    X[1] = np.nan
    pooled = reducer.fit(X).transform(X)
    assert np.isnan(pooled[1]).all()
    np.testing.assert_array_equal(pooled[[0, 2, 3]], expected[[0, 2, 3]])
    assert np.isnan(reducer.transform(X[[1]])).all()
    X[2].flat[0] = np.nan
    with pytest.raises(ValueError, match="Input X contains NaN"):
        reducer.transform(X)
    with pytest.raises(ValueError, match="Input X contains NaN"):
        reducer.fit(X[[1]])


def test_every_parameter_has_a_constraint():
    assert set(MaxPoolReducer._parameter_constraints) == set(MaxPoolReducer().get_params())


def test_pure_function_bad_input(maps):
    with pytest.raises(ValueError, match="got 'median'"):
        pool_maps(maps, 1, "median")
    with pytest.raises(ValueError, match="Expected maps"):
        pool_maps(maps[0])
