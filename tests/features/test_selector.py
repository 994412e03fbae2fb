"""ChannelMISelector: scores, rules of choice, labels, input."""

import pickle

import numpy as np
import pandas as pd
import pytest
from sklearn.base import clone
from sklearn.feature_selection import f_classif
from sklearn.linear_model import LogisticRegression
from sklearn.model_selection import GridSearchCV
from sklearn.pipeline import make_pipeline

from skstylefeat import ChannelMISelector, FeatureMaps, MaxPoolReducer
from skstylefeat.metrics import intra_inter_mi

Y = np.repeat([0, 1], 15)
GOOD = {"b8.conv1": 2, "b16.conv0": 5, "b16.conv1": 0}


def make_maps(y=Y, seed=0):
    """Return three layers, each with one channel that has a pattern per class."""
    rng = np.random.default_rng(seed)
    maps = {}
    for (name, good), side in zip(GOOD.items(), (8, 16, 16), strict=True):
        values = rng.normal(size=(len(y), 6, side, side))
        patterns = rng.normal(size=(len(np.unique(y)), side, side))
        values[:, good] = patterns[np.unique(y, return_inverse=True)[1]] + 0.2 * values[:, good]
        maps[name] = values.astype(np.float32)
    return maps


@pytest.fixture
def lazy():
    return FeatureMaps.from_arrays(make_maps())


def test_channels_that_separate_classes_are_selected(lazy):
    for score in ("ratio", "difference"):
        selector = ChannelMISelector(1, score=score, random_state=0).fit(lazy, Y)
        expected = [f"{name}:{channel}" for name, channel in GOOD.items()]
        assert selector.get_feature_names_out().tolist() == expected
        view = selector.transform(lazy)
        assert isinstance(view, FeatureMaps)
        assert view.channel_names == expected
        np.testing.assert_array_equal(view.layer("b16.conv0"), lazy.layer("b16.conv0")[:, [5]])


def test_anova_scores_are_those_of_the_maxima(lazy):
    maps = lazy.layer("b16.conv0").copy()
    maps[Y == 1, 2] += 3.0  # a level, which leaves the mutual information as it is
    maps[:, 4] = 1.0
    selector = ChannelMISelector(1, score="anova", n_samples_per_class=None).fit(maps, Y)
    varying = np.arange(6) != 4
    expected, _ = f_classif(maps.max(axis=(2, 3))[:, varying].astype(float), Y)
    np.testing.assert_allclose(selector.scores_[varying], expected, rtol=1e-3)
    assert selector.scores_[4] == 0
    assert np.isnan(selector.intra_mi_).all() and np.isnan(selector.layer_disentanglement_["x"])
    assert selector.get_support(indices=True).tolist() == [2]
    ratio = ChannelMISelector(1, n_samples_per_class=None).fit(maps, Y)
    assert ratio.get_support(indices=True).tolist() == [5]


def test_anova_refuses_maps_that_hold_nan():
    maps = np.zeros((8, 2, 4, 4), dtype=np.float32)
    maps[3, 1, 2, 2] = np.nan
    with pytest.raises(ValueError, match="NaN"):
        ChannelMISelector(1, score="anova").fit(
            FeatureMaps.from_arrays({"b4.conv1": maps}), np.repeat([0, 1], 4)
        )


def test_equal_labeled_maps_have_finite_scores():
    maps = np.repeat(np.arange(2.0), 4)[:, None, None, None] * np.ones((8, 3, 4, 4))
    selector = ChannelMISelector(1, score="anova").fit(maps, np.repeat([0, 1], 4))
    assert np.isfinite(selector.scores_).all() and (selector.scores_ > 0).all()


def test_scores_are_those_of_the_drawn_images(lazy):
    selector = ChannelMISelector(n_samples_per_class=5, n_bins=6, random_state=1).fit(lazy, Y)
    (drawn,) = selector.sample_indices_
    assert np.bincount(Y[drawn]).tolist() == [5, 5]
    for layer in lazy.layers:
        where = selector.layer_slices_[layer.name]
        intra, inter = intra_inter_mi(lazy[drawn].layer(layer.name), Y[drawn], n_bins=6)
        np.testing.assert_allclose(selector.intra_mi_[where], intra)
        np.testing.assert_allclose(selector.inter_mi_[where], inter)
        np.testing.assert_allclose(selector.scores_[where], intra / inter)
        assert selector.layer_disentanglement_[layer.name] == pytest.approx(np.mean(intra - inter))
    assert selector.n_features_in_ == len(selector.scores_) == 18


