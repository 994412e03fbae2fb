"""Progress bars: tqdm, lines where it is missing, silence where it is not wanted."""

import re
import sys

from skstylefeat._utils import _progress
from skstylefeat._utils._progress import progress_bar


def test_silent(capsys):
    with progress_bar(total=3, desc="work", verbose=0) as bar:
        bar.update(3)
        bar.set_postfix({"loss": "1"})
    captured = capsys.readouterr()
    assert captured.out == captured.err == ""


def test_tqdm(capsys):
    with progress_bar(total=3, desc="work", verbose=1, unit="step") as bar:
        bar.update(3)
    assert "work: 100%" in capsys.readouterr().err


def test_lines_without_tqdm(capsys, monkeypatch):
    monkeypatch.setitem(sys.modules, "tqdm.auto", None)
    with progress_bar(total=20, desc="work", verbose=1) as bar:
        bar.set_postfix({"loss": "0.5"})
        for _ in range(20):
            bar.update()
    lines = capsys.readouterr().out.splitlines()
    assert len(lines) == 10
    number = r"\d[\d.e+]*"
    assert re.fullmatch(rf"work: 20 of 20, {number} it/s, 0:00 left, loss 0\.5", lines[-1])


def test_lines_tell_what_is_left(capsys, monkeypatch):
    monkeypatch.setitem(sys.modules, "tqdm.auto", None)
    now = iter([100.0, 110.0, 4000.0])
    monkeypatch.setattr(_progress.time, "monotonic", lambda: next(now))
    with progress_bar(total=1000, desc="work", verbose=1, initial=200, unit="image") as bar:
        bar.update(100)
        bar.update(690)
    first, second = capsys.readouterr().out.splitlines()
    assert first == "work: 300 of 1000, 10 image/s, 1:10 left"
    assert second == "work: 990 of 1000, 0.203 image/s, 0:49 left"
    assert _progress._clock(7384.4) == "2:03:04"
