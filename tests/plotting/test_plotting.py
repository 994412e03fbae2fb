"""Displays: their data, their drawings, and their errors."""

import sys

import numpy as np
import pytest
from matplotlib import pyplot as plt
from numpy.testing import assert_allclose, assert_array_equal

from skstylefeat import (
    ChannelMISelector,
    ClusterAnnotator,
    FeatureMaps,
    HyperplaneDistance,
    LatentRegressor,
    StyleGANInverter,
)
from skstylefeat.metrics import counterfactual_scores
from skstylefeat.plotting import (
    ClusterDisplay,
    CounterfactualDisplay,
    DistanceCalibrationDisplay,
    EditStripDisplay,
    FeatureMapDisplay,
    InversionDisplay,
    LayerImportanceDisplay,
    SortedImagesDisplay,
)
from tests.support.networks import tiny_generator, write_pair


@pytest.fixture
def rng():
    return np.random.default_rng(0)


@pytest.fixture
def images(rng):
    return rng.random((12, 8, 8, 3))


def texts(display):
    return [text.get_text() for text in display.ax_.texts]


def shown(display):
    """Pixels of all drawn images."""
    return [np.asarray(drawn.get_array()) for drawn in display.ax_.images]


def every_display(images):
    maps = images.transpose(0, 3, 1, 2)
    return {
        "inversion": InversionDisplay(images, images[::-1]),
        "maps": FeatureMapDisplay([maps[:, 0], maps[:, 1]], ["a:0", "a:1"], images=images),
        "clusters": ClusterDisplay(images, np.arange(12) % 3),
        "calibration": DistanceCalibrationDisplay(
            np.arange(12), np.arange(12), ([0, 11], [0, 11]), labeled=[0, 11]
        ),
        "sorted": SortedImagesDisplay(images, np.arange(12)),
        "edits": EditStripDisplay(images.reshape(2, 6, 8, 8, 3), np.arange(6)),
        "counterfactual": CounterfactualDisplay(counterfactual_scores([[0.5], [1.5]], [0, 1])),
        "layers": LayerImportanceDisplay([0.5, 0.3, 0.2]),
    }


@pytest.mark.parametrize("name", every_display(np.zeros((12, 8, 8, 3))))
def test_plot_returns_the_display_and_draws_on_given_axes(name, images):
    display = every_display(images)[name]
    assert display.plot() is display
    assert display.ax_.figure is display.figure_
    figure, axes = plt.subplots()
    display.plot(ax=axes)
    assert display.ax_ is axes and display.figure_ is figure
    figure.canvas.draw()


@pytest.mark.parametrize("name", every_display(np.zeros((12, 8, 8, 3))))
def test_missing_matplotlib_raises_an_error_with_the_remedy(name, images, monkeypatch):
    display = every_display(images)[name]
    monkeypatch.setitem(sys.modules, "matplotlib", None)
    with pytest.raises(ImportError, match="pip install matplotlib"):
        display.plot()


def test_inversion_gives_psnr_and_pairs(images):
    noisy = np.clip(images + 0.1, 0, 1)
    display = InversionDisplay.from_predictions(images, noisy)
    expected = -10 * np.log10(((images - noisy) ** 2).mean(axis=(1, 2, 3)))
    assert_allclose(display.psnr_, expected, rtol=1e-5)
    assert texts(display) == [f"{value:.1f} dB" for value in expected]
    assert_allclose(shown(display)[3], np.concatenate([images[3], noisy[3]]), atol=1e-6)
    assert np.isposinf(InversionDisplay(images, images).psnr_).all()


def test_inversion_from_estimator_shows_the_reconstruction(tmp_path, images):
    inverter = StyleGANInverter(*write_pair(tmp_path)).fit(images)
    display = InversionDisplay.from_estimator(inverter, images)
    copies = inverter.inverse_transform(inverter.transform(images))
    assert_allclose(display.reconstructions, copies, atol=1e-6)


def test_inversion_refuses_other_sizes(images):
    with pytest.raises(ValueError, match=r"\(12, 8, 8, 3\).*\(12, 4, 4, 3\)"):
        InversionDisplay(images, images[:, ::2, ::2])
    with pytest.raises(ValueError, match=r"Lengths differ.*12.*5"):
        InversionDisplay(images, images[:5])


def informative_maps(rng, y):
    """Maps of two layers; the pattern of channel 2 of each tells the classes apart."""
    maps = {"b8.conv0": rng.normal(size=(len(y), 4, 8, 8)), "b16.conv1": None}
    maps["b16.conv1"] = rng.normal(size=(len(y), 5, 16, 16))
    for values in maps.values():
        patterns = rng.normal(size=(2, *values.shape[2:]))
        values[:, 2] = patterns[y] + 0.1 * values[:, 2]
    return FeatureMaps.from_arrays(maps)


