"""Tables of errors by group of the test images, from the predictions of all draws."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import numpy as np
from numpy.typing import NDArray

from skstylefeat.experiments._score_table import Table
from skstylefeat.experiments._targets import Target
from skstylefeat.metrics._group_scores import FEWEST_IN_GROUP, GroupScores, by_group


class GroupLosses:
    """Losses of every test image, summed over draws, by target, budget and method.

    Parameters
    ----------
    targets : list of Target
        With `groups_test`.
    """

    def __init__(self, targets: list[Target]) -> None:
        self._targets = {target.name: target for target in targets}
        self._sums: dict[tuple[str, int, str], tuple[NDArray[np.float64], int]] = {}

    def add(self, target: str, method: str, budget: int, predicted: NDArray[Any]) -> None:
        """Add the predictions of one draw for all test images."""
        found = self._targets[target]
        if found.is_number:
            losses = np.abs(predicted - found.y_test)
        else:
            losses = 1.0 * (predicted != found.y_test)
        total, n = self._sums.get((target, budget, method), (np.zeros(len(losses)), 0))
        self._sums[target, budget, method] = total + losses, n + 1

    def scores(self, target: str) -> dict[str, GroupScores]:
        """Return the scores of each method at the largest budget of labels."""
        found = self._targets[target]
        groups: Any = found.groups_test
        budget = max(key[1] for key in self._sums if key[0] == target)
        scores = {}
        for (name, n_labels, method), (total, n_draws) in self._sums.items():
            if (name, n_labels) == (target, budget):
                zeros = np.zeros(len(total))
                scores[method] = by_group(
                    zeros,
                    total / n_draws,
                    groups,
                    error,
                    greater_is_better=False,
                    random_state=0,
                )
        return scores


def error(truth: NDArray[Any], guess: NDArray[Any]) -> float:
    """Return the mean loss of images; losses are given as the guess of 0."""
    return float(np.mean(guess - truth))


def group_tables(target: Target, losses: GroupLosses, methods: Mapping[str, str]) -> list[Table]:
    """Tabulate the error of each group of the test images, one column per method.

    Parameters
    ----------
    target : Target
        With `groups_test`.
    losses : GroupLosses
    methods : mapping of str to str
        Column heading by method, in order; methods without predictions are left out.

    Returns
    -------
    list of Table
        One table, whose note warns of gaps beyond chance and of small groups.
    """
    scores = losses.scores(target.name)
    shown = [method for method in methods if method in scores]
    first = scores[shown[0]]
    scale, unit = (1.0, target.unit or "units") if target.is_number else (100.0, "%")

    rows = []
    for i, name in enumerate(first.group.tolist()):
        values = [scale * scores[method].value[i] for method in shown]
        cells = ["-" if np.isnan(value) else f"{value:.3g}" for value in values]
        rows.append([str(name), str(first.n[i]), *cells])
    note = (
        f"Mean error ({unit}) on the test images of each group, at the largest budget of labels, "
        f"over all draws. Groups of fewer than {FEWEST_IN_GROUP} images are counted only."
    )
    for method in shown:
        large = np.flatnonzero(scores[method].gap_low > 0)
        if len(large):
            names = ", ".join(
                f"{first.group[i]} by {scale * scores[method].gap[i]:.3g} {unit}" for i in large
            )
            note += f" {methods[method]}: worse than for the best group, beyond chance: {names}."
    note += "".join(f" {text}" for text in first.warnings if text.startswith(("Groups", "Fewer")))
    if first.n_without_group:
        note += f" {first.n_without_group} images have no group."
    header = [target.group_name, "n", *(methods[method] for method in shown)]
    return [Table(f"Error by {target.group_name}", header, rows, note)]
