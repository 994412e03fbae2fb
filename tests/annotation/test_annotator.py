import csv
import os
import pickle
import subprocess
import sys
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
from sklearn.base import clone, is_classifier, is_clusterer
from sklearn.cluster import DBSCAN, AgglomerativeClustering, KMeans
from sklearn.datasets import make_blobs
from sklearn.exceptions import NotFittedError
from sklearn.metrics import log_loss
from sklearn.mixture import GaussianMixture
from sklearn.model_selection import cross_val_score

import skstylefeat
from skstylefeat import ClusterAnnotator
from skstylefeat.annotation._answers_file import read_annotations, write_annotations

X, Y = make_blobs(n_samples=240, centers=4, cluster_std=0.7, random_state=3)
NAMES = np.array(["none", "clear", "dark", "none"])[Y]


def line(*groups):
    """Return rows on a line, each group of rows spread by a hundredth around its place."""
    return np.concatenate([place + np.linspace(-0.01, 0.01, size) for place, size in groups])[
        :, None
    ]


def test_names_everything_from_a_few_labels():
    annotator = ClusterAnnotator(n_clusters=6, random_state=0).fit(X)
    assert len(annotator.query_indices_) == 18
    annotator.annotate(NAMES[annotator.query_indices_])
    assert annotator.cost_ == 18
    assert annotator.classes_.tolist() == ["clear", "dark", "none"]
    assert annotator.score(X, NAMES) > 0.97
    again = ClusterAnnotator(n_clusters=6, random_state=0).fit(X, NAMES)
    np.testing.assert_array_equal(again.predict(X), annotator.predict(X))


@pytest.mark.parametrize("query", ["random", "central", "diverse"])
def test_only_labels_at_the_query_are_read(query):
    rng = np.random.default_rng(0)
    annotator = ClusterAnnotator(n_labels=12, query=query, random_state=0)
    first = annotator.fit(X, Y)
    expected = first.predict(X), first.predict_proba(X), first.query_indices_.copy()
    for _ in range(3):
        wrong = rng.integers(0, 50, len(Y))  # also classes that are not there
        wrong[expected[2]] = Y[expected[2]]
        annotator.fit(X, wrong)
        np.testing.assert_array_equal(annotator.predict(X), expected[0])
        np.testing.assert_array_equal(annotator.predict_proba(X), expected[1])
        np.testing.assert_array_equal(annotator.query_indices_, expected[2])
    missing = np.full(len(Y), -1)
    missing[expected[2]] = Y[expected[2]]
    for none in (missing, np.where(missing < 0, np.nan, missing), pd.Series(missing)):
        np.testing.assert_array_equal(annotator.fit(X, none).predict(X), expected[0])
    changed = Y.copy()
    changed[expected[2]] = (changed[expected[2]] + 1) % 4
    assert not np.array_equal(annotator.fit(X, changed).predict(X), expected[0])


def test_query_is_inside_its_cluster_and_without_repeats():
    for query in ("random", "central", "diverse"):
        annotator = ClusterAnnotator(5, 4, query=query, random_state=0).fit(X)
        clusters = annotator.labels_[annotator.query_indices_]
        assert np.bincount(clusters).tolist() == [4] * 5
        assert len(set(annotator.query_indices_)) == 20


def test_central_and_diverse_queries():
    X = np.array([[0.0], [1], [2], [3], [10]])
    central = ClusterAnnotator(1, 2, query="central", standardize=False).fit(X)
    assert central.query_indices_.tolist() == [3, 2]  # the mean is 3.2
    diverse = ClusterAnnotator(1, 3, query="diverse", standardize=False).fit(X)
    assert diverse.query_indices_.tolist() == [3, 4, 0]


@pytest.mark.parametrize("query", ["random", "central", "diverse"])
def test_copies_of_a_picture_are_asked_about_once(query):
    X = np.repeat(np.arange(4.0)[:, None], 30, axis=0)
    X[30:60] *= -0.0  # two copies of 0, of both signs
    annotator = ClusterAnnotator(3, query=query, random_state=0).fit(X)
    assert sorted(X[annotator.query_indices_, 0]) == [0, 2, 3]
    assert set(annotator.query_indices_) == {0, 60, 90}  # the first of each
    budget = ClusterAnnotator(n_labels=12, query=query, random_state=0).fit(X)
    assert budget.n_clusters_ == 3  # of 12 that the budget allows
    assert len(budget.query_indices_) == 3


