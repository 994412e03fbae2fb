"""Shared parts of directions that are found without labeled data."""

from os import PathLike
from typing import Any

import numpy as np


class IgnoresData:
    """Mixin, left of BaseEstimator, for estimators whose `fit` accepts and ignores any X."""

    def __sklearn_tags__(self) -> Any:
        tags = super().__sklearn_tags__()  # type: ignore[misc]
        tags.no_validation = True
        tags.input_tags.sparse = True
        return tags


def as_generator(generator):
    """Return a generator, loaded if it is given by name or path."""
    if not isinstance(generator, (str, PathLike)):
        return generator
    # Imported here: networks need torch.
    from skstylefeat.networks._loading import load_generator

    return load_generator(generator)


def fix_signs(directions):
    """Make the largest entry of each direction positive, as eigenvectors have no sign."""
    largest = np.abs(directions).argmax(axis=1)
    return directions * np.sign(directions[np.arange(len(directions)), largest])[:, None]
