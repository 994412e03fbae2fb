"""Checkpoint file of a training, from which an interrupted training continues."""

from __future__ import annotations

import json
import warnings
from pathlib import Path
from typing import Any

import safetensors.torch
import torch
from safetensors import SafetensorError, safe_open

from skstylefeat._utils._files import replace_file

METADATA = "training"


def save_state(path: Path, tensors: dict[str, torch.Tensor], values: dict[str, Any]) -> None:
    """Write the state of a training as safetensors; a crash leaves the last checkpoint whole.

    Parameters
    ----------
    path : Path
        File to replace. Where it cannot be written, a warning reports it and the training
        continues.
    tensors : dict of str to Tensor
        Weights and the optimizer's moments.
    values : dict
        What else the training needs, as JSON can hold it.
    """
    contiguous = {name: tensor.contiguous() for name, tensor in tensors.items()}
    content = safetensors.torch.save(contiguous, {METADATA: json.dumps(values)})
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        replace_file(path, lambda file: file.write(content))
    except OSError as error:
        warnings.warn(
            f"The checkpoint {path} cannot be written ({error}); the training continues.",
            stacklevel=3,
        )


def load_state(
    path: Path, identity: dict[str, str], device: torch.device
) -> tuple[dict[str, torch.Tensor], dict[str, Any]] | None:
    """Read the state of a training.

    Parameters
    ----------
    path : Path
        File written by `save_state`.
    identity : dict of str to str
        Texts that name the training. They must equal the value "identity" of the file.
    device : torch.device
        Device of the tensors.

    Returns
    -------
    tensors, values : dict or None
        None where there is no file, or, with a warning, where it is damaged.

    Raises
    ------
    ValueError
        If the state belongs to another training.
    """
    if not path.exists():
        return None
    try:
        with safe_open(path, framework="pt", device=str(device)) as file:
            values = json.loads(file.metadata()[METADATA])
            tensors = {name: file.get_tensor(name) for name in file.keys()}  # noqa: SIM118
        saved = dict(values["identity"])
    except (OSError, SafetensorError, KeyError, TypeError, ValueError) as error:
        warnings.warn(
            f"The checkpoint {path} cannot be read ({type(error).__name__}); the training "
            "starts from the beginning.",
            stacklevel=3,
        )
        return None

    differing = [key for key, value in identity.items() if saved.get(key) != value]
    if differing:
        raise ValueError(
            f"{path} belongs to another training, with another {' and '.join(differing)}. Remove "
            "the file, or choose another checkpoint."
        )
    return tensors, values
