"""The StyleGAN1 generator in plain PyTorch."""

from skstylefeat.networks.stylegan1._adain_network import StyleGAN1Generator
from skstylefeat.networks.stylegan1._stylegan1_config import StyleGAN1Config

__all__ = ["StyleGAN1Config", "StyleGAN1Generator"]
