"""Properties that hold for all inputs: odd ones are refused clearly, results depend on rows alone.

`hypothesis` draws the inputs (`tests/support/odd_inputs.py`); every estimator and public function
of the numpy world sees 300 of them, what holds networks fewer.
"""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from numpy.testing import assert_allclose, assert_array_equal
from sklearn.base import clone
from sklearn.linear_model import LogisticRegression

from skstylefeat import (
    ChannelMISelector,
    ClusterAnnotator,
    FeatureMaps,
    FewShotSplit,
    HyperplaneDistance,
    LatentRegressor,
    MaxPoolReducer,
    PseudoLabelClassifier,
    latents,
    metrics,
    select_calibration_points,
)
from skstylefeat.directions import (
    DiscriminantDirection,
    FixedDirection,
    LatentPCA,
    LinearSVMDirection,
    MeanDifferenceDirection,
    edit,
)
from skstylefeat.features._pooling import pool_maps
from tests.support.odd_inputs import (
    QUICK,
    TWISTS,
    lay_out,
    make_array,
    odd_arrays,
    odd_labels,
    outcome,
)

ROWS = odd_arrays((12, 4), (9, 3), (2, 4), (1, 4))
MAPS = odd_arrays((8, 3, 4, 4), (4, 2, 2, 2), (8, 1, 1, 5), (1, 2, 3, 3))

# Estimators that are quick to fit, by what they are asked for.
ON_ROWS = {
    "annotator": (ClusterAnnotator(3, 2, random_state=0), "predict_proba"),
    "distance": (HyperplaneDistance(), "transform"),
    "distance, layers": (HyperplaneDistance([1.0, 2.0], aggregate="per_layer"), "transform"),
    "regressor": (LatentRegressor(n_refits=2), "predict"),
    "regressor, curve": (
        LatentRegressor("l2", degree=2, monotonic=True, unlabeled="ignore", n_refits=None),
        "predict",
    ),
    "pooling": (MaxPoolReducer(2), "transform"),
    "classifier": (
        PseudoLabelClassifier(
            ClusterAnnotator(3, 2, random_state=0), LogisticRegression(max_iter=50)
        ),
        "predict_proba",
    ),
    "components": (LatentPCA(), None),
    "support vectors": (LinearSVMDirection(random_state=0), "decision_function"),
    "discriminant": (DiscriminantDirection(), "decision_function"),
    "mean difference": (MeanDifferenceDirection(), "decision_function"),
    "fixed": (FixedDirection([1.0, 2.0]), None),
}


def two_groups(seed):
    """Return rows of two groups that lie apart, and which is which."""
    rng = np.random.default_rng(seed)
    y = np.arange(30) % 2
    return rng.standard_normal((30, 4)) + 4 * y[:, None], y


def check_result(result, n_rows):
    """Results have a row for each row that came, and no NaN."""
    result = np.asarray(result)
    assert len(result) == n_rows
    assert not np.isnan(result).any()


@pytest.mark.parametrize("name", ON_ROWS)
def test_fitting_odd_rows_and_labels(name):
    estimator, asked = ON_ROWS[name]

    def run(X, y):
        fitted = clone(estimator).fit(X, y)
        return fitted.direction_ if asked is None else getattr(fitted, asked)(X)

    @settings(QUICK, max_examples=300)
    @given(ROWS, odd_labels())
    def check(X, labels):
        n_rows = np.shape(X)[0] if np.ndim(X) or (hasattr(X, "shape") and X.shape) else 0
        result = outcome(run, X, labels(n_rows))
        if result is not None and asked is not None:
            check_result(result, n_rows)
        elif result is not None:
            assert np.isfinite(result).all()

    check()


@pytest.mark.parametrize("name", [name for name, (_, asked) in ON_ROWS.items() if asked])
def test_asking_about_odd_rows(name):
    estimator, asked = ON_ROWS[name]
    fitted = clone(estimator).fit(*two_groups(0))

    @settings(QUICK, max_examples=300)
    @given(ROWS)
    def check(X):
        result = outcome(getattr(fitted, asked), X)
        if result is not None:
            check_result(result, np.shape(X)[0])

    check()


@pytest.mark.parametrize(
    "estimator",
    [ChannelMISelector(1, random_state=0), MaxPoolReducer(2), MaxPoolReducer(3, mode="mean")],
    ids=str,
)
def test_fitting_odd_maps(estimator):
    @settings(QUICK, max_examples=300)
    @given(MAPS, odd_labels())
    def check(X, labels):
        n_rows = np.shape(X)[0] if np.ndim(X) else 0
        y = labels(n_rows)
        result = outcome(lambda X, y: clone(estimator).fit(X, y).transform(X), X, y)
        if result is not None:
            check_result(result, n_rows)

    check()


