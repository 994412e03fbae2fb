"""Progress bars: tqdm, lines where it is missing, silence where it is not wanted."""

import sys

from skstylefeat._progress import progress_bar


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
    assert lines[-1] == "work: 20 of 20, loss 0.5"
