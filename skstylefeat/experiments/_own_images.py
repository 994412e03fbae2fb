"""A user's images with labels: a folder or zip archive, and a table."""

from __future__ import annotations

import hashlib
from collections.abc import Sequence
from typing import Any, Literal

import numpy as np
from numpy.typing import NDArray

from skstylefeat._utils._label_tables import read_label_table
from skstylefeat._utils._table_formats import quote
from skstylefeat._utils._typing import RandomState, StrPath
from skstylefeat.experiments._targets import Target, check_target, read_column
from skstylefeat.images._collection import as_images, error_of_faults, read_pixels
from skstylefeat.images._framing import BoxError, Framing
from skstylefeat.images._image_files import left_out_text
from skstylefeat.images._photo_argument import list_photos
from skstylefeat.inversion._face_framing import align_images
from skstylefeat.metrics._group_scores import check_groups

FEWEST_IMAGES = 20


def load_own_images(
    images: StrPath,
    labels: StrPath,
    target_names: Sequence[str],
    *,
    size: int | tuple[int, int],
    box: tuple[float, float, float, float] | None = None,
    resampling: Literal["lanczos", "bicubic", "box"] = "lanczos",
    align: Any = None,
    generator: Any = None,
    test_share: float = 0.3,
    group: str | None = None,
    by_group: str | None = None,
    limit: int | None = 3000,
    on_error: Literal["raise", "skip"] = "raise",
    random_state: RandomState = None,
) -> tuple[NDArray[np.uint8], NDArray[np.uint8], list[Target], list[str]]:
    """Read images with labels and split them into training and test images.

    Images with identical pixels are on the same side of the split.

    Parameters
    ----------
    images : path-like
        Folder, zip archive, pattern such as ``photos/*.jpg`` or column of paths in a table, such
        as ``photos.csv:path``.
    labels : path-like
        Table with a column of file names and columns of labels: CSV, CelebA's ``list_attr`` text
        or NVIDIA's ``dataset.json``.
    target_names : list of str
        Columns to predict.
    size : int or tuple of int
        Side of square images in pixels, or height and width.
    box : tuple of 4 floats, default=None
        Left, top, right and bottom of a crop, in pixels of the upright files.
    resampling : {"lanczos", "bicubic", "box"}, default="lanczos"
        How images are resized.
    align : callable, dict, str or None, default=None
        As for :class:`~skstylefeat.StyleGANInverter`; not together with `box`.
    generator : Generator, default=None
        With ``align="dlib"``, faces are framed as this generator frames its own, by default as in
        FFHQ.
    test_share : float, default=0.3
        Share of the images (or of the groups) that is for testing only.
    group : str, default=None
        Column whose values must not occur on both sides, such as a person's identity.
    by_group : str, default=None
        Column of groups, such as a skin type, by which errors are reported. Images whose cell is
        empty stay in.
    limit : int or None, default=3000
        Largest number of images, drawn at random.
    on_error : {"raise", "skip"}, default="raise"
        How to treat images that cannot be read: raise an error that names them, or leave them
        out and count them in the notes.
    random_state : int, RandomState instance or None, default=None
        Seed of the draw and the split.

    Returns
    -------
    train_images, test_images : ndarray of shape (n, H, W, 3), uint8
    targets : list of Target
    notes : list of str
        What was left out, for the report.

    Raises
    ------
    ValueError
        If fewer than 20 images have all labels, labels contradict each other, or images cannot
        be read.
    """
    if align is not None and box is not None:
        raise ValueError(
            "align and box were both given (--align, --box), but alignment finds its own crop. "
            "Give one of them."
        )
    listing = list_photos(images)
    table = read_label_table(labels)
    columns = [*target_names, *([group] if group else [])]
    n_needed = len(columns)
    found = table.labels_of(listing.names, [*columns, *([by_group] if by_group else [])])
    names = [name for name, values in found.values.items() if all(values[:n_needed])]
    notes = [
        f"{len(names)} labeled images found, of {len(table.rows)} rows and {len(listing.names)} "
        "images."
    ]
    if listing.left_out:
        notes.append(left_out_text(listing.left_out))
    if len(names) < FEWEST_IMAGES:
        raise ValueError(_too_few(table, listing, names, found.unmatched, images))

    # One shuffle decides which images are used and, without groups, which are tested.
    rng: Any = random_state  # a RandomState as given, or NumPy's new generator of a seed
    if not isinstance(rng, np.random.RandomState):
        rng = np.random.default_rng(rng)
    names = [names[i] for i in rng.permutation(len(names))]
    if limit is not None and len(names) > limit:
        names = names[:limit]
        notes.append(f"{limit} of them drawn at random.")

    files = dict(zip(listing.names, listing.files, strict=True))
    shape = (size, size) if isinstance(size, int) else size
    pixels, faults = _read(files, names, shape, Framing(box, resampling), align, generator)
    if faults and on_error == "raise":
        raise ValueError(
            f"{error_of_faults(faults, len(names))} on_error='skip' (the option --skip-unreadable) "
            "leaves out images that cannot be read."
        )
    if faults:
        notes.append(f"{len(faults)} that cannot be read are left out, such as {faults[0].name}.")
        unreadable = {fault.name for fault in faults}
        names = [name for name in names if name not in unreadable]
    if len(names) < FEWEST_IMAGES:
        raise ValueError(f"Only {len(names)} images of {images} with labels can be read.")

    # Copies of a photo and images of one group stay together.
    content = np.array([hashlib.blake2b(image.tobytes()).hexdigest() for image in pixels])
    n_copies = len(content) - len(np.unique(content))
    if n_copies:
        notes.append(f"{n_copies} have the pixels of another one and are on its side of the split.")
    groups = None
    if group:
        groups = np.array([found.values[name][n_needed - 1] for name in names])
    train, test = _split(content, groups, test_share, rng)

    reported = None
    if by_group:
        reported = np.array([found.values[names[i]][-1] for i in test])
        try:
            check_groups(reported)
        except ValueError as error:
            raise ValueError(f"{table.path}, column {quote(by_group)}: {error}") from error

    targets = []
    for k, target_name in enumerate(target_names):
        order = [names[i] for i in np.concatenate([train, test])]
        places = [f"{quote(name)} in line {found.lines[name]}" for name in order]
        try:
            values = read_column([found.values[name][k] for name in order], places)
        except ValueError as error:
            raise ValueError(f"{table.path}, column {quote(target_name)}: {error}") from error
        targets.append(
            Target(
                target_name,
                values[: len(train)],
                values[len(train) :],
                groups_test=reported,
                group_name=by_group or "group",
            )
        )
        check_target(targets[-1])
    return pixels[train], pixels[test], targets, notes


