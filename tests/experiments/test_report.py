"""The experiments read the drawn labels only, find planted structure, and count correctly."""

import csv
import re
from dataclasses import replace
from types import SimpleNamespace

import numpy as np
import pytest
from numpy.testing import assert_allclose, assert_array_equal

from skstylefeat import FeatureMaps, HyperplaneDistance, StyleGANInverter
from skstylefeat.directions import _visible_edits
from skstylefeat.experiments import _annotation_experiment as annotation
from skstylefeat.experiments import _figures as figures
from skstylefeat.experiments import _regression_experiment as regression
from skstylefeat.experiments._baselines import logistic_predictions, majority_predictions
from skstylefeat.experiments._headlines import headline
from skstylefeat.experiments._html import table_html
from skstylefeat.experiments._representation import ImageSet, level_maps, represent
from skstylefeat.experiments._score_table import (
    Score,
    Table,
    best_columns,
    save_scores,
    summarize,
    tabulate,
)
from skstylefeat.experiments._targets import Target, check_target, read_column
from tests.support.estimators import tiny_images
from tests.support.networks import tiny_encoder, tiny_generator

N_CLASS = 40


def planted_set(seed, patterns):
    """Images of two classes, which channel 1 of the maps separates."""
    rng = np.random.default_rng(seed)
    y = rng.permutation(np.repeat([0, 1], N_CLASS))
    maps = rng.normal(size=(len(y), 12, 8, 8))
    maps[:, 1] = patterns[y] + 0.2 * maps[:, 1]
    maps = FeatureMaps.from_arrays({"b8.conv0": maps})
    latents = rng.normal(size=(len(y), 28)).astype(np.float32)
    latents.reshape(-1, 4, 7)[:, :, 2] += 3 * y[:, None] - 1.5
    components = rng.normal(size=(len(y), 5))
    images = rng.random((len(y), 8, 8, 3))
    styles = 2 * latents
    return ImageSet(images, latents, styles, maps, maps.pool(), components), np.array(["a", "b"])[y]


@pytest.fixture(scope="module")
def planted():
    rng = np.random.default_rng(5)
    patterns = np.stack([rng.random((8, 8)), 10 * rng.random((8, 8))])
    return planted_set(0, patterns), planted_set(1, patterns)


def draw_one(planted, y_train):
    (train, _), (test, _) = planted
    selection = annotation.select_channels(train.maps, y_train, np.random.default_rng(0))
    return annotation.annotate(train, test, y_train, 5, selection, 0)


def test_annotation_finds_planted_classes(planted, monkeypatch):
    monkeypatch.setattr(annotation, "ChannelMISelector", _one_channel(annotation.ChannelMISelector))
    (train, y_train), (test, y_test) = planted
    draws = []
    scores = annotation.annotation_experiment(
        train,
        test,
        y_train,
        y_test,
        target="kind",
        n_labels=(5, 10),
        n_draws=2,
        random_state=0,
        on_draw=lambda: draws.append(1),
    )
    found = summarize(scores)
    assert len(draws) == 2
    for n_labels in (5, 10):
        for method in ("annotation", "again", "classifier"):
            assert found["kind", method, "accuracy", n_labels].mean > 0.95
        assert found["kind", "kmeans", "clustering accuracy", n_labels].mean > 0.95
        for method in ("latents", "styles"):
            assert found["kind", method, "accuracy", n_labels].mean > 0.8
        assert abs(found["kind", "pca", "accuracy", n_labels].mean - 0.5) < 0.2
        assert found["kind", "majority", "accuracy", n_labels].mean == 0.5
        assert found["kind", "all", "labels read", n_labels].mean <= n_labels + 8
        assert found["kind", "majority", "balanced accuracy", n_labels].mean == 0.5
    table, balanced = annotation.annotation_tables(scores)
    assert len(re.findall(r"^  kind ", table.to_text(), re.MULTILINE)) == 2
    assert [len(row) for row in balanced.rows] == [2 + len(annotation.METHODS)] * 2
    sentence = headline(scores, "kind", len(train))
    assert re.match(r"kind: [\d.]+ % from 1\d labels in all \(pseudo labels; balanced", sentence)
    assert "commonest class 50.0 %" in sentence and "do not use" not in sentence


