"""Weights files of many families, recognized by content and read without running their code."""

from skstylefeat.networks.checkpoints._safetensors import save_network

__all__ = ["save_network"]
