"""Session of labeling: attributes, questions, labels, and the classes or numbers of all images."""

from __future__ import annotations

import math
import threading
from collections.abc import Callable, Iterable, Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np

from skstylefeat._utils._csv_cells import write_csv
from skstylefeat._utils._label_tables import may_be_thousands, to_number
from skstylefeat._utils._typing import StrPath
from skstylefeat.annotation._answers_file import write_annotations
from skstylefeat.exceptions import LabelConflictError
from skstylefeat.labeling._class_names import class_keys
from skstylefeat.labeling._engine import LabelingEngine
from skstylefeat.labeling._folder import ImageFolder
from skstylefeat.labeling._label_readings import Reading
from skstylefeat.labeling._label_store import Attribute, Change, LabelStore
from skstylefeat.labeling._prepared import Prepared
from skstylefeat.labeling._questions import Questions
from skstylefeat.labeling._session_log import SessionLog

#: Settings of a session that `LabelingEngine` takes.
ENGINE_SETTINGS = ("n_labels", "n_clusters", "n_annotations", "query", "random_state")


class Session:
    """State that the page shows and changes.

    Every change is on disk before its method returns. After each one the labels are also written
    to a CSV file, and so are the names of all images as soon as every label asked for is given.
    All methods may be called from several threads.

    Parameters
    ----------
    images : ImageFolder
        The images.
    prepared : Prepared
        Their features and the questions about them.
    store : LabelStore
        The labels; ``labels.csv``, ``session.log`` and the questions are written next to their
        file.
    out : str or path-like
        CSV file of the names.
    """

    images: ImageFolder
    prepared: Prepared
    labels_path: Path
    out: Path
    log: SessionLog

    def __init__(
        self, images: ImageFolder, prepared: Prepared, store: LabelStore, out: StrPath
    ) -> None:
        self.images = images
        self.prepared = prepared
        self.work = store.path.parent
        self.labels_path = store.path.with_name("labels.csv")
        self.out = Path(out)
        self.log = SessionLog(store.path.with_name("session.log"))
        self._lock = threading.RLock()
        self._store = store
        self._engines: dict[str, LabelingEngine] = {}
        self._written_version = 0  # of the CSV files
        self._copies: dict[int, list[int]] = {}
        for row, original in enumerate(prepared.originals):
            self._copies.setdefault(original, []).append(row)
        self._write_files()

    # Changes

    def label(
        self,
        files: str | Sequence[str],
        label: str | None,
        request: str | None = None,
        *,
        attribute: str | None = None,
        unsure: bool = False,
        n_keys: int = 0,
    ) -> int | None:
        """Give images a label, remove their labels, or note that a person is unsure.

        Parameters
        ----------
        files : str or list of str
            Names of images. Their copies get the label, too, unless they have another one.
        label : str or None
            Their class, or a number with a decimal point or comma; None removes the labels.
        request : str or None, default=None
            Id of the change; a change that is sent again with the same id counts once.
        attribute : str or None, default=None
            None is the first attribute.
        unsure : bool, default=False
            With a label of None: the person cannot label the images. They are not asked about
            again.
        n_keys : int, default=0
            Key presses since the last change, for the log.

        Returns
        -------
        int or None
            Row of the first image.

        Raises
        ------
        LabelConflictError
            If there is no such image, class or attribute, or a text is no number.
        OSError
            If the change could not be written; then it does not count.
        """
        files = [files] if isinstance(files, str) else list(files)
        for file in files:
            if self.images.row(file) is None:
                raise LabelConflictError(f"{file!r} is not an image of {str(self.images.path)!r}.")
        with self._lock:
            name = self._name(attribute)
            if label is not None and self._store.attribute(name).kind == "number":
                label = number_text(label)
            everyone = self._with_copies(files, name)
            change = self._change(
                request, self._store.set_labels, everyone, label, name, request, unsure=unsure
            )
            event = "unsure" if unsure else "label" if label is not None else "remove"
            if change is not None:
                detail = files[0] if len(files) == 1 else ""
                self.log.add(event, name, n_images=len(everyone), n_keys=n_keys, detail=detail)
            self._advance(name)
            self._write_files()
        return self.images.row(files[0]) if files else None

    def add_class(
        self,
        name: str,
        request: str | None = None,
        *,
        attribute: str | None = None,
        n_keys: int = 0,
    ) -> None:
        """Add a class; parameters and errors as for `label`."""
        with self._lock:
            known = self._name(attribute)
            if self._change(request, self._store.add_class, name, known, request) is not None:
                self.log.add("class", known, n_keys=n_keys, detail=name)
            self._write_files()

    def add_attribute(
        self, name: str, kind: str = "class", request: str | None = None, *, n_keys: int = 0
    ) -> None:
        """Add an attribute whose labels are classes ("class") or numbers ("number")."""
        if kind not in ("class", "number"):
            raise LabelConflictError(f"{kind!r} is not a kind; kinds are 'class' and 'number'.")
        with self._lock:
            attribute = Attribute(name, kind)  # type: ignore[arg-type]
            if self._change(request, self._store.add_attribute, attribute, request) is not None:
                self.log.add("attribute", name, n_keys=n_keys, detail=kind)
            self._write_files()

    def undo(self, request: str | None = None, *, n_keys: int = 0) -> tuple[str, int | None]:
        """Take back the last change; return its attribute and the row of its first image."""
        with self._lock:
            known = self._store.find_request(request)
            change = self._change(request, self._store.undo, request) or known
            assert change is not None
            if known is None:
                n_images = len(change.files)
                self.log.add("undo", change.attribute, n_images=n_images, n_keys=n_keys)
            self._write_files()
            row = self.images.row(change.files[0]) if change.files else None
            return change.attribute, row

    def define_classes(self, names: Iterable[str], attribute: str = "") -> None:
        """Add classes that no undo removes."""
        with self._lock:
            self._change(None, self._store.define_classes, names, attribute)
            self._write_files()

    def define_attribute(self, name: str, kind: str = "class") -> None:
        """Add an attribute that no undo removes."""
        attribute = Attribute(name, kind)  # type: ignore[arg-type]
        with self._lock:
            self._change(None, self._store.add_attribute, attribute, undoable=False)
            self._write_files()

    def import_labels(self, labels: Mapping[str, str], digest: str, attribute: str = "") -> None:
        """Add the labels of a file and their classes, once for each content of the file.

        Parameters
        ----------
        labels : dict of str to str
            Label by name of the image.
        digest : str
            Hash of the file's content.
        attribute : str, default=""
        """
        with self._lock:
            if self._store.attribute(attribute).kind == "number":
                labels = {file: number_text(label) for file, label in labels.items()}
            copies: dict[str, str] = {}
            for file, label in labels.items():
                copies |= dict.fromkeys(self._with_copies([file], attribute), label)
            labels = copies | dict(labels)
            self._change(digest, self._store.import_labels, labels, digest, attribute)

    def start(self) -> None:
        """Choose the first questions about all attributes, so that the page need not wait."""
        with self._lock:
            for attribute in self.attributes:
                self._advance(attribute.name)
            self._write_files()

    def _change(
        self, request: str | None, change: Callable[..., Change | None], *values: Any, **more: Any
    ) -> Change | None:
        """Make a change unless its request is known; return what it concerned, None if known."""
        with self._lock:
            if self._store.find_request(request) is not None:
                return None
            return change(*values, **more) or Change("", [])

    def _advance(self, attribute: str) -> None:
        """Start the next round of questions if the last label ended one."""
        engine = self._engine(attribute)
        before = engine.questions.finished
        changed = engine.advance(self.labels_of(attribute), self.unsure_of(attribute))
        if changed:
            detail = f"{len(engine.questions.query)} of {engine.questions.n_labels} asked for"
            self.log.add("round", attribute, detail=detail)
        if changed or engine.questions.finished != before:
            self.prepared.questions[attribute] = engine.questions
            self.prepared.save_questions(self.work)
            self._written_version = 0

    def _with_copies(self, files: Sequence[str], attribute: str) -> list[str]:
        """Return files and their copies that have no label, or the label that is replaced."""
        labels = self._store.labels(attribute)
        everyone = dict.fromkeys(files)
        for file in files:
            row = self.images.row(file)
            for copy in self._copies[self.prepared.originals[row]] if row is not None else []:
                name = self.images.names[copy]
                if labels.get(name) in (None, labels.get(file)):
                    everyone[name] = None
        return list(everyone)

    # State

    @property
    def attributes(self) -> list[Attribute]:
        """The attributes, oldest first."""
        with self._lock:
            return self._store.attributes

    @property
    def labels(self) -> dict[int, Any]:
        """Labels of the first attribute by row, of the images that are in the folder."""
        return self.labels_of(self.attributes[0].name)

    def labels_of(self, attribute: str) -> dict[int, Any]:
        """Return classes or numbers by row, of the images that are in the folder."""
        with self._lock:
            kind = self._store.attribute(attribute).kind
            labels = self._store.labels(attribute)
        rows = {self.images.row(file): label for file, label in labels.items()}
        return {
            row: float(label) if kind == "number" else label
            for row, label in rows.items()
            if row is not None
        }

    def unsure_of(self, attribute: str) -> set[int]:
        """Return the rows that a person could not label."""
        with self._lock:
            rows = {self.images.row(file) for file in self._store.unsure(attribute)}
        return {row for row in rows if row is not None}

    def questions(self, attribute: str | None = None) -> Questions:
        """Return the clusters and questions of an attribute."""
        with self._lock:
            return self._engine(self._name(attribute)).questions

    @property
    def n_asked(self) -> int:
        """Number of labels asked for, of all attributes and rounds."""
        return sum(self._counts(attribute.name)[1] for attribute in self.attributes)

    @property
    def n_answered(self) -> int:
        """Number of questions that are answered, "unsure" included."""
        return sum(self._counts(attribute.name)[0] for attribute in self.attributes)

    @property
    def complete(self) -> bool:
        """Whether all questions about all attributes are answered."""
        return all(self.is_complete(attribute.name) for attribute in self.attributes)

    def is_complete(self, attribute: str) -> bool:
        """Whether all questions about an attribute are answered and none follows."""
        answered, asked = self._counts(attribute)
        return self.questions(attribute).finished and answered == asked

    def _counts(self, attribute: str) -> tuple[int, int]:
        """Return the numbers of answered questions and of questions."""
        questions = self.questions(attribute)
        answers = self.labels_of(attribute).keys() | self.unsure_of(attribute)
        query = questions.query.tolist()
        answered = sum(row in answers for row in query)
        return answered, len(query) if questions.finished else max(questions.n_labels, len(query))

    def reading(self, attribute: str | None = None) -> Reading | None:
        """Return the classes or numbers of all images, or None while there are too few labels."""
        with self._lock:
            name = self._name(attribute)
            return self._engine(name).read(self.labels_of(name))

    def layout(self, attribute: str | None = None) -> dict[str, Any]:
        """Return the part that changes with the clusters only, for JSON."""
        with self._lock:
            name = self._name(attribute)
            engine = self._engine(name)
            groups = engine.questions.by_cluster(engine.shown_rows(self.labels_of(name)))
            rows = {self.images.row(file): why for file, why in self.prepared.foreign.items()}
            copies = {row: x for row, x in self._copies.items() if len(x) > 1}
            return {
                "attribute": name,
                "kind": self._store.attribute(name).kind,
                "grouping": engine.questions.identity,
                "folder": self.images.path.resolve().name,
                "files": self.images.names,
                "foreign": {row: why for row, why in rows.items() if row is not None},
                "copies": {row: len(x) - 1 for x in copies.values() for row in x},
                "clusters": [
                    {"asked": asked.tolist(), "others": others.tolist()} for asked, others in groups
                ],
                "order": engine.questions.query.tolist(),
            }

    def progress(self, attribute: str | None = None) -> dict[str, Any]:
        """Return the part that changes with every label: classes, labels by row, estimates."""
        with self._lock:
            name = self._name(attribute)
            classes = self._store.classes(name)
            labels, unsure = self.labels_of(name), self.unsure_of(name)
            reading = self._engine(name).read(labels)
            complete = self.complete
            counts = {x.name: self._counts(x.name) for x in self.attributes}

            return {
                "attribute": name,
                "grouping": self.questions(name).identity,
                "version": self._store.version,
                "attributes": [
                    {"name": x.name, "kind": x.kind, "done": counts[x.name][0]}
                    | {"asked": counts[x.name][1]}
                    for x in self.attributes
                ],
                "classes": [
                    {"name": name, "keys": keys}
                    for name, keys in zip(classes, class_keys(classes), strict=True)
                ],
                "labels": {row: _text_of(label) for row, label in labels.items()},
                "unsure": sorted(unsure),
                "can_undo": self._store.can_undo,
                "complete": self.is_complete(name),
                "names_file": str(self.out) if complete else None,
                "estimate": estimate_text(reading),
                "useful": _is_useful(reading),
                "n_doubts": len(reading.doubts) if reading is not None else 0,
            }

    def names(self, attribute: str | None = None) -> dict[str, Any]:
        """Return the class or number of every image, for JSON.

        A labeled image has its label, with confidence 1.

        Returns
        -------
        dict
            ``names``, a list of n; ``confidence``, a list of n for classes; ``low`` and ``high``
            for numbers, null where infinite; ``clusters``, for classes a list of one name per
            cluster, the commonest of its images; ``doubts``, labels that contradict the model.

        Raises
        ------
        LabelConflictError
            If there are too few labels.
        """
        with self._lock:
            name = self._name(attribute)
            reading = self.reading(name)
            if reading is None:
                raise LabelConflictError(self._too_few(name))
            doubts = [
                {"row": doubt.row, "label": _text_of(doubt.label)}
                | {"expected": _rounded_text(doubt.expected, reading)}
                | {"probability": _finite(doubt.probability)}
                for doubt in reading.doubts
            ]
            found: dict[str, Any] = {"doubts": doubts, "estimate": estimate_text(reading)}
            if reading.confidence is not None:
                clusters = self.questions(name).clusters
                found["names"] = reading.values
                found["confidence"] = reading.confidence.round(4).tolist()
                found["clusters"] = _commonest(np.asarray(reading.values), clusters)
                return found

            # Numbers are rounded for the page, but labels are shown as they were given.
            assert reading.low is not None and reading.high is not None
            found["names"] = [_rounded_text(value, reading) for value in reading.values]
            for row, label in self.labels_of(name).items():
                found["names"][row] = _text_of(label)
            found["numbers"] = reading.values
            for side, ends in (("low", reading.low), ("high", reading.high)):
                found[side] = [
                    _rounded_text(end, reading) if math.isfinite(end) else None for end in ends
                ]
            return found

    def write_names(self) -> None:
        """Write the classes and numbers of all images to `out`."""
        with self._lock:
            table = self.name_table()
            self.out.parent.mkdir(parents=True, exist_ok=True)
            write_csv(self.out, table)

    def name_table(self) -> list[list[object]]:
        """Return the rows of ``names.csv``, header first.

        The columns are file, cluster, name and confidence in a session of one attribute without a
        name. Otherwise each attribute has a column of its name, followed by its confidence, or by
        the ends of its interval. The last column is the reason why an image looks foreign to the
        generator.
        """
        with self._lock:
            columns: list[list[object]] = [["file", *self.images.names]]
            for attribute in self.attributes:
                name, kind = attribute
                reading = self.reading(name)
                if reading is None:
                    raise LabelConflictError(self._too_few(name))
                if not name:
                    columns.append(["cluster", *self.questions(name).clusters.tolist()])
                if kind == "number":
                    assert reading.low is not None and reading.high is not None
                    columns.append([name, *(_rounded(x, reading) for x in reading.values)])
                    columns.append([f"{name} low", *(_rounded(x, reading) for x in reading.low)])
                    columns.append([f"{name} high", *(_rounded(x, reading) for x in reading.high)])
                    continue
                columns.append([name or "name", *reading.values])
                assert reading.confidence is not None
                confidence = reading.confidence.round(4).tolist()
                columns.append([f"{name} confidence".strip(), *confidence])
            foreign = [self.prepared.foreign.get(file, "") for file in self.images.names]
            columns.append(["foreign", *foreign])
            return [list(row) for row in zip(*columns, strict=True)]

    def label_table(self) -> list[list[object]]:
        """Return file and labels, with one column per attribute, of all labeled images."""
        with self._lock:
            labels = {x.name: self._store.labels(x.name) for x in self.attributes}
            files = [f for f in self.images.names if any(f in x for x in labels.values())]
            table: list[list[object]] = [["file", *(name or "label" for name in labels)]]
            return table + [[f, *(x.get(f, "") for x in labels.values())] for f in files]

    def close(self) -> None:
        """Close the file of labels, so that another process can open it."""
        self._store.close()

    def _name(self, attribute: str | None) -> str:
        """Return the name of an attribute that exists; the first one for None."""
        if attribute is None:
            return self._store.attributes[0].name
        return self._store.attribute(attribute).name

    def _engine(self, attribute: str) -> LabelingEngine:
        """Return the engine of an attribute, with new questions if it is new."""
        if attribute not in self._engines:
            settings = self.prepared.settings
            options = {name: settings[name] for name in ENGINE_SETTINGS if name in settings}
            self._engines[attribute] = LabelingEngine(
                self.prepared,
                self.prepared.questions.get(attribute),
                kind=self._store.attribute(attribute).kind,
                labels=self.labels_of(attribute),
                **options,
            )
            if attribute not in self.prepared.questions:
                self.prepared.questions[attribute] = self._engines[attribute].questions
                self.prepared.save_questions(self.work)
        return self._engines[attribute]

    def _too_few(self, attribute: str) -> str:
        if self._store.attribute(attribute).kind == "number":
            return f"Too few numbers of {attribute!r} yet: give three that are not all equal."
        return "There is no label yet, so there are no names."

    def _write_files(self) -> None:
        """Write the CSV files, unless they hold the last change already."""
        version = self._store.version
        started = all(x.name in self.prepared.questions for x in self.attributes)
        if version == self._written_version or not started:
            return
        if [x.name for x in self.attributes] == [""]:
            clusters = self.questions("").clusters.tolist()
            write_annotations(self.labels_path, self.labels, clusters, self.images.names)
        else:
            write_csv(self.labels_path, self.label_table())
        if self.complete and all(self.reading(x.name) is not None for x in self.attributes):
            self.write_names()
        self._written_version = version


