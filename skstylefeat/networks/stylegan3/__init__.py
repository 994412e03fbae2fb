"""The StyleGAN3 generator (alias-free; config-T and config-R) in plain PyTorch."""

from skstylefeat.networks.stylegan3._alias_free_config import StyleGAN3Config
from skstylefeat.networks.stylegan3._alias_free_network import StyleGAN3Generator

__all__ = ["StyleGAN3Config", "StyleGAN3Generator"]
