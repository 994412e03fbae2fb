"""Faces found by dlib: its frontal detector, and the 68 landmarks by which FFHQ was cut."""

from __future__ import annotations

import hashlib
import importlib.util
import os
import threading
from collections import OrderedDict
from collections.abc import Iterable
from functools import lru_cache
from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray
from PIL import Image

from skstylefeat.images._alignment import crop_square, face_square

#: Landmarks of the 68 whose means are the five of `face_square`, as in FFHQ's recipe.
FIVE_OF_68 = (range(36, 42), range(42, 48), (30,), (48,), (54,))

SHAPE_FILE = os.path.join("models", "shape_predictor_68_face_landmarks.dat")
INSTALL = "pip install 'skstylefeat[align]'"

# The detector's window is 80 pixels wide: at this longest side it finds faces from an eighth of
# the picture on. The second size helps where a face fills the picture.
DETECTION_SIDES = (640, 320)
# The detector knows faces that are nearly upright, so a picture in which it finds no clear face is
# turned. A face in a turned picture has to be clearer than any doubtful one.
CLEAR, TURNED_CONFIDENCE = 0.5, 0.3
TURNS = ((-45, 45), (-90, 90), (-135, 135, 180))
# A face turned by more degrees than this is turned upright before its landmarks are found again.
UPRIGHT_ROLL = 8.0
UPRIGHT_SIDE, UPRIGHT_MARGIN = 400, 1.5  # pixels of that picture; its side, in sides of the square
MAX_KEPT = 10_000  # pictures whose faces are remembered


class Face(NamedTuple):
    """A face that was found in an image.

    Attributes
    ----------
    landmarks : ndarray of shape (5, 2), float64
        Points x, y in pixels of the upright image, in the order of `face_square`.
    confidence : float
        Confidence of the detector; a clear face has more than 1, a doubtful one about 0.
    """

    landmarks: NDArray[np.float64]
    confidence: float

    @property
    def corners(self) -> NDArray[np.float64]:
        """Corners (4, 2) of the face's square, as of `face_square`."""
        return face_square(self.landmarks)

    @property
    def size(self) -> float:
        """Side of the face's square in pixels."""
        corners = self.corners
        return float(np.linalg.norm(corners[3] - corners[0]))

    @property
    def roll(self) -> float:
        """Turn in the plane of the image in degrees; positive is clockwise, 0 is upright."""
        corners = self.corners
        right = corners[3] - corners[0]
        return float(np.degrees(np.arctan2(right[1], right[0])))

    @property
    def turn(self) -> float:
        """Place of the nose between the eyes, in distances of the eyes: 0 looks at the camera."""
        left, right, nose = self.landmarks[:3]
        eyes = right - left
        return float((nose - (left + right) / 2) @ eyes / (eyes @ eyes))


class DlibDetector:
    """Function from the pixels of an image to the landmarks of its largest face.

    It can be pickled and copied to worker processes, each of which loads the models itself, once.
    Faces of the last 10,000 images are remembered, since images are read more than once.

    Parameters
    ----------
    upsample : bool, default=False
        Search at twice the size, so that faces of half the size are found. It takes four times
        as long.
    turned : bool, default=True
        Search turned copies, too, where no clear face is found upright.

    Raises
    ------
    ImportError
        The extra `align` is not installed.
    """

    def __init__(self, upsample: bool = False, turned: bool = True) -> None:
        _models()  # raises at once where they are missing
        self.upsample = upsample
        self.turned = turned

    def __call__(self, pixels: NDArray[np.uint8]) -> NDArray[np.float64] | None:
        """Return the landmarks (5, 2) of the largest face in (H, W, 3), or None."""
        faces = self.find(pixels)
        return faces[0].landmarks if faces else None

    def find(self, pixels: NDArray[np.uint8]) -> list[Face]:
        """Return all faces in (H, W, 3), the largest first."""
        content = hashlib.blake2b(pixels.tobytes()).digest()
        key = (content, pixels.shape, self.upsample, self.turned)
        with _lock:
            if key not in _found:
                image = Image.fromarray(pixels)
                _found[key] = _find(image, 1 + self.upsample, TURNS if self.turned else ())
            _found.move_to_end(key)
            while len(_found) > MAX_KEPT:
                _found.popitem(last=False)
            return list(_found[key])


# dlib's detector must not be used by two threads at once, and images are decoded in threads.
_lock = threading.Lock()
_found: OrderedDict[Any, list[Face]] = OrderedDict()


