"""SQLite file of attributes, classes, labels and numbers, with undo."""

from __future__ import annotations

import sqlite3
from collections.abc import Iterable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Any, Literal, NamedTuple

from skstylefeat._utils._typing import StrPath
from skstylefeat.exceptions import LabelConflictError
from skstylefeat.labeling._class_names import check_class

_APPLICATION_ID = 0x736B7366  # "sksf"
_VERSION = 2
_TABLE = """
CREATE TABLE events (
    number INTEGER PRIMARY KEY,
    time TEXT NOT NULL DEFAULT CURRENT_TIMESTAMP,
    -- Id that the sender gave the change; a change that is sent twice counts once.
    request TEXT UNIQUE,
    kind TEXT NOT NULL
        CHECK (kind IN ('attribute', 'class', 'label', 'unsure', 'import', 'undo')),
    -- Name of the attribute; '' is the only one of a session without names.
    attribute TEXT NOT NULL DEFAULT '',
    file TEXT,
    -- Name of the class, or a number; NULL in a 'label' row removes the label of the file. In an
    -- 'attribute' row, what its labels are: 'class' or 'number'.
    label TEXT,
    undoable INTEGER NOT NULL CHECK (undoable IN (0, 1)),
    undoes INTEGER UNIQUE REFERENCES events,
    -- Rows of one change, such as one key for many images, share the number of its first row.
    change INTEGER NOT NULL
);
CREATE INDEX events_by_file ON events (attribute, kind, file, label);
CREATE INDEX events_by_change ON events (change);
-- Changes that no 'undo' row has taken back.
CREATE VIEW valid AS
    SELECT * FROM events AS event
    WHERE NOT EXISTS (SELECT 1 FROM events WHERE undoes = event.number);
"""
_SCHEMA = f"""
BEGIN;
PRAGMA application_id = {_APPLICATION_ID};
PRAGMA user_version = {_VERSION};
{_TABLE}
COMMIT;
"""
# Version 1 had one attribute without a name, and one row per change.
_UPGRADE = f"""
BEGIN;
DROP VIEW valid;
DROP INDEX events_by_file;
ALTER TABLE events RENAME TO events_1;
{_TABLE}
INSERT INTO events (number, time, request, kind, file, label, undoable, undoes, change)
    SELECT number, time, request, kind, file, label, undoable, undoes, number FROM events_1;
DROP TABLE events_1;
PRAGMA user_version = {_VERSION};
COMMIT;
"""
_EMPTY = {
    "file": None,
    "label": None,
    "request": None,
    "undoable": False,
    "undoes": None,
    "attribute": "",
}


class Attribute(NamedTuple):
    """One question that is asked of images.

    Attributes
    ----------
    name : str
        "" in a session of one attribute without a name.
    kind : {"class", "number"}
        Labels are classes, or numbers such as years.
    """

    name: str = ""
    kind: Literal["class", "number"] = "class"


class Change(NamedTuple):
    """Attribute and files that a change concerned; no file if it concerned none."""

    attribute: str
    files: list[str]


