"""The estimators inside scikit-learn's own tools: searches, curves, ensembles, caches, routing."""

import pickle
import subprocess
import sys
from pathlib import Path

import joblib
import numpy as np
import pandas as pd
import polars as pl
import pytest
from numpy.testing import assert_allclose, assert_array_equal
from sklearn import config_context
from sklearn.base import clone
from sklearn.calibration import CalibratedClassifierCV
from sklearn.compose import ColumnTransformer, TransformedTargetRegressor
from sklearn.datasets import make_blobs
from sklearn.dummy import DummyRegressor
from sklearn.ensemble import BaggingRegressor, StackingClassifier, StackingRegressor
from sklearn.experimental import enable_halving_search_cv  # noqa: F401
from sklearn.inspection import permutation_importance
from sklearn.linear_model import LogisticRegression, Ridge
from sklearn.metrics import get_scorer
from sklearn.model_selection import (
    GridSearchCV,
    HalvingGridSearchCV,
    cross_validate,
    learning_curve,
)
from sklearn.multioutput import MultiOutputRegressor
from sklearn.pipeline import FeatureUnion, Pipeline, make_pipeline
from sklearn.preprocessing import StandardScaler
from sklearn.tree import DecisionTreeClassifier
from sklearn.utils import estimator_html_repr

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
from skstylefeat.directions import LinearSVMDirection
from skstylefeat.networks import Encoder
from tests.support.estimators import tiny_images
from tests.support.networks import write_pair

ROOT = Path(__file__).parents[2]
FEW = FewShotSplit(12, 2, stratify=None, random_state=0)


@pytest.fixture(scope="module")
def pair(tmp_path_factory):
    return write_pair(tmp_path_factory.mktemp("weights"))


@pytest.fixture(scope="module")
def images():
    return tiny_images(24)


@pytest.fixture(scope="module")
def degrees(images):
    """What the images show: how bright they are."""
    return 100 * images.mean(axis=(1, 2, 3)).astype(np.float64)


@pytest.fixture(scope="module")
def names(degrees):
    return np.where(degrees > np.median(degrees), "bright", "dark")


@pytest.fixture(scope="module")
def rows():
    """Latents as rows, W+ of three layers, and a value that one direction decides."""
    rng = np.random.default_rng(0)
    X = rng.standard_normal((60, 12))
    return X, 30 + 10 * X[:, 0] + rng.standard_normal(60)


@pytest.fixture(scope="module")
def blobs():
    """Rows of three classes that lie apart."""
    X, y = make_blobs(60, centers=3, n_features=4, random_state=0)
    return X, np.array(["clear", "dark", "none"])[y]


def annotator(pair):
    return Pipeline(
        [
            ("invert", StyleGANInverter(*pair, output="features")),
            ("select", ChannelMISelector(2, random_state=0)),
            ("pool", MaxPoolReducer(2)),
            ("annotate", ClusterAnnotator(n_clusters=4, random_state=0)),
        ]
    )


def regressor(pair):
    return Pipeline(
        [
            ("invert", StyleGANInverter(*pair)),
            ("distance", HyperplaneDistance(aggregate="per_layer", w_dim=7)),
            ("regress", LatentRegressor(n_refits=3)),
        ]
    )


def on_rows(**parameters):
    return make_pipeline(HyperplaneDistance(w_dim=4), LatentRegressor(n_refits=3, **parameters))


FRAMES = {"pandas": pd.DataFrame, "polars": pl.DataFrame}


@pytest.mark.parametrize("container", FRAMES)
@pytest.mark.parametrize("everywhere", [False, True])
def test_set_output_on_both_pipelines(pair, images, names, degrees, container, everywhere):
    """The lazy steps pass what they make; all others make tables with names."""
    expected = (
        annotator(pair).fit(images, names).predict_proba(images),
        regressor(pair).fit(images, degrees).predict(images),
    )
    with config_context(transform_output=container if everywhere else "default"):
        annotate, regress = annotator(pair), regressor(pair)
        if not everywhere:
            annotate.set_output(transform=container)
            regress.set_output(transform=container)
        annotate.fit(images, names)
        regress.fit(images, degrees)
        found = annotate.predict_proba(images), regress.predict(images)
        pooled, distances = annotate[:-1].transform(images), regress[:-1].transform(images)
        latents = regress[:1].transform(images)
    for table, first in ((pooled, "b4.conv1:"), (distances, "distance:w0"), (latents, "w0_0")):
        assert isinstance(table, FRAMES[container])
        assert table.columns[0].startswith(first)
    assert list(annotate[-1].feature_names_in_) == list(pooled.columns)
    assert list(regress[1].feature_names_in_) == list(latents.columns)
    # A table may lie in memory by columns, which changes the order of float32 sums.
    for one, other in zip(found, expected, strict=True):
        assert_allclose(one, other, rtol=1e-4)


