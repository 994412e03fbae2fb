"""Feature maps of many images: lazy collections, channel selection and pooling."""

from skstylefeat._utils._layers import LayerInfo
from skstylefeat.features._feature_maps import FeatureMaps
from skstylefeat.features._pooling import MaxPoolReducer
from skstylefeat.features._selector import ChannelMISelector

__all__ = ["ChannelMISelector", "FeatureMaps", "LayerInfo", "MaxPoolReducer"]
