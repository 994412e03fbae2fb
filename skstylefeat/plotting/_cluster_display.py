"""Display of clusters of images, named by a few labels."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Self

import numpy as np

from skstylefeat.plotting._style import MARK, MUTED, Display, check_same_length, rows_to_pixels

if TYPE_CHECKING:
    from collections.abc import Sequence

    from matplotlib.axes import Axes
    from numpy.typing import ArrayLike, NDArray

    from skstylefeat._utils._typing import ImagesLike


class ClusterDisplay(Display):
    """One row of images per cluster: the queried ones, framed, then others.

    Parameters
    ----------
    images : array-like of shape (n, H, W, 3), list of paths or PIL images
        All clustered images; only those shown are read.
    clusters : array-like of shape (n,), int
        Cluster of each image, 0, 1, ...
    names : sequence of length n_clusters, default=None
        Label of each cluster.
    confidence : array-like of shape (n_clusters,), default=None
        Between 0 and 1, written below the name.
    query_indices : array-like of int, default=None
        Images whose labels were queried.
    y_true : array-like of shape (n,), default=None
        Classes; a cross marks images whose class is not the name of their cluster.

    Attributes
    ----------
    ax_ : matplotlib axes
    figure_ : matplotlib figure
        Set by `plot`.

    Examples
    --------
    >>> import numpy as np
    >>> from skstylefeat.plotting import ClusterDisplay
    >>> images = np.random.default_rng(0).random((6, 8, 8, 3))
    >>> display = ClusterDisplay(images, [0, 1, 0, 1, 1, 0], names=["cat", "dog"]).plot()
    >>> [text.get_text() for text in display.ax_.texts]
    ['cat', '3 images', 'dog', '3 images']
    """

    images: ImagesLike
    clusters: NDArray[Any]
    names: Sequence[Any] | None
    confidence: ArrayLike | None
    query_indices: NDArray[np.intp]
    y_true: NDArray[Any] | None

    def __init__(
        self,
        images: ImagesLike,
        clusters: ArrayLike,
        *,
        names: Sequence[Any] | None = None,
        confidence: ArrayLike | None = None,
        query_indices: ArrayLike | None = None,
        y_true: ArrayLike | None = None,
    ) -> None:
        check_same_length(images=images, clusters=clusters, y_true=y_true)
        check_same_length(names=names, confidence=confidence)
        self.images = images
        self.clusters = np.asarray(clusters)
        self.names = names
        self.confidence = confidence
        self.y_true = None if y_true is None else np.asarray(y_true)
        self.query_indices = np.asarray([] if query_indices is None else query_indices, dtype=int)
        if names is not None and self.clusters.max() >= len(names):
            raise ValueError(
                f"There are {len(names)} names, but a cluster numbered {self.clusters.max()}: "
                "expected a name for each cluster, counted from 0."
            )

    @classmethod
    def from_estimator(
        cls,
        annotator: Any,
        X: ArrayLike,
        images: ImagesLike,
        *,
        y_true: ArrayLike | None = None,
        n_images: int = 10,
        ax: Axes | None = None,
    ) -> Self:
        """Show the clusters that an annotator found in its training rows.

        Parameters
        ----------
        annotator : ClusterAnnotator
            Fitted; its clusters have names if it is annotated.
        X : array-like of shape (n, d)
            The rows it was fitted on.
        images : array-like of shape (n, H, W, 3), list of paths or PIL images
            Their images.
        y_true : array-like of shape (n,), default=None
            Their classes; a cross marks errors.
        n_images : int, default=10
            Images per row.
        ax : matplotlib axes, default=None

        Returns
        -------
        ClusterDisplay
        """
        clusters = np.asarray(annotator.labels_)
        check_same_length(X=X, images=images, clusters=clusters)
        names = getattr(annotator, "cluster_labels_", None)
        confidence = None
        if names is not None:
            confidence = _confidence(annotator.predict_proba(X), clusters, len(names))
        display = cls(
            images,
            clusters,
            names=names,
            confidence=confidence,
            query_indices=annotator.query_indices_,
            y_true=y_true,
        )
        return display.plot(ax=ax, n_images=n_images)

    @classmethod
    def from_predictions(
        cls,
        images: ImagesLike,
        clusters: ArrayLike,
        *,
        names: Sequence[Any] | None = None,
        confidence: ArrayLike | None = None,
        query_indices: ArrayLike | None = None,
        y_true: ArrayLike | None = None,
        n_images: int = 10,
        ax: Axes | None = None,
    ) -> Self:
        """Show given clusters; parameters as of the class and of `plot`."""
        display = cls(
            images,
            clusters,
            names=names,
            confidence=confidence,
            query_indices=query_indices,
            y_true=y_true,
        )
        return display.plot(ax=ax, n_images=n_images)

    def plot(self, ax: Axes | None = None, *, n_images: int = 10) -> Self:
        """Draw one row per cluster.

        Parameters
        ----------
        ax : matplotlib axes, default=None
            A new figure by default.
        n_images : int, default=10
            Images per row.

        Returns
        -------
        ClusterDisplay
        """
        found = np.unique(self.clusters)
        rows = {cluster: self._members(cluster, n_images) for cluster in found}

        # All images are drawn in the size of the first one.
        size = rows_to_pixels(self.images, rows[found[0]][:1]).shape[1:3]
        sheet = self._new_sheet(
            ax, len(found), n_images, aspect=size[0] / size[1], left=1.5, inch=0.8
        )

        for row, cluster in enumerate(found):
            self._label(sheet, row, cluster)
            pixels = rows_to_pixels(self.images, rows[cluster], size)
            for column, (index, image) in enumerate(zip(rows[cluster], pixels, strict=True)):
                queried = index in self.query_indices
                sheet.image(row, column, image, frame=MARK if queried else None)
                if self._is_error(index):
                    sheet.cross(row, column)
        sheet.finish(left=1.5)
        return self

    def _is_error(self, index):
        """Return whether the name of an image's cluster is not its class."""
        if self.y_true is None or self.names is None:
            return False
        return self.y_true[index] != self.names[self.clusters[index]]

    def _members(self, cluster, n_images):
        """Return the queried images of a cluster, then an even selection of the others."""
        members = np.flatnonzero(self.clusters == cluster)
        queried = members[np.isin(members, self.query_indices)][:n_images]
        others = members[~np.isin(members, self.query_indices)]
        n_others = min(len(others), n_images - len(queried))
        spread = np.linspace(0, len(others) - 1, n_others).round().astype(int)
        return np.concatenate([queried, others[spread]])

    def _label(self, sheet, row, cluster):
        """Write name, size and confidence of a cluster left of its row."""
        size = f"{np.count_nonzero(self.clusters == cluster)} images"
        name = f"cluster {cluster}" if self.names is None else str(self.names[cluster])
        if self.confidence is not None:
            size += f"\nconfidence {self.confidence[cluster]:.2f}"
        x, y = sheet.corner(row, 0)
        middle = y + sheet.aspect / 2
        style = {"ha": "right", "size": 8.5}
        sheet.ax.text(x - 0.12, middle - 0.04, name, va="bottom", weight="bold", **style)
        sheet.ax.text(x - 0.12, middle + 0.04, size, va="top", ha="right", size=6.5, color=MUTED)


def _confidence(probabilities, clusters, n_clusters):
    """Return the mean probability of the given label over each cluster's rows."""
    certainty = np.asarray(probabilities).max(axis=1)
    sizes = np.bincount(clusters, minlength=n_clusters)
    return np.bincount(clusters, weights=certainty, minlength=n_clusters) / np.maximum(sizes, 1)
