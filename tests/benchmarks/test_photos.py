"""Photo benchmarks: disjoint splits, labels that each method gets, and a small run of the table."""

import csv
import json
import sys
import warnings
from types import SimpleNamespace

import numpy as np
import pytest
import torch
from numpy.testing import assert_array_equal

from skstylefeat import load_encoder, load_generator
from skstylefeat.experiments import Score, save_scores
from skstylefeat.networks import EncoderRecipe
from tests.support.benchmarks import FOLDER, importable, run_script, write_photo_archives
from tests.support.networks import tiny_encoder, tiny_generator, write_pair


@pytest.fixture(scope="module")
def archives(tmp_path_factory):
    return write_photo_archives(tmp_path_factory.mktemp("photos"))


@pytest.fixture(scope="module")
def networks(tmp_path_factory):
    return write_pair(tmp_path_factory.mktemp("networks"), resolution=32)


@pytest.fixture
def modules():
    with importable(FOLDER / "photos"):
        import crops
        import table

        yield SimpleNamespace(crops=crops, table=table)


def test_halves_share_no_identity_and_no_pixels(archives, modules):
    photos = modules.crops.load_photos("celeba", folder=archives)
    assert set(photos.split) == {"train", "validation", "test"}
    for identity in np.unique(photos.frame["identity"]):
        assert len(set(photos.split[photos.frame["identity"] == identity])) == 1
    for split in ("validation", "test"):
        (pool, pool_frame), (other, frame) = modules.crops.read_halves(
            "celeba", split, 1_000, 1_000, folder=archives
        )
        assert not set(pool_frame["identity"]) & set(frame["identity"])
        assert len(pool) == len(pool_frame) > 60 and len(other) == len(frame) > 5
        assert modules.crops.new_rows(other, pool).all()


def test_a_copy_under_another_name_is_left_out(modules):
    images = np.arange(4 * 12).reshape(4, 2, 2, 3).astype(np.uint8)
    other = images[[1, 3]].copy()
    other[1] += 1
    assert_array_equal(modules.crops.new_rows(other, images), [False, True])


def arguments(archives, networks, **changes):
    values = {
        "data": archives,
        "generator": networks[0],
        "encoder": networks[1],
        "train_steps": 1,
        "split": "test",
        "labels": (5,),
        "pool": 80,
        "held_out": 30,
        "random_state": 0,
        "draws": 1,
        "cache": None,
        "competitors": ["hog"],
        "transformers": None,
        "resnet_draws": 1,
        "resnet_labels": (5,),
    }
    return SimpleNamespace(**values | changes)


def test_every_method_reads_the_labels_of_its_row_only(archives, networks, modules, monkeypatch):
    """Each fit is watched: the labels are those of the draw's rows, in number and in value."""
    table, args = modules.table, arguments(archives, networks)
    sizes = args.split, args.pool, args.held_out
    crops = modules.crops.read_halves("celeba", *sizes, folder=archives)
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # noise is foreign to the tiny generator
        inverter = table.make_inverter(args, crops[0][0])
        pool, held_out = table.invert(inverter, crops, args)
    y_pool = pool.frame["Male"].to_numpy()

    drawn, fits = [], []

    def annotate(*values, **options):
        drawn.append(original(*values, **options))
        return drawn[-1]

    def watched(name, function, label_of):
        def call(*values, **options):
            if "sample_weight" in options:  # names that a graph gave to all photos
                return function(*values, **options)
            fits.append((name, np.asarray(label_of(*values))))
            return function(*values, **options)

        return call

    original = table.annotate
    monkeypatch.setattr(table, "annotate", annotate)
    monkeypatch.setattr(sys.modules["resnet"], "STEPS", 2)
    monkeypatch.setattr(sys.modules["resnet"], "PASSES", 0)
    for owner, name, label_of in (
        (table.LogisticRegression, "fit", lambda model, X, y: y),
        (table, "train_resnet", lambda images, codes, *rest: codes),
        (table, "recipe_predictions", lambda X, y, *rest: [v for v in y if v is not None]),
    ):
        monkeypatch.setattr(owner, name, watched(name, getattr(owner, name), label_of))
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        scores = table.class_draw(pool, held_out, "Male", "gender", 0, args)

    (annotation,) = drawn
    rows = annotation.labeled_rows
    assert 8 <= len(rows) <= 13
    truth = np.bincount(y_pool[rows].astype(int), minlength=2)
    whole = [labels for _, labels in fits if len(labels) == len(rows)]
    assert len(whole) >= 9  # PCA twice, W+ and S twice, HOG, union, ResNet, fit's readers
    for labels in whole:
        assert_array_equal(np.bincount(labels.astype(int), minlength=2), truth)
    # Only the names of clusters are more, one for each photo.
    assert [len(labels) for _, labels in fits if len(labels) > len(rows)] == [len(pool.frame)]
    methods = {score.method for score in scores}
    spreading = {"spreading", "styles and HOG", "HOG, label spreading"}
    assert {"hog", "union mirror", "resnet", "styles mirror"} | spreading <= methods
    assert methods <= set(table.METHODS)


