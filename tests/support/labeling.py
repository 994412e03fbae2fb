"""A folder of coloured squares in known clusters, for tests of the labelling page."""

import csv
import threading
from contextlib import contextmanager

import numpy as np
from PIL import Image

from skstylefeat.labeling._folder import ImageFolder
from skstylefeat.labeling._grouping import Grouping
from skstylefeat.labeling._server import LabellingServer
from skstylefeat.labeling._session import Session

TOKEN = "secret"
COLOURS = ("red", "green", "blue")


def say(file, label, **more):
    """Return the entry that labels a file."""
    return {"op": "label", "file": file, "label": label, **more}


def read_csv(path):
    """Return the rows of a file as dictionaries."""
    with open(path, newline="", encoding="utf-8") as file:
        return list(csv.DictReader(file))


def write_squares(folder, per_colour=4):
    """Write files such as ``green-2.png`` and return the folder."""
    folder.mkdir(parents=True, exist_ok=True)
    for colour in COLOURS:
        for number in range(per_colour):
            square = Image.new("RGB", (12, 10), colour)
            square.putpixel((number % 12, number // 12), (255, 255, 255))
            square.save(folder / f"{colour}-{number}.png")
    return folder


def make_grouping(images, asked=2):
    """Return one cluster a colour, in the order of `COLOURS`, with `asked` questions each."""
    colours = [name.partition("-")[0] for name in images.names]
    clusters = np.array([COLOURS.index(colour) for colour in colours])
    rng = np.random.default_rng(0)
    rows = 9 * np.eye(3, 5)[clusters] + rng.normal(size=(len(images), 5))
    query = np.concatenate([np.flatnonzero(clusters == c)[:asked] for c in range(3)])
    files = [list(pair) for pair in zip(images.names, images.sizes, strict=True)]
    return Grouping(files, rows.astype(np.float32), clusters, query)


def open_session(tmp_path, **kwargs):
    """Return a session on squares; again in the same folder, it goes on with what was said."""
    if not (tmp_path / "squares").exists():
        write_squares(tmp_path / "squares")
    images = ImageFolder(tmp_path / "squares")
    grouping = make_grouping(images, **kwargs)
    return Session(images, grouping, tmp_path / "work", tmp_path / "names.csv")


@contextmanager
def serving(session, port=0):
    """Serve a session in a thread of this process."""
    server = LabellingServer(session, TOKEN, port)
    thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.01})
    thread.start()
    try:
        yield server
    finally:
        server.shutdown()
        thread.join()
        server.server_close()
