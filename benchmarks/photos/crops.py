"""Tight 32 px crops of the benchmark photos, with labels and fixed splits.

The photos stay where they are: no image is written into the project, and the cache of decoded crops
goes to a folder that the caller names.

Generator, encoder and tuning use no test photo: the splits of `Photos.rows` are disjoint, CelebA's
by identity. The generator ``faces32`` is an exception: it was trained on all photos, unlabeled.
"""

import hashlib
import io
import os
import zipfile
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import pandas as pd
from PIL import Image

from skstylefeat.images import correct_illumination

DATA_VARIABLE = "SKSTYLEFEAT_PHOTOS"
CROP_SIZE = 32
CELEBA_BOX = (10.67, 22.46, 53.33, 56.15)
SPLIT_SEED = 20
SPLIT_SHARES = {"train": 0.70, "validation": 0.10, "test": 0.20}
DATASETS = {"celeba": "celeba64", "utkface": "utkface96"}


@dataclass(frozen=True)
class Photos:
    """Crops of one data set.

    Parameters
    ----------
    images : ndarray of shape (n, 32, 32, 3), dtype uint8
        The crops, in the order of `frame`.
    frame : DataFrame
        The labels of the data set, one row per crop.
    split : ndarray of shape (n,), dtype str
        "train", "validation" or "test" for every row.
    """

    images: np.ndarray
    frame: pd.DataFrame
    split: np.ndarray

    def rows(self, split):
        """Return the row numbers of a split, in a fixed shuffled order."""
        if split not in SPLIT_SHARES:
            raise ValueError(f"split must be one of {sorted(SPLIT_SHARES)}, got {split!r}.")
        rows = np.flatnonzero(self.split == split)
        return np.random.default_rng(SPLIT_SEED).permutation(rows)


def photos_folder():
    """Return the folder of the photo archives: $SKSTYLEFEAT_PHOTOS, else ../shared/data."""
    default = Path(__file__).resolve().parents[3] / "shared" / "data"
    return Path(os.environ.get(DATA_VARIABLE, default))


def load_photos(name, *, folder=None, cache=None):
    """Decode and crop one data set.

    Parameters
    ----------
    name : {"celeba", "utkface"}
        Data set.
    folder : path, default=None
        Where the zip and csv files are; None asks `photos_folder`.
    cache : path, default=None
        Folder, outside the project, that keeps the decoded crops for the next call.

    Returns
    -------
    Photos
    """
    if name not in DATASETS:
        raise ValueError(f"name must be one of {sorted(DATASETS)}, got {name!r}.")
    folder = photos_folder() if folder is None else Path(folder)
    archive = folder / f"{DATASETS[name]}.zip"
    table = folder / f"{DATASETS[name]}.csv"
    for path in (archive, table):
        if not path.is_file():
            raise FileNotFoundError(
                f"{path} is missing: set {DATA_VARIABLE} to the folder that holds "
                f"{archive.name} and {table.name}."
            )
    frame = pd.read_csv(table)
    images = _cached_crops(name, archive, frame["file"], cache)
    groups = frame["identity"] if "identity" in frame else frame["file"]
    return Photos(images, frame, assign_splits(groups))


def new_rows(images, known):
    """Return the mask of the images that equal none of the known ones, pixel by pixel."""
    seen = {hashlib.sha256(image.tobytes()).digest() for image in known}
    return np.array([hashlib.sha256(x.tobytes()).digest() not in seen for x in images], dtype=bool)


def read_halves(name, split, n_pool, n_held_out, *, folder=None, cache=None):
    """Return crops and labels of the pool and of a held-out split.

    Both hold other identities, as the splits do, and no crop of the pool is in the other half.

    Returns
    -------
    pool, held_out : tuple of (ndarray of shape (n, 32, 32, 3), DataFrame)
    """
    photos = load_photos(name, folder=folder, cache=cache)
    halves = []
    for part, limit in (("train", n_pool), (split, n_held_out)):
        rows = photos.rows(part)[:limit]
        images, frame = np.asarray(photos.images[rows]), photos.frame.iloc[rows]
        if halves:
            new = new_rows(images, halves[0][0])
            images, frame = images[new], frame[new]
        halves.append((images, frame))
    return halves


def evenly_lit(images):
    """Return uint8 images of one brightness, without a linear gradient of light."""
    return (255 * correct_illumination(images)).round().astype(np.uint8)


def _cached_crops(name, archive, files, cache):
    if cache is None:
        return _decode(name, archive, files)
    path = Path(cache) / f"{name}-{CROP_SIZE}.npy"
    if path.is_file():
        return np.load(path, mmap_mode="r")
    images = _decode(name, archive, files)
    path.parent.mkdir(parents=True, exist_ok=True)
    partial = path.with_suffix(".partial.npy")
    np.save(partial, images)
    partial.replace(path)
    return images


def _decode(name, archive, files):
    images = np.empty((len(files), CROP_SIZE, CROP_SIZE, 3), np.uint8)
    with zipfile.ZipFile(archive) as photos:
        members = {Path(member).name: member for member in photos.namelist()}
        for row, file in enumerate(files):
            with Image.open(io.BytesIO(photos.read(members[file]))) as photo:
                images[row] = crop(photo.convert("RGB"), name)
    return images


def crop(photo, name):
    """Return the crop of one PIL photo of data set `name` as uint8 of shape (32, 32, 3)."""
    size = (CROP_SIZE, CROP_SIZE)
    if name == "celeba":
        return np.asarray(photo.resize(size, Image.Resampling.BICUBIC, box=CELEBA_BOX))
    return np.asarray(photo.resize(size, Image.Resampling.BOX))


def assign_splits(groups):
    """Assign every row to a split so that rows of one group share it.

    A group's split depends on a hash of its name only, not on the order of the rows or on
    other rows.

    Parameters
    ----------
    groups : sequence of length n
        Identity of every row.

    Returns
    -------
    ndarray of shape (n,), dtype str
    """
    names = np.array(list(SPLIT_SHARES))
    edges = np.cumsum(list(SPLIT_SHARES.values()))[:-1]
    unique, inverse = np.unique(np.asarray(groups), return_inverse=True)
    digests = [hashlib.sha256(f"{SPLIT_SEED}:{group}".encode()).digest()[:8] for group in unique]
    shares = np.array([int.from_bytes(digest, "big") / 2**64 for digest in digests])
    return names[np.searchsorted(edges, shares, side="right")][inverse]
