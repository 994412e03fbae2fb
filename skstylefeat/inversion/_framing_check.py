"""Check of framing that needs no encoder: a classifier of the generator's own images.

A generator shows how its images are framed. Its own images, as they are and displaced (shifted,
turned, scaled, with mirrored borders), teach a linear discriminant to tell the two apart from
histograms of oriented gradients. No label, landmark, code or photo is needed, and the check does
not depend on the inversion, which by optimization reconstructs an image however it is framed.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, NamedTuple

import numpy as np
from numpy.typing import NDArray
from PIL import Image

from skstylefeat._utils._channels import pixels_as_seen
from skstylefeat._utils._typing import ImagesLike, StrPath
from skstylefeat.features._hog import histograms_of_gradients
from skstylefeat.images._collection import ImageCollection, as_images, read_batches
from skstylefeat.latents._rows import to_unit

if TYPE_CHECKING:
    from skstylefeat.networks._generator import Generator

N_OWN, FEWEST_OWN = 600, 100  # own images up to 64 pixels; larger ones take longer, so fewer
N_VIEWS = 1_000  # views of own images as they are framed, and as many displaced ones
SIDE = 64  # pixels of the images that are displaced
GRADIENT_SIDE, N_CELLS, N_ORIENTATIONS = 32, 8, 9  # pixels and cells along a side
BATCH = 64  # images whose gradients are in memory at once
SHRINKAGE = 0.05  # of the covariance of the histograms
# Displacements that are recognized. Shifts are in sides of the image, turns in degrees.
SHIFTS, SCALES, TURNS = (0.15, 0.6), (1.35, 2.5), (20.0, 180.0)
# Variation of the framing that is no displacement: standard deviations.
SHIFT_JITTER, SCALE_JITTER, TURN_JITTER = 0.02, 0.03, 3.0
FALSE_ALARMS = 0.03  # share of the generator's own images that may be taken for displaced
# A generator without a framing, such as one of textures, cannot be checked: less of the displaced
# images than this is recognized.
LEAST_FOUND = 0.7


class FramingCheck(NamedTuple):
    """Classifier of displaced images of one generator, made by `framing_check`.

    Parameters
    ----------
    size : tuple of int
        Height and width of the images that it takes.
    coef : ndarray of shape (n_features,)
        Weights of the histograms.
    intercept : float
        Added to the weighted sum.
    """

    size: tuple[int, int]
    coef: NDArray[np.float64]
    intercept: float

    def scores(self, images: NDArray[np.float32]) -> NDArray[np.float64]:
        """Return the score of each image (n, H, W, 3): 1 for own images, 2 at the limit."""
        if not len(images):
            return np.empty(0)
        return np.maximum(1.0, _histograms(images) @ self.coef + self.intercept)


def framing_scores(
    X: ImagesLike, generator: StrPath | Generator = "faces64", *, batch_size: int = 64
) -> NDArray[np.float32]:
    """Return how differently images are framed from a generator's own, without inverting them.

    The generator's own images, and displaced copies of these (shifted, turned, scaled), teach a
    linear discriminant of oriented gradients. The first call for a generator synthesizes 100 to
    600 images.

    Parameters
    ----------
    X : array-like, list, Series, path-like or ImageCollection
        Images as in :func:`skstylefeat.images.as_images`.
    generator : str, path-like or Generator, default="faces64"
        A bundled name, a file, or a loaded generator.
    batch_size : int, default=64
        Images per batch.

    Returns
    -------
    scores : ndarray of shape (n,), float32
        1 for images framed like the generator's own; more than 2 for images that are framed
        differently, or show something else. NaN for images that cannot be read, and for all
        images if those of the generator have no common framing.

    See Also
    --------
    skstylefeat.StyleGANInverter.domain_scores : Framing and reconstruction together.

    Examples
    --------
    >>> import numpy as np
    >>> from skstylefeat.datasets import make_faces
    >>> from skstylefeat.inversion import framing_scores
    >>> faces = make_faces(20, random_state=0).images
    >>> bool(np.mean(framing_scores(faces) < 2) > 0.8)
    True
    >>> bool(np.mean(framing_scores(faces[:, ::-1]) > 2) > 0.8)  # upside down
    True
    """
    from skstylefeat.networks._loading import load_generator

    return scores_of_framing(as_images(X), load_generator(generator), batch_size)


def scores_of_framing(
    images: ImageCollection, generator: Generator, batch_size: int
) -> NDArray[np.float32]:
    """Return the `framing_scores` of a collection for a loaded generator."""
    scores = np.full(len(images), np.nan, dtype=np.float32)
    check = framing_check(generator, batch_size)
    if check is None or not len(images):
        return scores
    parts, faults = [], []
    for pixels, missing in read_batches(images, check.size, batch_size):
        parts.append(check.scores(pixels_as_seen(pixels, generator.img_channels)))
        faults += [fault.row for fault in missing]
    scores[np.setdiff1d(np.arange(len(images)), faults)] = np.concatenate(parts)
    return scores


_known: dict[str, FramingCheck | None] = {}


def framing_check(generator: Any, batch_size: int) -> FramingCheck | None:
    """Return the check of a generator, made once; None if its images have no common framing."""
    key = generator.weights_hash()
    if key not in _known:
        _known[key] = _make_check(generator, batch_size)
    return _known[key]


def _make_check(generator: Any, batch_size: int) -> FramingCheck | None:
    from sklearn.discriminant_analysis import LinearDiscriminantAnalysis

    rng = np.random.default_rng(0)
    size = _check_size(generator.image_size)
    own = own_images(generator, _n_own(generator.image_size), batch_size, size)
    n_train = 3 * len(own) // 4

    def views(images, n, draw):
        chosen = images[np.arange(n) % len(images)]
        return _histograms(np.stack([_displaced(image, *draw(rng)) for image in chosen]))

    # Framed and displaced views of three quarters of the images.
    train, held_out = own[:n_train], own[n_train:]
    features = [views(train, N_VIEWS, _jitter), views(train, N_VIEWS, _displacement)]
    labels = np.repeat([0, 1], N_VIEWS)
    model = LinearDiscriminantAnalysis(solver="lsqr", shrinkage=SHRINKAGE)
    model.fit(np.concatenate(features), labels)

    # The other quarter sets the limit, and shows whether there is a framing at all.
    framed = model.decision_function(views(held_out, N_VIEWS // 4, _jitter))
    displaced = model.decision_function(views(held_out, N_VIEWS // 4, _displacement))
    limit = max(0.0, float(np.quantile(framed, 1 - FALSE_ALARMS)))
    middle = float(np.median(framed))
    if np.mean(displaced > limit) < LEAST_FOUND or middle >= limit:
        return None

    # Scores are 1 in the middle of the own images and 2 at the limit.
    unit = limit - middle
    intercept = 2 + (float(model.intercept_[0]) - limit) / unit
    return FramingCheck(size, model.coef_[0] / unit, intercept)


def reduced_size(image_size: tuple[int, int], side: int) -> tuple[int, int]:
    """Return the size of images whose longer side is reduced to at most `side` pixels."""
    longer = max(max(image_size), side)
    height, width = (max(1, round(length * side / longer)) for length in image_size)
    return height, width


def _check_size(image_size: tuple[int, int]) -> tuple[int, int]:
    """Return the size at which images are compared: reduced, and a multiple of the reduction."""
    size = reduced_size(image_size, SIDE)
    factor = _reduction(size)
    height, width = (max(factor, side - side % factor) for side in size)
    return height, width


def _reduction(size: tuple[int, int]) -> int:
    """Return the factor by which images are reduced before their gradients are taken."""
    return max(1, max(size) // GRADIENT_SIDE)


def _n_own(image_size: tuple[int, int]) -> int:
    return max(FEWEST_OWN, min(N_OWN, N_OWN * SIDE // max(image_size)))


def own_images(
    generator: Any, n: int, batch_size: int, size: tuple[int, int] | None = None
) -> NDArray[np.float32]:
    """Return images (n, H, W, 3) of a generator in [0, 1], at their own size by default."""
    z = generator.sample_z(n, random_state=0)
    c = np.arange(n) % generator.c_dim if generator.c_dim else None
    w = generator.mapping(z, c=c)
    parts = [
        as_images(to_unit(generator.synthesis(w[start : start + batch_size]))).read(size)
        for start in range(0, n, batch_size)
    ]
    return np.concatenate(parts)


def _jitter(rng: np.random.Generator) -> tuple[float, float, float, float]:
    """Draw shift x, shift y, scale and turn of an image that counts as framed."""
    x, y = rng.normal(0, SHIFT_JITTER, 2)
    return x, y, np.exp(rng.normal(0, SCALE_JITTER)), rng.normal(0, TURN_JITTER)


def _displacement(rng: np.random.Generator) -> tuple[float, float, float, float]:
    """Draw shift x, shift y, scale and turn of a displaced image: one of them, or all."""
    kind = rng.integers(4)
    shift, scale, turn = 0.0, 1.0, 0.0
    if kind in (0, 3):
        shift = rng.uniform(*SHIFTS)
    if kind in (1, 3):
        scale = np.exp(rng.choice([-1, 1]) * rng.uniform(*np.log(SCALES)))
    if kind in (2, 3):
        turn = rng.choice([-1, 1]) * rng.uniform(*TURNS)
    direction = rng.uniform(0, 2 * np.pi)
    return shift * np.cos(direction), shift * np.sin(direction), scale, turn


def _displaced(
    image: NDArray[np.float32], shift_x: float, shift_y: float, scale: float, turn: float
) -> NDArray[np.float32]:
    """Return the view of a shifted, larger or turned part of an image, mirrored outside it."""
    height, width = image.shape[:2]
    pixels = np.rint(image * 255).astype(np.uint8)
    margins = (height, height), (width, width), (0, 0)
    wide = Image.fromarray(np.pad(pixels, margins, mode="symmetric"))

    # At twice the size, then averaged, so that reduced views are smooth.
    a = np.deg2rad(turn)
    x = np.array([np.cos(a), np.sin(a)]) * scale / 2
    y = np.array([-np.sin(a), np.cos(a)]) * scale / 2
    middle = np.array([width * (1.5 + shift_x), height * (1.5 + shift_y)])
    start = middle - width * x - height * y
    coefficients = (x[0], y[0], start[0], x[1], y[1], start[1])
    size = (2 * width, 2 * height)
    view = wide.transform(size, Image.Transform.AFFINE, coefficients, Image.Resampling.BICUBIC)
    return np.asarray(view.reduce(2)).astype(np.float32) / np.float32(255)


def _histograms(images: NDArray[np.float32]) -> NDArray[np.float32]:
    """Return the histograms of oriented gradients of images (n, H, W, 3), reduced in size."""
    n, height, width = images.shape[:3]
    factor = _reduction((height, width))
    shape = (n, height // factor, factor, width // factor, factor, 3)
    small = images.reshape(shape).mean(axis=(2, 4))
    shorter = min(small.shape[1:3])
    cell = max(1, shorter // N_CELLS)
    block = min(2, shorter // cell)
    parts = [
        histograms_of_gradients(small[start : start + BATCH], N_ORIENTATIONS, cell, block)
        for start in range(0, n, BATCH)
    ]
    return np.concatenate(parts).astype(np.float32)
