"""Tests of ``python -m skstylefeat annotate``, from a folder of images to names."""

import csv
import json
import re
import socket
import subprocess
import sys
import urllib.request
import zipfile
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from skstylefeat.__main__ import main
from skstylefeat._commands import _labeling_command as command_module
from skstylefeat.features import FeatureMaps
from skstylefeat.inversion import _encoder_choice as encoder_choice_module
from skstylefeat.inversion._code_cache import CodeCache
from skstylefeat.inversion._domain_check import DomainScores
from skstylefeat.inversion._inverter import StyleGANInverter
from skstylefeat.labeling import _prepare as prepare_module
from skstylefeat.labeling._prepared import Prepared
from tests.support.labeling import COLORS, read_csv, write_squares
from tests.support.networks import write_pair


@pytest.fixture(scope="module")
def networks(tmp_path_factory):
    return write_pair(tmp_path_factory.mktemp("networks"))


def nothing_is_foreign(inverter, X, latents=None):
    return DomainScores(np.ones(len(X), np.float32), np.ones(len(X), bool), [""] * len(X))


@pytest.fixture
def annotate(tmp_path, networks, monkeypatch):
    """Run the command on squares, with tiny networks, and return its exit status.

    To networks without training some squares are foreign and others equal; here none is.
    """
    monkeypatch.setattr(StyleGANInverter, "domain_scores", nothing_is_foreign)
    monkeypatch.setattr(prepare_module, "COPY_DISTANCE", 1e-6)
    folder = write_squares(tmp_path / "squares")
    options = ["--generator", networks[0], "--encoder", networks[1], "--n-clusters", "3"]

    def run(*arguments, options=(*options, "--quiet")):
        stop = [] if {"--sheets", "--port"} & set(arguments) else ["--no-page"]
        return main(["annotate", str(folder), *options, *map(str, [*stop, *arguments])])

    return run


def write_labels(path, files):
    with open(path, "w", newline="") as file:
        csv.writer(file).writerows([["file", "label"], *((f, f.split("-")[0]) for f in files)])
    return path


def test_sheets_filled_in_name_all_images(annotate, tmp_path, capsys):
    assert annotate("--sheets", tmp_path / "sheets", "--classes", "red,green,blue") == 0
    assert "3 contact sheets" in capsys.readouterr().out
    rows = read_csv(tmp_path / "sheets" / "labels.csv")
    assert len(rows) == 9
    clusters = Prepared.load(tmp_path / "squares.labeling").questions[""].clusters
    filled = write_labels(tmp_path / "filled.csv", [row["file"] for row in rows])
    assert annotate("--labels", filled, "--out", tmp_path / "names.csv", options=()) == 0
    printed = capsys.readouterr().out
    assert "9 of 9 labels" in printed and f"Names of all 12 images: {tmp_path}" in printed
    names = read_csv(tmp_path / "names.csv")
    assert len(names) == 12
    assert [int(row["cluster"]) for row in names] == clusters.tolist()
    answered = {row["file"] for row in rows}
    for row in names:
        if row["file"] in answered:
            assert row["name"] == row["file"].split("-")[0] and row["confidence"] == "1.0"


def test_a_former_option_is_reported(annotate, capsys):
    assert annotate("--features", "codes") == 0
    assert "--features is not used any more" in capsys.readouterr().err


def test_an_existing_session_is_not_prepared_again(annotate, tmp_path, monkeypatch, capsys):
    assert annotate() == 0
    monkeypatch.setattr(prepare_module, "StyleGANInverter", None)  # would fail if it were used
    assert annotate() == 0
    assert annotate(options=()) == 0
    assert annotate("--n-clusters", 4, options=()) == 2
    assert "was made with --n-clusters 3. Leave" in capsys.readouterr().err
    Image.new("RGB", (9, 9)).save(tmp_path / "squares" / "new.png")
    (tmp_path / "squares" / "red-0.png").unlink()
    assert annotate(options=()) == 2
    assert "1 are new or changed, 1 are gone. --recluster" in capsys.readouterr().err


def test_a_killed_preparation_resumes(annotate, monkeypatch, capsys):
    def killed(*args):
        raise KeyboardInterrupt

    with monkeypatch.context() as patch:
        patch.setattr(FeatureMaps, "pool", killed)
        assert annotate() == 130
    assert "Stopped. The same command goes on." in capsys.readouterr().err
    monkeypatch.setattr(CodeCache, "put", None)  # all codes are there
    assert annotate() == 0