class LabelStore:
    """Attributes, classes and labels of a session, from a table to which rows are only added.

    A change is on disk when its method returns, and a kill at any moment loses none of these. A
    label that replaces another one is a further row, and so is an undo. One process at a time
    has the file open. Files of earlier versions are upgraded when they are opened.

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
        # Version, and the last answer of every attribute: (label or None, whether unsure) by file.
        self._answers_at: tuple[int, dict[str, dict[str, tuple[str | None, bool]]]] = 0, {}
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
            if problem == "ok" and self._format() == (_APPLICATION_ID, 1):
                self._connection.executescript(_UPGRADE)
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
        if self._format() != (_APPLICATION_ID, _VERSION):
            raise ValueError(
                f"{self.path} is not a file of labels that this version of skstylefeat can read. "
                "Move it away, or choose another folder with --work."
            )

    def _format(self) -> tuple[int, int]:
        """Return the numbers by which SQLite files name their application and version."""
        names = "application_id", "user_version"
        first, second = (self._select(f"PRAGMA {name}")[0][0] for name in names)
        return first, second

    def _damage(self, reason: object) -> str:
        # The check gives several lines.
        reason = " ".join(str(reason).replace("*** in database main ***", "").split())
        return (
            f"{self.path} is damaged ({reason}). Restore it from a backup; or move it away and "
            "give the labels in labels.csv next to it with --labels."
        )

    @property
    def attributes(self) -> list[Attribute]:
        """Attributes, oldest first; one without a name if none has been added."""
        rows = self._select(
            "SELECT attribute, label FROM valid WHERE kind = 'attribute' ORDER BY number"
        )
        named = [Attribute(*row) for row in dict(rows).items()]
        unnamed = self._select("SELECT 1 FROM valid WHERE attribute = '' AND kind = 'class'")
        return [Attribute()] * bool(unnamed or not named) + named

    def attribute(self, name: str) -> Attribute:
        """Return an attribute by its name, or raise `LabelConflictError`."""
        for attribute in self.attributes:
            if attribute.name == name:
                return attribute
        known = ", ".join(repr(attribute.name) for attribute in self.attributes)
        raise LabelConflictError(f"{name!r} is not an attribute; the attributes are: {known}.")

    def classes(self, attribute: str = "") -> list[str]:
        """Return the names of the classes of an attribute, oldest first."""
        rows = self._select(
            "SELECT label FROM valid WHERE kind = 'class' AND attribute = ? "
            "GROUP BY label ORDER BY min(number)",
            attribute,
        )
        return [name for (name,) in rows]

    def labels(self, attribute: str = "") -> dict[str, str]:
        """Return the label by file: the last one that has not been taken back or removed."""
        answers = self._answers().get(attribute, {})
        return {file: label for file, (label, _) in answers.items() if label is not None}

    def unsure(self, attribute: str = "") -> set[str]:
        """Return the files that a person could not label."""
        answers = self._answers().get(attribute, {})
        return {file for file, (_, unsure) in answers.items() if unsure}

    def _answers(self) -> dict[str, dict[str, tuple[str | None, bool]]]:
        version = self.version
        if self._answers_at[0] != version:
            # Next to max(), SQLite takes the other columns from the row of the maximum.
            rows = self._select(
                "SELECT attribute, file, label, kind = 'unsure', max(number) FROM valid "
                "WHERE kind IN ('label', 'unsure') GROUP BY attribute, file"
            )
            answers: dict[str, dict[str, tuple[str | None, bool]]] = {}
            for attribute, file, label, unsure, _ in rows:
                answers.setdefault(attribute, {})[file] = label, bool(unsure)
            self._answers_at = version, answers
        return self._answers_at[1]

    @property
    def version(self) -> int:
        """Number of the last change, 0 before the first one."""
        return self._select("SELECT coalesce(max(number), 0) FROM events")[0][0]

    @property
    def can_undo(self) -> bool:
        """Whether there is something to undo."""
        return bool(self._last_undoable())

    def find_request(self, request: str | None) -> Change | None:
        """Return what a change concerned that was made before, or None."""
        rows = self._select(
            "SELECT attribute, file FROM events WHERE change = "
            "(SELECT change FROM events WHERE request = ?) ORDER BY number",
            request,
        )
        return _change_of(rows) if rows else None

    def set_labels(
        self,
        files: Sequence[str],
        label: str | None,
        attribute: str = "",
        request: str | None = None,
        *,
        unsure: bool = False,
    ) -> Change:
        """Give files a label, remove their labels, or note that a person is unsure.

        Parameters
        ----------
        files : list of str
        label : str or None
            A class, or the text of a number; None removes the labels.
        attribute : str, default=""
        request : str or None, default=None
            Id of the change.
        unsure : bool, default=False
            With a `label` of None: the person has seen the images, but cannot label them.

        Returns
        -------
        Change

        Raises
        ------
        LabelConflictError
            If `label` is not a class, or there is no such attribute.
        OSError
            If the change could not be written; then it does not count.
        """
        kind = self.attribute(attribute).kind
        classes = self.classes(attribute)
        if kind == "class" and label is not None and label not in classes:
            known = ", ".join(classes) or "none yet"
            raise LabelConflictError(f"{label!r} is not a class; the classes are: {known}.")
        answers = self._answers().get(attribute, {})
        changed = [f for f in files if answers.get(f, (None, False)) != (label, unsure)]
        values = {"attribute": attribute, "label": label, "undoable": True}
        self._append(
            *(_event("unsure" if unsure else "label", file=file, **values) for file in changed),
            request=request,
        )
        return Change(attribute, list(files))

    def add_class(self, name: str, attribute: str = "", request: str | None = None) -> Change:
        """Add a class, which an undo can take back; a name that exists changes nothing."""
        if self.attribute(attribute).kind != "class":
            raise LabelConflictError(f"{attribute!r} has numbers, no classes.")
        if check_class(name) not in self.classes(attribute):
            event = _event("class", attribute=attribute, label=name, undoable=True)
            self._append(event, request=request)
        return Change(attribute, [])

    def add_attribute(
        self, attribute: Attribute, request: str | None = None, *, undoable: bool = True
    ) -> Change:
        """Add an attribute; one that exists changes nothing.

        Raises
        ------
        LabelConflictError
            If the name is not valid, or the attribute exists with labels of the other kind.
        """
        name, kind = attribute
        check_class(name)
        known = dict(self.attributes)
        if known.get(name, kind) != kind:
            raise LabelConflictError(f"The labels of {name!r} are of the kind {known[name]!r}.")
        if name not in known:
            event = _event("attribute", attribute=name, label=kind, undoable=undoable)
            self._append(event, request=request)
        return Change(name, [])

    def undo(self, request: str | None = None) -> Change:
        """Take back the last change, and return what it concerned.

        Raises
        ------
        LabelConflictError
            If there is nothing to undo.
        """
        last = self._last_undoable()
        if not last:
            raise LabelConflictError("There is nothing to undo.")
        self._append(
            *(_event("undo", undoes=n, attribute=name, file=file) for n, name, file in last),
            request=request,
        )
        return _change_of([row[1:] for row in last])

    def define_classes(self, names: Iterable[str], attribute: str = "") -> None:
        """Add classes that no undo removes."""
        rows = self._select(
            "SELECT label FROM valid WHERE kind = 'class' AND attribute = ? AND NOT undoable",
            attribute,
        )
        defined = {name for (name,) in rows}
        new = [name for name in dict.fromkeys(map(check_class, names)) if name not in defined]
        self._append(*(_event("class", attribute=attribute, label=name) for name in new))

    def import_labels(self, labels: Mapping[str, str], request: str, attribute: str = "") -> None:
        """Add the labels of a file and their classes; no undo removes them."""
        if self.find_request(request) is not None:
            return
        classes = []
        if self.attribute(attribute).kind == "class":
            classes = sorted(set(map(check_class, labels.values())))
        self._append(
            _event("import", attribute=attribute),
            *(_event("class", attribute=attribute, label=name) for name in classes),
            *(_event("label", attribute=attribute, file=f, label=x) for f, x in labels.items()),
            request=request,
        )

    def close(self) -> None:
        """Close the file, so that another process can open it."""
        self._connection.close()

    def _last_undoable(self) -> list[tuple[int, str, str | None]]:
        """Return number, attribute and file of the rows of the last change that can be undone."""
        return self._select(
            "SELECT number, attribute, file FROM valid WHERE undoable AND change = "
            "(SELECT max(change) FROM valid WHERE undoable) ORDER BY number"
        )

    def _select(self, query: str, *values: Any) -> list[Any]:
        with self._disk_errors():
            return self._connection.execute(query, values).fetchall()

    def _append(self, *events: dict[str, Any], request: str | None = None) -> None:
        """Write the rows of a change in one transaction: all of them are on disk, or none is."""
        if not events:
            return
        events[0]["request"] = request
        change = self.version + 1
        with self._disk_errors(), self._connection:
            self._connection.executemany(
                "INSERT INTO events "
                "(kind, attribute, file, label, request, undoable, undoes, change) VALUES "
                f"(:kind, :attribute, :file, :label, :request, :undoable, :undoes, {change})",
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


def _change_of(rows: Sequence[tuple[str, str | None]]) -> Change:
    return Change(rows[0][0], [file for _, file in rows if file is not None])
