"""From photos and a few labels to predictions in a file: models in folders."""

from skstylefeat.prediction._candidates import CLASS_CANDIDATES, NUMBER_CANDIDATES
from skstylefeat.prediction._fit_model import fit_model
from skstylefeat.prediction._model_folder import load_model
from skstylefeat.prediction._photo_features import PhotoFeatures
from skstylefeat.prediction._photo_model import PhotoModel
from skstylefeat.prediction._predictions import Predictions
from skstylefeat.prediction._readers import FewShotClassifier, FewShotRegressor

__all__ = [
    "CLASS_CANDIDATES",
    "NUMBER_CANDIDATES",
    "FewShotClassifier",
    "FewShotRegressor",
    "PhotoFeatures",
    "PhotoModel",
    "Predictions",
    "fit_model",
    "load_model",
]
