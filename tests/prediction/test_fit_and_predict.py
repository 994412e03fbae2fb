"""Commands ``fit`` and ``predict``: from photos and few labels to a model and predictions."""

import csv
import json
import shutil
import signal
import subprocess
import sys
import time

import joblib
import numpy as np
import pytest
from PIL import Image

import skstylefeat
from skstylefeat.__main__ import main
from skstylefeat.datasets import render_faces, sample_attributes
from skstylefeat.features import HOGDescriptor
from skstylefeat.images import as_images
from skstylefeat.prediction import _fit_model, _photo_features, _score_chart, load_model
from skstylefeat.prediction._label_targets import read_targets
from skstylefeat.prediction._photo_features import PhotoFeatures
from tests.support.networks import write_pair
from tests.support.prediction import read_rows, write_labels, write_photos


@pytest.fixture(scope="module")
def job(tmp_path_factory):
    """Folder with photos, others, labels.csv and the files of two tiny networks."""
    folder = tmp_path_factory.mktemp("job")
    brightness = write_photos(folder / "photos")
    write_photos(folder / "others", n=8, seed=1)
    (folder / "others" / "broken.png").write_bytes(b"no image")
    write_labels(folder / "labels.csv", brightness)
    write_pair(folder / "networks")
    return folder


def networks(job):
    names = ("tiny.safetensors", "tiny-encoder.safetensors")
    generator, encoder = (str(job / "networks" / name) for name in names)
    return ["--generator", generator, "--encoder", encoder]


def fit(job, out, *options, target="light,tone", labels=None, photos=None):
    words = ["fit", photos or job / "photos", "--labels", labels or job / "labels.csv"]
    words += ["--target", target, "--out", out, "--quiet", *networks(job), *options]
    return main([str(word) for word in words])


@pytest.fixture(scope="module")
def model(job):
    assert fit(job, job / "model") == 0
    return job / "model"


def predict(model, photos, out, *options):
    return main(["predict", *map(str, (model, photos, "--out", out, "--quiet", *options))])


def test_fit_writes_a_model_that_predicts_elsewhere(job, model, tmp_path, capsys):
    moved = tmp_path / "elsewhere"
    shutil.copytree(model, moved)
    shutil.rmtree(moved / "cache")
    hidden = job / "networks"
    away = hidden.rename(job / "away")
    try:
        assert predict(moved, job / "others", tmp_path / "p.csv") == 0
        assert predict(moved, job / "others", tmp_path / "s.csv", "--load", "skops") == 0
    finally:
        away.rename(hidden)
    printed = capsys.readouterr().out
    assert printed.startswith("light: mean absolute error ")
    assert "1 of 9 photos cannot be read" in printed
    rows = read_rows(tmp_path / "p.csv")
    header = "file light light_low light_high tone tone_probability in_domain readable note"
    assert list(rows[0]) == header.split()
    assert [row["file"] for row in rows] == [*(f"{i:02}.png" for i in range(8)), "broken.png"]
    assert all(float(r["light_low"]) < float(r["light_high"]) for r in rows[:8])
    assert {row["tone"] for row in rows[:8]} <= {"dark", "bright"}
    broken = rows[-1]
    assert broken["readable"] == "no" and broken["in_domain"] == "unknown"
    assert not broken["light"] + broken["tone"] and "cannot be read" in broken["note"]
    assert (tmp_path / "p.csv").read_text() == (tmp_path / "s.csv").read_text()
    assert not (tmp_path / "p.csv.cache").exists()


def test_models_by_openvino(job, tmp_path, monkeypatch, capsys):
    monkeypatch.setenv("SKSTYLEFEAT_CACHE", str(tmp_path / "cache"))
    assert fit(job, tmp_path / "model", "--engine", "openvino") == 0
    loaded = load_model(tmp_path / "model")
    assert loaded.features.inverter_.encoder_.engine == "openvino"
    assert len(list((tmp_path / "cache").rglob("*.json"))) >= 1

    tables = []
    for engine in ("openvino", "torch"):
        out = tmp_path / f"{engine}.csv"
        assert predict(tmp_path / "model", job / "photos", out, "--engine", engine) == 0
        tables.append([float(row["light"]) for row in read_rows(out)])
    np.testing.assert_allclose(*tables, atol=0.05)
    capsys.readouterr()

    words = ("--engine", "torch", "--precision", "bfloat16")
    assert fit(job, tmp_path / "other", *words) == 2
    assert "--precision bfloat16 needs --engine openvino" in capsys.readouterr().err


