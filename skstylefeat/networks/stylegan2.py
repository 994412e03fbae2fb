"""StyleGAN2's generator in plain PyTorch, with the parameter names of NVIDIA's networks.

What keeps it fast on a CPU, without a compiled extension:

* maps lie in memory channels last, which the convolutions of oneDNN prefer;
* where maps are smaller than weights, modulation scales the maps, so that one ordinary
  convolution serves the whole batch: ``conv(x, W * s) == conv(x * s, W)``; where they are larger,
  and no gradient is asked for, modulation, demodulation and gains go into the weights of one
  image at a time;
* zero insertion and 3x3 convolution are a transposed convolution of stride 2, and the FIR filter
  after it runs once, as a depthwise convolution. Composing the three into one kernel of 6x6 taps
  is shorter but takes four times the multiplications;
* noise, bias and activation run over a few rows at a time, while these are in the cache.

References
----------
.. [1] T. Karras et al., "Analyzing and Improving the Image Quality of StyleGAN", CVPR 2020.
"""

from collections import deque
from dataclasses import asdict, dataclass

import torch
from torch import nn
from torch.nn import functional as F

SQRT2 = 2.0**0.5
LRELU_SLOPE = 0.2
DEMODULATION_EPS = 1e-8
MAPPING_LR_MULTIPLIER = 0.01
ARCHITECTURES = ("skip", "orig", "resnet")
CACHE_ELEMENTS = 1 << 18  # elements of a map that are activated at once: 1 MB
RESIDUAL_GAIN = 0.5**0.5  # keeps the variance of a sum of two paths


@dataclass(frozen=True)
class GeneratorConfig:
    """Architecture of a StyleGAN2 generator.

    Parameters
    ----------
    resolution : int
        Side of the images in pixels, a power of two from 4.
    channels : tuple of int
        Channels of the feature maps at 4, 8, ..., `resolution` pixels.
    z_dim, w_dim : int, default=512
        Width of the Gaussian input and of the intermediate latent space W.
    n_mapping : int, default=8
        Depth of the mapping network.
    c_dim : int, default=0
        Number of classes of a conditional generator, 0 for none.
    img_channels : int, default=3
        Channels of the images.
    architecture : {"skip", "orig", "resnet"}, default="skip"
        How blocks contribute to the image.
    conv_clamp : float or None, default=None
        Bound on the magnitude of every layer's output.
    resample_filter : tuple of float, default=(1, 3, 3, 1)
        Separable low-pass filter of the up-sampling.
    """

    resolution: int
    channels: tuple
    z_dim: int = 512
    w_dim: int = 512
    n_mapping: int = 8
    c_dim: int = 0
    img_channels: int = 3
    architecture: str = "skip"
    conv_clamp: float | None = None
    resample_filter: tuple = (1.0, 3.0, 3.0, 1.0)

    def __post_init__(self):
        object.__setattr__(self, "channels", tuple(int(c) for c in self.channels))
        object.__setattr__(self, "resample_filter", tuple(float(f) for f in self.resample_filter))
        if self.resolution < 4 or self.resolution & (self.resolution - 1):
            raise ValueError(f"resolution must be a power of two from 4, got {self.resolution}.")
        if len(self.channels) != len(self.block_resolutions):
            raise ValueError(
                f"channels names {len(self.channels)} blocks, but a generator of resolution "
                f"{self.resolution} has {len(self.block_resolutions)} (4, 8, ... pixels)."
            )
        if self.architecture not in ARCHITECTURES:
            raise ValueError(
                f"architecture must be one of {ARCHITECTURES}, got {self.architecture!r}."
            )
        if len(self.resample_filter) != 4:
            raise ValueError(
                f"resample_filter must have 4 taps, got {len(self.resample_filter)}: only the "
                "filters of StyleGAN2 are supported."
            )

    @property
    def block_resolutions(self):
        """Resolutions of the synthesis blocks: 4, 8, ..., `resolution`."""
        return tuple(2**k for k in range(2, self.resolution.bit_length()))

    @property
    def n_ws(self):
        """Number of W vectors that steer one image, 2 log2(resolution) - 2."""
        return 2 * self.resolution.bit_length() - 4

    def to_dict(self):
        """Return the architecture as a dictionary that JSON can hold."""
        return asdict(self)


