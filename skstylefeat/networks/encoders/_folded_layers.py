"""Layers made from the tensors of a file, with normalizations folded into convolutions."""

import torch
from torch import nn
from torch.nn import functional as F

from skstylefeat.exceptions import CheckpointError

BATCH_NORM_EPS = 1e-5
MAX_LAYERS = 1000


class Weights:
    """Tensors of an encoder. Each is taken once, so that missing and unused ones are noticed.

    Parameters
    ----------
    state : dict of str to Tensor
        The tensors.
    source : str
        Name of the file, for messages.
    """

    def __init__(self, state, source):
        self.state = {k: v for k, v in state.items() if not k.endswith("num_batches_tracked")}
        self.source = source

    def __contains__(self, name):
        return name in self.state

    def take(self, name, n_dims):
        """Remove a tensor and return it."""
        if name not in self.state:
            raise CheckpointError(
                f"{self.source} is damaged or incomplete: the encoder's tensor {name!r} is missing."
            )
        value = self.state.pop(name)
        if value.ndim != n_dims or not value.numel():
            raise ValueError(f"{name} has shape {tuple(value.shape)}, expected {n_dims} axes")
        return value

    def count(self, prefix):
        """Return the length of the module list `prefix`."""
        n = 0
        heads = {".".join(key.split(".")[:2]) for key in self.state}
        while f"{prefix}.{n}" in heads and n < MAX_LAYERS:
            n += 1
        return n

    def slope(self, name, conv):
        """Return the slopes of the PReLU after a `Conv`: one for all channels, or one each."""
        value = self.take(f"{name}.weight", 1)
        if len(value) not in (1, conv.weight.shape[0]):
            raise ValueError(f"{name} has {len(value)} slopes for {conv.weight.shape[0]} channels")
        return value

    def norm(self, name):
        """Return (scale, shift) of a batch normalization in evaluation mode."""
        mean, variance = self.take(f"{name}.running_mean", 1), self.take(f"{name}.running_var", 1)
        scale = self.take(f"{name}.weight", 1) * (variance + BATCH_NORM_EPS).rsqrt()
        return scale, self.take(f"{name}.bias", 1) - mean * scale

    def conv(self, name):
        """Return (weight, bias) of a convolution with bias."""
        return self.take(f"{name}.weight", 4), self.take(f"{name}.bias", 1)

    def folded_conv(self, name, norm):
        """Return (weight, bias) of a convolution and the batch normalization after it."""
        scale, shift = self.norm(norm)
        return self.take(f"{name}.weight", 4) * scale[:, None, None, None], shift

    def equal_linear(self, name):
        """Return (weight, bias) of a linear layer with the equalized learning rate."""
        weight = self.take(f"{name}.weight", 2)
        return weight / weight.shape[1] ** 0.5, self.take(f"{name}.bias", 1)

    def check_all_taken(self):
        """Raise CheckpointError if tensors are left over."""
        if self.state:
            names = [key[:80] for key in sorted(self.state)]
            raise CheckpointError(
                f"{self.source}: the encoder has tensors that its type does not have: {names[:5]} "
                f"({len(names)} in all)."
            )


class Conv(nn.Module):
    """Convolution with given weights, padded to keep the size at stride 1."""

    def __init__(self, weight, bias=None, stride=1):
        super().__init__()
        if bias is not None and bias.shape != weight.shape[:1]:
            raise ValueError(f"{len(bias)} biases for a convolution of shape {tuple(weight.shape)}")
        weight = weight.contiguous(memory_format=torch.channels_last)
        self.weight = nn.Parameter(weight)
        self.bias = None if bias is None else nn.Parameter(bias)
        self.stride = stride
        self.padding = weight.shape[-1] // 2

    def forward(self, x):
        """Convolve maps (n, C, H, W)."""
        return F.conv2d(x, self.weight, self.bias, self.stride, self.padding)
