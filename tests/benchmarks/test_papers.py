"""Benchmarks of both papers: labels of each row, classes of the age, spreads over draws."""

from types import SimpleNamespace

import numpy as np
import pytest
from numpy.testing import assert_array_equal

from tests.support.benchmarks import FOLDER, importable, write_photo_archives
from tests.support.networks import write_pair


@pytest.fixture
def figures():
    with importable(FOLDER / "paper_b"):
        import figures

        yield figures


@pytest.fixture
def study(figures):
    """A study of 90 made-up values, without images."""
    rng = np.random.default_rng(0)
    values = {which: rng.normal(size=90) for which in ("teach", "pool", "test")}
    images = SimpleNamespace(pixels=np.zeros((90, 4, 4, 3), dtype=np.float32))
    data = SimpleNamespace(
        sets=dict.fromkeys(values, images), values=lambda attribute, which: values[which]
    )
    return figures.Study(data, "age", SimpleNamespace(draws=4, jobs=1))


def test_halves_and_thirds_teach_networks_of_their_own(figures, study, monkeypatch):
    taught = []

    def deep_features(data, labels):
        taught.append(labels)
        return {"teach": labels}

    monkeypatch.setattr(figures.cnn, "deep_features", deep_features)
    monkeypatch.setattr(figures, "spaces", lambda data: {})
    monkeypatch.setattr(figures, "gradients", lambda data: {})
    for kind, n_groups in (("halves", 2), ("thirds", 3)):
        for _ in range(2):
            found = study.taught_spaces(kind)["deep features"]["teach"]
            assert_array_equal(found, study.labels[kind])
        assert len(np.unique(found)) == n_groups
    assert len(taught) == 2
    assert set(study.taught_spaces("halves")) == {"HOG", "deep features"}


def test_networks_of_figure_5_read_the_labels_of_their_column(figures, study, monkeypatch):
    read = []

    def network(pixels, values, test, seed=0):
        read.append((len(values), seed))
        return np.full(len(test), values.mean() + seed)

    monkeypatch.setattr(figures.cnn, "regression", network)
    monkeypatch.setattr(figures.cnn, "coral", network)
    monkeypatch.setattr(figures, "whole_rows", lambda study: {})
    rng = np.random.default_rng(0)
    study.__dict__["rows"] = {
        n: [rng.choice(90, n, replace=False) for _ in range(3)] for n in (20, 100) if n <= 90
    }
    found = figures.networks(study)
    n_seeds = figures.N_NETWORKS
    assert sorted(set(read)) == [(n, s) for n in (20, 180) for s in range(n_seeds)]
    assert set(found["regression"]) == {20} and set(found["coral"]) == {20, 180}
    mean, sd = found["regression"][20]["mae"]
    assert found["regression"][20]["draws"] == n_seeds and sd > 0 and mean > 0


def test_regressions_from_whole_rows_read_the_labels_of_their_column(figures, study):
    rng = np.random.default_rng(0)
    rows = {which: rng.normal(size=(90, 6)) for which in study.y}
    rows["pool"][:, 0], rows["test"][:, 0] = study.y["pool"], study.y["test"]
    labeled = rng.choice(90, 40, replace=False)
    study.__dict__["spaces"] = dict.fromkeys(figures.WHOLE, rows)
    study.__dict__["rows"] = {40: [labeled]}

    found = figures.whole_rows(study)
    assert set(found) == {f"{name}, whole rows" for name in figures.WHOLE}
    mae, r2 = found["S codes, whole rows"][40]["mae"][0], found["S codes, whole rows"][40]["r2"][0]
    assert mae < 0.2 and r2 > 0.9

    # Values of images that were not labeled make no difference.
    study.y["pool"][np.setdiff1d(np.arange(90), labeled)] += 100
    assert figures.whole_rows(study) == found


def test_spread_of_generated_images(figures, study, monkeypatch):
    def once(study, seed):
        return {"network on generated images": [10.0 + seed, 0.5], "distance": [3.0, 0.9]}

    monkeypatch.setattr(figures, "generated_once", once)
    found = figures.generated(study)
    seeds = np.arange(figures.N_NETWORKS)
    assert found["network on generated images"]["mae"] == [10 + seeds.mean(), seeds.std()]
    assert found["distance"]["mae"] == [3.0, 0.0]


def test_three_classes_of_the_age_and_photos_of_both_sets(tmp_path):
    folder = write_photo_archives(tmp_path)
    generator, _ = write_pair(tmp_path / "networks", resolution=32)
    with importable(FOLDER / "paper_a"):
        import data

        found = data.age_classes(np.array([0, 9, 10, 60, 61, 90]))
        assert found.tolist() == ["under 10"] * 2 + ["10 to 60"] * 2 + ["over 60"] * 2
        names = {}
        for photos in ("celeba", "utkface"):
            args = SimpleNamespace(
                photos=photos,
                data=folder,
                target=None,
                generator=generator,
                pool=60,
                test=20,
                cache=None,
            )
            collection = data.load_collection(args)
            names[photos] = [target.name for target in collection.targets]
            pool = {image.tobytes() for image in collection.pool}
            assert not pool & {image.tobytes() for image in collection.test}
            assert all(len(t.y_train) == len(collection.pool) for t in collection.targets)
    assert names["celeba"] == ["gender", "smiling", "glasses", "young"]
    assert names["utkface"] == ["age class", "gender"]


def test_resnet_takes_enough_steps(monkeypatch):
    with importable(FOLDER / "paper_a"):
        import resnet
        import torch

        steps = []

        class Schedule(torch.optim.lr_scheduler.OneCycleLR):
            def __init__(self, optimizer, rate, total_steps):
                steps.append((rate, total_steps))
                super().__init__(optimizer, rate, total_steps=max(total_steps, 400))

        monkeypatch.setattr(torch.optim.lr_scheduler, "OneCycleLR", Schedule)
        monkeypatch.setattr(
            resnet,
            "resnet18",
            lambda n, side: torch.nn.Sequential(
                torch.nn.Flatten(), torch.nn.Linear(3 * side**2, n)
            ),
        )
        images = torch.zeros(12, 3, 4, 4)
        images[6:] = 1.0
        codes = np.repeat([0, 1], 6)
        model = resnet.train_resnet(images, codes, 2, seed=0)
        assert_array_equal(resnet.resnet_predictions(model, images), codes)
        resnet.train_resnet(images.repeat(100, 1, 1, 1), np.tile(codes, 100), 2, 0, rate=1e-3)
    assert steps == [(resnet.LEARNING_RATE, 300), (1e-3, 600)]
