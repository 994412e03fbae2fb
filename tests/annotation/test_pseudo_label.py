import numpy as np
import pytest
from sklearn import config_context
from sklearn.base import clone
from sklearn.cluster import KMeans
from sklearn.datasets import make_blobs
from sklearn.exceptions import UnsetMetadataPassedError
from sklearn.linear_model import LogisticRegression
from sklearn.metrics import roc_auc_score
from sklearn.model_selection import cross_val_score, cross_validate
from sklearn.neighbors import KNeighborsClassifier
from sklearn.pipeline import Pipeline, make_pipeline
from sklearn.preprocessing import StandardScaler

from skstylefeat import ClusterAnnotator, FewShotSplit, PseudoLabelClassifier

X, Y = make_blobs(n_samples=400, centers=4, cluster_std=0.8, random_state=3)
NAMES = np.array(["none", "clear", "dark", "none"])[Y]
NEW, NEW_Y = X[300:], NAMES[300:]
X, Y, NAMES = X[:300], Y[:300], NAMES[:300]


def test_learns_from_the_names():
    model = PseudoLabelClassifier(ClusterAnnotator(n_labels=10, random_state=0), random_state=0)
    model.fit(X, NAMES)
    assert model.classes_.tolist() == ["clear", "dark", "none"]
    assert model.score(NEW, NEW_Y) > 0.95
    codes = model.annotator_.predict(X)
    np.testing.assert_array_equal(model.pseudo_labels_, model.classes_[codes])
    assert model.annotator_.cost_ == 10
    mlp = model.classifier_[-1]
    assert mlp.n_layers_ - 1 == 3


def test_only_labels_at_the_query_are_read():
    model = PseudoLabelClassifier(
        ClusterAnnotator(6, 2, random_state=0), LogisticRegression(), random_state=0
    )
    expected = model.fit(X, Y).predict_proba(NEW)
    rows = model.annotator_.query_indices_
    wrong = (Y + 1) % 4
    wrong[rows] = Y[rows]
    np.testing.assert_array_equal(model.fit(X, wrong).predict_proba(NEW), expected)
    few = np.full(len(Y), -1)
    few[rows] = Y[rows]
    np.testing.assert_array_equal(model.fit(X, few).predict_proba(NEW), expected)


@pytest.mark.parametrize("missing", [None, np.nan])
def test_few_labels_are_read_as_they_are(missing):
    y = np.full(len(NAMES), missing, dtype=object)
    y[::15] = NAMES[::15]
    model = PseudoLabelClassifier(random_state=0).fit(X, y)
    assert model.annotator_.query_indices_.tolist() == list(range(0, 300, 15))
    assert model.score(NEW, NEW_Y) > 0.9


def test_minus_one_and_one_are_two_classes():
    X, y = make_blobs(100, centers=2, random_state=1)
    for labels in (np.where(y, 1, -1), np.where(y, 1.0, -1.0), np.where(y, 1, -1).astype(object)):
        model = PseudoLabelClassifier(random_state=0).fit(X, labels)
        assert model.classes_.tolist() == [-1, 1]
        assert model.score(X, labels.astype(int)) > 0.9
    three = np.where(y, 1, 2)
    three[::2] = -1  # next to another class, -1 is missing
    assert PseudoLabelClassifier(random_state=0).fit(X, three).classes_.tolist() == [1, 2]


def test_probabilities():
    model = PseudoLabelClassifier(random_state=0).fit(X, NAMES)
    proba = model.predict_proba(NEW)
    np.testing.assert_allclose(proba.sum(axis=1), 1)
    np.testing.assert_array_equal(model.classes_[proba.argmax(axis=1)], model.predict(NEW))
    assert roc_auc_score(NEW_Y == "dark", proba[:, 1]) > 0.97


def test_class_without_a_cluster_has_probability_zero():
    rng = np.random.default_rng(0)
    X = np.concatenate([rng.normal(size=(40, 2)), 9 + rng.normal(size=(40, 2))])
    y = np.repeat(["a", "c"], 40)
    y[0] = "b"
    few = np.full(80, None)
    few[[0, 1, 2, 50]] = y[[0, 1, 2, 50]]
    annotator = ClusterAnnotator(2, query="labeled", random_state=0)
    model = PseudoLabelClassifier(annotator, random_state=0).fit(X, few)
    assert model.classes_.tolist() == ["a", "b", "c"]
    proba = model.predict_proba(X)
    assert (proba[:, 1] == 0).all()
    assert model.score(X[1:], y[1:]) == 1.0


