"""Display of predictions of the same images with one attribute changed."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Self

import numpy as np

from skstylefeat.metrics._counterfactual_scores import CounterfactualScores, counterfactual_scores
from skstylefeat.plotting._style import (
    ACCENT,
    FAINT,
    INK,
    MARK,
    MUTED,
    TEXT_SIZE,
    Display,
    plain_axes,
)

if TYPE_CHECKING:
    from collections.abc import Sequence

    from matplotlib.axes import Axes
    from numpy.typing import ArrayLike

#: Lines of single images that are drawn at most.
MOST_LINES = 200


class CounterfactualDisplay(Display):
    """Error or prediction of the same images over the values of one attribute.

    With numbers, one line per image and their mean in bold; with classes, a bar of the error per
    value, or of the share of each class without labels. The title tells how many images flip, or
    how far they shift.

    Parameters
    ----------
    scores : CounterfactualScores
        Such as :func:`skstylefeat.prediction.counterfactual_faces` returns.

    Attributes
    ----------
    ax_ : matplotlib axes
    figure_ : matplotlib figure
        Set by `plot`.

    Examples
    --------
    >>> from skstylefeat.plotting import CounterfactualDisplay
    >>> display = CounterfactualDisplay.from_predictions(
    ...     [["no", "no"], ["no", "yes"]], [0.1, 0.9], ["no", "no"], attribute="skin_tone"
    ... )
    >>> display.ax_.get_title()
    '50.0 % of 2 images change their class'
    """

    scores: CounterfactualScores

    def __init__(self, scores: CounterfactualScores) -> None:
        if not isinstance(scores, CounterfactualScores):
            raise TypeError(
                f"scores must be CounterfactualScores, got {type(scores).__name__}; "
                "CounterfactualDisplay.from_predictions takes arrays."
            )
        self.scores = scores

    @classmethod
    def from_estimator(
        cls,
        estimator: Any,
        images: Sequence[Any],
        values: Sequence[Any],
        y_true: ArrayLike | None = None,
        *,
        attribute: str = "attribute",
        exact: bool = True,
        ax: Axes | None = None,
    ) -> Self:
        """Predict the images of each value and show the result.

        Parameters
        ----------
        estimator : estimator
            Fitted, with `predict`.
        images : sequence of length k
            Input of `predict` at each value: the same images in the same order.
        values : sequence of length k
            Values of the attribute.
        y_true : array-like of shape (n,), default=None
            Labels, which hold at all values.
        attribute : str, default="attribute"
            Name of what was changed.
        exact : bool, default=True
            Whether nothing else was changed.
        ax : matplotlib axes, default=None

        Returns
        -------
        CounterfactualDisplay
        """
        predictions = np.stack([np.asarray(estimator.predict(some)) for some in images])
        return cls.from_predictions(
            predictions, values, y_true, attribute=attribute, exact=exact, ax=ax
        )

    @classmethod
    def from_predictions(
        cls,
        predictions: ArrayLike,
        values: Sequence[Any],
        y_true: ArrayLike | None = None,
        *,
        attribute: str = "attribute",
        exact: bool = True,
        ax: Axes | None = None,
    ) -> Self:
        """Show given predictions.

        Parameters
        ----------
        predictions, values, y_true, attribute, exact
            As for :func:`skstylefeat.metrics.counterfactual_scores`.
        ax : matplotlib axes, default=None

        Returns
        -------
        CounterfactualDisplay
        """
        scores = counterfactual_scores(
            predictions, values, y_true, attribute=attribute, exact=exact
        )
        return cls(scores).plot(ax=ax)

    def plot(self, ax: Axes | None = None) -> Self:
        """Draw the lines of numbers, or the bars of classes.

        Parameters
        ----------
        ax : matplotlib axes, default=None
            A new figure by default.

        Returns
        -------
        CounterfactualDisplay
        """
        self._set_axes(ax, (4.6, 3.2))
        scores, ax = self.scores, self.ax_
        n = scores.predictions.shape[1]
        places = np.arange(len(scores.values))
        if scores.is_number:
            self._draw_lines(ax, places)
            text = f"{n} images shift by {scores.absolute_shift.max():.3g} on average"
        else:
            self._draw_bars(ax, places)
            text = f"{100 * scores.flips:.1f} % of {n} images change their class"

        names = [f"{v:.3g}" if isinstance(v, float) else str(v) for v in scores.values]
        ax.set_xticks(places, names)
        ax.set_xlim(-0.6, len(places) - 0.4)
        label = scores.attribute if scores.exact else f"{scores.attribute} (approximate)"
        ax.set_xlabel(label, size=TEXT_SIZE + 1, color=INK)
        ax.set_title(text, size=TEXT_SIZE + 1, color=INK)
        plain_axes(ax)
        return self

    def _draw_lines(self, ax, places):
        """Draw the numbers of single images, their mean, and errors as labels."""
        scores = self.scores
        lines = scores.predictions[:, :MOST_LINES]
        ax.plot(places, lines, color=MUTED, alpha=0.25, linewidth=0.7)
        mean = scores.predictions.mean(axis=1)
        ax.plot(places, mean, color=ACCENT, linewidth=2.4, marker="o", label="mean prediction")
        if scores.y_true is not None:
            truth = float(np.mean(scores.y_true))
            ax.axhline(truth, color=MARK, linewidth=1.2, linestyle="--", label="mean label")
        ax.legend(frameon=False, fontsize=TEXT_SIZE, labelcolor=INK)
        ax.set_ylabel("prediction", size=TEXT_SIZE + 1, color=INK)

    def _draw_bars(self, ax, places):
        """Draw the error at each value, or the share of the classes without labels."""
        scores = self.scores
        if scores.y_true is not None:
            heights = 100 * scores.error
            bars = ax.bar(places, heights, width=0.55, color=ACCENT)
            ax.bar_label(bars, fmt="%.1f %%", fontsize=TEXT_SIZE, color=INK, padding=2)
            ax.set_ylim(0, max(1.2 * heights.max(), 1.0))
            ax.set_ylabel("error (%)", size=TEXT_SIZE + 1, color=INK)
            return

        classes = np.unique(scores.predictions)
        base = np.zeros(len(places))
        for k, name in enumerate(classes):
            share = 100 * (scores.predictions == name).mean(axis=1)
            color = [ACCENT, MARK, MUTED, FAINT][k % 4]
            ax.bar(places, share, bottom=base, width=0.55, color=color, label=str(name))
            base += share
        ax.set_ylim(0, 100)
        ax.set_ylabel("share of the images (%)", size=TEXT_SIZE + 1, color=INK)
        ax.legend(frameon=False, fontsize=TEXT_SIZE, labelcolor=INK)
