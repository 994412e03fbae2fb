"""Folder of aligned faces, with a table of what was found in every photo."""

from __future__ import annotations

import csv
import hashlib
import json
import os
import time
from collections import Counter
from collections.abc import Sequence
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np
from joblib import delayed
from PIL import Image

from skstylefeat._utils._csv_cells import unescape_cell, write_csv
from skstylefeat._utils._files import replace_file
from skstylefeat._utils._parallel import in_parallel
from skstylefeat._utils._progress import progress_bar
from skstylefeat._utils._typing import StrPath
from skstylefeat.images._alignment import FaceFraming, crop_square, face_square
from skstylefeat.images._decoding import open_item
from skstylefeat.images._dlib_faces import DlibDetector, Face
from skstylefeat.images._face_report import face_remarks
from skstylefeat.images._image_files import list_images

TABLE, SETTINGS = "alignment.csv", "alignment.json"
COLUMNS = (
    *("file", "face", "status", "size", "roll", "turn", "left", "top", "right", "bottom"),
    *("confidence", "output", "message", "sha256"),
)
SAVE_SECONDS = 5.0  # between two writings of the table


class AlignmentSettings(NamedTuple):
    """Settings of a folder of aligned faces.

    Parameters
    ----------
    size : int, default=256
        Side of the aligned pictures in pixels.
    faces : {"largest", "each"}, default="largest"
        Which faces of a photo are written.
    min_size : float, default=64
        Side of a face's square in the photo, in pixels; smaller faces are not written.
    upsample : bool, default=False
        Search at twice the size.
    framing : FaceFraming, default=FFHQ's
        Places of the landmarks in the pictures.
    """

    size: int = 256
    faces: str = "largest"
    min_size: float = 64
    upsample: bool = False
    framing: FaceFraming = FaceFraming()


class AlignedFolder(NamedTuple):
    """Result of `align_folder`.

    Attributes
    ----------
    rows : list of dict
        Rows of the table, at least one per photo, by `COLUMNS`.
    n_resumed : int
        Photos that an earlier run had finished.
    left_out : dict of str to str
        Entries of the folder or archive that look like images but are not read, with the reason.
    """

    rows: list[dict[str, str]]
    n_resumed: int
    left_out: dict[str, str]

    @property
    def statuses(self) -> list[str]:
        """Status of every photo; of several faces the first, which is the largest."""
        return [row["status"] for row in self.rows if row["face"] in ("", "1")]

    def files(self, status: str) -> list[str]:
        """Return the photos with a status."""
        found = [row["file"] for row in self.rows if status in row["status"].split(", ")]
        return list(dict.fromkeys(found))


def align_folder(
    photos: StrPath,
    out: StrPath,
    settings: AlignmentSettings | None = None,
    *,
    n_jobs: int | None = None,
    verbose: int = 0,
) -> AlignedFolder:
    """Write the aligned faces of the photos in a folder or zip archive as PNG files.

    The names of the photos are kept, those of subfolders included; the faces of a photo with
    several are numbered. ``alignment.csv`` lists every photo, and is written every few seconds, so
    that a run that was stopped resumes.

    Parameters
    ----------
    photos : path-like
        Folder or zip archive, read as by `list_images`.
    out : path-like
        Folder to write to.
    settings : AlignmentSettings, default=None
    n_jobs : int, default=None
        Photos processed in parallel.
    verbose : int, default=0
        Whether to show progress.

    Returns
    -------
    AlignedFolder

    Raises
    ------
    ValueError
        `out` lies in `photos`, or holds faces aligned with other settings.
    """
    settings = settings or AlignmentSettings()
    photos, out = Path(photos).expanduser(), Path(out).expanduser()
    listing = list_images(photos)
    if photos.is_dir() and out.resolve().is_relative_to(photos.resolve()):
        raise ValueError(
            f"{str(out)!r} lies in {str(photos)!r}, where its pictures would be taken for photos. "
            "Choose a folder outside."
        )
    detector = DlibDetector(settings.upsample)
    out.mkdir(parents=True, exist_ok=True)
    _check_settings(out, settings)

    # What an earlier run finished, unless the photo has changed since.
    finished = _read_table(out)
    stems = _output_stems(listing.names)
    tasks = (
        delayed(_align_photo)(name, file, stems[name], out, settings, detector, finished.get(name))
        for name, file in zip(listing.names, listing.files, strict=True)
    )
    rows: list[dict[str, str]] = []
    n_resumed, saved = 0, time.monotonic()
    bar = progress_bar(total=len(stems), desc="aligning photos", verbose=verbose, unit="photo")
    try:
        with in_parallel(tasks, n_jobs) as results, bar:
            for found, is_resumed in results:
                rows += found
                n_resumed += is_resumed
                bar.update()
                if time.monotonic() - saved > SAVE_SECONDS:
                    _write_table(out, _with_unvisited(rows, finished))
                    saved = time.monotonic()
    except BaseException:
        _write_table(out, _with_unvisited(rows, finished))
        raise
    _write_table(out, rows)
    return AlignedFolder(rows, n_resumed, listing.left_out)


def _with_unvisited(rows, finished):
    """Return the rows, and those of an earlier run for the photos that have no row yet."""
    visited = {row["file"] for row in rows}
    return rows + [row for name, old in finished.items() if name not in visited for row in old]


