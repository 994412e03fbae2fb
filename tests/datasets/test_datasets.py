import sys

import numpy as np
import pandas as pd
import pytest
from scipy.stats import kstest, spearmanr
from sklearn.cluster import KMeans
from sklearn.decomposition import PCA

from skstylefeat.datasets import make_faces, render_faces, sample_attributes
from skstylefeat.datasets._attributes import ATTRIBUTES
from skstylefeat.metrics import clustering_accuracy

NUMBERS = [name for name, spec in ATTRIBUTES.items() if not spec.categories]
CATEGORIES = [name for name, spec in ATTRIBUTES.items() if spec.categories]


@pytest.fixture(scope="module")
def many():
    return make_faces(1500, image_size=32, random_state=0)


# ---- the Bunch


@pytest.mark.parametrize("size", [8, 33, 64])
def test_shapes_and_dtypes(size):
    faces = make_faces(5, image_size=size, random_state=0)
    assert faces.images.shape == (5, size, size, 3)
    assert faces.images.dtype == np.uint8
    np.testing.assert_array_equal(faces.data.reshape(faces.images.shape), faces.images)
    assert len(faces.feature_names) == faces.data.shape[1]
    column = faces.feature_names.index(f"pixel_3_{size - 1}_blue")
    np.testing.assert_array_equal(faces.data[:, column], faces.images[:, 3, size - 1, 2])
    assert set(faces.attributes) == set(ATTRIBUTES)
    assert all(column.shape == (5,) for column in faces.attributes.values())


def test_return_X_y_is_data_and_target():
    faces = make_faces(6, image_size=16, random_state=3, target="age")
    X, y = make_faces(6, image_size=16, random_state=3, target="age", return_X_y=True)
    np.testing.assert_array_equal(X, faces.data)
    np.testing.assert_array_equal(y, faces.target)
    np.testing.assert_array_equal(y, faces.attributes["age"])
    assert faces.target_names == ["age"]


@pytest.mark.parametrize("name", CATEGORIES)
def test_categories_are_coded_by_target_names(name):
    faces = make_faces(60, image_size=8, random_state=0, target=name)
    assert faces.target.dtype == np.int64
    assert faces.target_names == list(ATTRIBUTES[name].categories)
    np.testing.assert_array_equal(
        np.array(faces.target_names)[faces.target], faces.attributes[name]
    )


def test_several_targets():
    faces = make_faces(4, image_size=8, random_state=0, target=["yaw", "age"])
    expected = np.stack([faces.attributes["yaw"], faces.attributes["age"]], axis=1)
    np.testing.assert_array_equal(faces.target, expected)
    assert faces.target_names == ["yaw", "age"]


def test_as_frame():
    plain = make_faces(7, image_size=8, random_state=0)
    faces = make_faces(7, image_size=8, random_state=0, as_frame=True)
    assert isinstance(faces.target, pd.Series)
    assert faces.target.name == "glasses" and plain.frame is None
    assert list(faces.data.columns) == faces.feature_names
    np.testing.assert_array_equal(faces.data.to_numpy(), plain.data)
    for name, column in plain.attributes.items():
        np.testing.assert_array_equal(np.asarray(faces.attributes[name]), column)
    X, y = make_faces(
        7, image_size=8, random_state=0, as_frame=True, return_X_y=True, target=["yaw", "age"]
    )
    pd.testing.assert_frame_equal(X, faces.data)
    assert list(y.columns) == ["yaw", "age"]
    # a frame of attributes is what render_faces draws
    np.testing.assert_array_equal(render_faces(faces.attributes, 8), plain.images)


def test_as_frame_without_pandas(monkeypatch):
    monkeypatch.setitem(sys.modules, "pandas", None)
    with pytest.raises(ImportError, match="pip install pandas"):
        make_faces(2, image_size=8, as_frame=True)


def test_description_lists_every_attribute_as_it_is_drawn():
    lines = make_faces(1, image_size=8).DESCR.splitlines()
    for name, spec in ATTRIBUTES.items():
        (line,) = (line for line in lines if line.split()[:1] == [name])
        if spec.categories:
            pairs = zip(spec.categories, spec.probabilities, strict=True)
            assert ", ".join(f"{kind} {share:g}" for kind, share in pairs) in line
        else:
            assert f" {spec.low:g} to {spec.high:g} " in line
            assert f" {spec.default:g} " in line


# ---- determinism


def test_seed_decides():
    first, again, other = (make_faces(8, random_state=seed).images for seed in (5, 5, 6))
    np.testing.assert_array_equal(first, again)
    assert (first != other).any(axis=(1, 2, 3)).all()
    from_state = make_faces(8, random_state=np.random.RandomState(5)).images
    np.testing.assert_array_equal(first, from_state)


