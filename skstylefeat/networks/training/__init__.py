"""Training of an encoder for a given generator."""

from skstylefeat.networks.training._recipe import EncoderRecipe
from skstylefeat.networks.training._train import TrainingReport, train_encoder

__all__ = ["EncoderRecipe", "TrainingReport", "train_encoder"]
