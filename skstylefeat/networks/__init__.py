"""Generators, encoders and perceptual networks, with arrays in and arrays out."""

from skstylefeat.networks._encoder import Encoder
from skstylefeat.networks._generator import Generator
from skstylefeat.networks._loading import load_encoder, load_generator, load_perceptual
from skstylefeat.networks._perceptual import PerceptualNetwork
from skstylefeat.networks.training._generator_recipe import GeneratorRecipe
from skstylefeat.networks.training._recipe import EncoderRecipe
from skstylefeat.networks.training._train import TrainingReport, train_encoder
from skstylefeat.networks.training._train_generator import GeneratorReport, train_generator

__all__ = [
    "Encoder",
    "EncoderRecipe",
    "Generator",
    "GeneratorRecipe",
    "GeneratorReport",
    "PerceptualNetwork",
    "TrainingReport",
    "load_encoder",
    "load_generator",
    "load_perceptual",
    "train_encoder",
    "train_generator",
]