def _too_few(table, listing, names, unmatched, images):
    """Return the message for too few images with labels; it quotes a name of each side."""
    text = (
        f"Of the {len(table.rows)} rows of {table.path}, {len(names)} name one of the "
        f"{len(listing.names)} images in {images} and have all labels; at least {FEWEST_IMAGES} "
        "are needed."
    )
    if unmatched:
        text += (
            f" {quote(unmatched[0])} in the table is none of them, or more than one; an image is "
            f"called {quote(listing.names[0])}."
        )
    return text


def _read(files, names, size, framing, align, generator):
    """Return the images that can be read, cropped and resized, and the faults of the others."""
    images = as_images([files[name] for name in names]).framed(framing)
    pixels, faults = read_pixels(align_images(images, align, generator), size)
    faults = [fault._replace(name=names[fault.row]) for fault in faults]

    # A box outside an image is an error in the options, which leaves out nothing.
    for fault in faults:
        if isinstance(fault.error, BoxError):
            raise fault.error
    return pixels, faults


def _split(content, groups, test_share, rng):
    """Return training and test rows; equal content and equal groups are never in both.

    Parameters
    ----------
    content, groups : ndarray of shape (n,)
        Rows with one value of either belong together.
    """
    if groups is None:
        held_out = np.arange(len(content)) < max(1, round(test_share * len(content)))
    else:
        members = rng.permutation(np.unique(groups))
        held_out = np.isin(groups, members[: max(1, round(test_share * len(members)))])

    # Copies may join two groups, so what belongs to a test row is added until nothing is left.
    n_before = -1
    while n_before != held_out.sum():
        n_before = held_out.sum()
        for ids in (content, groups):
            if ids is not None:
                held_out |= np.isin(ids, ids[held_out])
    if held_out.all():
        raise ValueError(
            "All images belong together, by the column of groups or as copies of each other, so "
            "nothing is left to train on."
        )
    return np.flatnonzero(~held_out), np.flatnonzero(held_out)
