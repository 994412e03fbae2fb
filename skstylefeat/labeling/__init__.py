"""Labeling on a local page or on contact sheets, with labels that survive a crash."""

from skstylefeat.labeling._engine import LabelingEngine
from skstylefeat.labeling._folder import ImageFolder
from skstylefeat.labeling._label_store import LabelStore
from skstylefeat.labeling._prepare import Preparation, prepare
from skstylefeat.labeling._session import Session

__all__ = ["ImageFolder", "LabelStore", "LabelingEngine", "Preparation", "Session", "prepare"]
