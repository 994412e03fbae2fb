"""Architecture of a StyleGAN3 generator, and the geometry of its layers."""

import math
from collections.abc import Sequence
from dataclasses import asdict, dataclass
from typing import Any, NamedTuple

MAX_LAYERS = 62  # with the input and toRGB, as many W vectors as an encoder may have
MAX_RESOLUTION = 1 << 13
CONV_KERNELS = (1, 3)


class LowPass(NamedTuple):
    """A low-pass filter around a change of the sampling rate.

    Parameters
    ----------
    factor : int
        Factor of the rates before and after.
    n_taps : int
        Length, or side of a radial filter.
    cutoff, width : float
        Cutoff frequency and width of the transition band, in cycles per image.
    rate : float
        The higher sampling rate, in pixels per image.
    is_radial : bool
        Whether the filter is two-dimensional and radially symmetric.
    """

    factor: int
    n_taps: int
    cutoff: float
    width: float
    rate: float
    is_radial: bool


class LayerGeometry(NamedTuple):
    """Sizes and filters of one layer between the input and toRGB.

    Parameters
    ----------
    in_channels, out_channels : int
        Channels of the maps.
    in_size, out_size : int
        Sides of the maps with their margins, in pixels.
    margin : int
        Pixels of the output on each side that lie outside the image.
    up, down : LowPass
        Filters before and after the nonlinearity, which runs at a higher rate.
    padding : tuple of int
        Zeros in front of the up-sampled map and behind it; negative numbers crop it.
    """

    in_channels: int
    out_channels: int
    in_size: int
    out_size: int
    margin: int
    up: LowPass
    down: LowPass
    padding: tuple[int, int]


