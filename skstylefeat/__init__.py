"""StyleGAN latents and feature maps as scikit-learn transformers and few-shot estimators.

The public names are imported on first use, so that ``import skstylefeat`` stays fast and
brings in neither torch nor scikit-learn.
"""

from importlib import import_module

__version__ = "0.1.0"

_HOMES = {
    "ChannelMISelector": "skstylefeat.features",
    "ClusterAnnotator": "skstylefeat.annotation",
    "FeatureMaps": "skstylefeat.features",
    "FewShotSplit": "skstylefeat.annotation",
    "HyperplaneDistance": "skstylefeat.regression",
    "LatentRegressor": "skstylefeat.regression",
    "MaxPoolReducer": "skstylefeat.features",
    "PseudoLabelClassifier": "skstylefeat.annotation",
    "StyleGANInverter": "skstylefeat.inversion",
    "layer_importance": "skstylefeat.regression",
    "load_encoder": "skstylefeat.networks",
    "load_generator": "skstylefeat.networks",
    "select_calibration_points": "skstylefeat.regression",
}
_MODULES = (
    "annotation",
    "datasets",
    "directions",
    "exceptions",
    "features",
    "images",
    "inversion",
    "latents",
    "metrics",
    "networks",
    "plotting",
    "regression",
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