@pytest.mark.parametrize(
    ("n_labels", "n_clusters", "sizes"),
    [(2, 2, {1}), (5, 5, {1}), (10, 10, {1}), (30, 10, {3}), (60, 20, {3}), (120, 40, {3})],
)
def test_budgets_of_the_paper(n_labels, n_clusters, sizes):
    annotator = ClusterAnnotator(n_labels=n_labels, random_state=0).fit(
        np.random.default_rng(0).uniform(size=(2000, 2))
    )
    assert annotator.n_clusters_ == n_clusters
    assert len(annotator.query_indices_) == n_labels
    assert set(np.bincount(annotator.labels_[annotator.query_indices_])) == sizes


def test_larger_clusters_get_labels_first():
    X = line((0, 10), (5, 30), (9, 2))
    annotator = ClusterAnnotator(3, n_labels=8, random_state=0).fit(X)
    sizes = np.bincount(annotator.labels_)
    asked = np.bincount(annotator.labels_[annotator.query_indices_])
    assert dict(zip(sizes.tolist(), asked.tolist(), strict=True)) == {30: 3, 10: 3, 2: 2}
    few = ClusterAnnotator(3, n_labels=2, random_state=0).fit(X)
    assert sorted(sizes[annotator.labels_[few.query_indices_]]) == [10, 30]
    assert len(ClusterAnnotator(3, n_labels=1000).fit(X).query_indices_) == 42


def test_all_rows_of_small_clusters_are_labeled():
    annotator = ClusterAnnotator(2, 3, random_state=0).fit(line((0, 1), (5, 6)))
    assert sorted(np.bincount(annotator.labels_[annotator.query_indices_])) == [1, 3]


def test_number_of_clusters():
    assert ClusterAnnotator().fit(X).n_clusters_ == 8
    assert ClusterAnnotator().fit(X[:5]).n_clusters_ == 5
    assert ClusterAnnotator("classes").fit(X, NAMES).n_clusters_ == 3
    assert ClusterAnnotator("classes", query="labeled").fit(X, Y).n_clusters_ == 4


def test_majority_decides_against_the_neighbors():
    X = line((0, 10), (1, 10), (1.2, 10), (1.4, 10))
    annotator = ClusterAnnotator(4, 3, random_state=0, standardize=False).fit(X)
    labels = dict.fromkeys(range(10, 40), "b") | {0: "a", 1: "b", 2: "a"}
    annotator.annotate(labels)
    assert (annotator.predict(X[:10]) == "a").all()
    annotator.annotate({1: "c", 2: "b", 3: "c"})  # a b c c, with b all around
    assert (annotator.predict(X[:10]) == "c").all()


def test_neighbors_break_ties():
    X = line((0, 10), (1, 10), (5, 10))
    annotator = ClusterAnnotator(3, random_state=0).fit(X)
    votes = {0: "z", 1: "a"}
    annotator.annotate(votes | {10: "z", 20: "a"})
    assert (annotator.predict(X[:10]) == "z").all()
    annotator.annotate({10: "a", 20: "z"})
    assert (annotator.predict(X[:10]) == "a").all()


def test_neighbors_name_clusters_without_a_label():
    X = line((0, 10), (1, 10), (5, 10))
    annotator = ClusterAnnotator(3, random_state=0).fit(X).annotate({10: "near", 20: "far"})
    assert (annotator.predict(X[:10]) == "near").all()
    proba = annotator.predict_proba(X)
    assert proba[:10].max() < proba[10:20].max()
    votes = annotator.cluster_votes_
    assert votes.sum(axis=1)[annotator.labels_[[0, 10, 20]]].tolist() == [0, 1, 1]


