"""HyperplaneDistance: equations, shapes of directions, layer weights, dtypes, errors."""

import pickle
import subprocess
import sys

import joblib
import numpy as np
import pytest
from sklearn.base import clone
from sklearn.decomposition import PCA
from sklearn.frozen import FrozenEstimator
from sklearn.linear_model import LogisticRegression, Ridge
from sklearn.model_selection import GridSearchCV
from sklearn.pipeline import make_pipeline

from skstylefeat import HyperplaneDistance, LatentRegressor, layer_importance
from skstylefeat.directions import LinearSVMDirection
from tests.support.networks import tiny_generator

N_WS, W_DIM = 3, 4


@pytest.fixture
def codes():
    return np.random.RandomState(0).normal(size=(20, N_WS * W_DIM))


@pytest.fixture
def normal():
    return np.array([3.0, 0.0, 4.0, 0.0])


def test_equation_1_in_w(codes, normal):
    w = codes[:, :W_DIM]
    got = HyperplaneDistance(normal, 10.0).fit_transform(w)
    np.testing.assert_allclose(got[:, 0], (w @ normal + 10.0) / 5.0)
    raw = HyperplaneDistance(normal, 10.0, normalize=False).fit_transform(w)
    np.testing.assert_allclose(raw[:, 0], w @ normal + 10.0)


def test_equation_3_in_w_plus(codes, normal):
    weights = np.array([1.0, 2.0, 5.0])
    got = HyperplaneDistance(normal, 10.0, layer_weights=weights).fit_transform(codes)
    layers = (codes.reshape(-1, N_WS, W_DIM) @ normal + 10.0) / 5.0
    np.testing.assert_allclose(got[:, 0], layers @ weights / 8.0)


def test_scale_of_layer_weights_does_not_matter(codes, normal):
    # The published code saves weights that sum to 1/512, which flattens its regression.
    weights = np.array([1.0, 2.0, 5.0])
    a = HyperplaneDistance(normal, layer_weights=weights).fit(codes)
    b = HyperplaneDistance(normal, layer_weights=weights / 8 / 512).fit(codes)
    np.testing.assert_allclose(a.layer_weights_.sum(), 1.0)
    np.testing.assert_allclose(a.transform(codes), b.transform(codes))


@pytest.mark.parametrize("shape", [(W_DIM,), (1, W_DIM)])
def test_w_direction_applies_to_every_layer(codes, normal, shape):
    got = HyperplaneDistance(normal.reshape(shape)).fit_transform(codes)
    expected = HyperplaneDistance(np.tile(normal, (N_WS, 1))).fit_transform(codes)
    np.testing.assert_allclose(got, expected)


@pytest.mark.parametrize("shape", [(N_WS, W_DIM), (1, N_WS, W_DIM)])
def test_w_plus_direction_keeps_its_layers_apart(codes, shape):
    direction = np.random.RandomState(1).normal(size=(N_WS, W_DIM))
    model = HyperplaneDistance(direction.reshape(shape), 2.0).fit(codes)
    # The lengths of the layers' normals weigh them: eq. 3 is the plane's own distance, rescaled.
    total = np.linalg.norm(direction, axis=1).sum()
    expected = (codes @ direction.ravel() + 2.0) / total
    np.testing.assert_allclose(model.transform(codes)[:, 0], expected)
    flat = HyperplaneDistance(direction.reshape(shape), 2.0, aggregate="flat").fit_transform(codes)
    np.testing.assert_allclose(
        flat[:, 0], (codes @ direction.ravel() + 2.0) / np.linalg.norm(direction)
    )
    row = HyperplaneDistance(direction.ravel(), 2.0, w_dim=W_DIM).fit_transform(codes)
    np.testing.assert_allclose(row[:, 0], expected)


