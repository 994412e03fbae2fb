"""Display of images sorted by a value."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Self

import numpy as np

from skstylefeat.plotting._style import MUTED, Display, check_same_length, evenly, rows_to_pixels

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from numpy.typing import ArrayLike, NDArray

    from skstylefeat._utils._typing import ImagesLike


class SortedImagesDisplay(Display):
    """Images from the smallest to the largest value, at evenly spaced ranks.

    Parameters
    ----------
    images : array-like of shape (n, H, W, 3), list of paths or PIL images
        Only those shown are read.
    values : array-like of shape (n,)
        Values to sort by, such as distances or predicted years.
    y_true : array-like of shape (n,), default=None
        True values, written below the images.
    fmt : str, default="{:.0f}"
        Format of `y_true`.

    Attributes
    ----------
    order_ : ndarray of shape (n,), int
        Rows in ascending order of `values`.
    ax_ : matplotlib axes
    figure_ : matplotlib figure
        Set by `plot`.

    Examples
    --------
    >>> import numpy as np
    >>> from skstylefeat.plotting import SortedImagesDisplay
    >>> SortedImagesDisplay(np.zeros((3, 8, 8, 3)), [0.3, -1.0, 0.1]).order_
    array([1, 2, 0])
    """

    images: ImagesLike
    values: NDArray[np.float64]
    y_true: NDArray[Any] | None
    fmt: str
    order_: NDArray[np.intp]

    def __init__(
        self,
        images: ImagesLike,
        values: ArrayLike,
        *,
        y_true: ArrayLike | None = None,
        fmt: str = "{:.0f}",
    ) -> None:
        check_same_length(images=images, values=values, y_true=y_true)
        self.images = images
        self.values = np.asarray(values, dtype=np.float64).ravel()
        self.y_true = None if y_true is None else np.asarray(y_true)
        self.fmt = fmt
        self.order_ = np.argsort(self.values, kind="stable")

    @classmethod
    def from_estimator(
        cls,
        estimator: Any,
        X: ArrayLike,
        images: ImagesLike,
        *,
        y_true: ArrayLike | None = None,
        fmt: str = "{:.0f}",
        n_images: int = 20,
        n_columns: int = 10,
        ax: Axes | None = None,
    ) -> Self:
        """Sort by the first output of `transform`, or of `predict` if there is no `transform`.

        Parameters
        ----------
        estimator : HyperplaneDistance, LatentRegressor or pipeline
            Fitted.
        X : array-like
            Input of the estimator.
        images, y_true, fmt
            As of the class.
        n_images, n_columns, ax
            As of `plot`.

        Returns
        -------
        SortedImagesDisplay
        """
        method = "transform" if hasattr(estimator, "transform") else "predict"
        output = getattr(estimator, method)(X)
        values = np.asarray(output).reshape(len(images), -1)[:, 0]
        display = cls(images, values, y_true=y_true, fmt=fmt)
        return display.plot(ax=ax, n_images=n_images, n_columns=n_columns)

    @classmethod
    def from_predictions(
        cls,
        images: ImagesLike,
        values: ArrayLike,
        *,
        y_true: ArrayLike | None = None,
        fmt: str = "{:.0f}",
        n_images: int = 20,
        n_columns: int = 10,
        ax: Axes | None = None,
    ) -> Self:
        """Sort by given values; parameters as of the class and of `plot`."""
        display = cls(images, values, y_true=y_true, fmt=fmt)
        return display.plot(ax=ax, n_images=n_images, n_columns=n_columns)

    def plot(self, ax: Axes | None = None, *, n_images: int = 20, n_columns: int = 10) -> Self:
        """Draw the images row by row.

        Parameters
        ----------
        ax : matplotlib axes, default=None
            A new figure by default.
        n_images : int, default=20
            Number of images, at evenly spaced ranks including the first and the last.
        n_columns : int, default=10

        Returns
        -------
        SortedImagesDisplay
        """
        shown = self.order_[evenly(len(self.order_), n_images)]
        n_columns = min(n_columns, len(shown))

        # Rows are further apart if values are written between them.
        pixels = rows_to_pixels(self.images, shown)
        aspect = pixels.shape[1] / pixels.shape[2]
        row_gap = 0.06 if self.y_true is None else 0.26
        n_rows = -(-len(shown) // n_columns)
        sheet = self._new_sheet(ax, n_rows, n_columns, aspect, row_gap=row_gap)

        for i, (index, image) in enumerate(zip(shown, pixels, strict=True)):
            row, column = divmod(i, n_columns)
            sheet.image(row, column, image)
            if self.y_true is not None:
                value = self.y_true[index]
                text = value if isinstance(value, str) else self.fmt.format(value)
                sheet.below(row, column, text, color=MUTED, size=7)
        sheet.finish()
        return self
