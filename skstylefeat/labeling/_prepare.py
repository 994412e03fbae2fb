"""Preparation of a folder for labeling: inversion, features and clusters."""

from __future__ import annotations

import hashlib
from collections.abc import Mapping
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any, Literal

import numpy as np

from skstylefeat._utils._files import replace_file
from skstylefeat._utils._typing import StrPath
from skstylefeat.annotation._annotator import ClusterAnnotator
from skstylefeat.features._extractor import FeatureMapExtractor
from skstylefeat.features._selector import ChannelMISelector
from skstylefeat.inversion._inverter import StyleGANInverter
from skstylefeat.labeling._folder import ImageFolder
from skstylefeat.labeling._grouping import Grouping

_MIN_PER_CLASS = 2  # labeled images of a class from which channels can be selected


@dataclass(frozen=True)
class Preparation:
    """Settings on which the clusters depend.

    Attributes
    ----------
    generator, encoder : str
        As for `StyleGANInverter`; "train" trains an encoder, which is kept.
    train_steps : int
        Steps of that training.
    features : {"maps", "selected", "codes"}
        The maximum of every channel's map; the same of the channels that labels select; or
        the latent codes.
    n_clusters, n_annotations, n_labels, query
        As for `ClusterAnnotator`.
    random_state : int
    """

    generator: str = "faces64"
    encoder: str = "auto"
    train_steps: int = 1000
    features: Literal["maps", "selected", "codes"] = "maps"
    n_clusters: int | None = None
    n_annotations: int = 3
    n_labels: int | None = None
    query: Literal["random", "central", "diverse"] = "random"
    random_state: int = 0


def can_select_channels(labels: Mapping[str, str]) -> bool:
    """Return whether labels by file can select channels: two images each of two classes."""
    counts = np.unique(list(labels.values()), return_counts=True)[1]
    return int((counts >= _MIN_PER_CLASS).sum()) >= 2


def prepare(
    images: ImageFolder,
    settings: Preparation,
    work: StrPath,
    *,
    labels: Mapping[str, str] | None = None,
    device: str = "auto",
    verbose: int = 1,
) -> Grouping:
    """Invert the images of a folder, compute features and cluster them.

    Parameters
    ----------
    images : ImageFolder
    settings : Preparation
    work : str or path-like
        Folder that keeps finished codes and a trained encoder, so that a killed preparation
        resumes where it was.
    labels : dict of str to str or None, default=None
        Labels of some of the images, by name, that select channels with ``features="selected"``.
    device : str, default="auto"
        Torch device.
    verbose : int, default=1
        Whether to show progress.

    Returns
    -------
    Grouping

    Raises
    ------
    ValueError
        If labels are too few to select channels, or there are fewer images than clusters.
    """
    if settings.features == "selected" and not can_select_channels(labels or {}):
        raise ValueError(
            f"--features selected needs at least {_MIN_PER_CLASS} labeled images each of 2 "
            "classes, to select channels by them. Give more labels with --labels, or use "
            "--features maps."
        )
    inverter = _fit_inverter(images, settings, Path(work), device, verbose)
    rows: Any = inverter.transform(images.paths)
    if settings.features != "codes":
        extractor = FeatureMapExtractor(inverter.generator_, device=device, verbose=verbose)
        maps = extractor.fit_transform(rows)
        if settings.features == "selected":
            maps = _select_channels(maps, images, labels or {}, settings.random_state)
        rows = maps.pool()

    annotator = ClusterAnnotator(
        settings.n_clusters,
        settings.n_annotations,
        n_labels=settings.n_labels,
        query=settings.query,
        random_state=settings.random_state,
    ).fit(rows)
    return Grouping(
        [list(pair) for pair in zip(images.names, images.sizes, strict=True)],
        rows,
        annotator.labels_,
        annotator.query_indices_,
        asdict(settings),
    )


def _fit_inverter(images, settings, work, device, verbose):
    """Return a fitted inverter; an encoder that it trains is kept for the next time."""
    encoder = settings.encoder
    training = (settings.generator, settings.train_steps, settings.random_state)
    key = hashlib.sha256(repr(training).encode()).hexdigest()[:8]
    kept = work / f"encoder-{key}.safetensors"
    if encoder == "train" and kept.exists():
        encoder = str(kept)

    inverter = StyleGANInverter(
        settings.generator,
        encoder,
        n_train_steps=settings.train_steps,
        device=device,
        cache_dir=work / "codes",
        random_state=settings.random_state,
        verbose=verbose,
    ).fit(images.paths)

    if encoder == "train":
        from skstylefeat.networks.checkpoints._safetensors import save_network

        work.mkdir(parents=True, exist_ok=True)
        trained = inverter.encoder_
        replace_file(kept, lambda file: save_network(trained.module, file.name, trained.card))
    return inverter


def _select_channels(maps, images, labels, random_state):
    """Return the maps of the channels that separate the labeled classes."""
    y = np.full(len(images), None, dtype=object)
    classes, counts = np.unique(list(labels.values()), return_counts=True)
    used = set(classes[counts >= _MIN_PER_CLASS].tolist())
    for name, label in labels.items():
        if label in used:
            y[images.row(name)] = label
    return ChannelMISelector(random_state=random_state).fit(maps, y).transform(maps)
