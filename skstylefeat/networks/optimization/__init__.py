"""Optimization of codes, and the losses and coordinates that it uses."""

from skstylefeat.networks.optimization._optimize import invert, optimize_codes

__all__ = ["invert", "optimize_codes"]