def test_intercept_of_a_w_plus_direction_by_hand():
    """It is divided in proportion to the norms, here 3 to 1, and scaled with the normals."""
    direction, origin = [[3.0, 0.0], [0.0, 1.0]], np.array([[0.0, 0, 0, 0], [1, 0, 0, 1]])
    params = {"intercept": 8.0, "aggregate": "per_layer"}
    np.testing.assert_allclose(
        HyperplaneDistance(direction, **params).fit_transform(origin), [[2, 2], [3, 3]]
    )
    np.testing.assert_allclose(
        HyperplaneDistance(direction, normalize=False, **params).fit_transform(origin),
        [[6, 2], [9, 3]],
    )
    # Unscaled normals contain their lengths: the layers have equal weights.
    whole = HyperplaneDistance(direction, 8.0, normalize=False).fit(origin)
    np.testing.assert_allclose(whole.layer_weights_, [[0.5, 0.5]])
    np.testing.assert_allclose(whole.transform(origin), [[4], [6]])


def test_per_layer_and_single_layer_agree_with_weighted(codes, normal):
    layers = HyperplaneDistance(normal, 1.0, aggregate="per_layer").fit_transform(codes)
    assert layers.shape == (20, N_WS)
    weights = np.array([0.2, 0.3, 0.5])
    weighted = HyperplaneDistance(normal, 1.0, layer_weights=weights).fit_transform(codes)
    np.testing.assert_allclose(weighted[:, 0], layers @ weights)
    for layer in (0, 2, -1):
        single = HyperplaneDistance(normal, 1.0, aggregate=layer).fit_transform(codes)
        np.testing.assert_allclose(single[:, 0], layers[:, layer])


def test_all_aggregates_are_the_distance_for_repeated_codes(codes, normal):
    w = codes[:, :W_DIM]
    expected = HyperplaneDistance(normal, 1.0).fit_transform(w)
    repeated = np.tile(w, N_WS)
    for aggregate in ("weighted", 1):
        got = HyperplaneDistance(normal, 1.0, aggregate=aggregate).fit_transform(repeated)
        np.testing.assert_allclose(got, expected)
    flat = HyperplaneDistance(normal, 1.0, aggregate="flat").fit_transform(repeated)
    np.testing.assert_allclose(flat, np.sqrt(N_WS) * expected)


def test_several_directions_and_their_names(codes, normal):
    directions = {"yaw": normal, "age": normal[::-1]}
    model = HyperplaneDistance(directions, {"yaw": 1.0, "age": 2.0}).fit(codes)
    assert list(model.get_feature_names_out()) == ["yaw", "age"]
    for i, (direction, b) in enumerate([(normal, 1.0), (normal[::-1], 2.0)]):
        alone = HyperplaneDistance(direction, b).fit_transform(codes)
        np.testing.assert_allclose(model.transform(codes)[:, [i]], alone)
    stack = np.stack([normal, normal[::-1]])[:, None]
    stacked = HyperplaneDistance(stack, [1.0, 2.0]).fit(codes)
    np.testing.assert_allclose(stacked.transform(codes), model.transform(codes))
    assert list(stacked.get_feature_names_out()) == ["distance0", "distance1"]
    layers = HyperplaneDistance(directions, aggregate="per_layer").fit(codes)
    assert list(layers.get_feature_names_out())[:4] == ["yaw:w0", "yaw:w1", "yaw:w2", "age:w0"]
    assert layers.set_output(transform="pandas").transform(codes).columns[-1] == "age:w2"


def test_files(codes, normal, tmp_path):
    expected = HyperplaneDistance(normal, 1.0).fit_transform(codes)
    np.save(tmp_path / "n.npy", normal[None])
    np.savez(tmp_path / "n.npz", direction=normal, intercept=1.0)
    got = HyperplaneDistance(str(tmp_path / "n.npy"), 1.0).fit_transform(codes)
    np.testing.assert_allclose(got, expected)
    got = HyperplaneDistance(tmp_path / "n.npz").fit_transform(codes)
    np.testing.assert_allclose(got, expected)
    np.savez(tmp_path / "many.npz", yaw=normal, age=-normal)
    model = HyperplaneDistance(tmp_path / "many.npz").fit(codes)
    assert list(model.get_feature_names_out()) == ["yaw", "age"]