@pytest.mark.parametrize("correlation", [None, {("age", "glasses"): 0.7}])
def test_first_faces_do_not_depend_on_how_many_follow(correlation):
    few = make_faces(5, random_state=1, correlation=correlation)
    more = make_faces(41, random_state=1, correlation=correlation)
    np.testing.assert_array_equal(few.images, more.images[:5])


@pytest.mark.parametrize("size", [16, 64])
def test_batches_change_no_pixel(size):
    attributes = sample_attributes(50, random_state=2)
    expected = render_faces(attributes, size, batch_size=50)
    for batch_size in (1, 7, None):
        images = render_faces(attributes, size, batch_size=batch_size)
        np.testing.assert_array_equal(images, expected)
    shuffled = np.random.default_rng(0).permutation(50)
    some = {name: column[shuffled] for name, column in attributes.items()}
    np.testing.assert_array_equal(render_faces(some, size), expected[shuffled])


@pytest.mark.parametrize(("size", "width"), [(8, 0), (16, 1), (24, -1)])
def test_turned_faces_are_the_same_alone(size, width):
    # windows around features are smallest for a face alone, and edges widest on small pictures,
    # where a smiling child's brows bend far past their ends
    yaw, pitch = np.meshgrid(np.linspace(-45, 45, 19), np.linspace(-25, 25, 21))
    faces = {"yaw": yaw.ravel(), "pitch": pitch.ravel(), "face_width": width}
    faces.update(age=5, smile=1, eye_open=0, hair_length=0, light_azimuth=60, brow_weight=-width)
    alone = render_faces(faces, size, batch_size=1)
    np.testing.assert_array_equal(alone, render_faces(faces, size, batch_size=yaw.size))


def test_sizes_show_the_same_faces():
    large = make_faces(40, image_size=128, random_state=4).images.astype(float)
    small = make_faces(40, image_size=64, random_state=4).images.astype(float)
    halved = large.reshape(40, 64, 2, 64, 2, 3).mean(axis=(2, 4))
    assert np.sqrt(np.mean((halved - small) ** 2)) < 6
    # and no other face comes near
    others = np.sqrt(np.mean((halved - np.roll(small, 1, axis=0)) ** 2, axis=(1, 2, 3)))
    assert others.min() > 20


# ---- distributions


@pytest.mark.parametrize("name", NUMBERS)
def test_numbers_are_uniform(name):
    spec = ATTRIBUTES[name]
    values = sample_attributes(4000, random_state=0)[name]
    assert kstest((values - spec.low) / (spec.high - spec.low), "uniform").pvalue > 1e-3


@pytest.mark.parametrize("name", CATEGORIES)
def test_categories_have_their_probabilities(name):
    spec = ATTRIBUTES[name]
    assert sum(spec.probabilities) == pytest.approx(1)
    values = sample_attributes(4000, random_state=0)[name]
    shares = [np.mean(values == kind) for kind in spec.categories]
    np.testing.assert_allclose(shares, spec.probabilities, atol=0.03)


def ranks(attributes):
    """Numbers as they are, categories by their place."""
    columns = []
    for name, values in attributes.items():
        kinds = list(ATTRIBUTES[name].categories)
        columns.append([kinds.index(v) for v in values] if kinds else values)
    return np.stack(columns, axis=1)


def test_attributes_are_independent_by_default():
    n = 4000
    rho = spearmanr(ranks(sample_attributes(n, random_state=1))).statistic
    # 496 pairs: the largest of as many normal numbers is 4.5 with odds of 1 to 300
    assert np.abs(rho - np.eye(len(rho))).max() < 4.5 / np.sqrt(n)


@pytest.mark.parametrize("rho", [-0.9, -0.3, 0.5, 0.95])
def test_correlation_holds_and_changes_nothing_else(rho):
    attributes = sample_attributes(4000, random_state=1, correlation={("yaw", "age"): rho})
    found = spearmanr(attributes["yaw"], attributes["age"]).statistic
    assert found == pytest.approx(6 / np.pi * np.arcsin(rho / 2), abs=0.03)
    assert kstest((attributes["age"] - 5) / 75, "uniform").pvalue > 1e-3
    assert abs(spearmanr(attributes["yaw"], attributes["smile"]).statistic) < 0.06
    # the order of the two names does not matter
    swapped = sample_attributes(4000, random_state=1, correlation={("age", "yaw"): rho})
    np.testing.assert_array_equal(attributes["age"], swapped["age"])


def test_correlation_with_a_category_goes_by_its_order():
    attributes = sample_attributes(3000, random_state=0, correlation={("glasses", "age"): 0.8})
    means = [
        attributes["age"][attributes["glasses"] == kind].mean()
        for kind in ("none", "clear", "dark")
    ]
    assert means[0] + 10 < means[1] < means[2] - 5
    assert np.mean(attributes["glasses"] == "none") == pytest.approx(0.5, abs=0.03)


