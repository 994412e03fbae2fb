"""StyleGAN latents and feature maps as scikit-learn transformers and few-shot estimators.

Public names are imported on first use, so that ``import skstylefeat`` stays fast and imports
neither torch nor scikit-learn. ``__init__.pyi`` lists the same names for editors and type checkers.
"""

from importlib import import_module as _import_module

__version__ = "0.1.0"

_HOMES = {
    "ChannelMISelector": "features",
    "ClusterAnnotator": "annotation",
    "FeatureMapExtractor": "features",
    "FeatureMaps": "features",
    "FewShotSplit": "annotation",
    "HyperplaneDistance": "regression",
    "LatentRegressor": "regression",
    "MaxPoolReducer": "features",
    "PseudoLabelClassifier": "annotation",
    "StyleGANInverter": "inversion",
    "TRUSTED_TYPES": "_utils._trusted_types",
    "layer_importance": "regression",
    "load_encoder": "networks",
    "load_generator": "networks",
    "select_calibration_points": "regression",
}
_PACKAGES = (
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
    "prediction",
    "regression",
)

__all__ = [*sorted(_HOMES), *_PACKAGES]


def __getattr__(name):
    if name in _HOMES:
        value = getattr(_import_module(f"skstylefeat.{_HOMES[name]}"), name)
    elif name in _PACKAGES:
        value = _import_module(f"skstylefeat.{name}")
    else:
        raise AttributeError(f"module 'skstylefeat' has no attribute {name!r}")
    globals()[name] = value
    return value


def __dir__():
    return [*__all__, "__doc__", "__version__"]