def test_differences_are_those_of_the_same_draws():
    """A score that depends on the draw and adds a constant in bfloat16 has no spread of change."""
    with importable(FOLDER / "photos"):
        import precision

    rows = {"exact": 0.0, "rounded": 0.5}
    text = precision.comparison(rows, lambda x, draw: x + draw, 3)
    assert text == ("exact 1.00 ± 0.58,  rounded 1.50 ± 0.58,  difference 0.50 ± 0.00")


def test_precisions_of_an_encoder(archives, networks, tmp_path, monkeypatch, capsys):
    """Both precisions read the same labels of all targets."""
    with importable(FOLDER / "photos"):
        import precision

    # A processor may lack bfloat16, so that float32 stands for it here.
    monkeypatch.setattr(precision, "PRECISIONS", {"exact": "float32", "rounded": "float32"})
    monkeypatch.setenv("SKSTYLEFEAT_CACHE", str(tmp_path))
    options = ["--data", archives, "--draws", 2, "--pool", 80, "--held-out", 30]
    words = ["precision.py", *networks, *options]
    monkeypatch.setattr(sys, "argv", [str(word) for word in words])
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        precision.main()
    lines = capsys.readouterr().out.splitlines()[2:]
    assert [line.split(",")[0] for line in lines if "labels" in line] == (
        ["gender"] * 2
        + ["smiling"] * 2
        + ["glasses"] * 2
        + ["young"] * 2
        + ["gender (UTKFace)"] * 2
        + ["age"] * 2
    )
    assert all(line.count("difference 0.00 ± 0.00") == 1 for line in lines if "labels" in line)


def test_table(archives, networks, tmp_path, capsys):
    words = ["--data", archives, "--generator", networks[0], "--encoder", networks[1]]
    words += ["--labels", 5, "--draws", 2, "--pool", 80, "--held-out", 30, "--competitors", "hog"]
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        run_script("photos/table.py", *words, "--out", tmp_path / "out")
    capsys.readouterr()
    page = (tmp_path / "out" / "tables.md").read_text()
    for part in ("generator: tiny, SHA-256 ", "encoder: tiny-encoder, SHA-256 ", "S + HOG"):
        assert part in page
    assert "mean ± standard error over 2 draws" in page
    assert "reads 80 labels more than it says" in page
    with open(tmp_path / "out" / "scores.csv", newline="") as file:
        rows = list(csv.DictReader(file))
    targets = {row["target"] for row in rows}
    assert targets == {
        "gender",
        "smiling",
        "glasses",
        "young",
        "gender (UTKFace)",
        "age",
        "age, values alone",
    }
    balanced = [row for row in rows if row["metric"] == "balanced accuracy"]
    majority = {float(row["value"]) for row in balanced if row["method"] == "majority"}
    assert majority == {0.5}


def test_trainings_see_photos_of_the_training_splits_only(archives, tmp_path, monkeypatch):
    monkeypatch.setenv("SKSTYLEFEAT_PHOTOS", str(archives))
    with importable(FOLDER / "photos"):
        from crops import load_photos

        known = [load_photos(name) for name in ("celeba", "utkface")]
        n_known = sum(len(photos.rows("train")) for photos in known)
    assert n_known < sum(len(photos.images) for photos in known)

    run_script("photos/train_generator.py", "--images", 32, "--out", tmp_path)
    path = (tmp_path / "generator.safetensors").rename(tmp_path / "photos32.safetensors")
    generator = load_generator(path)
    assert generator.card["images_seen"] == "32" and generator.resolution == 32

    words = [path, "--steps", 2, "--set", "batch_size=4", "--out", tmp_path / "encoder"]
    run_script("photos/train_encoder.py", *words)
    encoder = load_encoder(tmp_path / "encoder" / "photos32-encoder.safetensors")
    assert encoder.card["data"].startswith(f"{n_known} tight 32 px crops")
    assert encoder.card["generator"] == "photos32.safetensors" and encoder.card["steps"] == "2"


