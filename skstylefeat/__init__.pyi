from skstylefeat import annotation as annotation
from skstylefeat import datasets as datasets
from skstylefeat import directions as directions
from skstylefeat import exceptions as exceptions
from skstylefeat import features as features
from skstylefeat import images as images
from skstylefeat import inversion as inversion
from skstylefeat import latents as latents
from skstylefeat import metrics as metrics
from skstylefeat import networks as networks
from skstylefeat import plotting as plotting
from skstylefeat import regression as regression
from skstylefeat._utils._trusted_types import TRUSTED_TYPES as TRUSTED_TYPES
from skstylefeat.annotation import ClusterAnnotator as ClusterAnnotator
from skstylefeat.annotation import FewShotSplit as FewShotSplit
from skstylefeat.annotation import PseudoLabelClassifier as PseudoLabelClassifier
from skstylefeat.features import ChannelMISelector as ChannelMISelector
from skstylefeat.features import FeatureMaps as FeatureMaps
from skstylefeat.features import MaxPoolReducer as MaxPoolReducer
from skstylefeat.inversion import StyleGANInverter as StyleGANInverter
from skstylefeat.networks import load_encoder as load_encoder
from skstylefeat.networks import load_generator as load_generator
from skstylefeat.regression import HyperplaneDistance as HyperplaneDistance
from skstylefeat.regression import LatentRegressor as LatentRegressor
from skstylefeat.regression import layer_importance as layer_importance
from skstylefeat.regression import select_calibration_points as select_calibration_points

__version__: str
