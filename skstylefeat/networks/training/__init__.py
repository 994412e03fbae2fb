"""Training of a generator on photos, and of an encoder for a generator."""

from skstylefeat.networks.training._discriminator import Discriminator
from skstylefeat.networks.training._generator_recipe import GeneratorRecipe
from skstylefeat.networks.training._generator_trainer import GeneratorTrainer
from skstylefeat.networks.training._recipe import EncoderRecipe
from skstylefeat.networks.training._sample_sheet import write_sample_sheet
from skstylefeat.networks.training._train import TrainingReport, train_encoder
from skstylefeat.networks.training._train_generator import (
    GeneratorReport,
    images_per_second,
    train_generator,
)
from skstylefeat.networks.training._trainer import EncoderTrainer

__all__ = [
    "Discriminator",
    "EncoderRecipe",
    "EncoderTrainer",
    "GeneratorRecipe",
    "GeneratorReport",
    "GeneratorTrainer",
    "TrainingReport",
    "images_per_second",
    "train_encoder",
    "train_generator",
    "write_sample_sheet",
]
