"""Preparation of images for labeling: inversion, maxima of all channels, style codes, copies."""

from __future__ import annotations

import hashlib
import time
import warnings
from collections.abc import Callable
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Literal

import numpy as np
from numpy.typing import NDArray
from sklearn.neighbors import NearestNeighbors

from skstylefeat._utils._files import replace_file
from skstylefeat._utils._typing import StrPath
from skstylefeat.features._extractor import FeatureMapExtractor
from skstylefeat.images._collection import (
    ImageCollection,
    as_images,
    error_of_faults,
    find_faults,
)
from skstylefeat.images._framing import Framing
from skstylefeat.inversion._inverter import StyleGANInverter
from skstylefeat.labeling._folder import ImageFolder
from skstylefeat.labeling._prepared import Prepared, compact
from skstylefeat.latents._spaces import w_plus_to_s

#: Images are copies of one photo if their codes are at most this far apart, in standard deviations
#: per column, and their pixels, reduced to a side of 16, differ by at most this much of the range.
COPY_DISTANCE, COPY_DIFFERENCE, COPY_SIDE = 0.12, 0.03, 16


@dataclass(frozen=True)
class Preparation:
    """Settings of a session.

    Attributes
    ----------
    generator, encoder : str
        As for `StyleGANInverter`; "train" trains an encoder, which is kept.
    train_steps : int
        Steps of that training.
    align : str or None
        Source of landmarks, as for `StyleGANInverter`.
    box : list of 4 floats or None
        Left, top, right and bottom of a crop, in pixels of the upright files.
    filter : {"lanczos", "bicubic", "box"}
        How images are resized.
    n_labels, n_clusters, n_annotations, query
        As for `LabelingEngine`.
    random_state : int
    """

    generator: str = "faces64"
    encoder: str = "auto"
    train_steps: int = 1000
    align: str | None = None
    box: list[float] | None = None
    filter: Literal["lanczos", "bicubic", "box"] = "lanczos"
    n_labels: int = 24
    n_clusters: int | None = None
    n_annotations: int = 3
    query: Literal["random", "central", "diverse"] = "central"
    random_state: int = 0


def prepare(
    images: ImageFolder,
    settings: Preparation,
    work: StrPath,
    *,
    skip_unreadable: bool = False,
    device: str = "auto",
    verbose: int = 1,
) -> Prepared:
    """Invert images and compute their features.

    Parameters
    ----------
    images : ImageFolder
    settings : Preparation
    work : str or path-like
        Folder that keeps finished codes and a trained encoder, so that a killed preparation
        resumes where it was.
    skip_unreadable : bool, default=False
        Whether to leave out images that cannot be read or aligned, and to list them in
        `Prepared.skipped`. By default they raise an error that names them.
    device : str, default="auto"
        Torch device.
    verbose : int, default=1
        Whether to show progress.

    Returns
    -------
    Prepared
        Without questions; `Session` chooses these.

    Raises
    ------
    ValueError
        If images cannot be read, or none can.
    """
    from skstylefeat.networks._base import resolve_device

    resolve_device(device)  # raises before the images are read
    seconds: dict[str, float] = {}
    clock = _stopwatch(seconds)
    sizes = dict(zip(images.names, images.sizes, strict=True))
    inverter, items = _fit_inverter(images, settings, Path(work), device, verbose)
    items = inverter.prepare_images(items)  # faces are found once
    codes = _invert(inverter, items)
    clock("inversion")

    # Images that cannot be read or aligned are found on the way: each is decoded once only.
    lost = np.flatnonzero(np.isnan(codes).any(axis=1))
    unreadable = [images.names[row] for row in lost]
    if len(lost) and not skip_unreadable:
        faults = find_faults(items[lost])
        raise ValueError(
            f"{error_of_faults(faults, len(images))} Repair or remove such images, or leave them "
            "out with --skip-unreadable."
        )
    images = images.without(unreadable)
    kept = np.delete(np.arange(len(codes)), lost)
    codes, items = codes[kept], items[kept]

    extractor = FeatureMapExtractor(inverter.generator_, device=device, verbose=verbose)
    maxima = extractor.fit_transform(codes).pool()
    styles = w_plus_to_s(codes, inverter.generator_)
    clock("features")
    foreign, reduced = inspect_images(inverter, items, codes)
    copies = find_copies(codes, reduced)
    clock("checks")
    return Prepared(
        [list(pair) for pair in zip(images.names, images.sizes, strict=True)],
        compact(np.hstack([maxima, styles])),
        maxima.shape[1],
        asdict(settings),
        [[name, sizes[name]] for name in unreadable],
        copies,
        {images.names[row]: reason for row, reason in foreign.items()},
        seconds=seconds,
    )


