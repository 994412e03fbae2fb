"""Display of feature maps as heat maps next to their images."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Self

import numpy as np

from skstylefeat.plotting._style import Display, check_same_length, to_pixels

if TYPE_CHECKING:
    from collections.abc import Sequence

    from matplotlib.axes import Axes
    from matplotlib.colors import Colormap
    from numpy.typing import ArrayLike, NDArray

    from skstylefeat._utils._typing import ImagesLike


class FeatureMapDisplay(Display):
    """Heat maps with one row per image and one column per channel.

    Every channel has one scale over all images, so that a column shows the images in which the
    channel responds.

    Parameters
    ----------
    maps : list of ndarray of shape (n, H, W)
        Maps of each channel shown; sizes may differ between channels.
    channel_names : list of str
        Headings of the columns.
    images : array-like of shape (n, H, W, 3), default=None
        Shown left of the maps.
    row_labels : sequence of str, default=None
        Written left of the rows, for example the classes of the images.

    Attributes
    ----------
    ax_ : matplotlib axes
    figure_ : matplotlib figure
        Set by `plot`.

    Examples
    --------
    >>> import numpy as np
    >>> from skstylefeat.plotting import FeatureMapDisplay
    >>> display = FeatureMapDisplay([np.eye(4)[None]], ["b4.conv1:7"]).plot()
    >>> len(display.ax_.images)
    1
    """

    maps: list[NDArray[Any]]
    channel_names: list[str]
    images: NDArray[np.float32] | None
    row_labels: list[str] | None

    def __init__(
        self,
        maps: Sequence[ArrayLike],
        channel_names: Sequence[str],
        *,
        images: ImagesLike | None = None,
        row_labels: Sequence[Any] | None = None,
    ) -> None:
        check_same_length(maps=maps, channel_names=channel_names)
        self.maps = [np.asarray(channel) for channel in maps]
        lengths = {len(channel) for channel in self.maps}
        if len(lengths) != 1 or any(channel.ndim != 3 for channel in self.maps):
            raise ValueError(
                "maps must have one array of shape (n, H, W) per channel, with the same n for all; "
                f"got shapes {[channel.shape for channel in self.maps]}."
            )
        check_same_length(maps=self.maps[0], images=images, row_labels=row_labels)
        self.channel_names = list(channel_names)
        self.images = None if images is None else to_pixels(images)
        self.row_labels = None if row_labels is None else [str(label) for label in row_labels]

    @classmethod
    def from_estimator(
        cls,
        selector: Any,
        maps: Any,
        images: ImagesLike | None = None,
        *,
        row_labels: Sequence[Any] | None = None,
        n_channels: int = 8,
        ax: Axes | None = None,
    ) -> Self:
        """Show the channels with the best scores of a selector.

        Parameters
        ----------
        selector : ChannelMISelector
            Fitted.
        maps : FeatureMaps or array-like of shape (n, C, H, W)
            Maps of all channels of the rows to show, in the form that the selector was fitted on.
        images, row_labels
            As of the class.
        n_channels : int, default=8
            Number of channels: the best of the selected ones, at most two per layer while other
            layers have some left, so that the display shows more than one scale.
        ax : matplotlib axes, default=None

        Returns
        -------
        FeatureMapDisplay
        """
        kept = selector.get_support(indices=True)
        ranked = kept[np.argsort(-selector.scores_[kept], kind="stable")]
        chosen = _spread_over_layers(ranked, selector.layer_slices_, n_channels)

        # Each layer is read once.
        values: dict[int, NDArray[Any]] = {}
        for name, where in selector.layer_slices_.items():
            here = chosen[(chosen >= where.start) & (chosen < where.stop)]
            if len(here):
                layer = _layer(maps, name, here - where.start)
                values.update(zip(here.tolist(), layer.transpose(1, 0, 2, 3), strict=True))

        if hasattr(maps, "channel_names"):
            names = [maps.channel_names[i] for i in chosen]
        else:
            names = [f"x{i}" for i in chosen]
        shown = [values[i] for i in chosen.tolist()]
        return cls(shown, names, images=images, row_labels=row_labels).plot(ax=ax)

    @classmethod
    def from_maps(
        cls,
        maps: Any,
        images: ImagesLike | None = None,
        *,
        row_labels: Sequence[Any] | None = None,
        ax: Axes | None = None,
    ) -> Self:
        """Show all channels of `maps`, a small selection of `FeatureMaps`."""
        shown = [
            channel
            for _, layer in maps.iter_layers()
            for channel in np.asarray(layer).transpose(1, 0, 2, 3)
        ]
        display = cls(shown, maps.channel_names, images=images, row_labels=row_labels)
        return display.plot(ax=ax)

    def plot(self, ax: Axes | None = None, *, cmap: str | Colormap = "magma") -> Self:
        """Draw the maps, with the names of the channels as headings.

        Parameters
        ----------
        ax : matplotlib axes, default=None
            A new figure by default.
        cmap : str or colormap, default="magma"

        Returns
        -------
        FeatureMapDisplay
        """
        n_rows = len(self.maps[0])
        first = 0 if self.images is None else 1
        label_room = 0.9 if self.row_labels else 0.05
        n_columns = first + len(self.maps)
        aspect = self.maps[0].shape[1] / self.maps[0].shape[2]
        sheet = self._new_sheet(ax, n_rows, n_columns, aspect, left=label_room, top=0.35)

        for row in range(n_rows):
            if self.row_labels:
                sheet.left(row, self.row_labels[row])
            if self.images is not None:
                sheet.image(row, 0, self.images[row])
            for column, channel in enumerate(self.maps, start=first):
                low, high = float(channel.min()), float(channel.max())
                high = high if high > low else low + 1.0
                sheet.image(
                    row,
                    column,
                    channel[row].astype(np.float64),
                    cmap=cmap,
                    vmin=low,
                    vmax=high,
                    interpolation="nearest",
                )

        for column, name in enumerate(self.channel_names, start=first):
            sheet.above(0, column, name.replace(".", "\n", 1), size=6.5)
        sheet.finish(top=0.4, left=label_room)
        return self


def _spread_over_layers(ranked, layer_slices, n_channels):
    """Return the best channels in the order of layers, two of each before any others."""
    edges = np.array([where.start for where in layer_slices.values()])
    layer_of = np.searchsorted(edges, ranked, side="right")
    place = np.array([np.count_nonzero(layer_of[:i] == layer_of[i]) for i in range(len(ranked))])
    turn = np.argsort(place // 2, kind="stable")
    return np.sort(ranked[turn][:n_channels])


def _layer(maps, name, channels):
    """Return some channels of a layer, of shape (n, len(channels), H, W)."""
    if hasattr(maps, "select"):
        return np.asarray(maps.select({name: channels}).layer(name))
    return np.asarray(maps)[:, channels]