class FullyConnected(nn.Module):
    """Linear layer with the equalised learning rate: y = x W^T lr / sqrt(in) + b lr."""

    def __init__(self, in_features, out_features, *, bias_init=0.0, lr_multiplier=1.0):
        super().__init__()
        self.weight = nn.Parameter(torch.randn(out_features, in_features) / lr_multiplier)
        self.bias = nn.Parameter(torch.full((out_features,), float(bias_init)))
        self.weight_gain = lr_multiplier / in_features**0.5
        self.bias_gain = lr_multiplier

    def forward(self, x):
        return F.linear(x, self.weight * self.weight_gain, self.bias * self.bias_gain)


class MappingNetwork(nn.Module):
    """Multilayer perceptron from z (and a class) to w."""

    def __init__(self, config):
        super().__init__()
        self.n_layers = config.n_mapping
        self.c_dim = config.c_dim
        width = config.z_dim
        if config.c_dim:
            self.embed = FullyConnected(config.c_dim, config.w_dim)
            width += config.w_dim
        for i in range(config.n_mapping):
            layer = FullyConnected(width, config.w_dim, lr_multiplier=MAPPING_LR_MULTIPLIER)
            self.add_module(f"fc{i}", layer)
            width = config.w_dim
        self.register_buffer("w_avg", torch.zeros(config.w_dim))

    def forward(self, z, c=None, truncation_psi=1.0):
        x = _rms_normalise(z)
        if self.c_dim:
            x = torch.cat([x, _rms_normalise(self.embed(c))], dim=1)
        for i in range(self.n_layers):
            x = F.leaky_relu(getattr(self, f"fc{i}")(x), LRELU_SLOPE) * SQRT2
        if truncation_psi != 1.0:
            x = self.w_avg.lerp(x, truncation_psi)
        return x


def _rms_normalise(x):
    return x * (x.square().mean(dim=1, keepdim=True) + 1e-8).rsqrt()


def fir_kernel(taps):
    """Return the 2-D low-pass kernel of 1-D `taps`, with the gain 4 of a 2x up-sampling."""
    taps = torch.as_tensor(taps, dtype=torch.float32)
    kernel = torch.outer(taps, taps)
    return kernel * (4.0 / kernel.sum())


def upsample2x(x, kernel):
    """Up-sample `x` of shape (n, C, H, W) by zero insertion and the 4x4 FIR `kernel`."""
    n, channels, height, width = x.shape
    flat = x.reshape(n * channels, 1, height, width)
    flat = F.conv_transpose2d(flat, kernel[None, None], stride=2, padding=1)
    return flat.reshape(n, channels, 2 * height, 2 * width)