def _one_channel(selector):
    return lambda **params: selector(**params | {"n_channels_per_layer": 1})


def test_annotation_reads_no_other_label(planted):
    """The names do not depend on the labels of other training images."""
    (_, y_train), _ = planted
    drawn = draw_one(planted, y_train)
    assert len(drawn.labeled_rows) <= 2 * annotation.N_PER_CLASS + 5
    other = y_train.copy()
    free = np.setdiff1d(np.arange(len(other)), drawn.labeled_rows)
    other[free] = "b"
    (train, _), (test, _) = planted
    rows, selector = drawn.selection_rows, drawn.selector
    relabeled = annotation.annotate(train, test, other, 5, (rows, selector), 0)
    assert_array_equal(relabeled.annotator.query_indices_, drawn.annotator.query_indices_)
    assert_array_equal(relabeled.annotator.cluster_labels_, drawn.annotator.cluster_labels_)


def test_second_round_reads_no_further_label_and_corrects_the_choice_of_channels():
    """Channel 0 separates the labeled images by chance; channels 1 to 3 separate all images."""
    rng = np.random.default_rng(2)
    y = rng.permutation(np.repeat([0, 1], 100))
    pooled = rng.normal(size=(200, 40)).astype(np.float32)
    pooled[:, 1:4] += 4 * y[:, None]
    rows = np.r_[np.flatnonzero(y == 0)[:4], np.flatnonzero(y == 1)[:4]]
    pooled[rows, 0] = 100 * y[rows] + rng.normal(size=8)
    maps = FeatureMaps.from_arrays({"b4.conv1": pooled[:, :, None, None]})
    train = ImageSet(None, None, None, maps, pooled, None)
    assert train.levels.channel_names == maps.channel_names
    selector = annotation.ChannelMISelector(4, score="anova", n_samples_per_class=None)
    selection = rows, selector.fit(train.levels[rows], y[rows])
    assert 0 in selector.get_support(indices=True)
    first = annotation.annotate(train, train, y, 5, selection, 0)
    second = annotation.second_round(first, train.levels, train.levels, y, 0)
    assert {1, 2, 3} <= set(second.selector.get_support(indices=True))
    hidden = y.copy()
    free = np.setdiff1d(np.arange(200), first.labeled_rows)
    hidden[free] = 0
    same = annotation.second_round(first, train.levels, train.levels, hidden, 0)
    assert_array_equal(same.names, second.names)
    assert np.mean(second.names == y) >= max(np.mean(first.names == y), 0.9)


def test_second_round_of_one_name_is_the_first(planted):
    (train, _), (test, _) = planted
    y = np.repeat(["a"], len(train))
    selection = np.arange(4), annotation.ChannelMISelector(1).fit(train.maps, planted[0][1])
    drawn = annotation.annotate(train, test, y, 5, selection, 0)
    assert annotation.second_round(drawn, train.levels, test.levels, y, 0) is drawn


@pytest.mark.parametrize("only", ["a", "b"])
def test_one_class_among_the_labels_is_predicted_throughout(planted, only):
    (train, y_train), (test, y_test) = planted
    mostly = np.where(np.arange(len(y_train)) < 4, "ab"[only == "a"], only)
    scores = annotation.annotation_experiment(
        train, test, mostly, y_test, target="kind", n_labels=(1,), n_draws=1, random_state=3
    )
    found = summarize(scores)
    assert found["kind", "classifier", "accuracy", 1].mean == np.mean(y_test == only)


def test_annotation_selects_on_the_drawn_rows_only(planted):
    (train, y_train), _ = planted
    rows, selector = annotation.select_channels(train.maps, y_train, np.random.default_rng(0))
    assert_array_equal(np.unique(y_train[rows], return_counts=True)[1], [4, 4])
    values = train.maps.layer("b8.conv0").copy()
    values[np.setdiff1d(np.arange(len(values)), rows)] = 0
    emptied = ImageSet(
        train.images,
        train.latents,
        train.styles,
        FeatureMaps.from_arrays({"b8.conv0": values}),
        train.pooled,
        train.components,
    )
    other = annotation.select_channels(emptied.maps, y_train, np.random.default_rng(0))[1]
    assert_allclose(other.scores_, selector.scores_)


