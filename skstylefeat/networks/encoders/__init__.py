"""Encoder architectures, the native one and the pSp family; users meet them as `Encoder`."""

__all__: list[str] = []