def test_the_pipelines_are_those_of_scikit_learn(job, model, monkeypatch):
    monkeypatch.setenv("SKSTYLEFEAT_WEIGHTS", str(model))
    pipeline = joblib.load(model / "light.joblib")
    photos = as_images(job / "photos")
    rows = read_rows(model / "predictions.csv")
    np.testing.assert_allclose(
        pipeline.predict(photos), [float(row["light"]) for row in rows], rtol=1e-4
    )
    loaded = load_model(model)
    assert repr(loaded) == "PhotoModel(targets=['light', 'tone'])"
    found = loaded.predict(photos.read())
    assert found.names[:2] == ["image 0", "image 1"]
    assert [row["tone"] for row in rows] == found.values["tone"].tolist()
    assert loaded.pipeline("tone").predict(photos).tolist() == found.values["tone"].tolist()


def test_the_card_names_data_labels_and_networks(job, model):
    card = json.loads((model / "card.json").read_text())
    generator = skstylefeat.load_generator(networks(job)[1])
    assert card["networks"]["generator"]["sha256"] == generator.weights_hash()
    assert card["targets"]["light"]["n_labels"] == 12
    assert card["targets"]["tone"]["counts"] == {"bright": 6, "dark": 6}
    assert card["photos"]["n_photos"] == 30 and card["versions"]["skstylefeat"]
    text = (model / "card.md").read_text()
    assert "labels read in all: 12" in text and generator.weights_hash() in text


def test_the_report_begins_with_scores_and_is_one_file(model):
    page = (model / "report.html").read_text()
    first = page.index('<ul class="first">')
    assert page.index("light: mean absolute error") - first < 100
    assert page.index("<table>") > page.index("tone:")
    assert "12 labels read in all" in page and 'src="data:image' in page
    assert "http" not in page.replace("http-equiv", "")


def test_scores_by_group_are_reported_and_change_no_prediction(job, tmp_path, capsys):
    rows = read_rows(write_labels(tmp_path / "labels.csv", write_photos(tmp_path / "p"), 24))
    with open(tmp_path / "groups.csv", "w", newline="") as file:
        lines = [[*r.values(), "ab"[i % 2] if i < 20 else "<few>"] for i, r in enumerate(rows)]
        csv.writer(file).writerows([["file", "light", "tone", "place"], *lines])
    options = {"labels": tmp_path / "groups.csv"}
    assert fit(job, tmp_path / "m", "--by-group", "place", **options) == 0
    printed = capsys.readouterr().out
    assert "tone, by place: Groups with fewer than 10 scored images" in printed
    card = json.loads((tmp_path / "m" / "card.json").read_text())
    for name, metric in (("tone", "accuracy"), ("light", "mean absolute error")):
        target = card["targets"][name]
        assert target["group_header"][:3] == ["place", "n", metric]
        assert [row[:2] for row in target["group_rows"]] == [
            ["<few>", "4"],
            ["a", "10"],
            ["b", "10"],
        ]
        shares = [float(row[2]) for row in target["group_rows"][1:]]
        assert min(shares) - 0.5 * target["score"] < target["score"]
    assert "place | n | accuracy" in (tmp_path / "m" / "card.md").read_text()
    page = (tmp_path / "m" / "report.html").read_text()
    assert "<h3>By place</h3>" in page and "&lt;few&gt;" in page and "<few>" not in page
    assert fit(job, tmp_path / "n", **options) == 0
    names = ("predictions.csv",)
    assert [(tmp_path / "m" / n).read_text() for n in names] == [
        (tmp_path / "n" / n).read_text() for n in names
    ]
    assert fit(job, tmp_path / "o", "--by-group", "nowhere", **options) == 2
    assert "nowhere" in capsys.readouterr().err


def test_a_second_fit_replaces_its_own_model_only(job, model, tmp_path, capsys):
    out = tmp_path / "model"
    shutil.copytree(model, out)
    words = ["fit", job / "photos", "--labels", job / "labels.csv", "--target", "tone"]
    assert main([*map(str, [*words, "--out", out]), *networks(job)]) == 0
    printed = capsys.readouterr().out
    assert f"The model in '{out}' is replaced." in printed
    assert "tone is read as classes; tone:number reads it otherwise." in printed
    assert not (out / "light.joblib").exists() and load_model(out).targets == ["tone"]

    (tmp_path / "mine").mkdir()
    (tmp_path / "mine" / "thesis.txt").write_text("years of work")
    assert fit(job, tmp_path / "mine") == 2
    assert "was not written by fit" in capsys.readouterr().err
    assert fit(job, tmp_path / "mine" / "thesis.txt") == 2
    assert "is a file" in capsys.readouterr().err