def test_reclustering_keeps_labels_and_asks_by_them(annotate, tmp_path):
    work = tmp_path / "squares.labeling"
    assert annotate() == 0
    before = Prepared.load(work).questions[""]
    assert before.finished and len(before.query) == 9
    files = [f"{color}-{i}.png" for color in COLORS for i in range(2)]
    assert annotate("--labels", write_labels(tmp_path / "few.csv", files)) == 0
    assert Prepared.load(work).questions[""].identity == before.identity
    more = ["--generator", Prepared.load(work).settings["generator"], "--quiet"]
    more += ["--encoder", Prepared.load(work).settings["encoder"]]
    assert annotate("--recluster", "--n-labels", 8, options=more) == 0
    after = Prepared.load(work)
    # The six known labels count, and the last two questions follow from them.
    known = {after.files[row][0] for row in after.questions[""].query[:6]}
    assert known == set(files) and len(after.questions[""].query) <= 8
    assert [row["file"] for row in read_csv(work / "labels.csv")] == sorted(files)


def test_another_folder_for_the_work(annotate, tmp_path):
    work = tmp_path / "elsewhere"
    assert annotate("--work", work) == 0
    prepared = Prepared.load(work)
    assert prepared.features.shape == (12, prepared.n_maxima + 30)
    assert prepared.features.dtype == np.float32
    assert set(prepared.seconds) == {"inversion", "features", "checks"}
    assert not (tmp_path / "squares.labeling").exists()


def test_an_encoder_that_was_trained_is_kept(annotate, tmp_path, monkeypatch):
    options = ["--encoder", "train", "--train-steps", "1"]
    assert annotate(*options) == 0
    assert len(list((tmp_path / "squares.labeling").glob("encoder-*.safetensors"))) == 1
    monkeypatch.setattr(encoder_choice_module, "train_for", None)
    assert annotate(*options, "--recluster") == 0


def test_an_archive_cropped_is_read_as_its_folder_cropped(annotate, networks, tmp_path, capsys):
    crop = ["--box", "0,0,10,10", "--filter", "box"]
    assert annotate(*crop, "--work", tmp_path / "a") == 0
    with zipfile.ZipFile(tmp_path / "squares.zip", "w") as archive:
        for path in sorted((tmp_path / "squares").iterdir()):
            archive.write(path, path.name)
    line = ["annotate", str(tmp_path / "squares.zip"), "--no-page", "--quiet", "--n-clusters", "3"]
    networks = ["--generator", networks[0], "--encoder", networks[1]]
    assert main([*line, *networks, *crop, "--export-folder", str(tmp_path / "out")]) == 2
    assert "There is no label yet" in capsys.readouterr().err
    work = tmp_path / "squares.zip.labeling"
    np.testing.assert_allclose(
        Prepared.load(work).features, Prepared.load(tmp_path / "a").features, rtol=1e-5
    )
    assert Prepared.load(work).settings["box"] == [0, 0, 10, 10]
    assert main(["annotate", str(tmp_path / "squares.zip"), "--no-page", "--box", "0,0,9,9"]) == 2
    assert "was made with --box [0.0, 0.0, 10.0, 10.0]" in capsys.readouterr().err


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (["--classes", "red", "--labels", "few.csv"], "holds the classes ['blue', 'green']"),
        (["--attributes", "=a,b"], "cannot be read: write name=class,class"),
        (["--attributes", "a=b,c", "--classes", "b,c"], "Give one of them"),
        (["--attributes", "a=b,c", "--value", "a"], "['a'] occur twice"),
        (["--value", "age", "--labels", "few.csv"], "no column that is called like an attribute"),
        (["--value", "age", "--labels", "few.csv", "--target", "x"], "none of the attributes"),
        (["--box", "0,0,99,99"], "--box 0,0,99,99 does not lie inside the image"),
        (["--export-folder", "out"], "There is no label yet"),
        (["--labels", "other.csv"], "belongs to another folder"),
        (["--labels", "none.csv"], "does not exist"),
        (["--n-clusters", "13"], "13 clusters were asked for"),
    ],
)
def test_errors(annotate, tmp_path, monkeypatch, capsys, arguments, message):
    monkeypatch.chdir(tmp_path)
    write_labels(tmp_path / "few.csv", ["red-0.png", "green-0.png", "blue-0.png"])
    write_labels(tmp_path / "other.csv", ["cat-0.png"])
    assert annotate(*arguments) == 2
    assert message in capsys.readouterr().err
    assert annotate() == 0  # nothing is left locked


def test_the_device_is_checked_before_images_are_read(annotate, monkeypatch, capsys):
    monkeypatch.setattr(prepare_module, "_fit_inverter", None)  # would fail if it were used
    assert annotate("--device", "gpu") == 2
    assert "--device gpu cannot be used on this machine" in capsys.readouterr().err


def test_a_folder_without_images(tmp_path, capsys):
    assert main(["annotate", str(tmp_path)]) == 2
    assert "holds no image file" in capsys.readouterr().err
    assert main(["annotate", str(tmp_path / "none")]) == 2
    assert "is not a folder" in capsys.readouterr().err
    assert list(tmp_path.iterdir()) == []


