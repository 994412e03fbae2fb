"""Perceptual networks: features in which an inversion compares images.

No code in a file is ever run, so a file can only hold the tensors of a known architecture: VGG as
torchvision writes it. The user makes or loads every other network and passes the module.

References
----------
.. [1] R. Zhang et al., "The Unreasonable Effectiveness of Deep Features as a Perceptual Metric",
   CVPR 2018.
"""

from __future__ import annotations

import copy
import io
import os
import warnings
import zipfile
from typing import Any, ClassVar

import torch
from torch import nn
from torch.nn import functional as F

from skstylefeat._inert._arrays import StoredArray
from skstylefeat._inert._budget import CONTENT_ERRORS
from skstylefeat._inert._contents import open_file
from skstylefeat._utils._channels import as_rgb
from skstylefeat.exceptions import CheckpointError
from skstylefeat.networks._base import NetworkFacade
from skstylefeat.networks.checkpoints._tensors import load_tensors
from skstylefeat.networks.encoders._folded_layers import Conv, Weights
from skstylefeat.networks.optimization._losses import feature_distances

MEAN, STD = (0.485, 0.456, 0.406), (0.229, 0.224, 0.225)  # ImageNet's, of images in [0, 1]
MAX_SIDE = 256  # larger images are averaged down, as in the projector of StyleGAN2
LPIPS_ARGUMENT = "return_lpips"  # of NVIDIA's vgg16.pt; asks for weighted features


class VGGFeatures(nn.Module):
    """VGG without its classifier: images to the maps before every pooling, and the last map.

    Parameters
    ----------
    state : dict of str to Tensor
        torchvision's tensors ``features.*``, of VGG-11 to VGG-19, with or without batch
        normalization, of any widths; ``classifier.*`` is left out.
    source : str
        Name of the file, for messages.
    """

    def __init__(self, state, source):
        super().__init__()
        state = {key: x for key, x in state.items() if not key.startswith("classifier.")}
        weights = Weights(state, source)

        # The numbers of the convolutions are the architecture.
        indices = sorted(
            int(key.split(".")[1])
            for key, x in weights.state.items()
            if key.startswith("features.") and key.endswith(".weight") and x.ndim == 4
        )
        has_norm = any(key.endswith("running_mean") for key in weights.state)

        self.convs = nn.ModuleList()
        self.pooled = []  # whether a pooling precedes the convolution
        n_channels = 3
        for index, before in zip(indices, [None, *indices[:-1]], strict=True):
            name = f"features.{index}"
            if has_norm:
                bias = weights.take(f"{name}.bias", 1)
                scale, shift = weights.norm(f"features.{index + 1}")
                conv = Conv(
                    weights.take(f"{name}.weight", 4) * scale[:, None, None, None],
                    shift + bias * scale,
                )
            else:
                conv = Conv(*weights.conv(name))

            if conv.weight.shape[1] != n_channels:
                raise ValueError(f"{name} takes {conv.weight.shape[1]} channels after {n_channels}")
            n_channels = conv.weight.shape[0]
            self.convs.append(conv)
            # An activation lies between two convolutions, and perhaps a normalization and a
            # pooling. The gap in the numbers shows whether there is a pooling.
            self.pooled.append(before is not None and index - before > 2 + has_norm)
        weights.check_all_taken()

    def forward(self, x):
        """Return maps of normalized images (n, 3, H, W), the largest first."""
        maps = []
        for conv, pooled in zip(self.convs, self.pooled, strict=True):
            if pooled:
                maps.append(x)
                if min(x.shape[2:]) < 2:
                    return maps
                x = F.max_pool2d(x, 2)
            x = F.relu(conv(x))
        return [*maps, x]