@dataclass(frozen=True)
class StyleGAN3Config:
    """Architecture of a StyleGAN3 generator.

    The default values are those of config-T; config-R has ``conv_kernel=1`` and
    ``use_radial_filters=True``.

    Parameters
    ----------
    resolution : int
        Side of the images in pixels, a power of two from 16.
    channels : tuple of int
        Channels of the layers, without the input (which has as many as the first layer) and
        toRGB.
    z_dim, w_dim : int, default=512
        Width of the Gaussian input and of the intermediate latent space W.
    n_mapping : int, default=2
        Depth of the mapping network.
    c_dim : int, default=0
        Number of classes of a conditional generator, 0 for none.
    img_channels : int, default=3
        Channels of the images.
    conv_kernel : {1, 3}, default=3
        Side of the convolutions' kernels.
    use_radial_filters : bool, default=False
        Whether the filters after the nonlinearities are radially symmetric, except those of the
        critically sampled layers.
    conv_clamp : float or None, default=256.0
        Bound on the magnitude after each nonlinearity and of toRGB's output.
    output_scale : float, default=0.25
        Factor of the image.
    n_critical : int, default=2
        Number of critically sampled layers at the end.
    first_cutoff : float, default=2.0
        Cutoff frequency of the input, in cycles per image.
    first_stopband : float, default=2**2.1
        Least stopband frequency of the first layer.
    last_stopband_rel : float, default=2**0.3
        Least stopband frequency of the last layer, relative to its cutoff frequency.
    margin_size : int, default=10
        Pixels on each side of the maps that lie outside the image.
    filter_size : int, default=6
        Taps of the filters per change of the sampling rate.
    lrelu_upsampling : int, default=2
        Sampling rate of the nonlinearities, relative to that of the maps.

    References
    ----------
    .. [1] T. Karras et al., "Alias-Free Generative Adversarial Networks", NeurIPS 2021.
    """

    resolution: int
    channels: tuple[int, ...]
    z_dim: int = 512
    w_dim: int = 512
    n_mapping: int = 2
    c_dim: int = 0
    img_channels: int = 3
    conv_kernel: int = 3
    use_radial_filters: bool = False
    conv_clamp: float | None = 256.0
    output_scale: float = 0.25
    n_critical: int = 2
    first_cutoff: float = 2.0
    first_stopband: float = 2**2.1
    last_stopband_rel: float = 2**0.3
    margin_size: int = 10
    filter_size: int = 6
    lrelu_upsampling: int = 2

    def __post_init__(self) -> None:
        object.__setattr__(self, "channels", tuple(int(c) for c in self.channels))
        sides = [2**k for k in range(4, MAX_RESOLUTION.bit_length())]
        if type(self.resolution) is not int or self.resolution not in sides:
            raise ValueError(
                f"resolution must be a power of two from 16 to {MAX_RESOLUTION}, got "
                f"{self.resolution}."
            )
        if not 2 <= len(self.channels) <= MAX_LAYERS:
            raise ValueError(
                f"channels has {len(self.channels)} entries, expected one for each of 2 to "
                f"{MAX_LAYERS} layers."
            )

        # Bounds keep the filters, which are designed below, small.
        if self.conv_kernel not in CONV_KERNELS:
            raise ValueError(f"conv_kernel must be one of {CONV_KERNELS}, got {self.conv_kernel}.")
        for name in ("conv_kernel", "n_critical", "margin_size", "filter_size", "lrelu_upsampling"):
            if type(getattr(self, name)) is not int:
                raise ValueError(f"{name} must be an integer, got {getattr(self, name)!r}.")
        for name, low, high in (
            ("n_critical", 1, len(self.channels) - 1),
            ("first_cutoff", 0.25, self.resolution / 2),
            ("first_stopband", self.first_cutoff, self.resolution),
            ("last_stopband_rel", 1, 4),
            ("margin_size", 0, 64),
            ("filter_size", 2, 16),
            ("lrelu_upsampling", 2, 4),
        ):
            if not low <= getattr(self, name) <= high:  # NaN compares false
                raise ValueError(
                    f"{name} must lie between {low} and {high}, got {getattr(self, name)}."
                )
        _check_filters(self.layer_geometry)

    @property
    def image_size(self) -> tuple[int, int]:
        """Height and width of the images in pixels."""
        return self.resolution, self.resolution

    @property
    def n_ws(self) -> int:
        """Number of W vectors of one image: one for each layer, the input and toRGB."""
        return len(self.channels) + 2

    @property
    def frequencies(self) -> tuple[list[float], list[float], list[int]]:
        """Cutoff frequencies, stopband frequencies and sampling rates from the input to toRGB.

        Frequencies grow geometrically up to the critically sampled layers.
        """
        last_cutoff = self.resolution / 2
        last_stopband = last_cutoff * self.last_stopband_rel
        n_growing = len(self.channels) - self.n_critical
        shares = [min(i / n_growing, 1.0) for i in range(len(self.channels) + 1)]
        cutoffs = [self.first_cutoff * (last_cutoff / self.first_cutoff) ** x for x in shares]
        stopbands = [
            self.first_stopband * (last_stopband / self.first_stopband) ** x for x in shares
        ]
        rates = [2 ** math.ceil(math.log2(min(2 * x, self.resolution))) for x in stopbands]
        return cutoffs, stopbands, rates

    @property
    def input_size(self) -> int:
        """Side of the input's map, with its margins."""
        return self.frequencies[2][0] + 2 * self.margin_size

    @property
    def layer_geometry(self) -> tuple[LayerGeometry, ...]:
        """Sizes and filters of the layers between the input and toRGB."""
        cutoffs, stopbands, rates = self.frequencies
        sizes = [rate + 2 * self.margin_size for rate in rates]
        sizes[len(self.channels) - 1] = self.resolution  # the last layer drops the margin
        half_widths = [
            max(stopband, rate / 2) - cutoff
            for cutoff, stopband, rate in zip(cutoffs, stopbands, rates, strict=True)
        ]

        layers = []
        for i, channels in enumerate(self.channels):
            before = max(i - 1, 0)
            rate = max(rates[before], rates[i]) * self.lrelu_upsampling
            is_critical = i >= len(self.channels) - self.n_critical
            up, down = (
                LowPass(
                    factor=rate // rates[at],
                    n_taps=self.filter_size * (rate // rates[at]),
                    cutoff=cutoffs[at],
                    width=2 * half_widths[at],
                    rate=rate,
                    is_radial=at == i and is_radial,
                )
                for at, is_radial in (
                    (before, False),
                    (i, self.use_radial_filters and not is_critical),
                )
            )
            layers.append(
                LayerGeometry(
                    in_channels=self.channels[before],
                    out_channels=channels,
                    in_size=sizes[before],
                    out_size=sizes[i],
                    margin=(sizes[i] - rates[i]) // 2,
                    up=up,
                    down=down,
                    padding=self._padding(sizes[before], sizes[i], up, down),
                )
            )
        return tuple(layers)

    def _padding(self, in_size, out_size, up, down):
        """Return the zeros before and after, which keep the center of the map in place."""
        wanted = (out_size - 1) * down.factor + 1  # before every second pixel is dropped
        convolved = in_size + self.conv_kernel - 1
        total = wanted - convolved * up.factor + up.n_taps + down.n_taps - 2
        before = (total + up.factor) // 2
        return before, total - before

    @property
    def layer_names(self) -> tuple[str, ...]:
        """Names of the layers and of toRGB, such as ``L0_36_512``: number, side and channels."""
        layers = [(x.out_size, x.out_channels) for x in self.layer_geometry]
        layers.append((self.resolution, self.img_channels))
        return tuple(f"L{i}_{size}_{channels}" for i, (size, channels) in enumerate(layers))

    def to_dict(self) -> dict[str, Any]:
        """Return the architecture as a dictionary that JSON can hold."""
        return asdict(self)


def _check_filters(layers: Sequence[LayerGeometry]) -> None:
    """Raise ValueError if a filter would not separate two frequencies below half its rate."""
    for i, layer in enumerate(layers):
        for low_pass in (layer.up, layer.down):
            if not (low_pass.width > 0 and 0 < low_pass.cutoff < low_pass.rate / 2):
                raise ValueError(
                    f"the filters of layer {i} cannot be built: their cutoff frequency is "
                    f"{low_pass.cutoff:.4g}, and their transition band {low_pass.width:.4g} wide, "
                    f"at a sampling rate of {low_pass.rate:.4g}."
                )
