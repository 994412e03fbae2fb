"""Graphs of similar photos, over which few labels spread to the photos without one."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray
from scipy.linalg import cho_factor, cho_solve
from scipy.stats import rankdata

#: Neighbors of each photo, and the share of a label that it passes on: chosen on validation photos.
N_NEIGHBORS, PASSED_ON = 30, 0.9
#: Strength of the ridge that turns spread labels into weights, where rows have length 1 on average.
RIDGE = 10.0
#: Photos of a graph; of more, the labeled ones and others drawn at random.
MOST_PHOTOS = 1_500


class PhotoGraphs:
    """Graphs that link each photo to those in the most similar direction from the mean.

    One graph compares all columns. With several blocks of columns another compares the last alone.

    Parameters
    ----------
    rows : ndarray of shape (n, d)
        Columns of mean 0, scaled so that rows have length 1 on average.
    labeled : ndarray of int
        Rows with a label, in ascending order.
    sizes : sequence of int
        Columns of each block.
    random_state : int
        Seed of the photos without a label, where there are too many.
    """

    def __init__(
        self,
        rows: NDArray[np.float64],
        labeled: NDArray[np.intp],
        sizes: Sequence[int],
        random_state: int,
    ) -> None:
        kept = np.arange(len(rows))
        if len(rows) > MOST_PHOTOS:
            others = np.random.default_rng(random_state).permutation(np.delete(kept, labeled))
            kept = np.sort(np.concatenate([labeled, others[: max(MOST_PHOTOS - len(labeled), 0)]]))
        self._rows, self._labeled = rows[kept], labeled
        places = np.searchsorted(kept, labeled)

        products = []
        for block in np.split(self._rows, np.cumsum(sizes)[:-1], axis=1):
            block = block.astype(np.float32)  # twice as fast, and as good for neighbors
            products.append((block @ block.T).astype(np.float64))
        total = np.sum(products, axis=0)

        eye = np.eye(len(kept))
        self._ridge = cho_factor(total + RIDGE * eye)
        self._spread = []
        for compared in [total] if len(products) == 1 else [total, products[-1]]:
            system = cho_factor(eye - PASSED_ON * _normalized_graph(compared))
            self._spread.append(cho_solve(system, eye[:, places]))

    def direction(
        self, labeled: NDArray[np.intp], is_class: NDArray[np.bool_]
    ) -> NDArray[np.float64]:
        """Return the weights (d,) of the columns that follow labels spread over the graphs.

        Parameters
        ----------
        labeled : ndarray of int
            Some of the labeled rows.
        is_class : ndarray of bool
            Which of them have the class; not all, and not none.
        """
        columns = np.searchsorted(self._labeled, labeled)
        total = np.zeros(self._rows.shape[1])
        for spread in self._spread:
            inside = spread[:, columns[is_class]].mean(axis=1)
            outside = spread[:, columns[~is_class]].mean(axis=1)
            share = inside / np.maximum(inside + outside, 1e-12)
            ranks = rankdata(share)
            weights = self._rows.T @ cho_solve(self._ridge, ranks - ranks.mean())
            total += unit_spread(self._rows, weights)
        return total


def unit_spread(rows: NDArray[np.float64], weights: NDArray[np.float64]) -> NDArray[np.float64]:
    """Return weights whose sum has standard deviation 1 over the rows; 0 if it is constant."""
    deviation = (rows @ weights).std()
    return weights / deviation if deviation > 0 else np.zeros_like(weights)


def _normalized_graph(products):
    """Return the edges (n, n) between neighbors by angle, divided by the degrees of both ends."""
    n = len(products)
    lengths = np.sqrt(np.maximum(np.diag(products), 1e-12))
    cosines = products / lengths[:, None] / lengths
    np.fill_diagonal(cosines, -np.inf)

    # A small collection has fewer neighbors, or everything would be linked to everything.
    n_neighbors = max(1, min(N_NEIGHBORS, n // 8))
    nearest = np.argpartition(-cosines, n_neighbors - 1, axis=1)[:, :n_neighbors]
    edges = np.zeros((n, n))
    np.put_along_axis(edges, nearest, 1.0, axis=1)
    edges = np.maximum(edges, edges.T)
    scale = 1 / np.sqrt(edges.sum(axis=1))
    return scale[:, None] * edges * scale
