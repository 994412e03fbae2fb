"""Semantic directions in the latent spaces of a generator, each as an estimator."""

from skstylefeat.directions._svm import LinearSVMDirection

__all__ = ["LinearSVMDirection"]
