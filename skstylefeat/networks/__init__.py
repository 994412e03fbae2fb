"""Generators and encoders: the torch world of the package."""

from skstylefeat.networks.generator import Generator
from skstylefeat.networks.store import load_generator

__all__ = ["Generator", "load_generator"]
