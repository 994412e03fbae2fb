"""Networks and optimizers as flat dictionaries of tensors, and back."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import torch
from torch import Tensor, nn

Part = nn.Module | torch.optim.Optimizer


def state_tensors(parts: Mapping[str, Part]) -> dict[str, Tensor]:
    """Return the tensors of networks and optimizers, named ``part.key``.

    Parameters
    ----------
    parts : dict of str to Module or Optimizer
        Names without a dot. The settings of an optimizer are left out.
    """
    tensors: dict[str, Tensor] = {}
    for part, owner in parts.items():
        if isinstance(owner, nn.Module):
            tensors |= {f"{part}.{key}": x for key, x in owner.state_dict().items()}
            continue
        for index, moments in owner.state_dict()["state"].items():
            tensors |= {f"{part}.{index}.{key}": x for key, x in moments.items()}
    return tensors


def load_state_tensors(parts: Mapping[str, Part], tensors: Mapping[str, Tensor]) -> None:
    """Put the tensors of `state_tensors` back into networks and optimizers."""
    for part, owner in parts.items():
        found = {
            name.removeprefix(f"{part}."): tensor
            for name, tensor in tensors.items()
            if name.startswith(f"{part}.")
        }
        if isinstance(owner, nn.Module):
            owner.load_state_dict(found)
            continue
        moments: dict[int, dict[str, Any]] = {}
        for name, tensor in found.items():
            index, _, key = name.partition(".")
            moments.setdefault(int(index), {})[key] = tensor
        # The groups hold settings, which the trainer has given already.
        groups = owner.state_dict()["param_groups"]
        owner.load_state_dict({"state": moments, "param_groups": groups})
