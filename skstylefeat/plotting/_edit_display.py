"""Display of images whose codes are moved along a direction."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Self

import numpy as np

from skstylefeat.latents._rows import images_of
from skstylefeat.latents._spaces import as_w_plus, broadcast_direction
from skstylefeat.plotting._style import MUTED, Display, check_same_length, to_pixels

if TYPE_CHECKING:
    from collections.abc import Sequence

    from matplotlib.axes import Axes
    from numpy.typing import ArrayLike, NDArray

    from skstylefeat._utils._typing import StrPath
    from skstylefeat.networks._generator import Generator


class EditStripDisplay(Display):
    """One row of images per code, one column per step along a direction.

    Parameters
    ----------
    images : array-like of shape (n_codes, n_steps, H, W, 3)
        uint8, or floats in [0, 1].
    steps : array-like of shape (n_steps,)
        Lengths of the steps.

    Attributes
    ----------
    ax_ : matplotlib axes
    figure_ : matplotlib figure
        Set by `plot`.

    Examples
    --------
    >>> import numpy as np
    >>> from skstylefeat.plotting import EditStripDisplay
    >>> display = EditStripDisplay(np.zeros((1, 3, 8, 8, 3)), [-1, 0, 1]).plot()
    >>> [text.get_text() for text in display.ax_.texts]
    ['-1', '0', '+1']
    """

    images: NDArray[Any]
    steps: NDArray[np.float64]

    def __init__(self, images: ArrayLike, steps: ArrayLike) -> None:
        self.images = np.asarray(images)
        self.steps = np.asarray(steps, dtype=np.float64)
        if self.images.ndim != 5:
            raise ValueError(
                f"images has shape {self.images.shape}; expected (n_codes, n_steps, H, W, 3)."
            )
        check_same_length(steps=self.steps, images=self.images[0])

    @classmethod
    def from_estimator(
        cls,
        generator: Generator | StrPath,
        latents: ArrayLike,
        direction: Any,
        *,
        steps: ArrayLike | None = None,
        layers: Sequence[int] | None = None,
        ax: Axes | None = None,
    ) -> Self:
        """Move codes along a direction and synthesize them.

        Parameters
        ----------
        generator : Generator, str or path-like
            Loaded, or a name or path for :func:`skstylefeat.load_generator`.
        latents : array-like of shape (n, w_dim), (n, n_ws, w_dim) or (n, n_ws * w_dim)
            Start codes, in W or W+.
        direction : array-like or estimator with `direction_`
            In W or per layer, in a shape of :func:`skstylefeat.latents.broadcast_direction`.
            :class:`~skstylefeat.directions.MeanDifferenceDirection` is best for edits.
        steps : array-like of shape (n_steps,), default=None
            Step lengths, in units of the direction as given; by default five from -3 to 3 times
            the spread of the codes along it, or the length of the direction for a single code.
        layers : sequence of int, default=None
            Layers of W+ to move, all by default.
        ax : matplotlib axes, default=None

        Returns
        -------
        EditStripDisplay
        """
        # Imported here: networks need torch.
        from skstylefeat.networks._loading import load_generator

        network = load_generator(generator)
        codes = as_w_plus(np.asarray(latents), network.n_ws, network.w_dim)
        direction = getattr(direction, "direction_", direction)
        normal, _ = broadcast_direction(direction, network.n_ws, network.w_dim)
        if steps is None:
            steps = np.linspace(-3, 3, 5) * _spread(codes, normal)
        lengths = np.asarray(steps, dtype=np.float64)

        moved = np.zeros(network.n_ws, dtype=bool)
        moved[slice(None) if layers is None else list(layers)] = True
        offset = np.where(moved[:, None], normal, 0.0)
        edited = codes[:, None] + lengths[:, None, None] * offset
        edited = edited.reshape(-1, network.n_ws, network.w_dim).astype(np.float32)

        images = images_of(edited, "w+", network, batch_size=None)
        images = images.reshape(len(codes), len(lengths), *images.shape[1:])
        return cls(images, lengths).plot(ax=ax)

    @classmethod
    def from_images(cls, images: ArrayLike, steps: ArrayLike, *, ax: Axes | None = None) -> Self:
        """Show given images; parameters as of the class."""
        return cls(images, steps).plot(ax=ax)

    def plot(self, ax: Axes | None = None) -> Self:
        """Draw the images, with the steps as headings.

        Parameters
        ----------
        ax : matplotlib axes, default=None
            A new figure by default.

        Returns
        -------
        EditStripDisplay
        """
        n_rows, n_columns, height, width = self.images.shape[:4]
        sheet = self._new_sheet(ax, n_rows, n_columns, height / width, top=0.3)
        for row, strip in enumerate(self.images):
            for column, image in enumerate(to_pixels(strip)):
                sheet.image(row, column, image)
        for column, step in enumerate(self.steps):
            text = "0" if step == 0 else f"{step:+.2g}"
            sheet.above(0, column, text, color=MUTED)
        sheet.finish(top=0.3)
        return self


def _spread(codes, normal):
    """Return the standard deviation of the codes along a direction, in lengths of it, or 1."""
    along = np.einsum("nlw,lw->n", codes, normal) / np.square(normal).sum()
    return float(along.std()) or 1.0
