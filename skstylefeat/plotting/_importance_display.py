"""Display of the weights of layers."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Self

import numpy as np

from skstylefeat.plotting._style import (
    ACCENT,
    INK,
    MUTED,
    TEXT_SIZE,
    Display,
    check_same_length,
    plain_axes,
)

if TYPE_CHECKING:
    from collections.abc import Sequence

    from matplotlib.axes import Axes
    from numpy.typing import ArrayLike, NDArray


class LayerImportanceDisplay(Display):
    """Bars of the layers' weights S_i, which sum to 1.

    Parameters
    ----------
    weights : array-like of shape (n_layers,)
    layer_names : sequence of str, default=None
        ``w0``, ``w1``, ... by default.

    Attributes
    ----------
    ax_ : matplotlib axes
    figure_ : matplotlib figure
        Set by `plot`.

    Examples
    --------
    >>> from skstylefeat.plotting import LayerImportanceDisplay
    >>> display = LayerImportanceDisplay([0.7, 0.2, 0.1]).plot()
    >>> len(display.ax_.patches)
    3
    """

    weights: NDArray[np.float64]
    layer_names: list[str]

    def __init__(self, weights: ArrayLike, layer_names: Sequence[str] | None = None) -> None:
        self.weights = np.asarray(weights, dtype=np.float64)
        if self.weights.ndim != 1:
            raise ValueError(
                f"weights has shape {self.weights.shape}; expected (n_layers,), the weights of one "
                "direction."
            )
        if layer_names is None:
            layer_names = [f"w{i}" for i in range(len(self.weights))]
        check_same_length(weights=self.weights, layer_names=layer_names)
        self.layer_names = list(layer_names)

    @classmethod
    def from_estimator(cls, estimator: Any, *, direction: int = 0, ax: Axes | None = None) -> Self:
        """Show the layer weights of a `HyperplaneDistance`.

        Parameters
        ----------
        estimator : HyperplaneDistance
            Fitted with ``aggregate="weighted"``.
        direction : int, default=0
            Number of the direction, if it has several.
        ax : matplotlib axes, default=None

        Returns
        -------
        LayerImportanceDisplay
        """
        return cls.from_weights(estimator.layer_weights_[direction], estimator.layer_names_, ax=ax)

    @classmethod
    def from_weights(
        cls, weights: ArrayLike, layer_names: Sequence[str] | None = None, *, ax: Axes | None = None
    ) -> Self:
        """Show given weights; parameters as of the class."""
        return cls(weights, layer_names).plot(ax=ax)

    def plot(self, ax: Axes | None = None) -> Self:
        """Draw one bar per layer, the coarsest at the top.

        Parameters
        ----------
        ax : matplotlib axes, default=None
            A new figure by default.

        Returns
        -------
        LayerImportanceDisplay
        """
        n_layers = len(self.weights)
        self._set_axes(ax, (3.6, 0.5 + 0.24 * n_layers))
        place = np.arange(n_layers)
        bars = self.ax_.barh(place, self.weights, height=0.66, color=ACCENT)
        self.ax_.bar_label(bars, fmt="%.2f", padding=3, size=7, color=MUTED)
        self.ax_.set_yticks(place, self.layer_names)
        self.ax_.invert_yaxis()
        self.ax_.margins(x=0.12, y=0.02)
        self.ax_.set_xlabel("layer weight", size=TEXT_SIZE + 1, color=INK)
        plain_axes(self.ax_)
        self.ax_.tick_params(axis="y", length=0)
        return self
