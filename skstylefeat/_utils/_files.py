"""Atomic writing of files."""

from __future__ import annotations

import contextlib
import os
import secrets
from collections.abc import Callable
from pathlib import Path
from typing import BinaryIO

from skstylefeat._utils._typing import StrPath


def replace_file(path: StrPath, write: Callable[[BinaryIO], object], mode: int = 0o666) -> None:
    """Write a file completely or not at all.

    The content goes to a temporary file in the same folder, reaches the disk, and then takes the
    place of `path` in one step. After a crash `path` holds the old or the new content, never a
    part. Processes that write the same file at once do not disturb each other; the last one wins.

    Parameters
    ----------
    path : path-like
        File to write. A symbolic link is followed, so it stays a link.
    write : callable
        Called with a temporary file, open for writing bytes. If it raises, the temporary file is
        removed and `path` stays as it was.
    mode : int, default=0o666
        Permissions of a new file, reduced by the process's umask. An existing file keeps its
        permissions, without those that `mode` lacks.
    """
    path = Path(os.path.realpath(path))
    # The name is new for every call and short, so it fits wherever `path` fits.
    temporary = path.with_name(f".{secrets.token_hex(8)}.part")

    def create(name: str, flags: int) -> int:
        return os.open(name, flags | os.O_EXCL, mode)

    try:
        with open(temporary, "wb", opener=create) as file:
            write(file)
            file.flush()
            with contextlib.suppress(FileNotFoundError):
                os.chmod(temporary, path.stat().st_mode & mode)
            os.fsync(file.fileno())
        os.replace(temporary, path)
    except BaseException:
        temporary.unlink(missing_ok=True)
        raise
    _sync_folder(path.parent)


def _sync_folder(folder: Path) -> None:
    """Bring the new name to disk, where the system can open folders (Windows cannot)."""
    with contextlib.suppress(OSError):
        descriptor = os.open(folder, os.O_RDONLY)
        try:
            os.fsync(descriptor)
        finally:
            os.close(descriptor)