def test_leads_are_paired_over_draws(tmp_path, capsys):
    """Draws differ by ten points or a year, but leads and changes are the same in each of them."""
    names = ("mirror", "styles mirror", "union mirror", "annotation", "classifier")
    classes = dict.fromkeys(names, 0.6)
    classes |= {"hog": 0.60, "pca mirror": 0.50, "styles and HOG": 0.65}
    years = {"hog": 12.0, "pca mirror": 13.0, "styles mirror": 12.0, "union mirror": 10.0}
    for name, gain in {"first": 0.0, "second": 0.02}.items():
        scores = [
            Score("gender", method, "balanced accuracy", 5, draw, value + gain + 0.1 * draw)
            for draw in range(3)
            for method, value in classes.items()
        ]
        scores += [
            Score("age, values alone", method, "MAE", 20, draw, value + draw)
            for draw in range(3)
            for method, value in years.items()
        ]
        save_scores(scores, tmp_path / name)
    run_script("photos/leads.py", tmp_path / "first", tmp_path / "second")
    lines = capsys.readouterr().out.splitlines()
    assert "| gender | 5 | 77.0 ± 5.8 | HOG | 72.0 ± 5.8 | +5.0 ± 0.0 |" in lines
    assert "| gender | 5 | " + " | ".join(["+2.0 ± 0.0"] * 6) + " |" in lines
    assert "| age, values alone | 20 | 11.0 ± 0.6 | HOG | 13.0 ± 0.6 | +2.0 ± 0.0 |" in lines
    assert "| age, values alone | 20 | +0.0 ± 0.0 | +0.0 ± 0.0 |" in lines


def test_graph_reads_few_labels(modules):
    """Two groups of rows; labels of others than the labeled ones have no effect."""
    rng = np.random.default_rng(0)
    y = rng.permutation(np.repeat([0, 1], 40))
    rows = rng.normal(size=(80, 12))
    rows[:, :6] += 4 * y[:, None]
    columns = {"hog": rows[:, 3:]}
    pool = SimpleNamespace(
        descriptors=columns, recipe=rows, blocks={"styles": (0, 3), "hog": (3, 12)}
    )
    known = np.r_[np.flatnonzero(y == 0)[:2], np.flatnonzero(y == 1)[:2]]
    found = modules.table.readers_of_fit(pool, pool, known, y)
    assert set(found) == {"styles and HOG", "HOG, label spreading"}
    assert np.mean(found["styles and HOG"] == y) > 0.95
    other = np.ones_like(y)
    other[known] = y[known]
    for name, guess in modules.table.readers_of_fit(pool, pool, known, other).items():
        assert_array_equal(guess, found[name])

    names = modules.table.spread_by_components(pool, pool, known, y)
    assert np.mean(names == y) > 0.9
    assert_array_equal(modules.table.spread_by_components(pool, pool, known, other), names)


def test_descriptors_are_means_over_the_mirror_image(modules, tmp_path):
    competitors = sys.modules["competitors"]
    assert competitors.available()[:2] == ["hog", "dlib"]  # packages of the test extra
    images = np.random.default_rng(0).integers(0, 256, (2, 32, 32, 3), dtype=np.uint8)
    for name, width in (("hog", 1764), ("dlib", 128)):
        rows = competitors.describe(name, images, cache=tmp_path)
        assert rows.shape == (2, width) and np.ptp(rows) > 0
        turned = competitors.describe(name, images[:, :, ::-1].copy(), cache=tmp_path)
        np.testing.assert_allclose(rows, turned, atol=1e-5)
        assert_array_equal(competitors.describe(name, images, cache=tmp_path), rows)
    assert len(list(tmp_path.glob("dlib-*.npy"))) == 2


