"""From photos and a few labels to a model in a folder."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any, Literal

import numpy as np

from skstylefeat._utils._typing import StrPath
from skstylefeat.images._collection import as_images, error_of_faults
from skstylefeat.images._framing import Framing
from skstylefeat.images._image_files import left_out_text
from skstylefeat.images._photo_argument import list_photos
from skstylefeat.prediction._label_targets import (
    LabeledTarget,
    check_labels,
    read_groups,
    read_targets,
)
from skstylefeat.prediction._model_card import card_text, make_card
from skstylefeat.prediction._model_folder import CACHE, check_folder, prepare_folder, save_model
from skstylefeat.prediction._model_report import report_html
from skstylefeat.prediction._photo_features import PhotoFeatures, PhotoRows
from skstylefeat.prediction._photo_model import PhotoModel, invert_timed
from skstylefeat.prediction._readers import FewShotClassifier, FewShotRegressor
from skstylefeat.prediction._target_score import score_target

if TYPE_CHECKING:
    from skstylefeat.networks._encoder import Encoder
    from skstylefeat.networks._generator import Generator


def fit_model(
    photos: StrPath,
    labels: StrPath,
    targets: Sequence[str],
    out: StrPath,
    *,
    generator: StrPath | Generator = "faces64",
    encoder: StrPath | Encoder = "auto",
    method: Literal["encoder", "optimize", "hybrid"] = "encoder",
    n_train_steps: int = 1_000,
    align: Any = None,
    box: tuple[float, float, float, float] | None = None,
    resampling: Literal["lanczos", "bicubic", "box"] = "lanczos",
    by_group: str | None = None,
    ignore: str | None = None,
    on_error: Literal["raise", "skip"] = "raise",
    device: str = "auto",
    engine: Literal["torch", "openvino"] | None = None,
    precision: Literal["float32", "bfloat16"] = "float32",
    cache_dir: StrPath | None = None,
    random_state: int = 0,
    verbose: int = 0,
    report: Callable[[str], Any] | None = None,
) -> PhotoModel:
    r"""Fit a model to photos, few of which have labels, and write it to a folder.

    Parameters
    ----------
    photos : path-like
        A folder, a zip archive, a pattern such as ``photos/*.jpg``, or a column of paths such as
        ``photos.csv:path``.
    labels : path-like
        Table with a column of file names and a column for each target.
    targets : sequence of str
        Columns to predict. ``age:number`` and ``grade:class`` say what a column holds, where the
        labels leave it open.
    out : path-like
        Folder of the model, new or written by an earlier fit, which is then replaced.
    generator, encoder, method, n_train_steps, align, device, engine, precision
        As for :class:`~skstylefeat.StyleGANInverter`.
    box : tuple of 4 floats, default=None
        Left, top, right and bottom of a crop, in pixels of the upright files.
    resampling : {"lanczos", "bicubic", "box"}, default="lanczos"
        How photos are resized.
    by_group : str, default=None
        Column of groups, such as a skin type, by which the scores are reported, too. No
        prediction depends on it.
    ignore : str, default=None
        Attribute of rendered faces, such as "skin_tone", that predictions shall not depend on:
        its direction, as 100 rendered faces show it, is removed from the features. Needs a
        generator of rendered faces, such as the bundled one, and no `align`.
    on_error : {"raise", "skip"}, default="raise"
        How to treat photos that cannot be read: an error that names them, or a row of the
        predictions that says so.
    cache_dir : path-like, default=None
        Folder that keeps finished codes and the state of a training, so that a stopped run goes
        on; by default ``cache`` in `out`.
    random_state : int, default=0
        Seed of the training and of the folds of cross-validation.
    verbose : int, default=0
        Whether to show progress.
    report : callable, default=None
        Called with sentences on data and time.

    Returns
    -------
    PhotoModel
        As :func:`load_model` returns it.

    Raises
    ------
    ValueError
        If labels are too few, photos cannot be read, or `out` holds something else.

    See Also
    --------
    load_model : Loads it again.

    Notes
    -----
    The folder holds a pipeline per target (``.joblib``, and ``.skops`` if skops is installed),
    ``card.json`` and ``card.md``, ``predictions.csv`` of all photos, and ``report.html``.

    Examples
    --------
    >>> import pathlib, tempfile
    >>> from PIL import Image
    >>> from skstylefeat.datasets import make_faces
    >>> from skstylefeat.prediction import fit_model, load_model
    >>> faces = make_faces(30, random_state=0)
    >>> folder = pathlib.Path(tempfile.mkdtemp())
    >>> (folder / "photos").mkdir()
    >>> for i, image in enumerate(faces.images):
    ...     Image.fromarray(image).save(folder / "photos" / f"{i}.png")
    >>> rows = [f"{i}.png,{faces.attributes['age'][i]:.0f}" for i in range(12)]
    >>> _ = (folder / "labels.csv").write_text("\n".join(["file,age", *rows]))
    >>> model = fit_model(folder / "photos", folder / "labels.csv", ["age"], folder / "model")
    >>> found = load_model(folder / "model").predict(folder / "photos")
    >>> found.header
    ['file', 'age', 'age_low', 'age_high', 'in_domain', 'readable', 'note']
    """
    if align is not None and box is not None:
        raise ValueError(
            "align and box were both given (--align, --box), but alignment finds its own crop. "
            "Give one of them."
        )
    say = report or (lambda text: None)
    folder = Path(out).expanduser()
    replaces = check_folder(folder)
    listing = list_photos(photos)
    columns, problems = read_targets(labels, listing.names, targets)
    groups = None if by_group is None else read_groups(labels, listing.names, by_group)
    if listing.left_out:
        problems.append(left_out_text(listing.left_out))
    for target in columns:
        if target.is_guessed:
            kind, other = ("numbers", "class") if target.kind == "number" else ("classes", "number")
            say(f"{target.name} is read as {kind}; {target.name}:{other} reads it otherwise.")
    if replaces:
        say(f"The model in {str(folder)!r} is replaced.")

    # Everything from here on may take long, and is kept.
    prepare_folder(folder)
    framing = Framing(box, resampling)
    names, images = listing.names, as_images(listing.files).framed(framing)
    features = PhotoFeatures(
        generator,
        encoder,
        method=method,
        mirror=method == "encoder",
        n_train_steps=n_train_steps,
        device=device,
        engine=engine,
        precision=precision,
        align=align,
        cache_dir=folder / CACHE if cache_dir is None else cache_dir,
        ignore=ignore,
        random_state=random_state,
        verbose=verbose,
    ).fit(images)
    images = features.inverter_.prepare_images(images)  # faces are found once
    found = invert_timed(features, images, report)
    if found.faults and on_error == "raise":
        raise ValueError(
            f"{error_of_faults(found.faults, len(images))} Repair or remove such photos, or leave "
            "them out with on_error='skip' (the option --skip-unreadable)."
        )

    readers = {
        target.name: _fit_reader(target, features, found, random_state) for target in columns
    }
    scores = [
        score_target(target, readers[target.name], groups, by_group or "group")
        for target in columns
    ]
    model = PhotoModel(features, readers, {}, framing)
    predictions = model.predict_rows(names, images, found)
    problems = [*predictions.problems(), *problems]
    model.card = make_card(
        features,
        scores,
        photos={
            "source": str(photos),
            "labels": str(labels),
            "n_photos": len(names),
            "n_unreadable": len(found.faults),
        },
        settings={
            "method": method,
            "encoder option": encoder if isinstance(encoder, str) else str(encoder),
            "align": "none" if align is None else str(align),
            "ignore": "nothing" if ignore is None else ignore,
            "random_state": random_state,
        },
        problems=problems,
    )

    page = report_html(model, columns, scores, predictions, images, found)
    predictions.to_csv(folder / "predictions.csv")
    texts = {"card.md": card_text(model.card), "report.html": page}
    return save_model(model, folder, texts)


def _fit_reader(target: LabeledTarget, features: PhotoFeatures, found: PhotoRows, seed: int):
    """Return the fitted reader of a target; labels of unreadable photos do not count."""
    labels = target.labels.copy()
    unreadable = np.isnan(found.rows).any(axis=1)
    labels[unreadable] = np.nan if target.kind == "number" else None
    check_labels(LabeledTarget(target.name, target.kind, labels))
    reader = FewShotRegressor if target.kind == "number" else FewShotClassifier
    return reader(features.blocks_, random_state=seed).fit(found.rows, labels)
