"""Collections of images: listing, decoding, checks and alignment of what estimators accept."""

from skstylefeat.images._alignment import crop_face, face_square
from skstylefeat.images._collection import ImageCollection, align_faces, as_images, readable_rows
from skstylefeat.images._dlib_faces import Face
from skstylefeat.images._face_report import FaceReport, find_faces
from skstylefeat.images._illumination import correct_illumination
from skstylefeat.images._image_files import ImageListing, list_images

__all__ = [
    "Face",
    "FaceReport",
    "ImageCollection",
    "ImageListing",
    "align_faces",
    "as_images",
    "correct_illumination",
    "crop_face",
    "face_square",
    "find_faces",
    "list_images",
    "readable_rows",
]
