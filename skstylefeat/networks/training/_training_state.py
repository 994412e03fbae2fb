"""The file from which a killed training goes on."""

import os
import warnings
from contextlib import suppress

import torch


def save_state(path, state):
    """Write the state of a training; a crash meanwhile leaves the last one whole.

    Parameters
    ----------
    path : Path
        File to replace. Where it cannot be written, a warning says so and the training goes on.
    state : dict
        Tensors, numbers and texts.
    """
    partial = path.with_name(f"{path.name}.{os.getpid()}.partial")
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        torch.save(state, partial)
        os.replace(partial, path)
    except (OSError, RuntimeError) as error:  # torch.save raises the latter on a full disk
        with suppress(OSError):
            partial.unlink(missing_ok=True)
        warnings.warn(f"The training cannot be kept in {path} ({error}); it goes on.", stacklevel=3)


def load_state(path, training, device):
    """Read the state of a training, if there is one that can be read.

    Parameters
    ----------
    path : Path
        File of `save_state`.
    training : dict of str to str
        What the training is; must be in the state under the same name.
    device : torch.device
        Where the tensors shall be.

    Returns
    -------
    dict or None
        None where there is no file, or, with a warning, a damaged one.

    Raises
    ------
    ValueError
        If the state is that of another training.
    """
    try:
        state = torch.load(path, map_location=device, weights_only=True)
    except FileNotFoundError:
        return None
    except Exception as error:  # a damaged file makes torch raise almost anything
        warnings.warn(
            f"The checkpoint {path} cannot be read ({type(error).__name__}); the training "
            "begins anew.",
            stacklevel=3,
        )
        return None
    differing = [key for key, value in training.items() if state["training"].get(key) != value]
    if differing:
        raise ValueError(
            f"{path} belongs to another training: it differs in {differing}. Remove it, or "
            "name another checkpoint."
        )
    return state
