"""Session of labeling: clusters, labels and the names of all images."""

from __future__ import annotations

import csv
import io
import threading
from collections.abc import Callable, Iterable, Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np

from skstylefeat._utils._csv_cells import escape_cell
from skstylefeat._utils._files import replace_file
from skstylefeat._utils._typing import StrPath
from skstylefeat.annotation._annotator import ClusterAnnotator
from skstylefeat.annotation._answers_file import write_annotations
from skstylefeat.exceptions import LabelConflictError
from skstylefeat.labeling._class_names import class_keys
from skstylefeat.labeling._folder import ImageFolder
from skstylefeat.labeling._grouping import Grouping
from skstylefeat.labeling._label_store import LabelStore


class Session:
    """State that the page shows and changes.

    Every change is on disk before its method returns. After each one the labels are also written
    to a CSV file, and so are the names of all images as soon as every label asked for is given.
    All methods may be called from several threads.

    Parameters
    ----------
    images : ImageFolder
        The images.
    grouping : Grouping
        Their clusters.
    store : LabelStore
        The labels; ``labels.csv`` is written next to their file.
    out : str or path-like
        CSV file of the names.
    """

    images: ImageFolder
    grouping: Grouping
    labels_path: Path
    out: Path

    def __init__(
        self, images: ImageFolder, grouping: Grouping, store: LabelStore, out: StrPath
    ) -> None:
        self.images = images
        self.grouping = grouping
        self.labels_path = store.path.with_name("labels.csv")
        self.out = Path(out)
        self._lock = threading.RLock()
        self._store = store
        self._annotator: ClusterAnnotator | None = None
        self._groups = grouping.by_cluster()
        self._query = set(grouping.query.tolist())
        self._written_version = 0  # of the CSV files
        self._write_files()

    def label(self, file: str, label: str | None, request: str | None = None) -> int | None:
        """Give an image a label, or remove its label.

        Parameters
        ----------
        file : str
            Name of the image.
        label : str or None
            Its class; None removes the label.
        request : str or None, default=None
            Id of the change; a change that is sent again with the same id counts once.

        Returns
        -------
        int or None
            Row of the image.

        Raises
        ------
        LabelConflictError
            If there is no such image or class.
        OSError
            If the change could not be written; then it does not count.
        """
        if self.images.row(file) is None:
            raise LabelConflictError(f"{file!r} is not an image of {str(self.images.path)!r}.")
        return self._change(request, self._store.set_label, file, label, request)

    def add_class(self, name: str, request: str | None = None) -> int | None:
        """Add a class; parameters and errors as for `label`."""
        return self._change(request, self._store.add_class, name, request)

    def undo(self, request: str | None = None) -> int | None:
        """Take back the last label or class, and return the row of the label's image."""
        return self._change(request, self._store.undo, request)

    def define_classes(self, names: Iterable[str]) -> None:
        """Add classes that no undo removes."""
        self._change(None, self._store.define_classes, names)

    def import_labels(self, labels: Mapping[str, str], digest: str) -> None:
        """Add the labels of a file and their classes, once for each content of the file.

        Parameters
        ----------
        labels : dict of str to str
            Class by name of the image.
        digest : str
            Hash of the file's content.
        """
        self._change(digest, self._store.import_labels, labels, digest)

    def _change(
        self, request: str | None, change: Callable[..., str | None], *values: Any
    ) -> int | None:
        """Make a change unless its request is known; return the row that it concerns."""
        with self._lock:
            known = self._store.find_request(request)
            file = change(*values) if known is None else known[0]
            self._write_files()
            return None if file is None else self.images.row(file)

    @property
    def labels(self) -> dict[int, str]:
        """Classes by row, of the images that are in the folder."""
        with self._lock:
            rows = {self.images.row(file): label for file, label in self._store.labels.items()}
        return {row: label for row, label in rows.items() if row is not None}

    @property
    def n_asked(self) -> int:
        """Number of labels asked for."""
        return len(self._query)

    @property
    def n_answered(self) -> int:
        """Number of labels asked for that are given."""
        return len(self._query & self.labels.keys())

    @property
    def complete(self) -> bool:
        """Whether all labels asked for are given."""
        return self.n_answered == self.n_asked

    def layout(self) -> dict[str, Any]:
        """Return the part of the session that does not change, files and clusters, for JSON."""
        return {
            "grouping": self.grouping.identity,
            "folder": self.images.path.resolve().name,
            "files": self.images.names,
            "clusters": [
                {"asked": asked.tolist(), "others": others.tolist()}
                for asked, others in self._groups
            ],
        }

    def progress(self) -> dict[str, Any]:
        """Return the part that changes: classes with their keys, and labels by row."""
        with self._lock:
            classes = self._store.classes
            complete = self.complete
            return {
                "grouping": self.grouping.identity,
                "version": self._store.version,
                "classes": [
                    {"name": name, "keys": keys}
                    for name, keys in zip(classes, class_keys(classes), strict=True)
                ],
                "labels": self.labels,
                "can_undo": self._store.can_undo,
                "complete": complete,
                "names_file": str(self.out) if complete else None,
            }

    def names(self) -> dict[str, list[Any]]:
        """Return the name and confidence of every image, and the name of every cluster.

        A labeled image has its label, with confidence 1. The others are named by
        `ClusterAnnotator`.

        Returns
        -------
        dict
            ``names`` and ``confidence``, lists of n; ``clusters``, a list of one name per cluster.

        Raises
        ------
        LabelConflictError
            If there is no label yet.
        """
        with self._lock:
            labels = self.labels
            annotator = self._annotated(labels)
            rows = np.asarray(self.grouping.rows)
            names = annotator.predict(rows).tolist()
            confidence = annotator.predict_proba(rows).max(axis=1).round(4).tolist()

            # A label counts for its own image, even where its cluster is named otherwise.
            for row, label in labels.items():
                names[row], confidence[row] = label, 1.0
            clusters = annotator.cluster_labels_.tolist()
        return {"names": names, "confidence": confidence, "clusters": clusters}

    def write_names(self) -> None:
        """Write the names of all images to `out`: file, cluster, name, confidence."""
        with self._lock:
            found = self.names()
            clusters = self.grouping.clusters.tolist()
            columns = (self.images.names, clusters, found["names"], found["confidence"])
            self.out.parent.mkdir(parents=True, exist_ok=True)
            header = ("file", "cluster", "name", "confidence")
            write_table(self.out, [header, *zip(*columns, strict=True)])

    def close(self) -> None:
        """Close the file of labels, so that another process can open it."""
        self._store.close()

    def _annotated(self, labels: Mapping[int, str]) -> ClusterAnnotator:
        if not labels:
            raise LabelConflictError("There is no label yet, so there are no names.")
        if self._annotator is None:
            self._annotator = self.grouping.annotator()
        removed = dict.fromkeys(self._annotator.annotations_.keys() - labels.keys())
        return self._annotator.annotate({**removed, **labels})

    def _write_files(self) -> None:
        """Write the CSV files, unless they hold the last change already."""
        version = self._store.version
        if version == self._written_version:
            return
        clusters = self.grouping.clusters.tolist()
        write_annotations(self.labels_path, self.labels, clusters, self.images.names)
        if self.complete:
            self.write_names()
        self._written_version = version


def write_table(path: Path, rows: Iterable[Sequence[object]]) -> None:
    """Write the rows of a CSV file, header first, replacing the file as a whole."""
    text = io.StringIO(newline="")
    csv.writer(text).writerows([escape_cell(cell) for cell in row] for row in rows)
    replace_file(path, lambda file: file.write(text.getvalue().encode()))
