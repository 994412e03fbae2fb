import numpy as np
import pytest
from sklearn.datasets import load_iris
from sklearn.linear_model import LogisticRegression
from sklearn.model_selection import cross_val_score

from skstylefeat import FeatureMaps, FewShotSplit

X, Y = load_iris(return_X_y=True)
RARE = np.repeat(["a", "b", "c"], [90, 8, 2])


def test_train_and_test_split_all_rows():
    splits = list(FewShotSplit(7, 5, random_state=0).split(X, Y))
    assert len(splits) == 5
    for train, test in splits:
        assert len(train) == 7
        assert sorted([*train, *test]) == list(range(150))
    assert len({tuple(train) for train, _ in splits}) == 5


@pytest.mark.parametrize("n_labels", [3, 5, 10, 40])
def test_proportional_has_every_class(n_labels):
    for train, _ in FewShotSplit(n_labels, 5, random_state=0).split(RARE, RARE):
        names, counts = np.unique(RARE[train], return_counts=True)
        assert names.tolist() == ["a", "b", "c"]
        assert counts[0] >= counts[1] >= counts[2]
        assert abs(counts[0] - 0.9 * n_labels) <= 2


@pytest.mark.parametrize(
    ("n_labels", "stratify", "counts"),
    [
        (5, "proportional", [3, 1, 1]),
        (10, "proportional", [8, 1, 1]),
        (40, "proportional", [36, 3, 1]),
        (99, "proportional", [89, 8, 2]),
        (4, "balanced", [2, 1, 1]),
        (30, "balanced", [20, 8, 2]),
    ],
)
def test_labels_per_class(n_labels, stratify, counts):
    train, _ = next(FewShotSplit(n_labels, 1, stratify=stratify, random_state=0).split(RARE, RARE))
    assert np.unique(RARE[train], return_counts=True)[1].tolist() == counts


def test_balanced():
    for train, _ in FewShotSplit(9, 5, stratify="balanced", random_state=0).split(RARE, RARE):
        assert np.unique(RARE[train], return_counts=True)[1].tolist() == [4, 3, 2]


def test_fewer_labels_than_classes_go_to_the_larger_ones():
    for train, _ in FewShotSplit(2, 5, random_state=0).split(RARE, RARE):
        assert sorted(RARE[train]) == ["a", "b"]


def test_unstratified_draws_accept_any_target():
    target = np.random.default_rng(0).normal(size=150)
    trains = [train for train, _ in FewShotSplit(4, 3, stratify=None).split(X, target)]
    assert [len(train) for train in trains] == [4, 4, 4]


def test_seeded_splits_repeat():
    splitter = FewShotSplit(5, 3, random_state=3)
    first, again = ([train.tolist() for train, _ in splitter.split(X, Y)] for _ in range(2))
    assert first == again


def test_in_cross_validation():
    splitter = FewShotSplit(12, 4, random_state=0)
    scores = cross_val_score(LogisticRegression(max_iter=1000), X, Y, cv=splitter)
    assert len(scores) == splitter.get_n_splits() == 4
    assert scores.mean() > 0.85


def test_feature_maps():
    maps = FeatureMaps.from_arrays({"a": np.zeros((6, 1, 2, 2))})
    train, test = next(FewShotSplit(2, 1).split(maps, [0, 0, 0, 1, 1, 1]))
    assert len(maps[train]) == 2
    assert len(maps[test]) == 4


@pytest.mark.parametrize(
    ("splitter", "y", "message"),
    [
        (FewShotSplit(150), Y, "leave nothing to test on"),
        (FewShotSplit(0), Y, "n_labels must be an integer of at least 1, got 0"),
        (FewShotSplit(5, 1.5), Y, "n_draws must be an integer"),
        (FewShotSplit(5), None, "needs y"),
        (FewShotSplit(5), X[:, 0], "Unknown label type: continuous"),
        (FewShotSplit(5), np.where(Y == 1, np.nan, Y + 1), "no label in 50 of 150 rows"),
        (FewShotSplit(5), np.where(Y == 1, -1, Y + 1), "no label in 50 of 150 rows"),
        (FewShotSplit(5, stratify="even"), Y, "got 'even'"),
    ],
)
def test_bad_input(splitter, y, message):
    with pytest.raises(ValueError, match=message):
        next(splitter.split(X, y))


@pytest.mark.parametrize("stratify", ["", [], np.array([1, 2]), {"balanced": 1}, 0, b"balanced"])
def test_wrong_stratify(stratify):
    with pytest.raises(ValueError, match="stratify must be 'proportional', 'balanced' or None"):
        next(FewShotSplit(2, stratify=stratify).split(np.zeros((4, 1)), [0, 1, 0, 1]))


def test_n_splits_is_another_name_of_n_draws():
    X, y = np.zeros((20, 1)), np.arange(20) % 2
    splitter = FewShotSplit(4, n_splits=3, random_state=0)
    expected = FewShotSplit(4, 3, random_state=0)
    assert splitter.get_n_splits() == 3
    for found, other in zip(splitter.split(X, y), expected.split(X, y), strict=True):
        np.testing.assert_array_equal(found[0], other[0])
    with pytest.raises(ValueError, match="n_draws=5 and n_splits=3 are the same parameter"):
        FewShotSplit(4, 5, n_splits=3).get_n_splits()
    with pytest.raises(ValueError, match="n_draws must be an integer"):
        next(FewShotSplit(4, n_splits=0).split(X, y))
