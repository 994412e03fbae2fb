"""Generators and encoders: the torch world of the package."""

from skstylefeat.networks.encoder import Encoder
from skstylefeat.networks.generator import Generator
from skstylefeat.networks.store import load_encoder, load_generator

__all__ = ["Encoder", "Generator", "load_encoder", "load_generator"]
