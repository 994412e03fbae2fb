"""FeatureMapExtractor: latents in, lazy feature maps out."""

import pickle
import subprocess
import sys

import joblib
import numpy as np
import pandas as pd
import pytest
from numpy.testing import assert_array_equal
from sklearn.base import clone
from sklearn.linear_model import LogisticRegression
from sklearn.model_selection import GridSearchCV
from sklearn.pipeline import make_pipeline

from skstylefeat import ChannelMISelector, FeatureMaps, MaxPoolReducer, StyleGANInverter
from skstylefeat.features import FeatureMapExtractor
from skstylefeat.networks.checkpoints._safetensors import save_network
from tests.support.estimators import tiny_images
from tests.support.networks import tiny_generator, tiny_module, write_pair

Y = np.repeat([0, 1], 6)


@pytest.fixture(scope="module")
def pair(tmp_path_factory):
    return write_pair(tmp_path_factory.mktemp("weights"))


@pytest.fixture(scope="module")
def codes():
    return np.random.default_rng(0).standard_normal((12, 28)).astype(np.float32)


@pytest.mark.parametrize("space", ["w+", "w"])
@pytest.mark.parametrize("layers", [None, ["b8"]])
def test_maps_are_those_of_the_inverter_to_the_bit(pair, space, layers):
    images = tiny_images(5)
    latents = StyleGANInverter(*pair, space=space).fit_transform(images)
    inverter = StyleGANInverter(*pair, space=space, output="features", layers=layers).fit(images)
    expected = inverter.transform(images)
    extractor = FeatureMapExtractor(pair[0], layers=layers).fit(latents)
    maps = extractor.transform(latents)
    assert isinstance(maps, FeatureMaps) and maps.layers == expected.layers == extractor.layers_
    for layer in maps.layers:
        assert_array_equal(maps.layer(layer.name), expected.layer(layer.name))
    assert_array_equal(maps.pool(), expected.pool())
    names = extractor.get_feature_names_out().tolist()
    assert names == maps.channel_names == inverter.get_feature_names_out().tolist()


def test_shapes_of_latents(pair, codes):
    extractor = FeatureMapExtractor(pair[0]).fit(codes)
    assert extractor.n_features_in_ == 28
    expected = extractor.transform(codes).pool()
    cube = codes.reshape(12, 4, 7)
    assert_array_equal(extractor.transform(cube).pool(), expected)
    assert_array_equal(extractor.transform(codes.astype(float).tolist()).pool(), expected)
    assert_array_equal(clone(extractor).fit(cube).transform(codes).pool(), expected)
    of_w = clone(extractor).fit(codes[:, :7])
    assert of_w.n_features_in_ == 7
    repeated = np.tile(codes[:, :7], 4)
    assert_array_equal(of_w.transform(codes[:, :7]).pool(), extractor.transform(repeated).pool())


def test_transform_synthesizes_nothing_and_writes_nothing(codes):
    generator = tiny_generator()
    extractor = FeatureMapExtractor(generator, batch_size=5, n_jobs=1, verbose=0).fit(codes)
    runs = []
    generator.module.synthesis.register_forward_hook(lambda *_: runs.append(1))
    for _, _, layer in generator.module.synthesis.modulated():
        layer.register_forward_hook(lambda *_: runs.append(1))
    before = dict(vars(extractor))
    maps = extractor.transform(codes)
    assert not runs and vars(extractor) == before
    assert [rows for rows, _ in maps.batches()] == [slice(0, 5), slice(5, 10), slice(10, 12)]
    assert runs and maps.n_jobs == 1


def test_codes_of_another_generator_are_refused(pair, codes):
    extractor = FeatureMapExtractor(pair[0])
    for wrong in (codes[:, :10], codes.reshape(12, 7, 4), np.zeros((2, 3, 28))):
        with pytest.raises(ValueError, match=r"do not fit: expected W codes \(n, 7\)"):
            extractor.fit(wrong)
    styles = StyleGANInverter(*pair, space="s").fit_transform(tiny_images(2))
    with pytest.raises(ValueError, match="do not fit"):
        extractor.fit(styles)
    extractor.fit(codes)
    with pytest.raises(ValueError, match="X has 7 features, but FeatureMapExtractor is expecting"):
        extractor.transform(codes[:, :7])
    with pytest.raises(ValueError, match="do not fit"):
        extractor.transform(codes.reshape(12, 7, 4))
    with pytest.raises(ValueError, match="infinity"):
        extractor.transform(np.full((1, 28), np.inf))
    with pytest.raises(ValueError, match="beyond the range of"):
        extractor.transform(np.full((1, 28), 1e300))
    with pytest.raises(ValueError, match="No layer matches 'b16'; there are b4"):
        FeatureMapExtractor(pair[0], layers=["b4", "b16"]).fit(codes)


