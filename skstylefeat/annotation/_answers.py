"""Labels by row: those of the query in `y`, and those that `annotate` receives in rounds."""

from __future__ import annotations

import warnings
from collections.abc import Mapping
from numbers import Integral

import numpy as np

from skstylefeat._utils._labels import label_array, labeled_rows, uniform_labels


def labels_of_query(y, labeled, query):
    """Return the labels, by row, of the queried rows; raise ValueError if one has none.

    `y` holds the labels of all rows, and `labeled` is a mask of those that are present.
    """
    missing = query[~labeled[query]]
    if len(missing):
        raise ValueError(
            f"y has no label for {len(missing)} of the {len(query)} rows of the "
            f"query: {missing[:10].tolist()}. Label all rows of query_indices_, which fit(X) "
            "proposes. If only some labels are known, pass them to annotate({row: label}), or set "
            "query='labeled' to use the labels in y as they are."
        )
    return dict(zip(query.tolist(), uniform_labels(y[query]).tolist(), strict=True))


def with_labels(annotations, labels, query, n_rows):
    """Return earlier labels, a dict by row, with those that `annotate` receives.

    `query` holds the queried rows, and `n_rows` is the number of rows in `fit`. Raises TypeError or
    ValueError if a row does not exist, or an array does not have one entry per queried row.
    """
    annotations = dict(annotations)
    known = set(annotations.values())

    if isinstance(labels, Mapping):
        bad = [row for row in labels if not _is_row(row, n_rows)]
        if bad:
            raise ValueError(
                f"annotate received labels for {bad[:5]}, but rows are the integers from 0 to "
                f"{n_rows - 1}."
            )
        for row in labels:
            annotations.pop(int(row), None)
        rows, given = list(labels), list(labels.values())
    else:
        if not hasattr(labels, "__len__") or isinstance(labels, str) or np.ndim(labels) == 0:
            raise TypeError(
                "annotate takes a dict of row to label, or one label per row of the query; got "
                f"{labels!r}."
            )
        rows, given = query.tolist(), labels
        if len(given) != len(rows):
            raise ValueError(
                f"annotate received {len(given)} labels, but the query asks for {len(rows)}. Give "
                "one per row of query_indices_, or a dict of row to label."
            )

    column = label_array(given, len(rows))
    present = np.flatnonzero(labeled_rows(column, known))
    values = uniform_labels(column[present]).tolist()
    if -1 in values and -1 not in known:
        # A skipped row and a class look the same here, and answers are too few to tell.
        warnings.warn(
            "annotate reads -1 as a class, because 1 is the only other label. If -1 means that a "
            "row has no label, write None.",
            stacklevel=3,
        )
    return annotations | {int(rows[at]): value for at, value in zip(present, values, strict=True)}


def _is_row(row, n_rows):
    is_integer = isinstance(row, Integral) and not isinstance(row, bool)
    return is_integer and 0 <= row < n_rows
