"""Generators and encoders: the torch world of the package."""

from skstylefeat.networks.encoder import Encoder
from skstylefeat.networks.generator import Generator
from skstylefeat.networks.perceptual import PerceptualNetwork
from skstylefeat.networks.store import load_encoder, load_generator, load_perceptual

__all__ = [
    "Encoder",
    "Generator",
    "PerceptualNetwork",
    "load_encoder",
    "load_generator",
    "load_perceptual",
]
