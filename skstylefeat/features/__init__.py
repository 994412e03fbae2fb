"""Feature maps of many images, from extraction to pooling, and histograms of gradients."""

from skstylefeat._utils._layers import LayerInfo
from skstylefeat.features._extractor import FeatureMapExtractor
from skstylefeat.features._feature_maps import FeatureMaps
from skstylefeat.features._hog import HOGDescriptor
from skstylefeat.features._pooling import MaxPoolReducer
from skstylefeat.features._selector import ChannelMISelector

__all__ = [
    "ChannelMISelector",
    "FeatureMapExtractor",
    "FeatureMaps",
    "HOGDescriptor",
    "LayerInfo",
    "MaxPoolReducer",
]