def test_annotation_in_rounds():
    annotator = ClusterAnnotator(4, 2, random_state=0).fit(X)
    rows = annotator.query_indices_
    np.testing.assert_array_equal(annotator.pending_indices_, rows)
    with pytest.raises(NotFittedError, match="clusters have no names"):
        annotator.predict(X)
    annotator.annotate({int(rows[5]): "x"})  # in any order
    annotator.annotate([None, "y", None, None, np.nan, None, None, -1])
    assert annotator.annotations_ == {rows[1]: "y", rows[5]: "x"}
    assert set(annotator.pending_indices_) == set(rows) - {rows[1], rows[5]}
    annotator.annotate({rows[5]: "z"})  # corrected
    assert annotator.annotations_[rows[5]] == "z"
    assert annotator.cost_ == 2
    annotator.annotate({rows[5]: None, rows[1]: None})  # taken back
    assert annotator.cost_ == 0
    assert not hasattr(annotator, "classes_")
    with pytest.raises(NotFittedError, match="annotate"):
        annotator.predict_proba(X)
    annotator.annotate(NAMES[rows])
    assert len(annotator.pending_indices_) == 0
    other = ClusterAnnotator(4, 2, random_state=0).fit(X, NAMES)
    np.testing.assert_array_equal(annotator.predict_proba(X), other.predict_proba(X))


def test_a_failed_round_changes_nothing():
    annotator = ClusterAnnotator(4, random_state=0).fit(X).annotate({3: "a"})
    for bad in ({1000: "b"}, {-1: "b"}, {True: "b"}, {"3": "b"}, {4: 7}, ["b"]):
        with pytest.raises(ValueError, match=r"rows are the integers|mixes texts|query asks for"):
            annotator.annotate(bad)
        assert annotator.annotations_ == {3: "a"}
        assert (annotator.predict(X) == "a").all()


@pytest.mark.parametrize("labels", [["a", 'comma, "quote"'], [3, 7], [0.5, 2.25], [True, False]])
def test_labels_survive_a_file(tmp_path, labels):
    path = tmp_path / "labels.csv"
    annotator = ClusterAnnotator(4, random_state=0).fit(X)
    annotator.annotate({11: labels[0], 2: labels[1], 30: labels[0]}).save_annotations(path)
    loaded = ClusterAnnotator(4, random_state=0).fit(X).load_annotations(path)
    assert loaded.annotations_ == annotator.annotations_
    assert [type(v) for v in loaded.annotations_.values()] == [type(labels[0])] * 3
    np.testing.assert_array_equal(loaded.predict(X), annotator.predict(X))
    frame = pd.read_csv(path)
    assert frame["row"].tolist() == [2, 11, 30]
    assert frame["cluster"].tolist() == annotator.labels_[[2, 11, 30]].tolist()
    assert [file.name for file in tmp_path.iterdir()] == ["labels.csv"]


def test_texts_that_a_spreadsheet_would_run(tmp_path):
    path = tmp_path / "labels.csv"
    labels = {1: "=1+1", 2: "-cmd", 3: "@SUM(1)", 4: "\tx", 5: "'quoted", 6: "'=1", 7: "-1"}
    annotator = ClusterAnnotator(4, random_state=0).fit(X).annotate(labels)
    annotator.save_annotations(path)
    with path.open(newline="") as file:
        cells = [line["label"] for line in csv.DictReader(file)]
    assert cells == ["'=1+1", "'-cmd", "'@SUM(1)", "'\tx", "'quoted", "''=1", "-1"]
    assert ClusterAnnotator(4, random_state=0).fit(X).load_annotations(path).annotations_ == labels
    write_annotations(path, {0: -3}, [2], ["=evil.png"])
    assert path.read_text().splitlines()[1] == "0,2,-3,int,'=evil.png"
    assert read_annotations(path) == {0: -3}


def test_files_of_other_programs(tmp_path):
    path = tmp_path / "labels.csv"
    annotator = ClusterAnnotator(4, random_state=0).fit(X)
    path.write_text("label,row\nclear,4\ndark,9\n")
    assert annotator.load_annotations(path).annotations_ == {4: "clear", 9: "dark"}
    path.write_text("row,name\n4,clear\n")
    with pytest.raises(ValueError, match=r"columns \['row', 'name'\]; expected row and label"):
        annotator.load_annotations(path)
    path.write_text("row,label\nfour,clear\n")
    with pytest.raises(ValueError, match="line 2: cannot read"):
        annotator.load_annotations(path)
    path.write_text("row,label,type\n4,clear,int\n")
    with pytest.raises(ValueError, match="line 2: cannot read"):
        annotator.load_annotations(path)
    assert annotator.annotations_ == {4: "clear", 9: "dark"}


def test_given_labels_can_be_the_query():
    few = np.full(len(Y), -1)
    few[::15] = Y[::15]
    annotator = ClusterAnnotator(query="labeled", random_state=0).fit(X, few)
    assert annotator.query_indices_.tolist() == list(range(0, 240, 15))
    assert annotator.score(X, Y) > 0.9
    with pytest.raises(ValueError, match="y has none"):
        annotator.fit(X)