def test_array_is_one_layer():
    maps = make_maps()["b16.conv0"]
    selector = ChannelMISelector(2, random_state=0).fit(maps, Y)
    kept = selector.get_support(indices=True)
    assert 5 in kept
    np.testing.assert_array_equal(selector.transform(maps), maps[:, kept])
    assert selector.transform(maps).dtype == np.float32
    assert selector.get_feature_names_out().tolist() == [f"x{channel}" for channel in kept]
    names = selector.get_feature_names_out(list("abcdef"))
    assert names.tolist() == [list("abcdef")[channel] for channel in kept]


def test_unlabeled_rows_are_ignored(lazy):
    few = np.full(30, -1)
    few[[0, 3, 7, 15, 20, 29]] = Y[[0, 3, 7, 15, 20, 29]]
    with pytest.warns(UserWarning, match="24 labels are -1 and count as missing"):
        selector = ChannelMISelector(1, random_state=0).fit(lazy, few)
    assert sorted(selector.sample_indices_[0]) == [0, 3, 7, 15, 20, 29]
    names = np.array([None, "no", "yes"], dtype=object)[few + 1]
    other = ChannelMISelector(1, random_state=0).fit(lazy, names)
    np.testing.assert_array_equal(selector.scores_, other.scores_)
    assert other.classes_.tolist() == ["no", "yes"]
    np.testing.assert_array_equal(
        selector.scores_, ChannelMISelector(1).fit(lazy, np.where(few < 0, np.nan, few)).scores_
    )


def test_only_maps_of_drawn_rows_are_computed(lazy, monkeypatch):
    seen = []
    original = FeatureMaps.iter_layers

    def spy(self):
        seen.append(len(self))
        return original(self)

    monkeypatch.setattr(FeatureMaps, "iter_layers", spy)
    ChannelMISelector(random_state=0).fit(lazy, Y)
    assert seen == [8]


def test_all_samples_and_unbalanced_shots(lazy):
    y = np.where(np.arange(30) < 27, 0, 1)
    selector = ChannelMISelector(n_samples_per_class=5).fit(lazy, y)
    assert np.bincount(y[selector.sample_indices_[0]]).tolist() == [5, 3]
    selector = ChannelMISelector(n_samples_per_class=None).fit(lazy, y)
    assert len(selector.sample_indices_[0]) == 30


def test_three_classes():
    y = np.repeat(["child", "adult", "senior"], 6)
    maps = FeatureMaps.from_arrays(make_maps(y))
    selector = ChannelMISelector(1, random_state=0).fit(maps, y)
    assert selector.classes_.tolist() == ["adult", "child", "senior"]
    assert selector.get_feature_names_out().tolist() == [f"{n}:{c}" for n, c in GOOD.items()]


@pytest.mark.parametrize(
    ("layers", "expected"),
    [
        (["b16.conv1"], ["b16.conv1"]),
        (["b16"], ["b16.conv0", "b16.conv1"]),
        ([8], ["b8.conv1"]),
        ([16, "b8.conv1"], ["b8.conv1", "b16.conv0", "b16.conv1"]),
        ("b16", ["b16.conv0", "b16.conv1"]),
        (8, ["b8.conv1"]),
    ],
)
def test_layers_by_name_block_or_resolution(lazy, layers, expected):
    selector = ChannelMISelector(layers=layers, random_state=0).fit(lazy, Y)
    assert [layer.name for layer in selector.transform(lazy).layers] == expected
    assert list(selector.layer_disentanglement_) == expected
    left_out = [name for name in GOOD if name not in expected]
    assert all(np.isnan(selector.scores_[selector.layer_slices_[name]]).all() for name in left_out)


def test_rules_can_be_combined(lazy):
    everything = ChannelMISelector(None, random_state=0).fit(lazy, Y)
    assert everything.get_support().all()
    best = ChannelMISelector(None, n_channels=4, random_state=0).fit(lazy, Y)
    assert set(best.get_support(indices=True)) == set(np.argsort(-everything.scores_)[:4])
    limit = float(np.sort(everything.scores_)[-3])
    above = ChannelMISelector(None, threshold=limit, random_state=0).fit(lazy, Y)
    np.testing.assert_array_equal(above.get_support(), everything.scores_ > limit)
    both = ChannelMISelector(2, n_channels=5, random_state=0).fit(lazy, Y)
    per_layer = ChannelMISelector(2, random_state=0).fit(lazy, Y)
    assert both.get_support().sum() == 5
    assert (per_layer.get_support() | ~both.get_support()).all()


