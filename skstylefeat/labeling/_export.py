"""Hand-over of a session: an image folder with its metadata, and the model folder of `fit`."""

from __future__ import annotations

import shutil
from pathlib import Path, PurePosixPath
from typing import Any

from skstylefeat._utils._csv_cells import write_csv
from skstylefeat._utils._typing import StrPath
from skstylefeat.images._decoding import ZipMember
from skstylefeat.labeling._session import Session


def write_model(session: Session, folder: StrPath, device: str = "auto", verbose: int = 0) -> None:
    """Fit a model to the labels of a session and write it to a folder, as the command ``fit`` does.

    Parameters
    ----------
    session : Session
    folder : str or path-like
        Folder of the model: new, empty, or written by an earlier fit, which is then replaced.
    device : str, default="auto"
        Torch device.
    verbose : int, default=0
        Whether to show progress.

    Raises
    ------
    ValueError
        If the labels are too few, or the folder holds something else.
    """
    from skstylefeat.prediction import fit_model

    # The model reads the labels from a table of the session, one column per attribute.
    labels = session.work / "model-labels.csv"
    write_csv(labels, session.label_table())
    settings = session.prepared.settings
    encoder = settings.get("encoder", "auto")
    if encoder == "train":
        encoder = str(next(session.work.glob("encoder-*.safetensors")))
    fit_model(
        session.images.path,
        labels,
        [f"{name or 'label'}:{kind}" for name, kind in session.attributes],
        folder,
        generator=settings.get("generator", "faces64"),
        encoder=encoder,
        align=settings.get("align"),
        box=None if settings.get("box") is None else tuple(settings["box"]),
        resampling=settings.get("filter", "lanczos"),
        on_error="skip" if session.prepared.skipped else "raise",
        device=device,
        cache_dir=session.work / "codes",
        random_state=settings.get("random_state", 0),
        verbose=verbose,
    )
    session.log.add("export", detail=f"model: {folder}")


def write_image_folder(session: Session, folder: StrPath) -> int:
    """Copy all images to a folder with ``metadata.csv``, as Hugging Face's ImageFolder reads it.

    Parameters
    ----------
    session : Session
    folder : str or path-like
        Created if missing. It must be empty, or hold ``metadata.csv`` of an earlier export, which
        is replaced.

    Returns
    -------
    int
        Number of images. The table has a line for each: ``file_name``, then the columns of
        `Session.name_table`.

    Raises
    ------
    ValueError
        If the folder is a file, holds other files, or lies inside the folder of the images.
    """
    folder = Path(folder).expanduser()
    source = session.images.path.resolve()
    if folder.resolve() == source or source in folder.resolve().parents:
        raise ValueError(
            f"{str(folder)!r} lies in the folder of the images. Choose another folder, because the "
            "copies would count as images the next time."
        )
    if folder.exists() and not folder.is_dir():
        raise ValueError(f"{str(folder)!r} is a file. Choose an empty folder.")
    if folder.exists() and any(folder.iterdir()) and not (folder / "metadata.csv").exists():
        raise ValueError(f"{str(folder)!r} holds other files. Choose an empty folder.")

    # Members of archives can have names such as /etc/a.png.
    root = folder.resolve()
    outside = [x for x in session.images.names if root not in (root / x).resolve().parents]
    if outside:
        raise ValueError(f"The name {outside[0]!r} lies outside any folder. Rename the image.")

    header, *table = session.name_table()  # raises if there are no names yet
    folder.mkdir(parents=True, exist_ok=True)
    for name, item in zip(session.images.names, session.images.paths, strict=True):
        target = folder / PurePosixPath(name)
        target.parent.mkdir(parents=True, exist_ok=True)
        if isinstance(item, ZipMember):
            target.write_bytes(item.read_bytes())
        else:
            shutil.copyfile(item, target)
    # Written last: a folder with a table is complete.
    rows: list[list[Any]] = [["file_name", *header[1:]], *table]
    write_csv(folder / "metadata.csv", rows)
    session.log.add("export", n_images=len(table), detail=f"image folder: {folder}")
    return len(table)