def test_names_of_the_columns_of_whole_pipelines(pair, images, names, degrees):
    annotate = annotator(pair).fit(images, names)
    assert_array_equal(
        annotate[:1].get_feature_names_out(), annotate[:1].transform(images).channel_names
    )
    pooled = annotate[:-1].get_feature_names_out()
    assert len(pooled) == annotate[:-1].transform(images).shape[1]
    assert all(name.startswith("b") and name.endswith("]") for name in pooled)
    some = StyleGANInverter(*pair, output="features", layers=["b8.conv0"]).fit(images)
    assert_array_equal(some.get_feature_names_out(), some.transform(images).channel_names)
    regress = regressor(pair).fit(images, degrees)
    assert_array_equal(regress[:-1].get_feature_names_out(), [f"distance:w{i}" for i in range(4)])


def test_lazy_output_after_a_container_was_set(pair, images):
    inverter = StyleGANInverter(*pair).set_output(transform="pandas").fit(images)
    assert isinstance(inverter.transform(images), pd.DataFrame)
    inverter.set_params(output="features").fit(images)
    assert inverter.transform(images).shape == (24,)


def test_sample_weight_through_a_pipeline_and_cross_validation(rows):
    X, y = rows
    weight = np.where(np.arange(60) < 30, 1.0, 0.0)
    noisy = np.where(weight > 0, y, 1e3)
    plain = clone(on_rows()[1:]).fit(X[:30], y[:30])
    weighted = on_rows()[1:].fit(X, noisy, latentregressor__sample_weight=weight)
    assert_allclose(weighted.predict(X), plain.predict(X), rtol=1e-8)
    with config_context(enable_metadata_routing=True):
        model = LatentRegressor(n_refits=None).set_fit_request(sample_weight=True)
        model.set_score_request(sample_weight=True)
        routed = cross_validate(
            make_pipeline(StandardScaler().set_fit_request(sample_weight=False), model),
            X,
            noisy,
            cv=3,
            scoring=get_scorer("r2").set_score_request(sample_weight=True),
            params={"sample_weight": weight + 1e-9},
        )
        unrouted = cross_validate(
            clone(model)
            .set_fit_request(sample_weight=False)
            .set_score_request(sample_weight=False),
            X,
            noisy,
            cv=3,
        )
    assert routed["test_score"][0] > 0.5 > unrouted["test_score"][0]


def test_score_weights_rows(rows):
    X, y = rows
    names = np.where(y > 30, "high", "low")
    weight = np.zeros(60)
    for model in (ClusterAnnotator(4, random_state=0), PseudoLabelClassifier(random_state=0)):
        fitted = model.fit(X, names)
        right = fitted.predict(X) == names
        weight[:] = np.where(right, 3.0, 1.0)
        expected = np.average(right, weights=weight)
        assert fitted.score(X, names, sample_weight=weight) == pytest.approx(expected)


def test_memory_of_a_pipeline_is_hit(pair, images, names, tmp_path):
    """Keys are made of strings and arrays only: a second pipeline, and a process, find them."""
    memory = joblib.Memory(str(tmp_path), verbose=0)
    first = annotator(pair).set_params(memory=memory).fit(images, names)
    entries = len(memory.store_backend.get_items())
    assert entries == 3
    again = annotator(pair).set_params(memory=memory, annotate__n_clusters=3).fit(images, names)
    assert len(memory.store_backend.get_items()) == entries
    assert_array_equal(again[:-1].transform(images), first[:-1].transform(images))
    annotator(pair).set_params(memory=memory, pool__mode="mean").fit(images, names)
    assert len(memory.store_backend.get_items()) == entries + 1
    code = (
        "import joblib, sys, pickle\n"
        "pipe, X, y, folder = pickle.load(open(sys.argv[1], 'rb'))\n"
        "pipe.set_params(memory=joblib.Memory(folder, verbose=0)).fit(X, y)\n"
    )
    (tmp_path / "job.pkl").write_bytes(
        pickle.dumps((annotator(pair), images, names, str(tmp_path)))
    )
    subprocess.run([sys.executable, "-c", code, str(tmp_path / "job.pkl")], check=True, cwd=ROOT)
    assert len(memory.store_backend.get_items()) == entries + 1