def test_judge_of_a_generator_reads_the_labels_that_it_names(archives, networks, monkeypatch):
    with importable(FOLDER / "photos"):
        import judge_generator

        rng = np.random.default_rng(0)
        y = rng.random(200) < 0.4
        rows = np.c_[y, rng.normal(size=200)]
        taught = []

        def predictions(train, y_labeled, test, *, scale):
            assert_array_equal(train[:, 0], y_labeled)
            taught.append((len(train), len(test)))
            return test[:, 0] > 0.5

        monkeypatch.setattr(judge_generator, "logistic_predictions", predictions)
        assert judge_generator.read_few(rows, y, 5, 120, draw=0) == 100.0
        assert taught == [(13, 80)]

        photos = judge_generator.load_photos("celeba", folder=archives)
        model, score = judge_generator.teach(photos, "Male", 120)
        assert score > 0.95
        generator = judge_generator.load_generator(networks[0])
        w, images = judge_generator.samples(generator, 6)
        assert w.shape == (6, generator.w_dim)
        assert images.shape == (6, 32, 32, 3) and images.dtype == np.uint8
        assert model.predict(images).shape == (6,)


def test_contrastive_loss_is_lower_for_views_of_the_same_photos():
    with importable(FOLDER / "photos"):
        from contrastive_encoder import contrastive_loss

    first = torch.from_numpy(np.random.default_rng(0).normal(size=(16, 8)))
    noise = 0.1 * torch.from_numpy(np.random.default_rng(1).normal(size=(16, 8)))
    loss = contrastive_loss(first, first + noise, 0.2).item()
    assert loss < contrastive_loss(first, (first + noise).roll(1, 0), 0.2).item() - 1
    moved = contrastive_loss(first + 5, first + noise + 5, 0.2).item()
    assert moved == pytest.approx(loss)
    # By hand: two photos, cosines 1 within a pair and -1 between pairs.
    rows = torch.tensor([[1.0, 0.0], [-1.0, 0.0]])
    expected = np.log(1 + 2 * np.exp(-2 / 0.5))
    assert contrastive_loss(rows, 3 * rows, 0.5).item() == pytest.approx(expected, rel=1e-5)


def test_view_keeps_shape_and_range():
    with importable(FOLDER / "photos"):
        from contrastive_encoder import view

    recipe = EncoderRecipe(mirror=False, max_shift=0.0, max_brightness=0.0)
    images = torch.zeros(3, 3, 8, 8)
    views = view(images, np.random.default_rng(0), recipe, 0.3)
    assert views.shape == images.shape and views.abs().max() <= 0.6
    # A plane: constant second differences of 0, and other photos are lit from other sides.
    assert views.diff(n=2, dim=2).abs().max() < 1e-6 and views.diff(n=2, dim=3).abs().max() < 1e-6
    assert len({round(float(x[0, 0, 0]), 4) for x in views}) == 3


def test_identity_loss_is_zero_for_equal_images_only(networks, monkeypatch):
    rng = np.random.default_rng(0)
    shapes = {"conv1": (32, 3, 3, 3), "conv2": (64, 32, 3, 3), "conv3": (64, 64, 3, 3)}
    shapes |= {"conv4": (128, 64, 2, 2), "dense5": (256, 1152)}
    weights = {}
    for layer, shape in shapes.items():
        weights[f"{layer}.weight"] = rng.normal(size=shape) / np.prod(shape[1:]) ** 0.5
        weights[f"{layer}.bias"] = np.zeros(shape[0])
        weights[f"prelu{layer[-1]}.weight"] = np.full(shape[0], 0.25)
    weights = {name: torch.tensor(value, dtype=torch.float32) for name, value in weights.items()}
    with importable(FOLDER / "photos"):
        import contrastive_encoder as module

        monkeypatch.setattr(module, "package_file", lambda *parts: parts[-1])
        monkeypatch.setattr(module, "load_tensors", {"onet.pt": weights}.get)
        images = torch.from_numpy(rng.uniform(-1, 1, (2, 3, 32, 32)).astype(np.float32))
        distance = module.ONetDistance("cpu")
        assert distance(images, images).item() == pytest.approx(0, abs=1e-6)
        assert distance(images.flip(0), images).item() > 1e-3

        trainer = module.ArmTrainer(
            module.load_generator(networks[0]),
            rng.integers(0, 256, (6, 32, 32, 3), dtype=np.uint8),
            EncoderRecipe(n_steps=1, batch_size=2),
            module.load_encoder(networks[1]),
            0,
            module.Arm(identity_weight=2.0),
        )
        weight, loss = trainer._losses(np.random.default_rng(0))["identity"]
        assert weight == 2.0
        loss.backward()
        assert trainer.encoder.base.weight.grad.abs().max() > 0


