"""The main job: honest experiments, the user's own images, the report, the command line."""

import csv
import re
import subprocess
import sys
import zipfile

import numpy as np
import pytest
from numpy.testing import assert_allclose, assert_array_equal
from PIL import Image

from skstylefeat import FeatureMaps, HyperplaneDistance, load_encoder
from skstylefeat.__main__ import _report_parser, main
from skstylefeat._label_files import read_labels
from skstylefeat._report import annotation, regression
from skstylefeat._report.own_images import ImageSource, load_own_images
from skstylefeat._report.rendered import load_rendered_faces
from skstylefeat._report.representation import ImageSet
from skstylefeat._report.scores import Score, Table, summarize, tabulate
from skstylefeat._report.targets import Target, check_target, read_column
from tests.networks import tiny_generator, write_pair

N_CLASS = 40


def planted_set(seed, patterns):
    """Images of two classes: channel 1 of the maps and the first component tell them apart."""
    rng = np.random.default_rng(seed)
    y = rng.permutation(np.repeat([0, 1], N_CLASS))
    maps = rng.normal(size=(len(y), 12, 8, 8))
    maps[:, 1] = patterns[y] + 0.2 * maps[:, 1]
    maps = FeatureMaps.from_arrays({"b8.conv0": maps})
    latents = rng.normal(size=(len(y), 28)).astype(np.float32)
    latents.reshape(-1, 4, 7)[:, :, 2] += 3 * y[:, None] - 1.5
    components = rng.normal(size=(len(y), 5))
    images = rng.random((len(y), 8, 8, 3))
    return ImageSet(images, latents, maps, maps.pool(), components), np.array(["a", "b"])[y]


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
    done = []
    scores = annotation.annotation_experiment(
        train,
        test,
        y_train,
        y_test,
        target="kind",
        n_labels=(5, 10),
        n_draws=2,
        on_draw=lambda: done.append(1),
    )
    found = summarize(scores)
    assert len(done) == 2
    for n_labels in (5, 10):
        for method in ("annotation", "again", "classifier"):
            assert found["kind", method, "accuracy", n_labels].mean > 0.95
        assert found["kind", "kmeans", "clustering accuracy", n_labels].mean > 0.95
        assert found["kind", "latents", "accuracy", n_labels].mean > 0.8
        assert abs(found["kind", "pca", "accuracy", n_labels].mean - 0.5) < 0.2
        assert found["kind", "majority", "accuracy", n_labels].mean == 0.5
    text = annotation.annotation_table(scores).to_text()
    assert len(re.findall(r"^  kind ", text, re.MULTILINE)) == 2


def _one_channel(selector):
    return lambda **params: selector(**params | {"n_channels_per_layer": 1})


def test_annotation_reads_no_other_label(planted):
    """Whatever the other training labels say, the names stay the same."""
    (_, y_train), _ = planted
    drawn = draw_one(planted, y_train)
    assert len(drawn.labelled_rows) <= 2 * annotation.PER_CLASS + 5
    other = y_train.copy()
    free = np.setdiff1d(np.arange(len(other)), drawn.labelled_rows)
    other[free] = "b"
    (train, _), (test, _) = planted
    rows, selector = drawn.selection_rows, drawn.selector
    again = annotation.annotate(train, test, other, 5, (rows, selector), 0)
    assert_array_equal(again.annotator.query_indices_, drawn.annotator.query_indices_)
    assert_array_equal(again.annotator.cluster_labels_, drawn.annotator.cluster_labels_)