def test_estimators_as_directions(codes):
    y = codes[:, 1] > 0
    fitted = LogisticRegression().fit(codes, y)
    expected = fitted.decision_function(codes) / np.linalg.norm(fitted.coef_)
    for direction in (fitted, LogisticRegression(), FrozenEstimator(fitted)):
        got = HyperplaneDistance(direction).fit(codes, y).transform(codes)
        np.testing.assert_allclose(got[:, 0], expected)
    survivor = clone(HyperplaneDistance(FrozenEstimator(fitted))).fit(codes)
    np.testing.assert_allclose(survivor.transform(codes)[:, 0], expected)
    three = LogisticRegression().fit(codes, np.repeat(["a", "b", "c"], [7, 7, 6]))
    assert list(HyperplaneDistance(three).fit(codes).get_feature_names_out()) == ["a", "b", "c"]


@pytest.mark.parametrize("n", [4, 30, 500])
def test_direction_is_learned_from_labels(n):
    rng = np.random.RandomState(0)
    X = rng.normal(size=(n + 500, N_WS * W_DIM))
    score = X[:, 5] - X[:, 2]
    for y in (score[:n], score[:n] > 0, np.where(score[:n] > 0, "sick", "healthy")):
        model = HyperplaneDistance(w_dim=W_DIM).fit(X[:n], y)
        correlation = np.corrcoef(model.transform(X[n:])[:, 0], score[n:])[0, 1]
        sign = -1 if np.asarray(y).dtype.kind == "U" and np.unique(y)[1] == "healthy" else 1
        assert sign * correlation > {4: 0.2, 30: 0.75, 500: 0.95}[n]


def test_learned_direction_weighs_the_layers_by_their_norms():
    rng = np.random.RandomState(0)
    X = rng.normal(size=(1000, N_WS * W_DIM))
    model = HyperplaneDistance(w_dim=W_DIM).fit(X, X[:, 5])
    assert model.layer_weights_[0].argmax() == 1
    assert model.layer_weights_[0, 1] > 0.6
    # The plane is the same for every aggregation, up to its scale.
    flat = HyperplaneDistance(aggregate="flat").fit(X, X[:, 5]).transform(X)
    ratio = model.transform(X) / flat
    assert np.ptp(ratio) < 1e-6


def test_generator_names_sizes_and_importance():
    generator = tiny_generator(16)
    n_features = generator.n_ws * generator.w_dim
    codes = np.random.RandomState(0).normal(size=(10, n_features)).astype(np.float32)
    normal = np.random.RandomState(1).normal(size=generator.w_dim)
    params = {"n_pairs": 20}
    model = HyperplaneDistance(
        {"yaw": normal}, generator=generator, importance_params=params, aggregate="per_layer"
    ).fit(codes)
    assert list(model.get_feature_names_out()) == [
        "yaw:b4.conv1",
        "yaw:b8.conv0",
        "yaw:b8.conv1",
        "yaw:b16.conv0",
        "yaw:b16.conv1",
        "yaw:b16.torgb",
    ]
    weighted = HyperplaneDistance(
        normal, generator=generator, importance_params=params, random_state=0
    ).fit(codes)
    expected = layer_importance(generator, normal, n_pairs=20, random_state=0)
    np.testing.assert_allclose(weighted.layer_weights_[0], expected.weights)
    given = HyperplaneDistance(normal, layer_weights=expected).fit(codes)
    np.testing.assert_allclose(given.transform(codes), weighted.transform(codes), rtol=1e-5)
    np.testing.assert_allclose(weighted.center_, np.tile(generator.w_avg, generator.n_ws))
    uniform = HyperplaneDistance(normal, generator=generator, layer_weights="uniform").fit(codes)
    np.testing.assert_allclose(uniform.layer_weights_, 1 / generator.n_ws)
    alone = HyperplaneDistance(normal, generator=generator).fit(codes[:, : generator.w_dim])
    assert alone.layer_names_ == ("w",)


def test_s_space_layers_have_their_own_widths():
    generator = tiny_generator(16)
    w = generator.mapping(generator.sample_z(300, random_state=0))
    styles = generator.styles(w)
    column = generator.style_slices["b8.conv1"].start
    model = HyperplaneDistance(generator=generator, aggregate="per_layer").fit(
        styles, styles[:, column]
    )
    assert list(model.layer_names_) == list(generator.style_slices)
    distances = model.transform(styles)
    block = generator.style_slices["b8.conv1"]
    layer = list(generator.style_slices).index("b8.conv1")
    coef = model.coef_[0, block]
    np.testing.assert_allclose(np.linalg.norm(coef), 1.0)
    expected = styles[:, block] @ coef + model.offset_[0, layer]
    np.testing.assert_allclose(distances[:, layer], expected, atol=1e-5)