def test_unfinished_and_changed_models_are_refused(job, model, tmp_path, capsys):
    out = tmp_path / "model"
    shutil.copytree(model, out)
    (out / "tone.joblib").write_bytes(b"other")
    assert predict(out, job / "others", tmp_path / "p.csv") == 2
    assert "tone.joblib has changed" in capsys.readouterr().err
    (out / "tone.joblib").unlink()
    with pytest.raises(ValueError, match=r"tone\.joblib is missing"):
        load_model(out)
    (out / "card.json").write_text('{"format": "other", "files": {}}')
    with pytest.raises(ValueError, match="has the format 'other'"):
        load_model(out)
    (out / "card.json").write_text("{")
    with pytest.raises(ValueError, match="is not a card"):
        load_model(out)
    (out / "card.json").unlink()
    with pytest.raises(ValueError, match="is unfinished: fit was stopped"):
        load_model(out)
    with pytest.raises(ValueError, match="is no model: it holds no card"):
        load_model(job / "photos")


def test_a_failure_while_writing_leaves_no_model(job, model, tmp_path, monkeypatch):
    out = tmp_path / "model"
    shutil.copytree(model, out)
    from skstylefeat.prediction import _model_folder

    def fail(*_):
        raise OSError("disk full")

    monkeypatch.setattr(_model_folder.joblib, "dump", fail)
    assert fit(job, out) == 2
    with pytest.raises(ValueError, match="unfinished"):
        load_model(out)
    monkeypatch.undo()
    assert fit(job, out) == 0 and load_model(out).targets == ["light", "tone"]


def test_damaged_photos_stop_fit_or_are_rows(job, tmp_path, capsys):
    photos = tmp_path / "photos"
    shutil.copytree(job / "photos", photos)
    (photos / "03.png").write_bytes(b"broken")
    assert fit(job, tmp_path / "model", photos=photos) == 2
    error = capsys.readouterr().err
    assert "03.png" in error and "leave them out with --skip-unreadable." in error
    assert fit(job, tmp_path / "model", "--skip-unreadable", photos=photos) == 0
    assert "1 of 30 photos cannot be read" in capsys.readouterr().out
    rows = read_rows(tmp_path / "model" / "predictions.csv")
    assert rows[3]["readable"] == "no"
    # Its label is not read.
    card = json.loads((tmp_path / "model" / "card.json").read_text())
    assert card["targets"]["light"]["n_labels"] == 11


def test_few_labels_are_said_first(job, tmp_path, capsys):
    table = tmp_path / "labels.csv"
    table.write_text("file,light,tone\n00.png,10.5,dark\n01.png,90,bright\n99.png,3,dark\n")
    assert fit(job, tmp_path / "model", labels=table) == 0
    printed = capsys.readouterr().out
    assert "light: read from 2 labels; these are too few to estimate how good" in printed
    assert "light: intervals are left empty, since a 90 % interval needs 9 labels." in printed
    assert "tone: classes with too few labels to be trusted: dark (1), bright (1)" in printed
    assert "1 of 3 rows" in printed and "'99.png'" in printed
    rows = read_rows(tmp_path / "model" / "predictions.csv")
    assert rows[0]["light"] and not rows[0]["light_low"] + rows[0]["light_high"]


def test_noise_for_labels_is_no_good_news(job, tmp_path, capsys):
    table = tmp_path / "labels.csv"
    names = np.random.default_rng(1).permutation(["a", "b"] * 10)
    rows = [f"{i:02}.png,{name}" for i, name in enumerate(names)]
    table.write_text("\n".join(["file,x", *rows]))
    assert fit(job, tmp_path / "model", target="x", labels=table) == 0
    printed = capsys.readouterr().out
    card = json.loads((tmp_path / "model" / "card.json").read_text())["targets"]["x"]
    assert card["beats_baseline"] == (card["score"] > card["baseline"])
    assert ("nothing beats the commonest class" in printed) == (not card["beats_baseline"])
    assert "class=bad" in (tmp_path / "model" / "report.html").read_text() or card["beats_baseline"]


