"""Scores of experiments: one row per draw, summarized as mean and standard deviation."""

from __future__ import annotations

import csv
import textwrap
from collections.abc import Iterable, Mapping, Sequence
from typing import NamedTuple

import numpy as np

from skstylefeat._utils._typing import StrPath


class Score(NamedTuple):
    """One number of one draw.

    Attributes
    ----------
    target : str
        Name of the target, for example "glasses".
    method : str
        Name of the method.
    metric : str
        "accuracy", "balanced accuracy", "clustering accuracy", "labels read", "MAE", "R2", "AUC"
        or "rank correlation".
    n_labels : int
        Budget of labels of the draw.
    draw : int
        Number of the draw.
    value : float
        The score.
    """

    target: str
    method: str
    metric: str
    n_labels: int
    draw: int
    value: float


class Summary(NamedTuple):
    """Mean and standard deviation over the draws.

    Attributes
    ----------
    mean, sd : float
        `sd` is 0 for one draw.
    n_draws : int
        Number of draws.
    """

    mean: float
    sd: float
    n_draws: int

    def format(self, spec: str = ".1f", scale: float = 1.0) -> str:
        """Return ``mean ± sd``, or the mean alone where all draws gave the same value.

        Parameters
        ----------
        spec : str, default=".1f"
            Format of both numbers.
        scale : float, default=1.0
            Factor for both numbers, such as 100 for percent.

        Returns
        -------
        str
        """
        mean = format(self.mean * scale, spec)
        if self.sd * scale < 1e-9:
            return mean
        return f"{mean} ± {format(self.sd * scale, spec)}"


def fixed_seed(random_state):
    """Return a seed that all draws of one experiment share: the given one, or a random one."""
    return np.random.SeedSequence().entropy if random_state is None else random_state


def seed_of_draw(random_state, draw):
    """Return the seed of one draw of the labels."""
    return int(np.random.default_rng((random_state, draw)).integers(2**31))


def summarize(scores: Iterable[Score]) -> dict[tuple[str, str, str, int], Summary]:
    """Compute mean and standard deviation over the draws.

    Parameters
    ----------
    scores : iterable of Score
        Scores of all draws.

    Returns
    -------
    dict of (target, method, metric, n_labels) to Summary

    Examples
    --------
    >>> from skstylefeat.experiments import Score, summarize
    >>> scores = [Score("age", "mean", "MAE", 5, draw, error) for draw, error in enumerate([8, 10])]
    >>> summarize(scores)["age", "mean", "MAE", 5].format()
    '9.0 ± 1.0'
    """
    groups: dict[tuple[str, str, str, int], list[float]] = {}
    for score in scores:
        groups.setdefault(score[:4], []).append(score.value)
    return {
        key: Summary(float(np.mean(values)), float(np.std(values)), len(values))
        for key, values in groups.items()
    }


def save_scores(scores: Iterable[Score], path: StrPath) -> None:
    """Write scores to a CSV file, one row per score.

    Parameters
    ----------
    scores : iterable of Score
        Scores of all draws.
    path : path-like
        File to write.
    """
    with open(path, "w", newline="", encoding="utf-8") as file:
        writer = csv.writer(file)
        writer.writerow(Score._fields)
        writer.writerows(scores)


def user_features(scores: Iterable[Score], methods: Mapping[str, str]) -> dict[str, str]:
    """Return the titles of the features that the user gave, by method.

    Parameters
    ----------
    scores : iterable of Score
        Scores of all draws.
    methods : mapping of str to str
        Titles of the known methods.

    Returns
    -------
    dict of str to str
    """
    others = {"all", "kmeans", *methods}
    return {score.method: score.method for score in scores if score.method not in others}


class Table(NamedTuple):
    """A table of strings with a title and a note.

    Attributes
    ----------
    title : str
        Heading.
    header : list of str
        Column headings.
    rows : list of list of str
        Cells.
    note : str
        Text below the table.
    best : list of int
        Column of the best value of each row, -1 for none. Empty if no value is best.
    """

    title: str
    header: list[str]
    rows: list[list[str]]
    note: str = ""
    best: Sequence[int] = ()

    def to_markdown(self) -> str:
        """Return the table as Markdown, with its title as a heading of level 3 and its note.

        Returns
        -------
        str
        """
        lines = [self.header, ["---"] * len(self.header), *self.rows]
        body = "\n".join("| " + " | ".join(line) + " |" for line in lines)
        return f"### {self.title}\n\n{body}\n\n{self.note}\n"

    def to_text(self) -> str:
        """Return the table as plain text; the first column is flush left.

        Returns
        -------
        str
        """
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


def tabulate(
    summaries: Mapping[tuple[str, str, str, int], Summary],
    metric: str,
    methods: Mapping[str, str],
    *,
    spec: str = ".1f",
    scale: float = 1.0,
) -> tuple[list[str], list[list[str]]]:
    """Arrange summaries with one row per target and budget, and one column per method.

    Parameters
    ----------
    summaries : mapping
        Result of `summarize`.
    metric : str
        Metric to show.
    methods : mapping of str to str
        Column heading by method, in order.
    spec, scale
        Parameters of `Summary.format`.

    Returns
    -------
    header : list of str
        Column headings.
    rows : list of list of str
        Cells; "-" where a method has no score.
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


def best_columns(
    summaries: Mapping[tuple[str, str, str, int], Summary],
    metric: str,
    methods: Mapping[str, str],
) -> list[int]:
    """Find the column of the best mean in each row of `tabulate`.

    Parameters
    ----------
    summaries, metric, methods
        As for `tabulate`. Errors ("MAE") are best if small, all other metrics if large.

    Returns
    -------
    list of int

    Examples
    --------
    >>> from skstylefeat.experiments._score_table import Score, best_columns, summarize
    >>> scores = [Score("age", "mean", "MAE", 5, 0, 9.0), Score("age", "plane", "MAE", 5, 0, 7.0)]
    >>> best_columns(summarize(scores), "MAE", {"mean": "mean label", "plane": "W+ plane"})
    [3]
    """
    sign = -1 if metric == "MAE" else 1
    cases = dict.fromkeys((key[0], key[3]) for key in summaries if key[2] == metric)
    columns = []
    for target, n_labels in cases:
        found = [summaries.get((target, method, metric, n_labels)) for method in methods]
        means = [-np.inf if summary is None else sign * summary.mean for summary in found]
        columns.append(2 + int(np.argmax(means)))
    return columns
