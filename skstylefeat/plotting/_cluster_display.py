"""Clusters of images with the names that a few labels gave them."""

import numpy as np

from skstylefeat.plotting._style import (
    MARK,
    MUTED,
    ImageSheet,
    check_same_length,
    new_axes,
    sheet_size,
    to_pixels,
)


class ClusterDisplay:
    """One row a cluster: the images whose labels were asked for, framed, then others.

    Parameters
    ----------
    images : array-like of shape (n, H, W, 3), list of paths or PIL images
        All clustered images; only those shown are read.
    clusters : array-like of shape (n,), int
        Cluster of each image, 0, 1, ...
    names : sequence of length n_clusters, default=None
        Label that each cluster got.
    confidence : array-like of shape (n_clusters,), default=None
        Between 0 and 1, written beside the name.
    query_indices : array-like of int, default=None
        Images whose labels were asked for.

    Attributes
    ----------
    ax_, figure_
        What `plot` drew on.

    Examples
    --------
    >>> import numpy as np
    >>> from skstylefeat.plotting import ClusterDisplay
    >>> images = np.random.default_rng(0).random((6, 8, 8, 3))
    >>> display = ClusterDisplay(images, [0, 1, 0, 1, 1, 0], names=["cat", "dog"]).plot()
    >>> [text.get_text() for text in display.ax_.texts]
    ['cat', '3 images', 'dog', '3 images']
    """

    def __init__(self, images, clusters, *, names=None, confidence=None, query_indices=None):
        check_same_length(images=images, clusters=clusters)
        check_same_length(names=names, confidence=confidence)
        self.images = images
        self.clusters = np.asarray(clusters)
        self.names = names
        self.confidence = confidence
        self.query_indices = np.asarray([] if query_indices is None else query_indices, dtype=int)
        if names is not None and self.clusters.max() >= len(names):
            raise ValueError(
                f"There are {len(names)} names, but a cluster numbered {self.clusters.max()}: "
                "clusters count from 0, and each needs a name."
            )

    @classmethod
    def from_estimator(cls, annotator, X, images, *, n_images=10, ax=None):
        """Show the clusters that an annotator found in its training rows.

        Parameters
        ----------
        annotator : ClusterAnnotator
            Fitted; named clusters where it is annotated.
        X : array-like of shape (n, d)
            The rows it was fitted on.
        images : array-like of shape (n, H, W, 3), list of paths or PIL images
            Their images.
        n_images : int, default=10
            Images in a row.
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
        )
        return display.plot(ax=ax, n_images=n_images)

    @classmethod
    def from_predictions(
        cls,
        images,
        clusters,
        *,
        names=None,
        confidence=None,
        query_indices=None,
        n_images=10,
        ax=None,
    ):
        """Show clusters of any origin; parameters as of the class and of `plot`."""
        display = cls(
            images, clusters, names=names, confidence=confidence, query_indices=query_indices
        )
        return display.plot(ax=ax, n_images=n_images)

    def plot(self, ax=None, *, n_images=10):
        """Draw one row a cluster.

        Parameters
        ----------
        ax : matplotlib axes, default=None
            A new figure by default.
        n_images : int, default=10
            Images in a row.

        Returns
        -------
        ClusterDisplay
        """
        found = np.unique(self.clusters)
        rows = {cluster: self._members(cluster, n_images) for cluster in found}
        size = to_pixels(_take(self.images, rows[found[0]][:1])).shape[1:3]
        aspect = size[0] / size[1]
        figsize = sheet_size(len(found), n_images, aspect, left=1.5, inch=0.8)
        self.figure_, self.ax_ = new_axes(ax, figsize)
        sheet = ImageSheet(self.ax_, aspect)
        for row, cluster in enumerate(found):
            self._label(sheet, row, cluster)
            pixels = to_pixels(_take(self.images, rows[cluster]), size)
            for column, (index, image) in enumerate(zip(rows[cluster], pixels, strict=True)):
                queried = index in self.query_indices
                sheet.image(row, column, image, frame=MARK if queried else None)
        sheet.finish(left=1.5)
        return self

    def _members(self, cluster, n_images):
        """Return the queried images of a cluster, then others spread over the rest."""
        members = np.flatnonzero(self.clusters == cluster)
        queried = members[np.isin(members, self.query_indices)][:n_images]
        others = members[~np.isin(members, self.query_indices)]
        n_others = min(len(others), n_images - len(queried))
        spread = np.linspace(0, len(others) - 1, n_others).round().astype(int)
        return np.concatenate([queried, others[spread]])

    def _label(self, sheet, row, cluster):
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


def _take(images, rows):
    if isinstance(images, (list, tuple)):
        return [images[i] for i in rows]
    return images[rows]
