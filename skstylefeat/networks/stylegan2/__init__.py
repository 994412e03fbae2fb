"""The StyleGAN2 generator in plain PyTorch."""

from skstylefeat.networks.stylegan2._generator_config import GeneratorConfig
from skstylefeat.networks.stylegan2._network import StyleGAN2Generator

__all__ = ["GeneratorConfig", "StyleGAN2Generator"]
