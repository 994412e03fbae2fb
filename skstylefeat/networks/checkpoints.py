"""Recognise what a weights file is, by its content, and read it."""

from skstylefeat.networks.safetensors_io import build_network, read_network_file


def read_generator(path):
    """Return (GeneratorConfig, state in NVIDIA's names, model card) of a file of any format."""
    return read_network_file(path)


def read_encoder(path):
    """Return (encoder module, model card) of a file of any format."""
    config, state, card = read_network_file(path)
    return build_network(config, state, path), card
