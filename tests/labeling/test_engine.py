"""Tests of the engine: questions in rounds, readings from few labels, and how good they are."""

import numpy as np
import pytest

from skstylefeat.labeling import LabelingEngine
from skstylefeat.labeling._label_readings import can_read_classes, can_read_numbers, read_numbers
from skstylefeat.labeling._prepared import Prepared


def make_prepared(n=150, n_columns=200, seed=0, **changes):
    """Return features of which few follow a class and a number, and these."""
    rng = np.random.default_rng(seed)
    classes = rng.integers(0, 2, size=n)
    numbers = rng.uniform(20, 80, size=n)
    features = rng.normal(size=(n, n_columns))
    features[:, 5:9] += 5 * classes[:, None]
    features[:, 150:160] += 0.1 * numbers[:, None]
    # Large differences that nobody asks about.
    features[:, 20:60] += 4 * rng.integers(0, 3, size=n)[:, None]
    files = [[f"{i}.png", 1] for i in range(n)]
    prepared = Prepared(files, features.astype(np.float32), 100, **changes)
    return prepared, np.where(classes, "yes", "no"), numbers


def answer_all(engine, truth, labels=None):
    """Answer all questions truthfully; return the labels and the number of rounds."""
    labels, rounds = dict(labels or {}), 1
    while True:
        for row in engine.questions.query.tolist():
            labels.setdefault(row, truth[row])
        if not engine.advance(labels):
            return labels, rounds
        rounds += 1


def test_labels_choose_columns_and_the_second_round():
    prepared, classes, _ = make_prepared()
    engine = LabelingEngine(prepared)
    first = engine.questions
    assert len(first.query) == 12 and not first.finished
    assert not engine.advance(dict.fromkeys(first.query[:-1].tolist(), "yes"))  # one is missing

    labels, rounds = answer_all(engine, classes)
    assert rounds == 2 and len(labels) <= 24 and engine.questions.finished
    assert engine.questions.query[:12].tolist() == first.query.tolist()
    reading = engine.read(labels)
    assert set(range(5, 9)) <= set(reading.columns)
    assert np.mean(np.array(reading.values) == classes) > 0.97
    assert reading.estimate.beats_baseline and reading.estimate.n_labels == len(labels)
    assert reading.estimate.low < reading.estimate.score <= reading.estimate.high
    # Clusters of all columns follow the large differences instead.
    purity = [
        max(np.mean(classes[first.clusters == k] == name) for name in ("yes", "no"))
        for k in range(12)
    ]
    assert np.mean(purity) < 0.9


def test_the_second_round_asks_for_unclear_images_only():
    prepared, classes, _ = make_prepared()
    engine = LabelingEngine(prepared, n_labels=30)
    labels = {row: classes[row] for row in engine.questions.query.tolist()}
    confidence = engine.read(labels).confidence
    engine.advance(labels)
    second = engine.questions.query[len(labels) :]
    assert len(second) and (confidence[second] < 0.95).all()
    assert confidence[second].mean() < np.median(confidence)


def test_nothing_more_is_asked_where_all_is_clear():
    rng = np.random.default_rng(0)
    classes = rng.integers(0, 2, size=60)
    features = (9.0 * classes[:, None] + 0.01 * rng.normal(size=(60, 30))).astype(np.float32)
    prepared = Prepared([[f"{i}.png", 1] for i in range(60)], features, 15)
    labels, rounds = answer_all(LabelingEngine(prepared), classes.astype(str))
    assert rounds == 1 and len(labels) == 12


def test_names_that_are_no_better_than_the_commonest_class_are_reported():
    prepared, _, _ = make_prepared()
    rng = np.random.default_rng(1)
    guesses = np.where(rng.random(150) < 0.6, "yes", "no")  # has nothing to do with the images
    engine = LabelingEngine(prepared)
    labels, _ = answer_all(engine, guesses)
    estimate = engine.read(labels).estimate
    assert not estimate.beats_baseline and estimate.score < 0.85
    assert estimate.baseline == max(
        np.mean([x == k for x in labels.values()]) for k in ("yes", "no")
    )


def test_a_wrong_label_is_doubted():
    prepared, classes, _ = make_prepared()
    engine = LabelingEngine(prepared, n_labels=40)
    labels, _ = answer_all(engine, classes)
    row = sorted(labels)[3]
    labels[row] = "no" if classes[row] == "yes" else "yes"
    reading = engine.read(labels)
    assert reading.doubts[0].row == row and reading.doubts[0].expected == classes[row]
    assert reading.doubts[0].probability >= 0.9
    assert reading.values[row] == labels[row] and reading.confidence[row] == 1  # it still counts


def test_numbers_with_intervals():
    prepared, _, numbers = make_prepared()
    engine = LabelingEngine(prepared, kind="number")
    labels, rounds = answer_all(engine, numbers)
    assert rounds == 2 and len(labels) == 24
    reading = engine.read(labels)
    free = np.setdiff1d(np.arange(150), list(labels))
    values = np.array(reading.values)
    error = np.abs(values - numbers)[free].mean()
    assert error < 0.6 * np.abs(numbers - numbers.mean()).mean()
    assert reading.estimate.beats_baseline and reading.estimate.low < error < reading.estimate.high
    inside = (reading.low <= numbers) & (numbers <= reading.high)
    assert inside[free].mean() > 0.8 and (reading.low < reading.high)[free].all()
    some = list(labels)
    assert [values[row] for row in some] == [labels[row] for row in some]
    assert [reading.low[row] for row in some] == [labels[row] for row in some]
    # The second round spreads over the predicted numbers.
    second = numbers[engine.questions.query[12:]]
    assert np.ptp(second) > 35


