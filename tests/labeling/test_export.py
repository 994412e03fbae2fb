"""Tests of the hand-over of a session to the commands fit and predict."""

import numpy as np
import pytest
from PIL import Image

from skstylefeat.__main__ import main
from skstylefeat.datasets import make_faces
from tests.support.labeling import read_csv

prediction = pytest.importorskip("skstylefeat.prediction")


@pytest.fixture(scope="module")
def faces(tmp_path_factory):
    """A folder of faces, and a table of the labels of some of them."""
    home = tmp_path_factory.mktemp("faces")
    (home / "faces").mkdir()
    rendered = make_faces(40, random_state=11)
    lines = ["file,glasses,age"]
    for number, pixels in enumerate(rendered.images):
        Image.fromarray(pixels).save(home / "faces" / f"{number}.png")
        kind = "without" if rendered.attributes["glasses"][number] == "none" else "with"
        lines.append(f"{number}.png,{kind},{rendered.attributes['age'][number]:.0f}")
    (home / "labels.csv").write_text("\n".join(lines[:25]))
    return home


def test_a_session_becomes_a_model_of_fit(faces, tmp_path, capsys):
    arguments = ["annotate", str(faces / "faces"), "--attributes", "glasses=with,without"]
    arguments += ["--value", "age", "--labels", str(faces / "labels.csv"), "--no-page", "--quiet"]
    out = tmp_path / "model"
    assert main([*arguments, "--work", str(tmp_path / "work"), "--export-model", str(out)]) == 0
    assert f"Model: {out}" in capsys.readouterr().out
    found = prediction.load_model(out).predict(faces / "faces")
    assert found.header[:2] == ["file", "glasses"] and "age" in found.header

    # The page and the model read nearly the same.
    names = read_csv(tmp_path / "work" / "names.csv")
    column = found.header.index("glasses")
    model = [row[column] for row in found.rows()]
    assert np.mean([row["glasses"] == name for row, name in zip(names, model, strict=True)]) > 0.8
    assert "model: " in (tmp_path / "work" / "session.log").read_text()
