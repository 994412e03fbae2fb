"""Weights files of many families, recognized by content and read without running their code."""
