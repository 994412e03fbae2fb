"""StyleGAN latents and feature maps as scikit-learn transformers and few-shot estimators.

The public names are imported on first use, so that ``import skstylefeat`` stays fast and
brings in neither torch nor scikit-learn.
"""

from importlib import import_module

__version__ = "0.1.0"

_HOMES = {
    "ChannelMISelector": "skstylefeat._selector",
    "ClusterAnnotator": "skstylefeat._annotator",
    "FeatureMaps": "skstylefeat.feature_maps",
    "FewShotSplit": "skstylefeat._splits",
    "HyperplaneDistance": "skstylefeat._distance",
    "LatentRegressor": "skstylefeat._regressor",
    "MaxPoolReducer": "skstylefeat._pooling",
    "PseudoLabelClassifier": "skstylefeat._pseudo_label",
    "StyleGANInverter": "skstylefeat._inverter",
    "layer_importance": "skstylefeat.importance",
    "load_encoder": "skstylefeat.networks",
    "load_generator": "skstylefeat.networks",
    "select_calibration_points": "skstylefeat._calibration",
}
_MODULES = (
    "datasets",
    "directions",
    "exceptions",
    "feature_maps",
    "images",
    "importance",
    "information",
    "latents",
    "metrics",
    "networks",
    "plotting",
)

__all__ = [*sorted(_HOMES), *_MODULES]


def __getattr__(name):
    if name in _HOMES:
        value = getattr(import_module(_HOMES[name]), name)
    elif name in _MODULES:
        value = import_module(f"skstylefeat.{name}")
    else:
        raise AttributeError(f"module 'skstylefeat' has no attribute {name!r}")
    globals()[name] = value
    return value


def __dir__():
    return sorted([*globals(), *__all__])
