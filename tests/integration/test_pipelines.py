"""Both ways of the data as users run them: in pipelines, searched, pickled, with bad input."""

import pickle
import subprocess
import sys

import joblib
import numpy as np
import pytest
from numpy.testing import assert_allclose, assert_array_equal
from sklearn.model_selection import GridSearchCV, cross_val_score
from sklearn.pipeline import make_pipeline

from skstylefeat import (
    ChannelMISelector,
    ClusterAnnotator,
    FewShotSplit,
    HyperplaneDistance,
    LatentRegressor,
    MaxPoolReducer,
    PseudoLabelClassifier,
    StyleGANInverter,
)
from tests.support.networks import made_images, tiny_generator, write_pair


@pytest.fixture(scope="module")
def pair(tmp_path_factory):
    return write_pair(tmp_path_factory.mktemp("weights"), 16)


@pytest.fixture(scope="module")
def faces():
    """Images of the tiny generator, a strength that moves them, and whether it is high."""
    generator = tiny_generator(16)
    rng = np.random.default_rng(0)
    w = generator.mapping(generator.sample_z(60, random_state=0))
    direction = np.linalg.svd(w - w.mean(axis=0))[2][0]
    strength = rng.uniform(-3, 3, 60).astype(np.float32)
    w = w - (w @ direction)[:, None] * direction + strength[:, None] * direction
    images = made_images(generator, w)
    return images, 20 + 10 * strength.astype(np.float64), np.where(strength > 0, "high", "low")


def annotator(pair):
    return make_pipeline(
        StyleGANInverter(*pair, output="features"),
        ChannelMISelector(3, random_state=0),
        MaxPoolReducer(),
        ClusterAnnotator(n_clusters=4, random_state=0),
    )


def regressor(pair):
    return make_pipeline(StyleGANInverter(*pair), HyperplaneDistance(), LatentRegressor())


def test_annotator_pipeline(pair, faces):
    images, _, names = faces
    pipe = annotator(pair).fit(images, names)
    predicted = pipe.predict(images)
    assert set(predicted) <= {"high", "low"}
    assert np.mean(predicted == names) > 0.7
    cost = pipe[-1].cost_
    assert cost <= 12
    proba = pipe.predict_proba(images)
    assert_array_equal(pipe[-1].classes_[proba.argmax(axis=1)], predicted)


def test_labels_outside_selection_and_query_change_nothing(pair, faces):
    images, _, names = faces
    first = annotator(pair).fit(images, names)
    read = set(np.ravel(first[1].sample_indices_)) | set(first[-1].query_indices_)
    other = names.copy()
    rest = np.setdiff1d(np.arange(len(names)), list(read))
    other[rest] = np.where(other[rest] == "high", "low", "high")
    hidden = ClusterAnnotator(n_clusters=4, random_state=0).fit(first[:-1].transform(images), other)
    assert_array_equal(hidden.predict(first[:-1].transform(images)), first.predict(images))


def test_regressor_pipeline(pair, faces):
    images, degrees, _ = faces
    pipe = regressor(pair).fit(images[:40], degrees[:40])
    assert pipe.score(images[40:], degrees[40:]) > 0.5


def test_classifier_pipeline(pair, faces):
    images, _, names = faces
    pipe = make_pipeline(*[step for _, step in annotator(pair).steps[:-1]], PseudoLabelClassifier())
    pipe.set_params(pseudolabelclassifier__random_state=0)
    assert pipe.fit(images, names).score(images, names) > 0.7


def test_grid_search_in_two_processes(pair, faces):
    images, degrees, names = faces
    search = GridSearchCV(
        annotator(pair), {"channelmiselector__n_channels_per_layer": [1, 4]}, n_jobs=2, cv=2
    ).fit(images, names)
    assert search.best_score_ > 0.5
    search = GridSearchCV(
        regressor(pair), {"latentregressor__alpha": [0.1, 10.0]}, n_jobs=2, cv=2
    ).fit(images, degrees)
    assert np.isfinite(search.cv_results_["mean_test_score"]).all()


def test_few_shot_cross_validation(pair, faces):
    images, degrees, _ = faces
    scores = cross_val_score(
        regressor(pair), images, degrees, cv=FewShotSplit(20, 3, stratify=None, random_state=0)
    )
    assert scores.shape == (3,) and np.isfinite(scores).all()


@pytest.mark.parametrize("kind", ["annotator", "regressor"])
def test_pickle_is_small_and_serves_a_fresh_process(pair, faces, tmp_path, kind):
    images, degrees, names = faces
    make, y = (annotator, names) if kind == "annotator" else (regressor, degrees)
    pipe = make(pair).fit(images, y)
    joblib.dump(pipe, tmp_path / "pipe.joblib")
    assert (tmp_path / "pipe.joblib").stat().st_size < 1_000_000
    np.save(tmp_path / "x.npy", images)
    code = (
        "import sys, joblib, numpy as np; "
        "y = joblib.load(sys.argv[1]).predict(np.load(sys.argv[2])); "
        "np.save(sys.argv[3], y, allow_pickle=False)"
    )
    arguments = [str(tmp_path / name) for name in ("pipe.joblib", "x.npy", "y.npy")]
    subprocess.run([sys.executable, "-c", code, *arguments], check=True)
    predicted = np.load(tmp_path / "y.npy")
    if kind == "annotator":
        assert_array_equal(predicted, pipe.predict(images))
    else:
        assert_allclose(predicted, pipe.predict(images), rtol=1e-4)


def test_numpy_world_unpickles_and_predicts_without_torch(tmp_path):
    rng = np.random.default_rng(0)
    X, y = rng.standard_normal((40, 12)), rng.standard_normal(40)
    models = [
        make_pipeline(HyperplaneDistance(), LatentRegressor()).fit(X, y),
        ClusterAnnotator(4, random_state=0).fit(X, (y > 0).astype(int)),
        make_pipeline(MaxPoolReducer(), PseudoLabelClassifier(random_state=0)).fit(X, y > 0),
    ]
    path = tmp_path / "models.pkl"
    path.write_bytes(pickle.dumps((models, X)))
    code = (
        "import sys, pickle; "
        "models, X = pickle.load(open(sys.argv[1], 'rb')); "
        "[model.predict(X) for model in models]; "
        "assert 'torch' not in sys.modules"
    )
    subprocess.run([sys.executable, "-c", code, str(path)], check=True)


def test_import_brings_no_torch():
    code = "import sys, skstylefeat; assert not {'torch', 'sklearn'} & set(sys.modules)"
    subprocess.run([sys.executable, "-c", code], check=True)


def test_pandas_output_of_a_whole_pipeline(pair, faces):
    images, _, names = faces
    steps = annotator(pair)[:-1].set_output(transform="pandas").fit(images, names)
    frame = steps.transform(images)
    assert frame.columns[0].startswith("b4.conv1:")
    assert len(frame) == 60


def test_errors_reach_the_user(pair, faces):
    images, degrees, names = faces
    with pytest.raises(ValueError, match="divide by 255"):
        annotator(pair).fit(images * 255, names)
    with pytest.raises(ValueError, match="class"):
        annotator(pair).fit(images, np.full(60, "high"))
    with pytest.raises(ValueError, match="NaN"):
        regressor(pair).fit(images, np.where(degrees > 20, np.nan, degrees))
    fitted = regressor(pair).fit(images, degrees)
    with pytest.raises(ValueError, match=r"expect"):
        fitted[1:].predict(np.zeros((2, 9)))