class PerceptualNetwork(NetworkFacade):
    """Distances between images in the features of a network: LPIPS without its learned weights.

    Parameters
    ----------
    module : torch.nn.Module
        Called with images (n, 3, H, W), normalized by ImageNet's mean and standard deviation
        and at most 256 px large. It returns maps (n, C, H, W), tokens (n, T, C), vectors (n, C),
        or a list, tuple or dict of such tensors. A TorchScript module with the argument
        ``return_lpips`` (NVIDIA's ``vgg16.pt``) receives images in [0, 255] instead, and its
        own weights measure the distance.
    name : str, default="perceptual"
        Name in messages.
    reference : str or None, default=None
        Path from which a pickle loads the weights. With None, a pickle holds the module.
    sha256 : str or None, default=None
        Hash of the weights, checked when a pickle is loaded.
    card : dict of str to str, default=None
        Model card.
    device : str, default="cpu"
        Torch device, or "auto".

    Examples
    --------
    >>> import torch
    >>> from skstylefeat.networks import load_perceptual
    >>> network = load_perceptual(torch.nn.Conv2d(3, 4, 3))
    >>> black, white = torch.full((1, 3, 8, 8), -1.0), torch.full((1, 3, 8, 8), 1.0)
    >>> network.distances(network.maps(black), network.maps(white)).shape
    torch.Size([1])
    """

    kind = "perceptual"
    accepted: ClassVar[str] = "a path or a torch.nn.Module"

    @staticmethod
    def _read(path, settings):
        return read_vgg(path), {}

    def _describe(self):
        arguments = ()
        if isinstance(self.module, torch.jit.ScriptModule):
            arguments = [argument.name for argument in self.module.forward.schema.arguments]
        self._is_lpips = LPIPS_ARGUMENT in arguments

    def __repr__(self) -> str:
        return f"PerceptualNetwork({self.name!r}, device='{self.device}')"

    def maps(self, images: torch.Tensor) -> list[torch.Tensor]:
        """Return the features of images (n, 3, H, W) in [-1, 1], as a list of maps.

        Gray images (n, 1, H, W) get three equal channels.
        """
        images = as_rgb(images)
        largest = max(images.shape[2:])
        if largest > MAX_SIDE:
            size = [max(1, round(side * MAX_SIDE / largest)) for side in images.shape[2:]]
            images = F.interpolate(images, size, mode="area")
        images = (images + 1) / 2
        if self._is_lpips:
            return [self.module(images * 255, resize_images=False, return_lpips=True)]

        mean, std = (images.new_tensor(x)[:, None, None] for x in (MEAN, STD))
        output = self.module((images - mean) / std)
        if isinstance(output, dict):
            output = list(output.values())
        outputs = list(output) if isinstance(output, list | tuple) else [output]
        for x in outputs:
            if not isinstance(x, torch.Tensor) or not 2 <= x.ndim <= 4 or len(x) != len(images):
                shown = tuple(x.shape) if isinstance(x, torch.Tensor) else type(x).__name__
                raise ValueError(
                    f"The perceptual network {self.name!r} returns {shown} for {len(images)} "
                    "images; expected maps (n, C, H, W), tokens (n, T, C), vectors (n, C), or a "
                    "list of them."
                )
        return [_as_map(x) for x in outputs]

    def distances(self, maps: list[torch.Tensor], targets: list[torch.Tensor]) -> torch.Tensor:
        """Return the distances (n,) between the maps of two batches of images."""
        if self._is_lpips:
            return (maps[0] - targets[0]).square().flatten(1).sum(dim=1)
        return feature_distances(maps, targets)

    def _architecture(self):
        return f"{type(self.module).__name__} {self.module!r} "

    def _embedded_state(self):
        """Return the module, or the TorchScript program, for pickles without a file."""
        if not isinstance(self.module, torch.jit.ScriptModule):
            return {"module": self.module, "card": self.card}
        return {"script": self.module.save_to_buffer(), "card": self.card}

    def __setstate__(self, state: dict[str, Any]) -> None:
        if state["reference"] is not None:
            super().__setstate__(state)
            return
        module = state.get("module")
        if module is None:
            with warnings.catch_warnings():  # torch announces the end of TorchScript
                warnings.simplefilter("ignore", DeprecationWarning)
                module = torch.jit.load(io.BytesIO(state["script"]), map_location="cpu")
        self._restore(module, state)


def _as_map(x):
    if x.ndim == 3:
        x = x.transpose(1, 2)
    return x.reshape(*x.shape, *(1,) * (4 - x.ndim))


def from_module(module):
    """Return the `PerceptualNetwork` of a frozen copy of a module."""
    name = getattr(module, "original_name", type(module).__name__)
    return PerceptualNetwork(copy.deepcopy(module), name=name)


def read_vgg(path):
    """Read the tensors of a VGG network as torchvision writes them.

    Parameters
    ----------
    path : path-like
        A torch file or safetensors with a state dict, bare or under "state_dict".

    Returns
    -------
    VGGFeatures

    Raises
    ------
    CheckpointError
        If the file is damaged, holds something else, or is a TorchScript program.
    """
    source = os.fspath(path)
    if _is_torchscript(source):
        raise CheckpointError(
            f"{source} is a TorchScript program, and reading it would run its code. If you trust "
            "the file, load it yourself and pass the module: perceptual=torch.jit.load(path). "
            "Otherwise give the state dict of torchvision's VGG16."
        )
    tree = open_file(source).tree

    try:
        tree = tree.get("state_dict", tree) if isinstance(tree, dict) else {}
        stored = {
            key.removeprefix("module."): value
            for key, value in tree.items()
            if isinstance(key, str) and isinstance(value, StoredArray)
        }
        state = load_tensors(stored, source)
        if "features.0.weight" not in state:
            raise ValueError(
                f"it has no 'features.0.weight' but {sorted(state)[:3]} ({len(state)} tensors)"
            )
        return VGGFeatures(state, source)
    except CheckpointError:
        raise
    except CONTENT_ERRORS as error:
        raise CheckpointError(
            f"{source} does not hold a VGG network as torchvision writes it: {error}. Give the "
            "state dict of torchvision.models.vgg16, or any network as a torch.nn.Module."
        ) from error


def _is_torchscript(path):
    try:
        with zipfile.ZipFile(path) as archive:
            return any(name.endswith("constants.pkl") for name in archive.namelist())
    except (zipfile.BadZipFile, NotImplementedError, OSError, ValueError):
        return False