def test_feature_maps_shows_the_best_channels_next_to_their_images(rng, images):
    y = np.repeat([0, 1], 6)
    maps = informative_maps(rng, y)
    selector = ChannelMISelector(2, random_state=0).fit(maps, y)
    display = FeatureMapDisplay.from_estimator(
        selector, maps[[0, 11]], images[[0, 11]], row_labels=["no", "yes"], n_channels=3
    )
    assert len(display.channel_names) == 3
    assert {"b8.conv0:2", "b16.conv1:2"} <= set(display.channel_names)
    place = display.channel_names.index("b16.conv1:2")
    assert_allclose(display.maps[place], maps[[0, 11]].layer("b16.conv1")[:, 2])
    assert {"no", "yes"} <= set(texts(display))
    assert len(shown(display)) == 2 * (1 + 3)


def test_feature_maps_of_an_array_and_of_a_selection(rng):
    y = np.repeat([0, 1], 6)
    maps = informative_maps(rng, y)
    array = maps.layer("b8.conv0")
    selector = ChannelMISelector(1, random_state=0).fit(array, y)
    assert FeatureMapDisplay.from_estimator(selector, array[:2]).channel_names == ["x2"]
    display = FeatureMapDisplay.from_maps(maps[:2].select({"b8.conv0": [0, 2], "b16.conv1": [1]}))
    assert display.channel_names == ["b8.conv0:0", "b8.conv0:2", "b16.conv1:1"]
    assert_allclose(display.maps[1], array[:2, 2])


def test_feature_maps_refuses_wrong_shapes():
    with pytest.raises(ValueError, match=r"\[\(4, 4\)\]"):
        FeatureMapDisplay([np.eye(4)], ["x"])
    with pytest.raises(ValueError, match="Lengths differ"):
        FeatureMapDisplay([np.eye(4)[None]], ["x", "y"])


def test_clusters_show_names_confidence_and_the_query_first(rng, images):
    X = np.r_[rng.normal(size=(6, 3)), 20 + rng.normal(size=(6, 3))]
    y = np.repeat(["cat", "dog"], 6)
    annotator = ClusterAnnotator(2, 1, random_state=0).fit(X, y)
    display = ClusterDisplay.from_estimator(annotator, X, images, n_images=4)
    assert_array_equal(display.query_indices, annotator.query_indices_)
    found = texts(display)
    assert found[0::2] == list(annotator.cluster_labels_)
    proba = annotator.predict_proba(X).max(axis=1)
    for cluster in range(2):
        mean = proba[annotator.labels_ == cluster].mean()
        assert found[2 * cluster + 1] == f"6 images\nconfidence {mean:.2f}"
    assert len(shown(display)) == 8
    for cluster, pixels in enumerate([shown(display)[0], shown(display)[4]]):
        queried = annotator.query_indices_[annotator.labels_[annotator.query_indices_] == cluster]
        assert_allclose(pixels, images[queried[0]], atol=1e-6)
    assert len(display.ax_.patches) == 2  # one frame a queried image


def test_clusters_mark_errors(images):
    """Images 0, 3, 6, 9 are in cluster 0, called "a"; two of them are of another class."""
    display = ClusterDisplay.from_predictions(
        images, np.arange(12) % 3, names=list("abc"), y_true=list("abcxbcabcybc"), n_images=4
    )
    crosses = {tuple(line.get_xydata()[0].round(2)) for line in display.ax_.lines}
    step = 1.06
    assert crosses == {(round(column * step + 0.86, 2), 0.14) for column in (1, 3)}


def test_clusters_without_labels_are_numbered(rng, images):
    annotator = ClusterAnnotator(3, random_state=0).fit(rng.normal(size=(12, 2)))
    display = ClusterDisplay.from_estimator(annotator, rng.normal(size=(12, 2)), images)
    assert texts(display)[0::2] == ["cluster 0", "cluster 1", "cluster 2"]


def test_clusters_need_a_name_each(images):
    with pytest.raises(ValueError, match=r"2 names.*numbered 2"):
        ClusterDisplay(images, np.arange(12) % 3, names=["a", "b"])


def test_calibration_draws_the_regressors_line_labels_and_interval(rng):
    distance = rng.normal(size=(60, 1))
    y = 30 + 10 * distance[:, 0] + rng.normal(size=60)
    rows = np.arange(15)
    model = LatentRegressor().fit(distance[rows], y[rows])
    display = DistanceCalibrationDisplay.from_estimator(
        model, distance, y, labeled=rows, coverage=0.8, value_name="age (years)"
    )
    grid, values = display.ax_.lines[0].get_data()
    assert_allclose(values, model.predict(grid[:, None]))
    assert (grid[0], grid[-1]) == (distance.min(), distance.max())
    lower, upper = display.interval
    assert_allclose([lower, upper], model.predict_interval(grid[:, None], 0.8))
    points = display.ax_.collections[-1].get_offsets()
    assert_allclose(points, np.c_[distance[rows, 0], y[rows]])
    assert display.ax_.get_ylabel() == "age (years)"
    assert display.ax_.get_legend().get_texts()[0].get_text() == "15 labels"


def test_calibration_refuses_several_distances_and_labels_without_values(rng):
    with pytest.raises(ValueError, match=r"\(5, 2\)"):
        DistanceCalibrationDisplay.from_estimator(LatentRegressor(), rng.normal(size=(5, 2)))
    with pytest.raises(ValueError, match="y_true is None"):
        DistanceCalibrationDisplay([0, 1], None, ([0, 1], [0, 1]), labeled=[0])


