"""Encoder architectures: the native one and the pSp family."""

from skstylefeat.networks.encoders._native import EncoderConfig, EncoderNetwork

__all__ = ["EncoderConfig", "EncoderNetwork"]
