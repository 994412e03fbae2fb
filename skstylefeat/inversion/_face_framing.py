"""Faces framed as a generator frames its own, which need not be as FFHQ does."""

from typing import Any, NamedTuple

import numpy as np
from numpy.typing import ArrayLike, NDArray

from skstylefeat._utils._user_line import warn_user
from skstylefeat.images._alignment import face_square
from skstylefeat.images._dlib_faces import DlibDetector
from skstylefeat.inversion._framing_check import own_images

N_OWN, OWN_SIDE = 64, 256  # images of the generator in which faces are searched; their largest side
FEWEST_FACES = 8  # found in them
# Framings that differ by less, in sides of the square, are FFHQ's.
SAME_CENTER, SAME_SCALE = 0.03, 0.06


class FaceFraming(NamedTuple):
    """Place of a generator's image relative to FFHQ's square of the face in it.

    Parameters
    ----------
    x, y : float, default=0
        Center of the image from that of the square, in sides of the square, along its axes.
    scale : float, default=1
        Side of the image in sides of the square.
    """

    x: float = 0.0
    y: float = 0.0
    scale: float = 1.0

    def apply(self, landmarks: ArrayLike) -> NDArray[np.float64]:
        """Return landmarks (n, 5, 2) moved so that their FFHQ square is the generator's image.

        Rows of NaN, which mean that there is no face, stay NaN.
        """
        points = np.array(landmarks, dtype=np.float64)
        for row in np.flatnonzero(np.isfinite(points).all(axis=(1, 2))):
            corners = face_square(points[row])
            center = (corners[0] + corners[2]) / 2
            right, down = corners[3] - corners[0], corners[1] - corners[0]
            moved = center + self.x * right + self.y * down
            points[row] = moved + self.scale * (points[row] - center)
        return points


_known: dict[str, FaceFraming] = {}


def face_framing(generator: Any, batch_size: int) -> FaceFraming:
    """Return how a generator frames faces, from the faces that dlib finds in its own images.

    A generator that frames them as FFHQ does gets FFHQ's framing exactly. If there are too few
    faces, a warning says that FFHQ's framing is used.
    """
    key = generator.weights_hash()
    if key not in _known:
        _known[key] = _measure(generator, batch_size)
    return _known[key]


def _measure(generator: Any, batch_size: int) -> FaceFraming:
    images = own_images(generator, N_OWN, batch_size, OWN_SIDE)
    side = images.shape[1]
    detector = DlibDetector(turned=False)
    pixels = np.rint(images * 255).astype(np.uint8)
    found = [faces[0] for faces in map(detector.find, pixels) if faces]
    if len(found) < FEWEST_FACES:
        warn_user(
            f"align='dlib' finds faces in {len(found)} of {N_OWN} images of the generator "
            f"{generator.name!r}, too few to see how it frames them: FFHQ's framing is used. If "
            "the generator does not make faces, leave align out."
        )
        return FaceFraming()

    # The middle of the image in the axes of each face's square.
    places = []
    for face in found:
        origin, right = face.corners[0], face.corners[3] - face.corners[0]
        down = face.corners[1] - face.corners[0]
        offset = np.array([side, side]) / 2 - (origin + (right + down) / 2)
        square = right @ right
        places.append((offset @ right / square, offset @ down / square, side / np.sqrt(square)))
    x, y, scale = np.median(places, axis=0).tolist()
    is_ffhq = max(abs(x), abs(y)) < SAME_CENTER and abs(scale - 1) < SAME_SCALE
    return FaceFraming() if is_ffhq else FaceFraming(x, y, scale)
