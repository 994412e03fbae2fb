"""Check of refusals, and damaged state dicts, for tests of hostile files."""

import resource
import sys
import time

import pytest
import torch

from skstylefeat.exceptions import CheckpointError
from skstylefeat.networks.checkpoints import _read as checkpoints

MAX_SECONDS = 10
MAX_MEGABYTES = 400
CANARY = "skstylefeat_test_canary"


def check_refused(path, canary, match=None):
    """Both readers must refuse with the file's name, soon, in little memory, running nothing."""
    modules = set(sys.modules)
    errors = []
    for read in (checkpoints.read_generator, checkpoints.read_encoder):
        memory = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
        start = time.process_time()
        with pytest.raises(CheckpointError, match=match) as caught:
            read(path)
        assert time.process_time() - start < MAX_SECONDS
        grown = (resource.getrusage(resource.RUSAGE_SELF).ru_maxrss - memory) / 1024
        assert grown < MAX_MEGABYTES
        assert str(path) in str(caught.value)
        assert len(str(caught.value)) < 2000
        errors.append(caught.value)
    assert not canary.exists()
    loaded = {name for name in set(sys.modules) - modules if not name.startswith("torch.")}
    assert CANARY not in loaded
    return errors


SPOILERS = {
    "empty": lambda x: x.reshape(x.shape or 1)[:0],
    "one number more": lambda x: torch.cat([x.reshape(-1), torch.zeros(1)]),
    "twice as long": lambda x: torch.cat([x, x]),
    "another dimension": lambda x: x[None, None],
    "not finite": lambda x: torch.full_like(x, float("nan")),
}


def spoil(state, how, key):
    """Return a state dict in which one tensor is missing, there twice, or one of `SPOILERS`."""
    state = dict(state)
    value = state.pop(key)
    if how == "extra":
        state |= {key: value, f"{key}.more": value}
    elif how != "missing":
        state[key] = SPOILERS[how](value).clone()
    return state