def test_draw_per_class_takes_all_of_a_small_class():
    rows = annotation.draw_per_class(np.array(list("aaaaaabb")), 4, np.random.default_rng(0))
    assert len(rows) == 6 and {6, 7} <= set(rows.tolist())


@pytest.fixture(scope="module")
def distances(planted):
    (train, y_train), (test, _) = planted
    binary = (y_train == "b").astype(int)
    return regression.plane_distances(train, test, binary, tiny_generator(), random_state=0)


def numbers(planted):
    """Numbers along the planted direction, for both sets."""
    return [images.latents.reshape(-1, 4, 7).mean(axis=1)[:, 2] * 10 + 50 for images, _ in planted]


def test_regression_finds_a_planted_direction(planted, distances):
    y_train, y_test = numbers(planted)
    scores = regression.regression_experiment(
        distances, y_train, y_test, target="size", n_labels=(2, 20), n_draws=3, random_state=0
    )
    found = summarize(scores)
    assert found["size", "weighted", "R2", 20].mean > 0.7
    assert found["size", "plane", "R2", 20].mean > 0.5
    assert found["size", "pca", "R2", 20].mean < 0.3
    assert found["size", "weighted", "MAE", 20].mean < found["size", "mean", "MAE", 20].mean / 2
    assert found["size", "weighted", "rank correlation", 0].mean > 0.8
    tables = regression.regression_tables(scores, {"size": "mm"})
    assert [len(table.rows) for table in tables] == [2, 2]
    assert tables[0].rows[0][0] == "size (mm)"
    sentence = headline(scores, "size", len(planted[0][0]), "mm")
    assert re.match(r"size: mean absolute error [\d.]+ mm from 20 values and coarse", sentence)
    order = regression.order_table(scores)
    assert order.rows[0][:2] == ["size", "rank correlation"]


def test_weighted_distance_uses_importance(planted, distances):
    assert isinstance(distances.estimator, HyperplaneDistance)
    weights = distances.estimator.layer_weights_[0]
    assert_allclose(weights.sum(), 1)
    assert weights.std() > 0
    (train, _), _ = planted
    expected = distances.estimator.transform(train.latents)[:, 0]
    assert_allclose(distances.train["weighted"], expected)


def test_calibration_reads_the_labels_of_its_rows_only(planted, distances):
    y_train, _ = numbers(planted)
    known = distances.train["weighted"]
    rows = regression.calibration_rows(known, 5, 0)
    assert len(np.unique(rows)) == 5
    other = np.full_like(y_train, 1e6)
    other[rows] = y_train[rows]
    grid = np.linspace(-3, 3, 7)[:, None]
    assert_array_equal(
        regression.calibrate(known, y_train, rows).predict(grid),
        regression.calibrate(known, other, rows).predict(grid),
    )


def test_order_of_a_binary_target(planted, distances):
    _, (_, y_test) = planted
    scores = regression.order_experiment(distances, y_test == "b", target="kind")
    assert {score.metric for score in scores} == {"AUC"}
    assert summarize(scores)["kind", "weighted", "AUC", 0].mean > 0.9


def test_summaries_and_tables():
    scores = [Score("t", "m", "MAE", 5, draw, value) for draw, value in enumerate([1.0, 3.0])]
    found = summarize(scores)
    assert found["t", "m", "MAE", 5] == (2.0, 1.0, 2)
    header, rows = tabulate(found, "MAE", {"m": "ours", "other": "theirs"})
    assert (header, rows) == (["", "labels", "ours", "theirs"], [["t", "5", "2.0 ± 1.0", "-"]])
    lines = Table("Title", header, rows, "A note.").to_text().splitlines()
    assert lines[0] == "Title" and lines[-1] == "  A note."
    assert lines[4] == "  t       5  2.0 ± 1.0       -"


def _score(method, metric, value, target="t"):
    return Score(target, method, metric, 5, 0, value)


