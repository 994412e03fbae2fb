"""Labeling on a local page or on contact sheets, with labels that survive a crash."""

from skstylefeat.labeling._command import make_parser, run
from skstylefeat.labeling._session import Session

__all__ = ["Session", "make_parser", "run"]
