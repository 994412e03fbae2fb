"""Displays of images, maps, clusters, curves and directions, after scikit-learn's Display API.

Class methods compute the data of a display (``from_estimator``) or accept it. A display keeps its
data in attributes and draws with ``plot(ax=None)``, which sets ``ax_`` and ``figure_`` and returns
the display. Matplotlib is imported when something is drawn.
"""

from skstylefeat.plotting._calibration_display import DistanceCalibrationDisplay
from skstylefeat.plotting._cluster_display import ClusterDisplay
from skstylefeat.plotting._counterfactual_display import CounterfactualDisplay
from skstylefeat.plotting._edit_display import EditStripDisplay
from skstylefeat.plotting._importance_display import LayerImportanceDisplay
from skstylefeat.plotting._inversion_display import InversionDisplay
from skstylefeat.plotting._map_display import FeatureMapDisplay
from skstylefeat.plotting._sorted_display import SortedImagesDisplay

__all__ = [
    "ClusterDisplay",
    "CounterfactualDisplay",
    "DistanceCalibrationDisplay",
    "EditStripDisplay",
    "FeatureMapDisplay",
    "InversionDisplay",
    "LayerImportanceDisplay",
    "SortedImagesDisplay",
]