@lru_cache(maxsize=1)
def _models() -> tuple[Any, Any]:
    """Return dlib's face detector and its predictor of 68 landmarks."""
    try:
        import dlib
    except ImportError as error:
        raise ImportError(f"align='dlib' needs dlib: {INSTALL}") from error

    # The package of the models is only located: importing it needs pkg_resources, which newer
    # versions of setuptools lack.
    spec = importlib.util.find_spec("face_recognition_models")
    folders = [] if spec is None else list(spec.submodule_search_locations or ())
    for folder in folders:
        path = os.path.join(folder, SHAPE_FILE)
        if os.path.isfile(path):
            return dlib.get_frontal_face_detector(), dlib.shape_predictor(path)
    raise ImportError(
        f"align='dlib' needs the landmark model of the package face-recognition-models: {INSTALL}"
    )


def _find(image: Image.Image, factor: int, turns: Iterable[tuple[int, ...]] = TURNS) -> list[Face]:
    """Return the faces of an image, found at `factor` times the usual size."""
    best: list[Face] = []
    for side in DETECTION_SIDES:
        best = max(best, _detect(image, side * factor), key=_clarity)
        if _clarity(best) >= CLEAR:
            break

    # Turned copies, first those that are turned least. The clearest angle wins: upside down, a face
    # may look like a doubtful upright one.
    for angles in turns:
        if _clarity(best) >= CLEAR:
            break
        tries = [_detect_turned(image, DETECTION_SIDES[0] * factor, angle) for angle in angles]
        best = max(best, *tries, key=_clarity)

    # A second look at turned faces, upright: the landmarks were learned on upright ones.
    faces = [_upright(image, face) if abs(face.roll) > UPRIGHT_ROLL else face for face in best]
    return sorted(faces, key=lambda face: -face.size)


def _clarity(faces: list[Face]) -> float:
    """Return the confidence of the clearest face, minus infinity if there is none."""
    return max((face.confidence for face in faces), default=-np.inf)


def _detect(image: Image.Image, side: int, least: float = 0.0) -> list[Face]:
    """Return the faces that dlib finds in an image scaled to a longest side."""
    scale = side / max(image.size)
    width, height = (max(1, round(length * scale)) for length in image.size)
    pixels = np.asarray(image.resize((width, height), Image.Resampling.BICUBIC))
    detector, predictor = _models()
    boxes, confidences, _ = detector.run(pixels, 0, least)

    faces = []
    zoom = np.array([image.width / width, image.height / height])
    for box, confidence in zip(boxes, confidences, strict=True):
        shape = predictor(pixels, box)
        points = np.array([(point.x, point.y) for point in shape.parts()], dtype=np.float64)
        landmarks = five_of_68(points) * zoom
        if _is_face(landmarks):
            faces.append(Face(landmarks, float(confidence)))
    return faces


def five_of_68(points: NDArray[Any]) -> NDArray[np.float64]:
    """Return the five landmarks (5, 2) that FFHQ's recipe makes of the 68 (68, 2).

    The middle of each eye is the mean of its six points; the mouth is given by its corners.
    """
    return np.stack([points[list(rows)].mean(axis=0) for rows in FIVE_OF_68])


def _is_face(landmarks: NDArray[np.float64]) -> bool:
    """Return whether the landmarks are in the order of a face, which those of no face may lack."""
    try:
        face_square(landmarks)
    except ValueError:
        return False
    return True


def _detect_turned(image: Image.Image, side: int, degrees: float) -> list[Face]:
    """Return the faces found in an image turned counterclockwise by some degrees."""
    width, height = image.size
    a = np.deg2rad(degrees)
    rotation = np.array([[np.cos(a), -np.sin(a)], [np.sin(a), np.cos(a)]])
    turned = image.rotate(degrees, Image.Resampling.BICUBIC, expand=True)

    # Points of the turned image, brought back around the centers of both.
    centers = np.array([[width, height], turned.size]) / 2
    found = _detect(turned, side, TURNED_CONFIDENCE)
    return [
        face._replace(landmarks=(face.landmarks - centers[1]) @ rotation.T + centers[0])
        for face in found
    ]


def _upright(image: Image.Image, face: Face) -> Face:
    """Return a face with landmarks found in an upright picture of it; itself if that fails."""
    corners = face.corners
    center = (corners[0] + corners[2]) / 2
    wide = center + UPRIGHT_MARGIN * (corners - center)
    picture = crop_square(image, wide, UPRIGHT_SIDE)
    again = _detect(picture, UPRIGHT_SIDE)
    if not again:
        return face

    # The axes of the picture lead back into the image.
    axes = np.stack([wide[3] - wide[0], wide[1] - wide[0]]) / UPRIGHT_SIDE
    moved = [f._replace(landmarks=wide[0] + f.landmarks @ axes) for f in again]
    nearest = min(moved, key=lambda f: np.abs(f.landmarks - face.landmarks).max())
    same = np.abs(nearest.landmarks - face.landmarks).max() < face.size / 4
    return nearest._replace(confidence=max(nearest.confidence, face.confidence)) if same else face