@pytest.mark.parametrize(
    "clusterer",
    [
        KMeans(n_init=2),
        AgglomerativeClustering(),
        GaussianMixture(),
        DBSCAN(eps=0.3, min_samples=3),
    ],
    ids=lambda clusterer: type(clusterer).__name__,
)
def test_any_clusterer(clusterer):
    n_clusters = None if isinstance(clusterer, DBSCAN) else 6
    annotator = ClusterAnnotator(n_clusters, clusterer=clusterer, random_state=0).fit(X, Y)
    assert annotator.score(X, Y) > 0.9
    assert annotator.predict(X[:1]) == annotator.predict(X)[:1]
    proba = annotator.predict_proba(X)
    np.testing.assert_allclose(proba.sum(axis=1), 1)
    np.testing.assert_array_equal(annotator.classes_[proba.argmax(axis=1)], annotator.predict(X))
    assert annotator.labels_.min() == 0
    assert set(annotator.labels_) == set(range(annotator.n_clusters_))
    assert "random_state" not in clusterer.get_params() or clusterer.random_state is None
    refit = ClusterAnnotator(n_clusters, clusterer=clusterer, random_state=0).fit(X, Y)
    np.testing.assert_array_equal(refit.labels_, annotator.labels_)


def test_noise_belongs_to_the_nearest_cluster():
    rows = np.concatenate([line((0, 10), (5, 10)), [[1.0], [4.0]]])
    annotator = ClusterAnnotator(
        clusterer=DBSCAN(eps=0.1, min_samples=3), standardize=False, random_state=0
    ).fit(rows)
    assert annotator.n_clusters_ == 2
    assert annotator.labels_[20] == annotator.labels_[0]
    assert annotator.labels_[21] == annotator.labels_[10]


def test_empty_clusters_are_left_out():
    class Gaps(KMeans):
        """A clusterer whose second cluster has no row in fit but one later."""

        def fit_predict(self, X, y=None):
            self.fit(X)
            return np.where(X[:, 0] < 2, 0, 2)

        def predict(self, X):
            return np.where(X[:, 0] < 2, 0, np.where(X[:, 0] < 4, 1, 2))

    rows = line((0, 10), (5, 10))
    annotator = ClusterAnnotator(clusterer=Gaps(n_clusters=2), standardize=False)
    annotator.fit(rows, np.repeat(["low", "high"], 10))
    assert annotator.n_clusters_ == 2
    assert annotator.predict([[0.0], [2.2], [3.5], [5.0]]).tolist() == [
        "low",
        "low",
        "high",
        "high",
    ]


def test_is_a_classifier_to_scikit_learn():
    assert is_classifier(ClusterAnnotator())
    assert not is_clusterer(ClusterAnnotator())
    assert not ClusterAnnotator().__sklearn_tags__().target_tags.required
    assert not ClusterAnnotator().__sklearn_tags__().classifier_tags.poor_score
    assert ClusterAnnotator(n_labels=5).__sklearn_tags__().classifier_tags.poor_score
    order = np.argsort(NAMES, kind="stable")  # unstratified folds would miss a class
    scores = cross_val_score(ClusterAnnotator(6, random_state=0), X[order], NAMES[order], cv=3)
    assert scores.min() > 0.9
    annotator = ClusterAnnotator(4, random_state=0).fit(X, NAMES)
    assert annotator.score(X, NAMES) == np.mean(annotator.predict(X) == NAMES)


def test_fit_predict_is_fit_then_predict():
    annotator = ClusterAnnotator(4, random_state=0)
    names = annotator.fit_predict(X, NAMES)
    np.testing.assert_array_equal(names, annotator.predict(X))
    np.testing.assert_array_equal(names, clone(annotator).fit(X, NAMES).predict(X))
    with pytest.raises(TypeError, match="y"):
        annotator.fit_predict(X)


def test_minus_one_can_be_a_class():
    signs = np.where(Y < 2, -1, 1)
    annotator = ClusterAnnotator(6, random_state=0).fit(X, signs)
    assert annotator.classes_.tolist() == [-1, 1]
    row = int(annotator.query_indices_[0])
    annotator.annotate({row: -1})  # a class by now, so that it takes nothing back
    assert annotator.annotations_[row] == -1
    annotator.annotate({row: None})
    assert annotator.pending_indices_.tolist() == [row]

    # the labels of the query may all be -1
    rare = np.where(np.arange(240) == 239, 1, -1)
    with pytest.warns(UserWarning, match="count as two classes"):
        low = ClusterAnnotator(1, 1, random_state=0).fit(X, rare)
    assert low.classes_.tolist() == [-1]


