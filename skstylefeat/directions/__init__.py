"""Semantic directions in the latent spaces of a generator, each as an estimator.

Every estimator has `direction_` (unit normal) and `intercept_`; those that find several also have
`directions_`. Any of them can be the `direction` of :class:`skstylefeat.HyperplaneDistance`.
"""

from skstylefeat.directions._channel_effects import channel_effects
from skstylefeat.directions._discriminant import DiscriminantDirection
from skstylefeat.directions._edit import edit
from skstylefeat.directions._linear import FixedDirection, from_linear_model
from skstylefeat.directions._mean_difference import MeanDifferenceDirection
from skstylefeat.directions._nuisance_projection import NuisanceProjection
from skstylefeat.directions._pca import LatentPCA
from skstylefeat.directions._sefa import SeFa
from skstylefeat.directions._style_channel import StyleChannelDirection
from skstylefeat.directions._svm import LinearSVMDirection
from skstylefeat.directions._text import TextDirection

__all__ = [
    "DiscriminantDirection",
    "FixedDirection",
    "LatentPCA",
    "LinearSVMDirection",
    "MeanDifferenceDirection",
    "NuisanceProjection",
    "SeFa",
    "StyleChannelDirection",
    "TextDirection",
    "channel_effects",
    "edit",
    "from_linear_model",
]
