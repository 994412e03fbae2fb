"""Labels by row, as a person gives them to `ClusterAnnotator`: all in y, or in rounds."""

from numbers import Integral

import numpy as np

from skstylefeat._utils._labels import split_labels


def labels_of_query(y, query):
    """Return the labels of the rows that were asked about, by row.

    Parameters
    ----------
    y : ndarray of shape (n,)
        Labels of all rows; those of the query are read.
    query : ndarray of int
        Rows that were asked about.

    Returns
    -------
    dict of int to label

    Raises
    ------
    ValueError
        If one of them has no label.
    """
    present, labels = split_labels(y[query], len(query))
    missing = np.delete(query, present)
    if len(missing):
        raise ValueError(
            f"y has no label for {len(missing)} of the {len(query)} rows of the "
            f"query: {missing[:10].tolist()}. Label all of query_indices_, which fit(X) "
            "proposes; or hand over what there is: annotate({row: label}) takes the labels as "
            "they come, query='labeled' those that are in y."
        )
    return dict(zip(query.tolist(), labels.tolist(), strict=True))


def with_labels(annotations, labels, query, n_rows):
    """Add labels to those that have come before.

    Parameters
    ----------
    annotations : dict of int to label
        Labels so far, by row.
    labels : dict of int to label, or array-like of shape (len(query),)
        Labels by row, or one for each row of the query. A missing one leaves a row of the query as
        it is, but in a dict it takes the label back.
    query : ndarray of int
        Rows that were asked about.
    n_rows : int
        Rows that there are.

    Returns
    -------
    dict of int to label

    Raises
    ------
    TypeError, ValueError
        If a row does not exist, or an array has not one entry for each row of the query.
    """
    annotations = dict(annotations)
    if isinstance(labels, dict):
        bad = [row for row in labels if not _is_row(row, n_rows)]
        if bad:
            raise ValueError(
                f"annotate got labels for {bad[:5]}, but rows are the integers from 0 to "
                f"{n_rows - 1}."
            )
        for row in labels:
            annotations.pop(int(row), None)
        rows, given = list(labels), list(labels.values())
    else:
        if not hasattr(labels, "__len__") or isinstance(labels, str) or np.ndim(labels) == 0:
            raise TypeError(
                "annotate takes a dict of row to label, or one label for each row of the "
                f"query; got {labels!r}."
            )
        rows, given = query.tolist(), labels
        if len(given) != len(rows):
            raise ValueError(
                f"annotate got {len(given)} labels, but the query asks for {len(rows)}. Give "
                "one for each of query_indices_, or a dict of row to label."
            )
    present, values = split_labels(given, len(rows))
    return annotations | {
        int(rows[at]): value for at, value in zip(present, values.tolist(), strict=True)
    }


def _is_row(row, n_rows):
    is_integer = isinstance(row, Integral) and not isinstance(row, bool)
    return is_integer and 0 <= row < n_rows
