"""Scores by class: information of feature maps within and between classes, clustering accuracy."""

from __future__ import annotations

from typing import Any, Literal

import numpy as np
from numpy.typing import ArrayLike, NDArray
from scipy.optimize import linear_sum_assignment
from sklearn.metrics.cluster import contingency_matrix

from skstylefeat._utils._labels import check_no_continuum, sorted_classes, split_labels
from skstylefeat.metrics._mutual_information import pairwise_mutual_information


def intra_inter_mi(
    maps: ArrayLike,
    y: ArrayLike,
    n_bins: int | Literal["auto"] = "auto",
    *,
    range: tuple[float, float] | None = None,
    binning: Literal["width", "quantile"] = "width",
    correction: Literal["miller-madow"] | None = None,
    base: float | None = None,
    n_jobs: int | None = None,
) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
    """Information between maps of the same class and of different classes, for each channel.

    Parameters
    ----------
    maps : array-like of shape (n, C, H, W) or (n, C, P)
        Feature maps of one layer, one row per image.
    y : array-like of shape (n,)
        Class of each image; rows without a label are left out.
    n_bins, range, binning, correction, base, n_jobs
        As in :func:`skstylefeat.metrics.pairwise_mutual_information`.

    Returns
    -------
    intra : ndarray of shape (C,), float64
        IntraMI `a`: mean over the pairs of images within a class, then over the classes, so that
        a class with more images does not count for more.
    inter : ndarray of shape (C,), float64
        InterMI `r`: mean over all pairs of images of different classes.

    Raises
    ------
    ValueError
        If there are fewer than two classes or a class has fewer than two images, or as in
        :func:`skstylefeat.metrics.pairwise_mutual_information`.

    Notes
    -----
    Paper A, "facial attribute representations", section 3. The mean of ``intra - inter`` over the
    channels of a layer is its disentanglement (fig. 4).

    Examples
    --------
    >>> import numpy as np
    >>> from skstylefeat.metrics import intra_inter_mi
    >>> rng = np.random.default_rng(0)
    >>> base = rng.normal(size=(2, 1, 32, 32))  # one pattern per class
    >>> y = np.repeat([0, 1], 4)
    >>> intra, inter = intra_inter_mi(base[y] + 0.1 * rng.normal(size=(8, 1, 32, 32)), y)
    >>> bool(intra[0] > 4 * inter[0])
    True
    """
    maps = np.asarray(maps)
    rows, labels = split_labels(y, len(maps))
    check_classes(labels)
    information = pairwise_mutual_information(
        maps if len(rows) == len(maps) else maps[rows],
        n_bins,
        range=range,
        binning=binning,
        correction=correction,
        base=base,
        n_jobs=n_jobs,
    )
    return average_pairs(information, labels)


def check_classes(labels: NDArray[Any]) -> NDArray[Any]:
    """Return the sorted classes of labels; raise ValueError unless there are two of two images."""
    check_no_continuum(labels)
    classes, counts = np.unique(labels, return_counts=True)
    if len(classes) < 2:
        found = f"1 class only, {classes.tolist()[0]!r}" if len(classes) else "no label at all"
        raise ValueError(
            f"The labels hold {found}; label at least 2 images of each of 2 or more classes."
        )
    if counts.min() < 2:
        few = classes[counts < 2].tolist()
        raise ValueError(
            f"The classes {few[:5]} have 1 labeled image each; at least 2 are needed, "
            "because the information within a class is that of pairs of its images."
        )
    return classes


def average_pairs(information, labels):
    """Average information (C, n, n) of pairs within and across classes; see `intra_inter_mi`."""
    upper = np.triu(np.ones((len(labels), len(labels)), dtype=bool), k=1)
    same = labels[:, None] == labels
    intra = [
        information[:, upper & same & (labels == label)[:, None]].mean(axis=1)
        for label in np.unique(labels)
    ]
    return np.mean(intra, axis=0), information[:, upper & ~same].mean(axis=1)


def clustering_accuracy(labels_true: ArrayLike, labels_pred: ArrayLike) -> float:
    """Accuracy of a clustering under the best one-to-one naming of its clusters (ACC).

    Parameters
    ----------
    labels_true : array-like of shape (n,)
        Classes.
    labels_pred : array-like of shape (n,)
        Clusters, in any numbering. Clusters beyond the number of classes count as wrong.

    Returns
    -------
    float
        Between 0 and 1. A single cluster already scores the share of the largest class, so compare
        with that share.

    Raises
    ------
    ValueError
        If the lengths differ or are 0.

    Notes
    -----
    The Hungarian method finds the naming. Paper A's tables report this score together with NMI
    (:func:`sklearn.metrics.normalized_mutual_info_score`) and ARI
    (:func:`sklearn.metrics.adjusted_rand_score`).

    Examples
    --------
    >>> from skstylefeat.metrics import clustering_accuracy
    >>> clustering_accuracy(["a", "a", "b", "b"], [1, 1, 0, 1])
    0.75
    """
    classes, clusters = np.asarray(labels_true), np.asarray(labels_pred)
    if classes.shape != clusters.shape or classes.ndim != 1 or not len(classes):
        raise ValueError(
            "Expected one class and one cluster per image, got arrays of the shapes "
            f"{classes.shape} and {clusters.shape}."
        )
    counts = contingency_matrix(
        sorted_classes(classes, "labels_true")[1], sorted_classes(clusters, "labels_pred")[1]
    )
    rows, columns = linear_sum_assignment(counts, maximize=True)
    return float(counts[rows, columns].sum() / counts.sum())
