"""Loading of generators, encoders and perceptual networks by name or path.

A function takes all forms in which a network can be given: a bundled name, a file, or the loaded
network itself. Callers in the NumPy world import this module inside their functions.
"""

from __future__ import annotations

import os

import torch

from skstylefeat._utils._typing import StrPath
from skstylefeat.networks._base import load_network
from skstylefeat.networks._encoder import Encoder
from skstylefeat.networks._generator import Generator
from skstylefeat.networks._perceptual import PerceptualNetwork, from_module


def load_generator(
    name_or_path: StrPath | Generator,
    *,
    device: str | torch.device | None = None,
    expected_sha256: str | None = None,
) -> Generator:
    """Load a StyleGAN2 generator.

    Parameters
    ----------
    name_or_path : str, path-like or Generator
        A bundled name ("faces64"), or a file in any format of the documentation's page on
        checkpoints: safetensors, NVIDIA's pickles, rosinality's and the pSp family's ``.pt``.
        No code in a file is ever run. A `Generator` is accepted as well.
    device : str, default=None
        Torch device, or "auto" for the best one present. By default a file is loaded to the CPU,
        and a `Generator` is returned unchanged.
    expected_sha256 : str, default=None
        Refuse weights with another hash.

    Returns
    -------
    Generator
        Loaded once per process for each file and device.

    Raises
    ------
    FileNotFoundError
        There is no such name or file.
    TypeError
        The argument is none of the accepted types.
    ValueError
        The file is damaged or of an unknown format, its hash differs, or the device is not
        available.

    Examples
    --------
    >>> from skstylefeat import load_generator
    >>> load_generator("faces64").resolution
    64
    """
    return _load(Generator, name_or_path, device, expected_sha256)


def load_encoder(
    name_or_path: StrPath | Encoder,
    *,
    device: str | torch.device | None = None,
    expected_sha256: str | None = None,
) -> Encoder:
    """Load an encoder of images into W+.

    Parameters
    ----------
    name_or_path : str, path-like or Encoder
        The name of a bundled generator ("faces64") for its encoder, or a file: safetensors, or
        the pSp family's ``.pt`` (pSp, e4e, ReStyle). No code in a file is ever run. An `Encoder`
        is accepted as well.
    device : str, default=None
        Torch device, or "auto" for the best one present. By default a file is loaded to the CPU,
        and an `Encoder` is returned unchanged.
    expected_sha256 : str, default=None
        Refuse weights with another hash.

    Returns
    -------
    Encoder
        Loaded once per process for each file and device.

    Raises
    ------
    FileNotFoundError
        There is no such name or file.
    TypeError
        The argument is none of the accepted types.
    ValueError
        The file is damaged or holds no encoder, its hash differs, or the device is not
        available.

    Examples
    --------
    >>> from skstylefeat import load_encoder
    >>> load_encoder("faces64").n_ws
    10
    """
    return _load(Encoder, name_or_path, device, expected_sha256)


def load_perceptual(
    network: StrPath | torch.nn.Module | PerceptualNetwork,
    *,
    device: str | torch.device | None = None,
    expected_sha256: str | None = None,
) -> PerceptualNetwork:
    """Load a network whose features measure the distance of images.

    Parameters
    ----------
    network : str, path-like, torch.nn.Module or PerceptualNetwork
        A file with the state dict of one of torchvision's VGG networks, such as VGG16 (torch
        file or safetensors; no code in it is ever run), or any module that returns features, see
        `PerceptualNetwork`. TorchScript files hold code: load those that you trust with
        ``torch.jit.load``, and pass the module.
    device : str, default=None
        Torch device, or "auto" for the best one present. By default files and modules go to the
        CPU, and a `PerceptualNetwork` is returned unchanged.
    expected_sha256 : str, default=None
        Refuse weights with another hash.

    Returns
    -------
    PerceptualNetwork

    Raises
    ------
    FileNotFoundError
        There is no such file.
    TypeError
        The argument is none of the accepted types.
    ValueError
        The file is damaged or holds something else, its hash differs, or the device is not
        available.
    """
    if isinstance(network, torch.nn.Module):
        network = from_module(network)
    return _load(PerceptualNetwork, network, device, expected_sha256)


def _load(network_class, given, device, expected_sha256):
    """Return the network of a name, a file or a loaded network."""
    if isinstance(given, str | os.PathLike):
        return load_network(
            network_class,
            given,
            device="cpu" if device is None else device,
            expected_sha256=expected_sha256,
        )
    if not isinstance(given, network_class):
        raise TypeError(
            f"{network_class.__name__}: expected {network_class.accepted}, got "
            f"{type(given).__name__}."
        )
    if expected_sha256 not in (None, given.weights_hash()):
        raise ValueError(
            f"The SHA-256 of {given.name!r} is {given.weights_hash()}, expected {expected_sha256}."
        )
    return given if device is None else given.to(device)
