"""Heads of the pSp family: codes from the three maps of a backbone."""

import torch
from torch import nn
from torch.nn import functional as F

from skstylefeat.networks.encoders._folded_layers import Conv

HEAD_SLOPE = 0.01
N_COARSE = 3
N_MIDDLE = 4
W_PLUS_POOL = 7


class StyleHead(nn.Module):
    """One style head: stride-2 convolutions down to a single pixel, then a linear layer."""

    def __init__(self, weights, name):
        super().__init__()
        convs = []
        while f"{name}.convs.{2 * len(convs)}.weight" in weights:
            convs.append(Conv(*weights.conv(f"{name}.convs.{2 * len(convs)}"), stride=2))
        self.convs = nn.ModuleList(convs)
        weight, bias = weights.equal_linear(f"{name}.linear")
        self.weight, self.bias = nn.Parameter(weight), nn.Parameter(bias)

    def forward(self, x):
        """Return (n, w_dim) for maps (n, C, H, W)."""
        for conv in self.convs:
            x = F.leaky_relu_(conv(x), HEAD_SLOPE)
        return F.linear(x.flatten(1), self.weight, self.bias)


class PyramidCodes(nn.Module):
    """Style heads on the backbone's maps, from a feature pyramid or from the last map alone."""

    def __init__(self, weights, n_ws):
        super().__init__()
        self.has_pyramid = "latlayer1.weight" in weights
        if self.has_pyramid:
            self.lateral1 = Conv(*weights.conv("latlayer1"))
            self.lateral2 = Conv(*weights.conv("latlayer2"))
        self.heads = nn.ModuleList(StyleHead(weights, f"styles.{i}") for i in range(n_ws))

    def forward(self, maps):
        """Return (n, n_ws, w_dim) for three maps, the largest first."""
        c1, c2, c3 = maps
        features = [c3] * len(self.heads)
        if self.has_pyramid:
            middle = _upsample_add(c3, self.lateral1(c2))
            fine = _upsample_add(middle, self.lateral2(c1))
            levels = [c3] * N_COARSE + [middle] * N_MIDDLE + [fine] * len(self.heads)
            features = levels[: len(self.heads)]
        codes = [head(x) for head, x in zip(self.heads, features, strict=True)]
        return torch.stack(codes, dim=1)


def _upsample_add(x, lateral):
    x = F.interpolate(x, size=lateral.shape[2:], mode="bilinear", align_corners=True)
    return x + lateral


class PooledCode(nn.Module):
    """One w from the mean of the last map, for all layers."""

    def __init__(self, weights, n_ws):
        super().__init__()
        self.n_ws = n_ws
        weight, bias = weights.equal_linear("linear")
        self.weight, self.bias = nn.Parameter(weight), nn.Parameter(bias)

    def forward(self, maps):
        """Return (n, n_ws, w_dim) for three maps, of which only the last is used."""
        w = F.linear(maps[-1].mean(dim=(2, 3)), self.weight, self.bias)
        return w[:, None].expand(-1, self.n_ws, -1)


class FlatCodes(nn.Module):
    """All w at once from the last map pooled to 7x7."""

    def __init__(self, weights, n_ws):
        super().__init__()
        self.n_ws = n_ws
        scale, shift = weights.norm("output_layer_2.0")
        self.scale, self.shift = nn.Parameter(scale), nn.Parameter(shift)
        self.weight = nn.Parameter(weights.take("output_layer_2.3.weight", 2))
        self.bias = nn.Parameter(weights.take("output_layer_2.3.bias", 1))
        weight, bias = weights.equal_linear("linear")
        self.w_weight, self.w_bias = nn.Parameter(weight), nn.Parameter(bias)

    def forward(self, maps):
        """Return (n, n_ws, w_dim) for three maps, of which only the last is used."""
        x = maps[-1] * self.scale[:, None, None] + self.shift[:, None, None]
        x = F.adaptive_avg_pool2d(x, W_PLUS_POOL).flatten(1)
        w = F.linear(F.linear(x, self.weight, self.bias), self.w_weight, self.w_bias)
        return w.unflatten(1, (self.n_ws, -1))