def test_confidence_weights():
    rng = np.random.default_rng(0)
    y = np.repeat([0, 1], 200)
    X = rng.normal(size=(400, 2)) + np.outer(y, [4, 0])
    annotator = ClusterAnnotator(2, 5, random_state=0)
    plain, weighted = (
        PseudoLabelClassifier(annotator, LogisticRegression(), confidence_weighted=flag).fit(X, y)
        for flag in (False, True)
    )
    weights = plain.annotator_.predict_proba(X).max(axis=1)
    expected = LogisticRegression().fit(X, plain.pseudo_labels_, sample_weight=weights)
    np.testing.assert_allclose(weighted.predict_proba(X), expected.predict_proba(X))
    assert not np.allclose(weighted.predict_proba(X), plain.predict_proba(X))
    pipe = make_pipeline(StandardScaler(), LogisticRegression())
    in_pipe = PseudoLabelClassifier(annotator, pipe, confidence_weighted=True).fit(X, y)
    expected = LogisticRegression().fit(
        StandardScaler().fit_transform(X), plain.pseudo_labels_, sample_weight=weights
    )
    np.testing.assert_allclose(in_pipe.classifier_[-1].coef_, expected.coef_)
    default = PseudoLabelClassifier(annotator, confidence_weighted=True, random_state=0)
    assert default.fit(X, y).score(X, y) > 0.8


@pytest.mark.parametrize("routing", [False, True])
@pytest.mark.parametrize("confidence_weighted", [False, True])
def test_sample_weight_reaches_the_classifier(routing, confidence_weighted):
    weight = np.random.default_rng(0).uniform(0.1, 3, len(X))
    annotator = ClusterAnnotator(6, random_state=0)
    named = annotator.fit(X, Y).predict(X)
    confidence = annotator.predict_proba(X).max(axis=1)
    expected = LogisticRegression().fit(
        X, named, sample_weight=weight * confidence if confidence_weighted else weight
    )
    with config_context(enable_metadata_routing=routing):
        inner = LogisticRegression()
        if routing:
            inner.set_fit_request(sample_weight=True)
        nested = Pipeline([("none", "passthrough"), ("inner", Pipeline([("last", inner)]))])
        for classifier in (inner, nested):
            model = PseudoLabelClassifier(
                annotator, classifier, confidence_weighted=confidence_weighted
            ).fit(X, Y, sample_weight=weight)
            np.testing.assert_allclose(model.predict_proba(X), expected.predict_proba(X))
            assert "sample_weight" not in model.annotator_.get_params()


def test_confidence_weights_pass_a_scaler_with_routing():
    make = PseudoLabelClassifier(
        ClusterAnnotator(6, random_state=0),
        make_pipeline(StandardScaler(), LogisticRegression()),
        confidence_weighted=True,
    )
    expected = clone(make).fit(X, Y).predict_proba(X)
    with config_context(enable_metadata_routing=True):
        found = clone(make).fit(X, Y)
    np.testing.assert_array_equal(found.predict_proba(X), expected)


def test_rows_of_weight_zero_are_left_out():
    weight = np.arange(len(X)) % 3
    kept = weight > 0
    make = PseudoLabelClassifier(ClusterAnnotator(6, random_state=0), LogisticRegression())
    model = clone(make).fit(X, Y, sample_weight=weight)
    expected = clone(make).fit(X[kept], Y[kept], sample_weight=weight[kept])
    np.testing.assert_array_equal(model.predict_proba(NEW), expected.predict_proba(NEW))
    assert len(model.pseudo_labels_) == kept.sum()
    with pytest.raises(ValueError, match="Negative values"):
        clone(make).fit(X, Y, sample_weight=weight - 1)
    with pytest.raises(ValueError, match=r"1 class only .* sample_weight is positive, True"):
        clone(make).fit(X, Y == 1, sample_weight=Y == 1)


@pytest.mark.parametrize("y", [NAMES, Y])
def test_rows_of_nan_are_left_out(y):
    holes = X.copy()
    holes[[2, 50]] = np.nan
    rows = np.setdiff1d(np.arange(len(X)), [2, 50])
    make = PseudoLabelClassifier(ClusterAnnotator(6, random_state=0), LogisticRegression())
    weight = np.linspace(0.5, 2, len(X))
    model = clone(make).fit(holes, y, sample_weight=weight)
    expected = clone(make).fit(X[rows], y[rows], sample_weight=weight[rows])
    names, proba = model.predict(holes), model.predict_proba(holes)
    np.testing.assert_array_equal(names[rows], expected.predict(X[rows]))
    np.testing.assert_array_equal(proba[rows], expected.predict_proba(X[rows]))
    assert np.isnan(proba[[2, 50]]).all()
    for name in (*names[[2, 50]], *model.predict(holes[[2, 50]])):
        assert name == "" or np.isnan(name)