def test_layers_with_fewer_channels_are_kept_whole(lazy):
    assert ChannelMISelector(100, random_state=0).fit(lazy, Y).get_support().all()


def test_draws_are_averaged_and_counted(lazy):
    many = ChannelMISelector(1, n_draws=6, n_samples_per_class=3, random_state=0).fit(lazy, Y)
    assert len(many.sample_indices_) == 6
    assert len({tuple(rows) for rows in many.sample_indices_}) > 1
    singles = []
    for rows in many.sample_indices_:
        one = ChannelMISelector(1, n_samples_per_class=None).fit(lazy[rows], Y[rows])
        singles.append((one.intra_mi_, one.inter_mi_, one.get_support()))
    intra, inter, support = (np.mean(parts, axis=0) for parts in zip(*singles, strict=True))
    np.testing.assert_allclose(many.intra_mi_, intra)
    np.testing.assert_allclose(many.scores_, intra / inter)
    np.testing.assert_allclose(many.selection_frequency_, support)
    kept = many.get_support()
    for where in many.layer_slices_.values():
        assert many.selection_frequency_[where][kept[where]] == support[where].max()


def test_no_information_across_classes_ranks_first_and_dead_channels_last():
    maps = np.zeros((4, 4, 2, 2))  # channel 3 stays dead
    halves, columns = np.array([[0, 0], [1, 1]]), np.array([[0, 1], [0, 1]])
    maps[:2, 1], maps[2:, 1] = halves, columns  # r = 0, a > 0
    maps[:, 0] = halves  # a = r
    maps[:2, 2], maps[2:, 2] = halves, 0.0  # r = 0, half the a
    selector = ChannelMISelector(None, n_bins=2).fit(maps, [0, 0, 1, 1])
    assert np.isfinite(selector.scores_).all()
    assert np.argsort(-selector.scores_).tolist() == [1, 2, 0, 3]
    assert selector.scores_[3] == 0
    assert selector.scores_[0] == pytest.approx(1)


def test_seeded_and_independent_of_threads(lazy):
    first = ChannelMISelector(random_state=3).fit(lazy, Y)
    threaded = ChannelMISelector(random_state=3, n_jobs=2).fit(lazy, Y)
    np.testing.assert_array_equal(first.scores_, threaded.scores_)
    np.testing.assert_array_equal(first.sample_indices_, threaded.sample_indices_)
    other = ChannelMISelector(random_state=4).fit(lazy, Y)
    assert not np.array_equal(first.sample_indices_, other.sample_indices_)


def test_score_table(lazy):
    selector = ChannelMISelector(2, random_state=0).fit(lazy, Y)
    frame = pd.DataFrame(selector.score_table())
    assert len(frame) == 18
    assert frame.groupby("layer", sort=False)["selected"].sum().tolist() == [2, 2, 2]
    for name, part in frame.groupby("layer"):
        assert part["score"].is_monotonic_decreasing
        assert part["channel"].iloc[0] == f"{name}:{GOOD[name]}"
        assert part["selected"].tolist() == [True, True, False, False, False, False]


def test_in_a_pipeline(lazy):
    pipe = make_pipeline(ChannelMISelector(random_state=0), MaxPoolReducer(), LogisticRegression())
    pipe.set_output(transform="pandas")
    search = GridSearchCV(pipe, {"channelmiselector__n_channels_per_layer": [1, 6]}, cv=3, n_jobs=2)
    search.fit(lazy, Y)
    assert len(search.cv_results_["params"]) == 2
    best = clone(search.best_estimator_).fit(lazy, Y)
    names = best[:-1].get_feature_names_out()
    assert names[0].startswith("b8.conv1:")
    assert best[:-1].transform(lazy).columns.tolist() == names.tolist()
    loaded = pickle.loads(pickle.dumps(best))
    np.testing.assert_array_equal(loaded.predict(lazy), best.predict(lazy))


def test_set_output_returns_the_estimator():
    selector = ChannelMISelector()
    assert selector.set_output(transform="pandas") is selector


