"""Work in batches that become smaller when the device's memory is too small for them."""

import sys
import warnings

# How torch words it on CUDA ("CUDA out of memory", "CUDA error: out of memory"), on MPS and on
# the CPU; only CUDA's has a class of its own.
MESSAGES = ("out of memory", "not enough memory", "can't allocate memory")


def map_rows(function, n_rows, batch_size=None, say=warnings.warn):
    """Call a function for batches of rows; halve the batch where memory runs out, and go on.

    Parameters
    ----------
    function : callable
        Called with a slice of rows, in order.
    n_rows : int
        Rows in all.
    batch_size : int, default=None
        Rows of a batch, all by default.
    say : callable, default=warnings.warn
        Called with a text when a batch is halved.

    Returns
    -------
    results : list
        What the function returned, in order.
    size : int
        Rows of a batch at the end.

    Raises
    ------
    RuntimeError
        Memory is too small for one row.
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
        _release()
        say(f"A batch of {n} rows did not fit into memory ({reason}); going on with {size}.")
    return results, size


def is_out_of_memory(error):
    """Whether an error says that the memory of the device is too small."""
    return isinstance(error, MemoryError) or any(text in str(error).lower() for text in MESSAGES)


def _release():
    """Give memory that torch keeps for itself back to the device."""
    torch = sys.modules.get("torch")
    if torch is not None and torch.cuda.is_available():
        torch.cuda.empty_cache()
