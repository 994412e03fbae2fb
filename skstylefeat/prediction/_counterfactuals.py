"""Predictions of the same faces with one attribute changed, rendered or along a plane."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import ArrayLike, NDArray

from skstylefeat._utils._typing import RandomState, StrPath
from skstylefeat.datasets._attribute_sampling import check_n_samples, sample_attributes
from skstylefeat.datasets._attributes import attribute_values, unknown_attribute
from skstylefeat.datasets._render import render_faces
from skstylefeat.directions._edit import edit
from skstylefeat.latents._rows import images_of
from skstylefeat.latents._spaces import as_w_plus
from skstylefeat.metrics._counterfactual_scores import CounterfactualScores, counterfactual_scores

if TYPE_CHECKING:
    from skstylefeat.networks._generator import Generator

#: Default steps along a plane, in standard deviations of the codes along it.
DEFAULT_SPREADS = (-1.0, 1.0)


def counterfactual_faces(
    estimator: Any,
    attribute: str = "skin_tone",
    values: Sequence[Any] | None = None,
    *,
    target: str | Callable[[dict[str, NDArray[Any]]], ArrayLike] | None = None,
    n_faces: int = 250,
    image_size: int = 64,
    random_state: RandomState = None,
) -> CounterfactualScores:
    """Predict rendered faces, each drawn once for every value of one attribute.

    The images of a face differ in this attribute and in nothing else, so that the report is exact.

    Parameters
    ----------
    estimator : estimator or callable
        Fitted, with `predict` of images (n, image_size, image_size, 3), uint8; or a function of
        such images. A :class:`PhotoModel` of one target is one, too.
    attribute : str, default="skin_tone"
        Attribute to change, such as "age" or "light_strength": see the `DESCR` of
        :func:`skstylefeat.datasets.make_faces`.
    values : sequence, default=None
        At least two values; by default a tenth and nine tenths of the range, or all categories.
    target : str or callable, default=None
        Truth that the predictions are compared with: the name of an attribute, or a function of
        the dict of all attributes that returns (n_faces,) labels. None reports no errors.
    n_faces : int, default=250
        Number of random faces.
    image_size : int, default=64
        Pixels.
    random_state : int, RandomState instance or None, default=None
        Seed of the faces.

    Returns
    -------
    CounterfactualScores
        With `exact` True.

    Raises
    ------
    ValueError
        If an attribute or a value is unknown, or the target is the changed attribute.

    See Also
    --------
    counterfactual_plane : The same with the images of any generator, approximately.
    skstylefeat.plotting.CounterfactualDisplay : Picture of the result.

    Examples
    --------
    >>> from skstylefeat.datasets import make_faces
    >>> from skstylefeat.prediction import counterfactual_faces
    >>> def is_bright(images):
    ...     return images.mean(axis=(1, 2, 3)) > 120
    >>> found = counterfactual_faces(is_bright, "skin_tone", n_faces=20, random_state=0)
    >>> found.values, found.exact
    ([0.1, 0.9], True)
    >>> found.flips > 0.2
    True
    """
    compared = attribute_values(attribute)
    if target == attribute:
        raise ValueError(
            f"The target {target!r} is the attribute that is changed, so that no label holds at "
            "all values. Change another attribute."
        )
    values = _check_values(compared if values is None else values)

    faces = sample_attributes(check_n_samples(n_faces), random_state=random_state)
    predict = _predict_function(estimator)
    predictions = [
        predict(render_faces({**faces, attribute: np.full(n_faces, value)}, image_size))
        for value in values
    ]
    y_true = None
    if callable(target):
        y_true = target(faces)
    elif target is not None:
        if target not in faces:
            raise unknown_attribute(target)
        y_true = faces[target]
    return counterfactual_scores(
        _table(predictions, n_faces), values, y_true, attribute=attribute, exact=True
    )


def counterfactual_plane(
    estimator: Any,
    latents: ArrayLike,
    direction: Any,
    generator: Generator | StrPath,
    steps: ArrayLike | None = None,
    *,
    y_true: ArrayLike | None = None,
    attribute: str = "direction",
    layers: ArrayLike | None = None,
) -> CounterfactualScores:
    """Predict a generator's images of codes that are moved along a direction.

    The report is approximate: along a direction changes whatever goes along with the attribute in
    the generator's images, such as hair with age, and a flip may be right. Look at the images, for
    example with :class:`skstylefeat.plotting.EditStripDisplay`.

    Parameters
    ----------
    estimator : estimator or callable
        Fitted, with `predict` of images (n, H, W, 3), float32 in [0, 1]; or a function of them.
    latents : array-like of shape (n, w_dim), (n, n_ws, w_dim) or (n, n_ws * w_dim)
        Codes in W or W+.
    direction : array-like or estimator with `direction_`
        As for :func:`skstylefeat.directions.edit`.
    generator : Generator, str or path-like
        Loaded, or a name or path for :func:`skstylefeat.load_generator`.
    steps : array-like of shape (k,), default=None
        Lengths of the steps, as for :func:`skstylefeat.directions.edit`; by default one standard
        deviation of the codes along the direction to both sides.
    y_true : array-like of shape (n,), default=None
        Labels of the codes, taken to hold at all steps.
    attribute : str, default="direction"
        Name of what the direction changes.
    layers : array-like of int, default=None
        Layers of W+ to move, all by default.

    Returns
    -------
    CounterfactualScores
        With `exact` False. Its values are the steps.

    Raises
    ------
    ValueError
        If shapes do not fit, or fewer than two steps are given.

    See Also
    --------
    counterfactual_faces : The same, exact, with rendered faces.

    Examples
    --------
    >>> import numpy as np
    >>> from skstylefeat import load_generator
    >>> from skstylefeat.prediction import counterfactual_plane
    >>> generator = load_generator("faces64")
    >>> w = generator.mapping(generator.sample_z(4, random_state=0))
    >>> found = counterfactual_plane(
    ...     lambda images: images.mean(axis=(1, 2, 3)), w, np.eye(128)[0], generator, [0.0, 3.0]
    ... )
    >>> found.predictions.shape, found.exact
    ((2, 4), False)
    """
    # Imported here: networks need torch.
    from skstylefeat.networks._loading import load_generator

    network = load_generator(generator)
    codes = as_w_plus(np.asarray(latents), network.n_ws, network.w_dim)
    if steps is None:
        ends = edit(codes[:1], direction, [0.0, 1.0], layers=layers)
        unit = (ends[1] - ends[0])[0]
        along = np.einsum("nlw,lw->n", codes, unit) / np.square(unit).sum()
        steps = np.array(DEFAULT_SPREADS) * (float(along.std()) or 1.0)
    lengths = _check_values(np.asarray(steps, dtype=np.float64).ravel().tolist())

    predict = _predict_function(estimator)
    predictions = []
    for moved in edit(codes, direction, lengths, layers=layers):
        images = images_of(moved.astype(np.float32), "w+", network, batch_size=None)
        predictions.append(predict(images))
    return counterfactual_scores(
        _table(predictions, len(codes)), lengths, y_true, attribute=attribute, exact=False
    )


def _check_values(values):
    values = list(values)
    if len(values) < 2:
        raise ValueError(f"At least two values are compared, got {values!r}.")
    return values


def _predict_function(estimator):
    """Return the function that predicts images."""
    from skstylefeat.prediction._photo_model import PhotoModel

    if isinstance(estimator, PhotoModel):
        if len(estimator.targets) != 1:
            raise ValueError(
                f"The model has the targets {estimator.targets}; give one: "
                f"model.pipeline({estimator.targets[0]!r})."
            )
        return estimator.pipeline(estimator.targets[0]).predict
    if hasattr(estimator, "predict"):
        return estimator.predict
    if callable(estimator):
        return estimator
    raise TypeError(
        f"estimator must have predict or be a function of images, got {type(estimator).__name__}."
    )


def _table(predictions, n):
    """Return predictions (k, n)."""
    columns = [np.asarray(column) for column in predictions]
    for column in columns:
        if column.shape != (n,):
            raise ValueError(
                f"The predictions of {n} images have shape {column.shape}; expected ({n},)."
            )
    return np.stack(columns)
