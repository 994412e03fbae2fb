"""Inversion by optimization of latent codes."""

from skstylefeat.networks.optimization._latent_space import w_statistics
from skstylefeat.networks.optimization._losses import contrast_loss

__all__ = ["contrast_loss", "w_statistics"]
