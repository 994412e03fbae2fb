"""Chart of a target's score over the number of labels."""

from __future__ import annotations

from html import escape
from importlib import util
from typing import Any

import numpy as np
from numpy.typing import ArrayLike

from skstylefeat.plotting._drawn_picture import draw
from skstylefeat.plotting._style import ACCENT, MUTED, Display, plain_axes
from skstylefeat.prediction._label_targets import LabeledTarget
from skstylefeat.prediction._target_score import TargetScore

#: Fewest labels for a chart: the smallest sizes leave enough labels to test with.
FEWEST_LABELS = 16
NO_MATPLOTLIB = (
    '<p class="note">The chart over the number of labels is left out, because matplotlib is not '
    "installed (pip install skstylefeat[plot]).</p>"
)


class _ScoreDisplay(Display):
    """Score over the number of labels, with the baseline."""

    def plot(self, curve, baseline, label, scale):
        self._set_axes(None, (4.6, 2.7))
        sizes, means, spreads = (np.array(part, dtype=float) for part in zip(*curve, strict=True))
        means, spreads = scale * means, scale * spreads
        self.ax_.fill_between(sizes, means - spreads, means + spreads, color=ACCENT, alpha=0.15)
        self.ax_.plot(sizes, means, "o-", color=ACCENT, markersize=4)
        self.ax_.axhline(scale * baseline, color=MUTED, linestyle="--", linewidth=1)
        self.ax_.annotate(
            "without photos",
            (sizes[-1], scale * baseline),
            color=MUTED,
            size=8,
            ha="right",
            xytext=(0, 3),
            textcoords="offset points",
        )
        self.ax_.set_xlabel("labels", size=9)
        self.ax_.set_ylabel(label, size=9)
        plain_axes(self.ax_)
        return self


def score_chart(target: LabeledTarget, score: TargetScore, reader: Any, rows: ArrayLike) -> str:
    """Return the chart as HTML; a note without matplotlib, and "" with fewer than 16 labels."""
    if score.score is None or score.n_labels < FEWEST_LABELS:
        return ""
    if util.find_spec("matplotlib") is None:
        return NO_MATPLOTLIB
    import matplotlib

    matplotlib.use("Agg")
    smallest = max(4, 2 * len(score.counts))
    sizes = np.unique(np.linspace(smallest, 0.67 * score.n_labels, 4).astype(int))
    curve = reader.learning_curve(rows, sizes.tolist())
    curve.append((score.n_labels, score.score, 0.0))
    is_class = target.kind == "class"
    label, scale = ("accuracy in %", 100.0) if is_class else ("mean absolute error", 1.0)
    picture = draw("score", "", _ScoreDisplay().plot(curve, score.baseline, label, scale))
    caption = (
        f"{target.name}: score with fewer labels, drawn at random (mean and standard deviation of "
        "6 draws), tested on the others; the last point is the cross-validation of all."
    )
    return (
        f'<figure><img src="{picture.data_uri}" alt="{escape(caption, quote=True)}" '
        f'style="width: 28rem"><figcaption>{escape(caption)}</figcaption></figure>'
    )
