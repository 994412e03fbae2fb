"""A folder of colored squares in known clusters, for tests of the labeling page."""

import contextlib
import csv
import sqlite3
import threading

import numpy as np
from PIL import Image

from skstylefeat.labeling._folder import ImageFolder
from skstylefeat.labeling._label_store import LabelStore
from skstylefeat.labeling._prepared import Prepared
from skstylefeat.labeling._questions import Questions
from skstylefeat.labeling._server import LabelingServer
from skstylefeat.labeling._session import Session

TOKEN, PAGE_KEY = "secret", "key of the page"
COLORS = ("red", "green", "blue")


def read_events(work):
    """Return kind, file and label of all changes in a session's folder, oldest first."""
    with contextlib.closing(sqlite3.connect(work / "labels.sqlite")) as connection:
        return connection.execute("SELECT kind, file, label FROM events ORDER BY number").fetchall()


def read_csv(path):
    """Return the rows of a file as dictionaries."""
    with open(path, newline="", encoding="utf-8") as file:
        return list(csv.DictReader(file))


def write_squares(folder, per_color=4):
    """Write files such as ``green-2.png`` and return the folder."""
    folder.mkdir(parents=True, exist_ok=True)
    for color in COLORS:
        for number in range(per_color):
            square = Image.new("RGB", (12, 10), color)
            square.paste(
                (255, 255, 255), (number % 9, number // 9, number % 9 + 3, number // 9 + 4)
            )
            square.save(folder / f"{color}-{number}.png")
    return folder


def make_prepared(images, asked=2, **changes):
    """Return one cluster per color, in the order of `COLORS`, each with `asked` rows to label.

    With ``asked=None`` nothing is asked yet: the session chooses the questions itself.
    """
    colors = [name.partition("-")[0] for name in images.names]
    clusters = np.array([COLORS.index(color) for color in colors])
    rng = np.random.default_rng(0)
    rows = 9 * np.eye(3, 5)[clusters] + rng.normal(size=(len(images), 5))
    files = [list(pair) for pair in zip(images.names, images.sizes, strict=True)]
    prepared = Prepared(files, rows.astype(np.float32), 3, **changes)
    if asked is not None:
        query = np.concatenate([np.flatnonzero(clusters == c)[:asked] for c in range(3)])
        prepared.questions[""] = Questions(clusters, query, len(query))
    return prepared


def open_session(tmp_path, **kwargs):
    """Return a session on squares; called again with the same folder, it resumes the session."""
    if not (tmp_path / "squares").exists():
        write_squares(tmp_path / "squares")
    images, work = ImageFolder(tmp_path / "squares"), tmp_path / "work"
    prepared = Prepared.load(work)
    if prepared is None or len(prepared) != len(images):
        prepared = make_prepared(images, **kwargs)
        prepared.save(work)
    store = LabelStore(work / "labels.sqlite")
    return Session(images, prepared, store, tmp_path / "names.csv")


@contextlib.contextmanager
def serving(session, port=0):
    """Serve a session in a thread of this process."""
    server = LabelingServer(session, TOKEN, PAGE_KEY, port)
    thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.01})
    thread.start()
    try:
        yield server
    finally:
        server.shutdown()
        thread.join()
        server.server_close()