def test_without_matplotlib_the_chart_is_missing_and_said(job, tmp_path, monkeypatch):
    brightness = np.linspace(0.1, 0.9, 30)
    labels = write_labels(tmp_path / "labels.csv", brightness, n_labels=20)
    find_spec = _score_chart.util.find_spec
    monkeypatch.setattr(
        _score_chart.util, "find_spec", lambda x: None if x == "matplotlib" else find_spec(x)
    )
    assert fit(job, tmp_path / "model", labels=labels, target="light") == 0
    page = (tmp_path / "model" / "report.html").read_text()
    assert "matplotlib is not installed" in page and "data:image/png" not in page
    monkeypatch.undo()
    assert fit(job, tmp_path / "model", labels=labels, target="light") == 0
    assert "data:image/png" in (tmp_path / "model" / "report.html").read_text()


@pytest.mark.parametrize(
    ("text", "specs", "message"),
    [
        ("file,a\n00.png,1\n", ["a"], "1 photos have a label, all of them 1; at least one labeled"),
        ("file,a\n00.png,1.5\n", ["a"], "at least two photos with different numbers are needed"),
        ("file,a\n00.png,1\n01.png,x\n", ["a:number"], "the cell 'x' of '01.png' in line 3 is not"),
        ("file,a\n00.png,1\n", ["b"], "no column 'b'"),
        ("file,a\n00.png,1\n", ["a", "a"], "'a' is given twice"),
        ("file,note\n00.png,1\n", ["note"], "'note' is a column of the results"),
        (
            "file,a\nzz.png,x\n",
            ["a"],
            "0 photos have a label.*'zz.png'.*is called '00.png'",
        ),
    ],
)
def test_tables_that_cannot_be_learned_from(tmp_path, text, specs, message):
    (tmp_path / "l.csv").write_text(text)
    with pytest.raises(ValueError, match=message):
        read_targets(tmp_path / "l.csv", [f"{i:02}.png" for i in range(30)], specs)


def test_kinds_of_columns_are_guessed_or_given(tmp_path):
    names = [f"{i:02}.png" for i in range(30)]
    rows = [f"{name},{20 + i},{i % 3},{i}" for i, name in enumerate(names[:6])]
    (tmp_path / "l.csv").write_text("\n".join(["file,age,grade,rank", *rows]))
    targets, _ = read_targets(tmp_path / "l.csv", names, ["age", "grade", "rank:number"])
    assert [(t.kind, t.is_guessed) for t in targets] == [
        ("number", True),
        ("class", True),
        ("number", False),
    ]
    texts = [f"{name},n{i}" for i, name in enumerate(names[:25])]
    (tmp_path / "l.csv").write_text("\n".join(["file,who", *texts]))
    with pytest.raises(ValueError, match="25 different texts"):
        read_targets(tmp_path / "l.csv", names, ["who"])


def test_formulas_in_names_and_classes_stay_texts(job, tmp_path):
    photos = tmp_path / "photos"
    shutil.copytree(job / "photos", photos)
    (photos / "00.png").rename(photos / "=1+1.png")
    table = tmp_path / "labels.csv"
    lines = [f"{i:02}.png,{'@dark' if i % 2 else 'bright'}" for i in range(1, 9)]
    table.write_text("\n".join(["file,tone", *lines]))
    assert fit(job, tmp_path / "model", photos=photos, labels=table, target="tone") == 0
    cells = (tmp_path / "model" / "predictions.csv").read_text()
    assert "'=1+1.png" in cells and "\n=1+1" not in cells and ",@dark" not in cells


# Errors, and the advice in them.


@pytest.mark.parametrize(
    ("words", "advice"),
    [
        (["fit", "P", "--labels", "L", "--target", "light", "--out", "O"], "fit"),
        (["evaluate", "P", "--labels", "L", "--target", "tone", "--out", "O"], "evaluate"),
    ],
)
def test_advice_names_options_of_the_command(job, tmp_path, capsys, words, advice):
    shutil.copy(job / "networks" / "tiny.safetensors", tmp_path / "alone.safetensors")
    places = {"P": job / "photos", "L": job / "labels.csv", "O": tmp_path / "out"}
    if advice == "fit":
        places["P"] = job / "photos" / "0[0-2].png"
    else:
        brightness = np.linspace(0, 1, 30)
        places["L"] = write_labels(tmp_path / "labels.csv", brightness, n_labels=30)
    words = [str(places.get(word, word)) for word in words]
    generator = ["--generator", str(tmp_path / "alone.safetensors")]
    assert main([*words, *generator, "--quiet"]) == 2
    error = capsys.readouterr().err
    assert "--encoder FILE, --encoder train" in error and "--method optimize" in error
    assert "method=" not in error and "encoder=" not in error
    if advice == "fit":
        assert main([*words, *generator, "--method", "optimize", "--quiet"]) == 0
        settings = json.loads((places["O"] / "card.json").read_text())["settings"]
        assert settings["method"] == "optimize"


