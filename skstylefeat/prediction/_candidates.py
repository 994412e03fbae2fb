"""Candidate readers: linear models from a few labels and many unlabeled photos.

All candidates see columns that are standardized by all photos. All are linear, or a curve on a
linear distance, so that a fitted reader is a matrix of coefficients. Most of them read a
*consensus* of channels: with a dozen labels and a thousand channels, some channels fit the labels
by chance, but those do not agree with each other on the photos without labels. The channels that
do agree remain.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray
from sklearn.cluster import KMeans
from sklearn.linear_model import LogisticRegression, RidgeCV

#: Label's worth of penalty on the slope of a line, in units of a channel's variance.
LINE_PENALTY = 0.5
#: Strength of the logistic regression on all columns, whose squared length is 1 on average.
LOGISTIC_C = 100.0
RIDGE_ALPHAS = tuple(np.logspace(-3, 1, 9).tolist())
#: Logit of a class that no label of the fold names.
ABSENT = -1e6


class LinearModel(NamedTuple):
    """Coefficients (k, d) and intercepts (k,): values, or logits of the classes.

    With a `curve` (2, m), the linear output is a distance, and the curve's points lead from
    distances to values.
    """

    coef: NDArray[np.float64]
    intercept: NDArray[np.float64]
    curve: NDArray[np.float64] | None = None

    def outputs(self, rows: NDArray[np.float64]) -> NDArray[np.float64]:
        """Return the outputs (n, k)."""
        linear = rows @ self.coef.T.astype(np.float64) + self.intercept
        return linear if self.curve is None else np.interp(linear, *self.curve)


@dataclass(frozen=True)
class Candidate:
    """One way to read a target.

    Attributes
    ----------
    name : str
        Name in reports.
    blocks : tuple of str
        Blocks of columns that it reads, see `PhotoFeatures`.
    head : {"curve", "ridge", "clusters", "logistic"}
        Calibration curve, clusters or logistic regression on the consensus, or ridge.
    n_channels : int or None
        Channels of the consensus; None reads all columns.
    """

    name: str
    blocks: tuple[str, ...]
    head: str
    n_channels: int | None = None

    def columns(self, blocks: dict[str, tuple[int, int]]) -> NDArray[np.intp]:
        """Return the columns of its blocks."""
        return np.concatenate([np.arange(*blocks[name]) for name in self.blocks])


#: For classes, in the order in which they are preferred when cross-validation cannot decide.
CLASS_CANDIDATES = (
    Candidate("clusters by maxima of maps", ("maps",), "clusters", 5),
    Candidate("consensus of styles", ("styles",), "logistic", 40),
    Candidate("all styles and maps", ("styles", "maps"), "logistic"),
)
#: For numbers.
NUMBER_CANDIDATES = (
    Candidate("consensus of styles", ("styles",), "curve", 40),
    Candidate("consensus of mirrored differences", ("differences",), "curve", 40),
    Candidate("all styles", ("styles", "differences"), "ridge"),
)
N_ROUNDS = 4
#: How often the borders of clusters move, and photos' worth of the shared spread in each spread.
N_BORDERS, SPREAD_PRIOR = 2, 5
#: Points of a calibration curve, and its length beyond the photos, in standard deviations.
N_KNOTS, FAR = 33, 100.0


def consensus(
    rows: NDArray[np.float64],
    labeled: NDArray[np.intp],
    values: NDArray[np.float64],
    n_channels: int,
    n_rounds: int = N_ROUNDS,
) -> NDArray[np.float64]:
    """Return the weights of the channels that follow the labels and agree with each other.

    The first weights are the correlations with the labels, of the channels where they are largest.
    Every round correlates all channels with the weighted sum on all photos. A channel's score is
    this correlation times the one with the labels, if both have one sign.

    Parameters
    ----------
    rows : ndarray of shape (n, d)
        Standardized columns of all photos.
    labeled : ndarray of int
        Rows with a label.
    values : ndarray of shape (n_labeled,)
        Their values.
    n_channels : int
        Number of channels with a weight.
    n_rounds : int, default=4
        Number of rounds.

    Returns
    -------
    weights : ndarray of shape (d,)
        The weighted sum has standard deviation 1 over all photos. Zero if all values are equal.
    """
    by_labels = _correlations(rows[labeled], values)
    weights = _largest(np.abs(by_labels), np.sign(by_labels), n_channels)
    for _ in range(n_rounds):
        by_photos = _correlations(rows, rows @ weights)
        agree = np.sign(by_photos) == np.sign(by_labels)
        score = np.abs(by_photos * by_labels) * agree
        weights = _largest(score, np.sign(by_photos), n_channels)
    scale = (rows @ weights).std()
    return weights / scale if scale > 0 else weights


def _correlations(rows, values):
    """Return the correlation of each column with values; 0 for a constant one."""
    centered = values - values.mean()
    norms = np.sqrt(np.square(rows - rows.mean(axis=0)).sum(axis=0) * np.square(centered).sum())
    return np.divide(centered @ rows, norms, out=np.zeros(rows.shape[1]), where=norms > 1e-9)


def _largest(scores, signs, n_channels):
    """Return signed scores of the best channels, 0 elsewhere."""
    weights = np.zeros(len(scores))
    best = np.argsort(-scores, kind="stable")[:n_channels]
    weights[best] = scores[best] * signs[best]
    return weights


def fit_numbers(
    candidate: Candidate,
    rows: NDArray[np.float64],
    labeled: NDArray[np.intp],
    values: NDArray[np.float64],
) -> LinearModel:
    """Fit a candidate to numbers; coefficients of shape (1, d)."""
    if candidate.head == "ridge":
        scaled = rows[labeled] / np.sqrt(rows.shape[1])
        ridge = RidgeCV(RIDGE_ALPHAS).fit(scaled, values)
        return LinearModel(ridge.coef_[None] / np.sqrt(rows.shape[1]), ridge.intercept_[None])

    # Half of the scale are ranks among all photos, which bound what distances far away predict.
    weights = consensus(rows, labeled, values, candidate.n_channels or rows.shape[1])
    distances = rows @ weights
    knots = np.quantile(distances, np.linspace(0, 1, N_KNOTS))
    knots = np.concatenate([[knots[0] - FAR], knots, [knots[-1] + FAR]])
    ranks = np.sqrt(12) * (np.linspace(0, 1, N_KNOTS) - 0.5)
    levels = (knots + np.concatenate([ranks[:1], ranks, ranks[-1:]])) / 2

    # A line through the labels on this scale, whose slope is shrunk by half a label.
    sums = np.interp(distances[labeled], knots, levels)
    center, mean = sums.mean(), values.mean()
    slope = (sums - center) @ (values - mean) / (np.square(sums - center).sum() + LINE_PENALTY)
    curve = np.stack([knots, mean + slope * (levels - center)])
    return LinearModel(weights[None], np.zeros(1), curve)


def fit_classes(
    candidate: Candidate,
    rows: NDArray[np.float64],
    labeled: NDArray[np.intp],
    codes: NDArray[np.intp],
    n_classes: int,
    random_state: int = 0,
) -> LinearModel:
    """Fit a candidate to classes 0, 1, ...; logits of shape (n_classes, d)."""
    present = np.unique(codes)
    coef = np.zeros((n_classes, rows.shape[1]))
    intercept = np.full(n_classes, ABSENT)
    if len(present) == 1:
        intercept[present] = 0.0
        return LinearModel(coef, intercept)

    if candidate.n_channels is None:
        scale = 1 / np.sqrt(rows.shape[1])
        inner = _fit_logistic(scale * rows[labeled], codes, present, LOGISTIC_C)
        coef[present], intercept[present] = scale * inner.coef, inner.intercept
        return LinearModel(coef, intercept)

    # Two classes have one weighted sum; of more, each has its own against the rest.
    sides = present[1:] if len(present) == 2 else present
    directions = np.stack(
        [consensus(rows, labeled, 1.0 * (codes == c), candidate.n_channels) for c in sides]
    )
    sums = rows @ directions.T
    if candidate.head == "clusters":
        inner = _fit_clusters(sums, labeled, codes, present, random_state)
    else:
        inner = _fit_logistic(sums[labeled], codes, present, 1.0)
    coef[present], intercept[present] = inner.coef @ directions, inner.intercept
    return LinearModel(coef, intercept)


def _fit_logistic(rows, codes, present, strength):
    model = LogisticRegression(C=strength, max_iter=1000).fit(rows, codes)
    if len(present) > 2:
        return LinearModel(model.coef_, model.intercept_)
    zero = np.zeros_like(model.coef_)
    return LinearModel(np.concatenate([zero, model.coef_]), np.append(0.0, model.intercept_))


def _fit_clusters(sums, labeled, codes, present, random_state):
    """Cluster all photos from the labeled classes' means; wide clusters reach further."""
    means = np.stack([sums[labeled[codes == c]].mean(axis=0) for c in present])
    kmeans = KMeans(len(present), init=means, n_init=1, random_state=random_state).fit(sums)

    # K-means puts borders halfway between centers, and so cuts off the rarer members of a wide
    # cluster, such as glasses whose frames hardly stand out. Each sum gets a border of its own.
    member, sides = kmeans.labels_, np.arange(len(present))[-sums.shape[1] :]
    slopes, borders = np.zeros((2, len(present)))
    for _ in range(N_BORDERS):
        for column, side in zip(sums.T, sides, strict=True):
            slopes[side], borders[side] = _border(column, member == side)
        member = (slopes * (sums - borders)).argmax(axis=1)
    coef = slopes[:, None] if len(sides) == 1 else np.diag(slopes)
    return LinearModel(coef, -slopes * borders)


def _border(sums, inside):
    """Return the slope of a cluster's logit along a sum, and the border, where the logit is 0.

    Both sides are taken as normal distributions. The border is equally many standard deviations
    away from both means, and the slope is that of the logit at this point.
    """
    if inside.all() or not inside.any():
        return 0.0, 0.0
    low, high = sums[~inside].mean(), sums[inside].mean()
    counts = np.array([(~inside).sum(), inside.sum()])
    variances = np.array([sums[~inside].var(), sums[inside].var()])
    shared = counts @ variances / len(sums)
    variances = (counts * variances + SPREAD_PRIOR * shared) / (counts + SPREAD_PRIOR)
    below, above = np.sqrt(np.maximum(variances, 1e-3))
    return (high - low) / (below * above), (low * above + high * below) / (below + above)