def test_sorted_images_run_from_low_to_high(images):
    values = np.array([5, 3, 8, 1, 9, 2, 7, 4, 6, 0, 11, 10.0])
    display = SortedImagesDisplay.from_predictions(images, values, y_true=values, n_images=3)
    assert_array_equal(display.order_, np.argsort(values))
    assert_allclose(shown(display)[0], images[9], atol=1e-6)
    assert_allclose(shown(display)[-1], images[10], atol=1e-6)
    assert texts(display)[0] == "0" and texts(display)[-1] == "11"


def test_sorted_images_take_transformers_and_regressors(rng, images):
    codes = rng.normal(size=(12, 4))
    plane = HyperplaneDistance([0, 0, 1.0, 0]).fit(codes)
    display = SortedImagesDisplay.from_estimator(plane, codes, images)
    assert_array_equal(display.order_, np.argsort(codes[:, 2]))
    model = LatentRegressor().fit(codes[:, :1], -codes[:, 0])
    display = SortedImagesDisplay.from_estimator(model, codes[:, :1], images)
    assert_array_equal(display.order_, np.argsort(-codes[:, 0]))


def test_sorted_images_read_only_the_images_shown(tmp_path, images):
    from PIL import Image

    paths = []
    for i, image in enumerate(images):
        paths.append(tmp_path / f"{i}.png")
        if i in (0, 11):
            Image.fromarray((image * 255).astype(np.uint8)).save(paths[-1])
    display = SortedImagesDisplay.from_predictions(paths, np.arange(12), n_images=2)
    assert_allclose(shown(display)[1], images[11], atol=1 / 255)


def test_edit_strip_synthesizes_the_moved_codes(rng):
    generator = tiny_generator()
    codes = rng.normal(size=(2, 4, 7)).astype(np.float32)
    direction = rng.normal(size=7)
    display = EditStripDisplay.from_estimator(
        generator, codes, direction, steps=[0, 2], layers=[1, 3]
    )
    assert display.images.shape == (2, 2, 8, 8, 3)
    moved = codes.copy()
    moved[:, [1, 3]] += (2 * direction).astype(np.float32)
    for step, w_plus in enumerate([codes, moved]):
        expected = np.clip((generator.synthesis(w_plus) + 1) / 2, 0, 1).transpose(0, 2, 3, 1)
        assert_allclose(display.images[:, step], expected, atol=1e-5)
    assert texts(display) == ["0", "+2"]


def test_edit_strip_chooses_steps_by_the_spread_of_the_codes(rng):
    codes = rng.normal(size=(50, 7)).astype(np.float32)
    direction = np.zeros(7)
    direction[2] = 1
    display = EditStripDisplay.from_estimator(tiny_generator(), codes, direction)
    assert_allclose(display.steps, np.linspace(-3, 3, 5) * codes[:, 2].std(), rtol=1e-5)


def test_edit_strip_refuses_other_shapes(images):
    with pytest.raises(ValueError, match=r"\(12, 8, 8, 3\)"):
        EditStripDisplay(images, [0])


def test_layer_importance_shows_the_estimators_weights(rng):
    codes = rng.normal(size=(10, 3 * 4))
    plane = HyperplaneDistance([1.0, 0, 0, 0], layer_weights=[3, 2, 1]).fit(codes)
    display = LayerImportanceDisplay.from_estimator(plane)
    assert_allclose([bar.get_width() for bar in display.ax_.patches], [1 / 2, 1 / 3, 1 / 6])
    ticks = [tick.get_text() for tick in display.ax_.get_yticklabels()]
    assert ticks == list(plane.layer_names_)


def test_layer_importance_refuses_a_stack():
    with pytest.raises(ValueError, match=r"\(2, 3\)"):
        LayerImportanceDisplay(np.ones((2, 3)))


def test_edits_of_a_gray_generator_are_drawn_gray():
    generator = tiny_generator(8, img_channels=1)
    codes = np.random.default_rng(0).normal(size=(2, generator.w_dim))
    direction = np.eye(generator.w_dim)[0]
    display = EditStripDisplay.from_estimator(generator, codes, direction, steps=[0.0, 1.0])
    assert display.images.shape == (2, 2, 8, 8, 3)
    assert_array_equal(display.images[..., 0], display.images[..., 2])
    made = generator.synthesis(codes.astype(np.float32))[:, 0]
    assert_allclose(display.images[:, 0, ..., 1], ((made + 1) / 2).clip(0, 1), atol=1e-5)


def test_displays_draw_given_images(images):
    strip = EditStripDisplay.from_images(images.reshape(3, 4, 8, 8, 3), [-1, 0, 1, 2])
    assert_array_equal(strip.images.reshape(images.shape), images)
    of_list = ClusterDisplay.from_predictions(list(images), np.arange(12) % 3, n_images=2)
    of_array = ClusterDisplay.from_predictions(images, np.arange(12) % 3, n_images=2)
    for one, other in zip(shown(of_list), shown(of_array), strict=True):
        assert_array_equal(one, other)
