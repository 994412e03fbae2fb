"""Progress bars."""

import threading

from sklearn.dummy import DummyClassifier
from sklearn.model_selection import cross_val_score

from skstylefeat._utils._progress import progress_bar


def test_silent(capsys):
    with progress_bar(total=3, desc="work", verbose=0) as bar:
        bar.update(3)
        bar.set_postfix({"loss": "1"})
    captured = capsys.readouterr()
    assert captured.out == captured.err == ""


def test_bars_of_a_search_leave_no_line_each(capsys):
    class Bar(DummyClassifier):
        def fit(self, X, y):
            with progress_bar(total=2, desc="work", verbose=1) as bar:
                bar.update(2)
            return super().fit(X, y)

    cross_val_score(Bar(), [[0]] * 8, [0, 1] * 4, cv=4)
    written = capsys.readouterr().err
    assert "work" in written and "\n" not in written


def test_other_threads_are_silent(capsys):
    def work():
        progress_bar(total=3, desc="work", verbose=1).close()

    thread = threading.Thread(target=work)
    thread.start()
    thread.join()
    assert capsys.readouterr().err == ""


def test_tqdm(capsys):
    with progress_bar(total=3, desc="work", verbose=1, unit="step") as bar:
        bar.update(3)
    assert "work: 100%" in capsys.readouterr().err
