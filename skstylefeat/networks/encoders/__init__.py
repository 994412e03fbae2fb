"""Encoder architectures: the native one and the pSp family."""
