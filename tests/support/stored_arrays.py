"""Arrays that upstream's code computed, and differences from them."""

import numpy as np


def stored(file, prefix):
    """Return the arrays of a file whose names start with a prefix, without it."""
    with np.load(file) as arrays:
        return {k.removeprefix(prefix): arrays[k] for k in arrays.files if k.startswith(prefix)}


def relative_difference(ours, theirs):
    """Return the largest difference, in units of the largest reference value."""
    ours, theirs = np.asarray(ours), np.asarray(theirs)
    assert ours.shape == theirs.shape
    return np.abs(ours - theirs).max() / np.abs(theirs).max()
