"""Folder of a model: written so that a killed process leaves no half model that can be loaded.

``card.json`` is written last, and lists the SHA-256 of every file that a prediction needs. A folder
without it, or with other files, is no model.
"""

from __future__ import annotations

import copy
import json
import os
import re
import shutil
from collections.abc import Mapping
from functools import partial
from importlib import import_module, util
from pathlib import Path
from typing import Any, Literal

import joblib

from skstylefeat._utils._files import replace_file
from skstylefeat._utils._trusted_types import TRUSTED_TYPES
from skstylefeat._utils._typing import StrPath
from skstylefeat.images._framing import Framing
from skstylefeat.prediction._photo_features import PhotoFeatures
from skstylefeat.prediction._photo_model import PhotoModel

CARD = "card.json"
#: Marks a folder that `fit` has begun to write.
MARK = ".skstylefeat-model"
FORMAT = "skstylefeat.model.1"
CACHE = "cache"


def check_folder(folder: Path) -> bool:
    """Return whether a folder holds a model of this package, which may be overwritten.

    Raises
    ------
    ValueError
        If it is a file, or a folder with other things in it.
    """
    if not folder.exists():
        return False
    if not folder.is_dir():
        raise ValueError(f"{str(folder)!r} is a file. Give --out a new folder.")
    if (folder / MARK).exists():
        return (folder / CARD).exists()
    if any(folder.iterdir()):
        raise ValueError(
            f"The folder {str(folder)!r} is not empty and was not written by fit. Nothing there "
            "is overwritten: give --out a new folder."
        )
    return False


def prepare_folder(folder: Path) -> None:
    """Create the folder and mark it as one that `fit` may write to."""
    folder.mkdir(parents=True, exist_ok=True)
    _write(folder / MARK, b"A model of skstylefeat.\n")


def save_model(model: PhotoModel, folder: Path, texts: Mapping[str, str]) -> PhotoModel:
    """Write a model and return it as it will be loaded.

    Parameters
    ----------
    model : PhotoModel
    folder : Path
        Prepared by `prepare_folder`.
    texts : dict of str to str
        Further files by name, such as the report.
    """
    from skstylefeat.networks.checkpoints._locate import file_sha256

    (folder / CARD).unlink(missing_ok=True)  # from here on, the old model is no longer valid
    for file in folder.iterdir():
        if file.is_file() and file.name not in (MARK, *texts) and not file.name.endswith(".csv"):
            file.unlink()

    features, files = _with_kept_networks(model.features, folder)
    kept = PhotoModel(features, model.readers, model.card, model.framing)
    stems = file_stems(model.targets)
    for target, stem in stems.items():
        pipeline = kept.pipeline(target)
        replace_file(folder / f"{stem}.joblib", partial(joblib.dump, pipeline))
        files.append(f"{stem}.joblib")
        if util.find_spec("skops") is not None:
            _write(folder / f"{stem}.skops", import_module("skops.io").dumps(pipeline))
            files.append(f"{stem}.skops")
    for name, text in texts.items():
        _write(folder / name, text.encode())

    card = kept.card | {
        "format": FORMAT,
        "framing": {"box": model.framing.box, "filter": model.framing.resampling},
        "pipelines": stems,
        "files": {name: file_sha256(folder / name) for name in files},
    }
    kept.card = card
    text = json.dumps(card, indent=2, ensure_ascii=False) + "\n"
    _write(folder / CARD, text.encode())
    return kept


def load_model(folder: StrPath, *, kind: Literal["joblib", "skops"] = "joblib") -> PhotoModel:
    """Load a model that :func:`fit_model` or the command ``fit`` wrote.

    Parameters
    ----------
    folder : path-like
        The folder. It may have been moved: networks that are not bundled lie in it.
    kind : {"joblib", "skops"}, default="joblib"
        Files to load. A joblib file is a pickle: load it only from people you trust. A skops file
        runs no code; it needs the package skops.

    Returns
    -------
    PhotoModel

    Raises
    ------
    ValueError
        If the folder is no model, is incomplete, or was changed.

    Examples
    --------
    See :func:`fit_model`.
    """
    from skstylefeat.networks.checkpoints._locate import weights_from

    folder = Path(folder).expanduser()
    card = read_card(folder)
    pipelines = {}
    with weights_from(folder.absolute()):
        for target, stem in card["pipelines"].items():
            path = folder / f"{stem}.{kind}"
            if f"{stem}.{kind}" not in card["files"]:
                raise ValueError(
                    f"{str(folder)!r} holds no {kind} files: skops was not installed when it was "
                    "fitted. Use kind='joblib'."
                )
            if kind == "skops":
                pipelines[target] = import_module("skops.io").load(path, trusted=TRUSTED_TYPES)
            else:
                pipelines[target] = joblib.load(path)
    box = card["framing"]["box"]
    framing = Framing(None if box is None else tuple(box), card["framing"]["filter"])
    steps = {target: pipeline[-1] for target, pipeline in pipelines.items()}
    return PhotoModel(next(iter(pipelines.values()))[0], steps, card, framing)


