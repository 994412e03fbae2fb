"""Ends of jackknife+ intervals, from the predictions of models that each leave out some labels.

R. F. Barber et al., "Predictive Inference with the Jackknife+", Annals of Statistics 2021.
"""

import numpy as np
from numpy.typing import NDArray

ROWS_AT_ONCE = 1024  # bounds the memory


def jackknife_plus(
    centers: NDArray[np.floating],
    fold_of: NDArray[np.intp],
    errors: NDArray[np.floating],
    coverage: float,
) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
    """Return lower and upper ends (n,), infinite where the labels are too few for the coverage.

    Parameters
    ----------
    centers : ndarray of shape (n_folds, n)
        Predictions of each fold's model.
    fold_of : ndarray of shape (n_labels,), int
        Fold whose model has not seen each label.
    errors : ndarray of shape (n_labels,)
        Absolute error of that model on the label.
    coverage : float
        Between 0 and 1, exclusive.
    """
    n_labels, n_rows = len(errors), np.shape(centers)[1]
    # Rounded first, as 0.9 * 10 may be 9.000000000000002.
    rank = int(np.ceil(round(coverage * (n_labels + 1), 9)))
    if rank > n_labels:
        return np.full(n_rows, -np.inf), np.full(n_rows, np.inf)

    # The rank-th largest lower end and the rank-th smallest upper end over all labels.
    lower, upper = np.empty(n_rows), np.empty(n_rows)
    for start in range(0, n_rows, ROWS_AT_ONCE):
        part = slice(start, start + ROWS_AT_ONCE)
        center, radius = centers[fold_of, part], errors[:, None]
        lower[part] = np.partition(center - radius, n_labels - rank, axis=0)[n_labels - rank]
        upper[part] = np.partition(center + radius, rank - 1, axis=0)[rank - 1]
    return lower, upper
