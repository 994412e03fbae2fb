"""Faces framed as a generator frames its own, which need not be as FFHQ does."""

from typing import Any

import numpy as np

from skstylefeat._utils._user_line import warn_user
from skstylefeat.images._alignment import FaceFraming, face_square
from skstylefeat.images._collection import ImageCollection
from skstylefeat.images._dlib_faces import DlibDetector
from skstylefeat.images._face_report import find_faces
from skstylefeat.inversion._framing_check import own_images, reduced_size

N_OWN, OWN_SIDE = 64, 256  # images of the generator in which faces are searched; their largest side
FEWEST_FACES = 8  # found in them
BATCH = 64  # images of the generator that are made at once
# Framings that differ by less, in sides of the square, are FFHQ's.
SAME_CENTER, SAME_SCALE = 0.03, 0.06


_known: dict[str, FaceFraming] = {}


def align_images(images: ImageCollection, align: Any, generator: Any = None) -> ImageCollection:
    """Return the images aligned as `align` says; with "dlib", as a given generator frames faces."""
    if align is not None and generator is not None:
        check_square(generator)
    if align == "dlib" and generator is not None:
        return align_to_generator(images, generator, BATCH)
    return images if align is None else images.aligned(align)


def align_to_generator(
    images: ImageCollection,
    generator: Any,
    batch_size: int,
    n_jobs: int | None = None,
    verbose: int = 0,
) -> ImageCollection:
    """Return the images cropped to the faces that dlib finds, framed as the generator's own.

    Faces are found once, in parallel, however often the images are read. What is doubtful is
    reported in a warning.
    """
    report = find_faces(images, n_jobs=n_jobs, verbose=verbose)
    if remarks := report.remarks():
        warn_user(f"align='dlib': {remarks}")
    return images.aligned(face_framing(generator, batch_size).apply(report.landmarks))


def face_framing(generator: Any, batch_size: int) -> FaceFraming:
    """Return how a generator frames faces, from the faces that dlib finds in its own images.

    A generator that frames them as FFHQ does gets FFHQ's framing exactly. If there are too few
    faces, a warning says that FFHQ's framing is used.
    """
    check_square(generator)
    key = generator.weights_hash()
    if key not in _known:
        _known[key] = _measure(generator, batch_size)
    return _known[key]


def check_square(generator: Any) -> None:
    """Raise ValueError if faces are to be aligned for a generator whose images are no squares."""
    height, width = generator.image_size
    if height != width:
        raise ValueError(
            f"align crops squares around faces, but {generator.name!r} makes images of {height} x "
            f"{width} pixels (height x width). Crop the images to that shape yourself, as the "
            "generator's training images were, and leave align out."
        )


def _measure(generator: Any, batch_size: int) -> FaceFraming:
    side, _ = size = reduced_size(generator.image_size, OWN_SIDE)
    images = own_images(generator, N_OWN, batch_size, size)
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

    # The mean places of the landmarks, and the place of the image in FFHQ's terms.
    places = np.mean([face.landmarks for face in found], axis=0) / side
    corners = face_square(places)
    center = np.abs(corners.mean(axis=0) - 0.5).max()
    scale = np.linalg.norm(corners[3] - corners[0])
    if center < SAME_CENTER and abs(scale - 1) < SAME_SCALE:
        return FaceFraming()
    return FaceFraming(tuple((float(x), float(y)) for x, y in places))