def test_default_classifier_requests_weights():
    weight = np.where(NAMES == "dark", 1e-6, 1.0)
    with config_context(enable_metadata_routing=True):
        model = PseudoLabelClassifier(ClusterAnnotator(8, random_state=0), random_state=0)
        model.fit(X, NAMES, sample_weight=weight)
    assert "dark" not in model.predict(NEW)


class Recorder(LogisticRegression):
    """A classifier whose `fit` takes `note`, and keeps it."""

    def fit(self, X, y, sample_weight=None, note=None):
        self.note_, self.weight_ = note, sample_weight
        return super().fit(X, y)


def test_metadata_goes_where_it_is_requested():
    weight = np.arange(len(X), dtype=float)
    with config_context(enable_metadata_routing=True):
        annotator = Recorder().set_fit_request(note=True, sample_weight=False)
        classifier = Recorder().set_fit_request(note=False, sample_weight=True)
        model = PseudoLabelClassifier(annotator, classifier)
        routes = model.get_metadata_routing()
        assert routes.consumes("fit", ["note", "sample_weight", "other"]) == {
            "note",
            "sample_weight",
        }
        model.fit(X, Y, note="hello", sample_weight=weight)
        assert (model.annotator_.note_, model.annotator_.weight_) == ("hello", None)
        assert model.classifier_.note_ is None
        np.testing.assert_array_equal(model.classifier_.weight_, weight[1:])  # without the zero
        with pytest.raises(TypeError, match=r"unexpected argument.*other"):
            model.fit(X, Y, other=1)
        with pytest.raises(UnsetMetadataPassedError, match="sample_weight"):
            PseudoLabelClassifier(annotator, Recorder()).fit(X, Y, sample_weight=weight)

        # through another router
        model.set_score_request(sample_weight=True)
        result = cross_validate(
            model,
            X,
            Y,
            cv=2,
            params={"sample_weight": weight},
            return_estimator=True,
        )
        lengths = [len(fitted.classifier_.weight_) for fitted in result["estimator"]]
        assert sum(lengths) == len(X) - 1
    with pytest.raises(ValueError, match=r"enable_metadata_routing.*note"):
        PseudoLabelClassifier(annotator, classifier).fit(X, Y, note="hello")


def test_unsupported_weights():
    model = PseudoLabelClassifier(
        ClusterAnnotator(4), KNeighborsClassifier(), confidence_weighted=True
    )
    with pytest.raises(ValueError, match=r"KNeighborsClassifier\.fit takes no sample_weight"):
        model.fit(X, Y)
    model = PseudoLabelClassifier(KMeans(4), LogisticRegression(), confidence_weighted=True)
    with pytest.raises(ValueError, match="KMeans has no predict_proba"):
        model.fit(X, Y)


def test_any_annotator_and_pipeline():
    annotator = make_pipeline(StandardScaler(), ClusterAnnotator(8, random_state=0))
    model = PseudoLabelClassifier(annotator, KNeighborsClassifier()).fit(X, NAMES)
    assert model.score(NEW, NEW_Y) > 0.9


def test_seeded():
    first, again = (PseudoLabelClassifier(random_state=1).fit(X, Y) for _ in range(2))
    np.testing.assert_array_equal(first.predict_proba(NEW), again.predict_proba(NEW))


def test_few_shot_cross_validation():
    scores = cross_val_score(
        PseudoLabelClassifier(ClusterAnnotator(8, 2, random_state=0), LogisticRegression()),
        X,
        NAMES,
        cv=FewShotSplit(40, 3, random_state=0),
    )
    assert scores.mean() > 0.8


def test_labels_of_one_class_only():
    few = np.full(len(Y), -1)
    few[[0, 1, 2]] = 2
    with pytest.warns(UserWarning, match="All rows were named 2"):
        model = PseudoLabelClassifier().fit(X, few)
    assert (model.predict(NEW) == 2).all()
    assert model.predict_proba(NEW).tolist() == [[1.0]] * len(NEW)


@pytest.mark.parametrize(
    ("y", "message"),
    [
        (np.zeros(300), "1 class only, 0"),
        (np.full(300, np.nan), "No row of y has a label"),
        (Y[1:], "299 labels but X has 300 rows"),
        (None, "requires y to be passed"),
        (np.linspace(0, 1, 300), "Unknown label type: continuous"),
        ([0, "a"] * 150, "mixes texts"),
    ],
)
def test_bad_input(y, message):
    with pytest.raises(ValueError, match=message):
        PseudoLabelClassifier().fit(X, y)
