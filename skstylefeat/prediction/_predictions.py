"""Table of predictions of photos."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from skstylefeat._utils._csv_cells import write_csv
from skstylefeat._utils._typing import StrPath


@dataclass(frozen=True)
class Predictions:
    """Predictions of photos, by :meth:`PhotoModel.predict`.

    Attributes
    ----------
    names : list of str
        Names of the photos.
    values : dict of str to ndarray of shape (n,)
        By target: float64 with NaN, or classes with None, where a photo cannot be read.
    lows, highs : dict of str to ndarray of shape (n,)
        Ends of the 90 % intervals of numbers; infinite with fewer than 9 labels.
    probabilities : dict of str to ndarray of shape (n,)
        Of the predicted classes.
    in_domain : ndarray of shape (n,), object
        True, False, or None where it is not known.
    readable : ndarray of shape (n,), bool
    notes : list of str
        What is wrong with a photo, or "".
    """

    names: list[str]
    values: Mapping[str, NDArray[Any]]
    lows: Mapping[str, NDArray[np.float64]]
    highs: Mapping[str, NDArray[np.float64]]
    probabilities: Mapping[str, NDArray[np.float64]]
    in_domain: NDArray[np.object_]
    readable: NDArray[np.bool_]
    notes: list[str]

    def __len__(self) -> int:
        return len(self.names)

    @property
    def header(self) -> list[str]:
        """Columns of the table."""
        columns = ["file"]
        for name in self.values:
            ends = [f"{name}_low", f"{name}_high"]
            columns += [name, *(ends if name in self.lows else [f"{name}_probability"])]
        return [*columns, "in_domain", "readable", "note"]

    def rows(self) -> list[list[str]]:
        """Return the cells of all photos as texts."""
        domain = {True: "yes", False: "no", None: "unknown"}
        rows = []
        for i, name in enumerate(self.names):
            cells = [name]
            for target, values in self.values.items():
                if target in self.lows:
                    numbers = (values[i], self.lows[target][i], self.highs[target][i])
                    cells += [f"{v:.6g}" if np.isfinite(v) else "" for v in numbers]
                else:
                    known = values[i] is not None
                    share = f"{self.probabilities[target][i]:.4f}" if known else ""
                    cells += [str(values[i]) if known else "", share]
            inside = None if self.in_domain[i] is None else bool(self.in_domain[i])
            cells += [domain[inside], "yes" if self.readable[i] else "no", self.notes[i]]
            rows.append(cells)
        return rows

    def to_csv(self, path: StrPath) -> None:
        """Write the table whole, with cells that no spreadsheet runs as formulas.

        Parameters
        ----------
        path : path-like
            File to write.
        """
        write_csv(path, [self.header, *self.rows()], lineterminator="\n")

    def problems(self) -> list[str]:
        """Return sentences on photos that cannot be read or lie outside the domain."""
        unreadable = np.flatnonzero(~self.readable)
        foreign = [i for i, inside in enumerate(self.in_domain) if inside is False]
        foreign = [i for i in foreign if self.readable[i]]
        return [
            f"{len(rows)} of {len(self)} photos {text}, such as {self.names[rows[0]]}."
            for rows, text in (
                (unreadable, "cannot be read and have no prediction"),
                (foreign, "lie outside the generator's domain; do not trust their predictions"),
            )
            if len(rows)
        ]
