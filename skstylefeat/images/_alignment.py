"""Alignment of faces as in FFHQ, from five landmarks that the user gives."""

from __future__ import annotations

from typing import Any, NamedTuple

import numpy as np
from numpy.typing import ArrayLike, NDArray
from PIL import Image

from skstylefeat._utils._typing import StrPath
from skstylefeat.images._decoding import open_item

# FFHQ's geometry (T. Karras, S. Laine, T. Aila: "A Style-Based Generator Architecture for
# Generative Adversarial Networks", 2019, appendix): half the side of the square is the larger of
# two distances, each times its scale. The center lies a tenth of the way from eyes to mouth.
EYES_SCALE, MOUTH_SCALE, CENTER_SHIFT = 2.0, 1.8, 0.1
MAX_SIDE = 8192  # pixels of the square before it is reduced
MAX_SHARE = 8  # longest side of the square, in sides of the image


def face_square(landmarks: ArrayLike) -> NDArray[np.float64]:
    """Return the square that FFHQ's geometry puts around a face.

    With e the vector from the left to the right eye, m that from the middle of the eyes to the
    middle of the mouth, and R(v) = (-v_y, v_x) a quarter turn, the half axis of the square is::

        x = s * (e - R(m)) / |e - R(m)|,    s = max(2 |e|, 1.8 |m|)

    and y = R(x); the center is the middle of the eyes plus m / 10.

    Parameters
    ----------
    landmarks : array-like of shape (n, 5, 2), (n, 10), (5, 2) or (10,)
        x and y in pixels of the upright image, from its upper left corner: the eye on the left
        of the image, the eye on its right, the nose, the left and the right corner of the mouth.

    Returns
    -------
    corners : ndarray of shape (n, 4, 2) or (4, 2), float64
        Upper left, lower left, lower right and upper right corner, as the face sees it.

    Raises
    ------
    ValueError
        The landmarks have another shape, coincide, or have left and right exchanged.

    References
    ----------
    T. Karras, S. Laine, T. Aila: "A Style-Based Generator Architecture for Generative Adversarial
    Networks", CVPR 2019. Its geometry does not use the nose.

    Examples
    --------
    >>> from skstylefeat.images import face_square
    >>> face_square([[40, 50], [60, 50], [50, 60], [43, 72], [57, 72]])
    array([[10. , 12.2],
           [10. , 92.2],
           [90. , 92.2],
           [90. , 12.2]])
    """
    points, single = _check_landmarks(landmarks)

    # The axes of the face: between the eyes, and from the eyes to the mouth.
    left_eye, right_eye, _, left_mouth, right_mouth = points.transpose(1, 0, 2)
    middle = (left_eye + right_eye) / 2
    eyes = right_eye - left_eye
    mouth = (left_mouth + right_mouth) / 2 - middle
    axis = eyes - _quarter_turn(mouth)
    length = np.linalg.norm(axis, axis=1)

    # Exchanged sides mirror the face, which a rotation cannot undo.
    turn = eyes[:, 0] * mouth[:, 1] - eyes[:, 1] * mouth[:, 0]
    for i in np.flatnonzero((turn <= 0) | (length == 0)):
        raise ValueError(
            f"The landmarks {points[i].round(1).tolist()} are not those of a face. Expected, as "
            "seen in the image: left eye, right eye, nose, left and right corner of the mouth. Are "
            "left and right exchanged, or rows and columns?"
        )

    scale = np.maximum(
        EYES_SCALE * np.linalg.norm(eyes, axis=1), MOUTH_SCALE * np.linalg.norm(mouth, axis=1)
    )
    x = axis * (scale / length)[:, None]
    y = _quarter_turn(x)
    center = middle + CENTER_SHIFT * mouth
    corners = np.stack([center - x - y, center - x + y, center + x + y, center + x - y], axis=1)
    return corners[0] if single else corners


def crop_face(
    image: StrPath | Image.Image | NDArray[Any], landmarks: ArrayLike, size: int
) -> NDArray[np.uint8]:
    """Crop an image to a face, framed as in FFHQ.

    Parameters
    ----------
    image : path-like, PIL image, or ndarray of shape (H, W, 3)
        The image. Landmarks refer to the upright image, after its EXIF orientation is applied.
    landmarks : array-like of shape (5, 2) or (10,)
        As in :func:`face_square`.
    size : int
        Side of the result in pixels.

    Returns
    -------
    face : ndarray of shape (size, size, 3), uint8
        The image is mirrored at its borders where the crop reaches beyond them.

    Examples
    --------
    >>> import numpy as np
    >>> from skstylefeat.images import crop_face
    >>> image = np.zeros((100, 90, 3), dtype=np.uint8)
    >>> crop_face(image, [[40, 50], [60, 50], [50, 60], [43, 72], [57, 72]], 64).shape
    (64, 64, 3)
    """
    return np.asarray(crop_square(open_item(image, "image"), face_square(landmarks), size))


