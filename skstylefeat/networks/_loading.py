"""Loading of generators, encoders and perceptual networks by name or path.

A function takes all forms in which a network can be given: a bundled name, a file, or the loaded
network itself. Callers in the NumPy world import this module inside their functions.
"""

from __future__ import annotations

import os
from collections.abc import Mapping
from typing import Any, Literal

import torch

from skstylefeat._utils._typing import StrPath
from skstylefeat.networks._base import load_network, resolve_device
from skstylefeat.networks._encoder import Encoder
from skstylefeat.networks._generator import Generator
from skstylefeat.networks._perceptual import PerceptualNetwork, from_module
from skstylefeat.networks.encoders._openvino import check_engine


def load_generator(
    name_or_path: StrPath | Generator,
    *,
    device: str | torch.device | None = None,
    expected_sha256: str | None = None,
    assume: Mapping[str, Any] | None = None,
) -> Generator:
    """Load a generator of StyleGAN, StyleGAN2 or StyleGAN3.

    Parameters
    ----------
    name_or_path : str, path-like or Generator
        A bundled name ("faces64"), or a file in any format of the documentation's page on
        checkpoints: safetensors, NVIDIA's pickles, GenForce's ``.pth``, rosinality's and the pSp
        family's ``.pt``. No code in a file is ever run. ``hf://OWNER/NAME@COMMIT/FILE`` is a file
        on the Hugging Face hub, with the full hash of a commit
        (``pip install 'skstylefeat[hub]'``). A `Generator` is accepted as well.
    device : str, default=None
        Torch device, or "auto" for the best one present. By default a file is loaded to the CPU,
        and a `Generator` is returned unchanged.
    expected_sha256 : str, default=None
        Refuse weights with another hash.
    assume : dict, default=None
        Settings that the file lacks, such as a state dict without its configuration:
        ``"conv_clamp"`` (None, or 256 for many networks of NVIDIA's code; for StyleGAN3 256),
        ``"lr_multiplier"`` of the mapping network (0.01), ``"resample_filter"`` (1, 3, 3, 1) and
        ``"activation"`` ("lrelu") of StyleGAN2, and ``"output_scale"`` of StyleGAN3 (0.25). By
        default the values in parentheses, the first of two, are assumed with a warning. Files of
        GenForce's StyleGAN1 lack ``"fused_scale"``, which is "auto" in its code; True and False
        are known as well. What the file states cannot be changed.

    Returns
    -------
    Generator
        Loaded once per process for each file and device.

    Raises
    ------
    FileNotFoundError
        There is no such name or file; `skstylefeat.exceptions.DownloadError` for an address.
    ImportError
        An address needs the package huggingface_hub, which is not installed.
    TypeError
        The argument is none of the accepted types.
    ValueError
        The file is damaged or of an unknown format, its hash differs, an address names no commit,
        or the device is not available.

    Examples
    --------
    >>> from skstylefeat import load_generator
    >>> load_generator("faces64").resolution
    64
    """
    return _load(Generator, name_or_path, device, expected_sha256, assume)


def load_encoder(
    name_or_path: StrPath | Encoder,
    *,
    device: str | torch.device | None = None,
    expected_sha256: str | None = None,
    assume: Mapping[str, Any] | None = None,
    engine: Literal["torch", "openvino"] | None = None,
    precision: Literal["float32", "bfloat16"] = "float32",
) -> Encoder:
    """Load an encoder of images into W+.

    Parameters
    ----------
    name_or_path : str, path-like or Encoder
        The name of a bundled generator ("faces64") for its encoder, or a file: safetensors, or
        the pSp family's ``.pt`` (pSp, e4e, ReStyle), also at an address ``hf://`` as of
        `load_generator`. No code in a file is ever run. An `Encoder` is accepted as well.
    device : str, default=None
        Torch device, or "auto" for the best one present. By default a file is loaded to the CPU,
        and an `Encoder` is returned unchanged.
    expected_sha256 : str, default=None
        Refuse weights with another hash.
    assume : dict, default=None
        Options of the pSp family that the file lacks: ``"encoder_type"``, which is necessary where
        the tensors do not show it, ``"start_from_latent_avg"`` (True), ``"input_size"``
        ((256, 256), for cars (192, 256), for bodies (256, 128)) and ``"output_size"`` of the
        generator (1024). By default the first values in parentheses are assumed with a warning.
        What the file states cannot be changed.
    engine : {"torch", "openvino"}, default=None
        What computes the codes, see :meth:`~skstylefeat.networks.Encoder.with_engine`. By default
        torch, and an `Encoder` keeps its engine.
    precision : {"float32", "bfloat16"}, default="float32"
        Precision of the arithmetic; "bfloat16" needs ``engine="openvino"``.

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
    if engine is not None or precision != "float32":
        check_engine(engine or "torch", precision)  # before a large file is read
        if engine == "openvino" and device == "auto":
            device = "cpu"
    encoder = _load(Encoder, name_or_path, device, expected_sha256, assume)
    return encoder if engine is None else encoder.with_engine(engine, precision)


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
    if device is not None:
        resolve_device(device)  # before the module is copied
    if isinstance(network, torch.nn.Module):
        network = from_module(network)
    return _load(PerceptualNetwork, network, device, expected_sha256)


def as_generator(generator: Any) -> Any:
    """Return a generator, loaded if it is given by name or path; any other object as it is."""
    return load_generator(generator) if isinstance(generator, str | os.PathLike) else generator


def _load(network_class, given, device, expected_sha256, assume=None):
    """Return the network of a name, a file or a loaded network."""
    if isinstance(given, str | os.PathLike):
        return load_network(
            network_class,
            given,
            device="cpu" if device is None else device,
            expected_sha256=expected_sha256,
            assume=assume,
        )
    if not isinstance(given, network_class):
        raise TypeError(
            f"{network_class.__name__}: expected {network_class.accepted}, got "
            f"{type(given).__name__}."
        )
    if assume:
        raise ValueError(
            f"assume={assume!r} has no effect on the loaded network {given.name!r}; give it where "
            "the file is loaded."
        )
    if expected_sha256 not in (None, given.sha256, given.weights_hash()):
        raise ValueError(
            f"The SHA-256 of {given.name!r} is {given.weights_hash()}, expected {expected_sha256}."
        )
    return given if device is None else given.to(device)
