"""Contact sheets: a picture of each cluster, and a CSV file to fill in."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from functools import partial
from pathlib import Path
from typing import Any

from PIL import Image, ImageDraw, ImageFont

from skstylefeat._utils._csv_cells import write_csv
from skstylefeat._utils._files import replace_file
from skstylefeat._utils._typing import StrPath
from skstylefeat.labeling._folder import ImageFolder
from skstylefeat.labeling._pictures import open_upright
from skstylefeat.labeling._session import Session

WIDTH = 1240  # pixels; fits an A4 page at 150 dpi
MARGIN = 40
GAP = 16
ASKED_SIDE, OTHER_SIDE = 220, 96
CAPTION_HEIGHT = 50
MAX_OTHERS = 66
FRAME = 5
PAPER, INK, FAINT, ASK = "#ffffff", "#23262b", "#62666d", "#c2570c"


def write_sheets(session: Session, folder: StrPath) -> list[Path]:
    """Write one picture per cluster, and ``labels.csv`` with a line for each label asked for.

    Parameters
    ----------
    session : Session
        Labels that are given already appear on the pictures and in the file.
    folder : str or path-like
        Created if missing. ``cluster-NN.png`` show the images that need a label, framed, with row
        and file name, and below them others of the cluster. ``labels.csv`` has the columns file,
        row, cluster, label and type; ``--labels`` reads it once the labels are filled in.

    Returns
    -------
    list of Path
        The pictures.
    """
    folder = Path(folder)
    folder.mkdir(parents=True, exist_ok=True)
    images, clusters = session.images, session.layout()["clusters"]
    labels = {row: str(label) for row, label in session.labels.items()}
    digits = max(2, len(str(len(clusters) - 1)))

    paths = []
    table: list[tuple[object, ...]] = [("file", "row", "cluster", "label", "type")]
    for cluster, members in enumerate(clusters):
        sheet = draw_sheet(images, cluster, members["asked"], members["others"], labels)
        paths.append(folder / f"cluster-{cluster:0{digits}}.png")
        replace_file(paths[-1], partial(sheet.save, format="PNG"))
        for row in members["asked"]:
            table.append((images.names[row], row, cluster, labels.get(row, ""), "str"))
    write_csv(folder / "labels.csv", table)
    return paths


def draw_sheet(
    images: ImageFolder,
    cluster: int,
    asked: Sequence[int],
    others: Sequence[int],
    labels: Mapping[int, str],
) -> Image.Image:
    """Return the picture of one cluster.

    Parameters
    ----------
    images : ImageFolder
    cluster : int
    asked, others : list of int
        Rows of the images that need a label, and of the others.
    labels : dict of int to str
        Labels by row.

    Returns
    -------
    PIL.Image.Image
    """
    # From top to bottom: title, framed images with captions, heading, other images.
    shown = others[:MAX_OTHERS]
    n_asked, n_others = _per_line(ASKED_SIDE), _per_line(OTHER_SIDE)
    top = MARGIN + 90
    middle = top + math.ceil(len(asked) / n_asked) * (ASKED_SIDE + CAPTION_HEIGHT + GAP)
    below = middle + (60 if shown else 0)
    height = below + math.ceil(len(shown) / n_others) * (OTHER_SIDE + GAP) + MARGIN
    sheet = Image.new("RGB", (WIDTH, height), PAPER)
    draw = ImageDraw.Draw(sheet)

    draw.text((MARGIN, MARGIN), f"Cluster {cluster}", INK, _font(36))
    count = len(asked) + len(others)
    question = "Which class do the framed images belong to?" if asked else "No label is needed."
    lead = f"{count} image{'s' * (count != 1)}. {question}"
    draw.text((MARGIN, MARGIN + 46), lead, FAINT, _font(20))

    for place, row in enumerate(asked):
        line, column = divmod(place, n_asked)
        x = MARGIN + column * (ASKED_SIDE + GAP)
        y = top + line * (ASKED_SIDE + CAPTION_HEIGHT + GAP)
        _paste(sheet, images.paths[row], x, y, ASKED_SIDE)
        draw.rectangle((x, y, x + ASKED_SIDE - 1, y + ASKED_SIDE - 1), outline=ASK, width=FRAME)
        _badge(draw, x, y, str(row))
        name = _shorten(draw, images.names[row], ASKED_SIDE, _font(16))
        draw.text((x, y + ASKED_SIDE + 4), name, INK, _font(16))
        if row in labels:
            name = _shorten(draw, labels[row], ASKED_SIDE, _font(20))
            draw.text((x, y + ASKED_SIDE + 24), name, ASK, _font(20))

    if shown:
        heading = f"Others of this cluster ({len(shown)} of {len(others)})"
        draw.text((MARGIN, middle + 20), heading, FAINT, _font(20))
    for place, row in enumerate(shown):
        line, column = divmod(place, n_others)
        x, y = MARGIN + column * (OTHER_SIDE + GAP), below + line * (OTHER_SIDE + GAP)
        _paste(sheet, images.paths[row], x, y, OTHER_SIDE)
    return sheet


def _per_line(side: int) -> int:
    return (WIDTH - 2 * MARGIN + GAP) // (side + GAP)


def _paste(sheet: Image.Image, path: Any, x: int, y: int, side: int) -> None:
    """Paste an image into the middle of a square, as large as fits."""
    image = open_upright(path, 2 * side)
    scale = side / max(image.size)
    size = (max(1, round(image.width * scale)), max(1, round(image.height * scale)))
    image = image.resize(size, Image.Resampling.LANCZOS)
    sheet.paste(image, (x + (side - image.width) // 2, y + (side - image.height) // 2))


def _badge(draw: ImageDraw.ImageDraw, x: int, y: int, text: str) -> None:
    """Write a number into the upper left corner of a frame."""
    font = _font(20)
    width = draw.textlength(text, font) + 16
    draw.rectangle((x, y, x + width, y + 30), fill=ASK)
    draw.text((x + 8, y + 3), text, PAPER, font)


def _shorten(draw: ImageDraw.ImageDraw, text: str, width: int, font: ImageFont.FreeTypeFont) -> str:
    """Return a text, with its middle left out if it is wider than `width` pixels."""
    if draw.textlength(text, font) <= width:
        return text
    for kept in range(len(text) - 1, 1, -1):
        shorter = f"{text[: kept // 2]}…{text[-(kept - kept // 2) :]}"
        if draw.textlength(shorter, font) <= width:
            return shorter
    return text[:1]


def _font(size: int) -> ImageFont.FreeTypeFont:
    return ImageFont.load_default(size)  # type: ignore[return-value]