def crop_square(image: Image.Image, corners: NDArray[Any], size: int | None) -> Image.Image:
    """Return the square of `corners` (4, 2) as a PIL image of `size` pixels; None keeps its scale.

    The square is first sampled at a whole multiple of `size`, near the scale of the image, and
    then averaged, so that every pixel counts.
    """
    origin, down, right = corners[0], corners[1] - corners[0], corners[3] - corners[0]
    side = float(np.linalg.norm(right))
    if size is None:
        size = max(1, round(side))

    center = (corners[0] + corners[2]) / 2
    outside = (center < 0).any() or (center > image.size).any()
    if outside or side > MAX_SHARE * max(image.size):
        raise ValueError(
            f"the face, {side:.0f} pixels wide around ({center[0]:.0f}, {center[1]:.0f}), does "
            f"not lie in the image of {image.width} x {image.height} pixels; do the landmarks "
            "belong to it?"
        )

    # PIL takes the coefficients that map pixels of the result to those of the image.
    factor = max(1, min(int(np.ceil(side / size)), MAX_SIDE // size))
    image, shift = _with_margin(image, corners)
    fine = size * factor
    a, b = right / fine
    c, d = down / fine
    start = origin + shift
    coefficients = (a, c, start[0], b, d, start[1])
    fine_image = image.transform(
        (fine, fine), Image.Transform.AFFINE, coefficients, Image.Resampling.BICUBIC
    )
    return fine_image.reduce(factor) if factor > 1 else fine_image


# Landmarks whose square is the unit square, to give squares of another origin as landmarks.
_UNIT_FACE = np.array(
    [[0.375, 0.475], [0.625, 0.475], [0.5, 0.6], [0.4125, 0.725], [0.5875, 0.725]]
)


class FaceFraming(NamedTuple):
    """Places of five landmarks in images that are framed otherwise than FFHQ's.

    Parameters
    ----------
    places : tuple of tuple of float, default=()
        x and y of the five landmarks, as shares of the image's side. Empty for FFHQ's framing.
    """

    places: tuple[tuple[float, float], ...] = ()

    def apply(self, landmarks: ArrayLike) -> NDArray[np.float64]:
        """Return landmarks (n, 5, 2) whose FFHQ square is the image that fits the places best.

        The shift, turn and scale that bring the places nearest to the landmarks, by least
        squares, bring the unit square to this image. Rows of NaN, which mean that there is no
        face, stay NaN.
        """
        points = np.array(landmarks, dtype=np.float64)
        if not self.places:
            return points
        # With points as complex numbers a similarity is a product and a sum.
        places, unit = (np.array(x) @ [1, 1j] for x in (self.places, _UNIT_FACE))
        spread = places - places.mean()
        for row in np.flatnonzero(np.isfinite(points).all(axis=(1, 2))):
            targets = points[row] @ [1, 1j]
            turn = spread.conj() @ (targets - targets.mean()) / (spread.conj() @ spread).real
            moved = targets.mean() + turn * (unit - places.mean())
            points[row] = np.stack([moved.real, moved.imag], axis=1)
        return points


def _with_margin(image: Image.Image, corners: NDArray[Any]) -> tuple[Image.Image, NDArray]:
    """Mirror an image at its borders as far as the square reaches, plus one pixel."""
    low, high = corners.min(axis=0), corners.max(axis=0)
    before = np.maximum(0, np.ceil(2 - low)).astype(int)
    after = np.maximum(0, np.ceil(high + 2 - image.size)).astype(int)
    if not (before.any() or after.any()):
        return image, before
    pixels = np.asarray(image)
    margins = np.array([(before[1], after[1]), (before[0], after[0]), (0, 0)])
    # "symmetric" repeats the border's pixels, so images of one pixel can be mirrored.
    return Image.fromarray(np.pad(pixels, margins, mode="symmetric")), before


def _quarter_turn(vectors: NDArray[Any]) -> NDArray[Any]:
    return np.stack([-vectors[:, 1], vectors[:, 0]], axis=1)


def _check_landmarks(landmarks: ArrayLike) -> tuple[NDArray[np.float64], bool]:
    points = np.asarray(landmarks, dtype=np.float64)
    single = points.shape in ((5, 2), (10,))
    if single:
        points = points[None]
    if points.ndim == 2 and points.shape[1] == 10:
        points = points.reshape(-1, 5, 2)
    if points.shape[1:] != (5, 2):
        raise ValueError(
            f"landmarks have shape {np.shape(landmarks)}; expected five points (x, y) per image: "
            "(n, 5, 2) or (n, 10), in the order left eye, right eye, nose, left and right corner "
            "of the mouth."
        )
    if not np.isfinite(points).all():
        raise ValueError("landmarks contain NaN or infinity.")
    return points, single
