"""Files that are replaced after a fit: fitted estimators keep data, or refuse the new file."""

import pickle

import joblib
import numpy as np
import pytest
from sklearn.base import clone
from sklearn.pipeline import make_pipeline

from skstylefeat import HyperplaneDistance, LatentRegressor
from skstylefeat.directions import LatentPCA, SeFa, TextDirection
from skstylefeat.features import FeatureMapExtractor, FeatureMaps
from skstylefeat.networks.checkpoints._safetensors import save_network
from tests.support.networks import tiny_generator, tiny_module, write_pair

GENERATOR = tiny_generator()
CODES = GENERATOR.broadcast(GENERATOR.mapping(GENERATOR.sample_z(8, random_state=0)))
ROWS = CODES.reshape(8, -1)


@pytest.fixture
def file(tmp_path):
    return write_pair(tmp_path)[0]


def _replace(file):
    save_network(tiny_module(seed=9), file, card={"data": "none"})


def _copies(model, folder):
    """Return a model as it is, from a pickle and from joblib."""
    joblib.dump(model, folder / "model.joblib")
    return model, pickle.loads(pickle.dumps(model)), joblib.load(folder / "model.joblib")


def _brightness(images):
    return np.asarray(images).mean(axis=(1, 2))


def _text(texts):
    return np.array([[1.0, 0.0, 0.0] if "red" in text else [0.0, 1.0, 1.0] for text in texts])


DIRECTIONS = {
    "SeFa": lambda file: SeFa(file, n_directions=2),
    "LatentPCA": lambda file: LatentPCA(file, n_components=2, n_samples=50, random_state=0),
    "TextDirection": lambda file: TextDirection(
        file, _brightness, _text, "red", "other", n_samples=2, threshold=0.0, random_state=0
    ),
}


@pytest.mark.parametrize("name", DIRECTIONS)
def test_directions_of_a_generator_file_are_data(name, file, tmp_path):
    model = DIRECTIONS[name](file).fit()
    expected = model.direction_.copy(), model.intercept_
    _replace(file)
    for copy in _copies(model, tmp_path):
        np.testing.assert_array_equal(copy.direction_, expected[0])
        assert copy.intercept_ == expected[1]
    learned = clone(model).fit().direction_  # a new fit reads the new file
    assert not np.allclose(learned, expected[0])


@pytest.mark.parametrize("suffix", [".npy", ".npz"])
def test_the_direction_of_a_file_is_data(suffix, tmp_path):
    path = tmp_path / f"age{suffix}"
    save = np.save if suffix == ".npy" else np.savez
    save(path, np.eye(1, 7)[0])
    model = make_pipeline(HyperplaneDistance(path), LatentRegressor()).fit(ROWS, np.arange(8.0))
    expected = model.predict(ROWS)
    save(path, np.eye(7)[3])
    for copy in _copies(model, tmp_path):
        np.testing.assert_array_equal(copy.predict(ROWS), expected)
    path.unlink()
    for copy in _copies(model, tmp_path):
        np.testing.assert_array_equal(copy.predict(ROWS), expected)
    with pytest.raises(FileNotFoundError, match="age"):
        clone(model).fit(ROWS, np.arange(8.0))


def test_the_generator_of_a_distance_is_needed_in_fit_only(file, tmp_path):
    params = {"importance_params": {"n_pairs": 4}, "random_state": 0}
    model = HyperplaneDistance(np.eye(1, 7)[0], generator=file, **params).fit(ROWS)
    expected = model.transform(ROWS), model.inverse_transform(model.transform(ROWS))
    weights = model.layer_weights_.copy()
    _replace(file)
    for copy in _copies(model, tmp_path):
        np.testing.assert_array_equal(copy.transform(ROWS), expected[0])
        np.testing.assert_array_equal(copy.inverse_transform(expected[0]), expected[1])
    # Weights are cached by the content of the file, not by its name.
    assert not np.allclose(clone(model).fit(ROWS).layer_weights_, weights)


def test_maps_of_a_replaced_generator_are_refused(file, tmp_path):
    maps = FeatureMaps.from_latents(ROWS, file, layers=["b8"])
    extractor = FeatureMapExtractor(file, layers=["b8"], device="cpu").fit(ROWS)
    later = extractor.transform(ROWS)
    expected = maps.pool()
    pickles = [pickle.dumps(x) for x in (maps, extractor, later)]
    joblib.dump([maps, later], tmp_path / "maps.joblib")
    _replace(file)

    refused = r"tiny\.safetensors has changed: its SHA-256"
    for use in (maps.pool, maps[:2].pool, clone_of(maps).pool, lambda: maps.layer("b8.conv0")):
        with pytest.raises(ValueError, match=refused):
            use()
    for data in pickles:
        with pytest.raises(ValueError, match=refused):
            loaded = pickle.loads(data)
            (loaded.transform(ROWS) if hasattr(loaded, "transform") else loaded).pool()
    with pytest.raises(ValueError, match=refused):
        [x.pool() for x in joblib.load(tmp_path / "maps.joblib")]
    # The network that is still in memory is the one that was fitted.
    np.testing.assert_allclose(extractor.transform(ROWS).pool(), expected, rtol=1e-5)
    np.testing.assert_allclose(later.pool(), expected, rtol=1e-5)


def clone_of(maps):
    """Return maps as joblib's memory and scikit-learn's clone copy them."""
    return clone(maps, safe=False)