def find_copies(codes: NDArray[np.floating], pixels: NDArray[np.floating]) -> list[int]:
    """Return for every image the first one of which it is a copy, or nearly one.

    Parameters
    ----------
    codes : ndarray of shape (n, d)
    pixels : ndarray of shape (n, h, w, 3)
        The images, reduced, in [0, 1].

    Returns
    -------
    list of int
        The row itself for all that are no copies.
    """
    originals = list(range(len(codes)))
    if len(codes) < 2:
        return originals
    deviation = codes.std(axis=0)
    rows = (codes - codes.mean(axis=0)) / np.where(deviation > 0, deviation, 1)
    radius = COPY_DISTANCE * np.sqrt(rows.shape[1])
    near = NearestNeighbors(radius=radius).fit(rows).radius_neighbors(rows, return_distance=False)
    for row, others in enumerate(near):
        before = np.sort(others[others < row])
        difference = np.square(pixels[before] - pixels[row]).mean(axis=(1, 2, 3))
        copies = before[difference <= COPY_DIFFERENCE**2]
        if len(copies):  # a chain of near copies shares the first of them
            originals[row] = originals[copies[0]]
    return originals


def inspect_images(
    inverter: StyleGANInverter, images: ImageCollection, codes: NDArray[np.floating]
) -> tuple[dict[int, str], NDArray[np.float32]]:
    """Find the images that look foreign to the generator, and reduce all of them.

    Parameters
    ----------
    inverter : StyleGANInverter
        Fitted, with an encoder.
    images : ImageCollection
        What `transform` received.
    codes : ndarray of shape (n, n_latents)
        What it returned.

    Returns
    -------
    foreign : dict of int to str
        Reasons by row.
    reduced : ndarray of shape (n, h, w, 3), float32
        The images, with at most twice `COPY_SIDE` pixels on the longer side.
    """
    domain = inverter.domain_scores(images, codes)
    foreign = {int(row): domain.reasons[row] for row in np.flatnonzero(~domain.inside)}

    (height, width), reduced = inverter.generator_.image_size, []
    for start in range(0, len(codes), inverter.batch_size):
        pixels = images[start : start + inverter.batch_size].read((height, width))
        # Means of squares of pixels, without the last ones where a side is no multiple.
        step = max(1, max(height, width) // COPY_SIDE)
        n_down, n_across = max(1, height // step), max(1, width // step)
        pixels = pixels[:, : n_down * step, : n_across * step]
        shape = n_down, pixels.shape[1] // n_down, n_across, pixels.shape[2] // n_across, 3
        reduced.append(pixels.reshape(len(pixels), *shape).mean(axis=(2, 4)))
    return foreign, np.concatenate(reduced)


def _invert(inverter, items):
    """Return codes, NaN for images that cannot be read."""
    with warnings.catch_warnings():
        # The session lists such images, and those outside the generator's domain, one by one.
        for text in ("cannot be read and are rows of NaN", "look foreign to the generator"):
            warnings.filterwarnings("ignore", f"(?s).*{text}", UserWarning)
        return inverter.transform(items)


def _stopwatch(seconds: dict[str, float]) -> Callable[[str], None]:
    """Return a function that notes the seconds since its last call, or since now."""
    moments = [time.monotonic()]

    def note(step: str) -> None:
        moments.append(time.monotonic())
        seconds[step] = round(moments[-1] - moments[-2], 2)

    return note


def _fit_inverter(images, settings, work, device, verbose):
    """Return a fitted inverter and what it inverts; an encoder that it trains is kept."""
    encoder = settings.encoder
    training = (settings.generator, settings.train_steps, settings.random_state)
    key = hashlib.sha256(repr(training).encode()).hexdigest()[:8]
    kept = work / f"encoder-{key}.safetensors"
    if encoder == "train" and kept.exists():
        encoder = str(kept)

    box = None if settings.box is None else tuple(settings.box)
    items = as_images(images.paths).framed(Framing(box, settings.filter))
    inverter = StyleGANInverter(
        settings.generator,
        encoder,
        n_train_steps=settings.train_steps,
        device=device,
        cache_dir=work / "codes",
        align=settings.align,
        on_error="nan",
        random_state=settings.random_state,
        verbose=verbose,
    )
    try:
        inverter.fit(items)
    except ValueError as error:
        if not str(error).startswith("None of the"):
            raise
        raise ValueError(f"{error} For example: {error.__cause__}") from error

    if encoder == "train":
        from skstylefeat.networks.checkpoints._safetensors import save_network

        work.mkdir(parents=True, exist_ok=True)
        trained = inverter.encoder_
        replace_file(kept, lambda file: save_network(trained.module, file.name, trained.card))
    return inverter, items
