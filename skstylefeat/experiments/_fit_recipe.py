"""Recipe of ``fit`` on features in memory, and each of its candidates alone."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np
from numpy.typing import ArrayLike, NDArray

from skstylefeat._utils._typing import ImagesLike, StrPath
from skstylefeat.prediction._candidates import CLASS_CANDIDATES, NUMBER_CANDIDATES, Candidate
from skstylefeat.prediction._photo_features import PhotoFeatures
from skstylefeat.prediction._readers import FewShotClassifier, FewShotRegressor

_BLOCK_TITLES = {"hog": "HOG"}


def photo_features(
    images: ImagesLike, generator: StrPath = "faces64", encoder: StrPath = "auto"
) -> tuple[NDArray[Any], NDArray[Any], dict[str, Any]]:
    """Compute the features that ``fit`` reads.

    Parameters
    ----------
    images : images
        As for :class:`skstylefeat.StyleGANInverter`.
    generator, encoder : str or path-like
        Likewise; by default the bundled networks.

    Returns
    -------
    rows : ndarray of shape (n, n_features), float32
    codes : ndarray of shape (n, n_latents), float32
        W+ codes.
    blocks : dict of str to (start, stop)
        Columns of `rows` by block.
    """
    features = PhotoFeatures(generator, encoder).fit(images)
    found = features.invert(images)
    return found.rows, found.codes, features.blocks_


def recipe_predictions(
    X: ArrayLike,
    y: NDArray[Any],
    X_new: ArrayLike,
    blocks: Mapping[str, tuple[int, int]],
    candidates: Sequence[str] | None = None,
    without_generator: Sequence[str] = (),
    choose: bool = True,
) -> tuple[dict[str, NDArray[Any]], FewShotClassifier | FewShotRegressor]:
    """Predict new rows by the recipe and by each of its candidates.

    Parameters
    ----------
    X : array-like of shape (n, n_features)
        Rows of `photo_features`.
    y : ndarray of shape (n,)
        Numbers, NaN where there is no label, or classes, None where there is none.
    X_new : array-like of shape (m, n_features)
        Rows to predict.
    blocks : mapping of str to (start, stop)
    candidates : sequence of str or None, default=None
        Names of the recipe's candidates that predict alone, too; None for all.
    without_generator : sequence of str, default=()
        Blocks that are read alone, too, to compare with: classes by labels that spread over graphs
        of the photos, numbers by ridge regression. They are named "HOG, label spreading" and
        "HOG, ridge" for the block "hog".
    choose : bool, default=True
        Whether the recipe chooses by cross-validation, which takes most of the time. Otherwise
        there are no predictions by "fit".

    Returns
    -------
    predictions : dict of str to ndarray of shape (m,)
        By "fit" and the candidates' names.
    recipe : FewShotClassifier or FewShotRegressor
        Fitted.

    Raises
    ------
    ValueError
        If a candidate or a block is unknown.
    """
    is_number = y.dtype.kind == "f"
    known = NUMBER_CANDIDATES if is_number else CLASS_CANDIDATES
    unknown = set(candidates or ()).difference(x.name for x in known)
    unknown |= set(without_generator).difference(blocks)
    if unknown:
        raise ValueError(
            f"{sorted(unknown)}: expected candidates of {[x.name for x in known]} and blocks of "
            f"{list(blocks)}."
        )
    parts: dict[Candidate, Any] = {}

    class Recipe(FewShotRegressor if is_number else FewShotClassifier):  # type: ignore[misc]
        """The reader, which keeps what its candidates read."""

        def _part_of(self, candidate, X, positions):
            parts[candidate] = super()._part_of(candidate, X, positions)
            self._readable, self._positions = X, positions
            return parts[candidate]

        def _make_folds(self, n):
            return super()._make_folds(n) if choose else np.full(n, -1)

    recipe = Recipe(blocks).fit(X, y)
    X_new = np.asarray(X_new, dtype=np.float64)
    predictions = {"fit": recipe.predict(X_new)} if choose else {}
    others = [x for x in known if candidates is None or x.name in candidates]
    others += [_reader_of(block, is_number) for block in without_generator]
    for candidate in others:
        if not set(candidate.blocks) <= set(blocks):
            continue
        if candidate not in parts:
            recipe._part_of(candidate, recipe._readable, recipe._positions)
        part = parts[candidate]
        model = recipe._fit_candidate(candidate, part, recipe._positions, recipe._values)
        outputs = recipe._to_units(model, part.scales, part.mean).outputs(X_new[:, part.columns])
        found = outputs[:, 0] if is_number else recipe.classes_[outputs.argmax(axis=1)]
        predictions[candidate.name] = found
    parts.clear()
    return predictions, recipe


def _reader_of(block, is_number):
    """Return the reader of one block alone."""
    title = _BLOCK_TITLES.get(block, block)
    if is_number:
        return Candidate(f"{title}, ridge", (block,), "ridge")
    return Candidate(f"{title}, label spreading", (block,), "spreading")