def number_text(text: str) -> str:
    """Return a number that a person has typed as the shortest text that float reads.

    Raises
    ------
    LabelConflictError
        If the text is no number, or its comma may separate thousands.
    """
    number = to_number(text)
    if number is None:
        raise LabelConflictError(f"{text!r} is not a number. Write it as 41, -3.5 or 3,5.")
    if may_be_thousands(text):
        plain = text.strip().replace(",", "")
        point = text.strip().replace(",", ".")
        raise LabelConflictError(
            f"{text!r} may be {plain} or {point}. Write it without the comma, or with a point."
        )
    return repr(number).removesuffix(".0")


def estimate_text(reading: Reading | None) -> str:
    """Return one or two sentences on how good the names or numbers are, "" if unknown."""
    estimate = None if reading is None else reading.estimate
    if estimate is None:
        return ""
    low, high = estimate.low, estimate.high
    if estimate.commonest:
        text = (
            f"About {estimate.score:.0%} right ({low:.0%} to {high:.0%}, from "
            f"{estimate.n_labels} labels); the commonest class, {estimate.commonest!r}, is "
            f"{estimate.baseline:.0%}."
        )
        weak = " Names are not shown to be better than naming all images by the commonest class."
    else:
        text = (
            f"Mean error about {estimate.score:.3g} ({low:.3g} to {high:.3g}, from "
            f"{estimate.n_labels} numbers); that of the mean of all is {estimate.baseline:.3g}."
        )
        weak = " Numbers are not shown to be better than the mean for all images."
    return text if estimate.beats_baseline else text + weak


def _is_useful(reading: Reading | None) -> bool:
    return reading is None or reading.estimate is None or reading.estimate.beats_baseline


def _commonest(names, clusters):
    """Return the commonest name in each cluster."""
    result = []
    for cluster in range(int(clusters.max()) + 1):
        found, counts = np.unique(names[clusters == cluster], return_counts=True)
        result.append(str(found[counts.argmax()]) if len(found) else "")
    return result


def _text_of(label: Any) -> str:
    return repr(label).removesuffix(".0") if isinstance(label, float) else str(label)


def _rounded(value: float, reading: Reading) -> float:
    """Round a number to a hundredth of the mean error, beyond which digits mean nothing."""
    error = reading.estimate.score if reading.estimate is not None else 0.0
    if not math.isfinite(value) or error <= 0:
        return float(value)
    return round(float(value), max(0, 2 - math.floor(math.log10(error))))


def _rounded_text(value: Any, reading: Reading) -> str:
    if isinstance(value, str):
        return value
    error = reading.estimate.score if reading.estimate is not None else 0.0
    digits = max(0, -math.floor(math.log10(error))) if error > 0 else 3
    return f"{value:.{digits}f}"


def _finite(value: float) -> float | None:
    return None if math.isnan(value) else round(value, 4)
