"""Candidate readers: linear models from a few labels and many unlabeled photos.

All candidates see columns that are standardized by all photos. All are linear, or a curve on a
linear distance, so that a fitted reader is a matrix of coefficients. Most of them read a
*consensus* of channels: with a dozen labels and a thousand channels, some channels fit the labels
by chance, but those do not agree with each other on the photos without labels. The channels that
do agree remain. Others read whole blocks of columns, of which the histograms of gradients need no
generator.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray
from sklearn.cluster import KMeans
from sklearn.linear_model import LogisticRegression, RidgeCV

from skstylefeat.prediction._photo_graphs import PhotoGraphs, unit_spread

#: Label's worth of penalty on the slope of a line, in units of a channel's variance.
LINE_PENALTY = 0.5
#: Inverse penalty of the logistic regression on all columns, whose rows have length 1 on average.
LOGISTIC_C = 10.0
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
    head : {"curve", "ridge", "clusters", "logistic", "spreading"}
        Calibration curve, clusters or logistic regression on the consensus; ridge or logistic
        regression on all columns; or the latter together with labels that are spread over graphs
        of the photos, see `PhotoGraphs`.
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

    def scales(self, blocks: dict[str, tuple[int, int]]) -> NDArray[np.float64]:
        """Return factors of its standardized columns.

        Where all are read, blocks weigh the same, and rows have length 1 on average.
        """
        sizes = [blocks[name][1] - blocks[name][0] for name in self.blocks]
        if self.n_channels is not None:
            return np.ones(sum(sizes))
        return np.concatenate([np.full(n, 1 / np.sqrt(max(n, 1) * len(sizes))) for n in sizes])

    def graphs(
        self,
        rows: NDArray[np.float64],
        labeled: NDArray[np.intp],
        blocks: dict[str, tuple[int, int]],
        random_state: int,
    ) -> PhotoGraphs | None:
        """Return the graphs over which it spreads labels, if it does."""
        if self.head != "spreading":
            return None
        sizes = [blocks[name][1] - blocks[name][0] for name in self.blocks]
        return PhotoGraphs(rows, labeled, sizes, random_state)


#: For classes, in the order in which they are preferred when cross-validation cannot decide.
CLASS_CANDIDATES = (
    Candidate("styles and HOG", ("styles", "hog"), "spreading"),
    Candidate("clusters by maxima of maps", ("maps",), "clusters", 5),
    Candidate("consensus of styles", ("styles",), "logistic", 40),
    Candidate("HOG", ("hog",), "logistic"),
)
#: For numbers.
NUMBER_CANDIDATES = (
    Candidate("consensus of styles", ("styles",), "curve", 40),
    Candidate("consensus of mirrored differences", ("differences",), "curve", 40),
    Candidate("all styles", ("styles", "differences"), "ridge"),
    Candidate("styles and HOG", ("styles", "hog"), "ridge"),
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
        # Over all photos the columns have mean 0 and deviation 1.
        sums = rows @ unit_spread(rows, weights)
        by_photos = (sums - sums.mean()) @ rows / len(rows)
        agree = np.sign(by_photos) == np.sign(by_labels)
        score = np.abs(by_photos * by_labels) * agree
        weights = _largest(score, np.sign(by_photos), n_channels)
    return unit_spread(rows, weights)


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
        ridge = RidgeCV(RIDGE_ALPHAS).fit(rows[labeled], values)
        return LinearModel(ridge.coef_[None], ridge.intercept_[None])

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
    graphs: PhotoGraphs | None = None,
) -> LinearModel:
    """Fit a candidate to classes 0, 1, ...; logits of shape (n_classes, d)."""
    present = np.unique(codes)
    coef = np.zeros((n_classes, rows.shape[1]))
    intercept = np.full(n_classes, ABSENT)
    if len(present) == 1:
        intercept[present] = 0.0
        return LinearModel(coef, intercept)

    if candidate.n_channels is None and graphs is None:
        inner = _fit_logistic(rows[labeled], codes, present, LOGISTIC_C, "balanced")
        coef[present], intercept[present] = inner.coef, inner.intercept
        return LinearModel(coef, intercept)

    # Two classes have one weighted sum; of more, each has its own against the rest.
    sides = present[1:] if len(present) == 2 else present
    n_channels = candidate.n_channels or rows.shape[1]
    if graphs is None:
        found = [consensus(rows, labeled, 1.0 * (codes == c), n_channels) for c in sides]
    else:
        found = [_spread_direction(rows, labeled, codes == c, graphs) for c in sides]
    directions = np.stack(found)
    sums = rows @ directions.T
    if candidate.head == "clusters":
        inner = _fit_clusters(sums, labeled, codes, present, random_state)
    else:
        weight = None if graphs is None else "balanced"
        inner = _fit_logistic(sums[labeled], codes, present, 1.0, weight)
    coef[present], intercept[present] = inner.coef @ directions, inner.intercept
    return LinearModel(coef, intercept)


def _spread_direction(rows, labeled, is_class, graphs):
    """Return weights that follow the labels themselves, and the labels spread over each graph."""
    present = np.array([0, 1])
    alone = _fit_logistic(rows[labeled], is_class.astype(int), present, LOGISTIC_C, "balanced")
    direction = unit_spread(rows, alone.coef[1]) + graphs.direction(labeled, is_class)
    return unit_spread(rows, direction)


def _fit_logistic(rows, codes, present, strength, class_weight=None):
    # The solution lies in the span of the labeled rows, which has far fewer dimensions.
    basis = np.linalg.qr(rows.T)[0] if rows.shape[1] > len(rows) else np.eye(rows.shape[1])
    model = LogisticRegression(C=strength, class_weight=class_weight, max_iter=1000)
    model.fit(rows @ basis, codes)
    coef = model.coef_ @ basis.T
    if len(present) > 2:
        return LinearModel(coef, model.intercept_)
    return LinearModel(
        np.concatenate([np.zeros_like(coef), coef]), np.append(0.0, model.intercept_)
    )


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
