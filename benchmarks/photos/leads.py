"""Leads in the photo table's scores, and what another generator changes, by draws of one number.

Within a run, draws of one number read the same labels and are scored on the same photos, so that
differences vary less than scores::

    python benchmarks/photos/leads.py runs/photo-table/scores.csv
    python benchmarks/photos/leads.py runs/faces32/scores.csv runs/unseen/scores.csv

The first table compares our best reader with the best of the readers without a generator or a
frozen network. With a second file, of a run with another generator or with corrected illumination,
a second table shows its scores minus the first file's. Between runs, only the labels that choose
channels are the same: those of the budget are at the centers of clusters, which depend on the
codes.
"""

import argparse
from pathlib import Path

import pandas as pd
from readouts import formatted
from table import FIRST_READER, METHODS, VALUES

from skstylefeat.experiments import Table

OURS = {"balanced accuracy": FIRST_READER, "MAE": "union mirror"}
COMPETITORS = {
    "balanced accuracy": ("pca mirror", "hog", "spreading", "HOG, label spreading"),
    "MAE": ("pca mirror", "hog"),
}
WITH_GENERATOR = {
    "balanced accuracy": (
        *("mirror", "styles mirror", "union mirror", FIRST_READER),
        *("annotation", "classifier"),
    ),
    "MAE": ("styles mirror", "union mirror"),
}
TITLES = {"balanced accuracy": METHODS, "MAE": VALUES}
AGE = "age, values alone"


def read_scores(path, metric):
    """Return scores by target, labels and draw (rows) and method (columns): % or years."""
    frame = pd.read_csv(path)
    frame = frame[(frame["metric"] == metric) & ((metric != "MAE") | (frame["target"] == AGE))]
    index = ["target", "n_labels", "draw"]
    scores = frame.pivot_table(index=index, columns="method", values="value", sort=False)
    return scores if metric == "MAE" else 100 * scores


def cases(*tables):
    """Yield target, number of labels and the tables' rows of these, if all tables have some."""
    first, *others = (table.index.droplevel("draw").unique() for table in tables)
    for target, n_labels in first:
        if all((target, n_labels) in other for other in others):
            yield target, n_labels, [table.loc[target, n_labels] for table in tables]


def leads(scores, metric):
    """Return rows of target, labels, our score, the best competitor, its score and the lead."""
    rows = []
    sign = -1 if metric == "MAE" else 1
    present = [name for name in COMPETITORS[metric] if name in scores]
    for target, n_labels, (draws,) in cases(scores):
        best = max(present, key=lambda name: sign * draws[name].mean())
        ours = draws[OURS[metric]]
        rows.append(
            [
                *(target, str(n_labels), formatted(ours)),
                *(TITLES[metric][best], formatted(draws[best])),
                formatted(sign * (ours - draws[best]), "+"),
            ]
        )
    return rows


def changes(first, second, metric):
    """Return rows of target, labels and, by method, the second scores minus the first."""
    return [
        [target, str(n_labels)]
        + [formatted((b - a)[name].dropna(), "+") for name in WITH_GENERATOR[metric]]
        for target, n_labels, (a, b) in cases(first, second)
    ]


def main():
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("scores", type=Path, nargs="+", help="scores.csv of table.py, one or two")
    args = parser.parse_args()
    if len(args.scores) > 2:
        parser.error("one or two files are compared.")

    for metric, ours in OURS.items():
        tables = [read_scores(path, metric) for path in args.scores]
        if tables[0].empty:
            continue
        titles = TITLES[metric]
        header = ["target", "labels", titles[ours], "best competitor", "its score", "lead"]
        title = f"{metric}, {args.scores[-1]}"
        print(Table(title, header, leads(tables[-1], metric)).to_markdown())
        if len(tables) == 2:
            header = ["target", "labels", *(titles[name] for name in WITH_GENERATOR[metric])]
            print(Table("Second minus first", header, changes(*tables, metric)).to_markdown())


if __name__ == "__main__":
    main()
