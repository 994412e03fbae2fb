"""A frozen encoder with arrays in and arrays out."""

from __future__ import annotations

import os
from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

import numpy as np
import torch
from numpy.typing import ArrayLike, NDArray

from skstylefeat._utils._channels import as_seen
from skstylefeat._utils._typing import StrPath
from skstylefeat._utils._validation import as_float32
from skstylefeat.networks._base import NetworkFacade
from skstylefeat.networks.checkpoints._assumptions import ENCODER_SETTINGS
from skstylefeat.networks.checkpoints._locate import ENCODER_SUFFIX, bundled_names, find_weights
from skstylefeat.networks.checkpoints._read import read_encoder
from skstylefeat.networks.checkpoints._safetensors import save_network
from skstylefeat.networks.encoders._native import EncoderNetwork

if TYPE_CHECKING:
    from skstylefeat.networks._generator import Generator


class Encoder(NetworkFacade):
    """Encoder of images into W+.

    Loaded by :func:`skstylefeat.load_encoder`, or trained by
    :class:`skstylefeat.StyleGANInverter` or :func:`skstylefeat.networks.train_encoder`. The
    weights are frozen and in float32. On the CPU the code of an image does not depend on the
    other images of a batch.

    Parameters
    ----------
    module : torch.nn.Module
        The network: images (n, C, H, W) in [-1, 1] to codes (n, n_ws, w_dim).
    name : str, default="encoder"
        Name in messages.
    reference : str or None, default=None
        Bundled name or path from which a pickle loads the weights. With None, a pickle holds the
        weights.
    sha256 : str or None, default=None
        Hash of the weights, checked when a pickle is loaded.
    card : dict of str to str, default=None
        Model card.
    device : str, default="cpu"
        Torch device, or "auto".

    Attributes
    ----------
    n_ws, w_dim : int
        Shape of a code.
    input_size : tuple of int
        (height, width) of the input images.
    img_channels : int
        3, or 1 for an encoder of gray images.
    needs_generator : bool
        Whether the codes are refined in rounds that compare reconstructions (ReStyle).

    Examples
    --------
    >>> from skstylefeat import load_encoder
    >>> from skstylefeat.datasets import make_faces
    >>> encoder = load_encoder("faces64")
    >>> encoder.encode(make_faces(2, random_state=0).images / 255.0).shape
    (2, 10, 128)
    """

    kind = "encoder"
    settings = ENCODER_SETTINGS

    n_ws: int
    w_dim: int
    input_size: tuple[int, int]
    img_channels: int
    needs_generator: bool

    @staticmethod
    def _find(name_or_path):
        bundled = os.fspath(name_or_path) in bundled_names()
        return find_weights(f"{name_or_path}{ENCODER_SUFFIX}" if bundled else name_or_path)

    @staticmethod
    def _read(path, settings):
        return read_encoder(path, settings)

    def _describe(self):
        # One memory format, so that a trained network and its loaded copy agree to the bit.
        self.module.to(memory_format=torch.channels_last)
        self.n_ws, self.w_dim = self.module.n_ws, self.module.w_dim
        self.input_size = tuple(self.module.input_size)
        self.img_channels = getattr(self.module, "img_channels", 3)
        self.needs_generator = bool(getattr(self.module, "needs_generator", False))

    def __repr__(self) -> str:
        height, width = self.input_size
        return (
            f"Encoder({self.name!r}, input_size=({height}, {width}), n_ws={self.n_ws}, "
            f"w_dim={self.w_dim}, device='{self.device}')"
        )

    def encode(
        self, images: ArrayLike, *, generator: Generator | None = None
    ) -> NDArray[np.float32]:
        """Encode images.

        Parameters
        ----------
        images : array-like of shape (n, H, W, 3)
            float32 in [0, 1], of size `input_size`. An encoder of gray images takes their
            luminance.
        generator : Generator, default=None
            Required where `needs_generator` is true.

        Returns
        -------
        codes : ndarray of shape (n, n_ws, w_dim), float32
        """
        array = as_float32(images, "images")
        if array.ndim != 4 or array.shape[1:] != (*self.input_size, 3):
            raise ValueError(
                f"images have shape {array.shape}, but {self.name!r} expects "
                f"(n, {self.input_size[0]}, {self.input_size[1]}, 3)."
            )
        arguments = {}
        if self.needs_generator:
            if generator is None:
                raise ValueError(
                    f"{self.name!r} refines codes against reconstructions: give generator=."
                )
            arguments["synthesis"] = generator.module.synthesis

        pixels = as_seen(self._tensor(array.transpose(0, 3, 1, 2) * 2 - 1), self.img_channels)
        n_images = len(pixels)
        if n_images == 1 and self.device.type == "cpu":
            # Convolutions of a single image sum in another order than those of a batch.
            pixels = pixels.repeat(2, 1, 1, 1)
        with torch.inference_mode():
            return self.module(pixels, **arguments)[:n_images].cpu().numpy()

    def save(self, path: StrPath, card: Mapping[str, Any] | None = None) -> None:
        """Write the encoder as safetensors, which :func:`skstylefeat.load_encoder` reads.

        Parameters
        ----------
        path : path-like
            File to write.
        card : dict of str to str, default=None
            Model card, by default the attribute `card`.

        Raises
        ------
        ValueError
            If the encoder is of the pSp family: ``skstylefeat convert`` rewrites its file.
        """
        if not isinstance(self.module, EncoderNetwork):
            raise ValueError(
                f"{self.name!r} was not trained by skstylefeat and cannot be saved from memory. "
                "Rewrite its file with the command 'convert'."
            )
        save_network(self.module, path, self.card if card is None else card)
