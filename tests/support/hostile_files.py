"""Readers of hostile files, and damaged state dicts."""

import codecs
import warnings

import torch

from skstylefeat import load_encoder, load_generator
from skstylefeat.exceptions import CheckpointError
from skstylefeat.networks import load_perceptual
from skstylefeat.networks.checkpoints import convert, inspect

# Imported late by zip files and old pickles, which looks like code of the file.
for encoding in ("cp437", "raw_unicode_escape"):
    codecs.lookup(encoding)

CANARY = "skstylefeat_test_canary"


def read_as_network(path):
    """Read a file in all ways in which networks are read, in a process with limits.

    Returns
    -------
    dict of str to (str or dict)
        "read", or the error's class and text, by reader. Errors of other classes leave this
        function, and so are seen.
    """
    readers = {
        "generator": load_generator,
        "encoder": load_encoder,
        "perceptual": load_perceptual,
        "inspect": _inspect,
        "convert": lambda path: convert(path, f"{path}.safetensors"),
    }
    answers = {}
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", UserWarning)  # of settings that the file lacks
        for name, read in readers.items():
            if name == "convert" and "read" in (answers["generator"], answers["encoder"]):
                answers[name] = "not tried"
                continue
            try:
                read(path)
                answers[name] = "read"
            except (CheckpointError, FileNotFoundError) as error:
                text = str(error)
                answers[name] = {
                    "error": type(error).__name__,
                    "message": text[:500],
                    "length": len(text),
                }
    return answers


def _inspect(path):
    info = inspect(path)
    if info.problems:
        raise CheckpointError(info.problems[0])
    if info.arrays is not None:
        raise CheckpointError(f"{info.file} holds {info.arrays.kind}, no network")


SPOILERS = {
    "empty": lambda x: x.reshape(x.shape or 1)[:0],
    "one number more": lambda x: torch.cat([x.reshape(-1), torch.zeros(1)]),
    "twice as long": lambda x: torch.atleast_1d(x).repeat_interleave(2, dim=0),
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
