"""Regression of attributes from distances of latent codes, calibrated with few labels (LARGE)."""

from skstylefeat.regression._calibration_points import select_calibration_points
from skstylefeat.regression._distance import HyperplaneDistance
from skstylefeat.regression._importance import LayerImportance, layer_importance
from skstylefeat.regression._regressor import LatentRegressor

__all__ = [
    "HyperplaneDistance",
    "LatentRegressor",
    "LayerImportance",
    "layer_importance",
    "select_calibration_points",
]
