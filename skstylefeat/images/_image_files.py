"""Image files of a folder or a zip archive."""

from __future__ import annotations

import os
import struct
import warnings
import zipfile
from collections import Counter
from pathlib import Path
from typing import NamedTuple

from skstylefeat._utils._listing import (
    IMAGE_SUFFIXES,
    UNREAD_IMAGE_SUFFIXES,
    FileListing,
    list_archive,
    list_folder,
    suffix_of,
)
from skstylefeat._utils._typing import StrPath
from skstylefeat.images._decoding import ZipMember


class ImageListing(NamedTuple):
    """The images of a folder or a zip archive; made by :func:`list_images`.

    Attributes
    ----------
    names : list of str
        Paths inside the folder or archive, with slashes.
    files : list
        What to open, in the same order: paths as text, or members of the archive.
    left_out : dict of str to str
        Names of entries that look like images, or hold some, but are not read, with the reason.
    """

    names: list[str]
    files: list[str] | list[ZipMember] | list[zipfile.Path]
    left_out: dict[str, str]


def list_images(path: StrPath | zipfile.Path) -> ImageListing:
    """List the images of a folder or a zip archive, with those of its subfolders.

    Everything in this package that reads a folder or an archive reads these files in this order:
    :func:`as_images`, the estimators, and both commands.

    Images are regular files with the suffix .bmp, .gif, .jpeg, .jpg, .png, .tif, .tiff or .webp,
    in upper or lower case. The order goes folder by folder, with numbers by value: ``img2.png``
    comes before ``img10.png``.

    Hidden files and folders (names that begin with a dot) and those of systems (``__MACOSX``,
    ``@eaDir``, the recycle bin) do not count as images. Links to files are followed. Other files
    that look like images are left out and listed: formats that are not read (.heic, .avif, .jfif,
    raw files, ...), broken links, links to folders, and folders without permission to read.

    Parameters
    ----------
    path : path-like or zipfile.Path
        Folder, zip archive, or a folder inside an archive.

    Returns
    -------
    ImageListing
        ``names``, ``files`` and ``left_out``.

    Raises
    ------
    ValueError
        If `path` is neither a folder nor a zip archive, or holds no image.

    Examples
    --------
    >>> import tempfile, pathlib
    >>> from skstylefeat.images import list_images
    >>> with tempfile.TemporaryDirectory() as folder:
    ...     for name in ("img10.png", "img2.png", ".hidden.png", "img3.heic", "notes.txt"):
    ...         pathlib.Path(folder, name).touch()
    ...     listing = list_images(folder)
    >>> listing.names
    ['img2.png', 'img10.png']
    >>> listing.left_out
    {'img3.heic': '.heic is not read'}
    """
    if isinstance(path, zipfile.Path):
        return _list_inside_archive(path)
    if not isinstance(path, (str, os.PathLike)):
        raise ValueError(f"{path!r:.80} is not the path of a folder or of a zip archive.")
    try:
        path = Path(path).expanduser()
        path.is_dir()
    except (OSError, RuntimeError) as error:  # a name that is too long, or an unknown user
        reason = getattr(error, "strerror", None) or str(error)
        raise ValueError(f"{str(path)[-80:]!r} cannot be a folder or archive: {reason}.") from error
    if path.is_dir():
        names, left_out = _images_of(list_folder(path), f"The folder {str(path)!r}")
        return ImageListing(names, [os.path.join(path, *n.split("/")) for n in names], left_out)
    if path.is_file() and zipfile.is_zipfile(path):
        try:
            with zipfile.ZipFile(path) as archive:
                listing = list_archive(archive)
        # Fields of a damaged list of files, such as versions, encodings or sizes, have no meaning.
        except (zipfile.BadZipFile, NotImplementedError, ValueError, struct.error) as error:
            raise ValueError(f"The zip archive {str(path)!r} is damaged: {error}.") from error
        names, left_out = _images_of(listing, f"The archive {str(path)!r}")
        return ImageListing(names, [ZipMember(str(path), name) for name in names], left_out)
    if not path.exists():
        raise ValueError(
            f"{str(path)!r} does not exist. Expected a folder of images or a zip archive."
        )
    hint = f" For one image give a list of one path: [{str(path)!r}]." if path.is_file() else ""
    raise ValueError(
        f"{str(path)!r} is neither a folder nor a zip archive. Give a folder of images, a zip "
        f"archive, or a list of paths.{hint}"
    )


def _list_inside_archive(place: zipfile.Path) -> ImageListing:
    """List the images of an open archive below one of its folders."""
    archive, prefix = place.root, place.at
    everything = list_archive(archive)
    listing = FileListing(
        [name for name in everything.names if name.startswith(prefix)],
        {n: why for n, why in everything.problems.items() if n.startswith(prefix)},
    )
    names, left_out = _images_of(listing, f"The archive {archive.filename or prefix!r}")
    # Another process can open an archive on disk by its path, but not one in memory.
    if archive.filename is not None and os.path.isfile(archive.filename):
        return ImageListing(names, [ZipMember(archive.filename, n) for n in names], left_out)
    return ImageListing(names, [zipfile.Path(archive, n) for n in names], left_out)


def _images_of(listing: FileListing, place: str) -> tuple[list[str], dict[str, str]]:
    """Return the images of a listing, and the entries left out that may be images."""
    images, left_out = [], {}
    for name in listing.names:
        suffix = suffix_of(name)
        if suffix in IMAGE_SUFFIXES:
            images.append(name)
        elif suffix in UNREAD_IMAGE_SUFFIXES:
            left_out[name] = f"{suffix} is not read"
    for name, problem in listing.problems.items():
        # Links in archives do not show whether they lead to a folder.
        suffixes = ("", *IMAGE_SUFFIXES, *UNREAD_IMAGE_SUFFIXES)
        if "folder" in problem or suffix_of(name) in suffixes:
            left_out[name] = problem
    if not images:
        found = f" {left_out_text(left_out)}" if left_out else ""
        raise ValueError(f"{place} holds no image file ({', '.join(IMAGE_SUFFIXES)}).{found}")
    return images, left_out


def left_out_text(left_out: dict[str, str]) -> str:
    """Return a sentence that counts what a listing leaves out, by reason, with one example."""
    n = len(left_out)
    counts = Counter(left_out.values())
    reasons = ", ".join(f"{count} x {reason}" for reason, count in counts.most_common())
    return (
        f"{n} entr{'ies' if n > 1 else 'y'} that may be images or folders of them left out "
        f"({reasons}), such as {next(iter(left_out))!r}. Convert them to PNG or JPEG, or put the "
        "files themselves there."
    )


def warn_of_left_out(listing: ImageListing, path: object, stacklevel: int) -> None:
    """Warn if a listing leaves out what may be images."""
    if listing.left_out:
        warnings.warn(f"{path}: {left_out_text(listing.left_out)}", stacklevel=stacklevel + 1)
