"""SQLite file of classes and labels, with undo."""

from __future__ import annotations

import sqlite3
from collections.abc import Iterable, Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from skstylefeat._utils._typing import StrPath
from skstylefeat.exceptions import LabelConflictError
from skstylefeat.labeling._class_names import check_class

_APPLICATION_ID = 0x736B7366  # "sksf"
_VERSION = 1
_SCHEMA = f"""
BEGIN;
PRAGMA application_id = {_APPLICATION_ID};
PRAGMA user_version = {_VERSION};
CREATE TABLE events (
    number INTEGER PRIMARY KEY,
    time TEXT NOT NULL DEFAULT CURRENT_TIMESTAMP,
    -- Id that the sender gave the change; a change that is sent twice counts once.
    request TEXT UNIQUE,
    kind TEXT NOT NULL CHECK (kind IN ('class', 'label', 'import', 'undo')),
    file TEXT,
    -- Name of the class; NULL in a 'label' row removes the label of the file.
    label TEXT,
    undoable INTEGER NOT NULL CHECK (undoable IN (0, 1)),
    undoes INTEGER UNIQUE REFERENCES events
);
CREATE INDEX events_by_file ON events (kind, file, label);
-- Changes that no 'undo' row has taken back.
CREATE VIEW valid AS
    SELECT * FROM events AS event
    WHERE NOT EXISTS (SELECT 1 FROM events WHERE undoes = event.number);
COMMIT;
"""
_EMPTY = {"file": None, "label": None, "request": None, "undoable": False, "undoes": None}