def test_answers_of_minus_one_and_one_warn():
    annotator = ClusterAnnotator(4, 1, random_state=0).fit(X)
    with pytest.warns(UserWarning, match="annotate reads -1 as a class"):
        annotator.annotate([-1, 1, 1, None])
    assert sorted(annotator.annotations_.values()) == [-1, 1, 1]
    annotator.annotate([1, -1, None, -1])  # known by now
    assert annotator.cost_ == 4
    other = ClusterAnnotator(4, 1, random_state=0).fit(X)
    with pytest.warns(UserWarning, match="1 labels are -1 and count as missing"):
        other.annotate([-1, 0, 1, 1])
    assert other.cost_ == 3


@pytest.mark.parametrize("y", [NAMES, Y, Y.astype(float), Y > 1])
def test_rows_of_nan_are_left_out(y):
    gaps = [0, 7, 239]
    rows = np.setdiff1d(np.arange(240), gaps)
    holes = X.copy()
    holes[gaps] = np.nan
    expected = ClusterAnnotator(6, random_state=0).fit(X[rows], y[rows])
    annotator = ClusterAnnotator(6, random_state=0).fit(holes, y)
    np.testing.assert_array_equal(annotator.query_indices_, rows[expected.query_indices_])
    np.testing.assert_array_equal(annotator.labels_[rows], expected.labels_)
    assert (annotator.labels_[gaps] == -1).all()
    names, proba = annotator.predict(holes), annotator.predict_proba(holes)
    np.testing.assert_array_equal(names[rows], expected.predict(X[rows]))
    np.testing.assert_array_equal(proba[rows], expected.predict_proba(X[rows]))
    assert np.isnan(proba[gaps]).all()
    for name in (*names[gaps], *annotator.predict(holes[gaps])):
        assert name == "" or name is None or np.isnan(name)
    assert annotator.predict_proba(holes[gaps]).shape == (3, len(annotator.classes_))


def test_labels_of_rows_of_nan():
    holes = X.copy()
    holes[3] = np.nan
    labels = np.where(np.arange(240) % 20 == 3, NAMES, "")
    annotator = ClusterAnnotator(3, query="labeled", random_state=0).fit(holes, labels)
    assert annotator.query_indices_.tolist() == list(range(23, 240, 20))
    with pytest.raises(ValueError, match=r"labels of the rows \[3\], which are NaN in X"):
        annotator.annotate({3: "clear"})
    holes[4, 0] = np.nan
    for method in (annotator.fit, annotator.predict):
        with pytest.raises(ValueError, match=r"NaN or infinity in parts of the rows \[4\]"):
            method(holes)
    with pytest.raises(ValueError, match="NaN in all 4 rows"):
        annotator.fit(np.full((4, 2), np.nan))


def test_tiny_numbers():
    expected = ClusterAnnotator(6, random_state=0).fit(X, Y).predict(X)
    for scale in (1e-200, 1e-290):
        annotator = ClusterAnnotator(6, random_state=0).fit(X * scale, Y)
        np.testing.assert_array_equal(annotator.predict(X * scale), expected)
    for tiny in (X * 1e-200, (X * 1e-30).astype(np.float32)):
        with pytest.raises(ValueError, match="squares of such small ones are 0"):
            ClusterAnnotator(6, standardize=False).fit(tiny)
    ClusterAnnotator(2, standardize=False).fit([[0.0], [1e-10]])


def test_probabilities_sort_by_confidence():
    X, y = make_blobs(600, centers=[[0, 0], [3, 0]], random_state=0)
    annotator = ClusterAnnotator(2, 5, random_state=0).fit(X, y)
    proba = annotator.predict_proba(X)
    right = annotator.predict(X) == y
    order = np.argsort(-proba.max(axis=1))
    assert right[order[:300]].mean() > right[order[300:]].mean()
    assert right[order[:300]].mean() > 0.99
    # unsure between the clusters, sure far outside
    low, middle, high = annotator.predict_proba([[-3.0, 0], [1.5, 0], [6.0, 0]])[:, 1]
    assert low < 0.2
    assert abs(middle - 0.5) < 0.1
    assert high > 0.8
    assert log_loss(y, proba) < 0.4


