"""Progress bars."""

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
