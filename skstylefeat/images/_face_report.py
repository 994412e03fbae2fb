"""Report of the faces in a collection of images: found, missing, several, small and turned ones."""

from __future__ import annotations

from collections.abc import Sequence
from typing import NamedTuple

import numpy as np
from joblib import delayed
from numpy.typing import NDArray

from skstylefeat._utils._parallel import in_parallel
from skstylefeat._utils._progress import progress_bar
from skstylefeat._utils._typing import ImagesLike
from skstylefeat.images._collection import CHECK_SIZE, ImageCollection, as_images
from skstylefeat.images._dlib_faces import DlibDetector, Face

MIN_SIZE = 64  # pixels of the face's square below which a face is small
# A face is turned if it rolls by more degrees, or if the nose lies further from the middle of the
# eyes, in distances of the eyes.
MAX_ROLL, MAX_TURN = 30.0, 0.4
NAMED = 3  # images that a message names per remark

#: Remarks on faces, in the order of a status, and their text in messages.
REMARKS = {
    "several": "show several faces, of which the largest is taken",
    "small": "show a face that is small",
    "turned": "show a face that is turned",
}


class FaceReport(NamedTuple):
    """Faces of a collection of images, made by :func:`find_faces`.

    Attributes
    ----------
    names : list of str
        Names of the images.
    faces : list of list of Face
        By image, all of its faces, the largest first. Empty where none was found.
    errors : dict of int to str
        Messages of the images that cannot be read, by row.
    min_size : float
        Side of the square, in pixels, below which a face is small.
    """

    names: list[str]
    faces: list[list[Face]]
    errors: dict[int, str]
    min_size: float = MIN_SIZE

    @property
    def landmarks(self) -> NDArray[np.float64]:
        """Landmarks (n, 5, 2) of the largest faces, for `align_faces`; NaN where there is none."""
        points = np.full((len(self.names), 5, 2), np.nan)
        for row, faces in enumerate(self.faces):
            if faces:
                points[row] = faces[0].landmarks
        return points

    @property
    def statuses(self) -> list[str]:
        """Status of every image by its largest face.

        "aligned", "no face" or "unreadable", or one or more of "several", "small" and "turned",
        separated by commas.
        """
        found = []
        for row, faces in enumerate(self.faces):
            if row in self.errors:
                found.append("unreadable")
            elif not faces:
                found.append("no face")
            else:
                several = ["several"] if len(faces) > 1 else []
                remarks = several + face_remarks(faces[0], self.min_size)
                found.append(", ".join(remarks) or "aligned")
        return found

    def __str__(self) -> str:
        return summary_of(self.statuses)

    def remarks(self) -> str:
        """Return a sentence on the images with several, small or turned faces, or ""."""
        statuses, parts = self.statuses, []
        for remark, text in REMARKS.items():
            rows = [row for row, status in enumerate(statuses) if remark in status.split(", ")]
            if rows:
                more = ", ..." if len(rows) > NAMED else ""
                named = ", ".join(self.names[row] for row in rows[:NAMED]) + more
                parts.append(f"{len(rows)} {text} ({named})")
        return f"Of {len(self.names)} images, {'; '.join(parts)}." if parts else ""


def face_remarks(face: Face, min_size: float = MIN_SIZE) -> list[str]:
    """Return which of "small" and "turned" a face is."""
    is_turned = abs(face.roll) > MAX_ROLL or abs(face.turn) > MAX_TURN
    return ["small"] * (face.size < min_size) + ["turned"] * is_turned


def summary_of(statuses: Sequence[str]) -> str:
    """Return a line that counts the statuses of images, such as ``80 images: 77 aligned, ...``."""
    words = [word for status in statuses for word in status.split(", ")]
    kinds = ("aligned", "several", "small", "turned", "no face", "unreadable")
    counts = [f"{words.count(kind)} {kind}" for kind in kinds if kind in words]
    return f"{len(statuses)} images: {', '.join(counts)}"


def find_faces(
    X: ImagesLike,
    *,
    upsample: bool = False,
    min_size: float = MIN_SIZE,
    n_jobs: int | None = None,
    verbose: int = 0,
) -> FaceReport:
    """Find the faces of images with dlib, by the 68 landmarks by which FFHQ was cut.

    Needs ``pip install 'skstylefeat[align]'``. dlib's frontal detector finds faces whose width is
    an eighth or more of the image's longest side. Where it finds none, it also searches turned
    copies, so that a face at any angle in the plane is found; profiles are not. The landmark
    model was trained on iBUG 300-W, whose terms allow research only.

    Parameters
    ----------
    X : array-like, list, Series, path-like or ImageCollection
        Images as in :func:`as_images`.
    upsample : bool, default=False
        Find faces of half the size, too, in four times the time.
    min_size : float, default=64
        Side of a face's square, in pixels, below which the face is reported as small.
    n_jobs : int or None, default=None
        Images searched in parallel, through joblib.
    verbose : int, default=0
        Whether to show progress.

    Returns
    -------
    report : FaceReport
        ``statuses`` says for every image whether a face was found, ``landmarks`` holds the
        points for :func:`align_faces`, and ``str(report)`` counts the statuses.

    Raises
    ------
    ImportError
        The extra `align` is not installed.

    See Also
    --------
    align_faces : Crops images by landmarks, or by ``"dlib"`` in one step.

    References
    ----------
    D. E. King: "Dlib-ml: A Machine Learning Toolkit", JMLR 2009. V. Kazemi, J. Sullivan: "One
    Millisecond Face Alignment with an Ensemble of Regression Trees", CVPR 2014. C. Sagonas et al.:
    "300 Faces In-The-Wild Challenge", 2016.

    Examples
    --------
    >>> from skstylefeat.datasets import make_faces
    >>> from skstylefeat.images import find_faces
    >>> faces = make_faces(16, image_size=128, random_state=0).images[13:15]
    >>> report = find_faces(faces)
    >>> print(report)
    2 images: 2 aligned
    >>> report.landmarks.shape
    (2, 5, 2)
    """
    images, detector = as_images(X), DlibDetector(upsample)
    faces: list[list[Face]] = []
    errors = {}
    tasks = (delayed(_faces_of)(images[[row]], detector) for row in range(len(images)))
    bar = progress_bar(total=len(images), desc="finding faces", verbose=verbose, unit="image")
    with in_parallel(tasks, n_jobs) as results, bar:
        for row, (found, error) in enumerate(results):
            faces.append(found)
            if error is not None:
                errors[row] = error
            bar.update()
    return FaceReport(images.names, faces, errors, min_size)


def _faces_of(image: ImageCollection, detector: DlibDetector) -> tuple[list[Face], str | None]:
    """Return the faces in a collection of one image, or the message why it cannot be read."""
    found = []

    def record(pixels):
        found.append(detector.find(pixels))

    # The collection shows its upright pixels, undivided, to functions that find landmarks.
    _, faults = image.aligned(record).try_read(CHECK_SIZE)
    return (found[0], None) if found else ([], str(faults[0].error))
