"""Images of a session and the features from which their labels are read, kept on disk."""

from __future__ import annotations

import hashlib
import json
from dataclasses import dataclass, field
from functools import cached_property
from pathlib import Path
from typing import Any, Self

import numpy as np
from numpy.typing import ArrayLike, NDArray

from skstylefeat._utils._files import replace_file
from skstylefeat._utils._typing import StrPath
from skstylefeat.labeling._questions import Questions

_FILE = "session.json"
_FORMAT = 2
# Features of more bytes than this are kept in half precision, which ranks channels as well.
_MOST_BYTES = 2**28
_LARGEST_HALF = 60_000


@dataclass
class Prepared:
    """Features of the images of a session, and the questions about them.

    Parameters
    ----------
    files : list of [str, int]
        Name and bytes of every image.
    features : ndarray of shape (n, d)
        The maximum of every channel's map, then the style codes. Kept in float32, or in float16
        where that takes more than 256 MB.
    n_maxima : int
        Number of maxima among the columns.
    settings : dict
        See `Preparation`.
    skipped : list of [str, int]
        Name and bytes of the images that were left out because they cannot be read.
    originals : list of int
        For every image the row of the first one that has the same content, or nearly so: its own
        row unless it is a copy.
    foreign : dict of str to str
        Reason, by name, for the images that lie outside the generator's domain.
    questions : dict of str to Questions
        Clusters and questions by attribute.
    seconds : dict of str to float
        Duration of each step of the preparation.
    """

    files: list[list[Any]]
    features: NDArray[np.floating]
    n_maxima: int
    settings: dict[str, Any] = field(default_factory=dict)
    skipped: list[list[Any]] = field(default_factory=list)
    originals: list[int] = field(default_factory=list)
    foreign: dict[str, str] = field(default_factory=dict)
    questions: dict[str, Questions] = field(default_factory=dict)
    seconds: dict[str, float] = field(default_factory=dict)

    def __post_init__(self) -> None:
        if not self.originals:
            self.originals = list(range(len(self.files)))

    def __len__(self) -> int:
        return len(self.files)

    @cached_property
    def units(self) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
        """Mean and standard deviation of every column; 1 for constant columns."""
        mean = self.features.mean(axis=0, dtype=np.float64)
        deviation = self.features.std(axis=0, dtype=np.float64)
        return mean, np.where(deviation > 1e-6 * np.abs(mean) + 1e-12, deviation, np.inf)

    def standardized(self, rows: Any = slice(None), columns: Any = slice(None)) -> NDArray[Any]:
        """Return columns of rows, of mean 0 and deviation 1 over all images; constant ones are 0.

        Parameters
        ----------
        rows, columns : slice or ndarray of int, default=slice(None)

        Returns
        -------
        ndarray of shape (n_rows, n_columns), float64
        """
        mean, deviation = (values[columns] for values in self.units)
        # Whichever is less is read from the disk first.
        if isinstance(rows, slice):
            values = self.features[rows, columns]
        else:
            values = self.features[rows][:, columns]
        return (values.astype(np.float64) - mean) / deviation

    def save(self, folder: StrPath) -> None:
        """Write everything to a folder; a kill leaves the previous state or this one."""
        folder = Path(folder)
        folder.mkdir(parents=True, exist_ok=True)

        # The features' name is the hash of their content, so that the table below never refers
        # to features of another state. Features that were read from that file are written already.
        features = compact(self.features)
        name = f"features-{hashlib.sha256(features.tobytes()).hexdigest()[:16]}.npy"
        if not (folder / name).exists():
            replace_file(folder / name, lambda file: np.save(file, features))
        self._features_name = name
        self.save_questions(folder)
        for old in folder.glob("features-*.npy"):
            if old.name != name:
                old.unlink()

    def save_questions(self, folder: StrPath) -> None:
        """Write everything but the features, which `save` has written."""
        facts = {
            "format": _FORMAT,
            "settings": self.settings,
            "features": self._features_name,
            "n_maxima": self.n_maxima,
            "files": self.files,
            "skipped": self.skipped,
            "originals": [int(row) for row in self.originals],
            "foreign": self.foreign,
            "questions": {name: x.to_json() for name, x in self.questions.items()},
            "seconds": self.seconds,
        }
        text = json.dumps(facts, ensure_ascii=False)
        replace_file(Path(folder) / _FILE, lambda file: file.write(text.encode()))

    @classmethod
    def load(cls, folder: StrPath) -> Self | None:
        """Return what `save` wrote to a folder, or None if it wrote nothing.

        Raises
        ------
        ValueError
            If the files are damaged or of a later version.
        """
        folder = Path(folder)
        if not (folder / _FILE).exists():
            return None
        try:
            facts = json.loads((folder / _FILE).read_text(encoding="utf-8"))
            if facts["format"] == 1:
                facts = _upgraded(facts)
            if facts["format"] != _FORMAT:
                raise ValueError(f"format {facts['format']}, expected {_FORMAT}")

            # The features stay in the file until they are used.
            features = np.load(folder / facts["features"], mmap_mode="r", allow_pickle=False)
            n_rows = len(features)
            questions = {k: Questions.from_json(x) for k, x in facts["questions"].items()}
            lengths = [len(facts["files"]), *(len(x.clusters) for x in questions.values())]
            if any(length != n_rows for length in lengths) or features.ndim != 2:
                raise ValueError("the numbers of rows differ")

            names = ("settings", "skipped", "originals", "foreign")
            prepared = cls(
                facts["files"],
                features,
                facts.get("n_maxima", features.shape[1]),
                questions=questions,
                seconds=facts["seconds"],
                **{name: facts[name] for name in names},
            )
            prepared._features_name = facts["features"]
            return prepared
        except (ValueError, KeyError, TypeError, AttributeError, OSError, EOFError) as error:
            raise ValueError(
                f"The clusters in {str(folder)!r} cannot be read ({error}). --recluster makes new "
                "ones and keeps all labels."
            ) from error


def compact(features: ArrayLike) -> NDArray[np.floating]:
    """Return features in float32, or in float16 where they are large and fit."""
    features = np.ascontiguousarray(features)
    if features.dtype == np.float16:
        return features
    large = 4 * features.size > _MOST_BYTES and np.abs(features).max() < _LARGEST_HALF
    return np.ascontiguousarray(features, np.float16 if large else np.float32)


def _upgraded(facts):
    """Return the facts of format 1, which had one attribute and the clustered features only."""
    asked = len(facts["query"])
    questions = {"clusters": facts["clusters"], "query": facts["query"], "n_labels": asked}
    return {
        **facts,
        "format": _FORMAT,
        "originals": [],
        "foreign": {},
        "questions": {"": questions},
        "seconds": {},
    }
