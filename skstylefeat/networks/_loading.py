"""Loading of generators, encoders and perceptual networks: what users call."""

import os

import torch

from skstylefeat.networks._base import load_network
from skstylefeat.networks._encoder import Encoder
from skstylefeat.networks._generator import Generator
from skstylefeat.networks._perceptual import PerceptualNetwork, from_module


def load_generator(name_or_path, *, device="cpu", expected_sha256=None):
    """Load a StyleGAN2 generator.

    Parameters
    ----------
    name_or_path : str, path-like or Generator
        A bundled name ("faces64"), or a file in any format of the documentation's page on
        checkpoints: ours (safetensors), NVIDIA's pickles, rosinality's and the pSp family's
        ``.pt``. No code of a file is ever run. A `Generator` is returned as it is.
    device : str, default="cpu"
        Torch device, or "auto" for the best one present.
    expected_sha256 : str, default=None
        Refuse the file if its hash is another.

    Returns
    -------
    Generator
        Loaded once a process for each file and device.

    Raises
    ------
    FileNotFoundError
        There is no such name or file.
    ValueError
        The file is damaged, of an unknown kind, or its hash differs.

    Examples
    --------
    >>> from skstylefeat import load_generator
    >>> load_generator("faces64").resolution
    64
    """
    if isinstance(name_or_path, Generator):
        return name_or_path.to(device)
    return load_network(Generator, name_or_path, device=device, expected_sha256=expected_sha256)


def load_encoder(name_or_path, *, device="cpu", expected_sha256=None):
    """Load an encoder of images into W+.

    Parameters
    ----------
    name_or_path : str, path-like or Encoder
        The name of a bundled generator ("faces64") for the encoder that belongs to it, or a
        file: ours (safetensors), or the pSp family's ``.pt`` (pSp, e4e, ReStyle). No code of a
        file is ever run. An `Encoder` is returned as it is.
    device : str, default="cpu"
        Torch device, or "auto" for the best one present.
    expected_sha256 : str, default=None
        Refuse the file if its hash is another.

    Returns
    -------
    Encoder
        Loaded once a process for each file and device.

    Raises
    ------
    FileNotFoundError
        There is no such name or file.
    ValueError
        The file is damaged, holds no encoder, or its hash differs.

    Examples
    --------
    >>> from skstylefeat import load_encoder
    >>> load_encoder("faces64").n_ws
    10
    """
    if isinstance(name_or_path, Encoder):
        return name_or_path.to(device)
    return load_network(Encoder, name_or_path, device=device, expected_sha256=expected_sha256)


def load_perceptual(network, *, device="cpu", expected_sha256=None):
    """Load a network in whose features images are compared.

    Parameters
    ----------
    network : str, path-like, torch.nn.Module or PerceptualNetwork
        A file with the state dict of torchvision's VGG16 or its kin (torch file or
        safetensors; no code of it is ever run), or any module that gives features, see
        `PerceptualNetwork`. TorchScript files hold code: load those that you trust yourself, with
        ``torch.jit.load``, and pass the module.
    device : str, default="cpu"
        Torch device, or "auto" for the best one present.
    expected_sha256 : str, default=None
        Refuse the file if its hash is another.

    Returns
    -------
    PerceptualNetwork

    Raises
    ------
    FileNotFoundError
        There is no such file.
    TypeError
        It is none of these kinds.
    ValueError
        The file is damaged, holds something else, or its hash differs.
    """
    if isinstance(network, PerceptualNetwork):
        return network.to(device)
    if isinstance(network, torch.nn.Module):
        return from_module(network, device)
    if not isinstance(network, str | os.PathLike):
        raise TypeError(
            f"The perceptual network is a {type(network).__name__}, expected a path or a "
            "torch.nn.Module that gives features."
        )
    return load_network(PerceptualNetwork, network, device=device, expected_sha256=expected_sha256)
