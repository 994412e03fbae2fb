"""The StyleGAN2 generator in plain PyTorch."""
