"""Log of a session: what was done when, with how many key presses."""

from __future__ import annotations

import time
from datetime import datetime
from pathlib import Path

from skstylefeat._utils._typing import StrPath

_HEADER = ("time", "seconds", "event", "attribute", "images", "keys", "detail")


class SessionLog:
    """A table of tabs, ``session.log``, to which lines are added.

    Parameters
    ----------
    path : str or path-like
        Created with a header if missing.

    Attributes
    ----------
    n_keys : int
        Key presses of this run of the command.
    n_labels : int
        Images that got a label in this run, copies included.
    """

    path: Path
    n_keys: int
    n_labels: int

    def __init__(self, path: StrPath) -> None:
        self.path = Path(path)
        self.n_keys = self.n_labels = 0
        self._start = time.monotonic()
        self._first_label: float | None = None
        self._last_label = 0.0
        if not self.path.exists():
            self._append(_HEADER)

    def add(
        self,
        event: str,
        attribute: str = "",
        *,
        n_images: int = 0,
        n_keys: int = 0,
        detail: str = "",
    ) -> None:
        """Add a line; `n_keys` are the key presses since the line before it."""
        now = time.monotonic() - self._start
        self.n_keys += n_keys
        if event == "label":
            self.n_labels += n_images
            self._first_label = now if self._first_label is None else self._first_label
            self._last_label = now
        stamp = datetime.now().astimezone().isoformat(timespec="seconds")
        detail = " ".join(detail.split())
        self._append((stamp, f"{now:.1f}", event, attribute, n_images, n_keys, detail))

    def summary(self) -> str:
        """Return one sentence on the labels, key presses and seconds of this run, "" without."""
        if not self.n_labels:
            return ""
        seconds = self._last_label - (self._first_label or 0.0)
        # The first label marks the start, so one label less fits between the two moments.
        per_label = (
            f", {seconds / (self.n_labels - 1):.1f} s per label" if self.n_labels > 1 else ""
        )
        return (
            f"{self.n_labels} labels with {self.n_keys} key presses in {seconds:.0f} s{per_label}; "
            f"log: {self.path}"
        )

    def _append(self, cells: tuple[object, ...]) -> None:
        with open(self.path, "a", encoding="utf-8") as file:
            file.write("\t".join(str(cell) for cell in cells) + "\n")
