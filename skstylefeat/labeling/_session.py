"""A session: clusters, labels that are on disk before they count, and names for all images."""

import csv
import io
import threading
import time
from pathlib import Path

import numpy as np

from skstylefeat._utils._files import replace_file
from skstylefeat.annotation._answers_file import write_annotations
from skstylefeat.labeling._journal import Journal
from skstylefeat.labeling._state import LabelState, RefusedError, class_keys


class Session:
    """What a page shows and changes.

    Every change goes to a journal first and counts once it is on disk. The labels are also kept
    as a CSV file, written anew at every change, and so are the names of all images as soon as all
    labels that were asked for have come. All methods may be called from several threads.

    Parameters
    ----------
    images : ImageFolder
        The images.
    grouping : Grouping
        Their clusters.
    work : path-like
        Folder of the journal ``journal.jsonl`` and of ``labels.csv``.
    out : path-like
        CSV file of the names.
    journal : Journal or None, default=None
        The journal, where it is open already.
    """

    def __init__(self, images, grouping, work, out, journal=None):
        self.images = images
        self.grouping = grouping
        self.labels_path = Path(work) / "labels.csv"
        self.out = Path(out)
        self._lock = threading.RLock()
        self._journal = journal or Journal(Path(work) / "journal.jsonl")
        self._state = LabelState()
        for entry in self._journal.entries:
            self._state.apply(entry)
        self._annotator = None
        self._groups = grouping.by_cluster()
        self._query = set(grouping.query.tolist())
        self._written = False
        if self._state.version:
            self._write()

    def submit(self, entry):
        """Take a label, a class, an undo or labels of a file.

        Parameters
        ----------
        entry : dict
            As in `LabelState`; with an ``id``, an entry that comes again counts once.

        Returns
        -------
        int or None
            Row that the entry is about.

        Raises
        ------
        RefusedError
            If the entry makes no sense: an unknown class or file, nothing to undo.
        OSError
            If it could not be written; then it does not count.
        """
        with self._lock:
            if self._state.knows(entry):
                if not self._written:
                    self._write()
                return self.images.row(entry.get("file"))
            if entry["op"] == "label" and self.images.row(entry["file"]) is None:
                raise RefusedError(f"{entry['file']!r} is no image of {str(self.images.path)!r}.")
            if not self._state.changes(entry):
                return self.images.row(entry.get("file"))
            self._journal.append({"time": round(time.time(), 1), **entry})
            file = self._state.apply(entry)
            self._write()
            return self.images.row(file)

    def take_classes(self, names):
        """Take the classes that the program was given."""
        self.submit({"op": "classes", "names": list(names)})

    def take_labels(self, labels, digest):
        """Take the labels of a file, once for each content of it, and their classes.

        Parameters
        ----------
        labels : dict of str to str
            Class by file.
        digest : str
            Content hash of the file.
        """
        with self._lock:
            if digest not in self._state.imported:
                self.take_classes(sorted(set(labels.values()) - set(self._state.classes)))
                self.submit({"op": "import", "digest": digest, "labels": labels})

    @property
    def labels(self):
        """Classes by row, of the images that are in the folder."""
        with self._lock:
            rows = {self.images.row(file): label for file, label in self._state.labels.items()}
        return {row: label for row, label in rows.items() if row is not None}

    @property
    def n_asked(self):
        """Number of labels asked for."""
        return len(self._query)

    @property
    def n_answered(self):
        """Number of those that have come."""
        return len(self._query & self.labels.keys())

    @property
    def complete(self):
        """Whether all have come."""
        return self.n_answered == self.n_asked

    def layout(self):
        """Return what stays the same: files and clusters, as JSON can hold it."""
        return {
            "grouping": self.grouping.identity,
            "folder": self.images.path.resolve().name,
            "files": self.images.names,
            "clusters": [
                {"asked": asked.tolist(), "others": others.tolist()}
                for asked, others in self._groups
            ],
        }

    def progress(self):
        """Return what changes: classes with their keys, and labels by row."""
        with self._lock:
            return {
                "grouping": self.grouping.identity,
                "version": self._state.version,
                "classes": [
                    {"name": name, "keys": keys}
                    for name, keys in zip(
                        self._state.classes, class_keys(self._state.classes), strict=True
                    )
                ],
                "labels": self.labels,
                "can_undo": self._state.can_undo,
                "complete": self.complete,
                "names_file": str(self.out) if self.complete else None,
            }

    def names(self):
        """Return the name and confidence of every image, and the name of every cluster.

        Images that a person labeled have that label, with confidence 1; the others are named
        by `ClusterAnnotator`.

        Returns
        -------
        dict
            ``names`` and ``confidence``, lists of n; ``clusters``, list of one name a cluster.

        Raises
        ------
        RefusedError
            If there is no label yet.
        """
        with self._lock:
            annotator = self._annotated()
            rows = np.asarray(self.grouping.rows)
            names = annotator.predict(rows).tolist()
            confidence = annotator.predict_proba(rows).max(axis=1).round(4).tolist()
            for row, label in self.labels.items():
                names[row], confidence[row] = label, 1.0
            clusters = annotator.cluster_labels_.tolist()
        return {"names": names, "confidence": confidence, "clusters": clusters}

    def write_names(self):
        """Write the names of all images to `out`: file, cluster, name, confidence."""
        with self._lock:
            found = self.names()
            text = io.StringIO(newline="")
            writer = csv.writer(text)
            writer.writerow(["file", "cluster", "name", "confidence"])
            clusters = self.grouping.clusters.tolist()
            columns = (self.images.names, clusters, found["names"], found["confidence"])
            writer.writerows(zip(*columns, strict=True))
            self.out.parent.mkdir(parents=True, exist_ok=True)
            replace_file(self.out, lambda file: file.write(text.getvalue().encode()))

    def close(self):
        """Let other processes have the journal."""
        self._journal.close()

    def _annotated(self):
        labels = self.labels
        if not labels:
            raise RefusedError("There is no label yet, so there are no names.")
        if self._annotator is None:
            self._annotator = self.grouping.annotator()
        gone = dict.fromkeys(self._annotator.annotations_.keys() - labels.keys())
        return self._annotator.annotate({**gone, **labels})

    def _write(self):
        self._written = False
        clusters = self.grouping.clusters.tolist()
        write_annotations(self.labels_path, self.labels, clusters, self.images.names)
        if self.complete:
            self.write_names()
        self._written = True