FUNCTIONS = {
    "bin_maps": (metrics.bin_maps, [MAPS]),
    "pairwise_mutual_information": (metrics.pairwise_mutual_information, [MAPS]),
    "quantile bins": (lambda x: metrics.bin_maps(x, binning="quantile"), [MAPS]),
    "mutual_information": (metrics.mutual_information, [ROWS, ROWS]),
    "intra_inter_mi": (metrics.intra_inter_mi, [MAPS, odd_labels().map(lambda f: f(8))]),
    "clustering_accuracy": (
        metrics.clustering_accuracy,
        [odd_labels().map(lambda f: f(9)), odd_labels().map(lambda f: f(9))],
    ),
    "pool_maps": (lambda x: pool_maps(x, 2), [MAPS]),
    "select_calibration_points": (
        lambda x: select_calibration_points(x, 3, random_state=0),
        [odd_arrays((9,), (9, 1), (3,), (2, 2))],
    ),
    "optimal points": (
        lambda x: select_calibration_points(x, 3, strategy="optimal"),
        [odd_arrays((9,), (9, 1), (3,), (2, 2))],
    ),
    "FewShotSplit": (
        lambda x, y: next(FewShotSplit(4, 1, random_state=0).split(x, y)),
        [ROWS, odd_labels().map(lambda f: f(12))],
    ),
    "FeatureMaps": (
        lambda x: FeatureMaps.from_arrays({"a": x})[[0]].select({"a": [0]}).pool(),
        [MAPS],
    ),
    "edit": (lambda x, d: edit(x, d, 1.0), [ROWS, odd_arrays((4,), (2,), (1, 4))]),
    "strengths": (lambda s: edit(np.zeros((2, 4)), [1.0, 0.0], s), [odd_arrays((3,), ())]),
    "broadcast_direction": (
        lambda d: latents.broadcast_direction(d, 3, 4),
        [odd_arrays((4,), (3, 4), (12,), (1, 3, 4))],
    ),
    "as_w_plus": (lambda x: latents.as_w_plus(x, 2, 2), [ROWS]),
    "w_to_w_plus": (lambda x: latents.w_to_w_plus(x, 2), [ROWS]),
    "w_plus_to_w": (latents.w_plus_to_w, [odd_arrays((2, 3, 4), (1, 1, 2))]),
    "HyperplaneDistance's direction": (
        lambda d: HyperplaneDistance(d).fit_transform(np.eye(4)),
        [odd_arrays((4,), (2,), (1, 4), (2, 2), (2, 4), (3, 2, 2))],
    ),
    "HyperplaneDistance's intercept": (
        lambda b: HyperplaneDistance(np.eye(4), b).fit_transform(np.eye(4)),
        [odd_arrays((4,), (), (1,))],
    ),
    "layer weights": (
        lambda s: HyperplaneDistance([1.0, 1.0], layer_weights=s).fit_transform(np.eye(4)),
        [odd_arrays((2,), (1, 2))],
    ),
    "sample weights": (
        lambda w: LatentRegressor(n_refits=2).fit(np.eye(4), [1.0, 2, 3, 4], w).predict(np.eye(4)),
        [odd_arrays((4,), ())],
    ),
    "FixedDirection's direction": (
        lambda d: FixedDirection(d).fit().direction_,
        [odd_arrays((4,), (1, 4))],
    ),
    "conditional_on": (
        lambda d: LinearSVMDirection(conditional_on=d).fit(np.eye(4), [0, 0, 1, 1]).direction_,
        [odd_arrays((4,), (2, 4))],
    ),
    "annotations": (
        lambda y: ClusterAnnotator(3, 1, random_state=0).fit(np.eye(9)).annotate(y).annotations_,
        [odd_labels().map(lambda f: f(3))],
    ),
}


@pytest.mark.parametrize("name", FUNCTIONS)
def test_odd_inputs_of_functions(name):
    function, inputs = FUNCTIONS[name]

    @settings(QUICK, max_examples=300)
    @given(st.tuples(*inputs))
    def check(drawn):
        outcome(function, *drawn)

    check()


LAYOUTS = ("F", "read-only", "negative", "strided", "memmap", "list")


def finite_rows(width, max_rows=9):
    """Return a strategy of rows of plain numbers, some of them duplicates or constant."""
    return st.builds(
        lambda seed, n, twist: make_array(seed, (n, width), "f8", "normal", twist, "C"),
        st.integers(0, 2**16),
        st.integers(1, max_rows),
        st.sampled_from(TWISTS),
    )


