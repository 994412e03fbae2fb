"""From a name or a path to a network, loaded once a process and checked by its hash."""

import hashlib
import os
from functools import lru_cache
from importlib import resources
from pathlib import Path

import torch

from skstylefeat.networks._facade import resolve_device
from skstylefeat.networks.checkpoints import read_encoder, read_generator
from skstylefeat.networks.encoder import Encoder
from skstylefeat.networks.generator import Generator
from skstylefeat.networks.perceptual import PerceptualNetwork, from_module, read_vgg
from skstylefeat.networks.safetensors_io import build_network

SEARCH_PATH_VARIABLE = "SKSTYLEFEAT_WEIGHTS"
ENCODER_SUFFIX = "-encoder"


def bundled_names():
    """Return the names of the bundled generators."""
    folder = resources.files("skstylefeat") / "weights"
    stems = [
        Path(entry.name).stem for entry in folder.iterdir() if entry.name.endswith(".safetensors")
    ]
    return sorted(stem for stem in stems if not stem.endswith(ENCODER_SUFFIX))


def find_weights(name_or_path):
    """Return the file of a bundled name or a path.

    Relative paths are also looked for in the folders of the environment variable
    ``SKSTYLEFEAT_WEIGHTS`` (separated like ``PATH``), so that a pickle made on one machine
    finds its weights on another.

    Parameters
    ----------
    name_or_path : str or path-like
        Bundled name such as "faces64", or a file.

    Returns
    -------
    pathlib.Path
    """
    text = os.fspath(name_or_path)
    bundled = resources.files("skstylefeat") / "weights" / f"{text}.safetensors"
    if os.sep not in text and bundled.is_file():
        return Path(str(bundled))
    path = Path(text).expanduser()
    if path.is_file():
        return path
    folders = [f for f in os.environ.get(SEARCH_PATH_VARIABLE, "").split(os.pathsep) if f]
    for folder in folders:
        for candidate in (Path(folder) / path, Path(folder) / path.name):
            if candidate.is_file():
                return candidate
    raise FileNotFoundError(
        f"No weights {text!r}: it is neither a bundled name {bundled_names()} nor a file here or "
        f"in the folders of ${SEARCH_PATH_VARIABLE} ({folders or 'not set'}). Give a path that "
        "exists, or set the variable to the folder that holds it."
    )


def file_sha256(path):
    """Return the SHA-256 of a file as a hexadecimal string."""
    stat = os.stat(path)
    return _file_sha256(os.fspath(path), stat.st_size, stat.st_mtime_ns)


@lru_cache(maxsize=64)
def _file_sha256(path, size, mtime):
    with open(path, "rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()


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
    path = find_weights(name_or_path)
    return _load("generator", path, name_or_path, device, expected_sha256)


def check_sha256(path, expected):
    """Return the hash of the file at `path`; raise ValueError if it is not the `expected` one."""
    digest = file_sha256(path)
    if expected is not None and digest != expected:
        raise ValueError(
            f"The weights file {path} has changed: its SHA-256 is {digest}, expected {expected}. "
            "Put the original file back, or fit the estimator again with the new one."
        )
    return digest


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
    bundled = os.fspath(name_or_path) in bundled_names()
    path = find_weights(f"{name_or_path}{ENCODER_SUFFIX}" if bundled else name_or_path)
    return _load("encoder", path, name_or_path, device, expected_sha256)


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
    return _load("perceptual", find_weights(network), network, device, expected_sha256)


def _load(kind, path, reference, device, expected_sha256):
    digest = check_sha256(path, expected_sha256)
    return _read(kind, str(path), digest, os.fspath(reference), resolve_device(device))


@lru_cache(maxsize=16)
def _read(kind, path, digest, reference, device):
    name = Path(path).stem
    if kind == "generator":
        config, state, card = read_generator(path)
        network, module = Generator, build_network(config, state, path)
    elif kind == "encoder":
        module, card = read_encoder(path)
        network = Encoder
    else:
        network, module, card = PerceptualNetwork, read_vgg(path), {}
    return network(module, name=name, reference=reference, sha256=digest, card=card, device=device)
