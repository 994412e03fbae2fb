"""Scores of experiments: one row a draw, summed up to mean and standard deviation."""

import csv
import textwrap
from typing import NamedTuple

import numpy as np


class Score(NamedTuple):
    """One number of one draw.

    Attributes
    ----------
    target : str
        What is predicted, for example "glasses".
    method : str
    metric : str
        "accuracy", "clustering accuracy", "MAE", "R2", "AUC" or "rank correlation".
    n_labels : int
        Budget of labels that the draw was given.
    draw : int
    value : float
    """

    target: str
    method: str
    metric: str
    n_labels: int
    draw: int
    value: float


class Summary(NamedTuple):
    """Mean and standard deviation over the draws; `sd` is 0 for one draw."""

    mean: float
    sd: float
    n_draws: int

    def format(self, spec=".1f", scale=1.0):
        """Return ``mean ± sd``, or the mean alone where every draw gave the same."""
        mean = format(self.mean * scale, spec)
        if self.sd * scale < 1e-9:
            return mean
        return f"{mean} ± {format(self.sd * scale, spec)}"


def summarize(scores):
    """Return a dictionary from (target, method, metric, n_labels) to `Summary`."""
    groups = {}
    for score in scores:
        groups.setdefault(score[:4], []).append(score.value)
    return {
        key: Summary(float(np.mean(values)), float(np.std(values)), len(values))
        for key, values in groups.items()
    }


def save_scores(scores, path):
    """Write all scores to a CSV file."""
    with open(path, "w", newline="", encoding="utf-8") as file:
        writer = csv.writer(file)
        writer.writerow(Score._fields)
        writer.writerows(scores)


class Table(NamedTuple):
    """A table of texts with a title and a note.

    Attributes
    ----------
    title, note : str
    header : list of str
    rows : list of list of str
    """

    title: str
    header: list
    rows: list
    note: str = ""

    def to_text(self):
        """Return the table as lines of plain text; the first column is flush left."""
        lines = [self.header, *self.rows]
        widths = [max(len(line[i]) for line in lines) for i in range(len(self.header))]
        ruled = [self.title, ""]
        for number, line in enumerate(lines):
            first = line[0].ljust(widths[0])
            rest = [cell.rjust(width) for cell, width in zip(line[1:], widths[1:], strict=True)]
            ruled.append("  ".join(["", first, *rest]).rstrip())
            if number == 0:
                ruled.append("  " + "-" * (sum(widths) + 2 * (len(widths) - 1)))
        if self.note:
            wrapped = textwrap.wrap(self.note, 98, initial_indent="  ", subsequent_indent="  ")
            ruled += ["", *wrapped]
        return "\n".join(ruled)


def tabulate(summaries, metric, methods, *, spec=".1f", scale=1.0):
    """Return header and rows: one row a target and budget, one column a method.

    Parameters
    ----------
    summaries : dict
        Of `summarize`.
    metric : str
        Which scores.
    methods : dict of str to str
        Column heading by method, in order.
    spec, scale
        Of `Summary.format`.
    """
    cases = dict.fromkeys((key[0], key[3]) for key in summaries if key[2] == metric)
    rows = []
    for target, n_labels in cases:
        cells = [
            summaries[target, method, metric, n_labels].format(spec, scale)
            if (target, method, metric, n_labels) in summaries
            else "-"
            for method in methods
        ]
        rows.append([target, str(n_labels), *cells])
    return ["", "labels", *methods.values()], rows
