"""A frozen generator with arrays in and arrays out."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from numbers import Real
from typing import Any

import numpy as np
import torch
from numpy.typing import ArrayLike, NDArray
from sklearn.utils import check_random_state

from skstylefeat._utils._layers import LayerInfo
from skstylefeat._utils._notebook import MOST_THUMBNAILS, object_html, thumbnails_html
from skstylefeat._utils._typing import RandomState, StrPath
from skstylefeat._utils._validation import as_float32
from skstylefeat.latents._rows import to_unit
from skstylefeat.latents._spaces import as_w_plus
from skstylefeat.networks._base import NetworkFacade
from skstylefeat.networks._generator_network import NOISE_MODES, Noise
from skstylefeat.networks.checkpoints._assumptions import GENERATOR_SETTINGS
from skstylefeat.networks.checkpoints._read import read_generator
from skstylefeat.networks.checkpoints._safetensors import build_network, save_network

#: Largest generator whose samples are shown in notebooks.
MOST_SAMPLED_PIXELS = 256
MAX_PSI = 10  # larger truncations only move codes out of the space


class Generator(NetworkFacade):
    """StyleGAN2 or StyleGAN3 generator: latents to feature maps and images.

    Loaded by :func:`skstylefeat.load_generator`. The weights are frozen and in float32. All
    methods take and return NumPy arrays and draw no random noise: the noise is the constant of
    the network, or none. Values of a row can change in the last digits of float32 with the size
    of its batch and the number of threads.

    Parameters
    ----------
    module : StyleGAN2Generator or StyleGAN3Generator
        The network.
    name : str, default="generator"
        Name in messages.
    reference : str or None, default=None
        Bundled name or path from which a pickle loads the weights. With None, a pickle holds the
        weights.
    sha256 : str or None, default=None
        Hash of the weights file, checked when a pickle is loaded.
    card : dict of str to str, default=None
        Model card.
    device : str, default="cpu"
        Torch device, or "auto".

    Attributes
    ----------
    resolution : int
        Side of square images in pixels; of others, the number of the last block, 1024 of ``b1024``.
    image_size : tuple of int
        Height and width of the images in pixels.
    img_channels : int
        Channels of the images: 1 (gray), 3 (RGB) or 4 (RGB and alpha, which is left out where
        images are compared or shown).
    z_dim, w_dim : int
        Width of the Gaussian input and of W.
    n_ws : int
        Number of W vectors in a W+ code.
    c_dim : int
        Number of classes of a conditional generator, else 0.
    w_avg : ndarray of shape (w_dim,)
        Mean of W, the center of truncation.
    layers : tuple of LayerInfo
        Name and size of the feature maps: of StyleGAN2 the outputs of the styled convolutions
        ``b4.conv1``, ``b8.conv0``, ...; of StyleGAN3 those of the layers ``L0_36_512``, ...
        without the margin that lies outside the image.

    Examples
    --------
    >>> from skstylefeat import load_generator
    >>> generator = load_generator("faces64")
    >>> w = generator.mapping(generator.sample_z(2, random_state=0), truncation_psi=0.7)
    >>> generator.synthesis(w).shape
    (2, 3, 64, 64)
    >>> generator.features(w, layers=["b8.conv0"])["b8.conv0"].shape
    (2, 128, 8, 8)
    """

    kind = "generator"
    settings = GENERATOR_SETTINGS

    resolution: int
    image_size: tuple[int, int]
    img_channels: int
    z_dim: int
    w_dim: int
    n_ws: int
    c_dim: int
    layers: tuple[LayerInfo, ...]

    @staticmethod
    def _read(path, settings):
        config, state, card = read_generator(path, settings)
        return build_network(config, state, path), card

    def _describe(self):
        config = self.module.config
        self.resolution, self.image_size = config.resolution, config.image_size
        self.img_channels = config.img_channels
        self.z_dim, self.w_dim = config.z_dim, config.w_dim
        self.n_ws, self.c_dim = config.n_ws, config.c_dim
        self.layers = self.module.synthesis.layers()

    def _architecture(self):
        return repr(self.module.config)

    @property
    def w_avg(self) -> NDArray[np.float32]:
        """Mean of W, of shape (w_dim,)."""
        return self.module.mapping.w_avg.cpu().numpy().copy()

    def __repr__(self) -> str:
        height, width = self.image_size
        size = f"resolution={height}" if height == width else f"image_size=({height}, {width})"
        return (
            f"Generator({self.name!r}, {size}, n_ws={self.n_ws}, "
            f"w_dim={self.w_dim}, device='{self.device}')"
        )

    def _repr_html_(self) -> str:
        """Return sizes, the file and some samples, for notebooks."""
        facts = [
            ("pixels", f"{self.image_size[0]} x {self.image_size[1]}"),
            ("W+", f"{self.n_ws} x {self.w_dim}"),
            ("device", self.device),
            ("from", self.reference or "memory"),
        ]
        pictures = ""
        if max(self.image_size) <= MOST_SAMPLED_PIXELS and not self.c_dim:
            # Samples near the mean of W, which take a moment at small sizes only.
            w = self.mapping(self.sample_z(MOST_THUMBNAILS, random_state=0), truncation_psi=0.7)
            images = to_unit(self.synthesis(w))
            gray = images.repeat(3, axis=-1) if images.shape[-1] == 1 else images
            pictures = thumbnails_html((image, "") for image in gray)
        return object_html(f"Generator {self.name}", facts, pictures)

    def sample_z(self, n_samples: int, random_state: RandomState = None) -> NDArray[np.float32]:
        """Draw Gaussian inputs.

        Parameters
        ----------
        n_samples : int
            Number of inputs.
        random_state : int, RandomState or None, default=None
            Seed of the draw.

        Returns
        -------
        z : ndarray of shape (n_samples, z_dim), float32
        """
        rng = check_random_state(random_state)
        return rng.standard_normal((n_samples, self.z_dim)).astype(np.float32)

    def save(self, path: StrPath, card: Mapping[str, Any] | None = None) -> None:
        """Write the generator as safetensors, which :func:`skstylefeat.load_generator` reads.

        Parameters
        ----------
        path : path-like
            File to write.
        card : dict of str to str, default=None
            Model card, by default the attribute `card`.
        """
        save_network(self.module, path, self.card if card is None else card)

    def mapping(
        self, z: ArrayLike, *, c: ArrayLike | None = None, truncation_psi: float = 1.0
    ) -> NDArray[np.float32]:
        """Map Gaussian inputs to W.

        Parameters
        ----------
        z : array-like of shape (n, z_dim)
            Inputs.
        c : int or array-like of shape (n,), default=None
            Class of every image; only for a conditional generator.
        truncation_psi : float, default=1.0
            Pull towards the mean code: ``w_avg + psi * (w - w_avg)``. At most 10 in size.

        Returns
        -------
        w : ndarray of shape (n, w_dim), float32
        """
        if not isinstance(truncation_psi, Real) or not abs(truncation_psi) <= MAX_PSI:
            raise ValueError(
                f"truncation_psi={truncation_psi!r} is not a number from -{MAX_PSI} to {MAX_PSI}; "
                "0 gives the mean code, 1 leaves codes as they are."
            )
        inputs = as_float32(z, "z")
        if inputs.ndim != 2 or inputs.shape[1] != self.z_dim:
            raise ValueError(
                f"z has shape {inputs.shape}, but {self.name!r} expects (n, z_dim) = "
                f"(n, {self.z_dim})."
            )
        labels = self._one_hot(c, len(inputs))
        with torch.inference_mode():
            w = self.module.mapping(self._tensor(inputs), labels, truncation_psi)
        return w.cpu().numpy()

    def synthesis(self, latents: ArrayLike, *, noise: Noise = "const") -> NDArray[np.float32]:
        """Synthesize images.

        Parameters
        ----------
        latents : array-like of shape (n, w_dim), (n, n_ws, w_dim) or (n, n_ws * w_dim)
            Codes in W or W+.
        noise : {"const", "none"}, default="const"
            The network's constant noise, or none. StyleGAN3 has none.

        Returns
        -------
        images : ndarray of shape (n, img_channels, H, W), float32
            Nominally in [-1, 1], not clipped.
        """
        _check_noise(noise)
        ws = self._tensor(self.broadcast(latents))
        with torch.inference_mode():
            return self.module.synthesis(ws, noise).contiguous().cpu().numpy()

    def features(
        self, latents: ArrayLike, layers: Sequence[str] | None = None, *, noise: Noise = "const"
    ) -> dict[str, NDArray[np.float32]]:
        """Return the feature maps of `layers`, by name.

        Parameters
        ----------
        latents : array-like of shape (n, w_dim), (n, n_ws, w_dim) or (n, n_ws * w_dim)
            Codes in W or W+.
        layers : sequence of str, default=None
            Names of layers, all by default. The computation stops after the
            last one.
        noise : {"const", "none"}, default="const"
            The network's constant noise, or none.

        Returns
        -------
        maps : dict of str to ndarray of shape (n, C, H, W), float32
            Outputs after noise, bias and activation, before ToRGB. Maps of StyleGAN3 are cropped
            to the image.
        """
        return dict(self.iter_features(latents, layers, noise=noise))

    def iter_features(
        self, latents: ArrayLike, layers: Sequence[str] | None = None, *, noise: Noise = "const"
    ) -> Iterator[tuple[str, NDArray[np.float32]]]:
        """Yield (name, maps) layer by layer, with one layer in memory at a time.

        Parameters and values are those of :meth:`features`.
        """
        for name, x in self._iter_tensors(latents, layers, noise):
            yield name, x.contiguous().cpu().numpy()

    def iter_views(
        self, latents: ArrayLike, layers: Sequence[str] | None = None, *, noise: Noise = "const"
    ) -> Iterator[tuple[str, NDArray[np.float32]]]:
        """Yield (name, maps) like :meth:`iter_features`, in the network's memory and its order.

        The maps are valid until the next layer is taken. To bring all channels of a layer into C
        order takes longer than to reduce them, or to copy a few.
        """
        for name, x in self._iter_tensors(latents, layers, noise):
            yield name, x.cpu().numpy()

    def _iter_tensors(self, latents, layers, noise):
        """Yield (name, tensor) of the wanted layers; the computation stops after the last one."""
        _check_noise(noise)
        wanted = self._check_layers(layers)
        ws = self._tensor(self.broadcast(latents))
        synthesis = self.module.synthesis
        with torch.inference_mode():
            for name, x in synthesis.steps(synthesis.styles(ws), noise):
                if name in wanted:
                    wanted.discard(name)
                    yield name, x
                if not wanted:
                    return

    def styles(self, latents: ArrayLike) -> NDArray[np.float32]:
        """Return the codes in S space: the affine output of every layer, toRGB layers included.

        The first four columns of StyleGAN3 are those of its input: a rotation (cosine and sine, up
        to a factor) and a translation of the image.

        The conversion cannot be inverted: many W+ codes have almost the same styles, and most
        styles belong to no code.

        Parameters
        ----------
        latents : array-like of shape (n, w_dim), (n, n_ws, w_dim) or (n, n_ws * w_dim)
            Codes in W or W+.

        Returns
        -------
        s : ndarray of shape (n, n_styles), float32
            Concatenated in the order in which the layers run; see `style_slices`.
        """
        ws = self._tensor(self.broadcast(latents))
        with torch.inference_mode():
            parts = self.module.synthesis.styles(ws).values()
            return torch.cat(list(parts), dim=1).cpu().numpy()

    @property
    def style_slices(self) -> dict[str, slice]:
        """Columns of every layer in the rows of :meth:`styles`, by layer name."""
        slices, start = {}, 0
        for name, _, layer in self.module.synthesis.modulated():
            stop = start + layer.affine.weight.shape[0]
            slices[name] = slice(start, stop)
            start = stop
        return slices

    def synthesis_from_styles(
        self, styles: ArrayLike, *, noise: Noise = "const"
    ) -> NDArray[np.float32]:
        """Synthesize images from rows of S space.

        Parameters
        ----------
        styles : array-like of shape (n, n_styles)
            Rows as :meth:`styles` returns them.
        noise : {"const", "none"}, default="const"
            The network's constant noise, or none.

        Returns
        -------
        images : ndarray of shape (n, img_channels, H, W), float32
        """
        _check_noise(noise)
        slices = self.style_slices
        rows = as_float32(styles, "styles")
        width = max(s.stop for s in slices.values())
        if rows.ndim != 2 or rows.shape[1] != width:
            raise ValueError(
                f"styles have shape {rows.shape}, but {self.name!r} expects (n, {width})."
            )
        with torch.inference_mode():
            parts = {name: self._tensor(rows[:, columns]) for name, columns in slices.items()}
            return self.module.synthesis.from_styles(parts, noise).contiguous().cpu().numpy()

    def broadcast(self, latents: ArrayLike) -> NDArray[np.float32]:
        """Return codes of any accepted shape as W+ of shape (n, n_ws, w_dim), float32."""
        codes = as_float32(latents, "latents")
        try:
            return as_w_plus(codes, self.n_ws, self.w_dim)
        except ValueError as error:
            raise ValueError(
                f"{error} {self.name!r} takes only these: were they made with another generator?"
            ) from None

    def _check_layers(self, layers):
        names = [layer.name for layer in self.layers]
        if layers is None:
            return set(names)
        unknown = [name for name in layers if name not in names]
        if unknown:
            raise ValueError(f"{self.name!r} has no layers {unknown}; it has {names}.")
        return set(layers)

    def _one_hot(self, c, n):
        if not self.c_dim:
            if c is not None:
                raise ValueError(f"{self.name!r} has no classes; leave c out.")
            return None
        if c is None:
            raise ValueError(
                f"{self.name!r} is conditional: give c, a class from 0 to {self.c_dim - 1} for "
                "every row."
            )
        c = np.broadcast_to(np.asarray(c), (n,))
        if c.dtype.kind not in "iu" or c.min(initial=0) < 0 or c.max(initial=0) >= self.c_dim:
            raise ValueError(f"c must hold classes from 0 to {self.c_dim - 1}, got {c!r}.")
        return self._tensor(np.eye(self.c_dim, dtype=np.float32)[c])


def _check_noise(noise):
    if noise not in NOISE_MODES:
        raise ValueError(f"noise must be one of {NOISE_MODES}, got {noise!r}.")
