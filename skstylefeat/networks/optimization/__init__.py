"""Inversion by optimization of latent codes."""