def test_second_round_reads_no_further_label_and_mends_the_choice_of_channels():
    """Channel 0 happens to tell the labelled images apart; channels 1 to 3 tell all apart."""
    rng = np.random.default_rng(2)
    y = rng.permutation(np.repeat([0, 1], 100))
    pooled = rng.normal(size=(200, 40)).astype(np.float32)
    pooled[:, 1:4] += 4 * y[:, None]
    rows = np.r_[np.flatnonzero(y == 0)[:4], np.flatnonzero(y == 1)[:4]]
    pooled[rows, 0] = 100 * y[rows] + rng.normal(size=8)
    maps = FeatureMaps.from_arrays({"b4.conv1": pooled[:, :, None, None]})
    train = ImageSet(None, None, maps, pooled, None)
    assert train.levels.channel_names == maps.channel_names
    selector = annotation.ChannelMISelector(4, score="anova", n_samples_per_class=None)
    selection = rows, selector.fit(train.levels[rows], y[rows])
    assert 0 in selector.get_support(indices=True)
    first = annotation.annotate(train, train, y, 5, selection, 0)
    again = annotation.second_round(first, train.levels, train.levels, y, 0)
    assert {1, 2, 3} <= set(again.selector.get_support(indices=True))
    hidden = y.copy()
    free = np.setdiff1d(np.arange(200), first.labelled_rows)
    hidden[free] = 0
    same = annotation.second_round(first, train.levels, train.levels, hidden, 0)
    assert_array_equal(same.names, again.names)
    assert np.mean(again.names == y) >= max(np.mean(first.names == y), 0.9)


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
        FeatureMaps.from_arrays({"b8.conv0": values}),
        train.pooled,
        train.components,
    )
    again = annotation.select_channels(emptied.maps, y_train, np.random.default_rng(0))[1]
    assert_allclose(again.scores_, selector.scores_)


def test_draw_per_class_takes_all_of_a_small_class():
    rows = annotation.draw_per_class(np.array(list("aaaaaabb")), 4, np.random.default_rng(0))
    assert len(rows) == 6 and {6, 7} <= set(rows.tolist())


@pytest.fixture(scope="module")
def distances(planted):
    (train, y_train), (test, _) = planted
    binary = (y_train == "b").astype(int)
    return regression.plane_distances(train, test, binary, tiny_generator())


def numbers(planted):
    """Numbers along the planted direction, for both sets."""
    return [images.latents.reshape(-1, 4, 7).mean(axis=1)[:, 2] * 10 + 50 for images, _ in planted]