def test_headlines_say_when_a_simple_prediction_is_better():
    metrics = ("accuracy", "balanced accuracy")
    values = {"majority": 0.8, "classifier": 0.7, "latents": 0.6, "styles": 0.9, "pca": 0.5}
    scores = [_score(method, metric, v) for method, v in values.items() for metric in metrics]
    scores.append(_score("all", "labels read", 13))
    assert headline(scores, "t", 100) == (
        "t: 70.0 % from 13 labels in all (pseudo labels; balanced accuracy 70.0 %), commonest "
        "class 80.0 %, S + logistic 90.0 %. The names are no better than naming all images alike: "
        "do not use them."
    )
    scores = [
        score._replace(value=0.75) if score.method == "classifier" else score for score in scores
    ]
    scores = [
        score._replace(value=0.6) if score.method == "majority" else score for score in scores
    ]
    assert headline(scores, "t", 100).endswith("S + logistic 90.0 %. S + logistic is better here.")
    errors = {"mean": 8.0, "weighted": 9.0, "plane": 7.5, "pca": 10.0}
    scores = [_score(method, "MAE", value) for method, value in errors.items()]
    assert headline(scores, "t", 100).endswith("no better than the mean: do not use them.")


def test_best_values_are_found_and_bold():
    scores = [_score("a", "MAE", 2.0), _score("b", "MAE", 1.0), _score("a", "R2", 2.0)]
    found = summarize([*scores, _score("b", "R2", 1.0)])
    methods = {"a": "A", "b": "B"}
    assert best_columns(found, "MAE", methods) == [3]
    assert best_columns(found, "R2", methods) == [2]
    page = table_html(Table("T", *tabulate(found, "MAE", methods), best=[3]))
    assert "<td>2.0</td><td><b>1.0</b></td>" in page


def test_edits_are_scaled_until_a_change_is_seen_or_left_out(monkeypatch):
    generator = tiny_generator()
    codes = np.zeros((3, 28), dtype=np.float32)
    target = Target("kind", np.array(["a"]), np.array(["a"]))
    direction = SimpleNamespace(direction_=np.ones(28, dtype=np.float32), distance_=1e-3)
    monkeypatch.setattr(_visible_edits, "VISIBLE_CHANGE", 1e9)
    assert figures._edit_pictures(generator, codes, direction, target) == []
    monkeypatch.setattr(_visible_edits, "VISIBLE_CHANGE", 0.0)
    (picture,) = figures._edit_pictures(generator, codes, direction, target)
    assert "by up to its length" in picture.caption and picture.name == "edits-kind"


def test_scores_without_a_seed_differ_from_run_to_run(planted, distances):
    y_train, y_test = numbers(planted)

    def values(random_state):
        scores = regression.regression_experiment(
            distances,
            y_train,
            y_test,
            target="size",
            n_labels=(2,),
            n_draws=2,
            random_state=random_state,
        )
        return [score.value for score in scores]

    assert values(1) == values(1)
    assert values(None) != values(None)


def test_majority_and_logistic_predictions():
    assert majority_predictions(np.array(["b", "a", "b"]), 2).tolist() == ["b", "b"]
    train = np.array([[0.0, 5.0], [1.0, 5.0], [9.0, 5.0], [10.0, 5.0]])
    y = np.array(["low", "low", "high", "high"])
    test = np.array([[2.0, 5.0], [8.0, 5.0]])
    for scale in (True, False):
        found = logistic_predictions(train, y, test, scale=scale)
        assert found.tolist() == ["low", "high"]


def test_level_maps_hold_one_pixel_per_channel():
    layers = FeatureMaps.from_arrays(
        {"b4.conv1": np.zeros((3, 2, 4, 4)), "b8.conv0": np.zeros((3, 1, 8, 8))}
    ).layers
    pooled = np.arange(9.0).reshape(3, 3)
    maps = level_maps(pooled, layers)
    assert_array_equal(maps.layer("b4.conv1")[:, :, 0, 0], pooled[:, :2])
    assert_array_equal(maps.layer("b8.conv0")[:, :, 0, 0], pooled[:, 2:])