def test_intervals_are_those_of_the_jackknife_plus():
    """The same as the regressor's, with the predictions of the folds given to it as they are."""
    prepared, _, numbers = make_prepared(n=60)
    labels = {row: float(numbers[row]) for row in range(0, 60, 5)}
    reading = read_numbers(prepared, labels)
    n, rank = 12, 12  # ceil(0.9 * 13)
    rows = np.array(sorted(labels))
    lows, highs = [], []
    for out in range(n):
        rest = {row: labels[row] for row in np.delete(rows, out).tolist()}
        fold = read_numbers(prepared, rest)
        center = np.array(fold.values)
        residual = abs(labels[int(rows[out])] - center[rows[out]])
        lows.append(center - residual)
        highs.append(center + residual)
    np.testing.assert_allclose(reading.low, np.sort(lows, axis=0)[n - rank], rtol=1e-6)
    np.testing.assert_allclose(reading.high, np.sort(highs, axis=0)[rank - 1], rtol=1e-6)


def test_few_numbers_have_infinite_intervals():
    prepared, _, numbers = make_prepared()
    engine = LabelingEngine(prepared, kind="number")
    rows = engine.questions.query[:8].tolist()
    reading = engine.read({row: numbers[row] for row in rows})
    free = np.setdiff1d(np.arange(150), rows)
    assert np.isinf(reading.low[free]).all() and np.isinf(reading.high[free]).all()
    assert engine.read({row: numbers[row] for row in rows[:2]}) is None


def test_copies_and_foreign_images_are_not_asked_about():
    originals = [*range(140), *range(10)]
    foreign = {f"{i}.png": "reconstruction" for i in range(20, 60)}
    prepared, classes, _ = make_prepared(originals=originals, foreign=foreign)
    prepared.features[140:] = prepared.features[:10]
    classes[140:] = classes[:10]
    engine = LabelingEngine(prepared)
    labels, _ = answer_all(engine, classes)
    query = engine.questions.query
    assert not set(query) & {*range(20, 60), *range(140, 150)}
    # A copy adds no evidence: it changes neither the estimate nor the names.
    row = next(row for row in query.tolist() if row < 10) if min(query) < 10 else None
    if row is not None:
        more = engine.read(labels | {140 + row: classes[row]})
        assert more.estimate == engine.read(labels).estimate


def test_unsure_rows_are_replaced_by_others():
    prepared, classes, _ = make_prepared()
    engine = LabelingEngine(prepared)
    unsure = set(engine.questions.query[:5].tolist())
    labels = {row: classes[row] for row in engine.questions.query[5:].tolist()}
    assert engine.advance(labels, unsure)
    second = engine.questions.query[12:]
    assert not set(second) & unsure
    assert len(labels) + len(second) <= 24


@pytest.mark.parametrize("classes", [["a"] * 24, [*"abcdefghijklmnopqrstuvwx"], ["a", *["b"] * 23]])
def test_labels_of_few_classes_name_clusters(classes):
    prepared, _, _ = make_prepared()
    engine = LabelingEngine(prepared)
    labels = dict(zip(engine.questions.query.tolist(), classes, strict=False))
    assert not can_read_classes(labels)
    reading = engine.read(labels)
    assert set(reading.values) <= set(classes) and reading.estimate is None
    assert all(reading.values[row] == label for row, label in labels.items())
    assert engine.advance(labels)  # and asks on


def test_known_labels_come_before_the_first_question():
    prepared, classes, _ = make_prepared()
    known = {row: classes[row] for row in range(8)}
    engine = LabelingEngine(prepared, labels=known)
    assert engine.questions.query[:8].tolist() == list(range(8))
    assert len(engine.questions.query) <= 24 and engine.questions.finished
    labels, _ = answer_all(engine, classes, known)
    assert np.mean(np.array(engine.read(labels).values) == classes) > 0.95


def test_nothing_is_asked_where_enough_labels_are_known():
    prepared, classes, _ = make_prepared()
    known = {row: classes[row] for row in range(30)}
    questions = LabelingEngine(prepared, labels=known).questions
    assert questions.query.tolist() == list(range(30)) and questions.finished
    assert questions.n_labels == 30 and len(np.unique(questions.clusters)) == 12


def test_one_round_of_given_clusters_as_before():
    prepared, _, _ = make_prepared()
    engine = LabelingEngine(prepared, n_clusters=5, n_annotations=2, query="random")
    questions = engine.questions
    assert questions.finished and len(questions.query) == questions.n_labels == 10
    assert np.bincount(questions.clusters[questions.query]).tolist() == [2] * 5


def test_three_classes_and_few_images():
    prepared, classes, numbers = make_prepared()
    three = np.where(numbers > 60, "old", classes)
    engine = LabelingEngine(prepared, n_labels=60)
    labels, _ = answer_all(engine, three)
    assert np.mean(np.array(engine.read(labels).values) == three) > 0.8

    small, classes, _ = make_prepared(n=6)
    engine = LabelingEngine(small)
    labels, _ = answer_all(engine, classes)
    assert len(labels) <= 6 and engine.questions.n_labels == 6


def test_what_labels_can_choose_columns():
    assert can_read_classes({0: "a", 1: "a", 2: "b", 3: "b"})
    assert not can_read_classes({0: "a", 1: "a", 2: "a", 3: "b"}) and not can_read_classes({})
    assert can_read_numbers({0: 1.0, 1: 1.0, 2: 2.0})
    assert not can_read_numbers({0: 1.0, 1: 1.0, 2: 1.0}) and not can_read_numbers({0: 1.0, 1: 2.0})