def test_rows_of_nan_become_maps_of_nan(pair, codes):
    damaged = codes.copy()
    damaged[[0, 5]] = np.nan
    extractor = FeatureMapExtractor(pair[0]).fit(damaged)
    maps = extractor.transform(damaged)
    assert np.flatnonzero(maps.missing_rows).tolist() == [0, 5]
    pooled, expected = maps.pool(), extractor.transform(codes).pool()
    assert np.isnan(pooled[[0, 5]]).all()
    good = np.setdiff1d(np.arange(12), [0, 5])
    assert_array_equal(pooled[good], expected[good])


def test_in_a_pipeline(pair, codes):
    pipe = make_pipeline(
        FeatureMapExtractor(pair[0]), ChannelMISelector(2, random_state=0), MaxPoolReducer()
    ).set_output(transform="pandas")
    table = pipe.fit(codes, Y).transform(codes)
    assert table.columns.tolist() == pipe.get_feature_names_out().tolist()
    assert table.columns[0].startswith("b4.conv1:")
    by_hand = FeatureMaps.from_latents(codes, pair[0])
    by_hand = ChannelMISelector(2, random_state=0).fit(by_hand, Y).transform(by_hand)
    assert_array_equal(table.to_numpy(), by_hand.pool())


def test_latents_as_a_frame(pair):
    images = tiny_images(5)
    pipe = make_pipeline(StyleGANInverter(*pair), FeatureMapExtractor(pair[0]))
    pipe.set_output(transform="pandas")
    maps = pipe.fit_transform(images)
    names = pipe[0].get_feature_names_out()
    assert_array_equal(pipe[1].feature_names_in_, names)
    frame = pd.DataFrame(pipe[0].transform(images).to_numpy(), columns=names)
    assert_array_equal(pipe[1].transform(frame).pool(), maps.pool())
    with pytest.raises(ValueError, match="feature names should match"):
        pipe[1].transform(frame[names[::-1]])


def test_in_a_grid_search_on_two_workers(pair, codes):
    pipe = make_pipeline(
        FeatureMapExtractor(pair[0]),
        ChannelMISelector(2, random_state=0),
        MaxPoolReducer(),
        LogisticRegression(),
    )
    grid = {"featuremapextractor__layers": [None, "b4", [8]]}
    search = GridSearchCV(pipe, grid, cv=2, n_jobs=2).fit(codes, Y)
    serial = GridSearchCV(pipe, grid, cv=2).fit(codes, Y)
    assert_array_equal(search.cv_results_["mean_test_score"], serial.cv_results_["mean_test_score"])
    assert np.isfinite(search.cv_results_["mean_test_score"]).all()


def test_pickle_is_small_and_loads_in_a_fresh_process(pair, codes, tmp_path):
    extractor = FeatureMapExtractor(pair[0], layers=["b8"]).fit(codes)
    maps = extractor.transform(codes)
    assert len(pickle.dumps(extractor)) < 1_500
    assert len(pickle.dumps(maps)) < 5_000
    joblib.dump((extractor, codes, maps), tmp_path / "saved.joblib")
    code = (
        "import sys, joblib, numpy as np\n"
        "extractor, codes, maps = joblib.load(sys.argv[1])\n"
        "np.save(sys.argv[2], [extractor.transform(codes).pool(), maps.pool()])"
    )
    arguments = [str(tmp_path / "saved.joblib"), str(tmp_path / "pooled.npy")]
    subprocess.run([sys.executable, "-c", code, *arguments], check=True)
    for pooled in np.load(tmp_path / "pooled.npy"):
        np.testing.assert_allclose(pooled, maps.pool(), rtol=1e-5, atol=1e-6)


def test_a_replaced_file_is_refused(tmp_path, codes):
    path, _ = write_pair(tmp_path)
    extractor = FeatureMapExtractor(path).fit(codes)
    blobs = pickle.dumps(extractor), pickle.dumps(extractor.transform(codes))
    expected = extractor.transform(codes).pool()
    save_network(tiny_module(seed=9), path)
    for blob in blobs:
        with pytest.raises(ValueError, match=r"tiny\.safetensors has changed: its SHA-256"):
            pickle.loads(blob)
    assert_array_equal(extractor.transform(codes).pool(), expected)  # the network in memory


def test_set_output_and_parameters(pair):
    extractor = FeatureMapExtractor(pair[0])
    assert extractor.set_output(transform="pandas") is extractor
    assert set(FeatureMapExtractor._parameter_constraints) == set(extractor.get_params())
    for wrong in ({"generator": 5}, {"layers": 1.5}, {"batch_size": 0}, {"device": None}):
        with pytest.raises(ValueError, match=f"The '{next(iter(wrong))}' parameter"):
            FeatureMapExtractor(**wrong).fit(np.zeros((2, 28)))