def test_memory_of_the_regressing_pipeline_is_hit(pair, images, degrees, tmp_path):
    memory = joblib.Memory(str(tmp_path), verbose=0)
    search = GridSearchCV(
        regressor(pair).set_params(memory=memory), {"regress__alpha": [0.1, 1.0, 10.0]}, cv=2
    ).fit(images, degrees)
    # Two folds and the refit, each with an inversion and distances.
    assert len(memory.store_backend.get_items()) == 6
    assert np.isfinite(search.cv_results_["mean_test_score"]).all()


def test_a_search_over_a_late_step_inverts_each_image_once(
    pair, images, degrees, tmp_path, monkeypatch
):
    """The line of the README: with `cache_dir`, folds and candidates share the codes."""
    counts, encode = [], Encoder.encode

    def counted(self, pixels, **kwargs):
        counts.append(len(pixels))
        return encode(self, pixels, **kwargs)

    StyleGANInverter(*pair).fit(images)  # inverts images of the generator, once for all fits
    monkeypatch.setattr(Encoder, "encode", counted)
    alphas = {"regress__alpha": [0.1, 1.0, 10.0]}
    plain = GridSearchCV(regressor(pair), alphas, cv=3).fit(images, degrees)
    # Three candidates see each image in three folds, training and test; then the refit.
    assert sum(counts) == (3 * 3 + 1) * len(images)

    counts.clear()
    keeping = regressor(pair).set_params(invert__cache_dir=tmp_path)
    search = GridSearchCV(keeping, alphas, cv=3).fit(images, degrees)
    assert sum(counts) == len(images)
    for key in ("mean_test_score", "std_test_score"):
        assert_array_equal(search.cv_results_[key], plain.cv_results_[key])


def test_cross_validate_and_learning_curve_on_images(pair, images, names, degrees):
    result = cross_validate(
        regressor(pair),
        images,
        degrees,
        cv=FEW,
        scoring=("r2", "neg_mean_absolute_error"),
        return_estimator=True,
    )
    assert np.isfinite(result["test_r2"]).all() and len(result["estimator"]) == 2
    result = cross_validate(annotator(pair), images, names, cv=2, error_score="raise")
    assert (result["test_score"] >= 0.25).all()
    sizes, train, test = learning_curve(
        regressor(pair), images, degrees, cv=2, train_sizes=[6, 12], error_score="raise"
    )
    assert sizes.tolist() == [6, 12]
    assert np.isfinite(train).all() and np.isfinite(test).all()


def test_lazy_maps_through_cross_validation(pair, images, names):
    maps = StyleGANInverter(*pair, output="features").fit_transform(images)
    result = cross_validate(annotator(pair)[1:], maps, names, cv=2, error_score="raise")
    assert (result["test_score"] >= 0.25).all()


def test_halving_search(rows):
    X, y = rows
    pipe = make_pipeline(HyperplaneDistance(np.eye(12)[0], w_dim=4), LatentRegressor(n_refits=3))
    search = HalvingGridSearchCV(
        pipe,
        {"latentregressor__alpha": [1.0, 1e6], "hyperplanedistance__aggregate": ["flat", 2]},
        cv=2,
        min_resources=12,
        random_state=0,
        error_score="raise",
    ).fit(X, y)
    assert search.n_resources_ == [12, 36]
    assert search.best_score_ > 0.8
    assert search.best_params_ == {
        "latentregressor__alpha": 1.0,
        "hyperplanedistance__aggregate": "flat",
    }


def test_search_over_parameters_of_what_is_inside(rows, blobs):
    X, y = rows
    pipe = make_pipeline(HyperplaneDistance(LinearSVMDirection()), LatentRegressor())
    search = GridSearchCV(pipe, {"hyperplanedistance__direction__C": [0.01, 1.0]}, cv=2).fit(X, y)
    assert search.best_estimator_[0].direction.C in (0.01, 1.0)
    X, names = blobs
    model = PseudoLabelClassifier(ClusterAnnotator(random_state=0), LogisticRegression())
    search = GridSearchCV(
        model, {"annotator__n_clusters": [1, 6], "classifier__C": [0.1, 1.0]}, cv=2
    )
    with pytest.warns(UserWarning, match="All rows were named"):  # by one cluster
        search.fit(X, names)
    assert search.best_params_["annotator__n_clusters"] == 6
    assert search.best_score_ > 0.8


