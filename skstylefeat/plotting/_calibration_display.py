"""Display of distances against values, with the curve fitted to a few labels."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Self

import numpy as np

from skstylefeat.plotting._style import (
    ACCENT,
    FAINT,
    INK,
    MARK,
    MUTED,
    TEXT_SIZE,
    Display,
    check_same_length,
    plain_axes,
)

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from numpy.typing import ArrayLike, NDArray


class DistanceCalibrationDisplay(Display):
    """Scatter of distance against value, the fitted curve, and the labels it was fitted to.

    Parameters
    ----------
    distance : array-like of shape (n,)
        Distances of all images.
    y_true : array-like of shape (n,) or None
        Their values; NaN is not drawn.
    curve : tuple of two ndarrays of shape (m,)
        Distances in ascending order, and the values predicted for them.
    labeled : array-like of int, default=None
        Rows whose labels the curve was fitted to, drawn on top.
    interval : tuple of two ndarrays of shape (m,), default=None
        Lower and upper end of a prediction interval along the curve.
    value_name : str, default="value"
        Name of the values, with their unit.

    Attributes
    ----------
    ax_ : matplotlib axes
    figure_ : matplotlib figure
        Set by `plot`.

    Examples
    --------
    >>> import numpy as np
    >>> from skstylefeat import LatentRegressor
    >>> from skstylefeat.plotting import DistanceCalibrationDisplay
    >>> d, y = np.linspace(-1, 1, 9)[:, None], np.linspace(20, 60, 9)
    >>> model = LatentRegressor().fit(d[[0, 8]], y[[0, 8]])
    >>> display = DistanceCalibrationDisplay.from_estimator(model, d, y, labeled=[0, 8])
    >>> display.ax_.get_xlabel()
    'distance'
    """

    distance: NDArray[np.float64]
    y_true: NDArray[np.float64] | None
    curve: tuple[ArrayLike, ArrayLike]
    labeled: NDArray[np.intp] | None
    interval: tuple[ArrayLike, ArrayLike] | None
    value_name: str

    def __init__(
        self,
        distance: ArrayLike,
        y_true: ArrayLike | None,
        curve: tuple[ArrayLike, ArrayLike],
        *,
        labeled: ArrayLike | None = None,
        interval: tuple[ArrayLike, ArrayLike] | None = None,
        value_name: str = "value",
    ) -> None:
        self.distance = np.asarray(distance, dtype=np.float64).ravel()
        self.y_true = None if y_true is None else np.asarray(y_true, dtype=np.float64)
        check_same_length(distance=self.distance, y_true=self.y_true)
        self.curve = curve
        self.labeled = None if labeled is None else np.asarray(labeled, dtype=int)
        if self.labeled is not None and self.y_true is None:
            raise ValueError("labeled contains rows of y_true, but y_true is None.")
        self.interval = interval
        self.value_name = value_name

    @classmethod
    def from_estimator(
        cls,
        regressor: Any,
        X: ArrayLike,
        y: ArrayLike | None = None,
        *,
        labeled: ArrayLike | None = None,
        coverage: float | None = None,
        value_name: str = "value",
        ax: Axes | None = None,
    ) -> Self:
        """Show a fitted `LatentRegressor` over its distances.

        Parameters
        ----------
        regressor : LatentRegressor
            Fitted on one distance.
        X : array-like of shape (n, 1)
            Distances.
        y : array-like of shape (n,), default=None
            Values; NaN is not drawn.
        labeled : array-like of int, default=None
            Rows that the regressor was fitted on.
        coverage : float, default=None
            Draw the interval that contains a new value with this probability, see
            `LatentRegressor.predict_interval` for the number of labels that it requires.
        value_name : str, default="value"
        ax : matplotlib axes, default=None

        Returns
        -------
        DistanceCalibrationDisplay
        """
        distance = np.asarray(X)
        if distance.ndim != 2 or distance.shape[1] != 1:
            raise ValueError(
                f"X has shape {distance.shape}; expected (n, 1), as a curve is drawn over one "
                "distance."
            )
        grid = np.linspace(np.nanmin(distance), np.nanmax(distance), 200)
        interval = None
        if coverage is not None:
            interval = regressor.predict_interval(grid[:, None], coverage)
        return cls.from_predictions(
            distance,
            y,
            (grid, regressor.predict(grid[:, None])),
            labeled=labeled,
            interval=interval,
            value_name=value_name,
            ax=ax,
        )

    @classmethod
    def from_predictions(
        cls,
        distance: ArrayLike,
        y_true: ArrayLike | None,
        curve: tuple[ArrayLike, ArrayLike],
        *,
        labeled: ArrayLike | None = None,
        interval: tuple[ArrayLike, ArrayLike] | None = None,
        value_name: str = "value",
        ax: Axes | None = None,
    ) -> Self:
        """Show a given curve; parameters as of the class."""
        display = cls(
            distance, y_true, curve, labeled=labeled, interval=interval, value_name=value_name
        )
        return display.plot(ax=ax)

    def plot(self, ax: Axes | None = None) -> Self:
        """Draw the scatter and the curve.

        Parameters
        ----------
        ax : matplotlib axes, default=None
            A new figure by default.

        Returns
        -------
        DistanceCalibrationDisplay
        """
        self._set_axes(ax, (4.6, 3.4))
        ax = self.ax_
        if self.interval is not None:
            ax.fill_between(self.curve[0], *self.interval, color=FAINT, alpha=0.6, linewidth=0)
        if self.y_true is not None:
            ax.scatter(self.distance, self.y_true, s=9, color=MUTED, alpha=0.45, linewidths=0)
        ax.plot(*self.curve, color=ACCENT, linewidth=1.8)

        # The labels of the curve are drawn over all other points.
        if self.labeled is not None and self.y_true is not None:
            ax.scatter(
                self.distance[self.labeled],
                self.y_true[self.labeled],
                s=38,
                color=MARK,
                edgecolors="white",
                linewidths=0.8,
                zorder=3,
                label=f"{len(self.labeled)} labels",
            )
            ax.legend(frameon=False, fontsize=TEXT_SIZE, labelcolor=INK, loc="best")

        ax.set_xlabel("distance", size=TEXT_SIZE + 1, color=INK)
        ax.set_ylabel(self.value_name, size=TEXT_SIZE + 1, color=INK)
        plain_axes(ax)
        return self
