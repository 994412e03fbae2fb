"""Collections of images: what the estimators accept, opened, checked and aligned beforehand."""

from skstylefeat.images._alignment import crop_face, face_square
from skstylefeat.images._collection import ImageCollection, align_faces, as_images, readable_rows

__all__ = [
    "ImageCollection",
    "align_faces",
    "as_images",
    "crop_face",
    "face_square",
    "readable_rows",
]
