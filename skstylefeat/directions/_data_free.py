"""Shared parts of directions that are found without labeled data."""

from typing import Any

import numpy as np


class IgnoresData:
    """Mixin, left of BaseEstimator, for estimators whose `fit` accepts and ignores any X."""

    def __sklearn_tags__(self) -> Any:
        tags = super().__sklearn_tags__()  # type: ignore[misc]
        tags.no_validation = True
        tags.input_tags.sparse = True
        return tags


def fix_signs(directions):
    """Make the largest entry of each direction positive, as eigenvectors have no sign."""
    largest = np.abs(directions).argmax(axis=1)
    return directions * np.sign(directions[np.arange(len(directions)), largest])[:, None]
