"""Tests of contact sheets: images to label are framed, and filled-in labels are read back."""

import csv

import numpy as np
from PIL import Image

from skstylefeat.labeling._folder import ImageFolder, read_file_labels
from skstylefeat.labeling._sheets import ASK, draw_sheet, write_sheets
from tests.support.labeling import open_session, read_csv, write_squares


def test_sheets_frame_images_to_label_and_are_read_back(tmp_path):
    session = open_session(tmp_path)
    session.define_classes(["warm", "cold"])
    session.label("green-0.png", "cold")
    paths = write_sheets(session, tmp_path / "sheets")
    assert [path.name for path in paths] == [f"cluster-0{i}.png" for i in range(3)]
    with Image.open(paths[0]) as sheet:
        pixels = np.asarray(sheet)
    frames = (pixels == tuple(bytes.fromhex(ASK[1:]))).all(axis=2)
    squares = (pixels == (255, 0, 0)).all(axis=2)
    # Two frames with a large square in each, two small squares below them without.
    columns = np.flatnonzero(squares[frames.any(axis=1)].any(axis=0))
    assert (np.diff(columns) > 1).sum() == 1
    below = squares[np.flatnonzero(frames.any(axis=1))[-1] + 1 :]
    assert (np.diff(np.flatnonzero(below.any(axis=0))) > 1).sum() == 1

    rows = read_csv(tmp_path / "sheets" / "labels.csv")
    assert list(rows[0]) == ["file", "row", "cluster", "label", "type"]
    assert [row["file"] for row in rows] == [
        session.images.names[row] for row in session.questions().query
    ]
    assert [row["label"] for row in rows].count("cold") == 1
    for row in rows:
        row["label"] = row["label"] or "warm"
    with open(tmp_path / "filled.csv", "w", newline="", encoding="utf-8-sig") as file:
        writer = csv.DictWriter(file, list(rows[0]))
        writer.writeheader()
        writer.writerows(rows)
    session.import_labels(read_file_labels(tmp_path / "filled.csv", session.images), "digest")
    session.start()
    assert session.complete and session.out.exists()
    annotator = session.questions().annotator(session.prepared.features)
    annotator.load_annotations(tmp_path / "filled.csv")
    assert annotator.annotations_ == session.labels
    session.close()


def test_sheet_of_long_names_and_many_images(tmp_path):
    folder = write_squares(tmp_path / "squares", per_color=40)
    (folder / "red-0.png").rename(folder / f"{'long-' * 30}0.png")
    images = ImageFolder(folder)
    sheet = draw_sheet(images, 7, list(range(7)), list(range(7, 120)), {0: "word " * 12})
    assert sheet.size[0] == 1240 and sheet.size[1] < 1754
    assert draw_sheet(images, 0, [1], [], {}).size[1] < 500
    assert draw_sheet(images, 0, [], [1], {}).size[1] < 500
