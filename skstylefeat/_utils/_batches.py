"""Batches of rows, halved when the memory of the device is too small."""

import sys
import warnings

# Texts of torch's errors on CUDA ("CUDA out of memory", "CUDA error: out of memory"), on MPS and
# on the CPU; only CUDA has a class for this error.
MESSAGES = ("out of memory", "not enough memory", "can't allocate memory")


def map_rows(function, n_rows, batch_size=None, warn=warnings.warn):
    """Call a function for batches of rows; halve the batch when memory runs out, and continue.

    Parameters
    ----------
    function : callable
        Called with a slice of rows, in order.
    n_rows : int
        Number of all rows.
    batch_size : int, default=None
        Rows of a batch, all by default.
    warn : callable, default=warnings.warn
        Called with a text when a batch is halved.

    Returns
    -------
    results : list
        Return values of the function, in order.
    size : int
        Rows of a batch at the end.

    Raises
    ------
    RuntimeError
        If memory is too small for one row.
    """
    results, start, size = [], 0, batch_size or max(n_rows, 1)
    while start < n_rows:
        rows = slice(start, min(start + size, n_rows))
        try:
            results.append(function(rows))
            start = rows.stop
            continue
        except (RuntimeError, MemoryError) as error:
            n = rows.stop - rows.start
            if n == 1 or not is_out_of_memory(error):
                raise
            reason = str(error).partition("\n")[0][:200]

        # Outside the handler, whose traceback would keep the tensors of the failed attempt.
        size = (n + 1) // 2
        _release_memory()
        warn(f"A batch of {n} rows did not fit into memory ({reason}); continuing with {size}.")
    return results, size


def is_out_of_memory(error):
    """Return whether an error means that the memory of the device is too small."""
    return isinstance(error, MemoryError) or any(text in str(error).lower() for text in MESSAGES)


def _release_memory():
    """Return the memory that torch holds in reserve to the device."""
    torch = sys.modules.get("torch")
    if torch is not None and torch.cuda.is_available():
        torch.cuda.empty_cache()