class StyledConv(nn.Module):
    """Modulated 3x3 convolution, noise, bias and leaky ReLU; its output is a feature map."""

    def __init__(self, in_channels, out_channels, resolution, *, up, config):
        super().__init__()
        self.affine = FullyConnected(config.w_dim, in_channels, bias_init=1.0)
        self.weight = nn.Parameter(torch.randn(out_channels, in_channels, 3, 3))
        self.bias = nn.Parameter(torch.zeros(out_channels))
        self.noise_strength = nn.Parameter(torch.zeros(()))
        self.register_buffer("noise_const", torch.randn(resolution, resolution))
        self.register_buffer("fir", fir_kernel(config.resample_filter), persistent=False)
        self.up = up
        self.clamp = config.conv_clamp
        self.maps_outweigh_weights = out_channels * resolution**2 > self.weight.numel()

    def forward(self, x, style, noise_mode, gain=1.0):
        energy = self.weight.square().sum(dim=(2, 3))
        demodulation = (style.square() @ energy.T + DEMODULATION_EPS).rsqrt()
        # lrelu(a x) == a lrelu(x) for a > 0, so the gain is folded into the small factors.
        gain = gain * SQRT2
        limit = None if self.clamp is None else self.clamp * gain / SQRT2
        scale = demodulation * gain
        bias = self.bias * gain
        noise = self._noise(noise_mode, x, gain)
        if self.maps_outweigh_weights and not torch.is_grad_enabled():
            return self._forward_each(x, style, scale, bias, noise, limit)
        x = self._convolve(x * style[:, :, None, None], self.weight)
        x = x * scale[:, :, None, None] + bias[:, None, None]
        if noise is not None:
            x = x + noise
        x = F.leaky_relu(x, LRELU_SLOPE)
        return x if limit is None else x.clamp(-limit, limit)

    def _noise(self, noise_mode, x, gain):
        """Return the noise (1 or n, 1, H, W), or None."""
        if noise_mode == "none":
            return None
        noise = self.noise_const[None, None]
        if noise_mode == "random":
            noise = torch.randn(len(x), *noise.shape[1:], device=x.device)
        return noise * (self.noise_strength * gain)

    def _convolve(self, x, weight, bias=None):
        if not self.up:
            return F.conv2d(x, weight, bias, padding=1)
        x = F.conv_transpose2d(x, weight.transpose(0, 1), stride=2)
        channels = x.shape[1]
        fir = self.fir.flip(0, 1).to(x.dtype).expand(channels, 1, 4, 4)  # torch correlates
        return F.conv2d(x, fir, bias, padding=1, groups=channels)

    def _forward_each(self, x, style, scale, bias, noise, limit):
        """Run image by image with all factors folded into the weights."""
        outputs = None
        for i in range(len(x)):
            weight = self.weight * style[i, :, None, None] * scale[i, :, None, None, None]
            y = self._convolve(x[i : i + 1], weight, bias)
            if len(x) == 1:
                outputs = y
            elif outputs is None:
                shape = len(x), *y.shape[1:]
                outputs = torch.empty(
                    shape, dtype=y.dtype, device=y.device, memory_format=torch.channels_last
                )
            own_noise = None if noise is None else noise[i % len(noise)]
            _activate(y[0], own_noise, limit, outputs[i])
        return outputs


