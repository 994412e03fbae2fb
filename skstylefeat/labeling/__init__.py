"""Labeling on a local page or on contact sheets, with labels that survive a crash."""

from skstylefeat.labeling._engine import LabelingEngine
from skstylefeat.labeling._session import Session

__all__ = ["LabelingEngine", "Session"]