class LabelStore:
    """Classes and labels of a session, derived from a table to which rows are only added.

    A change is on disk when its method returns, and a kill at any moment loses none of these. A
    label that replaces another one is a further row, and so is an undo. One process at a time
    has the file open.

    Parameters
    ----------
    path : str or path-like
        SQLite file, created with its folder if missing.

    Raises
    ------
    ValueError
        If another process has the file open, or it is damaged or not a file of labels.
    """

    path: Path

    def __init__(self, path: StrPath) -> None:
        self.path = Path(path)
        self._labels_at: tuple[int, dict[str, str]] = 0, {}  # version and its labels
        self.path.parent.mkdir(parents=True, exist_ok=True)
        with self._disk_errors():
            # The session calls from several threads, one at a time.
            self._connection = sqlite3.connect(self.path, timeout=0, check_same_thread=False)
        try:
            with self._disk_errors():
                self._lock_and_check()
        except BaseException:
            self._connection.close()
            raise

    def _lock_and_check(self) -> None:
        """Lock the file until `close`, and make sure that it is an intact file of labels."""
        execute = self._connection.execute
        try:
            # In this mode the first lock lasts until the process closes the file or ends.
            execute("PRAGMA locking_mode = EXCLUSIVE")
            execute("PRAGMA synchronous = EXTRA")
            execute("BEGIN EXCLUSIVE")
            self._connection.commit()

            if execute("SELECT count(*) FROM sqlite_master").fetchone() == (0,):
                self._connection.executescript(_SCHEMA)
            (problem,) = execute("PRAGMA integrity_check(1)").fetchone()
            application, version = (
                execute(f"PRAGMA {name}").fetchone()[0]
                for name in ("application_id", "user_version")
            )
        except sqlite3.OperationalError as error:
            if error.sqlite_errorcode == sqlite3.SQLITE_BUSY:
                raise ValueError(
                    f"The labels in {str(self.path.parent)!r} are open in another process. Use "
                    "its page, or stop it first."
                ) from error
            raise
        except sqlite3.DatabaseError as error:
            raise ValueError(self._damage(error)) from error

        if problem != "ok":
            raise ValueError(self._damage(problem))
        if (application, version) != (_APPLICATION_ID, _VERSION):
            raise ValueError(
                f"{self.path} is not a file of labels that this version of skstylefeat can read. "
                "Move it away, or choose another folder with --work."
            )

    def _damage(self, reason: object) -> str:
        # The check gives several lines.
        reason = " ".join(str(reason).replace("*** in database main ***", "").split())
        return (
            f"{self.path} is damaged ({reason}). Restore it from a backup; or move it away and "
            "give the labels in labels.csv next to it with --labels."
        )

    @property
    def classes(self) -> list[str]:
        """Names of the classes, oldest first."""
        rows = self._select(
            "SELECT label FROM valid WHERE kind = 'class' GROUP BY label ORDER BY min(number)"
        )
        return [name for (name,) in rows]

    @property
    def labels(self) -> dict[str, str]:
        """Class by file: the last label of each that has not been taken back or removed."""
        version = self.version
        if self._labels_at[0] != version:
            # Next to max(), SQLite takes the other columns from the row of the maximum.
            rows = self._select(
                "SELECT file, label, max(number) FROM valid WHERE kind = 'label' GROUP BY file"
            )
            self._labels_at = version, {f: label for f, label, _ in rows if label is not None}
        return self._labels_at[1]

    @property
    def version(self) -> int:
        """Number of the last change, 0 before the first one."""
        return self._select("SELECT coalesce(max(number), 0) FROM events")[0][0]

    @property
    def can_undo(self) -> bool:
        """Whether there is something to undo."""
        return self._last_undoable() is not None

    def find_request(self, request: str | None) -> tuple[str | None] | None:
        """Return the file of a change that was made before, in a tuple, or None."""
        rows = self._select("SELECT file FROM events WHERE request = ?", request)
        return rows[0] if rows else None

    def set_label(self, file: str, label: str | None, request: str | None = None) -> str:
        """Give a file a label, or remove its label, and return the file.

        Raises
        ------
        LabelConflictError
            If `label` is not a class.
        OSError
            If the change could not be written; then it does not count.
        """
        classes = self.classes
        if label is not None and label not in classes:
            known = ", ".join(classes) or "none yet"
            raise LabelConflictError(f"{label!r} is not a class; the classes are: {known}.")
        if self.labels.get(file) != label:
            self._append(_event("label", file=file, label=label, request=request, undoable=True))
        return file

    def add_class(self, name: str, request: str | None = None) -> None:
        """Add a class, which an undo can take back; a name that exists changes nothing."""
        if check_class(name) not in self.classes:
            self._append(_event("class", label=name, request=request, undoable=True))

    def undo(self, request: str | None = None) -> str | None:
        """Take back the last label or class, and return the file whose label it was.

        Raises
        ------
        LabelConflictError
            If there is nothing to undo.
        """
        last = self._last_undoable()
        if last is None:
            raise LabelConflictError("There is nothing to undo.")
        number, file = last
        self._append(_event("undo", file=file, request=request, undoes=number))
        return file

    def define_classes(self, names: Iterable[str]) -> None:
        """Add classes that no undo removes."""
        rows = self._select("SELECT label FROM valid WHERE kind = 'class' AND NOT undoable")
        defined = {name for (name,) in rows}
        new = [name for name in dict.fromkeys(map(check_class, names)) if name not in defined]
        self._append(*(_event("class", label=name) for name in new))

    def import_labels(self, labels: Mapping[str, str], request: str) -> None:
        """Add the labels of a file and their classes; no undo removes them."""
        if self.find_request(request) is not None:
            return
        classes = sorted(set(map(check_class, labels.values())))
        self._append(
            _event("import", request=request),
            *(_event("class", label=name) for name in classes),
            *(_event("label", file=f, label=name) for f, name in labels.items()),
        )

    def close(self) -> None:
        """Close the file, so that another process can open it."""
        self._connection.close()

    def _last_undoable(self) -> tuple[int, str | None] | None:
        rows = self._select(
            "SELECT number, file FROM valid WHERE undoable ORDER BY number DESC LIMIT 1"
        )
        return rows[0] if rows else None

    def _select(self, query: str, *values: Any) -> list[Any]:
        with self._disk_errors():
            return self._connection.execute(query, values).fetchall()

    def _append(self, *events: dict[str, Any]) -> None:
        """Write rows in one transaction: all of them are on disk, or none is."""
        with self._disk_errors(), self._connection:
            self._connection.executemany(
                "INSERT INTO events (kind, file, label, request, undoable, undoes) "
                "VALUES (:kind, :file, :label, :request, :undoable, :undoes)",
                events,
            )

    @contextmanager
    def _disk_errors(self) -> Iterator[None]:
        """Raise errors of SQLite, such as a full disk, as OSError."""
        try:
            yield
        except sqlite3.Error as error:
            raise OSError(f"{self.path}: {error}") from error


def _event(kind: str, **values: Any) -> dict[str, Any]:
    return {**_EMPTY, "kind": kind, **values}
