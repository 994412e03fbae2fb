"""Data set of random rendered faces: pictures together with their attributes."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from functools import lru_cache
from importlib.resources import files
from typing import Any, Literal, overload

import numpy as np
from sklearn.utils import Bunch

from skstylefeat._utils._notebook import MOST_THUMBNAILS, object_html, thumbnails_html
from skstylefeat._utils._typing import RandomState
from skstylefeat.datasets._attribute_sampling import check_n_samples, sample_attributes
from skstylefeat.datasets._attributes import ATTRIBUTES, unknown_attribute
from skstylefeat.datasets._render import check_image_size, render_faces


class FacesBunch(Bunch):
    """Bunch whose HTML in notebooks shows the first faces; see :func:`make_faces`."""

    def _repr_html_(self) -> str:
        """Return sizes and thumbnails, for notebooks."""
        n, height, width = self.images.shape[:3]
        targets = ", ".join(map(str, self.target_names))
        facts = [("faces", n), ("pixels", f"{height} x {width}"), ("target", targets)]
        values = np.asarray(self.target).reshape(n, -1)
        captions = (", ".join(f"{value:.4g}" for value in row) for row in values)
        first = zip(self.images[:MOST_THUMBNAILS], captions, strict=False)
        return object_html("Rendered faces", facts, thumbnails_html(first))


@overload
def make_faces(
    n_samples: int = ...,
    *,
    image_size: int = ...,
    random_state: RandomState = ...,
    return_X_y: Literal[False] = ...,
    as_frame: bool = ...,
    correlation: Mapping[tuple[str, str], float] | None = ...,
    target: str | Sequence[str] = ...,
) -> Bunch: ...


@overload
def make_faces(
    n_samples: int = ...,
    *,
    image_size: int = ...,
    random_state: RandomState = ...,
    return_X_y: Literal[True],
    as_frame: bool = ...,
    correlation: Mapping[tuple[str, str], float] | None = ...,
    target: str | Sequence[str] = ...,
) -> tuple[Any, Any]: ...


def make_faces(
    n_samples: int = 100,
    *,
    image_size: int = 64,
    random_state: RandomState = None,
    return_X_y: bool = False,
    as_frame: bool = False,
    correlation: Mapping[tuple[str, str], float] | None = None,
    target: str | Sequence[str] = "glasses",
) -> Bunch | tuple[Any, Any]:
    """Render random faces with known attributes.

    Each face has 32 attributes: its pose, expression, age, glasses, hair and colors, and its
    light, clothes and background. They are independent unless `correlation` couples them; the
    `DESCR` of the result lists their units, ranges and distributions. The pictures are drawn from
    numbers alone: no file is read, nothing is downloaded, and no photo of a person is used.

    Parameters
    ----------
    n_samples : int, default=100
        Number of faces.
    image_size : int, default=64
        Width and height in pixels, 8 to 1024. The same faces are drawn at every size.
    random_state : int, RandomState instance or None, default=None
        Pass an int for reproducible faces. The first faces do not depend on `n_samples`:
        ``make_faces(10, random_state=0)`` begins ``make_faces(1000, random_state=0)``.
    return_X_y : bool, default=False
        Return ``(data, target)`` instead of a Bunch.
    as_frame : bool, default=False
        Return `data` and `target` as pandas objects, and a `frame`. Needs pandas.
    correlation : dict or None, default=None
        Correlations by pair of names, as in :func:`sample_attributes`, for example
        ``{("glasses", "age"): 0.6}``: a spurious correlation that may mislead a model.
    target : str or list of str, default="glasses"
        Attribute to predict. A number is used as it is; a category becomes its position in
        `target_names`. A list of names of numbers gives one column each.

    Returns
    -------
    faces : :class:`~sklearn.utils.Bunch`
        images : ndarray of shape (n_samples, image_size, image_size, 3), dtype uint8
            RGB.
        data : ndarray of shape (n_samples, image_size * image_size * 3), dtype uint8
            The same, one row per face. A DataFrame if `as_frame`.
        target : ndarray of shape (n_samples,) or (n_samples, n_targets)
            Dtype int64 for a category, else float64. A Series or DataFrame if `as_frame`.
        attributes : dict of str to ndarray of shape (n_samples,)
            All attributes of the faces.
        frame : DataFrame or None
            The attributes as a DataFrame if `as_frame`, else None.
        feature_names : list of str
            Names of the columns of `data`, such as ``pixel_0_31_red``: row, column, channel.
        target_names : list of str
            The categories in the order of their codes; for numbers, the names of the attributes.
        DESCR : str
            Description of the data, with a table of all attributes.

    (data, target) : tuple if `return_X_y` is True

    Raises
    ------
    ValueError
        If a number is out of its range, an attribute does not exist, or the correlations
        contradict each other.
    TypeError
        If `n_samples` or `image_size` is not an integer.
    ImportError
        If `as_frame` and pandas is not installed.

    See Also
    --------
    render_faces : Faces with given attributes.
    sample_attributes : Random attributes alone.

    Examples
    --------
    >>> from skstylefeat.datasets import make_faces
    >>> faces = make_faces(20, image_size=32, random_state=0)
    >>> faces.images.shape, faces.data.shape
    ((20, 32, 32, 3), (20, 3072))
    >>> faces.target_names
    ['none', 'clear', 'dark']
    >>> faces.target[:4], faces.attributes["glasses"][:4].tolist()
    (array([0, 0, 2, 0]), ['none', 'none', 'dark', 'none'])

    Rows and yaw in degrees, for a regression:

    >>> X, y = make_faces(20, random_state=0, return_X_y=True, target="yaw")
    >>> X.shape, y.dtype
    ((20, 12288), dtype('float64'))
    """
    n_samples, image_size = check_n_samples(n_samples), check_image_size(image_size)
    names = _check_target(target)
    attributes = sample_attributes(n_samples, random_state=random_state, correlation=correlation)
    images = render_faces(attributes, image_size)

    data = images.reshape(n_samples, -1)
    if isinstance(target, str):
        y = _codes(target, attributes[target])
    else:
        y = np.column_stack([attributes[name] for name in names])
    feature_names = list(_pixel_names(image_size)) if as_frame or not return_X_y else []
    frame = None
    if as_frame:
        data, y, frame = _to_pandas(data, feature_names, y, target, attributes)
    if return_X_y:
        return data, y

    categories = ATTRIBUTES[target].categories if isinstance(target, str) else ()
    return FacesBunch(
        images=images,
        data=data,
        target=y,
        attributes=attributes,
        frame=frame,
        feature_names=feature_names,
        target_names=list(categories) or names,
        DESCR=_description(),
    )


def _check_target(target):
    """Return the names of the target attributes as a list."""
    if isinstance(target, str):
        names = [target]
    elif isinstance(target, list | tuple) and len(target) > 0:
        names = list(target)
    else:
        raise TypeError(
            f"target must be the name of an attribute or a list of names, got {target!r}; the "
            "attributes of the result are all there in any case."
        )
    for name in names:
        if name not in ATTRIBUTES:
            raise unknown_attribute(name)
        if not isinstance(target, str) and ATTRIBUTES[name].categories:
            raise ValueError(
                f"a list of targets must name numbers only, got the category {name!r}; pass it "
                f"alone as target={name!r}, or take it from the attributes of the result."
            )
    return names


def _codes(name, column):
    """Return numbers as they are, and categories as their positions in the list of categories."""
    categories = ATTRIBUTES[name].categories
    if not categories:
        return column
    order = np.argsort(categories)
    return order[np.searchsorted(np.array(categories)[order], column)].astype(np.int64)


@lru_cache(maxsize=4)
def _pixel_names(image_size):
    pixels = range(image_size)
    return tuple(
        f"pixel_{row}_{column}_{channel}"
        for row in pixels
        for column in pixels
        for channel in ("red", "green", "blue")
    )


@lru_cache(maxsize=1)
def _description():
    return (files("skstylefeat.datasets") / "descr" / "faces.rst").read_text(encoding="utf-8")


def _to_pandas(data, feature_names, y, target, attributes):
    try:
        import pandas as pd
    except ImportError as error:
        raise ImportError(
            "make_faces(as_frame=True) needs pandas: install it (pip install pandas), or leave "
            "out as_frame, and use the dict attributes."
        ) from error

    columns = {}
    for name, column in attributes.items():
        categories = ATTRIBUTES[name].categories
        columns[name] = pd.Categorical(column, categories=categories) if categories else column
    if isinstance(target, str):
        y = pd.Series(y, name=target)
    else:
        y = pd.DataFrame(y, columns=list(target))
    return pd.DataFrame(data, columns=feature_names), y, pd.DataFrame(columns)