def test_saved_scores_are_read_back(tmp_path):
    scores = [Score("age", "mean", "MAE", 5, 0, 1.25), Score("a,b", "pca", "R2", 2, 1, -0.5)]
    save_scores(scores, tmp_path / "scores.csv")
    with open(tmp_path / "scores.csv", newline="", encoding="utf-8") as file:
        rows = list(csv.reader(file))
    assert rows[0] == list(Score._fields)
    assert rows[1:] == [[str(value) for value in score] for score in scores]


def test_columns_are_numbers_or_classes():
    assert read_column(["1", "0", " 1"]).tolist() == ["1", "0", "1"]
    assert read_column([str(i / 2) for i in range(11)]).dtype == np.float64
    assert read_column(["a"] * 30 + ["1"]).dtype.kind == "U"


@pytest.mark.parametrize(
    ("labels", "message"),
    [
        (["x"] * 9, r"'color' has .*one class.* 'x'"),
        (["x"] * 9 + ["y"], "has 1 training image of the class 'y'"),
        ([f"t{i}" for i in range(30)], "30 different strings"),
    ],
)
def test_targets_that_cannot_be_learned(labels, message):
    with pytest.raises(ValueError, match=message):
        check_target(Target("color", np.array(labels), np.array(labels)))


def test_descriptors_are_symmetric_for_classes_and_plain_for_numbers():
    """A user's function gets all images of both halves, and their mirror images."""
    generator = tiny_generator()
    images = tiny_images(6)

    def corners(pixels):
        return np.stack([pixels[:, 0, 0, 0], pixels[:, 0, -1, 0], pixels[:, 1, 0, 0]], axis=1)

    inverter = StyleGANInverter(generator, tiny_encoder(generator)).fit(images)
    train, test = represent(inverter, images[:4], images[4:], {"corners": corners})
    assert set(train.descriptors) == {"hog", "corners", "union"}
    assert set(test.plain_descriptors) == {"hog", "corners"}
    left, right = train.descriptors["corners"][:, :2].T
    assert_allclose(left, right, atol=1e-5)

    # Both halves are standardized by the training images.
    rows = corners(images)
    rows = (rows - rows[:4].mean(axis=0)) / rows[:4].std(axis=0)
    assert_allclose(train.plain_descriptors["corners"], rows[:4], atol=1e-5)
    assert_allclose(test.plain_descriptors["corners"], rows[4:], atol=1e-5)
    width = train.styles.shape[1]
    assert_array_equal(train.descriptors["union"][:, width:], train.descriptors["hog"])
    with pytest.raises(ValueError, match=r"The features 'flat' gave an array of shape \(4,\)"):
        represent(inverter, images[:4], images[4:], {"flat": lambda x: x.mean(axis=(1, 2, 3))})


def test_features_of_the_user_are_scored_and_named(planted):
    (train, y_train), (test, y_test) = planted
    known = {"mine": np.c_[y_train == "b", np.zeros(len(train))]}
    test_known = {"mine": np.c_[y_test == "b", np.zeros(len(test))]}
    train = replace(train, descriptors=known, plain_descriptors=known)
    test = replace(test, descriptors=test_known, plain_descriptors=test_known)
    scores = annotation.annotation_experiment(
        train, test, y_train, y_test, target="kind", n_draws=1, random_state=0
    )
    assert summarize(scores)["kind", "mine", "accuracy", 5].mean == 1
    assert [table.header[-2:] for table in annotation.annotation_tables(scores)] == [
        ["mine", "k-means"],
        ["pseudo labels", "mine"],
    ]
    assert "mine 100.0 %" in headline(scores, "kind", len(train))

    distances = regression.plane_distances(train, test, y_train == "b", tiny_generator(), 0)
    numbers = 10.0 * (y_train == "b"), 10.0 * (y_test == "b")
    scores = regression.regression_experiment(
        distances, *numbers, target="size", n_labels=(5,), n_draws=1, random_state=0
    )
    assert all("mine" in table.header for table in regression.regression_tables(scores))
    assert "mine" in headline(scores, "size", len(train))
    order = regression.order_experiment(distances, y_test == "b", target="kind")
    assert regression.order_table(order).header[-1] == "mine"
