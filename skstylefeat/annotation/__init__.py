"""Names for many images from the labels of a few."""

from skstylefeat.annotation._annotator import ClusterAnnotator
from skstylefeat.annotation._few_shot_split import FewShotSplit
from skstylefeat.annotation._pseudo_label import PseudoLabelClassifier

__all__ = ["ClusterAnnotator", "FewShotSplit", "PseudoLabelClassifier"]
