"""Generators and encoders: the torch world of the package."""

from skstylefeat.networks._encoder import Encoder
from skstylefeat.networks._generator import Generator
from skstylefeat.networks._loading import load_encoder, load_generator, load_perceptual
from skstylefeat.networks._perceptual import PerceptualNetwork

__all__ = [
    "Encoder",
    "Generator",
    "PerceptualNetwork",
    "load_encoder",
    "load_generator",
    "load_perceptual",
]
