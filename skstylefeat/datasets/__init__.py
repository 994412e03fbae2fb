"""Rendered faces with known attributes."""

from skstylefeat.datasets._attribute_sampling import sample_attributes
from skstylefeat.datasets._faces import make_faces
from skstylefeat.datasets._render import render_faces

__all__ = ["make_faces", "render_faces", "sample_attributes"]
