"""Passes over two rows at a time, whose result does not depend on batch and threads.

A matrix product chooses its kernel, and with it the order of sums, by the number of rows and of
threads. With two rows at a time, a row has the same result to the bit in any batch, at any place,
with any number of threads. Convolutions of two images or more have this property as they are.

The width of the rows must be a multiple of four, as that of all published networks is. For other
widths, MKL on AMD processors sums the second row of a pair in another order than the first.
"""

import torch

PAIR = 2


def in_pairs(function, rows):
    """Apply a function of rows to two rows at a time, on the CPU and without gradients.

    Parameters
    ----------
    function : callable
        Function of a tensor that treats every row alone.
    rows : Tensor of shape (n, ...)
        Rows. A copy of the last row completes the last pair.

    Returns
    -------
    Tensor of shape (n, ...)
    """
    if rows.device.type != "cpu" or torch.is_grad_enabled():
        return function(rows)
    n_rows = len(rows)
    if n_rows % PAIR:
        rows = torch.cat([rows, rows[-1:]])
    return torch.cat([function(pair) for pair in rows.split(PAIR)])[:n_rows]