def read_card(folder: Path) -> dict[str, Any]:
    """Return the card of a model after a check of its files."""
    from skstylefeat.networks.checkpoints._locate import file_sha256

    if not (folder / CARD).is_file():
        if (folder / MARK).exists():
            problem = "is unfinished: fit was stopped before its end. Run the same fit again"
        else:
            problem = "is no model: it holds no card.json. Give the folder that fit wrote"
        raise ValueError(f"{str(folder)!r} {problem}.")
    try:
        card = json.loads((folder / CARD).read_text(encoding="utf-8"))
        files, known = card["files"], card["format"]
    except (ValueError, KeyError, TypeError) as error:
        raise ValueError(f"{folder / CARD} is not a card that fit wrote ({error}).") from None
    if known != FORMAT:
        raise ValueError(f"{folder / CARD} has the format {known!r}, expected {FORMAT!r}.")
    for name, digest in files.items():
        path = folder / name
        if not path.is_file() or file_sha256(path) != digest:
            what = "is missing" if not path.is_file() else "has changed"
            raise ValueError(
                f"{path} {what}, so that the model is not the one that was fitted. Run fit again, "
                "or copy the whole folder."
            )
    return card


def file_stems(targets: list[str]) -> dict[str, str]:
    """Return a file name, without suffix, for each target."""
    stems: dict[str, str] = {}
    for target in targets:
        stem = re.sub(r"[^A-Za-z0-9_-]+", "-", target).strip("-") or "target"
        stem = stem if stem not in stems.values() else f"{stem}-{len(stems)}"
        stems[target] = stem
    return stems


def _write(path, data):
    replace_file(path, lambda file: file.write(data))


def _with_kept_networks(features: PhotoFeatures, folder: Path) -> tuple[PhotoFeatures, list[str]]:
    """Return features whose networks are bundled or in the folder, and the files written there."""
    features = copy.copy(features)
    inverter = features.inverter_ = copy.copy(features.inverter_)
    # The cache belongs to this run, and a service has no terminal for progress.
    for estimator in (features, inverter):
        estimator.set_params(cache_dir=None, verbose=0)
    files = []
    for name in ("generator", "encoder"):
        network = getattr(inverter, f"{name}_")
        kept, file = (network, None) if network is None else _kept(network, name, folder)
        setattr(inverter, f"{name}_", kept)
        files += [file] if file else []
    return features, files


def _kept(network, name, folder):
    """Return a network by its bundled name, or by a copy in the folder."""
    from skstylefeat.networks.checkpoints._convert import convert
    from skstylefeat.networks.checkpoints._locate import bundled_names, file_sha256, find_weights
    from skstylefeat.networks.checkpoints._safetensors import save_network

    if network.reference in bundled_names():
        return network, None
    part = folder / f"{name}.safetensors"
    if network.reference is None:
        save_network(network.module, part, network.card)
    else:
        source = network._find(network.reference)
        if source.suffix == ".safetensors":
            _copy(source, part)
        else:
            written = getattr(convert(find_weights(source), part), name)
            if Path(written.file) != part:
                _copy(Path(written.file), part)
                os.unlink(written.file)

    # The name holds the hash, so that no file of another model is taken for it.
    digest = file_sha256(part)
    kept = folder / f"{name}-{digest[:12]}.safetensors"
    _copy(part, kept)
    part.unlink()
    return network._copy(reference=kept.name, sha256=digest), kept.name


def _copy(source, target):
    with open(source, "rb") as stream:
        replace_file(target, lambda file: shutil.copyfileobj(stream, file))
