"""Optimization of codes, and the losses and coordinates that it uses; nothing is public."""

__all__: list[str] = []
