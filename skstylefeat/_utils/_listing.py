"""Listing of the files in a folder or a zip archive: one rule, one order."""

from __future__ import annotations

import os
import re
import stat
import unicodedata
import zipfile
from pathlib import Path
from typing import NamedTuple

#: Suffixes of the image files that are read.
IMAGE_SUFFIXES = (".bmp", ".gif", ".jpeg", ".jpg", ".png", ".tif", ".tiff", ".webp")
#: Suffixes of images that are not read. Finding one is reported.
UNREAD_IMAGE_SUFFIXES = tuple(
    f".{suffix}"
    for suffix in (
        *("apng", "arw", "avif", "cr2", "cr3", "dcm", "dib", "dng", "eps", "exr", "hdr", "heic"),
        *("heif", "ico", "jfif", "jp2", "jpe", "jxl", "nef", "orf", "pbm", "pcx", "pgm", "pnm"),
        *("ppm", "psd", "raf", "raw", "rw2", "svg", "tga", "xcf"),
    )
)
# Folders that systems create. Names that begin with a dot are hidden and left out, too.
_SYSTEM_FOLDERS = frozenset(
    ("$recycle.bin", "@eadir", "__macosx", "lost+found", "system volume information")
)


class FileListing(NamedTuple):
    """Files below a folder or in an archive.

    Attributes
    ----------
    names : list of str
        Paths inside it, with slashes, in the order of `path_order`.
    problems : dict of str to str
        Why a name is not among them: broken links, links to folders, unreadable folders, pipes.
        Hidden and system files are not mentioned.
    """

    names: list[str]
    problems: dict[str, str]


def path_order(name: str) -> tuple:
    """Return a sort key of a path with slashes: folder by folder, numbers by value.

    ``img2.png`` comes before ``img10.png``. The suffix counts last, so images and the files made
    from them have one order.

    Examples
    --------
    >>> from skstylefeat._utils._listing import path_order
    >>> sorted(["b10.png", "b9.png", "a-2/0.png", "a/10.png", "a/2.png"], key=path_order)
    ['a/2.png', 'a/10.png', 'a-2/0.png', 'b9.png', 'b10.png']
    """
    *folders, file = unicodedata.normalize("NFC", name).split("/")
    # The name itself decides between equal keys, such as those of 1.png and 01.png.
    return [_natural(part) for part in (*folders, *os.path.splitext(file))], name


def _natural(text: str) -> list:
    """Split a text into texts and numbers; a number is its length and its digits."""
    parts = re.split("([0-9]+)", text)
    digits = [part.lstrip("0") for part in parts[1::2]]
    parts[1::2] = [(len(part), part) for part in digits]  # type: ignore[list-item]
    return parts


def suffix_of(name: str) -> str:
    """Return the suffix of a path, in lower case and with its dot."""
    return os.path.splitext(name)[1].lower()


def list_folder(folder: str | os.PathLike[str]) -> FileListing:
    """List the files below a folder.

    Hidden and system files and folders are left out. Links to files count as files. Links to
    folders are not followed, since they may form loops.
    """
    names, problems = [], {}
    root = os.fspath(folder)

    def inside(place: str, name: str) -> str:
        return Path(os.path.relpath(place, root), name).as_posix()

    def report(error: OSError) -> None:
        if error.filename == root:
            raise error
        problems[inside(error.filename, "")] = f"a folder that cannot be read ({error.strerror})"

    for place, folders, files in os.walk(root, onerror=report):
        folders[:] = [name for name in folders if _is_visible(name)]
        for name in folders:
            if os.path.islink(os.path.join(place, name)):
                problems[inside(place, name)] = "a link to a folder"
        for name in filter(_is_visible, files):
            path = os.path.join(place, name)
            if os.path.isfile(path):
                names.append(inside(place, name))
            else:
                broken = not os.path.exists(path)
                problems[inside(place, name)] = "a broken link" if broken else "no regular file"
    return FileListing(sorted(names, key=path_order), problems)


def list_archive(archive: zipfile.ZipFile) -> FileListing:
    """List the files in a zip archive, by the rule of `list_folder`."""
    names: dict[str, None] = {}
    problems = {}
    for info in archive.infolist():
        parts = [part for part in info.filename.split("/") if part != "."]
        if ".." in parts:
            problems[info.filename] = "a path with .."
            continue
        if info.is_dir() or not all(map(_is_visible, parts)):
            continue
        # Unix archives keep links as files whose content is the target.
        if stat.S_ISLNK(info.external_attr >> 16):
            problems[info.filename] = "a link"
        else:
            # A name that occurs twice is read once, as the last.
            if info.filename in names:
                problems[f"(earlier) {info.filename}"] = "a file whose name occurs again"
            names[info.filename] = None
    return FileListing(sorted(names, key=path_order), problems)


def _is_visible(name: str) -> bool:
    return not name.startswith(".") and name.lower() not in _SYSTEM_FOLDERS
