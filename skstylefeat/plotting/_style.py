"""Shared parts of the displays: colors, axes, and sheets of images."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np

from skstylefeat.images._collection import as_images

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure
    from numpy.typing import NDArray

    from skstylefeat._utils._typing import ImagesLike

INK = "#2b2b2b"
MUTED = "#8a8a8a"
FAINT = "#dcdcdc"
ACCENT = "#1f6f8b"
MARK = "#d1495b"
TEXT_SIZE = 8
#: Gap between two images, in image widths.
GAP = 0.06


def to_pixels(images: ImagesLike, size: tuple[int, int] | None = None) -> NDArray[np.float32]:
    """Return images of any accepted kind as (n, H, W, 3) float32 in [0, 1]."""
    return as_images(images).read(size)


def rows_to_pixels(images, rows, size=None):
    """Return the pixels of some rows, in the size of the first one by default."""
    some = [images[i] for i in rows] if isinstance(images, list | tuple) else images[rows]
    return to_pixels(some, size or to_pixels(some[:1]).shape[1:3])


def check_same_length(**parts: Any) -> None:
    """Raise ValueError unless all `parts` that are not None have the same length."""
    lengths = {name: len(part) for name, part in parts.items() if part is not None}
    if len(set(lengths.values())) > 1:
        raise ValueError(f"Lengths differ: {lengths}; expected one entry of each per row.")


class Display:
    """Base of the displays, with the axes that `plot` draws on."""

    ax_: Axes
    figure_: Figure

    def _set_axes(self, ax, figsize):
        """Set `ax_` and `figure_`, to new ones if `ax` is None."""
        if ax is not None:
            self.figure_, self.ax_ = ax.figure, ax
            return
        try:
            from matplotlib import pyplot as plt
        except ImportError as error:
            raise ImportError(
                "Displays are drawn with matplotlib, which is not installed. Install it with "
                "pip install matplotlib, or pip install skstylefeat[plot]."
            ) from error
        self.figure_, self.ax_ = plt.subplots(figsize=figsize, layout="constrained")

    def _new_sheet(
        self, ax, n_rows, n_columns, aspect=1.0, *, row_gap=GAP, inch=0.85, left=0.0, top=0.0
    ):
        """Set the axes and return an `ImageSheet` on them, `inch` inches per image width."""
        width = n_columns * (1 + GAP) + left
        height = n_rows * (aspect + row_gap) + top
        self._set_axes(ax, (max(2.0, width * inch), max(1.0, height * inch)))
        return ImageSheet(self.ax_, aspect, row_gap)


class ImageSheet:
    """Images on one pair of axes, whose unit is the width of an image.

    Cell (row, column) has its upper left corner at ``(column * step, row * row_step)``; `y` grows
    downwards.

    Parameters
    ----------
    ax : matplotlib axes
    aspect : float
        Height of an image over its width.
    row_gap : float, default=GAP
        Space below an image, in image widths; captions go there.
    """

    def __init__(self, ax: Axes, aspect: float, row_gap: float = GAP) -> None:
        self.ax = ax
        self.aspect = aspect
        self.step = 1 + GAP
        self.row_step = aspect + row_gap
        self._right = self._bottom = 0.0
        ax.set_axis_off()
        ax.set_aspect("equal")

    def corner(self, row: int, column: int) -> tuple[float, float]:
        """Return x and y of a cell's upper left corner."""
        return column * self.step, row * self.row_step

    def image(
        self,
        row: int,
        column: int,
        pixels: NDArray[Any],
        *,
        frame: str | None = None,
        **kwargs: Any,
    ) -> None:
        """Draw pixels or a map into a cell, framed in the color `frame`."""
        x, y = self.corner(row, column)
        kwargs.setdefault("interpolation", "antialiased")
        self.ax.imshow(pixels, extent=(x, x + 1, y + self.aspect, y), **kwargs)
        if frame is not None:
            from matplotlib.patches import Rectangle

            self.ax.add_patch(
                Rectangle((x, y), 1, self.aspect, fill=False, edgecolor=frame, linewidth=2.2)
            )
        self._right = max(self._right, x + 1)
        self._bottom = max(self._bottom, y + self.aspect)

    def cross(self, row: int, column: int) -> None:
        """Mark a cell as wrong, by a cross in its upper right corner."""
        x, y = self.corner(row, column)
        for color, width in (("white", 4.0), (MARK, 1.8)):
            self.ax.plot(x + 0.86, y + 0.14, "x", color=color, markersize=7, markeredgewidth=width)

    def below(self, row: int, column: int, text: str, **kwargs: Any) -> None:
        """Write a caption under a cell."""
        x, y = self.corner(row, column)
        style = {"ha": "center", "va": "top", "size": TEXT_SIZE, "color": INK, **kwargs}
        self.ax.text(x + 0.5, y + self.aspect + 0.04, text, **style)
        self._bottom = max(self._bottom, y + self.aspect + 0.2)

    def above(self, row: int, column: int, text: str, **kwargs: Any) -> None:
        """Write a heading over a cell."""
        x, y = self.corner(row, column)
        style = {"ha": "center", "va": "bottom", "size": TEXT_SIZE, "color": INK, **kwargs}
        self.ax.text(x + 0.5, y - 0.04, text, **style)

    def left(self, row: int, text: str, **kwargs: Any) -> None:
        """Write a label left of a row."""
        x, y = self.corner(row, 0)
        style = {"ha": "right", "va": "center", "size": TEXT_SIZE, "color": INK, **kwargs}
        self.ax.text(x - 0.12, y + self.aspect / 2, text, **style)

    def finish(self, *, top: float = 0.05, left: float = 0.05) -> None:
        """Fit the limits of the axes to the drawing, with room for headings and row labels."""
        self.ax.set_xlim(-left, self._right + 0.05)
        self.ax.set_ylim(self._bottom + 0.05, -top)


def plain_axes(ax: Axes) -> None:
    """Remove the upper and right line of the axes, and mute the others."""
    ax.spines[["top", "right"]].set_visible(False)
    ax.spines[["left", "bottom"]].set_color(MUTED)
    ax.tick_params(colors=INK, labelsize=TEXT_SIZE, color=MUTED)


def evenly(n: int, n_wanted: int) -> NDArray[np.intp]:
    """Return at most `n_wanted` evenly spaced indices of 0..n-1, including both ends."""
    return np.unique(np.linspace(0, n - 1, min(n, n_wanted)).round().astype(int))