@pytest.mark.parametrize("target", ["glasses", "age"])
def test_two_means_on_pixels_find_neither_glasses_nor_age(many, target):
    truth = (
        many.attributes["glasses"] != "none"
        if target == "glasses"
        else many.attributes["age"] >= 40
    )
    majority = max(truth.mean(), 1 - truth.mean())
    reduced = PCA(30, random_state=0).fit_transform(many.data / 255.0)
    clusters = KMeans(2, n_init=3, random_state=0).fit_predict(reduced)
    assert clustering_accuracy(truth.astype(int), clusters) < majority + 0.05


# ---- bad input


@pytest.mark.parametrize(
    ("arguments", "error", "message"),
    [
        ({"n_samples": 0}, ValueError, "n_samples must be at least 1, got 0"),
        ({"n_samples": 2.5}, TypeError, "n_samples must be an integer.*got 2.5"),
        ({"n_samples": True}, TypeError, "n_samples must be an integer"),
        ({"image_size": 4}, ValueError, "image_size must be from 8 to 1024 pixels, got 4"),
        ({"image_size": 64.0}, TypeError, "image_size must be an integer"),
        ({"random_state": "a"}, ValueError, "cannot be used to seed"),
        ({"target": "glases"}, ValueError, "unknown attribute 'glases'. Did you mean 'glasses'"),
        ({"target": None}, TypeError, "target must be the name of an attribute"),
        ({"target": []}, TypeError, "target must be the name of an attribute"),
        ({"target": ["yaw", "glasses"]}, ValueError, "numbers only, got the category 'glasses'"),
        ({"correlation": 0.5}, TypeError, "correlation must be a dict"),
        ({"correlation": {"age": 0.5}}, ValueError, "keys of correlation must be pairs of names"),
        ({"correlation": {("age", "wisdom"): 0.5}}, ValueError, "unknown attribute 'wisdom'"),
        ({"correlation": {("age", "age"): 0.5}}, ValueError, "two different names"),
        ({"correlation": {("age", "yaw"): 1}}, ValueError, "between -1 and 1.*got 1"),
        ({"correlation": {("age", "yaw"): "high"}}, ValueError, "between -1 and 1.*got 'high'"),
        ({"correlation": {("age", "yaw"): np.nan}}, ValueError, "between -1 and 1.*got nan"),
        (
            {"correlation": {("age", "yaw"): 0.5, ("yaw", "age"): 0.4}},
            ValueError,
            "given twice, as 0.5 and 0.4",
        ),
        (
            {"correlation": {("age", "yaw"): 0.9, ("yaw", "smile"): 0.9, ("age", "smile"): -0.9}},
            ValueError,
            "no attributes can have all these correlations at once",
        ),
    ],
)
def test_bad_input_of_make_faces(arguments, error, message):
    with pytest.raises(error, match=message):
        make_faces(**{"n_samples": 2, "image_size": 8, **arguments})


@pytest.mark.parametrize(
    ("attributes", "error", "message"),
    [
        ([10, 20], TypeError, "must be a dict or DataFrame of columns.*got list"),
        ({"jaw": 3}, ValueError, "unknown attribute 'jaw'. Did you mean 'yaw'"),
        ({"yaw": 60}, ValueError, r"yaw must be from -45 to 45 \(degrees.*got 60"),
        ({"yaw": [0, np.nan]}, ValueError, "yaw must be from.*got nan"),
        ({"yaw": "left"}, ValueError, "yaw must be a number from -45 to 45, got .'left'"),
        ({"yaw": [[0, 1]]}, ValueError, r"one per face, got an array of shape \(1, 2\)"),
        ({"yaw": [0, 1], "age": [5, 6, 7]}, ValueError, "'yaw': 2, 'age': 3"),
        ({"yaw": []}, ValueError, "describe no face"),
        ({"glasses": "sun"}, ValueError, "must be one of 'none', 'clear', 'dark', got.*'sun'"),
        ({"glasses": ["dark", 1]}, ValueError, "must be one of 'none', 'clear', 'dark', got"),
    ],
)
def test_bad_input_of_render_faces(attributes, error, message):
    with pytest.raises(error, match=message):
        render_faces(attributes, 8)


@pytest.mark.parametrize(("batch_size", "error"), [(0, ValueError), (2.0, TypeError)])
def test_batch_size_is_checked(batch_size, error):
    with pytest.raises(error, match="batch_size must be"):
        render_faces({}, 8, batch_size=batch_size)


def test_rounded_ends_of_ranges_are_accepted():
    ends = {name: np.float32(ATTRIBUTES[name].low) for name in NUMBERS}
    exact = {name: ATTRIBUTES[name].low for name in NUMBERS}
    difference = render_faces(ends, 16).astype(int) - render_faces(exact, 16)
    assert np.abs(difference).max() <= 1
