"""Feature maps of many images: lazy collections, extraction, channel selection and pooling."""

from skstylefeat._utils._layers import LayerInfo
from skstylefeat.features._extractor import FeatureMapExtractor
from skstylefeat.features._feature_maps import FeatureMaps
from skstylefeat.features._pooling import MaxPoolReducer
from skstylefeat.features._selector import ChannelMISelector

__all__ = [
    "ChannelMISelector",
    "FeatureMapExtractor",
    "FeatureMaps",
    "LayerInfo",
    "MaxPoolReducer",
]