def test_box_and_alignment_exclude_each_other(job, tmp_path, capsys):
    assert fit(job, tmp_path / "m", "--box", "0,0,8,8", "--align", "dlib") == 2
    assert "--align, --box" in capsys.readouterr().err
    assert not (tmp_path / "m").exists()


def test_a_box_is_used_by_fit_and_predict(job, tmp_path):
    photos = tmp_path / "photos"
    photos.mkdir()
    for file in (job / "photos").iterdir():
        canvas = Image.new("RGB", (20, 20), "red")
        canvas.paste(Image.open(file), (7, 3))
        canvas.save(photos / file.name)
    assert fit(job, tmp_path / "boxed", "--box", "7,3,15,11", photos=photos) == 0
    assert fit(job, tmp_path / "plain") == 0
    # The filter that enlarges an image sees a little of what is beside the box.
    boxed, plain = (read_rows(tmp_path / x / "predictions.csv") for x in ("boxed", "plain"))
    numbers = [[float(row["light"]) for row in table] for table in (boxed, plain)]
    np.testing.assert_allclose(*numbers, atol=1)
    assert np.ptp(numbers[0]) > 5
    assert predict(tmp_path / "boxed", f"{photos}/0*.png", tmp_path / "p.csv") == 0
    rows = read_rows(tmp_path / "p.csv")
    assert rows[0]["light"] == boxed[0]["light"]
    assert predict(tmp_path / "boxed", f"{job}/photos/00.png", tmp_path / "p.csv") == 0
    assert "does not lie inside" in read_rows(tmp_path / "p.csv")[0]["note"]


def test_places_for_the_table_are_checked_first(model, job, tmp_path, capsys):
    assert predict(model, job / "others", tmp_path) == 2
    assert "is a folder" in capsys.readouterr().err
    assert predict(model, job / "others", tmp_path / "no" / "p.csv") == 2
    assert "does not exist" in capsys.readouterr().err


# Interruptions.

CHILD = """
import signal, sys, time
from skstylefeat.networks import Encoder
encode = Encoder.encode

def slow(self, images, **kwargs):
    print("batch", flush=True)
    time.sleep(0.05)
    return encode(self, images, **kwargs)

Encoder.encode = slow
from skstylefeat.inversion._job import InversionJob
run = InversionJob.run
InversionJob.run = lambda self, images, batch_size, **kwargs: run(self, images, 2, **kwargs)
signal.signal(signal.SIGINT, signal.default_int_handler)  # ignored where tests are in background
from skstylefeat.__main__ import main
raise SystemExit(main(sys.argv[1:]))
"""


def run_and_stop(words, how, n_batches):
    """Run a command in a process with batches of two, and stop it after some of them."""
    command = [sys.executable, "-c", CHILD, *map(str, words)]
    with subprocess.Popen(
        command, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True
    ) as child:
        for _ in range(n_batches):
            while child.stdout.readline() != "batch\n":
                assert child.poll() is None
        time.sleep(0.05)
        child.send_signal(how)
        _, errors = child.communicate(timeout=60)
    return child.returncode, errors


def test_stopped_commands_go_on_and_give_equal_results(job, model, tmp_path):
    out = tmp_path / "model"
    words = ["fit", job / "photos", "--labels", job / "labels.csv", "--target", "light,tone"]
    words += ["--out", out, "--quiet", *networks(job)]
    # The first 16 batches measure the error of the generator's own images.
    run_and_stop(words, signal.SIGKILL, n_batches=19)
    kept = len(list((out / "cache").glob("??/*")))
    assert kept >= 4
    with pytest.raises(ValueError, match="unfinished"):
        load_model(out)

    status, errors = run_and_stop(words, signal.SIGINT, n_batches=19)
    assert status == 130 and "Traceback" not in errors
    assert f"Finished codes are kept in {out / 'cache'}; the same command goes on" in errors
    assert len(list((out / "cache").glob("??/*"))) > kept
    assert main([str(word) for word in words]) == 0
    same = [(folder / "predictions.csv").read_text() for folder in (out, model)]
    assert same[0] == same[1]

    words = ["predict", out, job / "others", "--out", tmp_path / "p.csv", "--quiet"]
    run_and_stop(words, signal.SIGKILL, n_batches=3)
    assert not (tmp_path / "p.csv").exists() and (tmp_path / "p.csv.cache").exists()
    assert main([str(word) for word in words]) == 0
    assert predict(model, job / "others", tmp_path / "q.csv") == 0
    assert (tmp_path / "p.csv").read_text() == (tmp_path / "q.csv").read_text()
    assert not (tmp_path / "p.csv.cache").exists()