def test_permutation_importance_finds_the_direction(rows):
    X, y = rows
    model = on_rows().fit(X, y)
    importance = permutation_importance(model, X, y, n_repeats=3, random_state=0)
    assert importance.importances_mean.argmax() == 0


@pytest.mark.parametrize("ensemble", [True, False])
def test_calibrated_classifier(blobs, ensemble):
    X, names = blobs
    model = CalibratedClassifierCV(
        PseudoLabelClassifier(classifier=DecisionTreeClassifier(random_state=0), random_state=0),
        cv=3,
        ensemble=ensemble,
    ).fit(X, names)
    assert_allclose(model.predict_proba(X).sum(axis=1), 1)
    assert model.score(X, names) > 0.8


def test_stacking_classifier(blobs):
    X, names = blobs
    stack = StackingClassifier(
        [
            ("few", PseudoLabelClassifier(random_state=0)),
            ("distance", make_pipeline(HyperplaneDistance(), LogisticRegression())),
        ],
        cv=3,
    ).fit(X, np.where(names == "none", "none", "some"))
    assert stack.score(X, np.where(names == "none", "none", "some")) > 0.8
    assert stack.get_feature_names_out().tolist() == [
        "stackingclassifier_few",
        "stackingclassifier_distance",
    ]


def test_stacking_and_bagging_regressors(rows):
    X, y = rows
    stack = StackingRegressor(
        [("large", on_rows()), ("mean", DummyRegressor()), ("few", LatentRegressor())],
        final_estimator=Ridge(),
        cv=3,
    ).fit(X, y)
    assert stack.score(X, y) > 0.9
    assert BaggingRegressor(on_rows(), n_estimators=3, random_state=0).fit(X, y).score(X, y) > 0.8


def test_targets_transformed_and_several(rows):
    X, y = rows
    logs = TransformedTargetRegressor(on_rows(), func=np.log, inverse_func=np.exp)
    assert logs.fit(X, np.abs(y) + 1).score(X, np.abs(y) + 1) > 0.7
    both = np.column_stack([y, X[:, 1]])
    assert MultiOutputRegressor(on_rows()).fit(X, both).predict(X).shape == (60, 2)


def test_side_by_side_with_other_columns(rows):
    X, y = rows
    frame = pd.DataFrame(X, columns=[f"w{i}" for i in range(12)]).assign(age=y)
    columns = ColumnTransformer(
        [
            ("latent", HyperplaneDistance({"yaw": np.eye(12)[0]}), [f"w{i}" for i in range(12)]),
            ("rest", StandardScaler(), ["age"]),
        ]
    ).set_output(transform="pandas")
    assert columns.fit_transform(frame, y).columns.tolist() == ["latent__yaw", "rest__age"]
    union = FeatureUnion(
        [("whole", HyperplaneDistance()), ("layers", HyperplaneDistance(aggregate=0, w_dim=4))]
    )
    names = union.fit(X, y).get_feature_names_out().tolist()
    assert names == ["whole__distance", "layers__distance:w0"]


def test_html_of_a_notebook_loads_no_network(pair, images, degrees):
    """A parameter that names a missing file would fail if anything were loaded."""
    code = (
        "import sys\n"
        "from sklearn.pipeline import make_pipeline\n"
        "from sklearn.utils import estimator_html_repr\n"
        "from skstylefeat import ChannelMISelector, HyperplaneDistance, MaxPoolReducer\n"
        "from skstylefeat import PseudoLabelClassifier, StyleGANInverter\n"
        "from skstylefeat.directions import SeFa, TextDirection\n"
        "steps = [StyleGANInverter('gone.pkl', output='features'), ChannelMISelector(),\n"
        "    MaxPoolReducer(), PseudoLabelClassifier(), HyperplaneDistance(generator='gone.pkl'),\n"
        "    SeFa('gone.pkl'), TextDirection('gone.pkl', print, print, 'a', 'b')]\n"
        "for step in [*steps, make_pipeline(*steps[:4])]:\n"
        "    html = step._repr_mimebundle_()['text/html']\n"
        "    assert type(step).__name__ in html and 'torch' not in sys.modules, step\n"
    )
    subprocess.run([sys.executable, "-c", code], check=True, cwd=ROOT)
    html = estimator_html_repr(regressor(pair).fit(images, degrees))
    assert "StyleGANInverter" in html and "tiny.safetensors" in html