def test_views_leave_the_running_statistics_alone(networks):
    with importable(FOLDER / "photos"):
        import contrastive_encoder as module

    encoder = module.load_encoder(networks[1]).module.train()
    before = encoder.stem.norm.running_mean.clone()
    images = torch.rand(4, 3, 32, 32)
    with module.kept_statistics(encoder):
        codes = module.standardized_codes(encoder, images)
    assert codes.shape == (4, encoder.w_dim)
    assert torch.equal(encoder.stem.norm.running_mean, before)
    encoder(images)
    assert not torch.equal(encoder.stem.norm.running_mean, before)


def test_contrastive_training_goes_on_where_it_stopped(archives, networks, tmp_path, capsys):
    words = [networks[0], "--init", networks[1], "--photos", archives, "--steps", 2]
    words += ["--contrast", 0.5, "--views", 6, "--set", "batch_size=4", "--report-every", 1]
    whole, halves, plain = (tmp_path / name for name in ("whole", "halves", "plain"))
    run_script("photos/contrastive_encoder.py", *words, "--out", whole)
    for minutes in (0, 5):
        run_script("photos/contrastive_encoder.py", *words, "--out", halves, "--minutes", minutes)
    assert "Stopped at step 1 of 2" in capsys.readouterr().out
    run_script("photos/contrastive_encoder.py", *words, "--contrast", 0, "--out", plain)

    files = [folder / f"{folder.name}.safetensors" for folder in (whole, halves, plain)]
    codes = [load_encoder(file).encode(np.full((1, 32, 32, 3), 0.5)) for file in files]
    assert_array_equal(codes[0], codes[1])
    assert np.abs(codes[0] - codes[2]).max() > 0
    records = [json.loads(line) for line in (halves / "log.jsonl").read_text().splitlines()]
    assert [record["step"] for record in records] == [1, 2]
    assert all(record["contrast"] > 0 for record in records)
    assert "contrast" not in (plain / "log.jsonl").read_text()

    with pytest.raises(ValueError, match="another arm"):
        run_script("photos/contrastive_encoder.py", *words, "--contrast", 1, "--out", halves)


def test_readouts_of_several_encoders(archives, networks, tmp_path, monkeypatch, capsys):
    other = tmp_path / "other.safetensors"
    tiny_encoder(tiny_generator(32), seed=5).save(other)
    with importable(FOLDER / "photos"):
        import readouts

        for name, value in {"FEW": 4, "SOME": 6, "MANY": 105}.items():
            monkeypatch.setattr(readouts, name, value)
        monkeypatch.setattr(readouts, "INVERSE_PENALTY", {4: 1.0, 6: 1.0, 105: 1.0})
        words = ["readouts", networks[0], networks[1], str(other), "--photos", str(archives)]
        monkeypatch.setattr(sys, "argv", [*words, "--rows", "W+", readouts.EVEN_LIGHT])
        readouts.main()
        text = capsys.readouterr().out
        for part in ("larger class of gender", "gender 2-means", "gender 4", " ± ", "SHA-256"):
            assert part in text
        assert "Differences from tiny-encoder" in text and "pooled maps" not in text
        assert "other, W+ and mirror, even light: 2-means" in text

        rng = np.random.default_rng(0)
        y = np.arange(90) % 2
        rows = rng.normal(size=(90, 6))
        rows[:, 2] += 9 * y
        text = readouts.main_axes(rows, rng.normal(size=90), y)
        assert text.startswith("2-means 100.0 100.0 ") and "with gender by 0.9" in text
        assert "brightness 1.00" in readouts.main_axes(rows, 2.0 * y, y)

        table = {
            ("a", "W+"): {"x": np.array([1.0, 3.0])},
            ("b", "W+"): {"x": np.array([2.0, 6.0])},
            ("PCA(100)", "pixels"): {"x": np.array([2.0, 6.0])},
        }
        ((row, columns),) = readouts.differences(table, "a").items()
        assert row == ("b", "W+")
        assert_array_equal(columns["x"], [1, 3])
        assert readouts.formatted(columns["x"]) == "2.0 ± 1.0"
        assert readouts.formatted(np.array([55.55])) == "55.5"
