"""The StyleGAN2 generator in plain PyTorch; users meet it as `Generator`."""

__all__: list[str] = []