def _align_photo(
    name: str,
    file: Any,
    stem: str,
    out: Path,
    settings: AlignmentSettings,
    detector: DlibDetector,
    finished: Sequence[dict[str, str]] | None,
) -> tuple[list[dict[str, str]], bool]:
    """Write the faces of one photo; return its rows, and whether an earlier run had made them."""
    try:
        content = file.read_bytes() if hasattr(file, "read_bytes") else Path(file).read_bytes()
    except Exception as error:  # a damaged archive raises almost anything
        return [_row(name, "unreadable", message=f"{name} cannot be read: {error}")], False
    digest = hashlib.sha256(content).hexdigest()
    if finished is not None and _is_finished(finished, out, digest):
        return list(finished), True
    try:
        image = open_item(content, name)
    except ValueError as error:
        return [_row(name, "unreadable", message=str(error), sha256=digest)], False

    faces = detector.find(np.asarray(image))
    if not faces:
        return [_row(name, "no face", sha256=digest)], False
    largest = settings.faces == "largest"
    rows = []
    for number, face in enumerate(faces[:1] if largest else faces, 1):
        remarks = face_remarks(face, settings.min_size)
        output, message = "", ""
        if "small" not in remarks:
            output = f"{stem}.png" if largest or len(faces) == 1 else f"{stem}-{number}.png"
            try:
                _write_face(image, face, out.joinpath(*output.split("/")), settings)
            except ValueError as error:
                output, message = "", str(error)
        several = ["several"] if largest and len(faces) > 1 else []
        status = ", ".join(several + remarks) or ("aligned" if output else "no face")
        row = _row(name, status, face=number, output=output, message=message, sha256=digest)
        rows.append(row | _measures(face))
    return rows, False


def _write_face(image: Image.Image, face: Face, path: Path, settings: AlignmentSettings) -> None:
    (landmarks,) = settings.framing.apply(face.landmarks[None])
    picture = crop_square(image, face_square(landmarks), settings.size)
    path.parent.mkdir(parents=True, exist_ok=True)
    replace_file(path, lambda file: picture.save(file, "PNG"))


def _measures(face: Face) -> dict[str, str]:
    """Return the cells that describe a face."""
    low, high = face.corners.min(axis=0), face.corners.max(axis=0)
    numbers = {"size": face.size, "roll": face.roll}
    numbers |= {"left": low[0], "top": low[1], "right": high[0], "bottom": high[1]}
    cells = {key: f"{value:.1f}" for key, value in numbers.items()}
    return cells | {"turn": f"{face.turn:.2f}", "confidence": f"{face.confidence:.2f}"}


def _row(name: str, status: str, **cells: object) -> dict[str, str]:
    filled = {"file": name, "status": status} | {key: str(value) for key, value in cells.items()}
    return dict.fromkeys(COLUMNS, "") | filled


def _is_finished(rows: Sequence[dict[str, str]], out: Path, digest: str) -> bool:
    """Return whether an earlier run has finished a photo of this content."""
    return all(
        row["sha256"] == digest
        and row["status"] != "unreadable"
        and (not row["output"] or (out / row["output"]).is_file())
        for row in rows
    )


def _output_stems(names: Sequence[str]) -> dict[str, str]:
    """Return the path of each photo's picture, without ``.png`` and the number of the face.

    Photos that differ in their suffix or in case keep their suffix, and numbered pictures never
    take the name of another photo's.
    """
    counts = Counter(os.path.splitext(name)[0].casefold() for name in names)
    stems = {}
    for name in names:
        stem = os.path.splitext(name)[0]
        is_taken = counts[stem.casefold()] > 1 or f"{stem}-1".casefold() in counts
        stems[name] = name if is_taken else stem
    if len({stem.casefold() for stem in stems.values()}) == len(stems):
        return stems
    return {name: f"{name}_{i}" for i, name in enumerate(names)}


def _check_settings(out: Path, settings: AlignmentSettings) -> None:
    """Store the settings in the folder; raise ValueError if it holds others."""
    path, wanted = (
        out / SETTINGS,
        settings._asdict() | {"framing": [list(place) for place in settings.framing.places]},
    )
    if path.is_file():
        found = json.loads(path.read_text(encoding="utf-8"))
        if found != wanted:
            raise ValueError(
                f"{str(out)!r} holds faces aligned with {found}, not with {wanted}. Choose another "
                "folder, or remove this one."
            )
    text = json.dumps(wanted, indent=2).encode()
    replace_file(path, lambda file: file.write(text))


def _read_table(out: Path) -> dict[str, list[dict[str, str]]]:
    """Return the rows of an earlier run, by photo."""
    found: dict[str, list[dict[str, str]]] = {}
    if (out / TABLE).is_file():
        with (out / TABLE).open(newline="", encoding="utf-8-sig") as file:
            for row in csv.DictReader(file):
                cells = {key: unescape_cell(row.get(key) or "") for key in COLUMNS}
                found.setdefault(cells["file"], []).append(cells)
    return found


def _write_table(out: Path, rows: Sequence[dict[str, str]]) -> None:
    write_csv(out / TABLE, [COLUMNS, *([row[key] for key in COLUMNS] for row in rows)])