def _activate(y, noise, limit, out):
    """Write clamp(lrelu(y + noise)) for one map (C, H, W) to `out`; `y` is overwritten."""
    n_rows = max(1, CACHE_ELEMENTS // (y.shape[0] * y.shape[2]))
    for start in range(0, y.shape[1], n_rows):
        rows = slice(start, start + n_rows)
        part = y[:, rows]
        if noise is not None:
            part += noise[:, rows]
        F.leaky_relu_(part, LRELU_SLOPE)
        if limit is not None:
            part.clamp_(-limit, limit)
        if out.data_ptr() != y.data_ptr():
            out[:, rows] = part


class ToRGB(nn.Module):
    """Modulated 1x1 convolution to image channels, without demodulation."""

    def __init__(self, in_channels, config):
        super().__init__()
        self.affine = FullyConnected(config.w_dim, in_channels, bias_init=1.0)
        self.weight = nn.Parameter(torch.randn(config.img_channels, in_channels, 1, 1))
        self.bias = nn.Parameter(torch.zeros(config.img_channels))
        self.weight_gain = in_channels**-0.5
        self.clamp = config.conv_clamp

    def forward(self, x, style):
        # Few output channels: scaling the weights beats scaling the large activations.
        weight = self.weight[:, :, 0, 0].T * (style * self.weight_gain)[:, :, None]
        # Channels last, every pixel is a row of one matrix product.
        pixels = x.permute(0, 2, 3, 1).flatten(1, 2)
        image = torch.baddbmm(self.bias, pixels, weight)
        image = image.unflatten(1, x.shape[2:]).permute(0, 3, 1, 2)
        return image if self.clamp is None else image.clamp(-self.clamp, self.clamp)


class SkipConv(nn.Module):
    """Residual path of the "resnet" architecture: a 1x1 convolution, then 2x up-sampling."""

    def __init__(self, in_channels, out_channels):
        super().__init__()
        self.weight = nn.Parameter(torch.randn(out_channels, in_channels, 1, 1))
        self.weight_gain = in_channels**-0.5

    def forward(self, x, kernel, gain):
        return upsample2x(F.conv2d(x, self.weight * (self.weight_gain * gain)), kernel)


class SynthesisBlock(nn.Module):
    """The layers of one resolution."""

    def __init__(self, in_channels, out_channels, resolution, config):
        super().__init__()
        self.resolution = resolution
        self.is_first = in_channels == 0
        is_last = resolution == config.resolution
        if self.is_first:
            self.const = nn.Parameter(torch.randn(out_channels, resolution, resolution))
        else:
            self.conv0 = StyledConv(in_channels, out_channels, resolution, up=True, config=config)
            if config.architecture == "resnet":
                self.skip = SkipConv(in_channels, out_channels)
        self.conv1 = StyledConv(out_channels, out_channels, resolution, up=False, config=config)
        if is_last or config.architecture == "skip":
            self.torgb = ToRGB(out_channels, config)

    @property
    def conv_names(self):
        """Names of the styled convolutions, in the order in which they run."""
        return ("conv1",) if self.is_first else ("conv0", "conv1")


class SynthesisNetwork(nn.Module):
    """From one W vector per layer to feature maps and an image."""

    def __init__(self, config):
        super().__init__()
        self.config = config
        in_channels = 0
        for resolution, channels in zip(config.block_resolutions, config.channels, strict=True):
            block = SynthesisBlock(in_channels, channels, resolution, config)
            self.add_module(f"b{resolution}", block)
            in_channels = channels
        self.register_buffer("fir", fir_kernel(config.resample_filter), persistent=False)

    def blocks(self):
        """Yield the blocks from 4 pixels up."""
        for resolution in self.config.block_resolutions:
            yield getattr(self, f"b{resolution}")

    def modulated(self):
        """Yield (name, index of its W vector, layer) of every modulated layer, in running order.

        The toRGB layer of a block and the first convolution of the next one share a W vector.
        """
        w_index = 0
        for block in self.blocks():
            for name in block.conv_names:
                yield f"b{block.resolution}.{name}", w_index, getattr(block, name)
                w_index += 1
            if hasattr(block, "torgb"):
                yield f"b{block.resolution}.torgb", w_index, block.torgb

    def styles(self, ws):
        """Return the styles (S space) of W+ codes (n, n_ws, w_dim): layer name to (n, channels)."""
        return {name: layer.affine(ws[:, index]) for name, index, layer in self.modulated()}

    def steps(self, styles, noise_mode="const", *, image=True):
        """Run the network, yielding (name, feature map) after every styled convolution.

        The last item is ("image", image), unless `image` is false, which saves the toRGB
        layers. A caller that stops iterating stops the computation there.
        """
        x = rgb = None
        for block in self.blocks():
            prefix = f"b{block.resolution}"
            residual = None
            if block.is_first:
                n = len(styles[f"{prefix}.conv1"])
                x = block.const.expand(n, *block.const.shape)
                x = x.contiguous(memory_format=torch.channels_last)
            elif self.config.architecture == "resnet":
                residual = block.skip(x, self.fir, RESIDUAL_GAIN)
            for conv in block.conv_names:
                name = f"{prefix}.{conv}"
                joins = residual is not None and conv == "conv1"
                gain = RESIDUAL_GAIN if joins else 1.0
                x = getattr(block, conv)(x, styles[name], noise_mode, gain)
                if joins:
                    x = x + residual
                yield name, x
            if image:
                if rgb is not None:
                    rgb = upsample2x(rgb, self.fir)
                if hasattr(block, "torgb"):
                    y = block.torgb(x, styles[f"{prefix}.torgb"])
                    rgb = y if rgb is None else rgb + y
        if image:
            yield "image", rgb

    def forward(self, ws, noise_mode="const"):
        return self.from_styles(self.styles(ws), noise_mode)

    def from_styles(self, styles, noise_mode="const"):
        """Return the image (n, img_channels, H, W) of styles by layer name."""
        ((_, image),) = deque(self.steps(styles, noise_mode), maxlen=1)
        return image


class StyleGAN2Generator(nn.Module):
    """Mapping and synthesis network of one architecture."""

    def __init__(self, config):
        super().__init__()
        self.config = config
        self.mapping = MappingNetwork(config)
        self.synthesis = SynthesisNetwork(config)

    def forward(self, z, c=None, truncation_psi=1.0, noise_mode="const"):
        w = self.mapping(z, c, truncation_psi)
        return self.synthesis(w[:, None].expand(-1, self.config.n_ws, -1), noise_mode)
