"""Tensors of a state dict, made of the arrays of a file."""

import numpy as np
import torch

from skstylefeat.exceptions import CheckpointError

# Weights of trained networks stay far below; squares and sums of larger ones leave float32.
MAX_WEIGHT = 1e9
COUNTER = "num_batches_tracked"


def load_tensors(stored, source):
    """Load the tensors of a state dict as float32.

    Parameters
    ----------
    stored : dict of str to StoredArray
        The tensors.
    source : str
        Name of the file, for messages.

    Returns
    -------
    state : dict of str to Tensor
        The tensors; those that were float32 are views of the mapped file.

    Raises
    ------
    CheckpointError
        If tensors lie outside the file, are of integers (but the counters of batch
        normalizations) or of complex numbers, or have values that are not finite or above 1e9.
    """
    return {name: _load_tensor(array, name, source) for name, array in stored.items()}


def _load_tensor(array, name, source):
    try:
        values = array.load()
    except CheckpointError:
        raise
    except ValueError as error:
        raise CheckpointError(f"{source}: the tensor {name[:80]!r} is {error}.") from error

    is_counter = values.dtype.kind in "iu" and name.endswith(COUNTER)
    if values.dtype.kind != "f" and not is_counter:
        raise CheckpointError(
            f"{source}: the tensor {name[:80]!r} has values of type {values.dtype}, expected "
            "floating-point numbers. Save quantized weights as floats."
        )
    with np.errstate(over="ignore"):
        values = values.astype(np.float32, copy=False)
    if values.size:
        largest = max(values.max(), -values.min())
        if not largest <= MAX_WEIGHT:  # NaN compares false
            what = f"as large as {largest:.3g}" if np.isfinite(largest) else "that are not finite"
            raise CheckpointError(
                f"{source} is damaged, or its training diverged: {name[:80]!r} has values {what}."
            )
    return torch.from_numpy(values if values.flags.writeable else values.copy())
