"""A frozen encoder with arrays in and arrays out."""

from __future__ import annotations

import copy
import hashlib
import os
import warnings
from collections.abc import Mapping
from typing import TYPE_CHECKING, Any, Literal, Self

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
from skstylefeat.networks.encoders._openvino import (
    check_engine,
    compile_network,
    has_openvino,
)

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
    engine : {"torch", "openvino"}
        What computes the codes; see `with_engine`.
    precision : {"float32", "bfloat16"}
        Precision of the arithmetic.

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
    engine: Literal["torch", "openvino"] = "torch"
    precision: Literal["float32", "bfloat16"] = "float32"
    # The module with its network compiled, for engine="openvino".
    _compiled: Any = None

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
        module = self.module if self._compiled is None else self._compiled
        if self.needs_generator:
            if generator is None:
                raise ValueError(
                    f"{self.name!r} refines codes against reconstructions: give generator=."
                )
            if self._compiled is not None:
                generator = generator.to(self.device)
            arguments["synthesis"] = generator.module.synthesis

        pixels = as_seen(self._tensor(array.transpose(0, 3, 1, 2) * 2 - 1), self.img_channels)
        n_images = len(pixels)
        if n_images == 1 and self.device.type == "cpu" and self._compiled is None:
            # Convolutions of a single image sum in another order than those of a batch.
            pixels = pixels.repeat(2, 1, 1, 1)
        with torch.inference_mode():
            return module(pixels, **arguments)[:n_images].cpu().numpy()

    def with_engine(
        self,
        engine: Literal["torch", "openvino"],
        precision: Literal["float32", "bfloat16"] = "float32",
    ) -> Self:
        """Return the same encoder, computed by another engine.

        OpenVINO is faster than torch for large encoders on the CPU. The network is converted once,
        which takes about a minute and the space of the weights, and is kept in the folder
        ``$SKSTYLEFEAT_CACHE/openvino`` (default: ``~/.cache/skstylefeat``).

        Parameters
        ----------
        engine : {"torch", "openvino"}
            "openvino" runs on the CPU and needs ``pip install 'skstylefeat[openvino]'``. Its codes
            are those of torch up to 1e-4 of their largest value. A pickle keeps the engine; where
            OpenVINO is missing, torch takes its place with a warning.
        precision : {"float32", "bfloat16"}, default="float32"
            "bfloat16" needs ``engine="openvino"``. It rounds codes by some percent and is
            faster on processors with AMX only.

        Returns
        -------
        Encoder

        Raises
        ------
        ImportError
            If OpenVINO is not installed.
        ValueError
            If the precision is not supported by this processor, or the device is not the CPU.

        Examples
        --------
        >>> from skstylefeat import load_encoder
        >>> load_encoder("faces64").with_engine("torch").engine
        'torch'
        """
        check_engine(engine, precision)
        if (engine, precision) == (self.engine, self.precision):
            return self
        if engine == "torch":
            return self._copy(engine=engine, precision=precision, _compiled=None)
        if self.device.type != "cpu":
            raise ValueError(
                f"engine='openvino' runs on the CPU, but {self.name!r} is on the device "
                f"'{self.device}'. Use device='cpu', or engine='torch'."
            )
        # Kept, because workers and copies ask again.
        compiled = self.__dict__.setdefault("_by_precision", {})
        if precision not in compiled:
            compiled[precision] = self._compile(precision)
        return self._copy(engine=engine, precision=precision, _compiled=compiled[precision])

    def _compile(self, precision):
        """Return a module that computes as the encoder's, with its network compiled."""
        is_native = isinstance(self.module, EncoderNetwork)
        network = self.module if is_native else self.module.network
        channels = 3 if is_native else self.module.in_channels
        rng = torch.Generator().manual_seed(0)
        example = torch.rand((2, channels, *self.input_size), generator=rng) * 2 - 1
        compiled = compile_network(
            network, example, key=super().weights_hash(), name=self.name, precision=precision
        )
        if is_native:
            return compiled
        module = copy.copy(self.module)
        module._modules = {**self.module._modules, "network": compiled}
        return module

    def to(self, device: str | torch.device) -> Self:
        """Return an encoder with the same weights on another torch device, or "auto".

        With ``engine="openvino"``, it stays on the CPU.
        """
        return self if self._compiled is not None else super().to(device)

    def weights_hash(self) -> str:
        """Return a SHA-256 that differs between networks, engines and precisions."""
        digest = super().weights_hash()
        if self.engine == "torch":
            return digest
        text = f"{digest} {self.engine} {self.precision}"
        return hashlib.sha256(text.encode()).hexdigest()

    def __getstate__(self) -> dict[str, Any]:
        state = super().__getstate__()
        if self.engine != "torch":
            state["engine"] = self.engine, self.precision
        return state

    def __setstate__(self, state: dict[str, Any]) -> None:
        engine, precision = state.get("engine", ("torch", "float32"))
        super().__setstate__(state)
        if engine == "torch":
            return
        if not has_openvino():
            warnings.warn(
                f"The encoder {self.name!r} was saved with engine={engine!r}, which is not "
                "installed here: torch computes its codes in float32. pip install "
                "'skstylefeat[openvino]' brings the engine.",
                UserWarning,
                stacklevel=2,
            )
            return
        self.__dict__.update(self.with_engine(engine, precision).__dict__)

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