@pytest.fixture
def served(monkeypatch):
    """Stop the server as soon as it serves, and return the addresses, one per start."""
    urls = []

    def stop(server):
        urls.append(server.url)
        raise KeyboardInterrupt

    monkeypatch.setattr(command_module.LabelingServer, "serve_forever", stop)
    return urls


def test_the_port_stays_while_it_is_free_and_the_token_is_new(annotate, tmp_path, served, capsys):
    assert annotate("--port", 0, "--no-browser") == 0
    again = ["annotate", str(tmp_path / "squares"), "--no-browser"]
    assert main(again) == main(again) == 0
    ports, tokens = zip(
        *(re.findall(r":(\d+)/([^/]{22})/$", url)[0] for url in served), strict=True
    )
    assert len(set(ports)) == 1 and len(set(tokens)) == 3
    assert f"Label at {served[2]} (Ctrl+C stops)" in capsys.readouterr().out
    known = (tmp_path / "squares.labeling" / "page.json").read_text()
    assert ports[0] in known and not any(token in known for token in tokens)
    with socket.socket() as other:
        other.bind(("127.0.0.1", int(ports[0])))
        other.listen()
        assert main(again) == 0
        assert f":{ports[0]}/" not in served[3]
        assert annotate("--port", ports[0], options=()) == 2
    assert f"Port {ports[0]} cannot be used: another program uses it" in capsys.readouterr().err


def test_the_browser_gets_a_private_file_that_redirects(annotate, tmp_path, served, monkeypatch):
    opened = {}

    def open_browser(address):
        file = Path(urllib.request.url2pathname(address.removeprefix("file://")))
        opened[address] = file.read_text(), file.stat().st_mode & 0o777

    monkeypatch.setattr(command_module.webbrowser, "open", open_browser)
    assert annotate("--port", 0) == 0
    ((address, (content, mode)),) = opened.items()
    assert mode == 0o600 and f'content="0; url={served[0]}"' in content
    assert served[0].split("/")[3] not in address
    work = tmp_path / "squares.labeling"
    assert not (work / "open-page.html").exists()  # removed when the command ends
    assert (work / "page.json").stat().st_mode & 0o777 == 0o600


def test_unreadable_images_are_named_and_can_be_skipped(annotate, tmp_path, capsys):
    squares = tmp_path / "squares"
    (squares / "blue-0.png").write_bytes(b"")
    (squares / "red-1.png").write_bytes(b"no image")
    labels = write_labels(tmp_path / "labels.csv", [f"{c}-{i}.png" for c in COLORS for i in (0, 1)])
    assert annotate("--labels", labels) == 2
    error = capsys.readouterr().err
    assert "2 of 12 images cannot be read: " in error and "--skip-unreadable" in error
    for name in ("blue-0.png", "red-1.png"):
        assert f"{name} cannot be read as an image: its content is in no known format" in error

    for options in (["--labels", labels, "--skip-unreadable"], []):
        assert annotate(*options) == 0
        assert "2 images were left out, as they cannot be read: blue-0.png, red-1.png" in (
            capsys.readouterr().out
        )
    assert len(Prepared.load(tmp_path / "squares.labeling")) == 10
    rows = read_csv(tmp_path / "squares.labeling" / "labels.csv")
    assert [row["file"] for row in rows] == [
        "blue-1.png",
        "green-0.png",
        "green-1.png",
        "red-0.png",
    ]

    Image.new("RGB", (9, 9)).save(squares / "red-1.png")  # repaired
    assert annotate() == 2
    assert "1 are new or changed, 0 are gone. --recluster" in capsys.readouterr().err
    for file in squares.iterdir():
        file.write_bytes(b"")
    assert annotate("--recluster", "--skip-unreadable") == 2
    assert "None of the 12 images can be read" in capsys.readouterr().err


def test_a_label_survives_the_process_that_saved_it(annotate, tmp_path, capsys):
    assert annotate("--classes", "red,green") == 0
    line = [sys.executable, "-m", "skstylefeat", "annotate", str(tmp_path / "squares")]
    with subprocess.Popen([*line, "--no-browser"], stdout=subprocess.PIPE, text=True) as process:
        url = re.match(r"Label at (http://127\.0\.0\.1:\d+/\S+/) ", process.stdout.readline())[1]
        assert annotate(options=()) == 2
        assert "open in another process" in capsys.readouterr().err
        body = json.dumps({"id": "1", "row": 8, "label": "red"}).encode()
        request = urllib.request.Request(url + "label", body, {"Content-Type": "application/json"})
        with urllib.request.urlopen(request) as answer:
            assert json.load(answer)["labels"] == {"8": "red"}
        process.kill()
    assert annotate(options=()) == 0
    rows = read_csv(tmp_path / "squares.labeling" / "labels.csv")
    assert [(row["file"], row["label"]) for row in rows] == [("red-0.png", "red")]
