"""From photos and a few labels to predictions in a file, and what predictions depend on."""

from skstylefeat.prediction._counterfactuals import counterfactual_faces, counterfactual_plane
from skstylefeat.prediction._fit_model import fit_model
from skstylefeat.prediction._model_folder import load_model
from skstylefeat.prediction._photo_model import PhotoModel
from skstylefeat.prediction._predictions import Predictions

__all__ = [
    "PhotoModel",
    "Predictions",
    "counterfactual_faces",
    "counterfactual_plane",
    "fit_model",
    "load_model",
]
