"""Rendered faces whose every attribute is known."""

from skstylefeat.datasets._faces import make_faces
from skstylefeat.datasets._render import render_faces
from skstylefeat.datasets._sampling import sample_attributes

__all__ = ["make_faces", "render_faces", "sample_attributes"]