def test_regression_finds_a_planted_direction(planted, distances):
    y_train, y_test = numbers(planted)
    scores = regression.regression_experiment(
        distances, y_train, y_test, target="size", n_labels=(2, 20), n_draws=3
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


def test_columns_are_numbers_or_classes():
    assert read_column(["1", "0", " 1"]).tolist() == ["1", "0", "1"]
    assert read_column([str(i / 2) for i in range(11)]).dtype == np.float64
    assert read_column(["a"] * 30 + ["1"]).dtype.kind == "U"


@pytest.mark.parametrize(
    ("labels", "message"),
    [
        (["x"] * 9, "'colour' has one class only, 'x'"),
        (["x"] * 9 + ["y"], "has 1 training image of the class 'y'"),
        ([f"t{i}" for i in range(30)], "30 different texts"),
    ],
)
def test_targets_that_cannot_be_learnt(labels, message):
    with pytest.raises(ValueError, match=message):
        check_target(Target("colour", np.array(labels), np.array(labels)))


@pytest.fixture(scope="module")
def folder(tmp_path_factory):
    """60 files of 10 x 12 pixels in two colours, and their labels."""
    folder = tmp_path_factory.mktemp("own")
    rng = np.random.default_rng(0)
    rows = []
    (folder / "images" / "deep").mkdir(parents=True)
    for i in range(60):
        pixels = rng.integers(0, 60, size=(12, 10, 3), dtype=np.uint8)
        pixels[..., i % 2] += np.uint8(100 + i)
        name = f"deep/{i:02}.png" if i % 3 else f"{i:02}.png"
        Image.fromarray(pixels).save(folder / "images" / name)
        rows.append([f"{i:02}.png", ["red", "green"][i % 2], i * 1.5, i // 4])
    with open(folder / "labels.csv", "w", newline="") as file:
        csv.writer(file).writerows([["file", "colour", "number", "who"], *rows])
    with zipfile.ZipFile(folder / "images.zip", "w") as archive:
        for path in sorted((folder / "images").rglob("*.png")):
            archive.write(path, path.relative_to(folder / "images").as_posix())
    return folder


def load(folder, targets=("colour",), **kwargs):
    values = {"size": 8} | kwargs
    return load_own_images(folder / "images", folder / "labels.csv", list(targets), **values)


def test_own_images_are_split_with_their_labels(folder):
    train, test, (colour, number), notes = load(folder, ("colour", "number"))
    assert train.shape == (42, 8, 8, 3) and test.shape == (18, 8, 8, 3)
    assert train.dtype == np.uint8
    for images, target in ((train, colour.y_train), (test, colour.y_test)):
        seen = np.where(images.mean(axis=(1, 2))[:, 0] > 90, "red", "green")
        assert_array_equal(seen, target)
    assert number.is_number and not colour.is_number and colour.is_binary
    assert sorted([*number.y_train, *number.y_test]) == [i * 1.5 for i in range(60)]
    assert "60 labelled images" in notes[0]
    again = load(folder, ("colour",))
    assert_array_equal(again[0], train)
    other = load(folder, ("colour",), random_state=1)
    assert not np.array_equal(other[0], train)


def test_groups_are_kept_together_and_limits_hold(folder):
    train, test, targets, _ = load(folder, ("who",), group="who", limit=40)
    assert len(train) + len(test) == 40
    assert targets[0].is_number
    assert not set(targets[0].y_train) & set(targets[0].y_test)


def test_zip_holds_the_same_images(folder):
    read = [
        load_own_images(folder / name, folder / "labels.csv", ["colour"], size=8)
        for name in ("images", "images.zip")
    ]
    assert_array_equal(read[0][0], read[1][0])


def test_box_crops_before_resizing(folder):
    source = ImageSource(folder / "images")
    name = source.find("04.png")
    assert name == "deep/04.png"
    with Image.open(folder / "images" / name) as file:
        expected = np.asarray(file)[2:10, 1:9]
    assert_array_equal(source.read([name], 8, box=(1, 2, 9, 10))[0], expected)
    with pytest.raises(ValueError, match=r"1,2,90,10.*10 x 12 pixels"):
        source.read([name], 8, box=(1, 2, 90, 10))


def test_bad_image_and_label_files_are_named(folder, tmp_path):
    with pytest.raises(ValueError, match=r"no column 'size'.*colour"):
        load(folder, ("size",))
    with pytest.raises(ValueError, match="neither a folder nor a zip"):
        ImageSource(folder / "labels.csv")
    with pytest.raises(ValueError, match="holds no image file"):
        ImageSource(tmp_path)
    with pytest.raises(FileNotFoundError, match=r"none\.csv"):
        read_labels(tmp_path / "none.csv")
    broken = tmp_path / "a.png"
    broken.write_bytes((folder / "images" / "00.png").read_bytes()[:60])
    with pytest.raises(ValueError, match=r"'a\.png'.*cannot be read"):
        ImageSource(tmp_path).read(["a.png"], 8)
    labels = tmp_path / "labels.csv"
    labels.write_text("file,colour\nx.png,red\ny.png\n")
    with pytest.raises(ValueError, match="row 3: 1 cells"):
        read_labels(labels)
    labels.write_text("file,colour\nx.png,red\n")
    with pytest.raises(ValueError, match=r"Of the 1 rows.*, 0 name.*'x\.png'"):
        load_own_images(folder / "images", labels, ["colour"], size=8)


def test_rendered_faces_have_known_targets():
    train, test, targets, _ = load_rendered_faces(30, 20)
    assert train.shape[0] == 30 and test.shape[0] == 20
    assert [target.name for target in targets] == ["glasses", "beard", "age group", "yaw", "age"]
    age, group = targets[4], targets[2]
    assert_array_equal(group.y_train == "under 40", age.y_train < 40)
    assert not np.array_equal(targets[3].y_train[:20], targets[3].y_test)
    with pytest.raises(ValueError, match="later seeds are those of the weights"):
        load_rendered_faces(3, 3, random_state=500_000)


FEW = ["--draws", "2", "--regression-labels", "2,5", "--quiet"]


def test_report_on_own_images(folder, tmp_path, capsys):
    generator, encoder = write_pair(tmp_path)
    out = tmp_path / "report"
    arguments = ["--images", folder / "images.zip", "--labels", folder / "labels.csv"]
    arguments += ["--target", "colour,number", "--generator", generator, "--encoder", encoder]
    assert main([str(a) for a in [*arguments, "--out", out, *FEW]]) == 0
    printed = capsys.readouterr().out
    for part in ("Annotation and classification", "mean absolute error", "R2", "Order"):
        assert part in printed
    assert (out / "tables.txt").read_text() in printed
    page = (out / "index.html").read_text()
    pictures = sorted(path.stem for path in out.glob("*.png"))
    assert pictures == [
        "calibration-number",
        "clusters-colour",
        "edits-colour",
        "edits-number",
        "inversion",
        "layers-colour",
        "layers-number",
        "maps-colour",
        "order-colour",
        "order-number",
    ]
    assert page.count("data:image/png;base64,") == len(pictures)
    assert "http" not in page  # nothing is fetched
    with open(out / "scores.csv", newline="") as file:
        rows = list(csv.DictReader(file))
    accuracies = {row["method"] for row in rows if row["metric"] == "accuracy"}
    assert accuracies == set(annotation.METHODS)
    assert {row["draw"] for row in rows} == {"0", "1"}


def test_report_on_rendered_faces_keeps_a_trained_encoder(tmp_path, capsys):
    generator, _ = write_pair(tmp_path)
    out = tmp_path / "report"
    arguments = ["--generator", generator, "--encoder", "train", "--train-steps", "1"]
    arguments += ["--n-train", "60", "--n-test", "20", "--out", str(out)]
    assert main([*arguments, "--draws", "1", "--regression-labels", "5"]) == 0
    printed = capsys.readouterr().out
    for name in ("glasses", "beard", "age group", "yaw (degrees)", "age (years)"):
        assert re.search(rf"^  {re.escape(name)} ", printed, re.MULTILINE)
    assert "Reconstruction of the test images" in printed
    kept = load_encoder(str(out / "encoder.safetensors"))
    assert kept.encode(np.zeros((1, 8, 8, 3), dtype=np.float32)).shape == (1, 4, 7)


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (["--images", "x"], "--images, --labels and --target"),
        (["--generator", "nowhere.pkl"], "nowhere.pkl"),
    ],
)
def test_errors_go_to_stderr(arguments, message, tmp_path, capsys):
    assert main([*arguments, "--out", str(tmp_path / "out"), "--quiet"]) == 2
    captured = capsys.readouterr()
    assert message in captured.err and captured.out == ""


@pytest.mark.parametrize(
    "arguments",
    [
        ["--box", "1,2,3"],
        ["--regression-labels", "2,x"],
        ["--draws", "0"],
        ["--test-share", "1"],
        ["--target", ","],
    ],
)
def test_options_are_checked(arguments, capsys):
    with pytest.raises(SystemExit) as stop:
        main(arguments)
    assert stop.value.code == 2
    assert arguments[0] in capsys.readouterr().err


def test_options_are_read():
    arguments = _report_parser().parse_args(["--box", "1,2,30.5,40", "--test-share", "0.25"])
    assert arguments.box == (1, 2, 30.5, 40) and arguments.test_share == 0.25


def test_inspect_and_convert(tmp_path, capsys):
    generator, _ = write_pair(tmp_path)
    assert main(["inspect", generator]) == 0
    printed = capsys.readouterr().out
    assert "resolution" in printed and "sha256" in printed
    out = tmp_path / "copy.safetensors"
    assert main(["convert", generator, str(out)]) == 0
    assert str(out) in capsys.readouterr().out
    assert main(["inspect", str(out)]) == 0
    page = tmp_path / "page.pt"
    page.write_text("<!DOCTYPE html>")
    assert main(["inspect", str(page)]) == 0
    assert "problems" in capsys.readouterr().out
    assert main(["inspect", str(tmp_path / "none.pt")]) == 2


def test_module_runs_as_a_command():
    done = subprocess.run(
        [sys.executable, "-m", "skstylefeat", "--version"], capture_output=True, text=True
    )
    assert re.fullmatch(r"skstylefeat \d+\.\d+\.\d+\S*\n", done.stdout)
