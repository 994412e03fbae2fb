"""Inversion of images into the latent space of a generator."""

from skstylefeat.inversion._inverter import StyleGANInverter

__all__ = ["StyleGANInverter"]
