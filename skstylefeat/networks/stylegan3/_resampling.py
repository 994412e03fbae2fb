"""Low-pass filters, and changes of the sampling rate as products with banded matrices.

Up-sampling inserts zeros, pads and filters; down-sampling filters and drops pixels. Along one axis
both are linear maps whose matrices have a band: an output depends on a few neighboring inputs. The
matrix repeats itself along the band, so that one small block of it serves everywhere, and no zero
is ever multiplied with a map of the higher rate.
"""

import numpy as np
import torch
from scipy.signal import firwin, kaiser_atten, kaiser_beta
from scipy.special import j1
from torch import Tensor
from torch.nn import functional as F

from skstylefeat.networks.stylegan3._alias_free_config import LowPass

BLOCK = 32  # outputs of one product: fewer waste calls, more waste multiplications with zeros
LRELU_SLOPE = 0.2
CHUNK_ELEMENTS = 1 << 20  # of maps at the higher rate, without gradients: 4 MB stay in the cache


def design_filter(low_pass: LowPass) -> Tensor:
    """Return the filter (n_taps,), or (n_taps, n_taps) if it is radial, in float32.

    It is a sinc, or jinc, under a Kaiser window, with the sum 1.
    """
    n, rate = low_pass.n_taps, low_pass.rate
    if not low_pass.is_radial:
        taps = firwin(n, low_pass.cutoff, width=low_pass.width, fs=rate)
        return torch.as_tensor(taps, dtype=torch.float32)
    at = (np.arange(n) - (n - 1) / 2) / rate
    radius = np.hypot(at[:, None], at)
    window = np.kaiser(n, kaiser_beta(kaiser_atten(n, low_pass.width / (rate / 2))))
    # The value of the jinc at 0, which the center of an odd number of taps asks for.
    jinc = np.full_like(radius, low_pass.cutoff)
    inner = np.pi * radius
    np.divide(j1(2 * low_pass.cutoff * inner), inner, out=jinc, where=radius > 0)
    kernel = jinc * np.outer(window, window)
    return torch.as_tensor(kernel / kernel.sum(), dtype=torch.float32)


def resample(
    x: Tensor, taps: Tensor, dim: int, size: int, *, up: int = 1, down: int = 1, before: int = 0
) -> Tensor:
    """Insert zeros, pad, convolve and drop pixels along one axis.

    Parameters
    ----------
    x : Tensor of shape (n, H, W)
        Maps.
    taps : Tensor of shape (n_taps,)
        Filter.
    dim : {1, 2}
        The axis: rows or columns.
    size : int
        Length of the axis in the result.
    up : int, default=1
        Zeros are inserted so that inputs are `up` apart.
    down : int, default=1
        Every `down`-th value of the result is kept.
    before : int, default=0
        Zeros in front; a negative number crops. Behind there are as many as `size` needs.

    Returns
    -------
    y : Tensor of shape (n, size, W) or (n, H, size)
    """
    # Output o takes input i times tap o * down - i * up + offset. From one block to the next, i
    # moves on by block * down / up, so that the numbers of the taps stay the same.
    block = up * max(BLOCK // up, 1)
    offset = len(taps) - 1 - before
    first = -(before // up)
    last = ((block - 1) * down - before + len(taps) - 1) // up
    outputs = torch.arange(block, device=x.device)[:, None]
    inputs = torch.arange(first, last + 1, device=x.device)
    number = outputs * down - inputs * up + offset
    is_tap = (number >= 0) & (number < len(taps))
    matrix = torch.where(is_tap, taps[number.clamp(0, len(taps) - 1)], 0.0)

    parts = []
    for start in range(0, size, block):
        # Inputs beyond the ends of the axis are zero: their columns are left out.
        at = first + start * down // up
        low, high = max(at, 0), min(at + matrix.shape[1], x.shape[dim])
        rows = matrix[: size - start, low - at : max(high - at, low - at)]
        part = x.narrow(dim, min(low, x.shape[dim]), max(high - low, 0))
        if dim == 1:
            parts.append(torch.bmm(rows.expand(len(x), -1, -1), part))
        else:
            parts.append(part @ rows.mT)
    return torch.cat(parts, dim=dim)


def filtered_lrelu(
    x: Tensor,
    up_filter: Tensor,
    down_filter: Tensor,
    *,
    up: int,
    down: int,
    before: int,
    size: int,
    clamp: float | None,
) -> Tensor:
    """Up-sample maps, apply a leaky ReLU, bound the values, and down-sample.

    Without gradients, a few maps run through all steps at a time, while they are in the cache.

    Parameters
    ----------
    x : Tensor of shape (n, C, h, w)
        Maps.
    up_filter : Tensor of shape (n_taps,)
        Filter of the up-sampling, whose gain `up` per axis is added here.
    down_filter : Tensor of shape (n_taps,) or (n_taps, n_taps)
        Filter of the down-sampling.
    up, down : int
        Factors.
    before : int
        Zeros in front of the up-sampled map; a negative number crops.
    size : int
        Side of the result.
    clamp : float or None
        Bound on the magnitude after the leaky ReLU.

    Returns
    -------
    y : Tensor of shape (n, C, size, size)
    """
    inner = (size - 1) * down + down_filter.shape[-1]
    up_filter, down_filter = up_filter.to(x.dtype) * up, down_filter.to(x.dtype)

    def run(maps):
        for dim in (2, 1):
            maps = resample(maps, up_filter, dim, inner, up=up, before=before)
        if torch.is_grad_enabled():
            maps = F.leaky_relu(maps, LRELU_SLOPE)
            maps = maps if clamp is None else maps.clamp(-clamp, clamp)
        else:
            F.leaky_relu_(maps, LRELU_SLOPE)
            maps = maps if clamp is None else maps.clamp_(-clamp, clamp)
        if down_filter.ndim == 2:
            # One depthwise convolution; torch correlates, hence the flips.
            kernel = down_filter.flip(0, 1).expand(len(maps), 1, -1, -1)
            return F.conv2d(maps[None], kernel, stride=down, groups=len(maps))[0]
        for dim in (1, 2):
            maps = resample(maps, down_filter, dim, size, down=down)
        return maps

    flat = x.flatten(0, 1)
    if torch.is_grad_enabled():
        return run(flat).unflatten(0, x.shape[:2])
    y = x.new_empty(len(flat), size, size)
    n_maps = max(CHUNK_ELEMENTS // inner**2, 1)
    for start in range(0, len(flat), n_maps):
        y[start : start + n_maps] = run(flat[start : start + n_maps])
    return y.unflatten(0, x.shape[:2])