@pytest.mark.parametrize("name", [name for name, (_, asked) in ON_ROWS.items() if asked])
def test_an_answer_depends_on_its_row_alone(name):
    """Not on the batch, the order, the memory layout or, within rounding, the dtype."""
    estimator, asked = ON_ROWS[name]
    ask = getattr(clone(estimator).fit(*two_groups(0)), asked)

    @settings(QUICK, max_examples=40)
    @given(finite_rows(4), st.sampled_from(LAYOUTS), st.integers(0, 99))
    def check(X, layout, seed):
        expected = ask(X)
        order = np.random.default_rng(seed).permutation(len(X))
        assert_allclose(ask(X[order]), expected[order], rtol=1e-9, atol=1e-12)
        one_by_one = np.concatenate([ask(row) for row in np.split(X, len(X))])
        assert_allclose(one_by_one, expected, rtol=1e-9, atol=1e-12)
        assert_allclose(ask(lay_out(X, layout)), expected, rtol=1e-9, atol=1e-12)
        assert_allclose(ask(X.astype(np.float32)), expected, rtol=1e-3, atol=1e-4)

    check()


@pytest.mark.parametrize("name", ON_ROWS)
def test_a_fit_depends_on_numbers_alone(name):
    """Not on the memory layout, and, within rounding, not on the dtype."""
    estimator, asked = ON_ROWS[name]

    @settings(QUICK, max_examples=25)
    @given(st.integers(0, 2**16), st.sampled_from(LAYOUTS))
    def check(seed, layout):
        X, y = two_groups(seed)

        def say(X):
            fitted = clone(estimator).fit(X, y)
            return fitted.direction_ if asked is None else getattr(fitted, asked)(X)

        expected = say(X)
        assert_allclose(say(lay_out(X, layout)), expected, rtol=1e-6, atol=1e-8)
        assert_allclose(say(X.astype(np.float32)), expected, rtol=2e-3, atol=2e-3)

    check()


@settings(QUICK, max_examples=40)
@given(finite_rows(2, 12), st.integers(0, 99), st.sampled_from(["l2", None, "elasticnet"]))
def test_a_calibration_does_not_depend_on_the_order_of_labels(X, seed, penalty):
    y = 3 * X[:, 0] + np.sin(X[:, 1])
    if len(X) < 2:
        return
    order = np.random.default_rng(seed).permutation(len(X))
    model = LatentRegressor(penalty, n_refits=None)
    one, other = clone(model).fit(X, y), clone(model).fit(X[order], y[order])
    assert_allclose(one.predict(X), other.predict(X), rtol=1e-6, atol=1e-6)
    twice = clone(model).fit(np.vstack([X, X]), np.concatenate([y, y]))
    weighted = clone(model).fit(X, y, sample_weight=np.full(len(X), 2.0))
    assert_allclose(twice.predict(X), weighted.predict(X), rtol=1e-6, atol=1e-6)


@settings(QUICK, max_examples=40)
@given(st.integers(0, 2**16), st.integers(2, 5), st.integers(1, 6), st.integers(1, 2))
def test_information_does_not_depend_on_order_or_threads(seed, n, n_channels, n_jobs):
    rng = np.random.default_rng(seed)
    maps = rng.standard_normal((n, n_channels, 4, 4)).astype(np.float32)
    expected = metrics.pairwise_mutual_information(maps)
    images, channels = rng.permutation(n), rng.permutation(n_channels)
    found = metrics.pairwise_mutual_information(maps[images][:, channels], n_jobs=n_jobs)
    assert_allclose(found, expected[channels][:, images][:, :, images], rtol=1e-9, atol=1e-12)
    lying = np.asfortranarray(maps)
    assert_array_equal(metrics.pairwise_mutual_information(lying), expected)
    assert_allclose(metrics.pairwise_mutual_information(maps * 2.0 + 8.0), expected, atol=1e-9)


@settings(QUICK, max_examples=40)
@given(st.integers(0, 2**16), st.integers(1, 9), st.integers(1, 9), st.integers(1, 3))
def test_pooling_does_not_depend_on_batches(seed, n, batch_size, size):
    rng = np.random.default_rng(seed)
    arrays = {"a": rng.standard_normal((n, 2, 4, 4)), "b": rng.standard_normal((n, 1, 5, 5))}
    maps = FeatureMaps.from_arrays(arrays)
    maps.batch_size = batch_size
    pooled = maps.pool(size)
    order = rng.permutation(n)
    assert_array_equal(maps[order].pool(size), pooled[order])
    whole = [pool_maps(x, size).reshape(n, -1) for x in arrays.values()]
    assert_array_equal(pooled, np.concatenate(whole, axis=1).astype(np.float32))
    assert_array_equal(MaxPoolReducer(size).fit_transform(maps), pooled)
