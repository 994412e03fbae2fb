"""Training of a generator on photos, and of an encoder for a generator."""

from skstylefeat.networks.training._generator_recipe import GeneratorRecipe
from skstylefeat.networks.training._recipe import EncoderRecipe
from skstylefeat.networks.training._train import TrainingReport, train_encoder
from skstylefeat.networks.training._train_generator import GeneratorReport, train_generator

__all__ = [
    "EncoderRecipe",
    "GeneratorRecipe",
    "GeneratorReport",
    "TrainingReport",
    "train_encoder",
    "train_generator",
]