@pytest.mark.parametrize("aggregate", ["weighted", "per_layer", "flat", 1])
@pytest.mark.parametrize("n_directions", [1, 2])
def test_inverse_transform_has_the_distances(codes, normal, aggregate, n_directions):
    directions = {"a": normal, "b": np.array([1.0, 2.0, 0.0, 1.0])}
    directions = dict(list(directions.items())[:n_directions])
    model = HyperplaneDistance(directions, 1.5, aggregate=aggregate).fit(codes)
    distances = np.random.RandomState(2).normal(size=(5, len(model.get_feature_names_out())))
    points = model.inverse_transform(distances)
    np.testing.assert_allclose(model.transform(points), distances, atol=1e-10)


def test_inverse_transform_moves_along_the_normal(codes, normal):
    w = codes[:, :W_DIM]
    model = HyperplaneDistance(normal).fit(w)
    start = model.transform(model.center_[None])[0, 0]
    point = model.inverse_transform([[start + 2.0]])
    np.testing.assert_allclose(point[0], w.mean(axis=0) + 2.0 * normal / 5.0)


@pytest.mark.parametrize("aggregate", ["weighted", "per_layer", "flat", 2])
def test_dtypes_memmaps_and_batches(codes, normal, aggregate, tmp_path):
    model = HyperplaneDistance(normal, 1.0, aggregate=aggregate).fit(codes)
    np.save(tmp_path / "x.npy", codes.astype(np.float32))
    mapped = np.load(tmp_path / "x.npy", mmap_mode="r")
    whole = model.transform(mapped)
    assert whole.dtype == np.float32
    assert model.transform(codes).dtype == np.float64
    np.testing.assert_allclose(whole, model.transform(codes), atol=1e-5)
    rows = np.concatenate([model.transform(mapped[i : i + 1]) for i in range(len(mapped))])
    np.testing.assert_allclose(rows, whole, atol=1e-6)
    cubes = mapped.reshape(len(mapped), N_WS, W_DIM)
    np.testing.assert_array_equal(model.transform(cubes), whole)
    np.testing.assert_array_equal(model.transform(np.asfortranarray(mapped)).shape, whole.shape)


@pytest.mark.parametrize("bad", [np.nan, np.inf])
def test_nan_in_x_and_overflow_are_refused(codes, normal, bad):
    model = HyperplaneDistance(normal).fit(codes)
    codes[3, 5] = bad  # under a zero of the direction
    with pytest.raises(ValueError, match=r"NaN|infinity"):
        model.transform(codes)
    huge = np.full((1, N_WS * W_DIM), 3e38, dtype=np.float32)
    model = HyperplaneDistance(normal, normalize=False).fit(codes[:2])
    with pytest.raises(ValueError, match="distances overflow float32"):
        model.transform(huge)


@pytest.mark.parametrize(
    ("params", "message"),
    [
        ({"direction": np.ones(5)}, "n_features = 12.*5"),
        ({"direction": np.ones((5, W_DIM))}, r"\(5, 4\).*3 x 4"),
        ({"direction": np.zeros(W_DIM)}, "zero everywhere"),
        ({"direction": [1.0, np.nan, 0.0, 0.0]}, "NaN"),
        ({"direction": np.ones((5, 7))}, "5 x 7 = 35"),
        ({"direction": np.ones(W_DIM), "layer_weights": [1.0, 2.0]}, "3 layers"),
        ({"direction": np.ones(W_DIM), "layer_weights": [1.0, -2.0, 3.0]}, "not negative"),
        ({"direction": np.ones(W_DIM), "layer_weights": [0.0, 0.0, 0.0]}, "not all 0"),
        ({"direction": np.ones(W_DIM), "layer_weights": "importance"}, "needs the generator"),
        ({"direction": np.ones(W_DIM), "aggregate": 3}, "is not a layer"),
        ({"direction": np.ones(W_DIM), "aggregate": "mean"}, "aggregate"),
        ({"direction": np.ones(W_DIM), "intercept": [1.0, 2.0]}, "intercept"),
        ({"direction": {}}, "empty"),
        ({"direction": "no/such/file.npy"}, "no file"),
    ],
)
def test_bad_parameters(codes, params, message):
    with pytest.raises((ValueError, FileNotFoundError), match=message):
        HyperplaneDistance(**params).fit(codes)


