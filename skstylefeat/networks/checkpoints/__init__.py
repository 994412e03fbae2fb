"""Weights files of many families, recognized by content and read without running their code."""

from skstylefeat.latents._file_description import ArraysInfo
from skstylefeat.networks.checkpoints._convert import Conversion, ConvertedFile, convert
from skstylefeat.networks.checkpoints._inspect import (
    CheckpointInfo,
    EncoderInfo,
    GeneratorInfo,
    inspect,
)
from skstylefeat.networks.checkpoints._safetensors import save_network

__all__ = [
    "ArraysInfo",
    "CheckpointInfo",
    "Conversion",
    "ConvertedFile",
    "EncoderInfo",
    "GeneratorInfo",
    "convert",
    "inspect",
    "save_network",
]
