"""PhotoModel: predictions of photos by several targets, from one inversion of each photo."""

from __future__ import annotations

import os
import time
from collections.abc import Callable, Mapping
from typing import Any

import numpy as np
from numpy.typing import NDArray
from sklearn.pipeline import Pipeline

from skstylefeat._utils._typing import ImagesLike
from skstylefeat.images._collection import ImageCollection, as_images
from skstylefeat.images._framing import Framing
from skstylefeat.images._photo_argument import list_photos
from skstylefeat.prediction._photo_features import PhotoFeatures, PhotoRows
from skstylefeat.prediction._predictions import Predictions
from skstylefeat.prediction._readers import FewShotRegressor

#: Photos on which the time is measured, where there are at least four times as many.
TIMED_PHOTOS = 16
REASONS = {
    "reconstruction": "the generator cannot reconstruct this photo",
    "framing": "the photo is framed unlike the generator's images",
}


class PhotoModel:
    """Fitted readers of one or several targets; made by :func:`fit_model` or :func:`load_model`.

    Parameters
    ----------
    features : PhotoFeatures
        Fitted.
    readers : dict of str to estimator
        Fitted readers by target.
    card : dict
        Data, scores, networks and versions.
    framing : Framing, default=None
        Crop and filter of image files; by default none, and Lanczos.

    Attributes
    ----------
    targets : list of str
        Names of the targets.

    Examples
    --------
    See :func:`fit_model`.
    """

    features: PhotoFeatures
    readers: dict[str, Any]
    card: dict[str, Any]
    framing: Framing

    def __init__(
        self,
        features: PhotoFeatures,
        readers: Mapping[str, Any],
        card: Mapping[str, Any],
        framing: Framing | None = None,
    ) -> None:
        self.features = features
        self.readers = dict(readers)
        self.card = dict(card)
        self.framing = framing or Framing()

    def __repr__(self) -> str:
        return f"PhotoModel(targets={self.targets})"

    @property
    def targets(self) -> list[str]:
        """Names of the targets."""
        return list(self.readers)

    def pipeline(self, target: str) -> Pipeline:
        """Return the scikit-learn pipeline of one target, from images to predictions.

        Parameters
        ----------
        target : str
            Name of the target.

        Returns
        -------
        sklearn.pipeline.Pipeline
        """
        return Pipeline([("features", self.features), ("reader", self.readers[target])])

    def predict(
        self, photos: ImagesLike, *, report: Callable[[str], Any] | None = None
    ) -> Predictions:
        """Predict all targets of photos. A photo that cannot be read gets a row that says so.

        Parameters
        ----------
        photos : path-like, array-like or list
            A text names a folder, a zip archive, a file, a pattern such as ``photos/*.jpg`` or a
            column of paths such as ``photos.csv:path``; other images are as in
            :func:`skstylefeat.images.as_images`.
        report : callable, default=None
            Called with sentences on the time that the work will take.

        Returns
        -------
        Predictions
        """
        names, images = open_photos(photos, self.framing)
        images = self.features.inverter_.prepare_images(images)  # faces are found once
        found = invert_timed(self.features, images, report)
        return self.predict_rows(names, images, found)

    def predict_rows(
        self, names: list[str], images: ImageCollection, found: PhotoRows
    ) -> Predictions:
        """Predict from the rows of photos that are inverted already."""
        readable = np.asarray(~np.isnan(found.rows).any(axis=1))
        notes = [""] * len(names)
        for fault in found.faults:
            notes[fault.row] = _plain(fault.error)
        inside = domain_of(self.features, images, found, notes)

        values: dict[str, NDArray[Any]] = {}
        lows, highs, probabilities = {}, {}, {}
        for name, reader in self.readers.items():
            values[name] = reader.predict(found.rows)
            if isinstance(reader, FewShotRegressor):
                lows[name], highs[name] = reader.predict_interval(found.rows)
            else:
                probabilities[name] = reader.predict_proba(found.rows).max(axis=1)
        return Predictions(names, values, lows, highs, probabilities, inside, readable, notes)


def open_photos(photos: ImagesLike, framing: Framing) -> tuple[list[str], ImageCollection]:
    """Return the names and the collection of photos of any kind."""
    if isinstance(photos, (str, os.PathLike)):
        listing = list_photos(photos)
        return listing.names, as_images(listing.files).framed(framing)
    images = as_images(photos)
    return images.names, images


def invert_timed(
    features: PhotoFeatures, images: ImageCollection, report: Callable[[str], Any] | None
) -> PhotoRows:
    """Invert photos; with a cache, measure some first and report how long all will take."""
    if report is not None and features.cache_dir is not None and len(images) >= 4 * TIMED_PHOTOS:
        start = time.monotonic()
        features.quiet().invert(images[:TIMED_PHOTOS])
        seconds = (time.monotonic() - start) / TIMED_PHOTOS
        rest = seconds * (len(images) - TIMED_PHOTOS)
        report(
            f"Inverting {len(images)} photos takes about {duration(rest)} ({seconds:.2g} s per "
            "photo, measured on the first; photos that were inverted before are read)."
        )
    return features.invert(images)


def duration(seconds: float) -> str:
    """Return a time in words."""
    if seconds < 90:
        return f"{max(seconds, 1):.0f} s"
    return f"{seconds / 60:.0f} min" if seconds < 5400 else f"{seconds / 3600:.1f} h"


def domain_of(
    features: PhotoFeatures, images: ImageCollection, found: PhotoRows, notes: list[str]
) -> NDArray[np.object_]:
    """Return which photos lie in the generator's domain; note the reason where one does not."""
    scores = features.inverter_.domain_scores(images, found.codes)
    inside = np.full(len(images), None, dtype=object)
    for i, reason in enumerate(scores.reasons):
        if reason != "unreadable":
            inside[i] = bool(scores.inside[i])
            notes[i] = notes[i] or REASONS.get(reason, reason)
    return inside


def _plain(error: Exception) -> str:
    """Return an error on one line."""
    return " ".join(str(error).split())