def test_wrong_width_for_a_generator_names_the_right_ones(codes):
    generator = tiny_generator(16)
    with pytest.raises(ValueError, match=r"n_ws x w_dim = 6 x 7 = 42 \(W\+\), 7 \(W\)"):
        HyperplaneDistance(np.ones(7), generator=generator).fit(codes)


@pytest.mark.parametrize(
    ("y", "message"),
    [
        (None, "requires y"),
        (np.ones(20), "1 class"),
        (np.r_[np.nan, np.ones(19)], "1 class"),
        (np.repeat(["a", "b", "c", "d"], 5), "4 classes that are not numbers"),
        (np.ones(19), "inconsistent"),
    ],
)
def test_bad_labels(codes, y, message):
    with pytest.raises(ValueError, match=message):
        HyperplaneDistance().fit(codes, y)


def test_equal_codes_have_no_direction():
    with pytest.raises(ValueError, match="equal"):
        HyperplaneDistance().fit(np.ones((6, 3)), [0, 1, 0, 1, 0, 1])


def test_grid_search_over_the_whole_regression(tmp_path):
    rng = np.random.RandomState(0)
    X = rng.normal(size=(60, N_WS * W_DIM)).astype(np.float32)
    y = 40 + 10 * X[:, 4] + rng.normal(size=60)
    pipeline = make_pipeline(HyperplaneDistance(w_dim=W_DIM), LatentRegressor())
    grid = {
        "hyperplanedistance__aggregate": ["weighted", "per_layer", 1],
        "latentregressor__penalty": ["elasticnet", "none"],
        "latentregressor__degree": [1, 2],
    }
    search = GridSearchCV(pipeline, grid, cv=3, n_jobs=2).fit(X, y)
    assert search.best_score_ > 0.6
    joblib.dump(search, tmp_path / "model.joblib")
    assert (tmp_path / "model.joblib").stat().st_size < 1e6
    np.save(tmp_path / "x.npy", X)
    script = (
        "import sys, joblib, numpy as np\n"
        f"model = joblib.load({str(tmp_path / 'model.joblib')!r})\n"
        f"X = np.load({str(tmp_path / 'x.npy')!r})\n"
        f"np.save({str(tmp_path / 'y.npy')!r}, model.predict(X))\n"
        "assert 'torch' not in sys.modules, 'torch was imported'\n"
    )
    subprocess.run([sys.executable, "-c", script], check=True)
    np.testing.assert_array_equal(np.load(tmp_path / "y.npy"), search.predict(X))


def test_pickle_and_clone(codes, normal):
    model = HyperplaneDistance(normal, 1.0).fit(codes)
    again = pickle.loads(pickle.dumps(model))
    np.testing.assert_array_equal(again.transform(codes), model.transform(codes))
    np.testing.assert_array_equal(clone(model).fit(codes).transform(codes), model.transform(codes))


def test_unfitted_estimators_and_pipelines_as_directions(codes):
    y = codes[:, 0]
    by_ridge = HyperplaneDistance(Ridge()).fit(codes, y).transform(codes)[:, 0]
    assert np.corrcoef(by_ridge, y)[0, 1] > 0.95
    svm = LinearSVMDirection(C=0.1, random_state=0)
    model = HyperplaneDistance(svm).fit(codes, y)
    assert not hasattr(svm, "direction_")
    expected = LinearSVMDirection(C=0.1, random_state=0).fit(codes, y)
    np.testing.assert_allclose(model.coef_[0], expected.direction_)
    with pytest.raises(Exception, match="coef_"):
        HyperplaneDistance(PCA(2)).fit(codes, y)
