"""Backbones of the pSp family: improved residual units with squeeze-excitation, and ResNet-34.

Batch normalizations after a convolution are folded into it. Those before a residual unit cannot
be folded, because the convolution pads their output.
"""

import torch
from torch import nn
from torch.nn import functional as F

from skstylefeat.networks.encoders._folded_layers import Conv


class ResidualUnit(nn.Module):
    """Unit of the IR backbones: normalization, two 3x3 convolutions, squeeze-excitation."""

    def __init__(self, weights, name, stride):
        super().__init__()
        scale, shift = weights.norm(f"{name}.res_layer.0")
        self.scale = nn.Parameter(scale[:, None, None])
        self.shift = nn.Parameter(shift[:, None, None])
        self.conv1 = Conv(weights.take(f"{name}.res_layer.1.weight", 4))
        self.slope = nn.Parameter(weights.slope(f"{name}.res_layer.2", self.conv1))
        folded = weights.folded_conv(f"{name}.res_layer.3", f"{name}.res_layer.4")
        self.conv2 = Conv(*folded, stride)
        self.squeeze = self.excite = self.shortcut = None
        if f"{name}.res_layer.5.fc1.weight" in weights:
            self.squeeze = nn.Parameter(
                weights.take(f"{name}.res_layer.5.fc1.weight", 4).flatten(1)
            )
            self.excite = nn.Parameter(weights.take(f"{name}.res_layer.5.fc2.weight", 4).flatten(1))
        if f"{name}.shortcut_layer.0.weight" in weights:
            folded = weights.folded_conv(f"{name}.shortcut_layer.0", f"{name}.shortcut_layer.1")
            self.shortcut = Conv(*folded, stride)
        self.stride = stride

    def forward(self, x):
        """Map (n, C, H, W) to (n, C', H / stride, W / stride)."""
        y = self.conv1(torch.addcmul(self.shift, x, self.scale))
        y = self.conv2(F.prelu(y, self.slope))
        if self.squeeze is not None:
            gate = F.linear(F.relu(F.linear(y.mean(dim=(2, 3)), self.squeeze)), self.excite)
            y = y * gate.sigmoid()[:, :, None, None]
        if self.shortcut is not None:
            return y + self.shortcut(x)
        return y + x[:, :, :: self.stride, :: self.stride]


class BasicUnit(nn.Module):
    """Unit of ResNet-34."""

    def __init__(self, weights, name, stride):
        super().__init__()
        self.conv1 = Conv(*weights.folded_conv(f"{name}.conv1", f"{name}.bn1"), stride)
        self.conv2 = Conv(*weights.folded_conv(f"{name}.conv2", f"{name}.bn2"))
        self.shortcut = None
        if f"{name}.downsample.0.weight" in weights:
            folded = weights.folded_conv(f"{name}.downsample.0", f"{name}.downsample.1")
            self.shortcut = Conv(*folded, stride)

    def forward(self, x):
        """Map (n, C, H, W) to (n, C', H / stride, W / stride)."""
        y = self.conv2(F.relu_(self.conv1(x)))
        return F.relu_(y + (x if self.shortcut is None else self.shortcut(x)))


class Backbone(nn.Module):
    """Stem and units; returns the maps at the ends of the last three stages."""

    def __init__(self, stem, slope, units, taps):
        super().__init__()
        self.stem = stem
        self.slope = nn.Parameter(slope)
        self.units = nn.ModuleList(units)
        self.taps = taps

    def forward(self, x):
        """Return the tapped maps of images (n, C, H, W), the largest first."""
        x = F.prelu(self.stem(x), self.slope)
        maps = []
        for index, unit in enumerate(self.units):
            x = unit(x)
            if index in self.taps:
                maps.append(x)
        return maps


def read_backbone(weights):
    """Build the backbone of an encoder.

    Parameters
    ----------
    weights : Weights
        The encoder's tensors.

    Returns
    -------
    backbone : Backbone
        Images to three maps.
    in_channels : int
        Channels of its input, 3 or 6.

    Notes
    -----
    A stage begins where the width changes. The units of the IR backbones also halve the
    resolution at the start of the first stage; in ResNet-34 the stem does.
    """
    is_resnet = "conv1.weight" in weights
    if is_resnet:
        stem = Conv(*weights.folded_conv("conv1", "bn1"), stride=2)
        slope = weights.slope("relu", stem)
        unit_class, last_conv = BasicUnit, "conv2"
    else:
        stem = Conv(*weights.folded_conv("input_layer.0", "input_layer.1"))
        slope = weights.slope("input_layer.2", stem)
        unit_class, last_conv = ResidualUnit, "res_layer.3"

    in_channels = stem.weight.shape[1]
    if in_channels not in (3, 6):
        raise ValueError(f"its input has {in_channels} channels, expected 3, or 6 for ReStyle")

    width = stem.weight.shape[0]
    units, starts = [], []
    for index in range(weights.count("body")):
        name = f"body.{index}"
        key = f"{name}.{last_conv}.weight"
        new_width = weights.state[key].shape[0] if key in weights else width
        if new_width != width or not index:
            starts.append(index)
        halves = new_width != width or (not index and not is_resnet)
        units.append(unit_class(weights, name, 2 if halves else 1))
        width = new_width
    taps = [start - 1 for start in starts[1:]] + [len(units) - 1]
    if len(starts) < 3:
        raise ValueError(f"its backbone has {len(starts)} stages, expected 4")
    return Backbone(stem, slope, units, tuple(taps[-3:])), in_channels