@pytest.mark.parametrize(
    ("parameters", "y", "message"),
    [
        ({}, np.zeros(30), "1 class only, 0"),
        ({}, np.full(30, -1), "no label at all"),
        ({}, np.where(np.arange(30) == 4, 1, 0), r"classes \[1\] have 1 labeled image"),
        ({}, Y[:-1], "29 labels but X has 30 rows"),
        ({}, None, "requires y to be passed"),
        ({"threshold": 1e6}, Y, "above threshold=1000000.0; the highest is"),
        ({"layers": ["b32"]}, Y, "No layer matches 'b32'; there are b8.conv1"),
        ({"n_channels_per_layer": 0}, Y, "n_channels_per_layer"),
        ({"score": "gap"}, Y, "score"),
    ],
)
def test_bad_input(lazy, parameters, y, message):
    with pytest.raises(ValueError, match=message):
        ChannelMISelector(**parameters).fit(lazy, y)


def test_bad_maps(lazy):
    with pytest.raises(ValueError, match=r"ndarray with shape \(30, 6\)"):
        ChannelMISelector().fit(np.zeros((30, 6)), Y)
    maps = make_maps()
    maps["b8.conv1"][:] = np.nan
    with pytest.raises(ValueError, match="NaN"):
        ChannelMISelector().fit(FeatureMaps.from_arrays(maps), Y)
    with pytest.raises(ValueError, match="NaN"):
        ChannelMISelector().fit(maps["b8.conv1"], Y)


def test_maps_of_other_layers_than_in_fit(lazy):
    selector = ChannelMISelector(random_state=0).fit(lazy, Y)
    others = (
        lazy.select({"b8.conv1": [0]}),
        FeatureMaps.from_arrays({name: x[:, :, ::2] for name, x in make_maps().items()}),
        np.zeros((2, 6, 8, 8)),
    )
    for other in others:
        with pytest.raises(ValueError, match=r"was fitted on b8.conv1 6x8x8.* but X holds"):
            selector.transform(other)


@pytest.mark.parametrize("as_array", [False, True])
def test_unreadable_images_are_left_out_and_come_out_as_nan(as_array):
    arrays, bad = make_maps(), [0, 3, 20]
    good = np.setdiff1d(np.arange(30), bad)

    def collection(arrays):
        return arrays["b16.conv0"] if as_array else FeatureMaps.from_arrays(arrays)

    clean = collection({name: maps[good] for name, maps in arrays.items()})
    for maps in arrays.values():
        maps[bad] = np.nan
    damaged = collection(arrays)
    for parameters in ({}, {"score": "anova"}, {"n_draws": 3}, {"n_samples_per_class": None}):
        selector = ChannelMISelector(2, random_state=0, **parameters)
        expected = clone(selector).fit(clean, Y[good])
        selector.fit(damaged, Y)
        np.testing.assert_array_equal(selector.scores_, expected.scores_)
        for rows, others in zip(selector.sample_indices_, expected.sample_indices_, strict=True):
            np.testing.assert_array_equal(rows, good[others])
    pooled = MaxPoolReducer().fit_transform(selector.transform(damaged))
    assert np.flatnonzero(np.isnan(pooled).all(axis=1)).tolist() == bad
    assert np.isfinite(pooled[good]).all()


def test_labels_of_unreadable_images_only(lazy):
    arrays = make_maps()
    for maps in arrays.values():
        maps[:4] = np.nan
    y = np.where(np.arange(30) < 4, np.arange(30) % 2, np.nan)
    with pytest.raises(ValueError, match="maps of all labeled rows are NaN"):
        ChannelMISelector().fit(FeatureMaps.from_arrays(arrays), y)


def test_scores_of_several_draws_are_those_of_the_mean_information():
    """Not the mean of the draws' ratios."""
    maps = np.random.default_rng(1).normal(size=(12, 4, 6, 6))
    selector = ChannelMISelector(1, n_draws=4, n_samples_per_class=3, n_bins=3, random_state=0).fit(
        maps, np.repeat([0, 1], 6)
    )
    ratios = [
        ChannelMISelector(1, n_samples_per_class=None, n_bins=3)
        .fit(maps[rows], (rows >= 6).astype(int))
        .scores_
        for rows in selector.sample_indices_
    ]
    np.testing.assert_allclose(selector.scores_, selector.intra_mi_ / selector.inter_mi_)
    assert not np.allclose(selector.scores_, np.mean(ratios, axis=0), rtol=1e-3)


def test_every_parameter_has_a_constraint():
    assert set(ChannelMISelector._parameter_constraints) == set(ChannelMISelector().get_params())
