"""A file that only grows, on disk before anybody is told so, and whole after any kill."""

import json
import os
from pathlib import Path


class Journal:
    """Entries as lines of JSON.

    An entry that `append` has returned from is on disk. An entry that a kill cut short was never
    acknowledged: it is removed when the file is opened again. One process at a time has a journal.

    Parameters
    ----------
    path : path-like
        File, made with its folder if missing. Beside it stands a file ``.lock``, which the
        operating system frees when the process ends, however it ends.

    Attributes
    ----------
    entries : list of dict
        What the file held when it was opened.

    Raises
    ------
    ValueError
        If another process has the journal, or a line inside it is damaged.
    """

    def __init__(self, path):
        self.path = Path(path)
        self.path.parent.mkdir(parents=True, exist_ok=True)
        # Held open: closing it would free the lock.
        self._lock = self.path.with_name(self.path.name + ".lock").open("a+b")
        try:
            _lock(self._lock)
            is_new = not self.path.exists()
            self._file = os.open(
                self.path, os.O_RDWR | os.O_CREAT | os.O_APPEND | getattr(os, "O_BINARY", 0), 0o644
            )
        except BaseException:
            self._lock.close()
            raise
        try:
            self.entries, self._size = self._read()
            os.ftruncate(self._file, self._size)
            if is_new:
                _sync_folder(self.path.parent)
        except BaseException:
            self.close()
            raise

    def append(self, entry):
        """Write an entry and wait until it is on disk.

        Raises
        ------
        OSError
            If it could not be written; the journal is then as it was.
        """
        line = json.dumps(entry).encode() + b"\n"
        try:
            written = 0
            while written < len(line):
                written += os.write(self._file, line[written:])
            os.fsync(self._file)
        except OSError:
            os.ftruncate(self._file, self._size)
            raise
        self._size += len(line)

    def close(self):
        """Close the file and let other processes have it."""
        os.close(self._file)
        self._lock.close()

    def _read(self):
        """Return the entries and where the last whole one ends."""
        data = self.path.read_bytes()
        entries, end = [], 0
        lines = data.split(b"\n")
        for number, line in enumerate(lines[:-1], start=1):
            try:
                entries.append(_parse(line))
            except ValueError as error:
                if number == len(lines) - 1 and not lines[-1]:
                    break  # the last line: cut short, and its end written before its middle
                raise ValueError(
                    f"{self.path}, line {number} is damaged ({error}). Every label is a line of "
                    "its own: repair or remove this one, the others are whole."
                ) from error
            end += len(line) + 1
        return entries, end


def _parse(line):
    entry = json.loads(line)
    if not isinstance(entry, dict) or "op" not in entry:
        raise ValueError("no entry")
    return entry


def _lock(file):
    """Take a file for this process alone."""
    try:
        if os.name == "nt":
            import msvcrt

            file.seek(0)
            msvcrt.locking(file.fileno(), msvcrt.LK_NBLCK, 1)
        else:
            import fcntl

            fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except OSError as error:
        raise ValueError(
            f"The labels in {str(Path(file.name).parent)!r} are open in another process. Use its "
            "page, or stop it first."
        ) from error


def _sync_folder(folder):
    """Make the name of a new file durable, where the system needs that."""
    if os.name == "nt":
        return
    handle = os.open(folder, os.O_RDONLY)
    try:
        os.fsync(handle)
    finally:
        os.close(handle)
