"""From photos and a few labels to predictions in a file: models in folders."""

from skstylefeat.prediction._fit_model import fit_model
from skstylefeat.prediction._model_folder import load_model
from skstylefeat.prediction._photo_model import PhotoModel
from skstylefeat.prediction._predictions import Predictions

__all__ = ["PhotoModel", "Predictions", "fit_model", "load_model"]
