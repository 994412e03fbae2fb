"""Inversion of images into the latent space of a generator."""

from skstylefeat.inversion._domain_check import DomainScores
from skstylefeat.inversion._framing_check import framing_scores
from skstylefeat.inversion._inverter import StyleGANInverter

__all__ = ["DomainScores", "StyleGANInverter", "framing_scores"]