def test_a_trained_encoder_is_kept_in_the_model(job, tmp_path):
    shutil.copy(job / "networks" / "tiny.safetensors", tmp_path / "alone.safetensors")
    options = ["--encoder", "train", "--train-steps", "3"]
    words = ["fit", job / "photos", "--labels", job / "labels.csv", "--target", "light"]
    words += ["--generator", tmp_path / "alone.safetensors", "--out", tmp_path / "m", "--quiet"]
    assert main([str(word) for word in [*words, *options]]) == 0
    (tmp_path / "alone.safetensors").unlink()
    files = json.loads((tmp_path / "m" / "card.json").read_text())["files"]
    assert sorted(name.split("-")[0] for name in files if name.endswith("safetensors")) == [
        "encoder",
        "generator",
    ]
    assert predict(tmp_path / "m", job / "photos", tmp_path / "p.csv") == 0
    found = [
        [r["light"] for r in read_rows(p)]
        for p in (tmp_path / "p.csv", tmp_path / "m" / "predictions.csv")
    ]
    np.testing.assert_allclose(np.array(found[0], float), np.array(found[1], float), rtol=1e-4)


def test_time_is_estimated_before_long_work(job, tmp_path, capsys):
    write_photos(tmp_path / "many", n=70)
    brightness = np.linspace(0, 1, 70)
    labels = write_labels(tmp_path / "labels.csv", brightness)
    words = ["fit", tmp_path / "many", "--labels", labels, "--target", "light"]
    words += ["--out", tmp_path / "model", *networks(job)]
    assert main([str(word) for word in words]) == 0
    assert "Inverting 70 photos takes about " in capsys.readouterr().out
    assert _fit_model.CACHE == "cache"


def test_gradients_of_the_photos_are_features():
    """They are those of the descriptor, whatever the generator; unreadable photos have none."""
    images = render_faces(sample_attributes(3, random_state=2), 96)
    features = PhotoFeatures().fit(images)
    rows = features.transform([images[0], "missing.png", images[2]])
    start, stop = features.blocks_["hog"]
    described = HOGDescriptor(mirror="mean").fit_transform(images)
    np.testing.assert_allclose(rows[[0, 2], start:stop], described[[0, 2]], atol=1e-6)
    assert list(features.blocks_)[-1] == "hog" and stop == rows.shape[1] and np.isnan(rows[1]).all()


def test_ignored_attributes_leave_the_features(monkeypatch):
    monkeypatch.setattr(_photo_features, "N_PAIRS", 16)
    faces = sample_attributes(6, random_state=9)
    light, dark = (render_faces({**faces, "skin_tone": tone}) for tone in (0.1, 0.9))
    features = PhotoFeatures(ignore="skin_tone").fit(light)
    projections, features.projections_ = features.projections_, {}
    kept = [features.transform(light), features.transform(dark)]
    features.projections_ = projections
    gone = [kept[0].copy(), kept[1].copy()]
    for name, (start, stop) in features.blocks_.items():
        for rows in gone:
            rows[:, start:stop] = projections[name].transform(rows[:, start:stop])
        before, after = (np.square((x - y)[:, start:stop]).mean() for x, y in (kept, gone))
        # Mirrored differences and local gradients, which are normalized, say little of the tone.
        most = {"differences": np.inf, "hog": 1.0}.get(name, 0.8)
        assert after < most * before, name
    np.testing.assert_allclose(features.transform(light[:2]), gone[0][:2], rtol=1e-3, atol=1e-3)
    assert features.projections_["maps"].variants.shape[1] == 1  # a small pickle
    with pytest.raises(ValueError, match="not both"):
        PhotoFeatures(ignore="skin_tone", align="dlib").fit(light)
    with pytest.raises(ValueError, match="unknown attribute 'skin'"):
        PhotoFeatures(ignore="skin").fit(light)


def test_ignore_needs_a_generator_of_rendered_faces(job, tmp_path, capsys, monkeypatch):
    monkeypatch.setattr(_photo_features, "N_PAIRS", 8)
    assert fit(job, tmp_path / "m", "--ignore", "skin_tone") == 2
    assert "needs a generator of rendered faces" in capsys.readouterr().err