def test_standardize_removes_the_scale_of_columns():
    stretched = X * [1, 1000]
    for standardize in (True, False):
        annotator = ClusterAnnotator(6, standardize=standardize, random_state=0)
        plain, other = annotator.fit(X).labels_, annotator.fit(stretched).labels_
        assert np.array_equal(plain, other) == standardize
    centers = ClusterAnnotator(6, random_state=0).fit(stretched).cluster_centers_
    assert centers[:, 1].std() > 100


def test_constant_columns_and_float32():
    rows = np.hstack([X, np.full((len(X), 1), 7.3)]).astype(np.float32)
    annotator = ClusterAnnotator(6, random_state=0).fit(rows, Y)
    assert annotator.score(rows.astype(np.float64), Y) > 0.95


def test_constant_columns_change_nothing():
    X, y = make_blobs(1000, centers=3, random_state=0)
    wide = np.hstack([X, np.full((1000, 1), 7.3)])
    plain, other = (ClusterAnnotator(6, random_state=0).fit(rows, y) for rows in (X, wide))
    np.testing.assert_allclose(plain.predict_proba(X), other.predict_proba(wide), atol=1e-6)


def test_seeded():
    first, again = (ClusterAnnotator(random_state=5).fit(X) for _ in range(2))
    np.testing.assert_array_equal(first.query_indices_, again.query_indices_)
    assert not np.array_equal(
        first.query_indices_, ClusterAnnotator(random_state=6).fit(X).query_indices_
    )


@pytest.mark.parametrize(
    ("parameters", "y", "message"),
    [
        ({"n_clusters": 241}, None, "241 clusters were asked for, but there are n_samples=240"),
        ({"n_clusters": 4}, np.full(240, -1), "no label for 12 of the 12 rows"),
        ({"n_clusters": "classes"}, None, "needs y"),
        ({"n_clusters": "classes"}, np.full(240, -1), "needs y with labels"),
        ({"query": "labeled"}, np.full(240, -1), "y has none"),
        ({"n_clusters": 4, "clusterer": DBSCAN()}, None, "DBSCAN has no n_clusters"),
        ({"clusterer": DBSCAN(eps=1e-6)}, None, "calls all 240 rows noise"),
        ({"n_annotations": 0}, None, "n_annotations"),
        ({"query": "best"}, None, "query"),
        ({"n_clusters": True}, None, "'n_clusters' parameter.*Got True"),
        ({"n_annotations": True}, None, "'n_annotations' parameter.*Got True"),
        ({"n_labels": True}, None, "'n_labels' parameter.*Got True"),
        ({}, X[:, 0], "Unknown label type: continuous"),
        ({}, [0, "a"] * 120, "mixes texts"),
        ({}, Y[1:], "239 labels but X has 240 rows"),
    ],
)
def test_bad_input(parameters, y, message):
    with pytest.raises(ValueError, match=message):
        ClusterAnnotator(**parameters).fit(X, y)


def test_labels_missing_at_the_query_are_named():
    annotator = ClusterAnnotator(4, random_state=0)
    rows = annotator.fit(X).query_indices_
    y = Y.copy()
    y[rows[[2, 7]]] = -1
    with pytest.raises(ValueError, match=rf"\[{rows[2]}, {rows[7]}\].*annotate\("):
        annotator.fit(X, y)


def test_unpickles_and_predicts_without_torch(tmp_path):
    annotator = ClusterAnnotator(6, random_state=0).fit(X, NAMES)
    (tmp_path / "annotator.pkl").write_bytes(pickle.dumps(annotator))
    np.save(tmp_path / "X.npy", X)
    np.save(tmp_path / "expected.npy", annotator.predict(X))
    code = (
        "import pickle, sys, numpy as np\n"
        "annotator = pickle.load(open('annotator.pkl', 'rb'))\n"
        "assert (annotator.predict(np.load('X.npy')) == np.load('expected.npy')).all()\n"
        "assert 'torch' not in sys.modules\n"
    )
    environment = os.environ | {"PYTHONPATH": str(Path(skstylefeat.__file__).parents[1])}
    subprocess.run([sys.executable, "-c", code], cwd=tmp_path, env=environment, check=True)
